//! `sedge model list`

use clap::Args;
use sedge_app::model_list::model_list;
use serde_json::{Value, json};

use crate::commands::model_get::definition_json;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};

/// List models
#[derive(Debug, Args)]
pub(crate) struct ModelListArgs {}

pub(crate) fn run(cx: &Context, _args: &ModelListArgs) -> Result<Output, CliError> {
    let models = model_list(&*cx.repository()?)?;
    let data: Vec<Value> = models
        .iter()
        .map(|(name, model)| match model {
            Ok(definition) => definition_json(definition),
            Err(fault) => json!({"name": name, "error": fault.to_string()}),
        })
        .collect();
    let output = Output::new(json!(data));
    if models.is_empty() {
        return Ok(output.note("No models yet; `sedge model create TYPE NAME` makes one."));
    }
    let rows = models.iter().map(|(name, model)| match model {
        Ok(definition) => vec![
            name.to_string(),
            definition.type_name.value.to_string(),
            definition.description.clone().unwrap_or_default(),
        ],
        Err(fault) => vec![name.to_string(), "?".to_owned(), format!("error: {fault}")],
    });
    Ok(output.text(table(&["name", "type", "description"], rows)))
}
