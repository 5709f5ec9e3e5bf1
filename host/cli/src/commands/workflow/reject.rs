//! `sedge workflow reject`

use clap::Args;
use sedge_app::workflow::gates::workflow_reject;

use crate::commands::Run;
use crate::commands::shared::caller_settings;
use crate::commands::workflow::approve::{GateArgs, gate_output};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Reject a gate
#[derive(Debug, Args)]
pub(crate) struct WorkflowRejectArgs {
    #[command(flatten)]
    gate: GateArgs,
}

impl Run for WorkflowRejectArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        Ok(gate_output(workflow_reject(
            &cx.app_with(caller_settings()?)?,
            &self.gate.into(),
        )?))
    }

    fn changes(&self) -> bool {
        true
    }
}
