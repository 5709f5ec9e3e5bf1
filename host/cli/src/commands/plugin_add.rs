//! `sedge plugin add`

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use sedge_app::plugin_add::{Added, Before, Report, plugin_add};
use sedge_app::types::{Choice, Permission, PermissionRequest};
use serde_json::json;

use crate::commands::plugin_describe::{description_json, permission_text};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, stderr, stderr_asks, table};

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
    /// Grant some of it: `models`, `http=https://api.example.com`, `files=NAME:PATH`, `none`
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
            request.reason
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

/// Shows what a plugin asks for, and asks what of it to grant.
fn ask(added: &Added) -> Result<Vec<Choice>, CliError> {
    let info = &added.description.type_info;
    stderr(&match added.before {
        Before::Nothing => format!("{} asks for permissions:", info.name),
        Before::Same | Before::Other(_) => {
            format!("{} {} asks for more than before:", info.name, info.version)
        }
    });
    stderr(table(&["KIND", "TO", "WHY"], added.undecided.iter().map(row)).trim_end());
    let answer = stderr_asks("Grant this to all models of the type? [yes/no/quit] ")?;
    let mut choices = match answer.as_str() {
        "y" | "yes" => vec![Choice::All],
        "n" | "no" => vec![Choice::None],
        _ => return Err(CliError::Interrupted),
    };
    if choices == [Choice::None] {
        return Ok(choices);
    }
    for request in &added.undecided {
        if let Permission::Files { name, .. } = &request.permission {
            let path = stderr_asks(&format!("Where is the folder `{name}`? [nowhere] "))?;
            if !path.is_empty() {
                choices.push(Choice::Folder {
                    name: name.to_string(),
                    path,
                });
            }
        }
    }
    Ok(choices)
}

fn row(request: &PermissionRequest) -> Vec<String> {
    vec![
        request.permission.kind().as_str().to_owned(),
        permission_text(&request.permission),
        request.reason.clone(),
    ]
}
