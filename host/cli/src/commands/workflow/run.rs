//! `sedge workflow run`

use clap::Args;
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::types::Workload;
use sedge_app::workflow::run::workflow_run;

use crate::commands::Run;
use crate::commands::shared::RunOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Run a workflow
///
/// Ends when the run has ended, or when every remaining step waits for the decision of a gate,
/// which is not a failure.
#[derive(Debug, Args)]
pub(crate) struct WorkflowRunArgs {
    /// The workflow
    name: String,
    /// Lock the whole datastore while the run is executed
    #[arg(long)]
    exclusive: bool,
    #[command(flatten)]
    options: RunOptions,
}

impl Run for WorkflowRunArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let repository = cx.repository_with(self.options.settings(Workload::ManyCalls)?)?;
        let end = cx
            .wait(workflow_run(
                &repository,
                &self.name,
                self.exclusive,
                cx.events(),
            ))
            .map_err(|error| error.of_workflow(&self.name))?;
        Ok(end_output(end))
    }
}

/// Returns the output for the end of the work on a run.
pub(crate) fn end_output(end: WorkflowEnd) -> Output {
    let notes = match &end {
        WorkflowEnd::Succeeded { run, workflow } => vec![
            format!("The workflow `{workflow}` succeeded."),
            format!("hint: `sedge run show {run}` shows its calls"),
        ],
        WorkflowEnd::Suspended {
            run,
            workflow,
            gates,
        } => {
            let decides = |gate: &String| {
                format!(
                    "hint: decide the gate with `sedge workflow approve {workflow} {gate} --run {run}` (or `reject`)"
                )
            };
            let mut notes = vec![format!("The workflow `{workflow}` is suspended.")];
            notes.extend(gates.iter().map(decides));
            notes.push(format!(
                "hint: then resume the run with `sedge workflow resume {workflow} --run {run}`"
            ));
            notes
        }
    };
    notes.into_iter().fold(Output::new(end), Output::note)
}
