//! What a started step runs, in the log: an interrupted step and each retry run with exactly these
//! inputs.

use std::sync::Arc;

use sedge_model::run::{RunEvent, StepInstance};
use sedge_store::{LogEntry, StartedTask, UnsavedStart};
use serde_json::Value;

use super::step::PreparedTask;
use super::{Drive, DriveState};
use crate::error::AppError;
use crate::run::cx::RunCx;
use crate::secret::stored_marks::{marks_load, marks_store};

/// Returns the entry of the log with which a step starts.
///
/// If the inputs contain the value of a secret, they are not stored, because a record never holds
/// it. A further attempt then evaluates them again.
pub(super) fn entry(cx: &Arc<RunCx>, event: RunEvent, task: &PreparedTask) -> LogEntry {
    let unsaved = match task {
        PreparedTask::Method(method) => method.direct.as_ref().and_then(|it| it.unsaved.clone()),
        PreparedTask::Workflow { .. } => None,
    };
    let task = match task {
        PreparedTask::Method(method) => StartedTask::Method {
            model: method.model.clone(),
            method: method.method.clone(),
            arguments: marks_store(&method.arguments),
            direct: method.direct.as_ref().map(|it| it.of_type.clone()),
        },
        PreparedTask::Workflow { workflow, inputs } => StartedTask::Workflow {
            workflow: workflow.clone(),
            inputs: marks_store(inputs),
        },
    };
    LogEntry {
        event,
        task: Some(task).filter(|it| !has_secret(cx, it)),
        unsaved: unsaved.map(|put| UnsavedStart {
            put,
            by: cx.locks.by(),
        }),
    }
}

fn has_secret(cx: &RunCx, task: &StartedTask) -> bool {
    let redactor = cx.vault.redactors().strong;
    if redactor.is_empty() {
        return false;
    }
    let has = |value: &Value| {
        let mut redacted = value.clone();
        redactor.redact_json(&mut redacted);
        redacted != *value
    };
    match task {
        StartedTask::Method {
            arguments, direct, ..
        } => {
            let globals = direct.as_ref().map(|it| &it.global_arguments);
            has(arguments) || globals.is_some_and(has)
        }
        StartedTask::Workflow { inputs, .. } => has(inputs),
    }
}

impl Drive {
    /// Returns what a step has started before, in an earlier attempt or before it was interrupted.
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
        Ok(Some(match task {
            StartedTask::Method {
                model,
                method,
                arguments,
                direct,
            } => StartedTask::Method {
                model,
                method,
                arguments: marks_load(&arguments),
                direct,
            },
            StartedTask::Workflow { workflow, inputs } => StartedTask::Workflow {
                workflow,
                inputs: marks_load(&inputs),
            },
        }))
    }
}
