//! Steps of type `assert`: a condition that has to hold. An assert has no call.

use std::sync::Arc;

use sedge_lang::workflow::{Task, WrittenText};
use sedge_model::run::{AssertSeverity, StepAttempt, StepError};
use sedge_workflow::Todo;

use super::evaluate::text_shown;
use super::step::StepDecision;
use super::{Drive, DriveState};
use crate::error::AppError;
use crate::expression::{EvaluatorSource, SecretPlace, StepVariables, has_data, needs_results};
use crate::structure::in_background;

impl Drive {
    /// Evaluates an assert that needs no result. Returns `None` if it does.
    pub(super) fn assert_now(
        &self,
        state: &DriveState,
        todo: &Todo,
    ) -> Result<Option<StepDecision>, AppError> {
        let Todo::Start { step, .. } = todo else {
            return Ok(None);
        };
        let message = self.assert_message(step);
        if message.is_some_and(|it| needs_results(it.exprs())) {
            return Ok(None);
        }
        let Some(holds) = self.holds_now(state, todo)? else {
            return Ok(None);
        };
        let variables = self.assert_variables(state, step);
        self.asserted(step, holds, &variables).map(Some)
    }

    /// Evaluates an assert in a task.
    pub(super) async fn assert_later(
        self: &Arc<Self>,
        todo: &Todo,
        step: &StepAttempt,
    ) -> Result<StepDecision, AppError> {
        let holds = self.holds_later(todo).await?;
        let variables = self.assert_variables(&self.state(), step);
        let (drive, step) = (Arc::clone(self), step.clone());
        in_background(move |_| drive.asserted(&step, holds, &variables)).await
    }

    fn assert_variables(&self, state: &DriveState, step: &StepAttempt) -> StepVariables {
        let message = self.assert_message(step);
        let exprs = message.into_iter().flat_map(WrittenText::exprs);
        let instance = &step.step;
        self.variables(state, &instance.path.job, Some(instance), exprs)
    }

    fn assert_message(&self, step: &StepAttempt) -> Option<&WrittenText> {
        match &self.written_step(&step.step).task {
            Task::Assert { message, .. } => message.as_ref(),
            Task::ModelMethod { .. } | Task::Workflow { .. } | Task::ManualApproval { .. } => None,
        }
    }

    /// Returns the event of an assert: if it does not hold, its message is evaluated.
    fn asserted(
        &self,
        step: &StepAttempt,
        holds: bool,
        variables: &StepVariables,
    ) -> Result<StepDecision, AppError> {
        let end = match holds {
            true => Ok(()),
            false => Err(self.assert_error(step, variables)?),
        };
        Ok(StepDecision::Event(Box::new(
            self.end_event(step, None, &end),
        )))
    }

    fn assert_error(
        &self,
        step: &StepAttempt,
        variables: &StepVariables,
    ) -> Result<StepError, AppError> {
        let (text, severity) = match &self.written_step(&step.step).task {
            Task::Assert { expr, severity, .. } => (expr.expr().text().to_owned(), *severity),
            Task::ModelMethod { .. } | Task::Workflow { .. } | Task::ManualApproval { .. } => {
                (String::new(), AssertSeverity::default())
            }
        };
        let message = match self.assert_message(step) {
            Some(message) => {
                let source = EvaluatorSource {
                    secrets: SecretPlace::Elsewhere,
                    ..self.cx.evaluator_source()
                };
                let has_data = has_data(message.exprs());
                source.evaluate(has_data, |it| text_shown(it, message, variables))?
            }
            None => format!("`{text}` does not hold"),
        };
        let redactor = self.cx.vault.redactors().all;
        Ok(StepError::Assert {
            message: redactor.redact(&message).into_owned(),
            severity,
        })
    }
}
