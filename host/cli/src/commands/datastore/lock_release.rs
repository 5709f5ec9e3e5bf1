//! `sedge datastore lock release`

use clap::{ArgGroup, Args};
use sedge_app::datastore::lock_release::datastore_lock_release;

use crate::commands::Run;
use crate::commands::datastore::lock_status::{lock_text, resource};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Release the locks of calls that still hold them
///
/// For calls that do not end and cannot be stopped otherwise. Everything that such a call, its nested
/// calls and its commands still write is refused, so nothing is half written; effects outside are not
/// stopped. The locks of a process that has ended are free without this command.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub(crate) struct DatastoreLockReleaseArgs {
    /// Release the lock of this model
    #[arg(long, value_name = "MODEL", group = "which")]
    model: Option<String>,
    /// Release the locks of every call and run
    #[arg(long, group = "which")]
    all: bool,
    /// Confirm the release
    #[arg(long, required = true)]
    force: bool,
}

impl Run for DatastoreLockReleaseArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let released = datastore_lock_release(&cx.app()?, self.model.as_deref())?;
        let n_locks = released.released.len();
        if n_locks == 0 {
            return Ok(Output::new(released).note(match &self.model {
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
            .note("hint: the calls that held them cannot write any more; `sedge run list` shows their runs"))
    }

    fn changes(&self) -> bool {
        true
    }
}
