//! `sedge datastore check`

use clap::Args;
use sedge_app::datastore::check::datastore_check;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Check that nothing in the datastore is missing or damaged
///
/// Checks every row and every file. Needs no lock.
#[derive(Debug, Args)]
pub(crate) struct DatastoreCheckArgs {
    /// Also read all content and compare it with its digest
    #[arg(long)]
    deep: bool,
}

impl Run for DatastoreCheckArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let checked = cx.read(|progress| {
            let report = |n| progress.count(n, "version");
            Ok::<_, CliError>(datastore_check(&app, self.deep, report)?)
        })?;
        let mut output = Output::default().text(checked.leftovers.join("\n"));
        if !checked.leftovers.is_empty() {
            output = output
                .note("The listed leftovers only take up space; `sedge data gc` removes them.");
        }
        let hashed = if checked.deep {
            format!(" All {} were read.", show::bytes(checked.hashed_bytes))
        } else {
            String::new()
        };
        let note = format!(
            "The datastore is intact: {}, {}.{hashed}",
            show::count(checked.versions, "version"),
            show::count(checked.files, "file"),
        );
        Ok(output.note(note).document(checked))
    }
}
