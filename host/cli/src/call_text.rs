//! How calls look to people: what they wrote, why they failed and what was rolled back.

use sedge_api::problem::call::{CallProblem, ChangesRolledBack, FrameView};
use sedge_api::view::call::VersionsWritten;

use crate::failure::Frames;
use crate::guest_text;
use crate::show;

/// What stands in front of the codes that plugins choose.
const PLUGIN_CODE: &str = "plugin/";

/// The code of a failure whose message says by itself that the plugin panicked.
const PANIC: &str = "plugin/panic";

/// The most frames that are shown unless all are requested.
const FRAMES_SHOWN: usize = 3;

/// The most names that are shown one by one.
const NAMES_SHOWN: usize = 5;

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

/// Returns why a call failed: what happened, and in which of the guest's functions if it trapped or
/// panicked, a line each.
pub(crate) fn error_text(error: &CallProblem, frames: Frames) -> String {
    let mut text = guest_text::block(&error.message, "");
    for violation in &error.violations {
        let place = match violation.path.as_str() {
            "" => String::new(),
            path => format!("{path}: "),
        };
        let line = guest_text::line(&format!("{place}{}", violation.message));
        text.push_str(&format!("\n{line}"));
    }
    if let Some(code) = error.code.strip_prefix(PLUGIN_CODE)
        && error.code != PANIC
    {
        // A message may have lines below that are to be copied.
        let end = text.find('\n').unwrap_or(text.len());
        text.insert_str(end, &format!(" ({})", guest_text::line(code)));
    }
    let shown: Vec<&FrameView> = match frames {
        Frames::All => error.backtrace.iter().collect(),
        Frames::Few => few(&error.backtrace),
    };
    // A recursion would fill the screen with one line.
    for alike in shown.chunk_by(|one, next| one == next) {
        let times = match alike.len() {
            1 => String::new(),
            n_times => format!(" ({n_times} times)"),
        };
        let FrameView { function, place } = alike[0];
        let place = place.as_ref().map(|place| format!(" at {place}"));
        let frame = format!("{function}{}", place.unwrap_or_default());
        text.push_str(&format!("\nin {}{times}", guest_text::line(&frame)));
    }
    text
}

/// Returns the first few frames of the author's own; the first few of all if none is.
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

/// Returns what was written, as the end of a sentence; `None` if nothing was.
///
/// A few versions are named one by one, of many the first and the last:
/// ``30 001 items: `row/0` … `row/29999` ``.
pub(crate) fn written_text(written: &VersionsWritten) -> Option<String> {
    let (first, last) = (written.first.first()?, written.last()?);
    if written.count <= NAMES_SHOWN as u64 {
        let named = written.first.iter();
        let named = named.map(|it| format!("`{}` version {}", it.name, it.version));
        return Some(named.collect::<Vec<_>>().join(", "));
    }
    let count = show::number(written.count);
    Some(if first.name == last.name {
        format!(
            "{count} items: `{}` version {} … {}",
            first.name, first.version, last.version
        )
    } else {
        format!("{count} items: `{}` … `{}`", first.name, last.name)
    })
}

/// Returns what was rolled back, as a sentence: ``1 change was rolled back: `mark` ``.
pub(crate) fn rolled_back_text(rolled_back: &ChangesRolledBack) -> String {
    let ChangesRolledBack { changes, names } = rolled_back;
    let count = show::count(*changes, "change");
    let verb = if *changes == 1 { "was" } else { "were" };
    let shown = names.len().min(NAMES_SHOWN);
    let more = if names.len() > shown {
        " and others"
    } else {
        ""
    };
    let names = show::quoted(&names[..shown]);
    format!("{count} {verb} rolled back: {names}{more}")
}

#[cfg(test)]
mod tests {
    use sedge_api::problem::call::VersionWritten;

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
    fn of_many_versions_the_first_and_the_last_are_named() {
        let check = |names: &[&str], n: u64, expect: Option<&str>| {
            let mut written = VersionsWritten::default();
            for version in 1..=n {
                let at = usize::try_from(version - 1).expect("small");
                let name = names.get(at % names.len()).expect("it is in range");
                let name = name.replace('#', &(version - 1).to_string());
                written.push(VersionWritten { name, version });
            }
            assert_eq!(written_text(&written).as_deref(), expect);
        };
        check(&["a"], 0, None);
        check(&["a"], 2, Some("`a` version 1, `a` version 2"));
        check(&["a"], 6, Some("6 items: `a` version 1 … 6"));
        check(
            &["row/#"],
            30_001,
            Some("30 001 items: `row/0` … `row/30000`"),
        );
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
}
