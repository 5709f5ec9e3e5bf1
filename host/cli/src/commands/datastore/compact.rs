//! `sedge datastore compact`

use clap::Args;
use sedge_app::datastore::compact::datastore_compact;

use crate::commands::Run;
use crate::commands::shared::{DryRun, LockOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Return the free space of the database to the file system
///
/// Temporarily needs as much space as the database takes. The command needs the whole datastore: it
/// waits until no call is running, and calls wait until it has ended.
#[derive(Debug, Args)]
pub(crate) struct DatastoreCompactArgs {
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    lock: LockOptions,
}

impl Run for DatastoreCompactArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.lock.settings()?)?;
        let dry_run = self.dry_run.is_set();
        let compacted = cx.wait(datastore_compact(&app, dry_run))?;
        let (before, after) = (compacted.bytes_before, compacted.bytes_after);
        let verb = if dry_run { "would take" } else { "takes" };
        Ok(Output::new(compacted).note(format!(
            "The database {verb} {} instead of {}.",
            show::bytes(after),
            show::bytes(before)
        )))
    }

    fn changes(&self) -> bool {
        !self.dry_run.is_set()
    }
}
