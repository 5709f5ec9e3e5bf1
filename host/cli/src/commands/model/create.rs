//! `sedge model create`

use clap::Args;
use sedge_app::model::create::{ModelCreateRequest, model_create};
use sedge_sys::shell;

use crate::commands::Run;
use crate::commands::model::method_run::{inputs_read, key_value};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Create a model of a type
#[derive(Debug, Args)]
pub(crate) struct ModelCreateArgs {
    /// The type, for example @sedge/sink
    r#type: String,
    /// The name of the new model
    name: String,
    /// Set a global argument; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    global_argument: Vec<(String, String)>,
}

impl Run for ModelCreateArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        // A name never begins with `@`, and a type always does.
        if self.name.starts_with('@') && !self.r#type.starts_with('@') {
            return Err(CliError::Usage {
                message: "the type comes before the name of the model".to_owned(),
                hints: vec![format!(
                    "did you mean `sedge model create {} {}`?",
                    shell::word(&self.name),
                    shell::word(&self.r#type)
                )],
            });
        }
        let repository = cx.repository()?;
        let request = ModelCreateRequest {
            type_name: self.r#type,
            name: self.name,
            global_arguments: inputs_read(self.global_argument)?,
        };
        let made = cx.wait(model_create(&repository, &request))?;
        let note = format!("Created the model {} in {}", made.name, made.file);
        let hint = format!(
            "hint: `sedge plugin describe {}` shows its methods",
            made.type_name
        );
        Ok(Output::new(made).note(note).note(hint))
    }
}
