//! `sedge workflow approvals`

use clap::Args;
use sedge_app::workflow_approvals::workflow_approvals;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::{Output, table};
use crate::show;

/// List the gates that wait for a decision
#[derive(Debug, Args)]
pub(crate) struct WorkflowApprovalsArgs {}

pub(crate) fn run(cx: &Context, _args: &WorkflowApprovalsArgs) -> Result<Output, CliError> {
    let approvals = workflow_approvals(&*cx.repository()?)?;
    let data: Vec<Value> = approvals
        .iter()
        .map(|approval| {
            json!({
                "workflow": approval.record.run.subject,
                "gate": approval.record.gate.to_string(),
                "run": approval.record.run.id,
                "since": show::timestamp(approval.record.opened_at),
                "prompt": approval.prompt,
            })
        })
        .collect();
    let output = Output::new(json!(data));
    if approvals.is_empty() {
        return Ok(output.note("No gate waits for a decision."));
    }
    let rows = approvals.iter().map(|approval| {
        vec![
            approval.record.run.subject.clone(),
            approval.record.gate.to_string(),
            approval.record.run.id.to_string(),
            show::timestamp(approval.record.opened_at),
            guest_text::cell(&approval.prompt.replace('\n', " ")),
        ]
    });
    Ok(output.text(table(&["workflow", "gate", "run", "since", "prompt"], rows)))
}
