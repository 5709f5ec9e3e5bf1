//! `sedge workflow approve`

use clap::Args;
use sedge_api::problem::{ErrorCode, Explain};
use sedge_api::view::run::RunStatusView;
use sedge_api::view::workflow::{GateDecisionView, WorkflowEnd};
use sedge_app::types::Workload;
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_app::workflow::resume::{ResumeRequest, workflow_resume};

use crate::commands::Run;
use crate::commands::shared::ExecutionOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::failed_steps::failed_lines;
use crate::item_runs::SUSPENDED_EXIT;
use crate::live::LiveLines;
use crate::output::Output;
use crate::run_shown::{ShownFor, wait_shown};
use crate::show;

/// Approve a gate
///
/// With --resume, exits with 4 if the run then waits for another decision.
#[derive(Debug, Args)]
pub(crate) struct WorkflowApproveArgs {
    #[command(flatten)]
    gate: GateArgs,
    /// Resume the run at once, and work on it until it ends or waits again
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    options: ExecutionOptions,
}

/// The gate to decide, and the reason.
#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// The workflow
    workflow: String,
    /// The gate: JOB/STEP, JOB/STEP/JOB/STEP in a nested workflow, or STEP if one step has the name
    gate: String,
    /// The run, or a prefix of its id [default: the waiting run]
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Give a reason, which is stored in the run's log
    #[arg(long, short, value_name = "TEXT")]
    comment: Option<String>,
    /// Decide only if the gate still asks for what `sedge workflow approvals` showed with this
    /// digest
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
}

impl From<GateArgs> for GateRequest {
    fn from(args: GateArgs) -> Self {
        Self {
            workflow: args.workflow,
            gate: args.gate,
            run: args.run,
            comment: args.comment,
            shown: args.digest,
        }
    }
}

impl Run for WorkflowApproveArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.options.settings(Workload::ManyCalls)?)?;
        let decided = workflow_approve(&app, &self.gate.into())?;
        if !self.resume || !can_be_resumed(&decided) {
            return Ok(gate_output(decided));
        }
        if !cx.json && !cx.quiet {
            cx.screen.stderr(&decision_sentence(&decided));
        }
        let root = decided.root.clone();
        let request = ResumeRequest {
            workflow: root.workflow,
            run: Some(root.run),
            ..ResumeRequest::default()
        };
        let resumed = wait_shown(cx, &app, ShownFor::Work, LiveLines::All, |app| async move {
            workflow_resume(&app, &request).await
        });
        match resumed {
            Ok(end) => Ok(resumed_output(decided, end)),
            // Another gate has to be decided before anything can run.
            Err(error) if error.code() == ErrorCode::GatesUndecided => {
                Ok(gate_output(decided).exit(SUSPENDED_EXIT))
            }
            Err(error) => Err(error),
        }
    }

    fn changes(&self) -> bool {
        true
    }
}

/// Returns whether nothing but a process is missing for the run to continue.
fn can_be_resumed(decided: &GateDecisionView) -> bool {
    match decided.status {
        RunStatusView::Interrupted => true,
        RunStatusView::Suspended => true,
        RunStatusView::Running
        | RunStatusView::Cancelling
        | RunStatusView::Succeeded
        | RunStatusView::Failed
        | RunStatusView::Cancelled => false,
    }
}

/// Returns the output for a decision after which the run was resumed.
fn resumed_output(decided: GateDecisionView, end: WorkflowEnd) -> Output {
    let notes = super::run::end_notes(&end);
    let (status, gates_open, failed_steps, exit) = match end {
        WorkflowEnd::Succeeded { failed_steps, .. } => {
            (RunStatusView::Succeeded, Vec::new(), failed_steps, 0)
        }
        WorkflowEnd::Suspended {
            gates,
            failed_steps,
            ..
        } => (
            RunStatusView::Suspended,
            gates,
            failed_steps,
            SUSPENDED_EXIT,
        ),
    };
    let output = Output::new(GateDecisionView {
        status,
        gates_open,
        failed_steps,
        ..decided
    });
    notes.into_iter().fold(output, Output::note).exit(exit)
}

fn decision_sentence(decided: &GateDecisionView) -> String {
    format!(
        "The gate `{}` of run {} is {}.",
        decided.gate,
        decided.run,
        decided.decision.as_str()
    )
}

/// Returns the output for a decision and its consequence.
pub(crate) fn gate_output(decided: GateDecisionView) -> Output {
    let GateDecisionView {
        root,
        status,
        gates_open,
        failed_steps,
        file_changed,
        ..
    } = &decided;
    let mut notes = vec![decision_sentence(&decided)];
    notes.extend(match status {
        RunStatusView::Running | RunStatusView::Suspended | RunStatusView::Interrupted => {
            failed_lines(failed_steps)
        }
        RunStatusView::Cancelling
        | RunStatusView::Succeeded
        | RunStatusView::Failed
        | RunStatusView::Cancelled => Vec::new(),
    });
    if *file_changed && can_be_resumed(&decided) {
        notes.push(format!(
            "note: the file of the workflow `{}` has changed since the run began, and the run \
             continues with its own text; `sedge workflow resume --take-edits` takes the file",
            root.workflow
        ));
    }
    notes.push(match status {
        RunStatusView::Running => "The run is running and continues by itself.".to_owned(),
        RunStatusView::Cancelling => "The run is being cancelled.".to_owned(),
        RunStatusView::Suspended if !gates_open.is_empty() => {
            format!(
                "hint: these gates are still open: {}",
                show::quoted(gates_open)
            )
        }
        RunStatusView::Suspended | RunStatusView::Interrupted => {
            format!(
                "hint: resume the run with `sedge workflow resume {} --run {}`",
                root.workflow, root.run
            )
        }
        RunStatusView::Succeeded | RunStatusView::Failed => {
            format!("The run has {}.", status.as_str())
        }
        RunStatusView::Cancelled => "The run was cancelled.".to_owned(),
    });
    notes.into_iter().fold(Output::new(decided), Output::note)
}
