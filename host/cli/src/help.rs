//! Suggestions of what to do next, as text.
//!
//! The crates below return help as data. This module turns a use case into a command line that the
//! user can copy. It reads positions and option names from the grammar itself ([`Args`]), so that
//! the two always agree.

use std::collections::BTreeMap;

use clap::{Arg, Command, CommandFactory};
use sedge_api::problem::{Argument, Help, UseCase};
use sedge_sys::shell;

use crate::args::Args;
use crate::context::SAFE_DIRECTORIES_VARIABLE;

/// The argument that the CLI expects as an environment variable, because it applies to every
/// command.
const SAFE_DIRECTORIES: &str = "safeDirectories";

/// The argument of `sedge model create` that makes it save a model instead of creating one.
const FROM_DIRECT: &str = "fromDirect";

/// Returns a suggestion as a sentence without a period.
pub(crate) fn text(help: &Help) -> String {
    match help {
        Help::Command {
            purpose,
            use_case,
            arguments,
        } => format!("{purpose}: `{}`", command_line(*use_case, arguments)),
        Help::Again { purpose, arguments } => again(purpose, arguments),
        Help::Edit {
            purpose,
            file,
            yaml,
        } => edit(purpose, file, yaml),
        Help::Advice { text } => text.clone(),
    }
}

/// Returns the shell command of a use case.
pub(crate) fn command_line(use_case: UseCase, arguments: &BTreeMap<String, Argument>) -> String {
    if use_case == UseCase::Version {
        return "sedge --version".to_owned();
    }
    let mut root = Args::command();
    root.build();
    let mut command = &root;
    let mut words = vec!["sedge".to_owned()];
    // A command of several words is one word of the command line: `plugin import-swamp`.
    let mut rest = use_case.as_str().replace('_', "-");
    while let Some((inner, after)) = first_command(command, &rest) {
        words.push(inner.get_name().to_owned());
        (command, rest) = (inner, after);
    }
    words.extend(typed(command, arguments));
    words.join(" ")
}

/// Returns the subcommand that begins the text, and the text after it.
fn first_command<'c>(command: &'c Command, text: &str) -> Option<(&'c Command, String)> {
    let mut subcommands = command.get_subcommands();
    subcommands.find_map(|inner| {
        let after = text.strip_prefix(inner.get_name())?;
        match after.strip_prefix('-') {
            Some(after) => Some((inner, after.to_owned())),
            None => after.is_empty().then(|| (inner, String::new())),
        }
    })
}

/// Returns arguments as the user types them, positional ones first.
fn typed(command: &Command, arguments: &BTreeMap<String, Argument>) -> Vec<String> {
    let mut words = Vec::new();
    for arg in command.get_positionals() {
        match arguments.get(&key(arg)) {
            Some(value) => words.extend(values(value, &placeholder(arg))),
            // A model that is saved has a type already.
            None if arguments.contains_key(FROM_DIRECT) => {}
            None if arg.is_required_set() => words.push(placeholder(arg)),
            None => {}
        }
    }
    for (name, value) in arguments {
        let arg = command.get_arguments().find(|arg| key(arg) == *name);
        if !arg.is_some_and(Arg::is_positional) {
            words.extend(option(arg, name, value));
        }
    }
    words
}

/// Returns an option as the user types it, once for each of its values.
fn option(arg: Option<&Arg>, name: &str, value: &Argument) -> Vec<String> {
    let long = arg.and_then(Arg::get_long);
    let long = long.map_or_else(|| format!("--{}", kebab(name)), |long| format!("--{long}"));
    let open = arg.map_or_else(|| kebab(name).to_uppercase(), placeholder);
    let values = values(value, &open);
    if values.is_empty() {
        return vec![long];
    }
    let each = |value: String| [long.clone(), value];
    values.into_iter().flat_map(each).collect()
}

/// Returns the words of a value; a switch has none.
fn values(value: &Argument, open: &str) -> Vec<String> {
    match value {
        Argument::On(_) => Vec::new(),
        // A placeholder that the user still has to replace is not quoted.
        Argument::Text(text) if is_choice(text) => vec![text.clone()],
        Argument::Text(text) => vec![shell::word(text)],
        Argument::Texts(texts) => texts.iter().map(|text| shell::word(text)).collect(),
        Argument::Open(_) => vec![open.to_owned()],
    }
}

/// Returns whether a value is a placeholder such as `KIND=WHAT`.
fn is_choice(text: &str) -> bool {
    text.contains('=') && text.chars().all(|c| c.is_ascii_uppercase() || c == '=')
}

fn again(purpose: &str, arguments: &BTreeMap<String, Argument>) -> String {
    if arguments.is_empty() {
        return purpose.to_owned();
    }
    if let Some(Argument::Text(listed)) = arguments.get(SAFE_DIRECTORIES) {
        let listed = shell::word(listed);
        return format!("{purpose}: `{SAFE_DIRECTORIES_VARIABLE}={listed} sedge …`");
    }
    let mut root = Args::command();
    root.build();
    let words = arguments.iter().flat_map(|(name, value)| {
        let arg = root.get_arguments().find(|arg| key(arg) == *name);
        option(arg, name, value)
    });
    format!("{purpose}: `{}`", words.collect::<Vec<_>>().join(" "))
}

fn edit(purpose: &str, file: &str, yaml: &str) -> String {
    let yaml = yaml.trim_end();
    if yaml.contains('\n') {
        return format!("{purpose}, in {file}:\n{yaml}");
    }
    format!("{purpose}, in {file}: `{yaml}`")
}

/// Returns the name of an argument as [`Help`] spells it.
fn key(arg: &Arg) -> String {
    let mut words = arg.get_id().as_str().split('_');
    let first = words.next().map(str::to_owned).unwrap_or_default();
    words.fold(first, |key, word| {
        let mut letters = word.chars();
        let upper: String = letters
            .next()
            .map(|c| c.to_ascii_uppercase())
            .into_iter()
            .collect();
        key + &upper + letters.as_str()
    })
}

/// Returns the placeholder for a value that the user has to choose, as the usage has it.
pub(crate) fn placeholder(arg: &Arg) -> String {
    let named = arg.get_value_names().and_then(<[_]>::first);
    let name = named.map_or_else(|| arg.get_id().as_str().to_uppercase(), ToString::to_string);
    name.replace('_', "-")
}

/// Returns `camelCase` as `kebab-case`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(help: Help, expect: &str) {
        assert_eq!(text(&help), expect);
    }

    #[test]
    fn use_case_becomes_a_command_line() {
        check(
            Help::command("see the runs", UseCase::RunList),
            "see the runs: `sedge run list`",
        );
        check(
            Help::command("resume it", UseCase::WorkflowResume)
                .with("run", "k3v9")
                .with("name", "deploy"),
            "resume it: `sedge workflow resume deploy --run k3v9`",
        );
        check(
            Help::command("approve it", UseCase::WorkflowApprove)
                .with("gate", "main/ok")
                .with("run", "k3v9")
                .with("workflow", "deploy"),
            "approve it: `sedge workflow approve deploy main/ok --run k3v9`",
        );
        check(
            Help::command("delete it", UseCase::DataDelete)
                .with("model", "sink")
                .with("name", "a b"),
            "delete it: `sedge data delete sink 'a b'`",
        );
        check(
            Help::command("restore it", UseCase::DatastoreRestore)
                .with("file", Argument::open())
                .with("replace", Argument::on()),
            "restore it: `sedge datastore restore FILE --replace`",
        );
        check(
            Help::command("some of them", UseCase::DataPrune).with(
                "model",
                Argument::Texts(vec!["a".to_owned(), "b".to_owned()]),
            ),
            "some of them: `sedge data prune --model a --model b`",
        );
        check(
            Help::command("add it", UseCase::PluginAdd).with("file", Argument::open()),
            "add it: `sedge plugin add FILE.wasm`",
        );
        check(
            Help::command("see the schema", UseCase::PluginDescribe).with("type", "@a/b"),
            "see the schema: `sedge plugin describe @a/b`",
        );
    }

    #[test]
    fn every_use_case_has_a_command() {
        for use_case in UseCase::ALL {
            let line = command_line(*use_case, &BTreeMap::new());
            let words = match *use_case == UseCase::Version {
                true => "--version".to_owned(),
                false => use_case.as_str().replace('_', " "),
            };
            let spaced = line.replace("import-swamp", "import swamp");
            assert!(spaced.starts_with(&format!("sedge {words}")), "{line}");
        }
    }

    #[test]
    fn help_without_a_command_is_a_sentence() {
        check(Help::again("try again"), "try again");
        check(
            Help::again("grant everything that it requests").with("grantAll", Argument::on()),
            "grant everything that it requests: `--grant-all`",
        );
        check(
            Help::again("or only a part of it").with("grant", "KIND=WHAT"),
            "or only a part of it: `--grant KIND=WHAT`",
        );
        check(
            Help::again("name a folder").with("repo", Argument::open()),
            "name a folder: `--repo DIR`",
        );
        check(
            Help::again("for one command").with(SAFE_DIRECTORIES, "/a b"),
            "for one command: `SEDGE_SAFE_DIRECTORIES='/a b' sedge …`",
        );
        check(
            Help::edit("raise the limit", "models/a.yaml", "limits: {a: 1}"),
            "raise the limit, in models/a.yaml: `limits: {a: 1}`",
        );
        check(
            Help::edit("write it", "models/a.yaml", "grants:\n  env: [A]\n"),
            "write it, in models/a.yaml:\ngrants:\n  env: [A]",
        );
        check(Help::advice("make room"), "make room");
    }
}
