//! `sedge run watch`

use clap::Args;
use sedge_api::view::run::{RunStatusView, RunWatched};
use sedge_app::run::watch::run_watch;

use crate::commands::Run;
use crate::commands::run::list::what;
use crate::commands::workflow::approvals::approve_command;
use crate::context::Context;
use crate::error::{CliError, Interruption};
use crate::failed_steps::{failed_line, failed_lines};
use crate::item_runs::SUSPENDED_EXIT;
use crate::output::Output;

/// Follow a run until it ends, waits for a decision, or is interrupted
///
/// The exit code says how: 0 if the run succeeded, 4 if it waits for a decision, and 1 otherwise.
/// Any process can work on the run. Interrupting this command does not interrupt the run.
#[derive(Debug, Args)]
pub(crate) struct RunWatchArgs {
    /// The run, or a prefix of its id [default: the newest]
    run: Option<String>,
}

impl Run for RunWatchArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let repository = cx.repository()?;
        let watched = cx.wait(run_watch(&repository, self.run.as_deref(), cx.events()));
        let watched = watched.map_err(|error| match error {
            // The command was interrupted, and not the run.
            CliError::Interrupted(_) => CliError::Interrupted(Interruption::default()),
            other @ (CliError::App(_)
            | CliError::PromptInterrupted
            | CliError::Quit(_)
            | CliError::Usage { .. }
            | CliError::Items(_)
            | CliError::Machine(_)
            | CliError::Bug(_)) => other,
        })?;
        let exit = exit_code(watched.run.status);
        let notes = notes(&watched);
        let output = Output::new(watched).exit(exit);
        Ok(notes.into_iter().fold(output, Output::note))
    }
}

fn exit_code(status: RunStatusView) -> u8 {
    match status {
        RunStatusView::Succeeded => 0,
        RunStatusView::Suspended => SUSPENDED_EXIT,
        RunStatusView::Running
        | RunStatusView::Cancelling
        | RunStatusView::Failed
        | RunStatusView::Cancelled
        | RunStatusView::Interrupted => 1,
    }
}

fn notes(watched: &RunWatched) -> Vec<String> {
    let run = &watched.run;
    let (id, of) = (&run.id, what(run));
    match run.status {
        RunStatusView::Succeeded => vec![format!("The run {id} of {of} succeeded.")],
        RunStatusView::Suspended => {
            let mut notes = vec![format!("The run {id} of {of} waits for a decision.")];
            notes.extend(failed_lines(&watched.failed_steps));
            notes.extend(watched.gates.iter().map(|gate| {
                let command = approve_command(&run.subject, gate, id);
                format!("hint: decide the gate with `{command}` (or `reject`)")
            }));
            notes
        }
        RunStatusView::Interrupted => vec![
            format!("The run {id} of {of} was interrupted: no process works on it."),
            format!(
                "hint: resume it with `sedge workflow resume {} --run {id}`",
                run.subject
            ),
        ],
        RunStatusView::Running | RunStatusView::Cancelling => {
            vec![format!("The run {id} of {of} is {}.", run.status.as_str())]
        }
        RunStatusView::Cancelled => vec![format!("The run {id} of {of} was cancelled.")],
        RunStatusView::Failed => {
            let mut notes = vec![format!("The run {id} of {of} failed.")];
            notes.extend(watched.failed_steps.iter().map(failed_line));
            notes.push(format!("hint: `sedge run show {id}` shows its calls"));
            notes
        }
    }
}
