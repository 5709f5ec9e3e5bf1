//! `sedge plugin describe`

use std::fmt::Write;

use clap::Args;
use sedge_api::view::plugin::{CheckSpecView, PluginView, ReportSpecView, UpgradeSpecView};
use sedge_app::plugin::plugin_describe;
use sedge_app::types::{PermissionRequest, permission_request_view};
use serde_json::Value;

use crate::commands::Run;
use crate::commands::shared::DownloadOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text::{self, INDENT};
use crate::output::Output;
use crate::permission_text::permission_text;

/// Show the type that a plugin provides
///
/// The plugin need not be added.
#[derive(Debug, Args)]
pub(crate) struct PluginDescribeArgs {
    /// The type, for example @sedge/sink, or a component: FILE.wasm or its URL (HTTPS only)
    r#type: String,
    #[command(flatten)]
    download: DownloadOptions,
}

impl Run for PluginDescribeArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let private_addresses = &self.download.allow_private_address;
        let described = plugin_describe(&app, &self.r#type, private_addresses);
        let plugin = cx.wait(described)?;
        let text = text(&plugin);
        Ok(Output::new(plugin).text(text))
    }
}

/// Returns the request of a plugin, and its reason, as a sentence.
pub(crate) fn request_text(request: &PermissionRequest) -> String {
    let request = permission_request_view(request);
    format!(
        "it requests permission to {}: {}",
        permission_text(&request.permission),
        guest_text::in_line(&request.reason)
    )
}

fn text(plugin: &PluginView) -> String {
    let mut text = format!("{} {}\n", plugin.name, plugin.version);
    let about = guest_text::block(plugin.description.raw(), INDENT);
    line(&mut text, 1, &about);
    section(
        &mut text,
        "global arguments",
        &arguments(&plugin.global_arguments),
    );
    text.push_str("\nmethods\n");
    for method in &plugin.methods {
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
    section(&mut text, "resources", &outputs(plugin));
    section(&mut text, "checks", &checks(plugin));
    section(&mut text, "upgrades", &upgrades(plugin));
    section(&mut text, "reports", &reports(plugin));
    let requests: Vec<String> = plugin
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
    section(&mut text, "requests permission to", &requests);
    line(
        &mut text,
        0,
        &format!("\nsha256 {}\ncontract {}", plugin.sha256, plugin.contract),
    );
    text
}

fn checks(plugin: &PluginView) -> Vec<String> {
    let check = |check: &CheckSpecView| {
        let before = match check.applies_to.as_slice() {
            [] => "all methods that change something".to_owned(),
            methods => methods.join(", "),
        };
        let about = guest_text::in_line(&check.description);
        format!("{} (before {before}): {about}", check.name)
    };
    plugin.checks.iter().map(check).collect()
}

fn upgrades(plugin: &PluginView) -> Vec<String> {
    let step = |step: &UpgradeSpecView| {
        let about = guest_text::in_line(&step.description);
        format!("to {}: {about}", step.to_version)
    };
    plugin.upgrades.iter().map(step).collect()
}

fn reports(plugin: &PluginView) -> Vec<String> {
    let report = |report: &ReportSpecView| {
        let about = guest_text::in_line(&report.description);
        format!("{} (of a {}): {about}", report.name, report.scope.as_str())
    };
    plugin.reports.iter().map(report).collect()
}

fn outputs(plugin: &PluginView) -> Vec<String> {
    let resources = plugin
        .resources
        .iter()
        .map(|it| format!("{}: {}", it.name, guest_text::in_line(&it.description)));
    let files = plugin.files.iter().map(|file| {
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
        .expect("writing to a String does not fail");
}

/// Returns the properties of an object schema, one line each.
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
