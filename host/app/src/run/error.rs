//! Errors of workflows, their runs and gates.

use sedge_api::problem::details::{GatesDetails, RunDetails};
use sedge_api::problem::{Argument, Details, ErrorCode, Explain, Help, UseCase, sources};
use sedge_model::names::{RunId, WorkflowName};
use sedge_model::run::{RunStatus, StepPath};
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
        /// The runs, newest first.
        runs: Vec<RunId>,
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
        /// The gates.
        gates: Vec<StepPath>,
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
        open: Vec<StepPath>,
    },
    /// Several steps of the workflow have the name given for a gate.
    #[error("the workflow `{workflow}` has {} steps named `{gate}`", steps.len())]
    GateAmbiguous {
        /// The workflow.
        workflow: WorkflowName,
        /// The given name.
        gate: String,
        /// The steps of that name.
        steps: Vec<StepPath>,
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
            Self::Inputs(error) => error.code(),
            Self::Log { .. } => ErrorCode::RunLog,
        }
    }

    fn causes(&self) -> Vec<String> {
        if let Self::Inputs(error) = self {
            return error.causes();
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
            Self::SeveralFit { runs, .. } => {
                let again = |run: &RunId| {
                    Help::again("name the one that you mean").with("run", run.as_str())
                };
                runs.iter().map(again).collect()
            }
            Self::Inputs(error) => error.help(),
            Self::State { run, .. } | Self::Log { run, .. } => vec![shown(run)],
            Self::GatesUndecided {
                workflow,
                run,
                gates,
            } => gates_help(workflow, run, gates),
            Self::GateAmbiguous { steps, .. } => vec![Help::advice(format!(
                "name the gate with its job: {}",
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
                    gates: gates.iter().map(ToString::to_string).collect(),
                }));
            }
            Self::Inputs(error) => return error.details(),
            Self::NoneFits { latest, .. } => &latest.as_ref()?.0,
            Self::State { run, .. } | Self::GateMissing { run, .. } | Self::Log { run, .. } => run,
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

fn gates_help(workflow: &WorkflowName, run: &RunId, gates: &[StepPath]) -> Vec<Help> {
    let decide = |purpose: &str, use_case, gate: &StepPath| {
        Help::command(purpose, use_case)
            .with("workflow", workflow.as_str())
            .with("gate", gate.to_string())
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
        RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => {
            vec![newest, start("start another")]
        }
    }
}

/// Returns the help that resumes an interrupted run.
pub(crate) fn resume_help(workflow: &WorkflowName, run: &RunId) -> Help {
    Help::command("resume the run where it stopped", UseCase::WorkflowResume)
        .with("name", workflow.as_str())
        .with("run", run.as_str())
}
