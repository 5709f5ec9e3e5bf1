//! Every command and every guest has a test.

use std::collections::BTreeSet;

use crate::tokens::{find, tokens};
use crate::tree::{TreeFile, files, hold};

/// The folder of the commands: `model/method_run.rs` is `sedge model method run`.
const COMMANDS: &str = "host/cli/src/commands/";

/// The folder of the use cases: each is a function with the name of its command.
const USE_CASES: &str = "host/app/src/";

/// The folder of the guests.
const GUESTS: &str = "tests/guests/examples/";

/// The files directly in the folder of commands that are commands without a noun. Every other file
/// there declares the commands of one noun, or is shared by several.
const WITHOUT_NOUN: &[&str] = &[
    "compile_component",
    "doctor",
    "eval",
    "init",
    "schema",
    "status",
    "validate",
];

/// With one stem for command, use case and test, a search for one of them finds all three. And the
/// output of every command has been reviewed.
#[test]
fn every_command_has_a_use_case_and_a_transcript() {
    hold(
        "a command has a use case and a transcript of its name",
        &command_faults(files()),
    );
}

/// A guest without a test would be an unchecked claim about the sandbox.
#[test]
fn every_guest_has_a_test() {
    hold("a guest is run by a test", &guest_faults(files()));
}

fn command_faults(files: &[TreeFile]) -> Vec<String> {
    let commands: Vec<(&str, String)> = files.iter().filter_map(command).collect();
    if commands.is_empty() {
        return vec![format!(
            "{COMMANDS}: there is no command; each command is a file there, named like `model/method_run.rs`"
        )];
    }
    let use_cases = use_cases(files);
    let mut faults = Vec::new();
    for (path, name) in commands {
        if !use_cases.contains(&name) {
            faults.push(format!(
                "{path}: its use case is missing; move the work to a function `{name}` in {USE_CASES}, and keep only arguments and output here"
            ));
        }
        let transcript = format!("/{name}.rs");
        let is_transcript = |file: &&TreeFile| {
            file.path.starts_with("tests/cli/") && file.path.ends_with(&transcript)
        };
        if !files.iter().any(|file| is_transcript(&file)) {
            faults.push(format!(
                "{path}: no transcript shows it; write tests/cli/tests/transcripts{transcript}"
            ));
        }
    }
    faults
}

/// Returns the names of all functions in the folder of the use cases.
fn use_cases(files: &[TreeFile]) -> BTreeSet<String> {
    let sources = files.iter().filter(|file| {
        let is_in_folder = file.path.starts_with(USE_CASES);
        is_in_folder && file.is_rust()
    });
    let mut names = BTreeSet::new();
    for source in sources {
        // The rule on length reports a file that cannot be parsed.
        let tokens = tokens(&source.text()).unwrap_or_default();
        let after = find(&tokens, &["fn"]).into_iter();
        let after = after.filter_map(|at| tokens.get(at + 1));
        names.extend(after.map(|token| token.text.clone()));
    }
    names
}

/// Returns the path of a command's file, and the name of the command: `model_method_run`.
fn command(file: &TreeFile) -> Option<(&str, String)> {
    let stem = file.path.strip_prefix(COMMANDS)?.strip_suffix(".rs")?;
    let has_noun = stem.contains('/');
    (has_noun || WITHOUT_NOUN.contains(&stem)).then(|| (file.path.as_str(), stem.replace('/', "_")))
}

fn guest_faults(files: &[TreeFile]) -> Vec<String> {
    let tests = files.iter().filter(|file| is_test(&file.path));
    let used: Vec<String> = tests
        // The rule on length reports a file that cannot be parsed.
        .flat_map(|file| tokens(&file.text()).unwrap_or_default())
        .map(|token| token.text)
        .collect();
    let is_run = |stem: &str| {
        let (constant, text) = (stem.to_uppercase(), format!("{stem:?}"));
        used.iter().any(|it| *it == constant || *it == text)
    };
    stems_in(files, GUESTS)
        .filter(|stem| !is_run(stem))
        .map(|stem| {
            let constant = stem.to_uppercase();
            format!(
                "{GUESTS}{stem}.rs: no test runs it; write one that uses `sedge_test_artifacts::{constant}`, or remove it"
            )
        })
        .collect()
}

fn stems_in<'a>(files: &'a [TreeFile], folder: &'a str) -> impl Iterator<Item = &'a str> {
    files.iter().filter_map(|file| file.rust_stem_in(folder))
}

/// Returns whether a file tests the host. Guests and these rules do not.
fn is_test(path: &str) -> bool {
    let is_of_tests = path.starts_with("tests/")
        && !path.starts_with("tests/guests/")
        && !path.starts_with("tests/tidy/");
    let is_of_host =
        path.starts_with("host/") && (path.contains("/tests/") || path.ends_with("/tests.rs"));
    path.ends_with(".rs") && (is_of_tests || is_of_host)
}

#[test]
fn the_rule_on_commands_can_fail() {
    let check = |files: &[(&str, &str)], expect: usize| {
        let made = files.iter().map(|(path, text)| TreeFile::new(path, text));
        let faults = command_faults(&made.collect::<Vec<_>>());
        assert_eq!(faults.len(), expect, "{files:?}: {faults:?}");
    };
    let command = ("host/cli/src/commands/run/list.rs", "");
    let use_case = ("host/app/src/run/list.rs", "pub fn run_list() {}");
    let transcript = ("tests/cli/tests/transcripts/run_list.rs", "");
    check(&[command, use_case, transcript], 0);
    check(&[command, use_case], 1);
    check(&[command, transcript], 1);
    let other = (
        "host/app/src/run/list.rs",
        "pub fn list() {} // fn run_list()",
    );
    check(&[command, other, transcript], 1);
    check(
        &[
            ("host/cli/src/commands/doctor.rs", ""),
            use_case,
            transcript,
        ],
        2,
    );
    // A file of a noun is no command.
    check(
        &[("host/cli/src/commands/run.rs", ""), use_case, transcript],
        1,
    );
}

#[test]
fn the_rule_on_guests_can_fail() {
    let check = |path: &str, text: &str, expect: usize| {
        let guest = TreeFile::new("tests/guests/examples/recurse.rs", "");
        let faults = guest_faults(&[guest, TreeFile::new(path, text)]);
        assert_eq!(faults.len(), expect, "{path}: {text}: {faults:?}");
    };
    let test = "fn t() { run(artifacts::RECURSE) }";
    check("host/runtime/tests/it/limits.rs", test, 0);
    check("host/runtime/src/call/tests.rs", test, 0);
    check("tests/stress/src/lib.rs", test, 0);
    check("tests/cli/tests/a.rs", "fn t() { run(\"recurse\") }", 0);
    check("tests/cli/tests/a.rs", "fn t() {} // RECURSE", 1);
    check("tests/cli/tests/a.rs", "fn t() { run(RECURSES) }", 1);
    check("host/runtime/src/call.rs", test, 1);
    check("tests/guests/artifacts/src/lib.rs", test, 1);
}
