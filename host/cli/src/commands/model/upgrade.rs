//! `sedge model upgrade`

use clap::Args;
use sedge_api::view::model::{ModelUpgraded, ModelsUpgraded};
use sedge_app::model::upgrade::{ModelUpgradeRequest, UpgradedModels, model_upgrade};

use crate::commands::Run;
use crate::commands::shared::LockOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::Output;
use crate::show;

/// Upgrade definitions to the version of their type
///
/// Changes the global arguments as the plugin says, and nothing else in the file. A run does the
/// same in memory, and leaves the file as it is.
#[derive(Debug, Args)]
pub(crate) struct ModelUpgradeArgs {
    /// The model
    #[arg(required_unless_present = "all")]
    name: Option<String>,
    /// Upgrade all definitions; waits until no call is in progress
    #[arg(long, conflicts_with = "name")]
    all: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    lock: LockOptions,
}

impl Run for ModelUpgradeArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.lock.settings()?)?;
        let request = ModelUpgradeRequest {
            models: self.name.map_or(UpgradedModels::All, UpgradedModels::Named),
            is_dry_run: self.dry_run,
        };
        let upgraded = cx.wait(model_upgrade(&app, &request))?;
        let text: String = upgraded.models.iter().map(model_text).collect();
        let note = note(&upgraded);
        Ok(Output::new(upgraded).text(text).note(note))
    }

    fn changes(&self) -> bool {
        !self.dry_run
    }
}

fn model_text(model: &ModelUpgraded) -> String {
    let from = match &model.from {
        Some(version) => format!(" from {version}"),
        None => String::new(),
    };
    let mut text = format!("{}{from} to {}\n", model.file, model.to);
    for step in &model.steps {
        let about = guest_text::in_line(&step.description);
        text.push_str(&format!("  {}: {about}\n", step.to_version));
    }
    text.push_str(&model.diff);
    text
}

fn note(upgraded: &ModelsUpgraded) -> String {
    let n_models = upgraded.models.len();
    if n_models == 0 {
        return match upgraded.n_current {
            1 => "The definition is up to date.".to_owned(),
            _ => "All definitions are up to date.".to_owned(),
        };
    }
    let what = show::count(n_models, "definition");
    match upgraded.is_dry_run {
        true => format!("Would upgrade {what}."),
        false => format!("Upgraded {what}."),
    }
}
