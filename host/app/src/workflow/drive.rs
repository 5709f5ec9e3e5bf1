//! Drives a run of a workflow until it ends or waits at a gate; `run` and `resume` both use this.
//!
//! The crate `sedge-workflow` decides the next step from the log alone. This module writes each
//! decision to the log before it acts on it, and runs the steps.

use std::sync::Arc;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_lang::workflow::{Step, Task, Workflow};
use sedge_model::call::{CallError, CallStatus, Outcome};
use sedge_model::lineage::Lineage;
use sedge_model::names::JobName;
use sedge_model::run::{RunEvent, RunStatus, StepPath};
use sedge_store::{Author, EventRecord};
use sedge_sys::clock::Moment;
use sedge_workflow::{
    IllegalEvent, Next, RunAction, RunPause, RunState, StepCall, StepState, next,
};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::call::failure::FailureReport;
use crate::call::frame::CallFrame;
use crate::call::{CallFault, CallRequest, Replay, call_run, evaluation_fault};
use crate::error::{AppError, RunInterrupted, RunUseError, StepFault, WorkflowFailed};
use crate::events::Event;
use crate::expression::{EvaluatorSource, SecretPlace, StepVariables, WrittenStep};
use crate::run::cx::RunCx;
use crate::workflow::prompt::prompt_shown;

/// The call of a step, after it has ended.
struct Ended {
    step: StepPath,
    since: Moment,
    result: Result<Outcome, CallFault>,
}

/// The work of one process on one run.
struct Drive {
    cx: Arc<RunCx>,
    frame: Arc<CallFrame>,
    workflow: Arc<Workflow>,
    state: RunState,
    /// The number of the last event that was applied to `state`.
    known: u64,
    /// The calls of the steps that are running. Each is a task of its own, so that steps run on
    /// several cores. Dropping the set ends the tasks.
    running: JoinSet<Ended>,
}

/// Works on the run of `cx` until it ends or waits. `frame` keeps the locks of the run, if any.
///
/// # Errors
/// Returns an error if the workflow failed. It also returns one if the datastore failed; the run
/// then stays as its log says.
pub(crate) async fn workflow_drive(
    cx: Arc<RunCx>,
    frame: Arc<CallFrame>,
    workflow: Workflow,
) -> Result<WorkflowEnd, AppError> {
    cx.event(Event::RunStarted {
        run: cx.run().clone(),
    });
    let mut drive = Drive {
        cx,
        frame,
        workflow: Arc::new(workflow),
        state: RunState::default(),
        known: 0,
        running: JoinSet::new(),
    };
    let end = drive.work().await;
    // After an error, other steps may still be running. They are interrupted.
    drive.running.abort_all();
    drive.frame.callees_ended().await;
    end.map_err(|error| {
        if let AppError::Failed(_) = error {
            return error;
        }
        RunInterrupted::wrap(&drive.workflow.name, drive.cx.run(), error)
    })
}

impl Drive {
    /// Works on the run until nothing is left to do.
    async fn work(&mut self) -> Result<WorkflowEnd, AppError> {
        self.catch_up()?;
        self.settle_interrupted()?;
        loop {
            match self.advance()? {
                RunPause::Running => self.step_wait().await?,
                RunPause::Suspended => {
                    return Ok(WorkflowEnd::Suspended {
                        run: self.cx.run().to_string(),
                        workflow: self.workflow.name.to_string(),
                        gates: self.state.gates_open().map(ToString::to_string).collect(),
                    });
                }
                RunPause::Ended(RunStatus::Succeeded) => {
                    return Ok(WorkflowEnd::Succeeded {
                        run: self.cx.run().to_string(),
                        workflow: self.workflow.name.to_string(),
                    });
                }
                RunPause::Ended(
                    RunStatus::Failed
                    | RunStatus::Cancelled
                    | RunStatus::Running
                    | RunStatus::Suspended
                    | RunStatus::Interrupted,
                ) => {
                    return Err(workflow_failed(&self.cx, &self.workflow, &self.state));
                }
            }
        }
    }

    /// Writes all decisions that can be made now in one commit, and starts their steps.
    ///
    /// Returns why nothing else can be decided.
    fn advance(&mut self) -> Result<RunPause, AppError> {
        let workflow = Arc::clone(&self.workflow);
        let mut batch = Vec::new();
        let mut starting = Vec::new();
        let mut ahead = self.state.clone();
        let pause = loop {
            let event = match next(&workflow, &ahead) {
                Next::Act(RunAction::Append(event)) => event,
                Next::Act(RunAction::Start(step)) => {
                    let call = ahead.call_next();
                    starting.push((step, call, self.interrupted_call(step.step)));
                    RunEvent::StepStarted {
                        step: step.step.clone(),
                        call,
                    }
                }
                Next::Pause(pause) => break pause,
            };
            ahead
                .apply(&event)
                .map_err(|source| self.log_error(source))?;
            batch.push(event);
        };
        if !batch.is_empty() {
            self.append(&batch)?;
        }
        for (step, call, interrupted) in starting {
            self.step_start(step, call, interrupted)?;
        }
        // If a user has decided a gate in between, the next decision must be computed again.
        if next(&workflow, &self.state) == Next::Pause(pause) {
            Ok(pause)
        } else {
            self.advance()
        }
    }

    fn interrupted_call(&self, step: &StepPath) -> Option<u32> {
        match self.state.step(step) {
            Some(StepState::Interrupted { call }) => Some(*call),
            Some(
                StepState::Running { .. }
                | StepState::Succeeded
                | StepState::Failed(_)
                | StepState::Rejected
                | StepState::Skipped
                | StepState::Open,
            )
            | None => None,
        }
    }

    fn step_start(
        &mut self,
        start: StepCall<'_>,
        call: u32,
        interrupted: Option<u32>,
    ) -> Result<(), AppError> {
        let step = start.step.clone();
        let replay = match interrupted {
            Some(_) => {
                let calls = self.cx.repository.store()?.call_list(self.cx.run())?;
                Some(Replay::of(&step, calls))
            }
            None => None,
        };
        let frame = self.frame.callee(call);
        let method = start.method.to_string();
        let written = WrittenStep {
            model: start.model.clone(),
            inputs: start.inputs.clone(),
        };
        let variables = self.step_variables(&step.job);
        let cx = Arc::clone(&self.cx);
        cx.event(Event::StepStarted { step: step.clone() });
        let since = Moment::now();
        self.running.spawn(async move {
            let target = written.target(cx.evaluator_source(), variables).await;
            let result = match target {
                Ok(target) => {
                    let request = CallRequest {
                        frame,
                        step: Some(step.clone()),
                        target: target.model,
                        method,
                        arguments: Value::Object(target.arguments),
                        replay,
                    };
                    call_run(&cx, request, None).await
                }
                Err(error) => Err(evaluation_fault(error)),
            };
            Ended {
                step,
                since,
                result,
            }
        });
        Ok(())
    }

    /// Returns the values for the expressions of a job's step that begins now.
    fn step_variables(&self, job: &JobName) -> StepVariables {
        StepVariables {
            inputs: self.cx.inputs(),
            run: self.cx.run_value(&self.workflow.name),
            of_run: Some(self.cx.run().clone()),
            job: Some(job.clone()),
        }
    }

    async fn step_wait(&mut self) -> Result<(), AppError> {
        let Ended {
            step,
            since,
            result,
        } = match self.running.join_next().await {
            Some(Ok(ended)) => ended,
            // Only a panic of the host ends a task without a result: none is aborted before.
            Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            None => unreachable!("a step is in the state `Running` only while its task is here"),
        };
        let event = match result {
            Ok(_) => RunEvent::StepSucceeded { step: step.clone() },
            Err(CallFault::Refused(error) | CallFault::Failed(error)) => RunEvent::StepFailed {
                step: step.clone(),
                error,
            },
            // The step stays begun, and can be resumed once the cause is fixed.
            Err(CallFault::App(error)) => return Err(error),
        };
        let succeeded = matches!(event, RunEvent::StepSucceeded { .. });
        self.append(&[event])?;
        self.cx.event(Event::StepEnded {
            step,
            elapsed: since.elapsed(),
            succeeded,
        });
        Ok(())
    }

    /// Separates interrupted steps whose call had ended from those whose call was cut off.
    ///
    /// If the process crashed between the commit of the call and the event of the step, the record
    /// of the call decides.
    fn settle_interrupted(&mut self) -> Result<(), AppError> {
        let interrupted: Vec<(StepPath, u32)> = self
            .workflow
            .steps()
            .filter_map(|step| Some((step.path.clone(), self.interrupted_call(&step.path)?)))
            .collect();
        if interrupted.is_empty() {
            return Ok(());
        }
        let root = Lineage::root(self.cx.run().clone());
        let calls = self.cx.repository.store()?.call_list(self.cx.run())?;
        let mut events = Vec::new();
        for (step, ordinal) in interrupted {
            let Some(call) = calls
                .iter()
                .find(|call| call.lineage == root.child(ordinal))
            else {
                continue;
            };
            match (call.status, &call.error) {
                (CallStatus::Succeeded, _) => events.push(RunEvent::StepSucceeded { step }),
                (CallStatus::Failed, Some(error)) => {
                    events.push(RunEvent::StepFailed {
                        step,
                        error: error.clone(),
                    });
                }
                (CallStatus::Running | CallStatus::Cancelled | CallStatus::Failed, _) => {}
            }
        }
        if events.is_empty() {
            Ok(())
        } else {
            self.append(&events)
        }
    }

    fn append(&mut self, events: &[RunEvent]) -> Result<(), AppError> {
        let claim = self.cx.claim.clone();
        let decides = events.iter().any(|event| event.status().is_some());
        let store = self.cx.repository.store()?;
        let appended = store.run_append(Author::Process(&claim), self.known, |news| {
            // A decision that a user made meanwhile may invalidate a rest or an end.
            let outdated = decides && !news.is_empty();
            Ok::<_, AppError>(if outdated {
                Vec::new()
            } else {
                events.to_vec()
            })
        })?;
        for record in &appended {
            self.take_in(record)?;
            self.report(&record.event);
        }
        Ok(())
    }

    /// Applies the events of the log that the state does not have yet.
    fn catch_up(&mut self) -> Result<(), AppError> {
        for record in self.cx.repository.store()?.run_events(self.cx.run())? {
            self.take_in(&record)?;
        }
        Ok(())
    }

    /// Applies one event to the state.
    fn take_in(&mut self, record: &EventRecord) -> Result<(), AppError> {
        self.state
            .apply(&record.event)
            .map_err(|source| self.log_error(source))?;
        self.known = record.seq;
        Ok(())
    }

    fn log_error(&self, source: IllegalEvent) -> AppError {
        AppError::from(RunUseError::Log {
            run: self.cx.run().clone(),
            source,
        })
    }

    /// Reports events that only the log has.
    fn report(&self, event: &RunEvent) {
        match event {
            RunEvent::StepSkipped { step, because } => {
                self.cx.event(Event::StepSkipped {
                    step: step.clone(),
                    because: because.clone(),
                });
            }
            RunEvent::GateOpened { gate } => {
                let redactor = self.cx.vault.redactors().all;
                let source = EvaluatorSource {
                    secrets: SecretPlace::Elsewhere,
                    ..self.cx.evaluator_source()
                };
                let variables = self.step_variables(&gate.job);
                let prompt = prompt_shown(&source, &self.workflow, gate, &variables);
                let prompt = redactor.redact(&prompt).into_owned();
                self.cx.event(Event::GateOpened {
                    gate: gate.clone(),
                    prompt,
                });
            }
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::StepStarted { .. }
            | RunEvent::StepSucceeded { .. }
            | RunEvent::StepFailed { .. }
            | RunEvent::GateDecided { .. }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => {}
        }
    }
}

/// Returns an error with what made a run fail: its failed steps and its rejected gates.
fn workflow_failed(cx: &RunCx, workflow: &Workflow, state: &RunState) -> AppError {
    let fault = |step: &Step, error: Option<CallError>| StepFault {
        step: step.path.clone(),
        model: match &step.task {
            Task::ModelMethod { model, .. } => {
                // ignored: a name with expressions is in the record of the call.
                model.name().literal().and_then(|it| it.parse().ok())
            }
            Task::Workflow { .. } | Task::ManualApproval { .. } | Task::Assert { .. } => None,
        },
        error,
    };
    let faults: Vec<StepFault> = workflow
        .steps()
        .filter(|step| !step.allow_failure)
        .filter_map(|step| match state.step(&step.path)? {
            StepState::Failed(error) => Some(fault(step, Some(error.clone()))),
            StepState::Rejected => Some(fault(step, None)),
            StepState::Running { .. }
            | StepState::Interrupted { .. }
            | StepState::Succeeded
            | StepState::Skipped
            | StepState::Open => None,
        })
        .collect();
    let steps: Vec<String> = faults.iter().map(|fault| fault.step.to_string()).collect();
    let report = FailureReport::read(&cx.repository, cx.run(), |call| {
        call.step.as_ref().is_some_and(|step| steps.contains(step))
    });
    AppError::from(WorkflowFailed {
        workflow: workflow.name.clone(),
        run: cx.run().clone(),
        faults,
        report,
    })
}
