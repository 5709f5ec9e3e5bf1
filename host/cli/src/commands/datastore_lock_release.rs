//! `sedge datastore lock release`

use clap::{ArgGroup, Args};
use sedge_app::datastore_lock_release::datastore_lock_release;

use crate::commands::datastore_lock_status::{lock_text, resource};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Take locks away from calls that have them
///
/// For when whoever has them does not come to an end and cannot be stopped otherwise. What
/// those calls would still write is refused as a whole, so nothing is half written; what
/// they do outside is not stopped. A dead process needs none of this: its locks are free.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub(crate) struct DatastoreLockReleaseArgs {
    /// Of the call that has this model locked
    #[arg(long, value_name = "MODEL", group = "which")]
    model: Option<String>,
    /// Of every call and run
    #[arg(long, group = "which")]
    all: bool,
    /// Say that this is meant
    #[arg(long, required = true)]
    force: bool,
}

pub(crate) fn run(cx: &Context, args: &DatastoreLockReleaseArgs) -> Result<Output, CliError> {
    let released = datastore_lock_release(&*cx.repository()?, args.model.as_deref())?;
    let n_locks = released.released.len();
    if n_locks == 0 {
        return Ok(Output::new(released).note(match &args.model {
            Some(model) => format!("The model `{model}` is not locked."),
            None => "Nothing is locked.".to_owned(),
        }));
    }
    let locks = released.released.iter();
    let lines: Vec<String> = locks
        .map(|lock| format!("{}: {}", resource(lock), lock_text(lock)))
        .collect();
    Ok(Output::new(released)
        .text(lines.join("\n"))
        .note(format!("Released {}.", show::count(n_locks, "lock")))
        .note("hint: the calls that had them cannot write any more; `sedge run list` shows their runs"))
}
