//! Ignored errors: each place has a reason.
//!
//! Code that took an error for "no" has deleted the data of models whose files could not be read,
//! and has admitted requests that a guard could not check. Therefore, wherever the crates that
//! access files drop an error, a comment `// ignored: REASON` is on the line or directly above it.
//! The rule cannot distinguish a `Result` from an `Option`; write an `Option` in another way.

use crate::tokens::{find, tokens};
use crate::tree::{TreeFile, files, hold};

/// The folders to which the rule applies: the crates whose decisions depend on files and processes.
const HOLDS_IN: [&str; 5] = [
    "host/app/src/",
    "host/locks/src/",
    "host/secrets/src/",
    "host/store/src/",
    "host/sys/src/",
];

/// The patterns that drop an error.
const DROPS: [&[&str]; 6] = [
    &[".", "ok", "(", ")"],
    &["unwrap_or_default", "(", ")"],
    &["let", "_", "="],
    &[".", "is_ok_and", "("],
    &["unwrap_or", "(", "false", ")"],
    &["map_or", "(", "false"],
];

/// Files in which one reason applies to all ignored errors.
const FILES: [(&str, &str); 3] = [
    (
        "host/sys/src/platform/linux/cgroup.rs",
        "a control group is an addition: without one, the reaper kills one process after the other",
    ),
    (
        "host/sys/src/platform/linux/children.rs",
        "a process may end while it is read, and a process that cannot be read has ended",
    ),
    (
        "host/sys/src/platform/linux/machine.rs",
        "a limit that the machine does not report does not exist, and the defaults apply",
    ),
];

/// The beginning of a comment that gives the reason.
const MARK: &str = "ignored: ";

#[test]
fn every_ignored_error_has_a_reason() {
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
    // The rule on length reports a file that cannot be parsed.
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
                    "{}:{line}: `{shown}` drops an error: propagate it, or give the reason in a comment `// {MARK}REASON` on this line or above it",
                    file.path
                ));
            }
        }
    }
    faults
}

/// Returns whether a line, counted from 1, has a reason, or its statement has one directly above.
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
