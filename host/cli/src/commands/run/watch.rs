//! `sedge run watch`

use clap::Args;
use sedge_api::problem::ErrorClass;
use sedge_api::view::run::{RunKindView, RunStatusView, RunWatched};
use sedge_api::view::workflow::{FailedStepView, WorkflowEnd};
use sedge_app::run::watch::run_watch;

use crate::commands::Run;
use crate::commands::run::list::what;
use crate::commands::workflow::run::end_notes;
use crate::context::Context;
use crate::error::CliError;
use crate::failed_steps::failed_line;
use crate::item_runs::SUSPENDED_EXIT;
use crate::live::LiveLines;
use crate::output::Output;
use crate::run_shown::{ShownFor, wait_shown};

/// Follow a run until it ends, waits for a decision, or is interrupted
///
/// What has happened so far is shown first. The exit code is that of the run: 0 if it succeeded, 4
/// if it waits for a decision, 75 if another try may succeed, and 1 otherwise. Any process can work
/// on the run. Interrupting this command does not interrupt the run.
#[derive(Debug, Args)]
pub(crate) struct RunWatchArgs {
    /// The run, or a prefix of its id [default: the newest]
    run: Option<String>,
}

impl Run for RunWatchArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let run = self.run.as_deref();
        let watched = wait_shown(
            cx,
            &app,
            ShownFor::Follow,
            LiveLines::All,
            |app| async move { run_watch(&app, run).await },
        )?;
        let exit = exit_code(&watched);
        let notes = notes(&watched);
        let output = Output::new(watched).exit(exit);
        Ok(notes.into_iter().fold(output, Output::note))
    }
}

/// The codes of failures that another try may avoid.
const TEMPORARY: [&str; 2] = ["deadlock", "lock-timeout"];

/// Returns the exit code of the command that has worked on the run.
fn exit_code(watched: &RunWatched) -> u8 {
    match watched.run.status {
        RunStatusView::Succeeded => 0,
        RunStatusView::Suspended => SUSPENDED_EXIT,
        RunStatusView::Failed => {
            let mut decisive = watched.failed_steps.iter().filter(|step| !step.is_allowed);
            let is_temporary = |step: &FailedStepView| {
                let code = step.error.as_ref().map(|error| error.code.as_str());
                code.is_some_and(|code| TEMPORARY.contains(&code))
            };
            let first = decisive.next().is_some_and(is_temporary);
            match first && decisive.all(is_temporary) {
                true => ErrorClass::Temporary.exit_code(),
                false => ErrorClass::Failed.exit_code(),
            }
        }
        RunStatusView::Running
        | RunStatusView::Cancelling
        | RunStatusView::Cancelled
        | RunStatusView::Interrupted => ErrorClass::Failed.exit_code(),
    }
}

/// Returns the sentences about how a run ended: the same as from the command that has worked on it,
/// as far as the run's record has them.
pub(crate) fn notes(watched: &RunWatched) -> Vec<String> {
    let run = &watched.run;
    let (id, of) = (&run.id, what(run));
    match run.status {
        RunStatusView::Succeeded => match run.kind {
            RunKindView::Workflow => end_notes(&WorkflowEnd::Succeeded {
                run: run.id.clone(),
                workflow: run.subject.clone(),
                failed_steps: watched.failed_steps.clone(),
            }),
            RunKindView::Method => vec![format!("The run {id} of {of} succeeded.")],
        },
        RunStatusView::Suspended => end_notes(&WorkflowEnd::Suspended {
            run: run.id.clone(),
            workflow: run.subject.clone(),
            gates: watched.gates.clone(),
            failed_steps: watched.failed_steps.clone(),
        }),
        RunStatusView::Interrupted => {
            let again = match (run.kind, &run.parent) {
                (RunKindView::Workflow, None) => format!(
                    "hint: resume it with `sedge workflow resume {} --run {id}`",
                    run.subject
                ),
                (RunKindView::Workflow, Some(parent)) => {
                    format!("hint: it continues with the run `{parent}`, of which it is part")
                }
                (RunKindView::Method, _) => {
                    format!("hint: `sedge run show {id}` shows its calls")
                }
            };
            vec![
                format!("The run {id} of {of} was interrupted: no process works on it."),
                again,
            ]
        }
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
