//! Errors of workflows, their runs and gates.

use std::fmt;

use sedge_api::Time;
use sedge_api::problem::details::{DecisionDetails, GatesDetails, RunDetails};
use sedge_api::problem::{Argument, Details, ErrorCode, Explain, Help, UseCase, sources};
use sedge_model::names::{RunId, WorkflowName};
use sedge_model::run::{Actor, GateDecision, OnTimeout, RunStatus, StepInstance, StepPath};
use sedge_workflow::IllegalEvent;

use crate::error::{near_or, quoted};
use crate::workflow::inputs::RunInputsError;

/// A workflow or a run is missing, or in the wrong state.
#[derive(Debug, thiserror::Error)]
pub enum RunUseError {
    /// There is no workflow of that name.
    #[error("no workflow named `{name}`")]
    WorkflowMissing {
        /// The requested name.
        name: String,
        /// The nearest existing name, if any.
        near: Option<String>,
    },
    /// No run has that id.
    #[error("no run with the id `{0}`")]
    Missing(String),
    /// The repository has no runs yet.
    #[error("there are no runs yet")]
    NoneYet,
    /// The ids of several runs begin with the given text.
    #[error("several runs have an id that begins with `{0}`")]
    Ambiguous(String),
    /// The workflow has no run in the wanted state.
    #[error("the workflow `{workflow}` has no run that {wanted}")]
    NoneFits {
        /// The workflow.
        workflow: WorkflowName,
        /// The wanted state: `could be resumed`.
        wanted: &'static str,
        /// The newest run of the workflow, if any.
        latest: Option<(RunId, RunStatus)>,
    },
    /// The workflow has several runs in the wanted state.
    #[error("the workflow `{workflow}` has several runs that {wanted}")]
    SeveralFit {
        /// The workflow.
        workflow: WorkflowName,
        /// The wanted state: `could be resumed`.
        wanted: &'static str,
        /// The runs, newest first, each with the time at which it began.
        runs: Vec<(RunId, Time)>,
    },
    /// The run is in the wrong state.
    #[error("the run `{run}` {is}")]
    State {
        /// The run.
        run: RunId,
        /// The state of the run: `is running`.
        is: String,
    },
    /// The run waits for decisions.
    #[error("the run `{run}` of `{workflow}` waits for a decision")]
    GatesUndecided {
        /// The workflow.
        workflow: WorkflowName,
        /// The run.
        run: RunId,
        /// The gates: as `job/step`, or as `job/step/job/step` for a gate of a nested workflow.
        gates: Vec<String>,
    },
    /// The run has no open gate of that name.
    #[error("the run `{run}` of `{workflow}` has no open gate named `{gate}`")]
    GateMissing {
        /// The workflow.
        workflow: WorkflowName,
        /// The run.
        run: RunId,
        /// The given name.
        gate: String,
        /// The open gates.
        open: Vec<String>,
    },
    /// Several steps of the workflow have the name given for a gate or a step.
    #[error("the workflow `{workflow}` has {} steps named `{gate}`", steps.len())]
    GateAmbiguous {
        /// The workflow.
        workflow: WorkflowName,
        /// The given name.
        gate: String,
        /// The steps of that name.
        steps: Vec<String>,
    },
    /// A user has decided the gate.
    #[error("the gate `{gate}` of the run `{run}` was {decision} by {by} at {at}{comment}", decision = decision.as_str(), comment = after_colon(comment.as_deref()))]
    GateDecided {
        /// The run.
        run: RunId,
        /// The gate.
        gate: StepInstance,
        /// The decision.
        decision: GateDecision,
        /// The user.
        by: Actor,
        /// When the user decided.
        at: Time,
        /// The user's comment.
        comment: Option<String>,
    },
    /// The deadline of the gate has decided it.
    #[error("the gate `{gate}` of the run `{run}` was decided by its deadline at {at}: {}", then_phrase(*then))]
    GateExpired {
        /// The run.
        run: RunId,
        /// The gate.
        gate: StepInstance,
        /// The effect of the deadline.
        then: OnTimeout,
        /// The deadline.
        at: Time,
    },
    /// The gate asks for something else than what the user was shown.
    #[error(
        "the gate `{gate}` of the run `{run}` asks for something else than was shown: its digest is now `{digest}`"
    )]
    GateChanged {
        /// The run.
        run: RunId,
        /// The gate.
        gate: StepInstance,
        /// The digest of what the gate asks for.
        digest: String,
    },
    /// The run is part of another run.
    #[error(
        "the run `{run}` is part of the run `{root}` of `{workflow}`, and only that one can be {verb}"
    )]
    Child {
        /// The run.
        run: RunId,
        /// The run that a user started.
        root: RunId,
        /// The workflow of that run.
        workflow: WorkflowName,
        /// What was to be done with the run.
        verb: ChildVerb,
    },
    /// A call of a method's run that is in progress has started the run.
    #[error(
        "a call of the run `{root}` has started the run `{run}` and is still in progress, so that the run cannot be {verb} on its own"
    )]
    ChildOfMethod {
        /// The run.
        run: RunId,
        /// The run of the call.
        root: RunId,
        /// What was to be done with the run.
        verb: ChildVerb,
    },
    /// The run has no step of that name.
    #[error("the run `{run}` has no step named `{step}`")]
    StepMissing {
        /// The run.
        run: RunId,
        /// The given name.
        step: String,
        /// The nearest existing name, if any.
        near: Option<String>,
    },
    /// A run was to begin again from one item of a step with `forEach`.
    #[error("`{item}` is one item of the step `{step}`, and a run begins again from a whole step")]
    StepItem {
        /// The run.
        run: RunId,
        /// The given name.
        item: String,
        /// The step.
        step: StepPath,
    },
    /// The workflow's file differs in steps that have ended.
    #[error(
        "the run `{run}` cannot continue with the workflow's file as it is now: steps that have ended differ"
    )]
    EditsRefused {
        /// The run.
        run: RunId,
        /// The steps.
        steps: Vec<String>,
    },
    /// A step that has ended used an input that is to be changed.
    #[error(
        "the input `{input}` of the run `{run}` cannot be changed: the step `{step}` has ended, and used it"
    )]
    InputUsed {
        /// The run.
        run: RunId,
        /// The input.
        input: String,
        /// The step.
        step: String,
    },
    /// The inputs for a run cannot be used.
    #[error(transparent)]
    Inputs(#[from] RunInputsError),
    /// The log of a run contradicts itself.
    #[error("the log of the run `{run}` cannot be read")]
    Log {
        /// The run.
        run: RunId,
        /// The contradiction.
        source: IllegalEvent,
    },
}

/// What can be done only with the run at the top, and not with a run that is part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildVerb {
    /// Resume the run.
    Resumed,
    /// Cancel the run.
    Cancelled,
}

impl fmt::Display for ChildVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resumed => "resumed",
            Self::Cancelled => "cancelled",
        })
    }
}

/// Returns the effect that a gate's deadline had, as the end of a sentence.
pub(crate) fn then_phrase(then: OnTimeout) -> &'static str {
    match then {
        OnTimeout::Fail => "it failed",
        OnTimeout::Reject => "it was rejected",
        OnTimeout::Continue => "the run goes on WITHOUT approval",
    }
}

fn after_colon(comment: Option<&str>) -> String {
    comment.map_or(String::new(), |comment| format!(": {comment}"))
}

impl Explain for RunUseError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::WorkflowMissing { .. } => ErrorCode::WorkflowMissing,
            Self::Missing(_) => ErrorCode::RunMissing,
            Self::NoneYet => ErrorCode::RunsNone,
            Self::Ambiguous(_) => ErrorCode::RunAmbiguous,
            Self::NoneFits { .. } => ErrorCode::RunNone,
            Self::SeveralFit { .. } => ErrorCode::RunSeveral,
            Self::State { .. } => ErrorCode::RunState,
            Self::GatesUndecided { .. } => ErrorCode::GatesUndecided,
            Self::GateMissing { .. } => ErrorCode::GateMissing,
            Self::GateAmbiguous { .. } => ErrorCode::GateAmbiguous,
            Self::GateDecided { .. } => ErrorCode::GateDecided,
            Self::GateExpired { .. } => ErrorCode::GateExpired,
            Self::GateChanged { .. } => ErrorCode::GateChanged,
            Self::Child { .. } | Self::ChildOfMethod { .. } => ErrorCode::RunChild,
            Self::StepMissing { .. } | Self::StepItem { .. } => ErrorCode::StepMissing,
            Self::EditsRefused { .. } => ErrorCode::RunState,
            Self::InputUsed { .. } => ErrorCode::BadInput,
            Self::Inputs(error) => error.code(),
            Self::Log { .. } => ErrorCode::RunLog,
        }
    }

    fn causes(&self) -> Vec<String> {
        if let Self::Inputs(error) = self {
            return error.causes();
        }
        if let Self::EditsRefused { steps, .. } = self {
            return vec![format!("these differ or are missing: {}", quoted(steps))];
        }
        sources(std::error::Error::source(self))
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::WorkflowMissing { near, .. } => near_or(
                near.as_ref(),
                Help::command("see the workflows", UseCase::WorkflowList),
            ),
            Self::NoneYet => vec![
                Help::command("run a method", UseCase::ModelMethodRun)
                    .with("model", Argument::open())
                    .with("method", Argument::open()),
                Help::command("or a workflow", UseCase::WorkflowRun).with("name", Argument::open()),
            ],
            Self::Missing(_) | Self::Ambiguous(_) => {
                vec![Help::command("see the runs", UseCase::RunList)]
            }
            Self::NoneFits {
                workflow, latest, ..
            } => none_fits_help(workflow, latest.as_ref()),
            Self::SeveralFit { runs, .. } => runs.iter().map(again_with_run).collect(),
            Self::Inputs(error) => error.help(),
            Self::State { run, .. }
            | Self::Log { run, .. }
            | Self::GateDecided { run, .. }
            | Self::GateExpired { run, .. } => vec![shown(run)],
            Self::GateChanged { .. } => vec![Help::command(
                "see what the gate asks for now",
                UseCase::WorkflowApprovals,
            )],
            Self::Child {
                root,
                workflow,
                verb,
                ..
            } => vec![match verb {
                ChildVerb::Resumed => resume_help(workflow, root),
                ChildVerb::Cancelled => cancel_help(root),
            }],
            Self::ChildOfMethod { root, verb, .. } => vec![match verb {
                ChildVerb::Resumed => shown(root),
                ChildVerb::Cancelled => cancel_help(root),
            }],
            Self::StepMissing { run, near, .. } => near_or(near.as_ref(), shown(run)),
            Self::StepItem { step, .. } => vec![
                Help::again("begin again from all of its items").with("from", step.to_string()),
            ],
            Self::EditsRefused { .. } => vec![Help::advice(
                "leave `--take-edits` out: the run then continues with its own text",
            )],
            Self::InputUsed { step, .. } => vec![Help::advice(format!(
                "a failed run can begin again from that step: `--from {step}`"
            ))],
            Self::GatesUndecided {
                workflow,
                run,
                gates,
            } => gates_help(workflow, run, gates),
            Self::GateAmbiguous { steps, .. } => vec![Help::advice(format!(
                "name the one that you mean by its path: {}",
                quoted(steps)
            ))],
            Self::GateMissing { open, run, .. } if open.is_empty() => {
                vec![Help::advice("no gate of the run is open"), shown(run)]
            }
            Self::GateMissing { open, .. } => {
                vec![Help::advice(format!("its open gates are {}", quoted(open)))]
            }
        }
    }

    fn details(&self) -> Option<Details> {
        let run = match self {
            Self::GatesUndecided { run, gates, .. } => {
                return Some(Details::Gates(GatesDetails {
                    run: run.to_string(),
                    gates: gates.clone(),
                }));
            }
            Self::Inputs(error) => return error.details(),
            Self::GateDecided {
                run,
                gate,
                decision,
                by,
                at,
                comment,
            } => {
                return Some(Details::Decision(DecisionDetails {
                    run: run.to_string(),
                    gate: gate.to_string(),
                    decision: decision.as_str().to_owned(),
                    by: Some(by.name.clone()),
                    at: *at,
                    comment: comment.clone(),
                }));
            }
            Self::GateExpired {
                run,
                gate,
                then,
                at,
            } => {
                return Some(Details::Decision(DecisionDetails {
                    run: run.to_string(),
                    gate: gate.to_string(),
                    decision: then.as_str().to_owned(),
                    by: None,
                    at: *at,
                    comment: None,
                }));
            }
            Self::NoneFits { latest, .. } => &latest.as_ref()?.0,
            Self::Child { root, .. } | Self::ChildOfMethod { root, .. } => root,
            Self::State { run, .. }
            | Self::GateMissing { run, .. }
            | Self::GateChanged { run, .. }
            | Self::StepMissing { run, .. }
            | Self::StepItem { run, .. }
            | Self::EditsRefused { run, .. }
            | Self::InputUsed { run, .. }
            | Self::Log { run, .. } => run,
            Self::WorkflowMissing { .. }
            | Self::Missing(_)
            | Self::NoneYet
            | Self::Ambiguous(_)
            | Self::SeveralFit { .. }
            | Self::GateAmbiguous { .. } => return None,
        };
        Some(run_details(run))
    }
}

/// Returns error details that only name a run.
pub(crate) fn run_details(run: &RunId) -> Details {
    Details::Run(RunDetails {
        run: run.to_string(),
    })
}

/// Returns the help that shows a run.
pub(super) fn shown(run: &RunId) -> Help {
    Help::command("see the run", UseCase::RunShow).with("run", run.as_str())
}

/// Returns the help that cancels a run with all that is part of it.
fn cancel_help(root: &RunId) -> Help {
    Help::command("cancel the whole run", UseCase::RunCancel).with("run", root.as_str())
}

fn gates_help(workflow: &WorkflowName, run: &RunId, gates: &[String]) -> Vec<Help> {
    let decide = |purpose: &str, use_case, gate: &String| {
        Help::command(purpose, use_case)
            .with("workflow", workflow.as_str())
            .with("gate", gate.as_str())
            .with("run", run.as_str())
    };
    let both = |gate| {
        [
            decide("approve it", UseCase::WorkflowApprove, gate),
            decide("or reject it", UseCase::WorkflowReject, gate),
        ]
    };
    gates.iter().flat_map(both).collect()
}

/// Returns the help that names one of the runs that fit.
fn again_with_run((run, began_at): &(RunId, Time)) -> Help {
    let purpose = format!("name the one that you mean; this one began at {began_at}");
    Help::again(purpose).with("run", run.as_str())
}

fn none_fits_help(workflow: &WorkflowName, latest: Option<&(RunId, RunStatus)>) -> Vec<Help> {
    let start = |purpose: &str| {
        Help::command(purpose, UseCase::WorkflowRun).with("name", workflow.as_str())
    };
    let Some((run, status)) = latest else {
        return vec![start("start one")];
    };
    let stands = match status {
        RunStatus::Running => "is running: another process works on it",
        RunStatus::Suspended => "is suspended",
        RunStatus::Interrupted => "was interrupted",
        RunStatus::Succeeded => "has succeeded",
        RunStatus::Failed => "has failed",
        RunStatus::Cancelled => "was cancelled",
    };
    let newest = Help::advice(format!("its newest run `{run}` {stands}"));
    match status {
        RunStatus::Running | RunStatus::Suspended => vec![newest, shown(run)],
        RunStatus::Interrupted => vec![newest, resume_help(workflow, run)],
        RunStatus::Failed => vec![
            newest,
            from_step_help(workflow, run),
            start("or start another"),
        ],
        RunStatus::Succeeded | RunStatus::Cancelled => vec![newest, start("start another")],
    }
}

/// Returns the help that begins a failed run again from a step.
fn from_step_help(workflow: &WorkflowName, run: &RunId) -> Help {
    let purpose = "begin it again from a step";
    Help::command(purpose, UseCase::WorkflowResume)
        .with("name", workflow.as_str())
        .with("run", run.as_str())
        .with("from", Argument::open())
}

/// Returns the help that resumes an interrupted run.
pub(crate) fn resume_help(workflow: &WorkflowName, run: &RunId) -> Help {
    Help::command("resume the run where it stopped", UseCase::WorkflowResume)
        .with("name", workflow.as_str())
        .with("run", run.as_str())
}
