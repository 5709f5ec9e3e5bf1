//! `sedge model method run`

use std::path::PathBuf;

use clap::Args;
use sedge_app::Settings;
use sedge_app::model_method_run::{Request, model_method_run};
use sedge_app::types::Written;
use serde_json::{Map, Value, json};

use crate::commands::shared::RunOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::failure;
use crate::output::Output;
use crate::show;

/// Run one method of a model
///
/// Prints what the method returned. What it wrote is data of the model: see `sedge data`.
#[derive(Debug, Args)]
pub(crate) struct ModelMethodRunArgs {
    /// The model
    model: String,
    /// The method
    method: String,
    /// Give an argument; may be repeated
    #[arg(long = "input", short, value_name = "KEY=VALUE", value_parser = key_value)]
    inputs: Vec<(String, String)>,
    /// Give arguments as one JSON object; --input is laid over it
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    inputs_json: Option<Map<String, Value>>,
    /// Write what the first guest that traps has in memory to a new file
    #[arg(long, value_name = "FILE")]
    core_dump: Option<PathBuf>,
    #[command(flatten)]
    options: RunOptions,
}

pub(crate) fn run(cx: &Context, args: ModelMethodRunArgs) -> Result<Output, CliError> {
    let settings = Settings {
        core_dumps: args.core_dump.is_some(),
        ..args.options.settings()
    };
    let repository = cx.repository_with(settings)?;
    let request = Request {
        core_dump: args.core_dump,
        model: args.model,
        method: args.method,
        arguments: args.inputs_json.unwrap_or_default(),
        inputs: args.inputs,
    };
    let report = cx.wait(model_method_run(&repository, &request, cx.events()))?;
    let elapsed_ms = report.elapsed.as_secs_f64() * 1000.0;
    let mut data = json!({
        "run": report.run,
        "value": report.outcome.value,
        "written": report.outcome.written,
        "elapsedMs": elapsed_ms,
    });
    failure::core_dump_json(&report.core_dump, &mut data);
    let output = Output::new(data)
        .text_json(&report.outcome.value)
        .note(format!(
            "Succeeded after {}{}.",
            show::duration(report.elapsed),
            written(&report.outcome.written)
        ));
    Ok(match failure::core_dump_note(&report.core_dump) {
        Some(note) => output.note(format!("note: {note}")),
        None => output,
    })
}

/// Parses `KEY=VALUE`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("it is not of the form KEY=VALUE".to_owned()),
    }
}

fn json_object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("it is JSON, but not an object".to_owned()),
        Err(error) => Err(format!("it is not JSON: {error}")),
    }
}

fn written(written: &[Written]) -> String {
    let shown: Vec<String> = written
        .iter()
        .map(|write| format!("`{}` version {}", write.name, write.version))
        .collect();
    if shown.is_empty() {
        String::new()
    } else {
        format!(", wrote {}", shown.join(", "))
    }
}
