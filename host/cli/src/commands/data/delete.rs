//! `sedge data delete`

use clap::{ArgGroup, Args};
use sedge_api::view::data::DeletedName;
use sedge_app::data::delete::{Chosen, DataDeleteRequest, data_delete};

use crate::commands::Run;
use crate::commands::shared::{Confirmation, DeleteQuestion, DryRun, LockOptions, whole_number};
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::{Output, table};
use crate::screen::Screen;
use crate::show;

/// Delete data of a model permanently
///
/// Waits until no call of the model is running. The model itself may be deleted already. The space
/// of large files is freed by `sedge data gc`.
#[derive(Debug, Args)]
#[command(
    override_usage = "sedge data delete [OPTIONS] <MODEL> <NAME [--version N]|--prefix TEXT|--all>"
)]
#[command(group(ArgGroup::new("what").required(true).args(["name", "prefix", "all"])))]
pub(crate) struct DataDeleteArgs {
    /// The model
    model: String,
    /// The name of the data
    name: Option<String>,
    /// Delete this version only
    #[arg(long, short = 'V', value_name = "N", requires = "name", value_parser = whole_number)]
    version: Option<u64>,
    /// Delete all data whose name begins with this text
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Delete all data of the model
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    lock: LockOptions,
}

impl Run for DataDeleteArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.lock.settings()?)?;
        let chosen = match (&self.name, &self.prefix) {
            (Some(name), _) => Chosen::Name(name.clone(), self.version),
            (None, Some(prefix)) => Chosen::Prefix(prefix.clone()),
            (None, None) => Chosen::All,
        };
        let dry_run = self.dry_run.is_set();
        let request = DataDeleteRequest {
            model: self.model.clone(),
            chosen,
            dry_run,
        };
        if !dry_run {
            self.confirmation.ask_about(cx, || {
                let plan = DataDeleteRequest {
                    dry_run: true,
                    ..request.clone()
                };
                let plan = cx.wait(data_delete(&app, &plan))?;
                if plan.deleted.is_empty() {
                    return Ok(None);
                }
                let what = format!("{} of {}", total(&plan.deleted), plan.model);
                let table = deleted_table(&cx.screen, &plan.deleted);
                table.lines().for_each(|line| cx.screen.stderr(line));
                Ok(Some(DeleteQuestion {
                    text: format!("Delete {what} permanently?"),
                    refused: format!("{what} were not deleted"),
                }))
            })?;
        }
        let deletion = cx.wait(data_delete(&app, &request))?;
        if deletion.deleted.is_empty() {
            let note = format!("The model {} has no such data.", deletion.model);
            return Ok(Output::new(deletion).note(note));
        }
        let total = format!("{} of {}", total(&deletion.deleted), deletion.model);
        let text = deleted_table(&cx.screen, &deletion.deleted);
        let output = Output::new(deletion).text(text);
        Ok(output.note(self.dry_run.sentence(&total)))
    }

    fn changes(&self) -> bool {
        !self.dry_run.is_set()
    }
}

/// Returns the deleted names as a table.
pub(crate) fn deleted_table(screen: &Screen, deleted: &[DeletedName]) -> String {
    let rows = deleted.iter().map(|it| {
        vec![
            it.model.clone(),
            guest_text::cell(&it.name),
            it.versions.to_string(),
            show::bytes(it.bytes),
        ]
    });
    table(screen, &["model", "name", "versions", "size"], rows)
}

/// Returns the amount of deleted data, as text.
pub(crate) fn total(deleted: &[DeletedName]) -> String {
    let n_versions: u64 = deleted.iter().map(|it| it.versions).sum();
    let n_bytes: u64 = deleted.iter().map(|it| it.bytes).sum();
    let n_versions = show::count(n_versions, "version");
    format!("{n_versions} ({})", show::bytes(n_bytes))
}
