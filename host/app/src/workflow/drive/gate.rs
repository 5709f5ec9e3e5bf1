//! Gates: what a user is shown, and until when they can decide.

use std::sync::Arc;

use sedge_lang::workflow::{ModelTarget, Step, Task};
use sedge_model::digest::Digest;
use sedge_model::run::{GateDeadline, GateShown, RunEvent, StepAttempt};
use serde_json::Value;

use super::Drive;
use super::step::StepDecision;
use crate::error::AppError;
use crate::expression::{EvaluatorSource, SecretPlace};
use crate::secret::argument::marks_hide;
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
            digest: self
                .digest
                .get_or_try_init(|| self.digest_of_run())
                .await?
                .clone(),
        };
        Ok(StepDecision::Event(Box::new(RunEvent::GateOpened {
            gate: step.step.clone(),
            shown,
            deadline: deadline(written, self.now_ms()),
        })))
    }

    /// Returns the digest of what a user decides on: the text of the workflow, the inputs without the
    /// values of sensitive ones, and the definitions and plugins of the models whose names are known before the run.
    async fn digest_of_run(&self) -> Result<String, AppError> {
        let mut inputs = Value::clone(&self.cx.inputs());
        marks_hide(&mut inputs);
        let mut parts = vec![self.workflow.file.text.clone(), inputs.to_string()];
        let mut names: Vec<&str> = self.workflow.steps().filter_map(model_named).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            match self.cx.model(name).await {
                Ok(model) => {
                    parts.push(name.to_owned());
                    parts.push(model.digest.to_string());
                    parts.push(model.plugin.description().sha256.clone());
                }
                // The model was removed after the run began. A user can decide nevertheless.
                Err(error) => {
                    tracing::warn!(name, %error, "a model of a run cannot be read");
                    parts.push(format!("{name} cannot be read"));
                }
            }
        }
        // The lengths separate the parts.
        let text: String = parts
            .iter()
            .map(|part| format!("{}\n{part}\n", part.len()))
            .collect();
        Ok(Digest::of(text.as_bytes()).to_string())
    }
}

/// Returns the name of the model that a step calls, if it has no expressions.
fn model_named(step: &Step) -> Option<&str> {
    match &step.task {
        Task::ModelMethod {
            model: ModelTarget::Named(name),
            ..
        } => name.literal(),
        Task::ModelMethod {
            model: ModelTarget::Typed { .. },
            ..
        }
        | Task::Workflow { .. }
        | Task::ManualApproval { .. }
        | Task::Assert { .. } => None,
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
