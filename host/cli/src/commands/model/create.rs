//! `sedge model create`

use std::collections::BTreeMap;

use clap::Args;
use sedge_api::view::model::{InheritedPermission, ModelCreated};
use sedge_app::model::create::{ModelCreateRequest, model_create, model_create_from_direct};
use sedge_app::types::{Choice, GivenInput};
use sedge_sys::shell;

use crate::commands::Run;
use crate::commands::shared::key_value;
use crate::context::Context;
use crate::error::CliError;
use crate::inputs::contents_read;
use crate::output::Output;
use crate::permission_text::kind_text;

/// Create a model of a type, or write the file of an unsaved model
#[derive(Debug, Args)]
#[command(override_usage = "sedge model create [OPTIONS] <TYPE> <NAME>\n       \
                            sedge model create <NAME> --from-direct")]
pub(crate) struct ModelCreateArgs {
    /// The type, for example @sedge/sink
    r#type: String,
    /// The name of the new model
    #[arg(required_unless_present = "from_direct")]
    name: Option<String>,
    /// Write the definition of a model that `sedge model TYPE method run` created to a file; the
    /// model's name is given without a type
    #[arg(
        long,
        conflicts_with_all = ["name", "global_argument", "description", "tag", "grant"]
    )]
    from_direct: bool,
    /// Set a global argument: KEY=VALUE, KEY=@FILE for the content of a file, or KEY:json=JSON; may
    /// be repeated. A key with dots leads into a map
    #[arg(long, visible_alias = "global-arg", value_name = "KEY=VALUE")]
    global_argument: Vec<GivenInput>,
    /// Describe the purpose of the model
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Label all data that the model writes; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    tag: Vec<(String, String)>,
    /// Grant a permission that the plugin requests, to this model only; may be repeated
    #[arg(long, value_name = "KIND[=WHAT]")]
    grant: Vec<Choice>,
}

impl Run for ModelCreateArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let Some(name) = self.name.filter(|_| !self.from_direct) else {
            // Without a type, the first argument is the name.
            let app = cx.app()?;
            let made = model_create_from_direct(&app, &self.r#type);
            return Ok(output(cx.wait(made)?));
        };
        // A type always begins with `@`.
        if name.starts_with('@') && !self.r#type.starts_with('@') {
            return Err(CliError::Usage {
                message: "the type comes before the name of the model".to_owned(),
                hints: vec![format!(
                    "did you mean `sedge model create {} {}`?",
                    shell::word(&name),
                    shell::word(&self.r#type)
                )],
            });
        }
        let app = cx.app()?;
        let request = ModelCreateRequest {
            type_name: self.r#type,
            name,
            description: self.description,
            tags: tags(self.tag)?,
            global_arguments: contents_read(self.global_argument)?,
            grants: self.grant,
        };
        Ok(output(cx.wait(model_create(&app, &request))?))
    }

    fn changes(&self) -> bool {
        true
    }
}

fn output(made: ModelCreated) -> Output {
    let mut notes = vec![format!("Created the model {} in {}", made.name, made.file)];
    notes.extend(made.inherited.iter().map(|it| inherited_text(&made, it)));
    notes.push(format!(
        "hint: `sedge plugin describe {}` shows its methods",
        made.type_name
    ));
    notes.into_iter().fold(Output::new(made), Output::note)
}

/// Returns the tags, each of which may be given once.
fn tags(given: Vec<(String, String)>) -> Result<BTreeMap<String, String>, CliError> {
    let mut tags = BTreeMap::new();
    for (key, value) in given {
        if tags.contains_key(&key) {
            return Err(CliError::Usage {
                message: format!("the tag `{key}` is given twice"),
                hints: vec!["give each tag once".to_owned()],
            });
        }
        tags.insert(key, value);
    }
    Ok(tags)
}

fn inherited_text(made: &ModelCreated, inherited: &InheritedPermission) -> String {
    format!(
        "{} may {}: {} (as may every {})",
        made.name,
        kind_text(&inherited.permission),
        inherited.effective.join(", "),
        made.type_name
    )
}
