//! Command lines that run no command: requests for the help or the version, and mistakes.
//!
//! clap parses the command line and words most mistakes. This module words those about commands,
//! because the grammar knows which ones there are, and users of swamp know others.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind as UsageKind};
use clap::{Arg, Command, CommandFactory};
use sedge_api::document::{Success, Yes};
use sedge_api::problem::{ErrorCode, Explain};
use sedge_api::view::program::{
    ArgumentHelp, CommandHelp, CommandListed, OptionHelp, ProgramVersion,
};
use sedge_app::types::{CONTRACT_VERSION, arguments, has_argument};
use sedge_sys::shell;
use serde::Serialize;

use crate::args::{Args, direct_form};
use crate::error::CliError;
use crate::help::placeholder;
use crate::output::{document, failure_document, stdout};
use crate::screen::Screen;

/// Commands of swamp, and those of Sedge that do the same.
const OF_SWAMP: &[(&str, &str)] = &[
    ("datastore setup", "init"),
    ("datastore sync", "datastore backup"),
    ("extension list", "plugin list"),
    ("extension pull", "plugin add"),
    ("extension", "plugin"),
    ("model edit", "model get"),
    ("model evaluate", "model get"),
    ("model output", "data get"),
    ("model search", "model list"),
    ("model type", "plugin describe"),
    ("repo", "init"),
    ("vault delete", "secret delete"),
    ("vault get", "secret list"),
    ("vault list-keys", "secret list"),
    ("vault put", "secret put"),
    ("vault", "secret"),
    ("workflow edit", "workflow get"),
    ("workflow evaluate", "workflow validate"),
    ("workflow schema", "workflow validate"),
    ("workflow search", "workflow list"),
];

/// The commands that are never suggested for a word that is no command: they end or delete something,
/// and a user may run a suggestion without reading it.
const DESTRUCTIVE: [&str; 9] = [
    "cancel", "compact", "delete", "gc", "prune", "release", "remove", "revoke", "rotate",
];

/// Shows clap's result for a command line, and returns the exit code that goes with it.
pub(crate) fn usage(mut error: clap::Error, screen: &Screen) -> ExitCode {
    values_hide(&mut error);
    let error = &error;
    let wants_json = has_argument("--json");
    if !error.use_stderr() {
        let printed = match wants_json {
            true => requested(error.kind()).and_then(|text| stdout(&text)),
            false => error.print(),
        };
        return exit_of(printed, screen);
    }
    if wants_json && is_option_of_help(error) {
        let printed = requested(UsageKind::DisplayHelp).and_then(|text| stdout(&text));
        return exit_of(printed, screen);
    }
    let unknown = unknown_command(error);
    if wants_json {
        let fault = unknown.unwrap_or_else(|| usage_of(error));
        // If stdout cannot be written either, the exit code still reports the error.
        let _ = failure_document(&fault.problem()).and_then(|text| stdout(&text));
    } else if let Some(unknown) = unknown {
        unknown.print(screen);
    } else {
        // If stderr cannot be written, the exit code still reports the error.
        let _ = error.print();
    }
    ExitCode::from(ErrorCode::Usage.class().exit_code())
}

/// Replaces the values of inputs in an error by `…`: they may be secret, and systems for continuous
/// integration keep what a program prints. Says how to give an input, if the option is missing.
fn values_hide(error: &mut clap::Error) {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return;
    };
    if error.kind() == UsageKind::ValueValidation && argument.starts_with("--input <") {
        let hidden = ContextValue::String("…".to_owned());
        error.insert(ContextKind::InvalidValue, hidden);
    } else if error.kind() == UsageKind::UnknownArgument
        && let Some((key, _)) = argument.split_once('=')
        && !key.starts_with('-')
    {
        let hidden = format!("{key}=…");
        let command = Named::find(&words()).command;
        if command
            .get_arguments()
            .any(|arg| arg.get_long() == Some("input"))
        {
            let tip = format!("an input is given as `--input {hidden}`");
            let tip = ContextValue::StyledStrs(vec![tip.into()]);
            error.insert(ContextKind::Suggested, tip);
        }
        error.insert(ContextKind::InvalidArg, ContextValue::String(hidden));
    }
}

/// Returns the exit code of printing what the user requested. Failing to print it is an error.
fn exit_of(printed: io::Result<()>, screen: &Screen) -> ExitCode {
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) if fault.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(fault) => {
            let fault = CliError::from(fault);
            fault.print(screen);
            ExitCode::from(fault.class().exit_code())
        }
    }
}

/// Returns whether clap took an option of `sedge help COMMAND` for the name of a command.
fn is_option_of_help(error: &clap::Error) -> bool {
    let unknown = error.get(ContextKind::InvalidSubcommand);
    let is_option = matches!(unknown, Some(ContextValue::String(name)) if name.starts_with('-'));
    is_option && error.kind() == UsageKind::InvalidSubcommand
}

/// Returns the document of the help or the version, whichever the user requested.
fn requested(kind: UsageKind) -> io::Result<String> {
    fn success(data: impl Serialize) -> io::Result<String> {
        Ok(document(&Success { ok: Yes, data })?)
    }
    if kind == UsageKind::DisplayVersion {
        return success(ProgramVersion {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            contract: CONTRACT_VERSION.to_owned(),
        });
    }
    success(help_of(&Named::find(&words())))
}

/// The command that words name, as far as the grammar has it.
struct Named {
    command: Command,
    /// The words of its name.
    path: Vec<String>,
}

impl Named {
    fn find(words: &[String]) -> Self {
        let mut root = Args::command();
        root.build();
        let mut named = Self {
            command: root,
            path: vec!["sedge".to_owned()],
        };
        for word in words {
            let Some(inner) = named.command.find_subcommand(word) else {
                break;
            };
            named.path.push(inner.get_name().to_owned());
            named.command = inner.clone();
        }
        named
    }

    fn text(&self) -> String {
        self.path.join(" ")
    }

    /// Returns a hint that lists the commands of a group, or names the help of a command.
    fn listed_hint(&self) -> String {
        let listed: Vec<String> = self.listed().into_iter().map(|it| it.name).collect();
        match listed.is_empty() {
            true => format!("see `{} --help`", self.text()),
            false => format!(
                "the commands of `{}` are {}",
                self.text(),
                listed.join(", ")
            ),
        }
    }

    /// Returns the commands of a group that the help shows, with what they do.
    fn listed(&self) -> Vec<CommandListed> {
        let shown = self.command.get_subcommands();
        let shown = shown.filter(|inner| !inner.is_hide_set() && inner.get_name() != "help");
        let listed = shown.map(|inner| CommandListed {
            name: inner.get_name().to_owned(),
            about: about(inner),
        });
        listed.collect()
    }
}

/// Returns the words of the command line up to its options: those that name a command come first.
fn words() -> Vec<String> {
    let root = Args::command();
    let takes_value = |argument: &str| {
        root.get_arguments().any(|arg| {
            let is_long = arg
                .get_long()
                .is_some_and(|long| argument == format!("--{long}"));
            is_long && arg.get_action().takes_values()
        })
    };
    let mut words = Vec::new();
    let mut arguments = direct_form(arguments()).into_iter();
    while let Some(argument) = arguments.next() {
        if takes_value(&argument) {
            arguments.next();
        } else if !argument.starts_with('-') {
            words.push(argument);
        }
    }
    // `sedge help data get` is about `data get`.
    if words.first().is_some_and(|word| word == "help") {
        words.remove(0);
    }
    words
}

fn about(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string);
    about.unwrap_or_default()
}

fn help_of(named: &Named) -> CommandHelp {
    let command = &named.command;
    let options = command.get_arguments().filter(|arg| !arg.is_positional());
    CommandHelp {
        command: named.text(),
        about: about(command),
        usage: command
            .clone()
            .render_usage()
            .to_string()
            .replace("Usage: ", ""),
        commands: named.listed(),
        arguments: command.get_positionals().map(argument_help).collect(),
        options: options.filter_map(option_help).collect(),
    }
}

fn argument_help(arg: &Arg) -> ArgumentHelp {
    ArgumentHelp {
        name: placeholder(arg),
        about: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        is_required: arg.is_required_set(),
    }
}

fn option_help(arg: &Arg) -> Option<OptionHelp> {
    let has_value = arg.get_action().takes_values();
    let values = arg.get_possible_values();
    Some(OptionHelp {
        name: format!("--{}", arg.get_long()?),
        short: arg.get_short().map(|short| format!("-{short}")),
        value: has_value.then(|| placeholder(arg)),
        about: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        values: (values.iter().filter(|_| has_value))
            .map(|value| value.get_name().to_owned())
            .collect(),
    })
}

/// Returns the error for a command that does not exist, with the commands that do. Returns `None`
/// for other mistakes.
fn unknown_command(error: &clap::Error) -> Option<CliError> {
    let is_unknown = error.kind() == UsageKind::InvalidSubcommand;
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    if !is_unknown {
        return None;
    }
    let words = words();
    let named = Named::find(&words);
    let mut hints = Vec::new();
    if unknown.starts_with('@') && named.text() == "sedge model" {
        let shown = shell::word(unknown);
        hints.push(format!(
            "`sedge model {shown} method run METHOD NAME` runs a method of this type"
        ));
    }
    if let Some((typed, ours)) = of_swamp(&words) {
        hints.push(format!("swamp's `{typed}` is `sedge {ours}` here"));
    } else if let Some(ContextValue::Strings(near)) = error.get(ContextKind::SuggestedSubcommand) {
        let near = near
            .iter()
            .filter_map(|near| named.command.find_subcommand(near))
            .filter(|near| !DESTRUCTIVE.contains(&near.get_name()));
        let near = near.map(|near| format!("{} {}", named.text(), near.get_name()));
        let near: BTreeSet<String> = near.collect();
        hints.extend(near.iter().map(|near| format!("did you mean `{near}`?")));
    }
    if hints.is_empty() {
        hints.extend(meant(&named.text(), unknown));
    }
    hints.push(named.listed_hint());
    Some(CliError::Usage {
        message: format!("there is no command `{} {unknown}`", named.text()),
        hints,
    })
}

/// Returns the hint for a word that is no command of `group`, but which users expect to be one.
fn meant(group: &str, unknown: &str) -> Option<String> {
    let shown = shell::word(unknown);
    match (group, unknown) {
        ("sedge", "version") => Some("`sedge --version` shows the version".to_owned()),
        ("sedge model", "run") => {
            Some("`sedge model method run NAME METHOD` runs a method of a model".to_owned())
        }
        ("sedge run", _) => Some(format!(
            "`sedge workflow run {shown}` runs a workflow of this name, and \
             `sedge model method run {shown} METHOD` a method of a model"
        )),
        _ => None,
    }
}

/// Returns the command of swamp that the words begin with, and the command of Sedge that does the
/// same.
fn of_swamp(words: &[String]) -> Option<(&'static str, &'static str)> {
    let begins = |typed: &str| {
        let mut words = words.iter();
        typed
            .split(' ')
            .all(|word| words.next().is_some_and(|it| it == word))
    };
    let found = OF_SWAMP.iter().filter(|(typed, _)| begins(typed));
    found.max_by_key(|(typed, _)| typed.len()).copied()
}

/// Parses the paragraphs of clap's error: the message, perhaps tips, and the usage.
fn usage_of(error: &clap::Error) -> CliError {
    let needs_command = [
        UsageKind::MissingSubcommand,
        UsageKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ];
    let named = Named::find(&words());
    if needs_command.contains(&error.kind()) && !named.listed().is_empty() {
        return CliError::Usage {
            message: format!("`{}` needs a command", named.text()),
            hints: vec![named.listed_hint()],
        };
    }
    let text = error.render().to_string();
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let message = paragraphs[0].trim_start_matches("error: ");
    let starting = |with: &str| paragraphs.iter().find(|it| it.starts_with(with));
    let hint = match (starting("tip: "), starting("Usage: ")) {
        (Some(tip), _) => tip.trim_start_matches("tip: "),
        (None, Some(usage)) => usage,
        (None, None) => "see `sedge --help`",
    };
    CliError::Usage {
        message: message.to_owned(),
        hints: vec![hint.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each command of Sedge in the table exists.
    #[test]
    fn commands_for_users_of_swamp_exist() {
        for (typed, ours) in OF_SWAMP {
            let words: Vec<String> = ours.split(' ').map(str::to_owned).collect();
            assert_eq!(
                Named::find(&words).text(),
                format!("sedge {ours}"),
                "{typed}"
            );
        }
    }
}
