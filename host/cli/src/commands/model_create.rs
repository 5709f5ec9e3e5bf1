//! `sedge model create`

use clap::Args;
use sedge_app::model_create::{Request, model_create};
use serde_json::json;

use crate::commands::model_method_run::{inputs_read, key_value};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Make a model of a type
#[derive(Debug, Args)]
pub(crate) struct ModelCreateArgs {
    /// The type, for example @sedge/sink
    r#type: String,
    /// The name of the new model
    name: String,
    /// Give a global argument; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    global_argument: Vec<(String, String)>,
}

pub(crate) fn run(cx: &Context, args: ModelCreateArgs) -> Result<Output, CliError> {
    let repository = cx.repository()?;
    let request = Request {
        type_name: args.r#type,
        name: args.name,
        global_arguments: inputs_read(args.global_argument)?,
    };
    let report = cx.wait(model_create(&repository, &request))?;
    Ok(
        Output::new(json!({"name": report.name, "type": report.type_name, "file": report.file}))
            .note(format!("Made the model {} in {}", report.name, report.file))
            .note(format!(
                "hint: `sedge plugin describe {}` shows the methods that it has",
                report.type_name
            )),
    )
}
