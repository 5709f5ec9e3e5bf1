//! `sedge workflow run`

use clap::Args;
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::types::{GivenInputs, Workload};
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};

use crate::commands::Run;
use crate::commands::shared::{CheckOptions, RunOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::inputs::InputOptions;
use crate::item_runs::{RunResult, run_each};
use crate::output::Output;

/// Run a workflow
///
/// Ends when the run has ended, or when every remaining step waits for the decision of a gate,
/// which is not a failure.
#[derive(Debug, Args)]
pub(crate) struct WorkflowRunArgs {
    /// The workflow
    name: String,
    #[command(flatten)]
    inputs: InputOptions,
    /// Lock the whole datastore while the run is executed
    #[arg(long)]
    exclusive: bool,
    #[command(flatten)]
    checks: CheckOptions,
    #[command(flatten)]
    options: RunOptions,
}

impl Run for WorkflowRunArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let repository = cx.repository_with(self.options.settings(Workload::ManyCalls)?)?;
        let check_skips = self.checks.skips();
        let request = |inputs: GivenInputs| WorkflowRunRequest {
            workflow: self.name.clone(),
            inputs,
            exclusive: self.exclusive,
            check_skips: check_skips.clone(),
        };
        let interrupted = |error: CliError| error.of_workflow(&self.name);
        if self.inputs.stdin {
            let run = async |inputs| workflow_run(&repository, &request(inputs), cx.events()).await;
            return run_each(cx, self.inputs, run).map_err(interrupted);
        }
        let request = request(self.inputs.given()?);
        let end = cx.wait(workflow_run(&repository, &request, cx.events()));
        Ok(end_output(end.map_err(interrupted)?))
    }
}

impl RunResult for WorkflowEnd {
    fn is_suspended(&self) -> bool {
        match self {
            Self::Succeeded { .. } => false,
            Self::Suspended { .. } => true,
        }
    }

    fn output(self) -> Output {
        end_output(self)
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
