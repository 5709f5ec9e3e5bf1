//! Tries an expression.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use sedge_api::view::expression::Evaluation;
use sedge_lang::definition::{Definition, inputs_shape};
use sedge_lang::expr::{Expr, TextPlace, Variables};
use sedge_lang::input::{GivenInput, inputs_given};
use sedge_lang::scope::{definition_scope, eval_scope};
use sedge_lang::workflow::Workflow;
use sedge_model::run::{RunEvent, RunKind};
use sedge_model::sealed::{SEALED_SHOWN, sealed_replace};
use sedge_store::RunRecord;
use sedge_workflow::{Plan, RunState};
use serde_json::{Map, Value, json};

use super::definition::{DefinitionValues, definition_uses_data, self_value};
use super::evaluator::{Evaluator, EvaluatorSource, uses_data};
use super::run::{
    ResultsUsed, RunResults, RunStates, RunValues, StepErrors, StepWriters, run_value,
};
use super::secret::SecretPlace;
use crate::cx::Cx;
use crate::error::{AppError, ModelError, RunUseError};
use crate::repository::Repository;
use crate::secret::argument::marks_hide;
use crate::structure::in_background;
use crate::workflow::gates::run_workflow;

/// An expression to try, and what it can refer to.
#[derive(Debug, Clone, Default)]
pub struct EvalRequest {
    /// The expression, without `${{` and `}}`.
    pub expression: String,
    /// The model whose definition `self` is.
    pub model: Option<String>,
    /// The run whose `inputs`, `run`, `steps` and `jobs` it can use.
    pub run: Option<String>,
    /// The inputs, which override those of the run.
    pub inputs: Vec<GivenInput>,
}

/// Evaluates an expression as if it stood in a definition or a workflow.
///
/// It reads data and other definitions, and changes nothing. The result has `[secret NAME]` in the
/// place of a secret, and `[sealed]` in that of a sealed field.
///
/// # Errors
/// Returns an error if the expression is wrong or has no value, with its place, if there is no such
/// model or run, or if an input does not fit.
pub async fn eval(cx: &Cx, request: &EvalRequest) -> Result<Evaluation, AppError> {
    let source = EvaluatorSource {
        repository: cx.repository.snapshot()?,
        now: cx.clock.now(),
        secrets: SecretPlace::Tried,
    };
    let request = request.clone();
    in_background(move |_| evaluated(&source, &request)).await
}

fn evaluated(source: &EvaluatorSource, request: &EvalRequest) -> Result<Evaluation, AppError> {
    let model = request.model.as_deref();
    let definition = model
        .map(|it| source.repository.definition(it))
        .transpose()?;
    let run = request.run.as_deref();
    let run = run.map(|it| source.repository.run_by_id(it)).transpose()?;
    let place = TextPlace::of_text("expression", &request.expression);
    let scope = scope(definition.as_ref(), run.as_ref());
    let expr = Expr::compile(&request.expression, &place, &scope)?;
    let of_definition = definition.as_ref().is_some_and(definition_uses_data);
    let has_data = uses_data(&expr) || of_definition;
    let used = ResultsUsed::of([&expr]);
    let mut value = source.evaluate(has_data || run.is_some(), |evaluator| {
        let run = run.as_ref();
        let run = run.map(|it| OfRun::read(evaluator, it, &used));
        let run = run.transpose()?;
        let inputs = inputs(definition.as_ref(), run.as_ref(), &request.inputs)?;
        let own = match &definition {
            Some(definition) if expr.uses("self") => own(evaluator, definition, &inputs)?,
            Some(_) | None => Value::Null,
        };
        let mut env = evaluator.env().with("inputs", &inputs).with("self", &own);
        if let Some(run) = &run {
            env = env.with("run", &run.run);
            let values = &run.values;
            env = env.with("steps", &values.steps).with("jobs", &values.jobs);
        }
        evaluator.expr(&expr, &mut env)
    })?;
    marks_hide(&mut value);
    Ok(Evaluation {
        value: sealed_shown(value),
    })
}

/// Returns a value with `[sealed]` in place of sealed inputs and fields, which an expression can hand
/// on.
fn sealed_shown(mut value: Value) -> Value {
    let shown = sealed_replace(&mut value, &mut |_, _| {
        Ok::<_, Infallible>(Value::String(SEALED_SHOWN.to_owned()))
    });
    match shown {
        Ok(()) => value,
        Err(never) => match never {},
    }
}

/// The variables of a run.
struct OfRun {
    inputs: Map<String, Value>,
    run: Value,
    values: RunValues,
}

impl OfRun {
    /// Reads a run as it is now.
    fn read(
        evaluator: &Evaluator<'_>,
        run: &RunRecord,
        used: &ResultsUsed,
    ) -> Result<Self, AppError> {
        let repository = &evaluator.source.repository;
        let store = repository.store()?;
        let (results, workflow_id) = match run.kind {
            RunKind::Workflow => {
                let workflow = run_workflow(repository, run)?;
                (results(repository, run, &workflow, used)?, workflow.id)
            }
            RunKind::Method => (RunResults::default(), None),
        };
        let subject = (run.subject.as_str(), workflow_id.as_ref());
        let options = store.run_options(&run.id)?;
        Ok(Self {
            // ignored: no error is dropped, because this is an `Option`.
            inputs: store.run_inputs(&run.id)?.unwrap_or_default(),
            run: run_value(&run.id, subject, run.started_at, &options.tags),
            values: RunValues::read(evaluator, &run.id, &results, None, used)?,
        })
    }
}

/// Collects the results of a workflow's run that an expression uses.
fn results(
    repository: &Repository,
    run: &RunRecord,
    workflow: &Workflow,
    used: &ResultsUsed,
) -> Result<RunResults, AppError> {
    let plan = Arc::new(Plan::new(workflow));
    let log = repository.store()?.run_events(&run.id)?;
    let events = log.iter().map(|it| &it.event);
    let state = RunState::fold(Arc::clone(&plan), events.clone());
    let state = state.map_err(|source| RunUseError::Log {
        run: run.id.clone(),
        source,
    })?;
    let mut errors = StepErrors::new();
    let mut written = StepWriters::default();
    for event in events {
        written.note(event);
        if let RunEvent::StepFailed { step, error, .. } = event {
            errors.insert(step.step.clone(), error.clone());
        }
    }
    let states = RunStates {
        workflow,
        plan: &plan,
        state: &state,
        errors: &errors,
        written: &written,
    };
    Ok(RunResults::collect(&states, None, used))
}

/// Returns the names that the expression can use.
fn scope(definition: Option<&Definition>, run: Option<&RunRecord>) -> Variables {
    match (definition, run) {
        (Some(definition), None) => definition_scope(inputs_shape(&definition.inputs)),
        (Some(_), Some(_)) => eval_scope(&["self", "run", "steps", "jobs"]),
        (None, Some(_)) => eval_scope(&["run", "steps", "jobs"]),
        (None, None) => eval_scope(&[]),
    }
}

/// Returns the inputs: the given ones, those of the run that they do not override, and the defaults
/// of the definition.
///
/// # Errors
/// An input does not fit the schema of the definition.
fn inputs(
    definition: Option<&Definition>,
    run: Option<&OfRun>,
    given: &[GivenInput],
) -> Result<Value, AppError> {
    let any = json!({"type": "object"});
    let schema = definition.map_or(&any, |it| it.inputs.json());
    let given = inputs_given(schema, given).map_err(ModelError::from)?;
    // ignored: no error is dropped, because this is an `Option`.
    let mut inputs = run.map(|it| it.inputs.clone()).unwrap_or_default();
    let given_names: BTreeSet<String> = given.keys().cloned().collect();
    inputs.extend(given);
    let Some(definition) = definition else {
        return Ok(Value::Object(inputs));
    };
    // The inputs of the run are those of its workflow, and the definition may not declare them.
    let declared = &definition.inputs;
    let is_own = |name: &String| given_names.contains(name) || declared.property(name).is_some();
    let (own, mut others): (Map<_, _>, Map<_, _>) =
        inputs.into_iter().partition(|(name, _)| is_own(name));
    // An expression that does not use what is missing can be tried without it.
    let known = declared.resolve_known(own).map_err(|violations| {
        AppError::from(ModelError::InputViolations {
            name: definition.name.clone(),
            violations,
        })
    })?;
    others.extend(known.values);
    Ok(Value::Object(others))
}

/// Returns the value of `self` in a definition.
fn own(
    evaluator: &Evaluator<'_>,
    definition: &Definition,
    inputs: &Value,
) -> Result<Value, AppError> {
    let values = DefinitionValues::new(definition, inputs.clone());
    let globals = values.global_arguments(evaluator)?;
    Ok(Value::Object(self_value(definition, &globals)))
}
