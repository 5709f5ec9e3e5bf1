//! `sedge data prune`

use clap::Args;
use sedge_app::data_prune::{Request, data_prune};
use serde_json::{Value, json};

use crate::commands::shared::{DryRun, LockOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::show;

/// Delete the data of models that are gone
///
/// A model is gone when its file is. If the folder of models is missing or has lost most of its
/// files, nothing is deleted without `--yes` or `--model`. It has the whole datastore to itself:
/// it waits until no call is under way, and calls wait until it has ended.
#[derive(Debug, Args)]
pub(crate) struct DataPruneArgs {
    /// Delete the data of this model only, which must be gone; may be given several times
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Confirm that all models without a file are gone for good
    #[arg(long, conflicts_with = "model")]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    lock: LockOptions,
}

pub(crate) fn run(cx: &Context, args: &DataPruneArgs) -> Result<Output, CliError> {
    let repository = cx.repository_with(args.lock.settings()?)?;
    let request = Request {
        models: args.model.clone(),
        is_confirmed: args.yes,
        dry_run: args.dry_run.is_set(),
    };
    let report = cx.wait(data_prune(&repository, &request, cx.events()))?;
    let models: Vec<Value> = report
        .gone
        .iter()
        .map(|it| {
            json!({
                "model": it.model,
                "names": it.n_names,
                "versions": it.n_versions,
                "bytes": it.n_bytes,
            })
        })
        .collect();
    let doubt = report.doubt.map(|doubt| doubt.to_string());
    let output = Output::new(json!({"dryRun": request.dry_run, "models": models, "doubt": doubt}));
    if report.gone.is_empty() {
        return Ok(output.note("Every model that has data is there."));
    }
    let rows = report.gone.iter().map(|it| {
        vec![
            it.model.to_string(),
            it.n_names.to_string(),
            it.n_versions.to_string(),
            show::bytes(it.n_bytes),
        ]
    });
    let models = show::count(report.gone.len(), "model");
    let mut output = output
        .text(table(&["model", "names", "versions", "size"], rows))
        .note(args.dry_run.sentence(&format!("the data of {models}")));
    if let Some(doubt) = doubt {
        output = output.note(format!("It would be refused without `--yes`: {doubt}."));
    }
    Ok(output)
}
