//! Every Rust source begins with its purpose, and is short.

use crate::tokens::{Token, find, tokens};
use crate::tree::{TreeFile, files, hold};

/// The most lines of a source, not counting its `#[cfg(test)] mod tests { … }`.
const LINES_MAX: usize = 600;

/// The sources that have unsafe code or lift the ban on it, and why it is sound there.
///
/// Add one only together with a review of every `unsafe` in it. The keyword counts, too: the ban of
/// the compiler does not see code that a macro expands to in another crate.
const UNSAFE_AUDITED: &[(&str, &str)] = &[
    (
        "host/runtime/src/cache/load.rs",
        "compiled code is loaded only if it is authentic by the user's own key, from a copy that nothing can change, or from a file that the kernel keeps unchanged",
    ),
    (
        "host/sys/src/worker/child.rs",
        "its allocator forwards to that of the system, and ends the process instead of returning null",
    ),
    (
        "host/sys/src/platform/linux/inherited.rs",
        "a child closes all inherited descriptors before it opens others",
    ),
    (
        "host/sys/src/platform/linux/lease.rs",
        "each call gets an open descriptor and a number, and no memory",
    ),
    (
        "host/sys/src/platform/macos/kernel.rs",
        "each call gets a buffer with its size, a text with its end, or an open descriptor, and a child closes inherited descriptors before it opens others",
    ),
    (
        "host/sys/src/users.rs",
        "the C library gets a buffer with its size, and the text that it returns is copied while the buffer lives",
    ),
    (
        "host/store/tests/crash/vfs.rs",
        "a test puts its own file system under SQLite: it forwards the pointers that it receives, and never frees its own",
    ),
    (
        "sdk/rust/src/lib.rs",
        "it names a custom section, which contains constant text and no code",
    ),
    (
        "sdk/typescript/engine/src/guest/arguments.rs",
        "it copies the bytes of an array of a script while no script runs",
    ),
    (
        "sdk/typescript/engine/src/guest/bindings.rs",
        "it has the calls between a component and its host, which wit-bindgen generates, and names a custom section",
    ),
    (
        "sdk/typescript/engine/src/guest/script.rs",
        "it loads bytecode that the same engine has compiled, into memory that is never freed",
    ),
];

/// The patterns that no source may contain, where they are banned, and what to do instead.
const BANNED: &[Ban] = &[
    Ban {
        pattern: &["#", "[", "ignore"],
        holds_in: everywhere,
        instead: "a test that does not run proves nothing: fix it or remove it",
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
        holds_in: where_sleeping_is_banned,
        instead: "a time that is long enough here is too short on another machine: wait for a condition",
    },
    Ban {
        pattern: &["tokio", ":", ":", "time", ":", ":", "sleep"],
        holds_in: where_sleeping_is_banned,
        instead: "a time that is long enough here is too short on another machine: wait for a condition",
    },
    Ban {
        pattern: &["json", "!"],
        holds_in: in_the_cli,
        instead: "a JSON document is a type in host/api, so that it has a schema",
    },
];

struct Ban {
    pattern: &'static [&'static str],
    holds_in: fn(path: &str) -> bool,
    instead: &'static str,
}

/// If a file begins with its purpose and its guarantees, a reader knows whether to read on.
#[test]
fn every_source_begins_with_its_purpose() {
    let faults: Vec<String> = rust().filter_map(purpose_fault).collect();
    hold("a source begins with `//!`", &faults);
}

/// A reader can read a file of this length at once.
#[test]
fn every_source_is_short() {
    let faults: Vec<String> = rust().filter_map(length_fault).collect();
    hold("a source has at most 600 lines without its tests", &faults);
}

/// Tests that do not run, placeholders for code, and tests that wait for a fixed time seem to prove
/// something and do not.
#[test]
fn banned_patterns_do_not_occur() {
    let faults: Vec<String> = rust().flat_map(ban_faults).collect();
    hold("no ignored tests, no placeholders, no sleeping", &faults);
}

/// The sandbox depends on the code around it. Where the compiler cannot check that code, a person
/// has reviewed it, and the list says why it is sound.
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

/// Sleeping is allowed only in the crate that implements all waiting, and in guests and plugins,
/// which have no other way to wait.
fn where_sleeping_is_banned(path: &str) -> bool {
    let exempt = ["host/sys/src/", "tests/guests/", "plugins/", "sdk/"];
    !exempt.iter().any(|folder| path.starts_with(folder))
}

fn purpose_fault(file: &TreeFile) -> Option<String> {
    (!file.bytes.starts_with(b"//!")).then(|| {
        format!(
            "{}:1: describe the purpose and the guarantees of the file in a comment `//! …` at its top",
            file.path
        )
    })
}

fn length_fault(file: &TreeFile) -> Option<String> {
    let tokens = match tokens(&file.text()) {
        Ok(tokens) => tokens,
        Err(error) => return Some(format!("{}: it cannot be parsed: {error}", file.path)),
    };
    let n_lines = file.text().lines().count() - n_test_lines(&tokens);
    (n_lines > LINES_MAX).then(|| {
        format!(
            "{}: it has {n_lines} lines without its tests, more than {LINES_MAX}; split it at a change of subject",
            file.path
        )
    })
}

/// Returns how many lines `#[cfg(test)] mod tests { … }` takes; 0 if it is missing.
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
    // The rule on length reports a file that cannot be parsed.
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
                "{}:{}: it has unsafe code, or lifts the ban on it; remove it, or have it reviewed and add it to UNSAFE_AUDITED in {}",
                file.path, token.line, file!()
            ));
        }
    }
    for path in audited.iter().filter(|path| !seen.contains(path)) {
        faults.push(format!(
            "{path}: it is audited for unsafe code and has none; remove it from UNSAFE_AUDITED in {}",
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
fn the_rule_on_banned_patterns_can_fail() {
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
