//! `sedge workflow resume`

use clap::Args;
use sedge_app::types::Workload;
use sedge_app::workflow::resume::{ResumeRequest, workflow_resume};

use crate::commands::Run;
use crate::commands::shared::{CheckOptions, ExecutionOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::inputs::TrialInputOptions;
use crate::output::Output;
use crate::run_shown::{RunShown, ShownOptions};

/// Resume a run whose gates are decided, that was interrupted, or that failed
///
/// A step that has succeeded is not run again. Exits with 4 if the run then waits for a decision.
#[derive(Debug, Args)]
pub(crate) struct WorkflowResumeArgs {
    /// The workflow
    name: String,
    /// The run, or a prefix of its id [default: the waiting run; with --from, the newest failed run]
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Run this step of a failed run again, what depends on it, and all that failed or was skipped
    /// because of a failure
    #[arg(long, value_name = "JOB/STEP")]
    from: Option<String>,
    /// Continue with the workflow's file as it is now, if the steps that have ended are the same
    #[arg(long)]
    take_edits: bool,
    #[command(flatten)]
    inputs: TrialInputOptions,
    #[command(flatten)]
    checks: CheckOptions,
    #[command(flatten)]
    options: ExecutionOptions,
    /// Write each event of the run as one JSON document per line to stdout, and nothing to stderr
    #[arg(long)]
    json_lines: bool,
    #[command(flatten)]
    shown: ShownOptions,
}

impl Run for WorkflowResumeArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.options.settings(Workload::ManyCalls)?)?;
        let request = ResumeRequest {
            workflow: self.name,
            run: self.run,
            from: self.from,
            take_edits: self.take_edits,
            inputs: self.inputs.given()?,
            check_skips: self.checks.skips(),
        };
        let request = &request;
        let shown = RunShown::new(cx, &app, &self.shown, self.json_lines)?;
        let ended = shown.wait(|app| async move { workflow_resume(&app, request).await });
        shown.output(ended)
    }

    fn changes(&self) -> bool {
        true
    }
}
