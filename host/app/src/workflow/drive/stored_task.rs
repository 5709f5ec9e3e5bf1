//! What steps were started with, in the log: an interrupted step and each retry run with exactly these
//! inputs.
//!
//! A record never holds the value of a secret. Inputs that contain one are sealed for their step.

use std::sync::Arc;

use sedge_model::run::{RunEvent, StepInstance};
use sedge_secrets::{FieldKeys, RunPart};
use sedge_store::{DirectModel, LogEntry, StartedTask, UnsavedStart};
use serde_json::Value;

use super::step::{PreparedStart, PreparedTask};
use super::{Drive, DriveState};
use crate::error::AppError;
use crate::run::cx::RunCx;
use crate::secret::run_values::{keys_known, run_value_open, run_value_seal};
use crate::secret::stored_marks::{marks_load, marks_store, sealed_store, sealed_stored};
use crate::workflow::inputs::closed;

/// Returns the entry of the log with which a step starts.
pub(super) fn entry(cx: &Arc<RunCx>, event: RunEvent, start: &PreparedStart) -> LogEntry {
    let unsaved = match &start.task {
        PreparedTask::Method(method) => method.direct.as_ref().and_then(|it| it.unsaved.clone()),
        PreparedTask::Workflow { .. } => None,
    };
    let task = match &start.sealed {
        Some(sealed) => sealed.clone(),
        None => stored(&start.task),
    };
    LogEntry {
        event,
        task: Some(task),
        unsaved: unsaved.map(|put| UnsavedStart {
            put,
            by: cx.locks.actor().name.clone(),
        }),
    }
}

/// Returns a task in the form of the datastore.
fn stored(task: &PreparedTask) -> StartedTask {
    match task {
        PreparedTask::Method(method) => StartedTask::Method {
            model: method.model.clone(),
            method: method.method.clone(),
            arguments: marks_store(&method.arguments),
            direct: method.direct.as_ref().map(|it| it.of_type.clone()),
            environment: method.environment.clone(),
        },
        PreparedTask::Workflow {
            workflow,
            inputs,
            environment,
        } => StartedTask::Workflow {
            workflow: workflow.clone(),
            inputs: marks_store(inputs),
            environment: environment.clone(),
        },
    }
}

/// Returns a task in the form of the datastore, with its inputs sealed, if they contain the value of a
/// secret; otherwise `None`.
///
/// # Errors
/// The key that seals them cannot be read or created.
pub(super) fn sealed(
    cx: &RunCx,
    step: &StepInstance,
    task: &PreparedTask,
) -> Result<Option<StartedTask>, AppError> {
    if cx.vault.redactors().strong.is_empty() {
        return Ok(None);
    }
    let sealer = Sealer {
        cx,
        step: step.to_string(),
    };
    let (inputs, globals) = match task {
        PreparedTask::Method(method) => {
            let direct = method.direct.as_ref();
            (
                &method.arguments,
                direct.map(|it| &it.of_type.global_arguments),
            )
        }
        PreparedTask::Workflow { inputs, .. } => (inputs, None),
    };
    if !has_secret(cx, inputs) && !globals.is_some_and(|it| has_secret(cx, it)) {
        return Ok(None);
    }
    let keys = cx.repository.secrets()?.field_keys_or_fresh()?;
    Ok(Some(match stored(task) {
        StartedTask::Method {
            model,
            method,
            arguments,
            direct,
            environment,
        } => StartedTask::Method {
            model,
            method,
            environment,
            arguments: sealer.seal(&keys, RunPart::Arguments(&sealer.step), arguments),
            direct: direct.map(|it| DirectModel {
                global_arguments: sealer.seal(
                    &keys,
                    RunPart::GlobalArguments(&sealer.step),
                    it.global_arguments,
                ),
                type_name: it.type_name,
            }),
        },
        StartedTask::Workflow {
            workflow,
            inputs,
            environment,
        } => StartedTask::Workflow {
            workflow,
            environment,
            inputs: sealer.seal(&keys, RunPart::Arguments(&sealer.step), inputs),
        },
    }))
}

/// Seals what one step was started with.
struct Sealer<'c> {
    cx: &'c RunCx,
    step: String,
}

impl Sealer<'_> {
    fn seal(&self, keys: &FieldKeys, part: RunPart<'_>, value: Value) -> Value {
        match has_secret(self.cx, &value) {
            true => sealed_store(&run_value_seal(keys, self.cx.run(), part, &value)),
            false => value,
        }
    }
}

/// Returns whether a value contains the value of a secret or of a sensitive input.
pub(super) fn has_secret(cx: &RunCx, value: &Value) -> bool {
    let redactor = cx.vault.redactors().strong;
    if redactor.is_empty() {
        return false;
    }
    let mut redacted = value.clone();
    redactor.redact_json(&mut redacted);
    redacted != *value
}

/// Returns a value in the form of the datastore that a step or an event has. If it was sealed, it is
/// opened; `part` is its place, and `what` names it in errors.
///
/// # Errors
/// It was sealed and cannot be opened.
pub(super) fn stored_open(
    cx: &RunCx,
    part: RunPart<'_>,
    what: impl FnOnce() -> String,
    value: Value,
) -> Result<Value, AppError> {
    let Some(parts) = sealed_stored(&value) else {
        return Ok(value);
    };
    let keys = keys_known(&cx.repository)?;
    let opened = run_value_open(keys.as_ref(), cx.run(), part, parts);
    opened.map_err(|source| closed(cx.run(), what(), source))
}

impl Drive {
    /// Returns what a step has started before, in an earlier attempt or before it was interrupted.
    ///
    /// # Errors
    /// The datastore cannot be read, or the inputs were sealed and cannot be opened.
    pub(super) fn started_before(
        &self,
        state: &DriveState,
        step: &StepInstance,
    ) -> Result<Option<StartedTask>, AppError> {
        let Some(call) = state.facts.starts.get(step) else {
            return Ok(None);
        };
        let store = self.cx.repository.store()?;
        let Some(task) = store.step_task(self.cx.run(), *call)? else {
            return Ok(None);
        };
        let name = step.to_string();
        let open = |part: RunPart<'_>, value: Value| {
            let what = || format!("what the step `{name}` was started with");
            stored_open(&self.cx, part, what, value)
        };
        let arguments = RunPart::Arguments(&name);
        Ok(Some(match task {
            StartedTask::Method {
                model,
                method,
                arguments: given,
                direct,
                environment,
            } => StartedTask::Method {
                model,
                method,
                environment,
                arguments: marks_load(&open(arguments, given)?),
                direct: match direct {
                    None => None,
                    Some(it) => Some(DirectModel {
                        global_arguments: open(
                            RunPart::GlobalArguments(&name),
                            it.global_arguments,
                        )?,
                        type_name: it.type_name,
                    }),
                },
            },
            StartedTask::Workflow {
                workflow,
                inputs,
                environment,
            } => StartedTask::Workflow {
                workflow,
                environment,
                inputs: marks_load(&open(arguments, inputs)?),
            },
        }))
    }
}
