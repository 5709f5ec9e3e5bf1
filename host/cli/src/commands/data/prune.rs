//! `sedge data prune`

use clap::Args;
use sedge_app::data::prune::{DataPruneRequest, data_prune};

use crate::commands::Run;
use crate::commands::shared::{Confirmation, DeleteQuestion, DryRun, LockOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::show;

/// Delete the data of deleted models
///
/// A model counts as deleted if its file is missing. If the folder of models is missing or has lost
/// most of its files, nothing is deleted without `--yes` or `--model`. The command needs the whole
/// datastore: it waits until no call is running, and calls wait until it has ended.
#[derive(Debug, Args)]
pub(crate) struct DataPruneArgs {
    /// Delete only the data of this model, which must be deleted itself; may be repeated
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Confirm that all models without a file were deleted
    #[arg(long, conflicts_with = "model")]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    lock: LockOptions,
}

impl Run for DataPruneArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.lock.settings()?)?;
        let request = DataPruneRequest {
            models: self.model.clone(),
            is_confirmed: self.yes,
            dry_run: self.dry_run.is_set(),
        };
        if !request.dry_run {
            Confirmation::given(self.yes).ask_about(cx, || {
                let plan = DataPruneRequest {
                    dry_run: true,
                    ..request.clone()
                };
                let plan = cx.wait(data_prune(&app, &plan))?;
                // Without `--yes`, the deletion of doubtful data is refused anyway.
                let is_asked = plan.doubt.is_none() && !plan.models.is_empty();
                let models = show::count(plan.models.len(), "deleted model");
                Ok(is_asked.then(|| DeleteQuestion {
                    text: format!("Delete the data of {models} permanently?"),
                    refused: format!("the data of {models} was not deleted"),
                }))
            })?;
        }
        let pruned = cx.wait(data_prune(&app, &request))?;
        if pruned.models.is_empty() {
            return Ok(Output::new(pruned).note("Every model that has data exists."));
        }
        let rows = pruned.models.iter().map(|it| {
            vec![
                it.model.clone(),
                it.names.to_string(),
                it.versions.to_string(),
                show::bytes(it.bytes),
            ]
        });
        let models = show::count(pruned.models.len(), "model");
        let mut output = Output::default()
            .text(table(
                &cx.screen,
                &["model", "names", "versions", "size"],
                rows,
            ))
            .note(self.dry_run.sentence(&format!("the data of {models}")));
        if let Some(doubt) = &pruned.doubt {
            output = output.note(format!("Without `--yes` this would be refused: {doubt}."));
        }
        Ok(output.document(pruned))
    }

    fn changes(&self) -> bool {
        !self.dry_run.is_set()
    }
}
