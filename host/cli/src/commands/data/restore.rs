//! `sedge data restore`

use clap::Args;
use sedge_app::data::restore::{DataRestoreRequest, data_restore};

use crate::commands::Run;
use crate::commands::shared::{LockOptions, whole_number};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Restore an earlier version of data, as a new version
///
/// The new version has the content and the tags of the earlier one. No version is changed or
/// deleted. If the version is the latest one, nothing is written. Waits until no call of the model
/// is running.
#[derive(Debug, Args)]
pub(crate) struct DataRestoreArgs {
    /// The model
    model: String,
    /// The name of the data
    name: String,
    /// The version to restore
    #[arg(long, short = 'V', value_name = "N", value_parser = whole_number)]
    version: u64,
    #[command(flatten)]
    lock: LockOptions,
}

impl Run for DataRestoreArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.lock.settings()?)?;
        let request = DataRestoreRequest {
            model: self.model,
            name: self.name,
            version: self.version,
        };
        let restored = cx.wait(data_restore(&app, &request))?;
        let (name, from, latest) = (&restored.name, restored.from, restored.version);
        let note = if restored.is_written {
            format!("Restored version {from} of `{name}` as version {latest}.")
        } else {
            format!("Version {from} of `{name}` is the latest already, so nothing was written.")
        };
        Ok(Output::new(restored).note(note))
    }

    fn changes(&self) -> bool {
        true
    }
}
