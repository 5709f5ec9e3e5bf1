//! `sedge workflow graph`

use clap::Args;
use sedge_app::workflow::graph::workflow_graph;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::graph::{GraphFormat, drawn};
use crate::output::Output;

/// The width of the text if stdout is not a terminal, in columns.
const COLUMNS: usize = 80;

/// Draw the graph of a workflow
///
/// In the text, jobs and steps are in the order in which they can begin. The number before a step
/// counts the steps that have to end one after the other before it, from 1.
#[derive(Debug, Args)]
pub(crate) struct WorkflowGraphArgs {
    /// The workflow
    name: String,
    /// Draw in this format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: GraphFormat,
}

impl Run for WorkflowGraphArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let graph = workflow_graph(&cx.app()?, &self.name)?;
        if cx.json {
            return Ok(Output::new(graph));
        }
        let columns = cx.screen.stdout_columns();
        let columns = columns.map_or(COLUMNS, |it| it.saturating_sub(1));
        let text = drawn(&graph, self.format, columns);
        Ok(match self.format {
            GraphFormat::Text => Output::default().text(text),
            GraphFormat::Mermaid | GraphFormat::Dot | GraphFormat::Svg => {
                Output::default().text_data(text)
            }
        })
    }
}
