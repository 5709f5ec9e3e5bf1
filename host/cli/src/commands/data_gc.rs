//! `sedge data gc`

use clap::Args;
use sedge_app::data_gc::{Request, data_gc};
use sedge_app::types::GcReport;
use serde_json::json;

use crate::commands::data_delete::{deleted_json, deleted_table, total};
use crate::commands::shared::{DryRun, LockOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Remove versions that are kept no longer
///
/// A plugin says how long and how many versions of its data are kept; a definition may say
/// otherwise (`dataOutputOverrides`). The latest version of each name always stays, unless
/// --with-latest is given. Files that nothing refers to go, too. It has the whole datastore to
/// itself: it waits until no call is under way, and calls wait until it has ended.
#[derive(Debug, Args)]
pub(crate) struct DataGcArgs {
    #[command(flatten)]
    dry_run: DryRun,
    /// Also remove the latest version of a name whose lifetime is over
    #[arg(long)]
    with_latest: bool,
    #[command(flatten)]
    lock: LockOptions,
}

pub(crate) fn run(cx: &Context, args: &DataGcArgs) -> Result<Output, CliError> {
    let repository = cx.repository_with(args.lock.settings()?)?;
    let request = Request {
        dry_run: args.dry_run.is_set(),
        with_latest: args.with_latest,
    };
    let report = cx.wait(data_gc(&repository, request, cx.events()))?;
    let data = json!({
        "dryRun": request.dry_run,
        "deleted": deleted_json(&report.deleted),
        "files": {"count": report.files.0, "bytes": report.files.1},
        "unfinishedFiles": {"count": report.unfinished.0, "bytes": report.unfinished.1},
        "latestKept": report.n_latest_kept,
    });
    let mut output = Output::new(data);
    if !report.deleted.is_empty() {
        output = output.text(deleted_table(&report.deleted));
    }
    output = output.note(match what(&report) {
        Some(what) => args.dry_run.sentence(&what),
        None => "There is nothing to remove.".to_owned(),
    });
    if report.n_latest_kept > 0 {
        output = output.note(format!(
            "{} past their lifetime keep their latest version; --with-latest removes it.",
            show::count(report.n_latest_kept, "name")
        ));
    }
    Ok(output)
}

/// Returns what goes, in words; none where nothing does.
fn what(report: &GcReport) -> Option<String> {
    let versions = (!report.deleted.is_empty()).then(|| total(&report.deleted));
    let files = [
        (report.files, "unused file"),
        (report.unfinished, "unfinished file"),
    ];
    let files = files.into_iter().filter(|((n, _), _)| *n > 0);
    let files = files
        .map(|((n, n_bytes), word)| format!("{} ({})", show::count(n, word), show::bytes(n_bytes)));
    let parts: Vec<String> = versions.into_iter().chain(files).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
