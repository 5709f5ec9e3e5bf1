//! `sedge data rename`

use clap::Args;
use sedge_app::data_rename::{Request, data_rename};

use crate::commands::shared::LockOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Give data another name, with all its versions
///
/// Who reads or writes the former name reads or writes the new one, until the data is deleted
/// or renamed back. Waits until no call of the model is under way.
#[derive(Debug, Args)]
pub(crate) struct DataRenameArgs {
    /// The model
    model: String,
    /// The name that the data has
    from: String,
    /// The name that it gets
    to: String,
    /// Forget the former name: who writes it makes new data
    #[arg(long)]
    no_forward: bool,
    #[command(flatten)]
    lock: LockOptions,
}

pub(crate) fn run(cx: &Context, args: &DataRenameArgs) -> Result<Output, CliError> {
    let repository = cx.repository_with(args.lock.settings()?)?;
    let request = Request {
        model: args.model.clone(),
        from: args.from.clone(),
        to: args.to.clone(),
        forward: !args.no_forward,
    };
    let renamed = cx.wait(data_rename(&repository, &request, cx.events()))?;
    let mut words = format!("Renamed `{}` to `{}`.", renamed.from, renamed.to);
    if renamed.forward {
        words.push_str(" The former name leads there.");
    }
    Ok(Output::new(renamed).note(words))
}
