//! `sedge workflow reject`

use clap::Args;
use sedge_app::workflow_reject::workflow_reject;

use crate::commands::workflow_approve::{GateArgs, gate_output};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Reject a gate
#[derive(Debug, Args)]
pub(crate) struct WorkflowRejectArgs {
    #[command(flatten)]
    gate: GateArgs,
}

pub(crate) fn run(cx: &Context, args: WorkflowRejectArgs) -> Result<Output, CliError> {
    Ok(gate_output(workflow_reject(
        &*cx.repository()?,
        &args.gate.into(),
    )?))
}
