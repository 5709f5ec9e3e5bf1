//! `sedge data rename`

use clap::Args;
use sedge_app::data::rename::{DataRenameRequest, data_rename};

use crate::commands::Run;
use crate::commands::shared::LockOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Rename data, with all its versions
///
/// The former name refers to the renamed data until that is deleted or renamed back. Waits until no
/// call of the model is running.
#[derive(Debug, Args)]
pub(crate) struct DataRenameArgs {
    /// The model
    model: String,
    /// The current name of the data
    from: String,
    /// The new name
    to: String,
    /// Drop the former name, so that writing it creates new data
    #[arg(long)]
    no_forward: bool,
    #[command(flatten)]
    lock: LockOptions,
}

impl Run for DataRenameArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.lock.settings()?)?;
        let request = DataRenameRequest {
            model: self.model.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            forward: !self.no_forward,
        };
        let renamed = cx.wait(data_rename(&app, &request))?;
        let mut note = format!("Renamed `{}` to `{}`.", renamed.from, renamed.to);
        if renamed.forward {
            note.push_str(" The former name refers to it, too.");
        }
        Ok(Output::new(renamed).note(note))
    }

    fn changes(&self) -> bool {
        true
    }
}
