//! `sedge model permissions`

use clap::Args;
use sedge_app::model_permissions::{Asked, Report, model_permissions};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::{Output, table};
use crate::show;

/// Explain what a model may do: what is asked for, granted, and when it was last used
#[derive(Debug, Args)]
pub(crate) struct ModelPermissionsArgs {
    /// The model
    name: String,
}

pub(crate) fn run(cx: &Context, args: &ModelPermissionsArgs) -> Result<Output, CliError> {
    let repository = cx.repository()?;
    let report = cx.wait(model_permissions(&repository, &args.name))?;
    let output = Output::new(json!({
        "model": args.name,
        "type": report.type_name,
        "permissions": report.asked.iter().map(asked_json).collect::<Vec<_>>(),
    }));
    if report.asked.is_empty() {
        return Ok(output.note(format!(
            "{} asks for nothing, so its models may do nothing outside of their sandbox.",
            report.type_name
        )));
    }
    let output = output.text(table(
        &["KIND", "ASKS FOR", "MAY", "LAST USED", "WHY"],
        report.asked.iter().map(row),
    ));
    Ok(output.note(summary(&args.name, &report)))
}

fn asked_json(asked: &Asked) -> Value {
    let mut json = json!(asked.explained);
    json["lastUsed"] = json!(asked.last_used.map(show::timestamp));
    json
}

fn row(asked: &Asked) -> Vec<String> {
    let Asked {
        explained,
        last_used,
    } = asked;
    let permission = &explained.request.permission;
    let line = permission.to_string();
    let asked = line.split_once(' ').map_or("", |(_, asked)| asked);
    let may = if explained.effective.is_empty() {
        "-".to_owned()
    } else {
        explained.effective.join("; ")
    };
    vec![
        permission.kind().as_str().to_owned(),
        asked.to_owned(),
        may,
        last_used.map_or("-".to_owned(), show::timestamp),
        guest_text::cell(explained.request.reason.raw()),
    ]
}

fn summary(model: &str, report: &Report) -> String {
    let n_denied = report
        .asked
        .iter()
        .filter(|one| one.explained.effective.is_empty())
        .count();
    if n_denied == 0 {
        return format!("Everything that {} asks for is granted.", report.type_name);
    }
    format!(
        "hint: grant what is missing under `grants:` in models/{model}.yaml, or under `plugins: {{\"{}\": {{grants: ...}}}}` in sedge.yaml for all models of the type",
        report.type_name
    )
}
