//! `sedge run gc`

use clap::Args;
use sedge_app::run::gc::run_gc;
use sedge_app::types::Span;

use crate::commands::Run;
use crate::commands::run::list::what;
use crate::commands::shared::{Confirmation, DeleteQuestion, DryRun, LockOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::show;

/// Delete runs that ended long ago
///
/// Their calls, events and logs are deleted. The data that they wrote stays, and still names its
/// run. Runs that wait at a gate or were interrupted stay. The command needs the whole datastore:
/// it waits until no call is running, and new calls wait until it has ended.
#[derive(Debug, Args)]
pub(crate) struct RunGcArgs {
    /// Delete the runs that ended longer ago than this: 5m, 1h, 7d, 2w, 1mo, 1y
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
        let repository = cx.repository_with(self.lock.settings()?)?;
        let dry_run = self.dry_run.is_set();
        if !dry_run {
            self.confirmation.ask_about(cx, || {
                let plan = cx.wait(run_gc(&repository, self.older_than, true, cx.events()))?;
                let what = show::count(plan.runs.len(), "run");
                Ok((!plan.runs.is_empty()).then(|| DeleteQuestion {
                    text: format!("Remove {what} with their calls and logs permanently?"),
                    refused: format!("{what} were not removed"),
                }))
            })?;
        }
        let removed = cx.wait(run_gc(&repository, self.older_than, dry_run, cx.events()))?;
        let runs = &removed.runs;
        if runs.is_empty() {
            let note = format!("No run ended more than {} ago.", self.older_than);
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
        let note = self.dry_run.sentence(&show::count(runs.len(), "run"));
        Ok(Output::new(removed).text(text).note(note))
    }
}
