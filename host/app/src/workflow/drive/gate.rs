//! Gates: what a user is shown, and until when they can decide.

use std::sync::Arc;

use sedge_lang::workflow::{Step, Task};
use sedge_model::run::{GateDeadline, GateShown, RunEvent, StepAttempt};

use super::Drive;
use super::step::StepDecision;
use crate::error::AppError;
use crate::expression::{EvaluatorSource, SecretPlace};
use crate::structure::in_background;
use crate::workflow::prompt::prompt_shown;

impl Drive {
    /// Evaluates the prompt of a gate and its deadline.
    pub(super) async fn gate_later(
        self: &Arc<Self>,
        step: &StepAttempt,
    ) -> Result<StepDecision, AppError> {
        let written = self.written_step(&step.step);
        let variables = {
            let prompt = written.task.prompt();
            let exprs = prompt.into_iter().flat_map(|it| it.exprs());
            let (state, instance) = (self.state(), &step.step);
            self.variables(&state, &instance.path.job, Some(instance), exprs)
        };
        let (drive, gate) = (Arc::clone(self), step.step.path.clone());
        let prompt = in_background(move |_| {
            let source = EvaluatorSource {
                secrets: SecretPlace::Elsewhere,
                ..drive.cx.evaluator_source()
            };
            let prompt = prompt_shown(&source, &drive.workflow, &gate, &variables);
            let redactor = drive.cx.vault.redactors().all;
            Ok(redactor.redact(&prompt).into_owned())
        });
        let shown = GateShown {
            prompt: prompt.await?,
            digest: self.digest().await?,
        };
        Ok(StepDecision::Event(Box::new(RunEvent::GateOpened {
            gate: step.step.clone(),
            shown,
            deadline: deadline(written, self.now_ms()),
        })))
    }
}

/// Returns the deadline of a gate that opens now.
fn deadline(step: &Step, now_ms: i64) -> Option<GateDeadline> {
    match &step.task {
        Task::ManualApproval {
            timeout,
            on_timeout,
            ..
        } => {
            let span_ms = i64::try_from(timeout.as_ref()?.value.ms()).unwrap_or(i64::MAX);
            let then = on_timeout.as_ref().map(|it| it.value);
            Some(GateDeadline {
                at_ms: now_ms.saturating_add(span_ms),
                // ignored: no error is dropped, because this is an `Option`.
                then: then.unwrap_or_default(),
            })
        }
        Task::ModelMethod { .. } | Task::Workflow { .. } | Task::Assert { .. } => None,
    }
}
