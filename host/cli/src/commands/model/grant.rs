//! `sedge model grant`

use clap::Args;
use sedge_api::view::model::ModelGranted;
use sedge_api::view::permission::GrantsView;
use sedge_app::model::grant::{ModelGrantRequest, model_grant, model_lacking};
use sedge_app::types::Choice;

use crate::commands::Run;
use crate::commands::model::permissions::permissions_table;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::permission_text::permission_text;
use crate::{grant_questions, show};

/// Grant permissions to one model, in its definition
///
/// Adds grants to the model's definition, and changes nothing else in the file. Without KIND=WHAT,
/// the command asks on a terminal about each permission that the plugin requests and the model
/// lacks. `sedge plugin add` grants permissions to all models of a type.
#[derive(Debug, Args)]
pub(crate) struct ModelGrantArgs {
    /// The model
    name: String,
    /// What to grant: `models`, `http=https://api.example.com`, `files=NAME:PATH`,
    /// `secrets=NAME@https://api.example.com`
    #[arg(value_name = "KIND[=WHAT]")]
    grant: Vec<Choice>,
}

impl Run for ModelGrantArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        if self.grant.contains(&Choice::None) {
            return Err(CliError::Usage {
                message: "`none` grants nothing".to_owned(),
                hints: vec![format!(
                    "to revoke permissions: `sedge model revoke {} --all`",
                    self.name
                )],
            });
        }
        let app = cx.app()?;
        let mut choices = self.grant;
        if choices.is_empty() {
            let lacking = cx.wait(model_lacking(&app, &self.name))?;
            if !lacking.is_empty() && !cx.is_interactive() {
                return Err(not_named(&self.name));
            }
            if !lacking.is_empty() {
                let what = show::count(lacking.len(), "permission");
                cx.screen.stderr(&format!(
                    "{} lacks {what} that its plugin requests.",
                    self.name
                ));
            }
            let quit = format!("nothing was granted to {}", self.name);
            choices = grant_questions::ask(&cx.screen, &lacking, &quit)?;
        }
        let request = ModelGrantRequest {
            model: self.name,
            choices,
        };
        let granted = cx.wait(model_grant(&app, &request))?;
        let text = permissions_table(&cx.screen, &granted.permissions);
        let notes = notes(&granted);
        let output = Output::new(granted).text(text);
        Ok(notes.into_iter().fold(output, Output::note))
    }

    fn changes(&self) -> bool {
        true
    }
}

fn not_named(name: &str) -> CliError {
    CliError::Usage {
        message: "no permission is named, and there is no terminal to ask on".to_owned(),
        hints: vec![
            format!("see what `{name}` lacks: `sedge model permissions {name}`"),
            format!("name what to grant: `sedge model grant {name} KIND=WHAT`"),
        ],
    }
}

fn notes(granted: &ModelGranted) -> Vec<String> {
    let ModelGranted {
        model, file, added, ..
    } = granted;
    let already = granted.already.iter();
    let mut notes: Vec<String> = already
        .map(|it| format!("{model} may already {}.", permission_text(it)))
        .collect();
    if *added == GrantsView::default() {
        notes.push(format!("Nothing was added to {file}."));
    } else {
        notes.push(format!("Added grants to {file}."));
    }
    notes
}
