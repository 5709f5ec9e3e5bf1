//! `sedge secret list`

use clap::Args;
use sedge_app::secret_list::secret_list;
use sedge_app::types::{ListedSecret, SecretInfo, Weakness};
use serde_json::{Value, json};

use crate::commands::secret_put::info_json;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::{Output, table};
use crate::show;

/// List secrets: their names and states, and who put and used them
#[derive(Debug, Args)]
pub(crate) struct SecretListArgs {}

pub(crate) fn run(cx: &Context, _args: &SecretListArgs) -> Result<Output, CliError> {
    let secrets = secret_list(&*cx.repository()?)?;
    let data: Vec<Value> = secrets.iter().map(listed_json).collect();
    let output = Output::new(json!(data));
    if secrets.is_empty() {
        return Ok(output.note("No secrets yet; `sedge secret put NAME` asks for one."));
    }
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
    let output = output.text(table(&heading, secrets.iter().map(row)));
    let notes = secrets.iter().filter_map(note);
    Ok(notes.fold(output, Output::note))
}

fn listed_json(secret: &ListedSecret) -> Value {
    let mut data = match &secret.info {
        Some(info) => info_json(info),
        None => json!({"name": secret.name}),
    };
    data["state"] = json!(state(secret));
    let weakness = secret.opened.as_ref().ok().copied().flatten();
    data["weakness"] = json!(weakness.map(Weakness::as_str));
    data["closedBecause"] = json!(secret.opened.as_ref().err().map(ToString::to_string));
    data
}

/// Returns whether a secret can be used, in a word.
fn state(secret: &ListedSecret) -> &'static str {
    match &secret.opened {
        Ok(None) => "ok",
        Ok(Some(_)) => "weak",
        Err(_) => "closed",
    }
}

fn row(secret: &ListedSecret) -> Vec<String> {
    let info = secret.info.as_ref();
    let of = |text: fn(&SecretInfo) -> String| info.map(text).unwrap_or_default();
    let used = info.and_then(|info| info.last_use.as_ref());
    vec![
        secret.name.to_string(),
        state(secret).to_owned(),
        of(|info| info.version.to_string()),
        of(|info| show::time(info.created_at)),
        of(|info| show::time(info.updated_at)),
        used.map_or(String::new(), |(at, _)| show::time(*at)),
        used.map_or(String::new(), |(_, by)| guest_text::cell(by)),
        of(|info| guest_text::cell(&info.by)),
    ]
}

/// Returns what is to be said of a secret that is weak or cannot be opened.
fn note(secret: &ListedSecret) -> Option<String> {
    let name = &secret.name;
    match &secret.opened {
        Ok(None) => None,
        Ok(Some(weakness)) => Some(format!("`{name}` is weak: {weakness}.")),
        Err(error) => Some(format!("`{name}` cannot be opened: {error}.")),
    }
}
