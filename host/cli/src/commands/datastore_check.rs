//! `sedge datastore check`

use clap::Args;
use sedge_app::AppError;
use sedge_app::datastore_check::datastore_check;
use sedge_app::types::Finding;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Check that nothing in the datastore is missing or damaged
///
/// Looks at every row and every file. Needs no lock.
#[derive(Debug, Args)]
pub(crate) struct DatastoreCheckArgs {
    /// Also read all content and compare it with its digest
    #[arg(long)]
    deep: bool,
}

pub(crate) fn run(cx: &Context, args: &DatastoreCheckArgs) -> Result<Output, CliError> {
    let repository = cx.repository()?;
    let report = cx.look(|progress| {
        let tell = |n| progress.count(n, "version");
        Ok::<_, CliError>(datastore_check(&repository, args.deep, tell)?)
    })?;
    let (faults, leftovers): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|finding| finding.is_fault);
    if !faults.is_empty() {
        let faults = faults.iter().map(|it| it.what.clone()).collect();
        return Err(AppError::StoreDamaged { faults }.into());
    }
    let documents: Vec<Value> = leftovers.iter().map(|it| json!(it.what)).collect();
    let data = json!({
        "deep": args.deep,
        "versions": report.n_versions,
        "files": report.n_files,
        "hashedBytes": report.n_hashed_bytes,
        "leftovers": documents,
    });
    let mut output = Output::new(data);
    let lines: Vec<&str> = leftovers.iter().map(|it| it.what.as_str()).collect();
    output = output.text(lines.join("\n"));
    if !leftovers.is_empty() {
        output = output.note("What is listed takes up room only; `sedge data gc` removes it.");
    }
    let hashed = if args.deep {
        format!(" All {} were read.", show::bytes(report.n_hashed_bytes))
    } else {
        String::new()
    };
    Ok(output.note(format!(
        "The datastore is sound: {}, {}.{hashed}",
        show::count(report.n_versions, "version"),
        show::count(report.n_files, "file"),
    )))
}
