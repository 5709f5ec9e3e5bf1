//! How a failed call looks: what went wrong, where in the guest, and what was undone.

use sedge_app::types::{CallError, Frame, Undone};
use sedge_app::{CoreDumpEnd, FailedCall, FailureReport};
use serde_json::{Value, json};

use crate::guest_text;
use crate::show;

/// The code of a failure whose message says by itself that the plugin panicked.
const PANIC: &str = "panic";

/// The most frames that are shown unless all are asked for.
const FRAMES_SHOWN: usize = 3;

/// The most names that are shown of what was undone.
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

/// How many frames of a backtrace are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frames {
    /// The first few of the author's own.
    Few,
    /// All.
    All,
}

/// Returns what an error of a call says: what happened, and in which of the guest's functions
/// if it trapped or panicked, a line each.
pub(crate) fn error_text(error: &CallError, frames: Frames) -> String {
    let mut text = guest_text::block(&error.to_string(), "");
    if let CallError::InvalidInput { violations } = error {
        text = "the arguments do not fit the method's schema".to_owned();
        violations
            .iter()
            .map(|violation| guest_text::line(&violation.to_string()))
            .for_each(|violation| text.push_str(&format!("\n{violation}")));
    }
    if let CallError::Failed(failure) = error
        && failure.code != PANIC
    {
        // A message may have lines below that are to be copied.
        let end = text.find('\n').unwrap_or(text.len());
        text.insert_str(end, &format!(" ({})", guest_text::line(&failure.code)));
    }
    let shown: Vec<&Frame> = match frames {
        Frames::All => error.backtrace().iter().collect(),
        Frames::Few => few(error.backtrace()),
    };
    // A recursion would fill the screen with one line.
    for alike in shown.chunk_by(|one, next| one == next) {
        let times = match alike.len() {
            1 => String::new(),
            n_times => format!(" ({n_times} times)"),
        };
        let frame = guest_text::line(&alike[0].to_string());
        text.push_str(&format!("\nin {frame}{times}"));
    }
    text
}

/// Returns the first few frames of the author's own; where none is, the first few.
fn few(backtrace: &[Frame]) -> Vec<&Frame> {
    let is_own = |frame: &&Frame| {
        // `<T as Trait>::method` begins with its type.
        let name = frame.function.trim_start_matches(['<', '&']);
        !NOT_OWN.iter().any(|start| name.starts_with(start))
    };
    let own: Vec<&Frame> = backtrace.iter().filter(is_own).collect();
    let all = || backtrace.iter().collect();
    let mut frames = if own.is_empty() { all() } else { own };
    frames.dedup();
    frames.truncate(FRAMES_SHOWN);
    frames
}

/// Returns what was thrown away of a call, as a sentence: ``1 change was undone: `mark` ``.
pub(crate) fn undone_text(undone: &Undone) -> String {
    let changes = show::count(undone.changes, "change");
    let verb = if undone.changes == 1 { "was" } else { "were" };
    let shown = undone.names.len().min(NAMES_SHOWN);
    let more = if undone.names.len() > shown {
        " and others"
    } else {
        ""
    };
    format!(
        "{changes} {verb} undone: {}{more}",
        show::quoted(&undone.names[..shown])
    )
}

/// Returns what else there is to know of a failure than its causes, a paragraph each.
pub(crate) fn notes(report: &FailureReport) -> Vec<String> {
    let mut notes = Vec::new();
    // What the run itself called is the failure that is told already.
    let below = report.origins.iter().filter(|call| call.chain.len() > 1);
    notes.extend(below.map(|call| {
        let text = error_text(&call.error, Frames::Few);
        format!("{} failed: {text}", way(call))
    }));
    if let more @ 1.. = report.n_origins - report.origins.len() {
        notes.push(format!("{} more failed", show::count(more, "call")));
    }
    let undone = report.undone.iter();
    notes.extend(undone.map(|call| format!("of {}, {}", way(call), undone_text(&call.undone))));
    if let more @ 1.. = report.n_undone - report.undone.len() {
        notes.push(format!(
            "changes of {} were undone",
            show::count(more, "more call")
        ));
    }
    notes
}

/// Returns what became of a core dump, as a sentence; none if nobody asked for one.
pub(crate) fn core_dump_note(end: &CoreDumpEnd) -> Option<String> {
    match end {
        CoreDumpEnd::NotWanted => None,
        CoreDumpEnd::NothingTrapped => {
            Some("no guest trapped, so there is no core dump".to_owned())
        }
        CoreDumpEnd::Written { call, path, size } => Some(format!(
            "the core dump of {call} is in `{}` ({}): only you can read it, and it has all that the guest knew",
            path.display(),
            show::bytes(*size)
        )),
        CoreDumpEnd::Failed { call, reason } => {
            Some(format!("the core dump of {call} was not written: {reason}"))
        }
    }
}

/// Returns the calls from the run down to one.
fn way(call: &FailedCall) -> String {
    let chain = call.chain.join(" > ");
    match &call.step {
        Some(step) => format!("{chain} in step `{step}`"),
        None => chain,
    }
}

/// Adds what a report says to the JSON of an error.
pub(crate) fn report_json(report: &FailureReport, error: &mut Value) {
    let failed = report.origins.iter().map(|call| {
        let mut json = call_json(call);
        json["error"] = json!(call.error);
        json
    });
    error["failed"] = failed.collect();
    error["failedCount"] = json!(report.n_origins);
    let undone = report.undone.iter().map(|call| {
        let mut json = call_json(call);
        json["changes"] = json!(call.undone.changes);
        json["names"] = json!(call.undone.names);
        json
    });
    error["undone"] = undone.collect();
    error["undoneCount"] = json!(report.n_undone);
}

fn call_json(call: &FailedCall) -> Value {
    json!({
        "call": call.call,
        "step": call.step,
        "chain": call.chain,
        "model": call.model,
        "method": call.method,
    })
}

/// Adds what became of a core dump to a JSON object, if somebody asked for one.
pub(crate) fn core_dump_json(end: &CoreDumpEnd, object: &mut Value) {
    object["coreDump"] = match end {
        CoreDumpEnd::NotWanted => return,
        CoreDumpEnd::NothingTrapped => json!({"call": null, "path": null}),
        CoreDumpEnd::Written { call, path, size } => {
            json!({"call": call, "path": path.to_string_lossy(), "size": size})
        }
        CoreDumpEnd::Failed { call, reason } => {
            json!({"call": call, "path": null, "reason": reason})
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_backtrace_the_authors_own_functions_are_shown() {
        let check = |functions: &[&str], expect: &[&str]| {
            let frame = |function: &&str| Frame {
                function: (*function).to_owned(),
                place: None,
            };
            let frames: Vec<Frame> = functions.iter().map(frame).collect();
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
    fn what_was_undone_is_counted_and_named() {
        let check = |changes: u64, n_names: usize, expect: &str| {
            let name = |n: usize| format!("n{n}").parse().expect("a name");
            let names = (0..n_names).map(name).collect();
            assert_eq!(undone_text(&Undone { changes, names }), expect);
        };
        check(1, 1, "1 change was undone: `n0`");
        check(7, 2, "7 changes were undone: `n0`, `n1`");
        check(
            9,
            6,
            "9 changes were undone: `n0`, `n1`, `n2`, `n3`, `n4` and others",
        );
    }
}
