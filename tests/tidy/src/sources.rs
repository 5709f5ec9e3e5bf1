//! Every Rust source: it begins by saying what it is for, and has an end in sight.

use crate::tokens::{Token, find, tokens};
use crate::tree::{TreeFile, files, hold};

/// The most lines of a source, not counting its `#[cfg(test)] mod tests { … }`.
const LINES_MAX: usize = 600;

/// The sources that have unsafe code or lift the ban on it, and why it is sound there.
///
/// Add one only together with a review of every `unsafe` in it. The keyword counts too:
/// the compiler's ban does not see what a macro writes into another crate.
const UNSAFE_AUDITED: &[(&str, &str)] = &[
    (
        "host/runtime/src/cache/load.rs",
        "compiled code is loaded only if it is authentic by the user's own key, from a copy that nothing can change",
    ),
    (
        "host/sys/src/worker/child.rs",
        "a child closes what it inherited before it opens anything, and its allocator hands all on to that of the system",
    ),
    (
        "host/store/tests/crash/vfs.rs",
        "a test's door between SQLite and its own: what it is handed it hands on, and what it makes it never frees",
    ),
    (
        "sdk/rust/src/lib.rs",
        "a custom section is named; it holds constant text, and no code",
    ),
];

/// What no source may contain, where that holds, and what to do instead.
const BANNED: &[Ban] = &[
    Ban {
        pattern: &["#", "[", "ignore"],
        holds_in: everywhere,
        instead: "a test that nobody runs proves nothing: mend it or remove it",
    },
    Ban {
        pattern: &["todo", "!"],
        holds_in: everywhere,
        instead: "finish it, or return an error that says what is missing",
    },
    Ban {
        pattern: &["unimplemented", "!"],
        holds_in: everywhere,
        instead: "finish it, or return an error that says what is missing",
    },
    Ban {
        pattern: &["thread", ":", ":", "sleep"],
        holds_in: where_nobody_sleeps,
        instead: "a time that is long enough here is too short elsewhere: wait for a condition",
    },
    Ban {
        pattern: &["tokio", ":", ":", "time", ":", ":", "sleep"],
        holds_in: where_nobody_sleeps,
        instead: "a time that is long enough here is too short elsewhere: wait for a condition",
    },
    Ban {
        pattern: &["json", "!"],
        holds_in: in_the_cli,
        instead: "a document for machines is a type in host/api, which its schema describes",
    },
];

struct Ban {
    pattern: &'static [&'static str],
    holds_in: fn(path: &str) -> bool,
    instead: &'static str,
}

/// A file that says at its top what it is for and what it guarantees can be left closed by
/// those who look for something else.
#[test]
fn every_source_says_what_it_is_for() {
    let faults: Vec<String> = rust().filter_map(purpose_fault).collect();
    hold("a source begins with `//!`", &faults);
}

/// Up to here a file is read in one sitting, and its public part is its own summary.
#[test]
fn every_source_has_an_end_in_sight() {
    let faults: Vec<String> = rust().filter_map(length_fault).collect();
    hold("a source has at most 600 lines without its tests", &faults);
}

/// Tests that do not run, code that is not there, and tests that hope: each of these
/// reads as if something were shown that is not.
#[test]
fn nothing_is_left_open() {
    let faults: Vec<String> = rust().flat_map(ban_faults).collect();
    hold("no ignored tests, no stand-ins, no sleeping", &faults);
}

/// The sandbox is worth what the code around it is worth. Where the compiler no longer
/// helps, a person has looked, and this list says at what.
#[test]
fn unsafe_code_is_audited() {
    let audited: Vec<&str> = UNSAFE_AUDITED.iter().map(|(path, _)| *path).collect();
    let faults = unsafe_faults(files(), &audited);
    hold("unsafe code is in the audited places only", &faults);
}

fn rust() -> impl Iterator<Item = &'static TreeFile> {
    files().iter().filter(|file| file.is_rust())
}

fn everywhere(_: &str) -> bool {
    true
}

fn in_the_cli(path: &str) -> bool {
    path.starts_with("host/cli/")
}

/// Everywhere but in the crate that waits for all others, and in guests and plugins, which
/// have nothing else to wait with.
fn where_nobody_sleeps(path: &str) -> bool {
    let may = ["host/sys/src/", "tests/guests/", "plugins/", "sdk/"];
    !may.iter().any(|folder| path.starts_with(folder))
}

fn purpose_fault(file: &TreeFile) -> Option<String> {
    (!file.bytes.starts_with(b"//!")).then(|| {
        format!(
            "{}:1: say what the file is for and what it guarantees, in a comment `//! …` at its top",
            file.path
        )
    })
}

fn length_fault(file: &TreeFile) -> Option<String> {
    let tokens = match tokens(&file.text()) {
        Ok(tokens) => tokens,
        Err(error) => return Some(format!("{}: it cannot be read: {error}", file.path)),
    };
    let n_lines = file.text().lines().count() - n_test_lines(&tokens);
    (n_lines > LINES_MAX).then(|| {
        format!(
            "{}: it has {n_lines} lines without its tests, more than {LINES_MAX}; split it where its story has a chapter",
            file.path
        )
    })
}

/// Returns how many lines `#[cfg(test)] mod tests { … }` takes; 0 where there is none.
fn n_test_lines(tokens: &[Token]) -> usize {
    let head = ["#", "[", "cfg", "(", "test", ")", "]", "mod", "tests", "{"];
    let Some(&at) = find(tokens, &head).first() else {
        return 0;
    };
    let mut depth = 1;
    let end = tokens[at + head.len()..].iter().find(|token| {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    end.map_or(0, |end| end.line - tokens[at].line + 1)
}

fn ban_faults(file: &TreeFile) -> Vec<String> {
    // What cannot be read is told by the rule on length.
    let tokens = tokens(&file.text()).unwrap_or_default();
    let mut faults = Vec::new();
    for ban in BANNED.iter().filter(|ban| (ban.holds_in)(&file.path)) {
        for at in find(&tokens, ban.pattern) {
            let (line, shown) = (tokens[at].line, ban.pattern.concat());
            faults.push(format!("{}:{line}: `{shown}`: {}", file.path, ban.instead));
        }
    }
    faults
}

fn unsafe_faults(files: &[TreeFile], audited: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let tokens = tokens(&file.text()).unwrap_or_default();
        let is_unsafe = |token: &&Token| ["unsafe", "unsafe_code"].contains(&&*token.text);
        let Some(token) = tokens.iter().find(is_unsafe) else {
            continue;
        };
        if audited.contains(&file.path.as_str()) {
            seen.push(file.path.as_str());
        } else {
            faults.push(format!(
                "{}:{}: it has unsafe code, or lifts the ban on it; do without, or have it reviewed and add it to UNSAFE_AUDITED in {}",
                file.path, token.line, file!()
            ));
        }
    }
    for path in audited.iter().filter(|path| !seen.contains(path)) {
        faults.push(format!(
            "{path}: it is audited for unsafe code and has none; take it off UNSAFE_AUDITED in {}",
            file!()
        ));
    }
    faults
}

#[test]
fn the_rule_on_purpose_can_fail() {
    let check = |text: &str, expect: bool| {
        let file = TreeFile::new("x.rs", text);
        assert_eq!(purpose_fault(&file).is_some(), expect, "{text}");
    };
    check("//! Why.\nmod a;\n", false);
    check("mod a;\n//! Why.\n", true);
    check("// Why.\n", true);
    check("", true);
}

#[test]
fn the_rule_on_length_can_fail() {
    let check = |n_lines: usize, tail: &str, expect: bool| {
        let file = TreeFile::new("x.rs", &("fn f() {}\n".repeat(n_lines) + tail));
        assert_eq!(length_fault(&file).is_some(), expect, "{n_lines} {tail}");
    };
    let tests = format!(
        "#[cfg(test)]\nmod tests {{\n{}}}\n",
        "fn t() { if x {} }\n".repeat(700)
    );
    check(LINES_MAX, "", false);
    check(LINES_MAX + 1, "", true);
    check(LINES_MAX, &tests, false);
    check(LINES_MAX + 1, &tests, true);
    check(LINES_MAX, "#[cfg(test)]\nmod tests;\n", true);
    check(1, "}", true);
}

#[test]
fn the_rule_on_what_is_open_can_fail() {
    let check = |path: &str, text: &str, expect: usize| {
        let faults = ban_faults(&TreeFile::new(path, text));
        assert_eq!(faults.len(), expect, "{path}: {text}: {faults:?}");
    };
    let sleeping = "fn f() { std::thread::sleep(d); assert!(todo!()); }";
    check("host/app/src/a.rs", sleeping, 2);
    check("host/sys/src/clock.rs", sleeping, 1);
    check("tests/guests/examples/a.rs", sleeping, 1);
    check("tests/cli/a.rs", "#[ignore = \"slow\"] fn f() {}", 1);
    check("tests/cli/a.rs", "#[ignore] fn f() { unimplemented!() }", 2);
    let document = "fn f() { json!({}); serde_json::json!([]) }";
    check("host/cli/src/a.rs", document, 2);
    check("host/app/tests/it/a.rs", document, 0);
    check("tests/cli/a.rs", "// todo!()\nfn f() { g(\"todo!\") }", 0);
    check(
        "tests/cli/a.rs",
        "async fn f() { tokio::time::sleep(d).await }",
        1,
    );
}

#[test]
fn the_rule_on_unsafe_code_can_fail() {
    let lifted = TreeFile::new("a.rs", "#![expect(unsafe_code, reason = \"\")]\n");
    let plain = TreeFile::new("b.rs", "// unsafe_code\nfn f() { g(\"unsafe_code\") }\n");
    let check = |audited: &[&str], expect: usize| {
        let faults = unsafe_faults(&[lifted.clone(), plain.clone()], audited);
        assert_eq!(faults.len(), expect, "{faults:?}");
    };
    check(&["a.rs"], 0);
    check(&[], 1);
    check(&["a.rs", "b.rs"], 1);
    let bare = TreeFile::new("c.rs", "fn f() { unsafe { g() } }\n");
    assert_eq!(unsafe_faults(&[bare], &[]).len(), 1);
}
