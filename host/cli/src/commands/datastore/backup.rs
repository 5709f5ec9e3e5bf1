//! `sedge datastore backup`

use std::path::PathBuf;

use clap::Args;
use sedge_app::datastore::backup::{DatastoreBackupRequest, datastore_backup};

use crate::commands::Run;
use crate::commands::shared::LockOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Copy the whole datastore to one file
///
/// The backup is a snapshot, and calls continue meanwhile. It is a tar archive. It does not contain
/// the repository's own files (models, workflows, sedge.lock), which belong in version control.
#[derive(Debug, Args)]
pub(crate) struct DatastoreBackupArgs {
    /// The file to write
    file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    lock: LockOptions,
}

impl Run for DatastoreBackupArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.lock.settings()?)?;
        let request = DatastoreBackupRequest {
            to: self.file.clone(),
            replace: self.replace,
        };
        let made = cx.wait(datastore_backup(&app, &request))?;
        let note = format!(
            "Wrote {} to {}: {}, {}.",
            show::bytes(made.bytes),
            made.file,
            show::count(made.versions, "version"),
            show::count(made.files, "file"),
        );
        Ok(Output::new(made).note(note))
    }
}
