//! `sedge model get`

use clap::Args;
use sedge_app::model_get::{Definition, model_get};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Show a model
#[derive(Debug, Args)]
pub(crate) struct ModelGetArgs {
    /// The model
    name: String,
}

pub(crate) fn run(cx: &Context, args: &ModelGetArgs) -> Result<Output, CliError> {
    let definition = model_get(&*cx.repository()?, &args.name)?;
    Ok(Output::new(definition_json(&definition)).text_data(definition.file.text.clone()))
}

/// Returns a definition as `--json` shows it.
pub(crate) fn definition_json(definition: &Definition) -> Value {
    json!({
        "name": definition.name,
        "type": definition.type_name.value,
        "typeVersion": definition.type_version,
        "description": definition.description,
        "tags": definition.tags,
        "globalArguments": definition.global_arguments.value,
        "limits": definition.limits,
        "file": definition.file.name,
    })
}
