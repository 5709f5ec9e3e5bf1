//! `sedge secret list`

use clap::Args;
use sedge_api::Time;
use sedge_api::view::secret::{SecretState, SecretView};
use sedge_app::secret::secret_list;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};
use crate::show;

/// List secrets, with the user who put each and the call that last used it
#[derive(Debug, Args)]
pub(crate) struct SecretListArgs {
    #[command(flatten)]
    list: ListOptions,
}

impl Run for SecretListArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let heading = [
            "name",
            "state",
            "version",
            "created",
            "updated",
            "last used",
            "by call",
            "put by",
        ];
        let mut rows = Rows::new(cx, &self.list, &heading);
        let mut notes = Vec::new();
        secret_list(&cx.app()?, |secret| {
            notes.extend(note(&secret));
            rows.push(&secret, || row(&secret))
        })?;
        let output = rows.output("No secrets yet; `sedge secret put NAME` asks for one.")?;
        Ok(notes.into_iter().fold(output, Output::note))
    }
}

fn row(secret: &SecretView) -> Vec<String> {
    let time = |at: Option<Time>| at.map(show::time).unwrap_or_default();
    let used = secret.last_use.as_ref();
    vec![
        secret.name.clone(),
        secret.state.as_str().to_owned(),
        secret.version.map_or(String::new(), |it| it.to_string()),
        time(secret.created_at),
        time(secret.updated_at),
        time(used.map(|used| used.at)),
        used.map_or(String::new(), |used| guest_text::cell(&used.by)),
        secret.by.as_deref().map_or(String::new(), guest_text::cell),
    ]
}

/// Returns a note on a secret that is weak or cannot be opened.
fn note(secret: &SecretView) -> Option<String> {
    let (name, reason) = (&secret.name, secret.reason.as_ref()?);
    match secret.state {
        SecretState::Ok => None,
        SecretState::Weak => Some(format!("`{name}` is weak: {reason}.")),
        SecretState::Closed => Some(format!("`{name}` cannot be opened: {reason}.")),
    }
}
