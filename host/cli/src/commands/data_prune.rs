//! `sedge data prune`

use clap::Args;
use sedge_app::data_prune::data_prune;
use serde_json::{Value, json};

use crate::commands::shared::{DryRun, LockOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::show;

/// Delete the data of models that are gone
///
/// A model is gone when its file is. It has the whole datastore to itself: it waits until no
/// call is under way, and calls wait until it has ended.
#[derive(Debug, Args)]
pub(crate) struct DataPruneArgs {
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    lock: LockOptions,
}

pub(crate) fn run(cx: &Context, args: &DataPruneArgs) -> Result<Output, CliError> {
    let repository = cx.repository_with(args.lock.settings())?;
    let dry_run = args.dry_run.is_set();
    let gone = cx.wait(data_prune(&repository, dry_run, cx.events()))?;
    let models: Vec<Value> = gone
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
    let output = Output::new(json!({"dryRun": dry_run, "models": models}));
    if gone.is_empty() {
        return Ok(output.note("Every model that has data is there."));
    }
    let rows = gone.iter().map(|it| {
        vec![
            it.model.to_string(),
            it.n_names.to_string(),
            it.n_versions.to_string(),
            show::bytes(it.n_bytes),
        ]
    });
    let models = show::count(gone.len(), "model");
    Ok(output
        .text(table(&["model", "names", "versions", "size"], rows))
        .note(args.dry_run.sentence(&format!("the data of {models}"))))
}
