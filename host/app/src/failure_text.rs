//! A failed call in words: what went wrong, where in the guest, and what became of what it wrote.
//!
//! Texts of plugins are in here as they are, but for ends of lines where there is one line; each
//! face shows them apart from its own words.

use sedge_api::problem::call::{CallProblem, ChangesRolledBack, FrameView};
use sedge_api::problem::details::CoreDumpDetails;
use sedge_api::view::call::VersionsWritten;

/// The word of a failure whose message says by itself that the plugin panicked.
const PANIC: &str = "plugin/panic";

/// The most frames that are shown unless all are asked for.
const FRAMES_SHOWN: usize = 3;

/// The most names that are shown of what was kept or rolled back.
const NAMES_SHOWN: usize = 5;

/// The most characters that are shown of what a plugin says of its failure besides the message.
///
/// The plugin chooses them, for programs. A person wants to see the body of a response, as a rule.
const DETAILS_CHARS_MAX: usize = 2000;

/// The most characters of a name that the plugin chose.
const NAME_CHARS_MAX: usize = 500;

/// How the functions begin that an author did not write: those of the standard library, the
/// SDK, and what makes a component of them.
const NOT_OWN: [&str; 13] = [
    "_",
    "abort",
    "alloc::",
    "cabi_",
    "core::",
    "dlmalloc::",
    "exit",
    "rust_",
    "sedge:model/",
    "sedge_sdk::",
    "std::",
    "wasi:",
    "wit_bindgen::",
];

/// How many frames of a backtrace are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// The first few of the author's own.
    Few,
    /// All.
    All,
}

/// Returns what an error of a call says: what happened, and in which of the guest's functions
/// if it trapped or panicked, a line each.
#[must_use]
pub fn call_text(problem: &CallProblem, frames: Frames) -> String {
    let mut text = problem.message.clone();
    if problem.code.starts_with("plugin/") && problem.code != PANIC {
        // A message may have lines below that are to be copied.
        let end = text.find('\n').unwrap_or(text.len());
        text.insert_str(end, &format!(" ({})", one_line(&problem.code)));
    }
    for violation in &problem.violations {
        let path = match violation.path.as_str() {
            "" => String::new(),
            path => format!("{path}: "),
        };
        text.push_str(&format!("\n{path}{}", one_line(&violation.message)));
    }
    let shown: Vec<&FrameView> = match frames {
        Frames::All => problem.backtrace.iter().collect(),
        Frames::Few => few(&problem.backtrace),
    };
    // A recursion would fill the screen with one line.
    for alike in shown.chunk_by(|one, next| one == next) {
        let times = match alike.len() {
            1 => String::new(),
            n_times => format!(" ({n_times} times)"),
        };
        let FrameView { function, place } = alike[0];
        let place = place.as_ref().map(|place| format!(" at {place}"));
        // ignored: a frame without debug information has no place.
        let frame = one_line(&format!("{function}{}", place.unwrap_or_default()));
        text.push_str(&format!("\nin {frame}{times}"));
    }
    text
}

/// Returns what a plugin says of its failure besides the message, as a line; `None` if it says no
/// more.
#[must_use]
pub fn details_text(problem: &CallProblem) -> Option<String> {
    let details = problem.details.as_ref()?.to_string();
    let shown: String = details.chars().take(DETAILS_CHARS_MAX).collect();
    let more = match details.chars().count().saturating_sub(DETAILS_CHARS_MAX) {
        0 => String::new(),
        n_more => format!("… ({n_more} more characters)"),
    };
    Some(format!("details from the plugin: {shown}{more}"))
}

/// Returns the first few frames of the author's own; if there is none, the first few.
fn few(backtrace: &[FrameView]) -> Vec<&FrameView> {
    let is_own = |frame: &&FrameView| {
        // `<T as Trait>::method` begins with its type.
        let name = frame.function.trim_start_matches(['<', '&']);
        !NOT_OWN.iter().any(|start| name.starts_with(start))
    };
    let own: Vec<&FrameView> = backtrace.iter().filter(is_own).collect();
    let all = || backtrace.iter().collect();
    let mut frames = if own.is_empty() { all() } else { own };
    frames.dedup();
    frames.truncate(FRAMES_SHOWN);
    frames
}

/// Returns what was rolled back of a call, as a sentence: ``1 change was rolled back: `mark` ``.
#[must_use]
pub fn rolled_back_text(rolled_back: &ChangesRolledBack) -> String {
    let ChangesRolledBack { changes, names } = rolled_back;
    let names = names.iter().map(|name| format!("`{name}`"));
    format!(
        "{} rolled back: {}",
        were(*changes, "change"),
        listed(names.collect(), *changes)
    )
}

/// Returns what a call kept although it failed, as a sentence:
/// ``1 version was kept: `mark` version 3``; `None` if it kept nothing.
#[must_use]
pub fn kept_text(kept: &VersionsWritten) -> Option<String> {
    let versions = versions_text(kept)?;
    let were = if kept.count == 1 {
        "version was"
    } else {
        "versions were"
    };
    Some(format!("{} {were} kept: {versions}", number(kept.count)))
}

/// Returns what a call wrote, as the end of a sentence; `None` if it wrote nothing.
///
/// A few versions are named one by one, of many the first and the last:
/// ``30 001 items: `row/0` … `row/29999` ``.
#[must_use]
pub fn written_text(written: &VersionsWritten) -> Option<String> {
    let versions = versions_text(written)?;
    Some(if written.count <= NAMES_SHOWN as u64 {
        versions
    } else {
        format!("{} items: {versions}", number(written.count))
    })
}

fn versions_text(written: &VersionsWritten) -> Option<String> {
    let (first, last) = (written.first.first()?, written.last()?);
    if written.count <= NAMES_SHOWN as u64 {
        let named = written.first.iter();
        let named = named.map(|it| format!("`{}` version {}", it.name, it.version));
        return Some(named.collect::<Vec<_>>().join(", "));
    }
    Some(if first.name == last.name {
        let (name, from, to) = (&first.name, first.version, last.version);
        format!("`{name}` version {from} … {to}")
    } else {
        format!("`{}` … `{}`", first.name, last.name)
    })
}

/// Returns a number, from five digits on in groups of three: `30 001`.
fn number(n: u64) -> String {
    let digits = n.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// Returns what became of a core dump, as a sentence.
#[must_use]
pub fn core_dump_text(dump: &CoreDumpDetails) -> String {
    // ignored: the call is missing only if no guest trapped, which has words of its own.
    let call = dump.call.as_deref().unwrap_or_default();
    match (&dump.path, &dump.reason) {
        (Some(path), _) => {
            // ignored: a file that was written has a size.
            let size = mebibytes(dump.size.unwrap_or_default());
            format!(
                "the core dump of {call} is in `{path}` ({size}): only you can read it, and it has all that the guest knew"
            )
        }
        (None, Some(reason)) => format!("the core dump of {call} was not written: {reason}"),
        (None, None) => "no guest trapped, so there is no core dump".to_owned(),
    }
}

fn mebibytes(n: u64) -> String {
    if n < 1 << 20 {
        return format!("{} KiB", n.div_ceil(1 << 10));
    }
    format!("{} MiB", n >> 20)
}

fn were(n: u64, thing: &str) -> String {
    match n {
        1 => format!("1 {thing} was"),
        n => format!("{n} {thing}s were"),
    }
}

fn listed(mut items: Vec<String>, n_all: u64) -> String {
    items.truncate(NAMES_SHOWN);
    let more = if (items.len() as u64) < n_all && items.len() == NAMES_SHOWN {
        " and others"
    } else {
        ""
    };
    format!("{}{more}", items.join(", "))
}

/// Returns a text that a plugin chose as one line, not too long.
fn one_line(text: &str) -> String {
    let shown = text.chars().take(NAME_CHARS_MAX);
    shown
        .map(|c| if c == '\n' { '\u{2424}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use sedge_api::problem::call::VersionWritten;
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_backtrace_the_authors_own_functions_are_shown() {
        let check = |functions: &[&str], expect: &[&str]| {
            let frame = |function: &&str| FrameView {
                function: (*function).to_owned(),
                place: None,
            };
            let frames: Vec<FrameView> = functions.iter().map(frame).collect();
            let shown: Vec<&str> = few(&frames).iter().map(|it| it.function.as_str()).collect();
            assert_eq!(shown, expect);
        };
        check(
            &[
                "__rustc::rust_panic",
                "core::panicking::panic_fmt",
                "a::b",
                "<a::C as core::fmt::Display>::fmt",
                "<alloc::vec::Vec<T> as a::D>::e",
                "sedge_sdk::guest::invoke",
            ],
            &["a::b", "<a::C as core::fmt::Display>::fmt"],
        );
        check(&["a", "a", "b", "c", "d"], &["a", "b", "c"]);
        check(&["std::a", "std::b"], &["std::a", "std::b"]);
        check(&[], &[]);
    }

    #[test]
    fn what_was_rolled_back_is_counted_and_named() {
        let check = |changes: u64, n_names: usize, expect: &str| {
            let names = (0..n_names).map(|n| format!("n{n}")).collect();
            assert_eq!(
                rolled_back_text(&ChangesRolledBack { changes, names }),
                expect
            );
        };
        check(1, 1, "1 change was rolled back: `n0`");
        check(7, 2, "7 changes were rolled back: `n0`, `n1`");
        check(
            9,
            6,
            "9 changes were rolled back: `n0`, `n1`, `n2`, `n3`, `n4` and others",
        );
    }

    #[test]
    fn of_many_versions_the_first_and_the_last_are_named() {
        let check = |name: &str, n: u64, expect: [Option<&str>; 2]| {
            let mut written = VersionsWritten::default();
            for version in 1..=n {
                let name = name.replace('#', &(version - 1).to_string());
                written.push(VersionWritten { name, version });
            }
            let texts = [written_text(&written), kept_text(&written)];
            assert_eq!(texts.each_ref().map(Option::as_deref), expect);
        };
        check("a", 0, [None, None]);
        check(
            "a",
            1,
            [
                Some("`a` version 1"),
                Some("1 version was kept: `a` version 1"),
            ],
        );
        check(
            "a",
            6,
            [
                Some("6 items: `a` version 1 … 6"),
                Some("6 versions were kept: `a` version 1 … 6"),
            ],
        );
        check(
            "row/#",
            30_001,
            [
                Some("30 001 items: `row/0` … `row/30000`"),
                Some("30 001 versions were kept: `row/0` … `row/30000`"),
            ],
        );
    }

    #[test]
    fn what_a_plugin_says_is_bounded() {
        let problem = CallProblem {
            code: "plugin/no".to_owned(),
            message: "no\nbelow".to_owned(),
            details: Some(json!("é".repeat(DETAILS_CHARS_MAX))),
            ..CallProblem::default()
        };
        assert_eq!(call_text(&problem, Frames::Few), "no (plugin/no)\nbelow");
        let details = details_text(&problem).expect("it says more");
        assert!(details.ends_with("é… (2 more characters)"), "{details}");
    }
}
