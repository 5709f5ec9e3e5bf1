//! Shows the steps that have failed in a run that has not failed.

use sedge_api::view::workflow::FailedStepView;
use sedge_app::failure_text::{Frames, call_text};

use crate::guest_text;

/// Returns a line for each step that has failed: why, and whether that is allowed. The last line
/// says what they mean for the run, if it can only fail.
pub(crate) fn failed_lines(steps: &[FailedStepView]) -> Vec<String> {
    let mut lines: Vec<String> = steps.iter().map(failed_line).collect();
    if steps.iter().any(|step| !step.is_allowed) {
        lines.push(
            "note: the run can only fail, because a step without `allowFailure` has failed"
                .to_owned(),
        );
    }
    lines
}

/// Returns a step that has failed as a line.
pub(crate) fn failed_line(step: &FailedStepView) -> String {
    let FailedStepView {
        step: name,
        error,
        is_allowed,
    } = step;
    let allowed = if *is_allowed { " (allowed)" } else { "" };
    let Some(error) = error else {
        return format!("note: the gate `{name}` was rejected{allowed}");
    };
    let what = if name.contains('/') { "step" } else { "job" };
    let error = call_text(error, Frames::Few);
    let error = guest_text::block(&error, guest_text::INDENT);
    format!("note: the {what} `{name}` failed{allowed}: {error}")
}
