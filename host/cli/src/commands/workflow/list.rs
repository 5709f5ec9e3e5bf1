//! `sedge workflow list`

use clap::Args;
use sedge_api::view::workflow::WorkflowListed;
use sedge_app::workflow::list::workflow_list;

use crate::commands::Run;
use crate::commands::shared::fault_cell;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};

/// List workflows
#[derive(Debug, Args)]
pub(crate) struct WorkflowListArgs {
    #[command(flatten)]
    list: ListOptions,
}

impl Run for WorkflowListArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let mut rows = Rows::new(cx, &self.list, &["name", "steps", "description"]);
        workflow_list(&cx.app()?, |workflow| {
            rows.push(&workflow, || row(&workflow))
        })?;
        rows.output("No workflows yet; create the file workflows/NAME.yaml")
    }
}

fn row(workflow: &WorkflowListed) -> Vec<String> {
    match workflow {
        WorkflowListed::Sound(workflow) => vec![
            workflow.name.clone(),
            workflow.steps.to_string(),
            workflow.description.clone().unwrap_or_default(),
        ],
        WorkflowListed::Faulty(fault) => {
            vec![fault.name.clone(), "?".to_owned(), fault_cell(fault)]
        }
    }
}
