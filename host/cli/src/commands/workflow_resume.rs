//! `sedge workflow resume`

use clap::Args;
use sedge_app::workflow_resume::workflow_resume;

use crate::commands::shared::RunOptions;
use crate::commands::workflow_run::end_output;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Resume a run whose gates are decided, or that was interrupted
#[derive(Debug, Args)]
pub(crate) struct WorkflowResumeArgs {
    /// The workflow
    name: String,
    /// The run, or a prefix of its id [default: the waiting run]
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    #[command(flatten)]
    options: RunOptions,
}

pub(crate) fn run(cx: &Context, args: &WorkflowResumeArgs) -> Result<Output, CliError> {
    let repository = cx.repository_with(args.options.settings()?)?;
    let run = args.run.as_deref();
    let end = cx
        .wait(workflow_resume(&repository, &args.name, run, cx.events()))
        .map_err(|error| error.of_workflow(&args.name))?;
    Ok(end_output(end))
}
