//! The help for a call that failed because of a limit: where the operator can raise it.
//!
//! The host records which limit it was; the plugin's message does not matter.

use sedge_api::problem::Help;
use sedge_model::call::{CallError, LimitName};
use sedge_model::names::ModelName;
use sedge_model::repository::CONFIG_FILE;

use crate::failure::{FailedCall, FailureReport};

/// Returns the help for the limit that a call of `model` reached. Returns `None` if the call failed
/// for another reason, or if the limit cannot be set.
pub(super) fn limit_help(error: &CallError, model: &ModelName) -> Option<Vec<Help>> {
    if let CallError::TimedOut { after_ms } = error {
        let seconds = after_ms.div_ceil(1000).saturating_mul(2).max(1);
        let line = format!("limits: {{wallTimeSeconds: {seconds}}}");
        return Some(raised(&line, model, false));
    }
    if let CallError::Limit { name, value } = error {
        return name_help(*name, *value, model);
    }
    None
}

/// Returns the same help for the first call in which a run's failure began.
pub(super) fn limit_help_of_report(report: &FailureReport) -> Option<Vec<Help>> {
    let FailedCall {
        error,
        model,
        refusals,
        ..
    } = report.origins.first()?;
    if let Some(help) = limit_help(error, model) {
        return Some(help);
    }
    let CallError::Failed(_) = error else {
        return None;
    };
    // A callee that was refused for a limit counts against the limit of its caller.
    let refused = refusals.calls.iter().rev().find_map(|call| {
        if let CallError::Limit { name, value } = &call.error {
            return Some((*name, *value));
        }
        None
    });
    let (name, value) = refusals.limits.last().copied().or(refused)?;
    name_help(name, value, model)
}

fn name_help(name: LimitName, value: u64, model: &ModelName) -> Option<Vec<Help>> {
    Some(raised(&name.raised(value)?, model, name.is_of_repository()))
}

fn raised(line: &str, model: &ModelName, is_of_repository: bool) -> Vec<Help> {
    if is_of_repository {
        return vec![Help::edit(
            "raise the limit if it needs more",
            CONFIG_FILE,
            line,
        )];
    }
    vec![
        Help::edit("raise the limit if it needs more", model.file(), line),
        Help::edit("or raise it for all models", CONFIG_FILE, line),
    ]
}
