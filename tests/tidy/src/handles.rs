//! Use cases learn the time and the user from their context alone.
//!
//! A use case that asked the machine could not be tested at another time, and a server could not
//! run it for another user. So `host/app` reads the time of day, and computes deadlines, by the
//! clock of its context (`Cx::clock`, which is also that of the repository and of the datastore), and
//! takes the user from `Cx::actor`.
//!
//! `Moment::now()`, `clock::pause` and `clock::until` stay permitted for what has to follow the
//! machine also when a test sets the clock: how often another process is asked for news, the pauses
//! between attempts after a deadlock, the wait for a lock, and elapsed times that are only shown.
//! The times of files are those of the machine, so they are compared with `Clock::machine()`.

use crate::tree::{TreeFile, files, hold};

/// What asks the machine, and what to write instead.
const MARKS: [(&str, &str); 2] = [
    (
        concat!("Timestamp::", "now"),
        "ask the clock of the context: `cx.clock.now()`",
    ),
    (
        concat!("host::", "user"),
        "take the user of the context: `cx.actor`",
    ),
];

/// The file whose function returns the user of the process, for front ends that make a context.
const ACTOR_FILE: &str = "host/app/src/actor.rs";

#[test]
fn use_cases_ask_their_context() {
    let faults: Vec<String> = files().iter().flat_map(handle_faults).collect();
    hold(
        "use cases take the time and the user from their context",
        &faults,
    );
}

fn handle_faults(file: &TreeFile) -> Vec<String> {
    let is_held = file.path.starts_with("host/app/src/") && file.path != ACTOR_FILE;
    if !is_held || !file.is_rust() {
        return Vec::new();
    }
    let text = file.text();
    let mut faults = Vec::new();
    for (n, line) in text.lines().enumerate() {
        for (_, instead) in MARKS.iter().filter(|(mark, _)| line.contains(*mark)) {
            faults.push(format!("{}:{}: {instead}", file.path, n + 1));
        }
    }
    faults
}

#[test]
fn the_rule_on_contexts_can_fail() {
    let check = |path: &str, text: &str, n_faults: usize| {
        let faults = handle_faults(&TreeFile::new(path, text));
        assert_eq!(faults.len(), n_faults, "{path}: {text}: {faults:?}");
    };
    let path = "host/app/src/run/gc.rs";
    for (mark, _) in MARKS {
        check(path, &format!("let it = {mark}();\n"), 1);
        check(ACTOR_FILE, &format!("let it = {mark}();\n"), 0);
        check("host/cli/src/show.rs", &format!("let it = {mark}();\n"), 0);
        check(
            "host/app/tests/it/a.rs",
            &format!("let it = {mark}();\n"),
            0,
        );
    }
    check(path, "let it = cx.clock.now();\n", 0);
}
