//! `sedge model revoke`

use clap::Args;
use sedge_api::view::model::ModelRevoked;
use sedge_api::view::permission::GrantsView;
use sedge_app::model::revoke::{ModelRevokeRequest, Revoked, model_revoke};
use sedge_app::types::Revocation;

use crate::commands::Run;
use crate::commands::model::permissions::permissions_table;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Revoke permissions that the definition of a model grants
///
/// Removes grants from the model's definition, and changes nothing else in the file. Grants to all
/// models of the type stay. A call that is running keeps its grants.
#[derive(Debug, Args)]
#[command(
    override_usage = "sedge model revoke [OPTIONS] <NAME> <KIND[=WHAT]>...\n       \
                            sedge model revoke [OPTIONS] <NAME> --all"
)]
pub(crate) struct ModelRevokeArgs {
    /// The model
    name: String,
    /// What to revoke: `models`, `http=https://api.example.com`, `files=NAME`,
    /// `secrets=NAME@https://api.example.com`
    #[arg(value_name = "KIND[=WHAT]", required_unless_present = "all")]
    grant: Vec<Revocation>,
    /// Revoke everything that the definition grants
    #[arg(long, conflicts_with = "grant")]
    all: bool,
}

impl Run for ModelRevokeArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let request = ModelRevokeRequest {
            model: self.name,
            what: match self.all {
                true => Revoked::All,
                false => Revoked::Named(self.grant),
            },
        };
        let revoked = cx.wait(model_revoke(&app, &request))?;
        let text = match &revoked.permissions {
            Some(permissions) => permissions_table(&cx.screen, permissions),
            None => String::new(),
        };
        let notes = notes(&revoked);
        let output = Output::new(revoked).text(text);
        Ok(notes.into_iter().fold(output, Output::note))
    }

    fn changes(&self) -> bool {
        true
    }
}

fn notes(revoked: &ModelRevoked) -> Vec<String> {
    let ModelRevoked { model, file, .. } = revoked;
    let mut notes = vec![match revoked.removed == GrantsView::default() {
        true => format!("{file} granted nothing."),
        false => format!("Removed grants from {file}."),
    }];
    if revoked.permissions.is_none() {
        notes.push(format!(
            "hint: the plugin of {model} cannot be used: `sedge model permissions {model}` says why"
        ));
    }
    notes
}
