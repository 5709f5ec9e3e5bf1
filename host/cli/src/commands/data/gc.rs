//! `sedge data gc`

use clap::Args;
use sedge_api::view::data::DataCollection;
use sedge_app::data::gc::{DataGcRequest, data_gc};

use crate::commands::Run;
use crate::commands::data::delete::{deleted_table, total};
use crate::commands::shared::{Confirmation, DeleteQuestion, DryRun, LockOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Remove expired versions and unused files
///
/// A plugin declares how long and how many versions of its data are retained; a definition may
/// override this (`dataOutputOverrides`). The latest version of each name is always retained,
/// unless --with-latest is given. The command needs the whole datastore: it waits until no call is
/// running, and calls wait until it has ended.
#[derive(Debug, Args)]
pub(crate) struct DataGcArgs {
    #[command(flatten)]
    dry_run: DryRun,
    /// Also remove the latest version of a name if it has expired
    #[arg(long)]
    with_latest: bool,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    lock: LockOptions,
}

impl Run for DataGcArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.lock.settings()?)?;
        let request = DataGcRequest {
            dry_run: self.dry_run.is_set(),
            with_latest: self.with_latest,
        };
        if !request.dry_run {
            self.confirmation.ask_about(cx, || {
                let plan = DataGcRequest {
                    dry_run: true,
                    ..request
                };
                let plan = cx.wait(data_gc(&app, plan))?;
                Ok(what(&plan).map(|what| DeleteQuestion {
                    text: format!("Remove {what} permanently?"),
                    refused: "nothing was removed".to_owned(),
                }))
            })?;
        }
        let collection = cx.wait(data_gc(&app, request))?;
        let mut output = Output::default();
        if !collection.deleted.is_empty() {
            output = output.text(deleted_table(&cx.screen, &collection.deleted));
        }
        output = output.note(match what(&collection) {
            Some(what) => self.dry_run.sentence(&what),
            None => "There is nothing to remove.".to_owned(),
        });
        if collection.latest_kept > 0 {
            output = output.note(format!(
                "The latest version of {} is retained; --with-latest removes it.",
                show::count(collection.latest_kept, "expired name")
            ));
        }
        Ok(output.document(collection))
    }

    fn changes(&self) -> bool {
        !self.dry_run.is_set()
    }
}

/// Returns the removed versions and files as text; `None` if nothing is removed.
fn what(report: &DataCollection) -> Option<String> {
    let versions = (!report.deleted.is_empty()).then(|| total(&report.deleted));
    let files = [
        (report.files, "unused file"),
        (report.unfinished_files, "unfinished file"),
    ];
    let files = files.into_iter().filter(|(files, _)| files.count > 0);
    let files = files.map(|(files, word)| {
        let count = show::count(files.count, word);
        format!("{count} ({})", show::bytes(files.bytes))
    });
    let parts: Vec<String> = versions.into_iter().chain(files).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
