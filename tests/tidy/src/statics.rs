//! Every static variable of the host says why it belongs to the process.
//!
//! State that a function finds instead of receiving it is shared by everything in a process: by two
//! repositories of a server, and by two tests. A limit, a setting or the state of an output is
//! therefore a field of what is passed in. What stays has a comment `// process-wide: REASON`.

use crate::tree::{TreeFile, files, hold};

/// The beginning of a comment that gives the reason.
const MARK: &str = "process-wide: ";

#[test]
fn every_static_says_why_it_is_process_wide() {
    let faults: Vec<String> = files().iter().flat_map(static_faults).collect();
    hold(
        "a static variable has a comment `// process-wide: REASON`",
        &faults,
    );
}

fn static_faults(file: &TreeFile) -> Vec<String> {
    let mut folders = file.path.split('/');
    let is_held = folders.next() == Some("host") && folders.nth(1) == Some("src");
    if !is_held || !file.is_rust() || file.path.contains("tests") {
        return Vec::new();
    }
    let text = file.text();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_fault = |at: &usize| is_static(lines[*at]) && !has_reason(&lines[..*at]);
    let faults = (0..lines.len()).filter(is_fault).map(|at| {
        format!(
            "{}:{}: a static variable: pass the state in, or give the reason in a comment `// {MARK}REASON` above it",
            file.path,
            at + 1
        )
    });
    faults.collect()
}

/// Returns whether a line begins a static variable: `static NAME` with any visibility.
fn is_static(line: &str) -> bool {
    let mut words = line.split(' ');
    let first = words.next();
    let keyword = match first {
        Some(word) if word.starts_with("pub") => words.next(),
        other => other,
    };
    let name = words.next().and_then(|name| name.chars().next());
    keyword == Some("static") && name.is_some_and(|first| first.is_ascii_uppercase())
}

/// Returns whether the comments and attributes directly above an item have a reason.
fn has_reason(above: &[&str]) -> bool {
    let above = above.iter().rev();
    let own = above.take_while(|line| line.starts_with("//") || line.starts_with("#["));
    let mut comments = own.map(|line| line.trim_start_matches('/').trim());
    comments.any(|comment| comment.starts_with(MARK) && comment.len() > MARK.len())
}

#[test]
fn the_rule_on_static_variables_can_fail() {
    let check = |path: &str, text: &str, n_faults: usize| {
        let faults = static_faults(&TreeFile::new(path, text));
        assert_eq!(faults.len(), n_faults, "{path}: {text}: {faults:?}");
    };
    let path = "host/sys/src/a.rs";
    check(path, "static A: u8 = 1;\n", 1);
    check(path, "    pub(crate) static A: u8 = 1;\n", 1);
    check(path, "/// A number.\nstatic A: u8 = 1;\n", 1);
    check(path, "// process-wide: \nstatic A: u8 = 1;\n", 1);
    check(path, "// process-wide: it is one\n\nstatic A: u8 = 1;\n", 1);
    check(path, "// process-wide: it is one\nstatic A: u8 = 1;\n", 0);
    check(
        path,
        "/// A number.\n// process-wide: it is\n// one\n#[used]\npub static A: u8 = 1;\n",
        0,
    );
    check(path, "fn f() -> &'static str {\n", 0);
    check("host/sys/tests/a.rs", "static A: u8 = 1;\n", 0);
    check("tests/kit/src/a.rs", "static A: u8 = 1;\n", 0);
}
