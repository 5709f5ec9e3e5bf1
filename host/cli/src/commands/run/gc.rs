//! `sedge run gc`

use clap::Args;
use sedge_api::view::run::RunsRemoved;
use sedge_app::run::gc::run_gc;
use sedge_app::types::Span;

use crate::commands::Run;
use crate::commands::run::list::what;
use crate::commands::shared::{Confirmation, DeleteQuestion, DryRun, LockOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::show;

/// Delete runs that ended or were interrupted long ago
///
/// Their calls, events and logs are deleted. The data that they wrote stays, and still names its
/// run. Runs that wait at a gate stay. An interrupted run is old if nothing has happened in it for
/// so long; it cannot be resumed any more. An unsaved model is deleted if it has no
/// data and none of its runs is left. The command needs the whole datastore:
/// it waits until no call is running, and new calls wait until it has ended.
#[derive(Debug, Args)]
pub(crate) struct RunGcArgs {
    /// Delete the runs that ended or were interrupted longer ago than this: 5m, 1h, 7d, 2w, 1mo, 1y
    #[arg(long, value_name = "AGE")]
    older_than: Span,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    lock: LockOptions,
}

impl Run for RunGcArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.lock.settings()?)?;
        let dry_run = self.dry_run.is_set();
        if !dry_run {
            self.confirmation.ask_about(cx, || {
                let plan = cx.wait(run_gc(&app, self.older_than, true))?;
                let what = removed_text(&plan);
                Ok(what.map(|what| DeleteQuestion {
                    text: format!("Remove {what} permanently, with all calls and logs?"),
                    refused: format!("{what} were not removed"),
                }))
            })?;
        }
        let removed = cx.wait(run_gc(&app, self.older_than, dry_run))?;
        let runs = &removed.runs;
        let Some(what_removed) = removed_text(&removed) else {
            let note = format!(
                "No run ended or was interrupted more than {} ago.",
                self.older_than
            );
            return Ok(Output::new(removed).note(note));
        };
        let note = self.dry_run.sentence(&what_removed);
        if runs.is_empty() {
            return Ok(Output::new(removed).note(note));
        }
        let rows = runs.iter().map(|run| {
            vec![
                run.id.clone(),
                what(run),
                run.status.as_str().to_owned(),
                run.ended_at.map(show::time_in_table).unwrap_or_default(),
            ]
        });
        let text = table(&cx.screen, &["run", "of", "status", "ended"], rows);
        Ok(Output::new(removed).text(text).note(note))
    }

    fn changes(&self) -> bool {
        !self.dry_run.is_set()
    }
}

/// Returns what is removed: `2 runs and 1 unsaved model`. Returns `None` if nothing is.
fn removed_text(removed: &RunsRemoved) -> Option<String> {
    let counts = [
        (removed.runs.len(), "run"),
        (removed.models.len(), "unsaved model"),
    ];
    let counts = counts.into_iter().filter(|(n, _)| *n > 0);
    let parts: Vec<String> = counts.map(|(n, what)| show::count(n, what)).collect();
    (!parts.is_empty()).then(|| parts.join(" and "))
}
