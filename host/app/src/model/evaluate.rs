//! Shows a definition with its expressions evaluated.

use sedge_api::view::expression::EvaluatedFile;
use sedge_lang::definition::{Definition, inputs_shape};
use sedge_lang::input::{GivenInputs, KnownInputs};
use sedge_lang::scope::definition_scope;
use sedge_model::json_pointer::pointer_below;
use sedge_model::yaml_text;
use serde_json::{Map, Value};

use crate::cx::Cx;
use crate::error::AppError;
use crate::expression::{
    Evaluator, EvaluatorSource, PartialEvaluation, SECRETS_LATER, SecretPlace,
    definition_uses_data, literal_members, self_value,
};
use crate::model::error::ModelError;
use crate::structure::in_background;

/// A file with its expressions evaluated.
#[derive(Debug, Clone)]
pub struct EvaluatedText {
    /// The view of the file.
    pub file: EvaluatedFile,
    /// The content as YAML.
    pub text: String,
}

impl EvaluatedText {
    pub(crate) fn new(file: EvaluatedFile) -> Self {
        let text = yaml_text::write(&file.content);
        Self { file, text }
    }
}

/// Evaluates the expressions of a definition. Inputs that are not given have their defaults. Texts
/// that use other inputs or secrets stand as they are written.
///
/// # Errors
/// Returns an error if there is no such model, if its file or an input is invalid, or if another
/// expression has no value.
pub async fn model_evaluate(
    cx: &Cx,
    name: &str,
    given: &GivenInputs,
) -> Result<EvaluatedText, AppError> {
    let source = EvaluatorSource {
        repository: cx.repository.snapshot()?,
        now: cx.clock.now(),
        secrets: SecretPlace::Elsewhere,
    };
    let definition = source.repository.definition(name)?;
    let inputs = inputs_known(&definition, given)?;
    in_background(move |_| {
        let has_data = definition_uses_data(&definition);
        let file = source.evaluate(has_data, |it| evaluated(it, &definition, &inputs))?;
        Ok(EvaluatedText::new(file))
    })
    .await
}

/// Returns the inputs of a definition, as far as they have values.
fn inputs_known(definition: &Definition, given: &GivenInputs) -> Result<KnownInputs, AppError> {
    let declared = &definition.inputs;
    let merged = given.merged(declared.json())?;
    declared.resolve_known(merged).map_err(|violations| {
        AppError::from(ModelError::InputViolations {
            name: definition.name.clone(),
            violations,
        })
    })
}

fn evaluated(
    evaluator: &Evaluator<'_>,
    definition: &Definition,
    known: &KnownInputs,
) -> Result<EvaluatedFile, AppError> {
    let inputs = Value::Object(known.values.clone());
    let variables = definition_scope(inputs_shape(&definition.inputs));
    let tree = definition.tree();
    let globals = tree.get("globalArguments");
    // ignored: no error is dropped, because this is an `Option`.
    let literals = globals.map(literal_members).unwrap_or_default();
    let without_globals = Value::Object(self_value(definition, &Value::Object(literals)));
    let mut evaluation = PartialEvaluation {
        evaluator,
        file: &definition.file,
        variables: &variables,
        values: vec![("inputs", &inputs), ("self", &without_globals)],
        inputs: known,
        later: SECRETS_LATER.to_vec(),
        later_keys: Vec::new(),
        unevaluated: Vec::new(),
    };
    // The other parts can use the global arguments.
    let globals = globals.map(|it| evaluation.value(it, "/globalArguments"));
    let globals = globals.transpose()?.unwrap_or(Value::Object(Map::new()));
    let own = Value::Object(self_value(definition, &globals));
    let mut evaluation = PartialEvaluation {
        values: vec![("inputs", &inputs), ("self", &own)],
        ..evaluation
    };
    let mut content = Map::new();
    // ignored: no error is dropped, because this is an `Option`.
    for member in tree.members().unwrap_or_default() {
        let key = &*member.key.value;
        let value = match key {
            "globalArguments" => globals.clone(),
            _ => evaluation.value(&member.value, &pointer_below("", key))?,
        };
        content.insert(key.to_owned(), value);
    }
    let mut unevaluated = evaluation.unevaluated;
    unevaluated.sort_by_key(|it| it.line);
    Ok(EvaluatedFile {
        name: definition.name.to_string(),
        file: definition.file.name.clone(),
        content: Value::Object(content),
        unevaluated,
    })
}
