//! `sedge datastore compact`

use clap::Args;
use sedge_app::datastore_compact::datastore_compact;

use crate::commands::shared::{DryRun, LockOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Give back the room that is free in the database
///
/// Needs as much room again while it works. It has the whole datastore to itself: it waits
/// until no call is under way, and calls wait until it has ended.
#[derive(Debug, Args)]
pub(crate) struct DatastoreCompactArgs {
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    lock: LockOptions,
}

pub(crate) fn run(cx: &Context, args: &DatastoreCompactArgs) -> Result<Output, CliError> {
    let repository = cx.repository_with(args.lock.settings()?)?;
    let dry_run = args.dry_run.is_set();
    let compacted = cx.wait(datastore_compact(&repository, dry_run, cx.events()))?;
    let (before, after) = (compacted.bytes_before, compacted.bytes_after);
    let verb = if dry_run { "would have" } else { "has" };
    Ok(Output::new(compacted).note(format!(
        "The database {verb} {} instead of {}.",
        show::bytes(after),
        show::bytes(before)
    )))
}
