//! The help for a call that failed because of a limit: where the operator can raise it.
//!
//! The host records which limit it was; the plugin's message does not matter.

use sedge_api::problem::Help;
use sedge_lang::repository::CONFIG_FILE;
use sedge_model::call::{CallError, LimitName};
use sedge_model::limits::LimitScope;
use sedge_model::names::ModelName;

use crate::call::failure::CallFailure;

/// Returns the help for the limit that a call of `model` reached. Returns `None` if the call failed
/// for another reason, or if the limit cannot be set.
pub(super) fn limit_help(error: &CallError, model: &ModelName) -> Option<Vec<Help>> {
    if let CallError::TimedOut { after_ms } = error {
        let seconds = after_ms.div_ceil(1000).saturating_mul(2).max(1);
        let line = format!("limits: {{wallTimeSeconds: {seconds}}}");
        return Some(of_call(&line, model));
    }
    if let CallError::Limit { name, value } = error {
        return name_help(*name, *value, model);
    }
    None
}

/// Returns the same help for a call in which a run's failure began.
pub(super) fn limit_help_of_origin(origin: &CallFailure) -> Option<Vec<Help>> {
    let CallFailure {
        error,
        model,
        refusals,
        ..
    } = origin;
    if let Some(help) = limit_help(error, model) {
        return Some(help);
    }
    let CallError::Failed(_) = error else {
        return None;
    };
    if let Some((name, value)) = refusals.limits.last() {
        return name_help(*name, *value, model);
    }
    let (name, value, callee) = refusals.calls.iter().rev().find_map(|call| {
        if let CallError::Limit { name, value } = &call.error {
            return Some((*name, *value, &call.model));
        }
        None
    })?;
    // A limit of the run is that of the model that was to be called, and any other one that of its
    // caller.
    match (name.row().scope, callee.parse::<ModelName>()) {
        (LimitScope::Run, Ok(callee)) => name_help(name, value, &callee),
        (LimitScope::Run | LimitScope::Call | LimitScope::Process | LimitScope::Plugin, _) => {
            name_help(name, value, model)
        }
    }
}

/// Returns the help for a limit that applies to calls of `model`.
fn name_help(name: LimitName, value: u64, model: &ModelName) -> Option<Vec<Help>> {
    let line = name.raised(value)?;
    Some(match name.row().scope {
        LimitScope::Call => of_call(&line, model),
        LimitScope::Run => vec![
            of_repository(&line),
            Help::edit(
                format!("or raise it for the calls of `{model}`"),
                model.file(),
                line,
            ),
        ],
        LimitScope::Process | LimitScope::Plugin => vec![of_repository(&line)],
    })
}

fn of_call(line: &str, model: &ModelName) -> Vec<Help> {
    vec![
        Help::edit("raise the limit if it needs more", model.file(), line),
        Help::edit("or raise it for all models", CONFIG_FILE, line),
    ]
}

fn of_repository(line: &str) -> Help {
    Help::edit("raise the limit if it needs more", CONFIG_FILE, line)
}
