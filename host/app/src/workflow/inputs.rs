//! The inputs of a workflow's run: checked by its schema, and free of values of secrets.

use std::borrow::Cow;

use sedge_api::problem::details::ViolationsDetails;
use sedge_api::problem::{Details, ErrorCode, Explain, Help, UseCase};
use sedge_lang::input::{GivenInputs, KnownInputs};
use sedge_lang::workflow::Workflow;
use sedge_model::names::WorkflowName;
use sedge_model::violation::Violation;
use sedge_secrets::Redactor;
use serde_json::{Map, Value};

use crate::error::{AppError, RunUseError, quoted};
use crate::model::error::violation_view;

/// Returns the inputs of a run, with the defaults; `None` if the workflow declares no inputs.
///
/// # Errors
/// Returns an error if the workflow declares no inputs and some are given, or if they violate its
/// schema. The error has all violations.
pub(crate) fn run_inputs(
    workflow: &Workflow,
    given: &GivenInputs,
) -> Result<Option<Map<String, Value>>, AppError> {
    let merged = merged(workflow, given)?;
    if !workflow.inputs.is_declared() {
        return Ok(None);
    }
    match workflow.inputs.resolve(merged) {
        Ok(inputs) => Ok(Some(inputs)),
        Err(violations) => Err(invalid(workflow, violations)),
    }
}

/// Returns the inputs as far as they have values before a run.
///
/// # Errors
/// The same as for [`run_inputs`], except for inputs that are missing.
pub(crate) fn known_inputs(
    workflow: &Workflow,
    given: &GivenInputs,
) -> Result<KnownInputs, AppError> {
    let known = workflow.inputs.resolve_known(merged(workflow, given)?);
    known.map_err(|violations| invalid(workflow, violations))
}

/// Returns the given inputs. If the workflow declares none, there are none.
fn merged(workflow: &Workflow, given: &GivenInputs) -> Result<Map<String, Value>, AppError> {
    let declared = &workflow.inputs;
    let merged = given.merged(declared.json())?;
    if declared.is_declared() || merged.is_empty() {
        return Ok(merged);
    }
    let names: Vec<String> = merged.keys().cloned().collect();
    let first = Value::from(names[0].as_str());
    Err(error(RunInputsError::Undeclared {
        workflow: workflow.name.clone(),
        file: workflow.file.name.clone(),
        yaml: format!("inputs:\n  {first}: {{type: string}}\n"),
        given: names,
    }))
}

fn invalid(workflow: &Workflow, violations: Vec<Violation>) -> AppError {
    error(RunInputsError::Invalid {
        workflow: workflow.name.clone(),
        violations,
    })
}

/// Refuses inputs that contain the value of a secret.
///
/// A run stores its inputs, and a resumed run needs them unchanged, so they cannot be masked.
///
/// # Errors
/// An input contains the value of a secret. The error names the input.
pub(crate) fn secrets_refuse(
    inputs: &Map<String, Value>,
    redactor: &Redactor,
) -> Result<(), AppError> {
    if redactor.is_empty() {
        return Ok(());
    }
    for (name, value) in inputs {
        let mut redacted = value.clone();
        redactor.redact_json(&mut redacted);
        if redacted != *value || matches!(redactor.redact(name), Cow::Owned(_)) {
            let input = redactor.redact(name).into_owned();
            return Err(error(RunInputsError::HasSecret { input }));
        }
    }
    Ok(())
}

fn error(error: RunInputsError) -> AppError {
    RunUseError::from(error).into()
}

/// The inputs for a run of a workflow cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunInputsError {
    /// The workflow declares no inputs.
    #[error("the workflow `{workflow}` declares no inputs")]
    Undeclared {
        /// The workflow.
        workflow: WorkflowName,
        /// Its file.
        file: String,
        /// The lines that would declare the first input.
        yaml: String,
        /// The names of the given inputs.
        given: Vec<String>,
    },
    /// The inputs violate the schema of the workflow.
    #[error("the inputs of the workflow `{workflow}` do not fit its schema")]
    Invalid {
        /// The workflow.
        workflow: WorkflowName,
        /// The violations, each with its place.
        violations: Vec<Violation>,
    },
    /// An input contains the value of a secret.
    #[error("the input `{input}` contains the value of a secret, and would be stored with the run")]
    HasSecret {
        /// The name of the input.
        input: String,
    },
}

impl Explain for RunInputsError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Undeclared { .. } | Self::Invalid { .. } => ErrorCode::InvalidInput,
            Self::HasSecret { .. } => ErrorCode::BadInput,
        }
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::Undeclared { given, .. } => vec![format!("{} was given", quoted(given))],
            Self::Invalid { violations, .. } => {
                violations.iter().map(ToString::to_string).collect()
            }
            Self::HasSecret { .. } => Vec::new(),
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Undeclared { file, yaml, .. } => {
                vec![Help::edit("declare it", file.as_str(), yaml.as_str())]
            }
            Self::Invalid { workflow, .. } => vec![
                Help::command("see its inputs", UseCase::WorkflowGet)
                    .with("name", workflow.as_str()),
            ],
            Self::HasSecret { .. } => vec![Help::advice(
                "leave the input out, and use `${{ secret(\"NAME\") }}` where the value is needed",
            )],
        }
    }

    fn details(&self) -> Option<Details> {
        let Self::Invalid { violations, .. } = self else {
            return None;
        };
        let violations = violations.iter().map(violation_view).collect();
        Some(Details::Violations(ViolationsDetails { violations }))
    }
}
