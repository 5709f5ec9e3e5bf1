//! `sedge workflow run`

use clap::Args;
use sedge_app::WorkflowEnd;
use sedge_app::workflow_run::workflow_run;
use serde_json::json;

use crate::commands::shared::RunOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Run a workflow
///
/// Ends when the run has ended, or when nothing can go on before a person decides at a
/// gate; that is no failure.
#[derive(Debug, Args)]
pub(crate) struct WorkflowRunArgs {
    /// The workflow
    name: String,
    /// Have the whole datastore to itself for as long as the run is worked on
    #[arg(long)]
    exclusive: bool,
    #[command(flatten)]
    options: RunOptions,
}

pub(crate) fn run(cx: &Context, args: &WorkflowRunArgs) -> Result<Output, CliError> {
    let repository = cx.repository_with(args.options.settings()?)?;
    let end = cx
        .wait(workflow_run(
            &repository,
            &args.name,
            args.exclusive,
            cx.events(),
        ))
        .map_err(|error| error.of_workflow(&args.name))?;
    Ok(end_output(&args.name, &end))
}

/// Shows how the driving of a run ended.
pub(crate) fn end_output(workflow: &str, end: &WorkflowEnd) -> Output {
    match end {
        WorkflowEnd::Succeeded { run } => {
            Output::new(json!({"run": run, "workflow": workflow, "status": "succeeded"}))
                .note(format!("The workflow `{workflow}` succeeded."))
                .note(format!("hint: `sedge run show {run}` shows its calls"))
        }
        WorkflowEnd::Suspended { run, gates } => {
            let paths: Vec<String> = gates.iter().map(ToString::to_string).collect();
            let mut output = Output::new(
                json!({"run": run, "workflow": workflow, "status": "suspended", "gates": paths}),
            )
            .note(format!("The workflow `{workflow}` is suspended."));
            for gate in gates {
                output = output.note(format!(
                    "hint: `sedge workflow approve {workflow} {gate} --run {run}` (or `reject`) decides"
                ));
            }
            output.note(format!(
                "hint: `sedge workflow resume {workflow} --run {run}` goes on then"
            ))
        }
    }
}
