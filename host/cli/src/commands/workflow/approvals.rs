//! `sedge workflow approvals`

use clap::Args;
use sedge_api::view::workflow::GateView;
use sedge_app::workflow::approvals::workflow_approvals;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};
use crate::show;

/// List the gates that wait for a decision
#[derive(Debug, Args)]
pub(crate) struct WorkflowApprovalsArgs {
    #[command(flatten)]
    list: ListOptions,
}

impl Run for WorkflowApprovalsArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let heading = ["workflow", "gate", "run", "since", "prompt"];
        let mut rows = Rows::new(cx, &self.list, &heading);
        workflow_approvals(&cx.repository()?, |gate| rows.push(&gate, || row(&gate)))?;
        rows.output("No gate waits for a decision.")
    }
}

fn row(gate: &GateView) -> Vec<String> {
    vec![
        gate.workflow.clone(),
        gate.gate.clone(),
        gate.run.clone(),
        show::time_in_table(gate.since),
        guest_text::cell(&gate.prompt.replace('\n', " ")),
    ]
}
