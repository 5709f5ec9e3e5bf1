//! `sedge datastore restore`

use std::path::{Path, PathBuf};

use clap::Args;
use sedge_app::datastore::restore::{DatastoreRestoreRequest, datastore_restore};

use crate::commands::Run;
use crate::commands::shared::LockOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Restore the datastore from a backup
///
/// Everything in the backup is checked before anything is changed, and the change is all or
/// nothing. The command waits until no call is running, and calls wait until it has ended.
#[derive(Debug, Args)]
pub(crate) struct DatastoreRestoreArgs {
    /// The backup, or `-` for stdin
    file: PathBuf,
    /// Replace the existing data and runs, which are lost
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    lock: LockOptions,
}

impl Run for DatastoreRestoreArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.lock.settings()?)?;
        let request = DatastoreRestoreRequest {
            from: (self.file != Path::new("-")).then(|| self.file.clone()),
            replace: self.replace,
        };
        let restored = cx.wait(datastore_restore(&app, &request))?;
        let note = format!(
            "Restored the datastore of {}: {}, {}, {}.",
            show::time(restored.created_at),
            show::count(restored.versions, "version"),
            show::count(restored.files, "file"),
            show::count(restored.runs, "run"),
        );
        Ok(Output::new(restored).note(note))
    }

    fn changes(&self) -> bool {
        true
    }
}
