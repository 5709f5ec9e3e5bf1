//! The interface `workflows`: runs workflows.
//!
//! [`WorkflowsPort`] runs them: see `host/app/src/call/ports/workflows.rs`.

use std::sync::Arc;

use sedge_model::call::LimitName;
use sedge_model::names::RunId;
use sedge_model::permission::effective::Use;
use sedge_model::violation::Violation;
use serde_json::Value;

use crate::bindings::sedge::model::types;
use crate::bindings::sedge::model::workflows::{self, Host};
use crate::call::CallState;
use crate::convert;
use crate::host::{BoxFuture, JSON_BYTES_MAX, RequestFault, connected};
use crate::json;

/// Runs the workflows of one call.
pub trait WorkflowsPort: Send + Sync {
    /// Runs a workflow as the caller's nested call number `ordinal`, until the run ends or waits for a
    /// decision. The caller may run this workflow.
    fn run(&self, request: GuestRunRequest) -> GuestRunEnded<GuestRun>;

    /// Starts a workflow as the caller's nested call number `ordinal`. The run goes on beside the
    /// call.
    fn start(&self, request: GuestRunRequest) -> GuestRunEnded<RunId>;
}

/// The result of a request for the run of a workflow.
pub type GuestRunEnded<T> = BoxFuture<Result<T, RequestFault<GuestRunError>>>;

/// A request for the run of a workflow.
#[derive(Debug, Clone)]
pub struct GuestRunRequest {
    /// The ordinal among what the call has called.
    pub ordinal: u32,
    /// The workflow, as the guest wrote it.
    pub workflow: String,
    /// The inputs.
    pub inputs: Value,
}

/// A run of a workflow that a guest waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestRun {
    /// The run.
    pub run: RunId,
    /// Where it stands.
    pub end: GuestRunEnd,
}

/// Where a run stands that a guest waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuestRunEnd {
    /// It succeeded.
    Succeeded {
        /// An object with the values of its steps, as JSON; `None` if it is too large.
        outputs: Option<String>,
    },
    /// It failed.
    Failed {
        /// A message for the user.
        message: String,
        /// The steps that failed.
        steps: Vec<GuestRunStep>,
    },
    /// It was cancelled.
    Cancelled {
        /// The reason, if one was given.
        reason: Option<String>,
    },
    /// It waits for decisions.
    Suspended {
        /// The gates.
        gates: Vec<String>,
    },
}

/// A step that failed in a run that a guest waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestRunStep {
    /// The step.
    pub step: String,
    /// A short word for programs.
    pub code: String,
    /// A message for the user.
    pub message: String,
    /// Whether the run could have succeeded nevertheless.
    pub is_allowed: bool,
}

/// Why there is no run of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuestRunError {
    /// No workflow has this name.
    NotFound(String),
    /// The inputs do not fit the schema of the workflow.
    InvalidInput(Vec<Violation>),
    /// The caller may not run workflows.
    Denied(String),
    /// The workflow cannot run.
    Refused(String),
    /// A limit was reached.
    Limit {
        /// The limit.
        name: LimitName,
        /// Its value.
        value: u64,
    },
}

/// The part of a request that is left when the port may run it.
type Admitted = Result<(Arc<dyn WorkflowsPort>, GuestRunRequest), GuestRunError>;

impl CallState {
    /// Checks a request, and assigns it the next ordinal among the nested calls.
    fn workflow_requested(&mut self, workflow: String, inputs: &str) -> wasmtime::Result<Admitted> {
        self.count_host_call(workflow.len() + inputs.len())?;
        let port = Arc::clone(connected(self.ports.workflows.as_ref())?);
        self.data_share()?;
        let running = self.running()?;
        let most = running.identity.limits.calls_per_call;
        if running.n_calls >= most {
            return Ok(Err(GuestRunError::Limit {
                name: LimitName::CallsPerCall,
                value: most.into(),
            }));
        }
        running.n_calls += 1;
        let ordinal = running.n_calls;
        let identity = Arc::clone(&running.identity);
        if let Err(denial) = identity.permissions.workflow(&workflow) {
            return Ok(Err(GuestRunError::Denied(self.denied(&denial))));
        }
        if !identity.kind.changes_object() {
            let reason = format!(
                "`{}` may not run the workflow `{}` in `{}`: a method of kind `{}` runs no workflows",
                identity.model,
                workflow.escape_debug(),
                identity.method,
                identity.kind.as_str()
            );
            return Ok(Err(GuestRunError::Denied(reason)));
        }
        identity.uses.mark(&Use::Workflow(&workflow));
        Ok(inputs_parsed(inputs).map(|inputs| {
            let request = GuestRunRequest {
                ordinal,
                workflow,
                inputs,
            };
            (port, request)
        }))
    }

    /// Returns an error to the guest, and notes a limit that was reached.
    fn workflow_error(
        &mut self,
        error: GuestRunError,
    ) -> wasmtime::Result<workflows::WorkflowError> {
        Ok(match error {
            GuestRunError::NotFound(name) => workflows::WorkflowError::NotFound(name),
            GuestRunError::InvalidInput(violations) => {
                workflows::WorkflowError::InvalidInput(convert::violations_to_guest(violations))
            }
            GuestRunError::Denied(reason) => workflows::WorkflowError::Denied(reason),
            GuestRunError::Refused(reason) => workflows::WorkflowError::Refused(reason),
            GuestRunError::Limit { name, value } => {
                self.limit_note(name, value)?;
                workflows::WorkflowError::Limit(types::LimitReached {
                    name: name.as_str().to_owned(),
                    value,
                })
            }
        })
    }

    fn workflow_ended<T>(
        &mut self,
        ended: Result<T, RequestFault<GuestRunError>>,
    ) -> wasmtime::Result<Result<T, workflows::WorkflowError>> {
        match ended {
            Ok(ended) => Ok(Ok(ended)),
            Err(RequestFault::Guest(error)) => Ok(Err(self.workflow_error(error)?)),
            Err(RequestFault::Host(error)) => Err(error.into()),
        }
    }
}

impl Host for CallState {
    async fn run(
        &mut self,
        workflow: String,
        inputs: String,
    ) -> wasmtime::Result<Result<workflows::RunOutcome, workflows::WorkflowError>> {
        let (port, request) = match self.workflow_requested(workflow, &inputs)? {
            Ok(admitted) => admitted,
            Err(error) => return Ok(Err(self.workflow_error(error)?)),
        };
        let ended = port.run(request).await;
        match self.workflow_ended(ended)? {
            Ok(run) => {
                let (outcome, n_bytes) = outcome_to_guest(run);
                self.count_bytes(n_bytes)?;
                Ok(Ok(outcome))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn start(
        &mut self,
        workflow: String,
        inputs: String,
    ) -> wasmtime::Result<Result<String, workflows::WorkflowError>> {
        let (port, request) = match self.workflow_requested(workflow, &inputs)? {
            Ok(admitted) => admitted,
            Err(error) => return Ok(Err(self.workflow_error(error)?)),
        };
        let started = port.start(request).await;
        let started = self.workflow_ended(started)?;
        Ok(started.map(|run| run.to_string()))
    }
}

/// Returns the outcome of a run for the guest, and the size of its texts in bytes.
fn outcome_to_guest(ended: GuestRun) -> (workflows::RunOutcome, usize) {
    let run = ended.run.to_string();
    match ended.end {
        GuestRunEnd::Succeeded { outputs } => {
            let n_bytes = outputs.as_ref().map_or(0, String::len);
            let success = workflows::RunSuccess { run, outputs };
            (workflows::RunOutcome::Succeeded(success), n_bytes)
        }
        GuestRunEnd::Failed { message, steps } => {
            let size = |it: &GuestRunStep| it.step.len() + it.code.len() + it.message.len();
            let n_bytes = message.len() + steps.iter().map(size).sum::<usize>();
            let steps = steps.into_iter().map(|step| workflows::FailedStep {
                step: step.step,
                code: step.code,
                message: step.message,
                allowed: step.is_allowed,
            });
            let failure = workflows::RunFailure {
                run,
                message,
                steps: steps.collect(),
            };
            (workflows::RunOutcome::Failed(failure), n_bytes)
        }
        GuestRunEnd::Cancelled { reason } => {
            let n_bytes = reason.as_ref().map_or(0, String::len);
            let cancellation = workflows::RunCancellation { run, reason };
            (workflows::RunOutcome::Cancelled(cancellation), n_bytes)
        }
        GuestRunEnd::Suspended { gates } => {
            let n_bytes = gates.iter().map(String::len).sum();
            let suspension = workflows::RunSuspension { run, gates };
            (workflows::RunOutcome::Suspended(suspension), n_bytes)
        }
    }
}

fn inputs_parsed(text: &str) -> Result<Value, GuestRunError> {
    if text.len() > JSON_BYTES_MAX {
        return Err(GuestRunError::Limit {
            name: LimitName::JsonBytes,
            value: JSON_BYTES_MAX as u64,
        });
    }
    let violation = |message: String| {
        GuestRunError::InvalidInput(vec![Violation {
            path: String::new(),
            message,
        }])
    };
    let inputs = json::parse(text).map_err(violation)?;
    match inputs.is_object() {
        true => Ok(inputs),
        false => Err(violation("the inputs are not an object".to_owned())),
    }
}
