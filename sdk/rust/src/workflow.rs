//! Workflows: running them, and what became of their runs.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::host::workflows;
use crate::{Context, Failure, Violation, WorkflowError};

/// Where a run of a workflow stands when nothing of it is left to do for now.
///
/// A run that failed is an outcome and not an error, because the caller decides what follows. Use
/// [`RunOutcome::success`] to pass anything but a success on with `?`.
#[derive(Debug, Clone, PartialEq)]
pub enum RunOutcome {
    /// Everything that had to succeed succeeded.
    Succeeded(RunSuccess),
    /// Something that had to succeed did not.
    Failed(RunFailure),
    /// A user cancelled the run, or it was cancelled with a run that it is part of.
    Cancelled {
        /// The id of the run.
        run: String,
        /// The reason, if one was given.
        reason: Option<String>,
    },
    /// The run waits for a decision of a user, who then continues it. A plugin cannot decide.
    Suspended {
        /// The id of the run.
        run: String,
        /// The gates that wait: `job/step`, or `job/step/job/step` for a gate of a nested workflow.
        gates: Vec<String>,
    },
}

impl RunOutcome {
    /// Returns the id of the run.
    #[must_use]
    pub fn run(&self) -> &str {
        match self {
            Self::Succeeded(success) => &success.run,
            Self::Failed(failure) => &failure.run,
            Self::Cancelled { run, .. } | Self::Suspended { run, .. } => run,
        }
    }

    /// Returns what a run that succeeded returned.
    ///
    /// # Errors
    /// `workflow-failed`, `workflow-cancelled` or `workflow-suspended`, with the id of the run in the
    /// details.
    pub fn success(self) -> Result<RunSuccess, Failure> {
        let (code, message, details) = match self {
            Self::Succeeded(success) => return Ok(success),
            Self::Failed(failure) => {
                let details = json!({"run": failure.run, "steps": failure.steps});
                ("workflow-failed", failure.to_string(), details)
            }
            Self::Cancelled { run, reason } => {
                let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
                let message = format!("the run `{run}` was cancelled{reason}");
                ("workflow-cancelled", message, json!({"run": run}))
            }
            Self::Suspended { run, gates } => {
                let message = format!(
                    "the run `{run}` waits for a decision at {}",
                    gates.join(", ")
                );
                let details = json!({"run": run, "gates": gates});
                ("workflow-suspended", message, details)
            }
        };
        let mut failure = Failure::new(code, message);
        failure.details = Some(details);
        Err(failure)
    }
}

/// A run that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSuccess {
    /// The id of the run.
    pub run: String,
    /// What the methods of its steps returned, by `job/step`, or `job/expansion` for a step with
    /// `forEach`. `None` if it is more than 4 MiB of text.
    pub outputs: Option<Map<String, Value>>,
}

impl RunSuccess {
    /// Returns what the method of a step returned, as a `T`. `step` is `job/step`. Returns `None` if
    /// the step ran no method, or if the outputs are too large.
    ///
    /// # Errors
    /// The value cannot be deserialized as `T`.
    pub fn output_as<T: DeserializeOwned>(
        &self,
        step: &str,
    ) -> Result<Option<T>, serde_json::Error> {
        let output = self.outputs.as_ref().and_then(|it| it.get(step));
        output.map(T::deserialize).transpose()
    }
}

/// A run that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFailure {
    /// The id of the run.
    pub run: String,
    /// A message for the user.
    pub message: String,
    /// The steps that failed: at most the first 100.
    pub steps: Vec<FailedStep>,
}

/// The message, with the steps that made the run fail.
impl fmt::Display for RunFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for step in self.steps.iter().filter(|step| !step.is_allowed) {
            write!(f, "; {}: {}", step.step, step.message)?;
        }
        Ok(())
    }
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedStep {
    /// `job/step`, or `job/expansion` of a step with `forEach`; the job, if its guard failed.
    pub step: String,
    /// A short word for programs, for example `timed-out`; `plugin/CODE` for the failure of a method,
    /// and `rejected` for a gate.
    pub code: String,
    /// A message for the user.
    pub message: String,
    /// Whether the run could have succeeded although the step failed.
    pub is_allowed: bool,
}

/// Workflows.
///
/// A plugin requests each workflow with
/// [`Model::asks_for_workflows`](crate::Model::asks_for_workflows), and an operator grants it.
impl Context {
    /// Runs a workflow, and waits until its run has ended or waits for a decision.
    ///
    /// The run is part of this call's run: it is under the deadline of the call, and is cancelled with
    /// it. What its steps commit is kept even if this call fails later. They cannot read what this call
    /// has staged; [`Context::publish`] it first. If the host runs this call again after an
    /// interruption or a deadlock, the same workflow with the same inputs at the same place is the same
    /// run, so do not put the time into the inputs.
    ///
    /// ```no_run
    /// use sedge_sdk::{Context, Failure, NoArguments, json};
    ///
    /// fn release(cx: &Context, _: NoArguments) -> Result<String, Failure> {
    ///     let outcome = cx.run_workflow("deploy", &json!({"region": "eu"}))?;
    ///     let success = outcome.success()?;
    ///     let address = success.output_as::<String>("main/start")?;
    ///     address.ok_or_else(|| Failure::new("no-address", "the step `main/start` returned nothing"))
    /// }
    /// ```
    ///
    /// # Errors
    /// Why there is no run. A run that failed is an outcome: see [`RunOutcome`].
    pub fn run_workflow(
        &self,
        workflow: &str,
        inputs: &impl Serialize,
    ) -> Result<RunOutcome, WorkflowError> {
        let inputs = inputs_text(inputs)?;
        RunOutcome::try_from(workflows::run(workflow, &inputs)?)
    }

    /// Starts a workflow and continues. Returns the id of its run.
    ///
    /// The host works on the run beside this call, which ends only when the run has ended or waits for
    /// a decision. How the run ends does not change how this call ends.
    ///
    /// ```no_run
    /// use sedge_sdk::{Context, Failure, NoArguments, json};
    ///
    /// /// Starts the checks of all regions, and returns their runs.
    /// fn check_all(cx: &Context, _: NoArguments) -> Result<Vec<String>, Failure> {
    ///     let regions = ["eu", "us"].iter();
    ///     let started = regions.map(|it| cx.start_workflow("check", &json!({"region": it})));
    ///     Ok(started.collect::<Result<_, _>>()?)
    /// }
    /// ```
    ///
    /// # Errors
    /// Why there is no run.
    pub fn start_workflow(
        &self,
        workflow: &str,
        inputs: &impl Serialize,
    ) -> Result<String, WorkflowError> {
        let inputs = inputs_text(inputs)?;
        Ok(workflows::start(workflow, &inputs)?)
    }
}

fn inputs_text(inputs: &impl Serialize) -> Result<String, WorkflowError> {
    serde_json::to_string(inputs).map_err(|error| WorkflowError::InvalidInput {
        violations: vec![Violation {
            path: String::new(),
            message: error.to_string(),
        }],
    })
}

impl TryFrom<workflows::RunOutcome> for RunOutcome {
    type Error = WorkflowError;

    fn try_from(wire: workflows::RunOutcome) -> Result<Self, WorkflowError> {
        Ok(match wire {
            workflows::RunOutcome::Succeeded(success) => Self::Succeeded(RunSuccess {
                run: success.run,
                // The host has made the text, so it is an object.
                outputs: match success.outputs {
                    Some(text) => Some(serde_json::from_str(&text).map_err(|error| {
                        WorkflowError::Refused {
                            reason: format!("the outputs of the run cannot be read: {error}"),
                        }
                    })?),
                    None => None,
                },
            }),
            workflows::RunOutcome::Failed(failure) => {
                let steps = failure.steps.into_iter().map(|step| FailedStep {
                    step: step.step,
                    code: step.code,
                    message: step.message,
                    is_allowed: step.allowed,
                });
                Self::Failed(RunFailure {
                    run: failure.run,
                    message: failure.message,
                    steps: steps.collect(),
                })
            }
            workflows::RunOutcome::Cancelled(cancelled) => Self::Cancelled {
                run: cancelled.run,
                reason: cancelled.reason,
            },
            workflows::RunOutcome::Suspended(suspended) => Self::Suspended {
                run: suspended.run,
                gates: suspended.gates,
            },
        })
    }
}

impl From<workflows::WorkflowError> for WorkflowError {
    fn from(wire: workflows::WorkflowError) -> Self {
        match wire {
            workflows::WorkflowError::NotFound(name) => Self::NotFound { name },
            workflows::WorkflowError::InvalidInput(violations) => Self::InvalidInput {
                violations: violations.into_iter().map(Violation::from).collect(),
            },
            workflows::WorkflowError::Denied(reason) => Self::Denied { reason },
            workflows::WorkflowError::Refused(reason) => Self::Refused { reason },
            workflows::WorkflowError::Limit(limit) => Self::Limit {
                name: limit.name,
                value: limit.value,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_has_typed_outputs() {
        let wire = workflows::RunOutcome::Succeeded(workflows::RunSuccess {
            run: "k3v9q2x8w1mz".into(),
            outputs: Some(r#"{"main/count": 3}"#.into()),
        });
        let outcome = RunOutcome::try_from(wire).expect("it is JSON");
        assert_eq!(outcome.run(), "k3v9q2x8w1mz");
        let success = outcome.success().expect("it succeeded");
        assert_eq!(success.output_as("main/count").expect("a number"), Some(3));
        assert_eq!(success.output_as::<u8>("main/other").expect("none"), None);
    }

    #[test]
    fn other_outcome_is_passed_on_with_its_run() {
        let run = || "k3v9q2x8w1mz".to_owned();
        let step = |name: &str, is_allowed| FailedStep {
            step: name.to_owned(),
            code: "timed-out".to_owned(),
            message: "too late".to_owned(),
            is_allowed,
        };
        let failed = RunOutcome::Failed(RunFailure {
            run: run(),
            message: "the workflow `w` failed".to_owned(),
            steps: vec![step("main/a", false), step("main/b", true)],
        });
        let failure = failed.success().expect_err("it failed");
        assert_eq!(failure.code, "workflow-failed");
        assert_eq!(failure.message, "the workflow `w` failed; main/a: too late");
        let suspended = RunOutcome::Suspended {
            run: run(),
            gates: vec!["main/gate".to_owned()],
        };
        let failure = suspended.success().expect_err("it waits");
        assert_eq!(failure.code, "workflow-suspended");
        let details = json!({"run": "k3v9q2x8w1mz", "gates": ["main/gate"]});
        assert_eq!(failure.details, Some(details));
        let cancelled = RunOutcome::Cancelled {
            run: run(),
            reason: Some("too slow".to_owned()),
        };
        let failure = cancelled.success().expect_err("it was cancelled");
        assert_eq!(failure.code, "workflow-cancelled");
        assert_eq!(
            failure.message,
            "the run `k3v9q2x8w1mz` was cancelled: too slow"
        );
    }

    #[test]
    fn workflow_error_keeps_its_code_as_a_failure() {
        let wire = workflows::WorkflowError::NotFound("nightly".into());
        let failure = Failure::from(WorkflowError::from(wire));
        assert_eq!(failure.code, "not-found");
        assert_eq!(failure.message, "no workflow named `nightly`");
    }
}
