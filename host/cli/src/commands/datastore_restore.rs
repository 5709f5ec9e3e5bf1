//! `sedge datastore restore`

use std::path::{Path, PathBuf};

use clap::Args;
use sedge_app::datastore_restore::{Request, datastore_restore};
use serde_json::json;

use crate::commands::shared::LockOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Make the datastore what it was when a backup was made
///
/// Everything in the backup is checked before anything is changed, and the change is all or
/// nothing. It waits until no call is under way, and calls wait until it has ended.
#[derive(Debug, Args)]
pub(crate) struct DatastoreRestoreArgs {
    /// The backup, or `-` for stdin
    file: PathBuf,
    /// Replace the data and runs that there are: they are lost
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    lock: LockOptions,
}

pub(crate) fn run(cx: &Context, args: &DatastoreRestoreArgs) -> Result<Output, CliError> {
    let repository = cx.repository_with(args.lock.settings()?)?;
    let request = Request {
        from: (args.file != Path::new("-")).then(|| args.file.clone()),
        replace: args.replace,
    };
    let report = cx.wait(datastore_restore(&repository, &request, cx.events()))?;
    let data = json!({
        "createdAt": show::timestamp(report.created_at),
        "versions": report.n_versions,
        "runs": report.n_runs,
        "files": report.n_files,
    });
    Ok(Output::new(data).note(format!(
        "The datastore is as it was on {}: {}, {}, {}.",
        show::timestamp(report.created_at),
        show::count(report.n_versions, "version"),
        show::count(report.n_files, "file"),
        show::count(report.n_runs, "run"),
    )))
}
