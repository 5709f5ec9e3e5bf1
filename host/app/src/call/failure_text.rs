//! The text of a failed call: the error, its place in the guest, and whether the writes were kept.
//!
//! Text from a plugin is included unchanged, except that line breaks are replaced where one line is
//! expected. Each front end shows it apart from its own text.

use sedge_api::problem::call::{CallProblem, ChangesRolledBack, FrameView};
use sedge_api::problem::details::CoreDumpDetails;
use sedge_api::view::call::VersionsWritten;

/// The code of a failure whose message already says that the plugin panicked.
const PANIC: &str = "plugin/panic";

/// The maximum number of frames shown, unless the user asks for all.
const FRAMES_SHOWN: usize = 3;

/// The maximum number of names shown of the writes that were kept or rolled back.
const NAMES_SHOWN: usize = 5;

/// The maximum number of characters shown of the details that a plugin adds to its message.
///
/// The plugin chooses them, and means them for programs. A user normally wants to see the body of
/// an HTTP response.
const DETAILS_CHARS_MAX: usize = 2000;

/// The maximum number of characters shown of a name that the plugin chose.
const NAME_CHARS_MAX: usize = 500;

/// The prefixes of functions that the plugin author did not write: those of the standard library,
/// of the SDK, and of the code that makes a component.
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
    /// The first few frames of the plugin author's own functions.
    Few,
    /// All frames.
    All,
}

/// Returns the text of a call's error: what happened and, if the guest trapped, panicked or knows
/// where it failed, its functions, one line each.
#[must_use]
pub fn call_text(problem: &CallProblem, frames: Frames) -> String {
    let mut text = problem.message.clone();
    if problem.code.starts_with("plugin/") && problem.code != PANIC {
        // A message may have further lines, which the user copies. The code belongs to the first
        // line.
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
    for failure in &problem.checks {
        let message = one_line(&failure.message);
        text.push_str(&format!("\n`{}`: {message}", failure.check));
    }
    let shown: Vec<&FrameView> = match frames {
        Frames::All => problem.backtrace.iter().collect(),
        // The plugin itself says where it failed. The first line of that is the place.
        Frames::Few if problem.code.starts_with("plugin/") && problem.code != PANIC => {
            problem.backtrace.iter().take(1).collect()
        }
        Frames::Few => few(&problem.backtrace),
    };
    // A recursion would otherwise fill the screen with the same line.
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

/// Returns the details that a plugin adds to its message, as one line. Returns `None` if it adds
/// none.
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

/// Returns the first few frames of the plugin author's own functions. If there are none, returns
/// the first few of all frames.
fn few(backtrace: &[FrameView]) -> Vec<&FrameView> {
    let is_own = |frame: &&FrameView| {
        // The name `<T as Trait>::method` begins with the type.
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

/// Returns a sentence about the changes that were rolled back: ``1 change was rolled back: `mark`
/// ``.
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

/// Returns a sentence about the writes that a failed call kept: ``1 version was kept: `mark`
/// version 3``. Returns `None` if it kept nothing.
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

/// Returns what a call wrote, as the end of a sentence. Returns `None` if it wrote nothing.
///
/// A few versions are named one by one; of many, only the first and the last: ``30 001 items:
/// `row/0` … `row/29999` ``.
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

/// Returns a number as text. Numbers of five digits or more are grouped by threes: `30 001`.
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

/// Returns a sentence about the result of a core dump.
#[must_use]
pub fn core_dump_text(dump: &CoreDumpDetails) -> String {
    // ignored: the call is missing only if no guest trapped, and that case has its own text.
    let call = dump.call.as_deref().unwrap_or_default();
    match (&dump.path, &dump.reason) {
        (Some(path), _) => {
            // ignored: a file that was written has a size.
            let size = mebibytes(dump.size.unwrap_or_default());
            format!(
                "the core dump of {call} is in `{path}` ({size}): only you can read it, and it contains the guest's memory"
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

/// Returns a text that a plugin chose as one line of limited length.
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
    fn backtrace_shows_the_authors_own_functions() {
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
    fn failure_of_a_script_shows_its_first_frame() {
        let frame = |function: &str| FrameView {
            function: function.to_owned(),
            place: Some("app.py:12".to_owned()),
        };
        let problem = CallProblem {
            code: "plugin/value-error".to_owned(),
            message: "no number".to_owned(),
            backtrace: vec![frame("_parse"), frame("run"), frame("run")],
            ..CallProblem::default()
        };
        assert_eq!(
            call_text(&problem, Frames::Few),
            "no number (plugin/value-error)\nin _parse at app.py:12"
        );
        assert_eq!(
            call_text(&problem, Frames::All),
            "no number (plugin/value-error)\nin _parse at app.py:12\nin run at app.py:12 (2 times)"
        );
    }

    #[test]
    fn rolled_back_changes_are_counted_and_named() {
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
    fn first_and_last_of_many_versions_are_named() {
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
    fn details_of_a_plugin_are_cut() {
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
