//! Errors that are left out of account: each place says why.
//!
//! An error that is taken for "no" is how data was deleted of models that could not be looked
//! up, and how a guard let pass what it could not see. So wherever the crates that touch files
//! drop an error, a comment `// ignored: REASON` stands on the line or directly above it. The
//! rule cannot tell a `Result` from an `Option`; where an `Option` is meant, write it otherwise.

use crate::tokens::{find, tokens};
use crate::tree::{TreeFile, files, hold};

/// Where the rule holds. These are the crates that decide by what they find on the machine.
const HOLDS_IN: [&str; 5] = [
    "host/app/src/",
    "host/locks/src/",
    "host/secrets/src/",
    "host/store/src/",
    "host/sys/src/",
];

/// What drops an error.
const DROPS: [&[&str]; 6] = [
    &[".", "ok", "(", ")"],
    &["unwrap_or_default", "(", ")"],
    &["let", "_", "="],
    &[".", "is_ok_and", "("],
    &["unwrap_or", "(", "false", ")"],
    &["map_or", "(", "false"],
];

/// Files in which one reason holds for all.
const FILES: [(&str, &str); 3] = [
    (
        "host/sys/src/command/cgroup.rs",
        "a control group is an addition: without one, the reaper kills one process after the other",
    ),
    (
        "host/sys/src/command/children.rs",
        "a process may end while it is looked at, and what cannot be looked at has ended",
    ),
    (
        "host/sys/src/resources.rs",
        "a limit that the machine does not tell is none, and the defaults hold",
    ),
];

/// What a comment begins with that gives the reason.
const MARK: &str = "ignored: ";

#[test]
fn every_error_that_is_dropped_has_a_reason() {
    let faults: Vec<String> = files().iter().flat_map(ignored_faults).collect();
    hold(
        "an error that is dropped has a comment `// ignored: REASON`",
        &faults,
    );
}

fn ignored_faults(file: &TreeFile) -> Vec<String> {
    let is_held = HOLDS_IN.iter().any(|folder| file.path.starts_with(folder));
    let is_listed = FILES.iter().any(|(path, _)| file.path == *path);
    if !is_held || is_listed || !file.is_rust() || file.path.contains("tests") {
        return Vec::new();
    }
    let text = file.text();
    let lines: Vec<&str> = text.lines().collect();
    // What cannot be read is reported by the rule on length.
    let tokens = tokens(&text).unwrap_or_default();
    let end = find(
        &tokens,
        &["#", "[", "cfg", "(", "test", ")", "]", "mod", "tests", "{"],
    )
    .first()
    .map_or(usize::MAX, |at| tokens[*at].line);
    let mut faults = Vec::new();
    for pattern in DROPS {
        for at in find(&tokens, pattern) {
            let line = tokens[at].line;
            if line < end && !has_reason(&lines, line) {
                let shown = pattern.concat();
                faults.push(format!(
                    "{}:{line}: `{shown}` drops an error: propagate it, or say in a comment `// {MARK}REASON` on this line or above it why it says nothing",
                    file.path
                ));
            }
        }
    }
    faults
}

/// Returns whether a reason stands on a line, counted from 1, or directly above it: above the
/// beginning of its statement at the most.
fn has_reason(lines: &[&str], line: usize) -> bool {
    let is_reason = |line: &str| {
        let reason = line
            .split_once("//")
            .and_then(|(_, comment)| comment.trim().strip_prefix(MARK));
        reason.is_some_and(|reason| !reason.trim().is_empty())
    };
    if is_reason(lines[line - 1]) {
        return true;
    }
    for above in lines[..line - 1].iter().rev() {
        let above = above.trim();
        if above.starts_with("//") {
            if is_reason(above) {
                return true;
            }
        } else if above.is_empty() || above.ends_with([';', '{', '}']) {
            return false;
        }
    }
    false
}

#[test]
fn the_rule_on_dropped_errors_can_fail() {
    let check = |text: &str, expect: usize| {
        let faults = ignored_faults(&TreeFile::new("host/sys/src/a.rs", text));
        assert_eq!(faults.len(), expect, "{text}: {faults:?}");
    };
    check("fn f() { let _ = g(); }", 1);
    check(
        "fn f() {\n    // ignored: it is best effort\n    let _ = g();\n}",
        0,
    );
    check("fn f() {\n    // ignored:\n    let _ = g();\n}", 1);
    check("fn f() {\n    // It is best effort\n    let _ = g();\n}", 1);
    check(
        "fn f() {\n    // ignored: one\n    let _ = g();\n    let _ = g();\n}",
        1,
    );
    check(
        "fn f() {\n    // ignored: a reason\n    // of two lines\n    g()\n        .ok()\n}",
        0,
    );
    check("fn f() { g().is_ok_and(t) && h().unwrap_or(false) }", 2);
    check(
        "fn f() { g().map_or(false, t) || h().unwrap_or_default() }",
        2,
    );
    check("fn f() { let _ = g(); } // ignored: it is best effort", 0);
    check(
        "fn f() {}\n#[cfg(test)]\nmod tests { fn g() { let _ = h(); } }",
        0,
    );
    let elsewhere = TreeFile::new("host/cli/src/a.rs", "fn f() { let _ = g(); }");
    assert_eq!(ignored_faults(&elsewhere), [""; 0]);
}
