//! `sedge workflow approve`

use clap::Args;
use sedge_app::types::RunStatus;
use sedge_app::workflow_approve::{GateReport, GateRequest, workflow_approve};
use serde_json::json;

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

/// Which gate to decide, and why.
#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// The workflow
    workflow: String,
    /// The gate; JOB/GATE if two jobs of the workflow have a step of that name
    gate: String,
    /// The run, or the beginning of its id [default: the one that waits]
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Say why; it is kept in the run's log
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

pub(crate) fn run(cx: &Context, args: WorkflowApproveArgs) -> Result<Output, CliError> {
    Ok(gate_output(&workflow_approve(
        &*cx.repository()?,
        &args.gate.into(),
    )?))
}

/// Shows a decision and what follows from it.
pub(crate) fn gate_output(report: &GateReport) -> Output {
    let GateReport {
        run,
        workflow,
        gate,
        decision,
        status,
        gates_open,
    } = report;
    let open: Vec<String> = gates_open.iter().map(ToString::to_string).collect();
    let output = Output::new(json!({
        "run": run,
        "workflow": workflow,
        "gate": gate.to_string(),
        "decision": decision.as_str(),
        "status": status.as_str(),
        "gatesOpen": open,
    }))
    .note(format!(
        "The gate `{gate}` of run {run} is {}.",
        decision.as_str()
    ));
    match status {
        RunStatus::Running => output.note("The run is running and goes on by itself."),
        RunStatus::Suspended if !open.is_empty() => output.note(format!(
            "hint: still to be decided: {}",
            show::quoted(&open)
        )),
        RunStatus::Suspended | RunStatus::Interrupted => output.note(format!(
            "hint: `sedge workflow resume {workflow} --run {run}` goes on"
        )),
        RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => {
            output.note(format!("The run {}.", show::stands(*status)))
        }
    }
}
