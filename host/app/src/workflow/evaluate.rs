//! Shows a workflow with its expressions evaluated.

use sedge_api::view::expression::EvaluatedFile;
use sedge_lang::input::{GivenInputs, KnownInputs};
use sedge_lang::scope::trial_scope;
use sedge_lang::workflow::Workflow;
use sedge_lang::yaml::parse_tree;
use serde_json::Value;

use crate::cx::Cx;
use crate::error::AppError;
use crate::expression::{
    Evaluator, EvaluatorSource, LaterName, PartialEvaluation, SECRETS_LATER, SecretPlace,
};
use crate::model::evaluate::EvaluatedText;
use crate::secret::argument::marks_hide;
use crate::structure::in_background;
use crate::workflow::inputs::known_inputs;

/// The variables that have values only in a run.
const LATER: [LaterName; 6] = [
    ("steps", "the steps have results when they have ended"),
    ("jobs", "the jobs have a status when they have begun"),
    ("run", "the run has not begun"),
    ("self", "the item is known when the step begins"),
    ("webhook", "it has a value in a run that a webhook started"),
    ("workers", "it has a value under a server"),
];

/// The keys whose expressions are evaluated in a run only.
const LATER_KEYS: [LaterName; 2] = [
    ("guard", "a guard is evaluated when its step or job begins"),
    ("expr", "an assert is evaluated when its step begins"),
];

/// Evaluates the expressions of a workflow, as far as they need nothing of a run. The others stand
/// as they are written.
///
/// # Errors
/// Returns an error if there is no such workflow, if its file or an input is invalid, or if an
/// expression has no value although it needs nothing of a run.
pub async fn workflow_evaluate(
    cx: &Cx,
    name: &str,
    given: &GivenInputs,
) -> Result<EvaluatedText, AppError> {
    let source = EvaluatorSource {
        repository: cx.repository.snapshot()?,
        now: cx.clock.now(),
        secrets: SecretPlace::Elsewhere,
    };
    let workflow = source.repository.workflow(name)?;
    let inputs = known_inputs(&workflow, given)?;
    in_background(move |_| {
        // The file decides late which data it reads, so the datastore is opened in any case.
        let file = source.evaluate(true, |it| evaluated(it, &workflow, &inputs))?;
        Ok(EvaluatedText::new(file))
    })
    .await
}

/// Returns the content of a workflow's file with its expressions evaluated, as far as they need
/// nothing of a run, and with `[sealed]` in place of sensitive inputs.
pub(crate) fn evaluated(
    evaluator: &Evaluator<'_>,
    workflow: &Workflow,
    known: &KnownInputs,
) -> Result<EvaluatedFile, AppError> {
    let inputs = Value::Object(known.values.clone());
    let variables = trial_scope(&["run", "steps", "jobs", "self"]);
    let mut evaluation = PartialEvaluation {
        evaluator,
        file: &workflow.file,
        variables: &variables,
        values: vec![("inputs", &inputs)],
        inputs: known,
        later: SECRETS_LATER.into_iter().chain(LATER).collect(),
        later_keys: LATER_KEYS.to_vec(),
        unevaluated: Vec::new(),
    };
    let tree = parse_tree(&workflow.file)?;
    let mut content = evaluation.value(&tree, "")?;
    marks_hide(&mut content);
    Ok(EvaluatedFile {
        name: workflow.name.to_string(),
        file: workflow.file.name.clone(),
        content,
        unevaluated: evaluation.unevaluated,
    })
}
