//! The prompt of a gate, with its expressions evaluated.

use sedge_lang::workflow::{Workflow, WrittenText};
use sedge_model::run::StepPath;
use serde_json::Value;

use crate::error::AppError;
use crate::expression::{EvaluatorSource, ResultsUsed, StepVariables, uses_data};
use crate::secret::argument::marks_hide;

/// Returns the prompt of a gate. An expression that has no value stands as it is written, because
/// the gate has to be decided nevertheless.
pub(crate) fn prompt_shown(
    source: &EvaluatorSource,
    workflow: &Workflow,
    gate: &StepPath,
    variables: &StepVariables,
) -> String {
    let written = workflow.step(gate).and_then(|step| step.task.prompt());
    let Some(written) = written else {
        return String::new();
    };
    match prompt_value(source, written, variables) {
        Ok(Value::String(text)) => text,
        Ok(value) => value.to_string(),
        Err(error) => {
            tracing::warn!(%gate, %error, "a prompt has no value");
            written.as_str().to_owned()
        }
    }
}

/// Evaluates a prompt. It has `[sealed]` in place of sensitive inputs.
///
/// # Errors
/// Returns an error if an expression has no value, with its place.
pub(crate) fn prompt_value(
    source: &EvaluatorSource,
    written: &WrittenText,
    variables: &StepVariables,
) -> Result<Value, AppError> {
    if let Some(text) = written.literal() {
        return Ok(Value::String(text.to_owned()));
    }
    let used = ResultsUsed::of(written.exprs());
    let has_data = used.is_any() || written.exprs().any(uses_data);
    let mut value = source.evaluate(has_data, |evaluator| {
        variables.with_env(evaluator, &used, |env| evaluator.text(written, env))
    })?;
    marks_hide(&mut value);
    Ok(value)
}
