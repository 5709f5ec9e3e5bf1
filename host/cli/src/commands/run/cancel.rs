//! `sedge run cancel`

use clap::Args;
use sedge_api::view::run::RunStatusView;
use sedge_app::run::cancel::run_cancel;

use crate::commands::Run;
use crate::commands::run::list::what;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Cancel a run
///
/// A run that another process works on starts nothing more, and its process stops what is running.
/// A run that is suspended or was interrupted ends at once. A cancelled run cannot be resumed.
#[derive(Debug, Args)]
pub(crate) struct RunCancelArgs {
    /// The run, or a prefix of its id
    run: String,
    /// Give a reason, which is stored in the run's log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Run for RunCancelArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let cancelled = run_cancel(&app, &self.run, self.reason.as_deref())?;
        let run = &cancelled.run;
        let (id, of) = (run.id.clone(), what(run));
        let mut notes = match run.status {
            RunStatusView::Cancelling | RunStatusView::Running => vec![
                format!(
                    "The run {id} of {of} is being cancelled: its process stops what is running."
                ),
                format!("hint: `sedge run show {id}` shows whether it has ended"),
            ],
            RunStatusView::Suspended
            | RunStatusView::Succeeded
            | RunStatusView::Failed
            | RunStatusView::Cancelled
            | RunStatusView::Interrupted => vec![format!("The run {id} of {of} is cancelled.")],
        };
        if !cancelled.children.is_empty() {
            let n_children = show::count(cancelled.children.len(), "run");
            notes.push(format!(
                "{n_children} of nested workflows ended with it: {}.",
                show::quoted(&cancelled.children)
            ));
        }
        Ok(notes.into_iter().fold(Output::new(cancelled), Output::note))
    }

    fn changes(&self) -> bool {
        true
    }
}
