//! `sedge plugin add`

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use sedge_app::plugin_add::{Added, Before, Report, plugin_add};
use sedge_app::types::{
    Choice, GuestText, Permission, PermissionRequest, narrowest, stderr_columns,
};
use serde_json::json;

use crate::commands::plugin_describe::{description_json, permission_text};
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::{Output, stderr, stderr_asks};
use crate::show;

/// Add a plugin, or replace it by another version
///
/// The component is checked, compiled and pinned by its digest in sedge.lock. Calls never
/// compile. What it asks for is shown, and granted to all models of its type if you say so; a
/// version that asks for more than was decided on is not added without a new decision.
#[derive(Debug, Args)]
pub(crate) struct PluginAddArgs {
    /// The component, a file built with an SDK of Sedge
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// Grant everything that it asks for, except folders, whose place only you know
    #[arg(long, conflicts_with = "grant")]
    grant_all: bool,
    /// Grant some of it: `models`, `http=https://api.example.com`, `files=NAME:PATH`,
    /// `secrets=NAME@https://api.example.com`, `none`
    #[arg(long, value_name = "KIND[=WHAT]")]
    grant: Vec<Choice>,
}

pub(crate) fn run(cx: &Context, args: &PluginAddArgs) -> Result<Output, CliError> {
    let repository = cx.repository()?;
    let added = cx.wait(plugin_add(&repository, &args.file, cx.events()))?;
    let mut choices = args.grant.clone();
    if args.grant_all {
        choices.push(Choice::All);
    }
    if choices.is_empty() && !added.undecided.is_empty() && is_attended(cx) {
        choices = ask(&added)?;
    }
    let report = added.pin(&choices)?;
    Ok(output(&report))
}

fn output(report: &Report) -> Output {
    let info = &report.description.type_info;
    let (before, sentence) = match &report.before {
        Before::Nothing => (json!(null), format!("Added {} {}", info.name, info.version)),
        Before::Same => (
            json!(info.version),
            format!("Already there: {} {}", info.name, info.version),
        ),
        Before::Other(version) => (
            json!(version),
            format!("Replaced {} {version} by {}", info.name, info.version),
        ),
    };
    let mut data = description_json(&report.description);
    data["before"] = before;
    data["grants"] = json!(report.grants);
    let mut output = Output::new(data).note(sentence);
    for request in &info.permissions {
        output = output.note(format!(
            "{} {}: {}",
            allowed_text(report, &request.permission),
            permission_text(&request.permission),
            guest_text::in_line(&request.reason)
        ));
    }
    output.note(format!(
        "hint: `sedge model create {} NAME` makes a model of it",
        info.name
    ))
}

/// Returns whether all models of the type may do what was asked for.
fn allowed_text(report: &Report, permission: &Permission) -> &'static str {
    if report.grants.has_all_of(permission) {
        "It may"
    } else if report.grants.has_part_of(permission) {
        "It may, in part,"
    } else {
        "It may not, although it asks to,"
    }
}

/// Returns whether somebody is there to be asked.
fn is_attended(cx: &Context) -> bool {
    !cx.json && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// What a person answers to one question.
enum Answer {
    Yes,
    No,
    Quit,
}

/// Asks of each thing that a plugin asks for whether to grant it.
fn ask(added: &Added) -> Result<Vec<Choice>, CliError> {
    let info = &added.description.type_info;
    let n_asked = added.undecided.len();
    let what = show::count(n_asked, "permission");
    stderr(&match added.before {
        Before::Nothing => format!("{} asks for {what}, for all models of the type.", info.name),
        Before::Same | Before::Other(_) => format!(
            "{} {} asks for {what} more than before, for all models of the type.",
            info.name, info.version
        ),
    });
    let quit = || CliError::Quit(format!("{} was not added", info.name));
    let mut choices = Vec::new();
    for (n, request) in added.undecided.iter().enumerate() {
        let PermissionRequest { permission, reason } = request;
        stderr(&format!(
            "{} of {n_asked}: {}",
            n + 1,
            permission_text(permission)
        ));
        stderr(&format!("  {}", quoted(reason)));
        match answer(permission)? {
            Answer::Yes => {}
            Answer::No => continue,
            Answer::Quit => return Err(quit()),
        }
        let Permission::Files { name, .. } = permission else {
            choices.push(Choice::Exactly(permission.clone()));
            continue;
        };
        let question = format!("Where is the folder `{name}`? [nowhere] ");
        let path = stderr_asks(&question)?.ok_or_else(quit)?;
        if !path.is_empty() {
            choices.push(Choice::Folder {
                name: name.to_string(),
                path,
            });
        }
    }
    if choices.is_empty() {
        choices.push(Choice::None);
    }
    Ok(choices)
}

/// Asks whether to grant one thing, until there is an answer.
fn answer(permission: &Permission) -> Result<Answer, CliError> {
    loop {
        let Some(answer) = stderr_asks("Grant it? [yes/no/show/quit] ")? else {
            return Ok(Answer::Quit);
        };
        match answer.to_lowercase().as_str() {
            "y" | "yes" => return Ok(Answer::Yes),
            "n" | "no" => return Ok(Answer::No),
            "q" | "quit" => return Ok(Answer::Quit),
            "s" | "show" => {
                stderr(
                    "The narrowest grants that it allows; for one model, under `grants:` in its definition:",
                );
                let lines = narrowest(permission);
                lines.iter().for_each(|line| stderr(&format!("  {line}")));
            }
            _ => stderr("Type yes, no, show or quit."),
        }
    }
}

/// Returns what a plugin says, each line behind a mark.
fn quoted(text: &GuestText) -> String {
    let quoted = format!("| {}", guest_text::block(text.raw(), "| "));
    match stderr_columns() {
        Some(columns) => guest_text::folded(&quoted, columns.saturating_sub(4), "| "),
        None => quoted,
    }
}
