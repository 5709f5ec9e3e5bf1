//! `sedge plugin describe`

use std::fmt::Write;

use clap::Args;
use sedge_app::plugin_describe::{PluginDescription, plugin_describe};
use sedge_app::types::{
    CommandPattern, FileAccess, HttpOrigin, ModelPattern, Permission, PermissionRequest,
    SecretName, TypeInfo,
};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::guest_text::{self, INDENT};
use crate::output::Output;

/// Show what a plugin says of its type
#[derive(Debug, Args)]
pub(crate) struct PluginDescribeArgs {
    /// The type, for example @sedge/sink
    r#type: String,
}

pub(crate) fn run(cx: &Context, args: &PluginDescribeArgs) -> Result<Output, CliError> {
    let repository = cx.repository()?;
    let description = cx.wait(plugin_describe(&repository, &args.r#type))?;
    Ok(Output::new(description_json(&description)).text(text(&description)))
}

/// Returns a description as `--json` shows it.
pub(crate) fn description_json(description: &PluginDescription) -> Value {
    let mut data = json!(description.type_info);
    data["sha256"] = json!(description.sha256);
    data["contract"] = json!(description.contract);
    data
}

/// Returns what a plugin asks for, as the end of "it asks to …".
pub(crate) fn permission_text(permission: &Permission) -> String {
    match permission {
        Permission::Models { model } if model.covers(&ModelPattern::Any) => {
            "call and read every model".to_owned()
        }
        Permission::Models { model } => format!("call and read the model `{model}`"),
        Permission::Http { url, methods } if methods.is_empty() => {
            format!("send any requests to {url}")
        }
        Permission::Http { url, methods } => format!("send {} to {url}", methods.join(", ")),
        Permission::Sockets { to } => format!("connect to {to}"),
        Permission::Files {
            name,
            access: FileAccess::Read,
        } => format!("read the folder `{name}`"),
        Permission::Files {
            name,
            access: FileAccess::Write,
        } => format!("read and write the folder `{name}`"),
        Permission::Env { name } => format!("read the environment variable {name}"),
        Permission::Secrets {
            name,
            hosts,
            reveal,
        } => secret_text(name, hosts, *reveal),
        Permission::Commands {
            name: CommandPattern::Any,
        } => "run every command that is pinned".to_owned(),
        Permission::Commands { name } => format!("run the command `{name}`"),
    }
}

/// Returns what a plugin asks for, and why, as a sentence.
pub(crate) fn asks(request: &PermissionRequest) -> String {
    format!(
        "it asks to {}: {}",
        permission_text(&request.permission),
        guest_text::in_line(&request.reason)
    )
}

fn secret_text(name: &SecretName, hosts: &[HttpOrigin], reveal: bool) -> String {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    match (hosts.is_empty(), reveal) {
        (true, true) => format!("see the secret `{name}`"),
        (true, false) => format!("use the secret `{name}`"),
        (false, true) => format!(
            "see the secret `{name}`, and send it to {}",
            hosts.join(", ")
        ),
        (false, false) => format!("send the secret `{name}` to {}", hosts.join(", ")),
    }
}

fn text(description: &PluginDescription) -> String {
    let info = &description.type_info;
    let mut text = format!("{} {}\n", info.name, info.version);
    let about = guest_text::block(info.description.raw(), INDENT);
    line(&mut text, 1, &about);
    section(
        &mut text,
        "global arguments",
        &arguments(&info.global_arguments),
    );
    text.push_str("\nmethods\n");
    for method in &info.methods {
        line(
            &mut text,
            1,
            &format!(
                "{} ({}): {}",
                method.name,
                method.kind.as_str(),
                guest_text::in_line(&method.description)
            ),
        );
        for argument in arguments(&method.arguments) {
            line(&mut text, 2, &argument);
        }
    }
    section(&mut text, "resources", &outputs(info));
    let asks: Vec<String> = info
        .permissions
        .iter()
        .map(|request| {
            format!(
                "{}: {}",
                permission_text(&request.permission),
                guest_text::in_line(&request.reason)
            )
        })
        .collect();
    section(&mut text, "asks to", &asks);
    line(
        &mut text,
        0,
        &format!(
            "\nsha256 {}\ncontract {}",
            description.sha256, description.contract
        ),
    );
    text
}

fn outputs(info: &TypeInfo) -> Vec<String> {
    let resources = info
        .resources
        .iter()
        .map(|it| format!("{}: {}", it.name, guest_text::in_line(&it.description)));
    let files = info.files.iter().map(|file| {
        let about = guest_text::in_line(&file.description);
        format!("{} ({}): {about}", file.name, file.media_type)
    });
    resources.chain(files).collect()
}

fn section(text: &mut String, heading: &str, lines: &[String]) {
    if !lines.is_empty() {
        line(text, 0, &format!("\n{heading}"));
        lines.iter().for_each(|item| line(text, 1, item));
    }
}

fn line(text: &mut String, depth: usize, content: &str) {
    writeln!(text, "{:indent$}{content}", "", indent = depth * 2)
        .expect("a String takes everything");
}

/// Returns the properties of an object's schema, one line each.
fn arguments(schema: &Value) -> Vec<String> {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema["properties"].as_object();
    let describe = |(name, property): (&String, &Value)| {
        let kind = match &property["type"] {
            Value::String(kind) => kind.clone(),
            Value::Array(kinds) => kinds
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(" or "),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "any".to_owned(),
        };
        let need = if required.contains(&name.as_str()) {
            ", required".to_owned()
        } else if property["default"].is_null() {
            String::new()
        } else {
            format!(", default {}", property["default"])
        };
        let about = property["description"]
            .as_str()
            .map(|about| format!(": {about}"))
            .unwrap_or_default();
        let about = guest_text::line(&about.replace('\n', " "));
        let argument = guest_text::line(&format!("{name} ({kind}{need})"));
        format!("{argument}{about}")
    };
    properties.into_iter().flatten().map(describe).collect()
}
