//! `sedge datastore status`

use std::time::Duration;

use clap::Args;
use sedge_api::view::datastore::DatastoreStatusView;
use sedge_app::datastore::status::datastore_status;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::screen::Screen;
use crate::show;

/// Show the place and the size of the datastore, and running calls
///
/// Needs no lock.
#[derive(Debug, Args)]
pub(crate) struct DatastoreStatusArgs {}

impl Run for DatastoreStatusArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let status = cx.read(|_| Ok::<_, CliError>(datastore_status(&app)?))?;
        let text = text(&cx.screen, &status);
        Ok(Output::new(status).text(text))
    }
}

fn text(screen: &Screen, status: &DatastoreStatusView) -> String {
    let running = match &status.oldest_running_call {
        None => "none".to_owned(),
        Some(call) => format!(
            "{}, the oldest for {}: {}.{} ({})",
            status.running_calls,
            show::duration(Duration::from_millis(call.running_ms)),
            call.model,
            call.method,
            call.call
        ),
    };
    let size = |n: u64| show::bytes(n);
    let rows = [
        ("folder", status.folder.clone()),
        (
            "engine",
            format!("{}, schema {}", status.engine, status.schema),
        ),
        (
            "database",
            format!(
                "{}, of which {} are free; {} in its log",
                size(status.database_bytes),
                size(status.free_bytes),
                size(status.log_bytes)
            ),
        ),
        (
            "files",
            format!("{} with {}", status.files, size(status.file_bytes)),
        ),
        (
            "data",
            format!(
                "{} of {}",
                count(status.versions, "version"),
                count(status.names, "name")
            ),
        ),
        (
            "runs",
            format!(
                "{} with {}",
                count(status.runs, "run"),
                count(status.calls, "call")
            ),
        ),
        ("running calls", running),
        ("interrupted calls", status.interrupted_calls.to_string()),
    ];
    let rows = rows.map(|(what, value)| vec![what.to_owned(), value]);
    table(screen, &["datastore", ""], rows)
}

fn count(n: u64, thing: &str) -> String {
    show::count(n, thing)
}
