//! The documents agree with the grammar of the command line: the page of all commands is made from
//! it, and the commands in all pages are of it.

#![expect(
    clippy::disallowed_methods,
    reason = "the pages are files of the source tree"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Arg, Command, CommandFactory};

use crate::args::{Args, direct_form};

/// The page of all commands, by its path from the root of the tree.
const PAGE: &str = "docs/reference/commands.md";

/// The variable that makes the test write the page instead of comparing it.
const UPDATE: &str = "SEDGE_UPDATE";

/// The pages and scripts whose commands are checked: files, and folders with all files below them.
const CHECKED: [&str; 7] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "docs",
    "sdk/rust/README.md",
    "wit/README.md",
];

/// Words of a shell that may stand before a command.
const KEYWORDS: [&str; 8] = ["!", "do", "else", "exec", "if", "then", "until", "while"];

/// Users look up options on this page, so a change of the grammar is seen in review.
#[test]
fn commands_page_is_current() {
    let (path, page) = (root().join(PAGE), page());
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, page).expect("the tree can be written");
        return;
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == page,
        "{PAGE}: it differs from the grammar; write it: `{UPDATE}=1 cargo test --release --workspace --bins`"
    );
}

/// A reader copies commands from a page, and a command that was renamed fails only then.
#[test]
fn commands_in_documents_are_of_the_grammar() {
    let (mut faults, mut n_commands) = (Vec::new(), 0);
    for path in documents() {
        let text = std::fs::read_to_string(&path).expect("documents are text");
        let is_page = path.extension().is_some_and(|it| it == "md");
        let (lines, spans) = match is_page {
            true => (shell_lines(&text), spans(&text)),
            false => (text.lines().map(str::to_owned).collect(), Vec::new()),
        };
        n_commands += lines.iter().flat_map(|line| sedge_commands(line)).count();
        let of_lines = lines.iter().filter_map(|line| line_fault(line));
        let of_spans = spans.iter().filter_map(|span| span_fault(span));
        let shown = path.display();
        faults.extend(of_lines.chain(of_spans).map(|it| format!("{shown}: {it}")));
    }
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
    assert!(n_commands >= 100, "only {n_commands} commands were found");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the paths of the pages and scripts that are checked.
fn documents() -> Vec<PathBuf> {
    let mut documents = Vec::new();
    let mut todo: Vec<PathBuf> = CHECKED.iter().map(|path| root().join(path)).collect();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("it is a folder");
            todo.extend(entries.map(|entry| entry.expect("it is a folder").path()));
        } else if path.extension().is_some_and(|it| it == "md" || it == "sh") {
            documents.push(path);
        }
    }
    documents.sort();
    documents
}

/// Returns the page of all commands.
fn page() -> String {
    let mut root = Args::command();
    root.build();
    let mut text = String::from(
        "<!-- Generated from the grammar in host/cli/src/args.rs. Do not edit. -->\n\
         # Commands\n\n\
         `sedge COMMAND --help` prints the same. [Command line](command-line.md) explains arguments of\n\
         methods, output and failures.\n\n\
         ## Options of every command\n",
    );
    let globals = root.get_arguments().filter(|arg| arg.is_global_set());
    table(&mut text, globals);
    section(&mut text, &root, "sedge");
    text
}

/// Adds the commands of a group, and those of the groups in it.
fn section(text: &mut String, group: &Command, path: &str) {
    let shown = group.get_subcommands();
    for command in shown.filter(|it| !it.is_hide_set() && it.get_name() != "help") {
        let path = format!("{path} {}", command.get_name());
        line(text, &format!("\n## `{path}`\n"));
        let about = command.get_long_about().or(command.get_about());
        line(text, &about.map(ToString::to_string).unwrap_or_default());
        let aliases: Vec<String> = command
            .get_all_aliases()
            .map(|it| format!("`{it}`"))
            .collect();
        if !aliases.is_empty() {
            line(text, &format!("\nAlso: {}.", aliases.join(", ")));
        }
        if command.has_subcommands() {
            section(text, command, &path);
            continue;
        }
        let usage = command.clone().render_usage().to_string();
        let usage = usage.replace("Usage: ", "");
        let usage: Vec<&str> = usage.lines().map(str::trim).collect();
        line(text, &format!("\n```text\n{}\n```", usage.join("\n")));
        let own = command.get_arguments().filter(|arg| is_own(arg));
        table(text, own);
        let after = command.get_after_long_help().or(command.get_after_help());
        if let Some(after) = after {
            line(
                text,
                &format!("\n```text\n{}\n```", after.to_string().trim()),
            );
        }
    }
}

/// Returns whether an argument belongs to its command alone, and is shown.
fn is_own(arg: &Arg) -> bool {
    let is_of_clap = ["help", "version"].contains(&arg.get_id().as_str())
        && !arg.is_positional()
        && !arg.get_action().takes_values();
    !arg.is_global_set() && !arg.is_hide_set() && !is_of_clap
}

/// Adds a table of arguments, unless there is none.
fn table<'a>(text: &mut String, args: impl Iterator<Item = &'a Arg>) {
    let mut head = "\n| argument | meaning |\n|---|---|\n";
    for arg in args {
        text.push_str(std::mem::take(&mut head));
        let help = arg.get_long_help().or(arg.get_help());
        let mut help = help.map(ToString::to_string).unwrap_or_default();
        let values = arg.get_possible_values();
        let has_values = arg.get_action().takes_values() && !arg.is_hide_possible_values_set();
        if has_values && !values.is_empty() {
            let values: Vec<String> = values
                .iter()
                .map(|value| format!("`{}`", value.get_name()))
                .collect();
            help += &format!(" [possible values: {}]", values.join(", "));
        }
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let help = help.replace('|', "\\|").replace('<', "&lt;");
        line(text, &format!("| `{}` | {help} |", typed(arg)));
    }
}

/// Returns an argument as the user types it: `MODEL`, `-o, --output FILE`.
fn typed(arg: &Arg) -> String {
    let names = arg.get_value_names().and_then(<[_]>::first);
    let value = names.map_or_else(|| arg.get_id().as_str().to_uppercase(), ToString::to_string);
    if arg.is_positional() {
        return match arg.is_required_set() {
            true => value,
            false => format!("[{value}]"),
        };
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    match arg.get_action().takes_values() {
        true => format!("{} {value}", names.join(", ")),
        false => names.join(", "),
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string can be written to");
}

/// Returns the command lines in the blocks of a page: those after `$ ` in a block of `console`, and
/// all lines of a block of `sh`.
fn shell_lines(page: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let joined = page.replace("\\\n", " ");
    let mut language = None;
    for line in joined.lines() {
        let line = line.trim_start();
        match (line.strip_prefix("```"), language) {
            (Some(opened), None) => language = Some(opened),
            (Some(_), Some(_)) => language = None,
            (None, Some("console")) => {
                lines.extend(line.strip_prefix("$ ").map(str::to_owned));
            }
            (None, Some("sh")) => lines.push(line.to_owned()),
            (None, Some(_) | None) => {}
        }
    }
    lines
}

/// Returns the code spans of a page, each on one line.
fn spans(page: &str) -> Vec<String> {
    let prose: Vec<&str> = page.split("```").step_by(2).collect();
    let spans = prose
        .iter()
        .flat_map(|prose| prose.split('`').skip(1).step_by(2));
    spans
        .map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// Returns what is wrong with the commands of a shell line. They have to be complete.
fn line_fault(line: &str) -> Option<String> {
    let commands = sedge_commands(line);
    let fault = |words: Vec<String>| {
        let words = grammar_words(words);
        let error = Args::command().try_get_matches_from(words).err()?;
        let is_output = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion].contains(&error.kind());
        let message = error.to_string();
        let first = message.lines().next().unwrap_or_default().to_owned();
        (!is_output).then(|| format!("`{line}`: {first}"))
    };
    commands.into_iter().find_map(fault)
}

/// Returns what is wrong with the commands of a code span. They may be incomplete, and have
/// placeholders in upper case.
fn span_fault(span: &str) -> Option<String> {
    let mut root = Args::command();
    root.build();
    for words in sedge_commands(span).into_iter().map(grammar_words) {
        let mut command = &root;
        let mut has_ended = false;
        for word in &words[1..] {
            if let Some(option) = word.strip_prefix("--") {
                let (name, _) = option.split_once('=').unwrap_or((option, ""));
                let mut known = command.get_arguments().filter_map(Arg::get_long);
                if !has_ended && !known.any(|long| long == name) {
                    return Some(format!("`{span}`: there is no option `--{name}`"));
                }
            } else if command.has_subcommands() && !has_ended && !word.starts_with('-') {
                match command.find_subcommand(word) {
                    Some(inner) => command = inner,
                    // A placeholder, such as `COMMAND`, stands for any command.
                    None if word.chars().any(|it| !it.is_ascii_lowercase() && it != '-') => {
                        has_ended = true;
                    }
                    None => return Some(format!("`{span}`: there is no command `{word}`")),
                }
            }
        }
    }
    None
}

/// Returns the words of a command, of which the first one is the program, as the grammar has them.
fn grammar_words(mut words: Vec<String>) -> Vec<String> {
    let line = words.split_off(1);
    words.extend(direct_form(line));
    words
}

/// Returns the commands in a line of a shell that run `sedge`, each as its words.
fn sedge_commands(line: &str) -> Vec<Vec<String>> {
    let mut shell = Shell::default();
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            '\'' if !shell.is_quoted => {
                let quoted: String = chars.by_ref().take_while(|it| *it != '\'').collect();
                shell.push(&quoted);
            }
            '"' => {
                shell.push("");
                shell.is_quoted = !shell.is_quoted;
            }
            '\\' => shell.push(chars.next().map(String::from).as_deref().unwrap_or("")),
            '$' if chars.as_str().starts_with('(') => {
                let inner = within_parentheses(chars.as_str());
                let rest = &chars.as_str()[inner.len()..];
                chars = rest.strip_prefix(')').unwrap_or(rest).chars();
                shell.found.extend(sedge_commands(&inner[1..]));
                shell.push("x");
            }
            _ if shell.is_quoted => shell.push(char.encode_utf8(&mut [0; 4])),
            '#' if shell.word.is_none() => break,
            '|' | '&' | ';' | '(' | ')' => shell.command_end(),
            '<' | '>' => shell.redirect(),
            _ if char.is_whitespace() => shell.word_end(),
            _ => shell.push(char.encode_utf8(&mut [0; 4])),
        }
    }
    shell.command_end();
    shell.found
}

/// Returns the beginning of a text up to the parenthesis that closes the first one.
fn within_parentheses(text: &str) -> &str {
    let mut depth = 0;
    for (at, char) in text.char_indices() {
        depth += match char {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

/// A line of a shell that is being split into words.
#[derive(Default)]
struct Shell {
    /// The commands that run `sedge`.
    found: Vec<Vec<String>>,
    words: Vec<String>,
    word: Option<String>,
    is_quoted: bool,
    /// Whether the next word is the file of a redirection.
    is_file: bool,
}

impl Shell {
    fn push(&mut self, text: &str) {
        self.word.get_or_insert_default().push_str(text);
    }

    fn word_end(&mut self) {
        let Some(word) = self.word.take() else {
            return;
        };
        if !std::mem::take(&mut self.is_file) {
            self.words.push(word);
        }
    }

    fn redirect(&mut self) {
        // The number of a file descriptor is not a word.
        let is_number = |word: &String| word.chars().all(|it| it.is_ascii_digit());
        if self.word.as_ref().is_some_and(is_number) {
            self.word = None;
        }
        self.word_end();
        self.is_file = true;
    }

    fn command_end(&mut self) {
        self.word_end();
        self.is_file = false;
        let is_before = |word: &&String| {
            let name = word.split_once('=').map(|(name, _)| name);
            let is_variable = |name: &str| {
                let mut chars = name.chars();
                chars.all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_')
            };
            KEYWORDS.contains(&word.as_str()) || name.is_some_and(is_variable)
        };
        let n_before = self.words.iter().take_while(is_before).count();
        let words = self.words.drain(..).skip(n_before).collect::<Vec<_>>();
        if words.first().is_some_and(|word| word == "sedge") {
            self.found.push(words);
        }
    }
}

#[test]
fn commands_of_a_line_are_found() {
    let check = |line: &str, expect: &[&[&str]]| {
        assert_eq!(sedge_commands(line), expect, "{line}");
    };
    check("sedge data get a b", &[&["sedge", "data", "get", "a", "b"]]);
    check("sedge status # of all", &[&["sedge", "status"]]);
    check(
        "sedge a \"it's\" $(b) c",
        &[&["sedge", "a", "it's", "x", "c"]],
    );
    check(
        "A=1 sedge init && cat x | sedge status 2>/dev/null; ls",
        &[&["sedge", "init"], &["sedge", "status"]],
    );
    check(
        "test \"$(sedge data query 'a == \"b c\"' --raw)\" = x",
        &[&["sedge", "data", "query", "a == \"b c\"", "--raw"]],
    );
    check("cat > sedge; echo sedge; sedge-reaper", &[]);
}

#[test]
fn the_rules_on_commands_can_fail() {
    let faults = |page: &str| {
        let lines = shell_lines(page);
        let spans = spans(page);
        let of_lines = lines.iter().filter_map(|line| line_fault(line));
        let of_spans = spans.iter().filter_map(|span| span_fault(span));
        of_lines.chain(of_spans).count()
    };
    let check = |page: &str, expect: usize| assert_eq!(faults(page), expect, "{page}");
    check("```console\n$ sedge data get a b\nsedge nothing\n```\n", 0);
    check("```console\n$ sedge data gett a b\n```\n", 1);
    check("```console\n$ sedge data get a\n```\n", 1);
    check("```console\n$ true && sedge data get a b --rew\n```\n", 1);
    check("```sh\nsedge nothing\n```\n", 1);
    check("```text\nsedge nothing\n```\n", 0);
    check("Type `sedge data\nget` or `sedge COMMAND --help`.", 0);
    check("Type `sedge data nothing`.", 1);
    check("Type `sedge data get MODEL --nothing`.", 1);
}
