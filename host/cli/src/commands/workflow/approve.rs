//! `sedge workflow approve`

use clap::Args;
use sedge_api::view::run::RunStatusView;
use sedge_api::view::workflow::GateDecisionView;
use sedge_app::workflow::gates::{GateRequest, workflow_approve};

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Approve a gate
#[derive(Debug, Args)]
pub(crate) struct WorkflowApproveArgs {
    #[command(flatten)]
    gate: GateArgs,
}

/// The gate to decide, and the reason.
#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// The workflow
    workflow: String,
    /// The gate; JOB/GATE if two jobs of the workflow have a step of that name
    gate: String,
    /// The run, or a prefix of its id [default: the waiting run]
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Give a reason, which is stored in the run's log
    #[arg(long, short, value_name = "TEXT")]
    comment: Option<String>,
}

impl From<GateArgs> for GateRequest {
    fn from(args: GateArgs) -> Self {
        Self {
            workflow: args.workflow,
            gate: args.gate,
            run: args.run,
            comment: args.comment,
        }
    }
}

impl Run for WorkflowApproveArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        Ok(gate_output(workflow_approve(
            &*cx.repository()?,
            &self.gate.into(),
        )?))
    }
}

/// Returns the output for a decision and its consequence.
pub(crate) fn gate_output(decided: GateDecisionView) -> Output {
    let GateDecisionView {
        run,
        workflow,
        gate,
        decision,
        status,
        gates_open,
    } = &decided;
    let sentence = format!("The gate `{gate}` of run {run} is {}.", decision.as_str());
    let further = match status {
        RunStatusView::Running => "The run is running and continues by itself.".to_owned(),
        RunStatusView::Suspended if !gates_open.is_empty() => {
            format!(
                "hint: these gates are still open: {}",
                show::quoted(gates_open)
            )
        }
        RunStatusView::Suspended | RunStatusView::Interrupted => {
            format!("hint: resume the run with `sedge workflow resume {workflow} --run {run}`")
        }
        RunStatusView::Succeeded | RunStatusView::Failed => {
            format!("The run has {}.", status.as_str())
        }
        RunStatusView::Cancelled => "The run was cancelled.".to_owned(),
    };
    Output::new(decided).note(sentence).note(further)
}
