//! `sedge datastore status`

use clap::Args;
use sedge_app::datastore_status::{Report, datastore_status};
use sedge_app::types::Timestamp;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::show;

/// Show where the datastore is, how large it is, and what runs
///
/// Needs no lock.
#[derive(Debug, Args)]
pub(crate) struct DatastoreStatusArgs {}

pub(crate) fn run(cx: &Context, _args: &DatastoreStatusArgs) -> Result<Output, CliError> {
    let repository = cx.repository()?;
    let report = cx.look(|_| Ok::<_, CliError>(datastore_status(&repository)?))?;
    let Report {
        status,
        oldest,
        n_running,
        n_interrupted,
    } = &report;
    let data = json!({
        "folder": status.folder.to_string_lossy(),
        "engine": status.engine,
        "schema": status.schema,
        "databaseBytes": status.n_database_bytes,
        "freeBytes": status.n_free_bytes,
        "logBytes": status.n_log_bytes,
        "files": status.n_files,
        "fileBytes": status.n_file_bytes,
        "unfinishedFiles": status.n_unfinished,
        "runs": status.n_runs,
        "calls": status.n_calls,
        "logLines": status.n_log_lines,
        "names": status.n_names,
        "versions": status.n_versions,
        "runningCalls": n_running,
        "interruptedCalls": n_interrupted,
        "oldestRunningCall": oldest.as_ref().map(|call| json!({
            "call": call.lineage,
            "model": call.model,
            "method": call.method,
            "startedAt": show::timestamp(call.started_at),
        })),
    });
    Ok(Output::new(data).text(text(&report)))
}

fn text(report: &Report) -> String {
    let status = &report.status;
    let running = match &report.oldest {
        None => "none".to_owned(),
        Some(call) => {
            let since = Timestamp::now().0.saturating_sub(call.started_at.0);
            format!(
                "{}, for {} at most: {}.{} ({})",
                report.n_running,
                show::duration(std::time::Duration::from_millis(since)),
                call.model,
                call.method,
                call.lineage
            )
        }
    };
    let size = |n: u64| show::bytes(n);
    let rows = [
        ("folder", status.folder.display().to_string()),
        (
            "engine",
            format!("{}, schema {}", status.engine, status.schema),
        ),
        (
            "database",
            format!(
                "{}, of which {} are free; {} in its log",
                size(status.n_database_bytes),
                size(status.n_free_bytes),
                size(status.n_log_bytes)
            ),
        ),
        (
            "files",
            format!("{} with {}", status.n_files, size(status.n_file_bytes)),
        ),
        (
            "data",
            format!(
                "{} of {}",
                count(status.n_versions, "version"),
                count(status.n_names, "name")
            ),
        ),
        (
            "runs",
            format!(
                "{} with {}",
                count(status.n_runs, "run"),
                count(status.n_calls, "call")
            ),
        ),
        ("running calls", running),
        ("interrupted calls", report.n_interrupted.to_string()),
    ];
    let rows = rows.map(|(what, value)| vec![what.to_owned(), value]);
    table(&["datastore", ""], rows)
}

fn count(n: u64, thing: &str) -> String {
    show::count(n, thing)
}
