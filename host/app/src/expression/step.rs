//! The target and the arguments of a step, with their expressions evaluated.

use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_lang::expr::{Env, Expr};
use sedge_lang::workflow::WrittenText;
use sedge_lang::written::WrittenValue;
use sedge_model::names::{JobName, RunId};
use serde_json::{Map, Value};

use super::evaluator::{Evaluator, EvaluatorSource, uses_data};
use super::run::{ResultsUsed, RunValues};
use crate::error::AppError;
use crate::secret::argument::{has_mark, references_mark};
use crate::structure::in_background;

/// The target and the arguments of a step, as they are written.
#[derive(Debug, Clone)]
pub(crate) struct WrittenStep {
    /// The name or the id of the model.
    pub(crate) model: WrittenText,
    /// The arguments: an object, or an expression that yields one.
    pub(crate) inputs: WrittenValue,
}

/// The target and the arguments of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepTarget {
    /// The name or the id of the model.
    pub(crate) model: String,
    /// The arguments.
    pub(crate) arguments: Map<String, Value>,
}

/// The values of the variables of a workflow's expressions.
#[derive(Debug, Clone)]
pub(crate) struct StepVariables {
    /// The inputs of the run: an object.
    pub(crate) inputs: Value,
    /// `run`.
    pub(crate) run: Value,
    /// The run whose steps and jobs are `steps` and `jobs`; `None` before it begins.
    pub(crate) of_run: Option<RunId>,
    /// The job that the expressions are of; `None` before the run begins.
    pub(crate) job: Option<JobName>,
}

impl StepVariables {
    /// Calls `body` with an environment that has the variables. `used` are the results of steps
    /// that the expressions use.
    pub(crate) fn with_env<T>(
        &self,
        evaluator: &Evaluator<'_>,
        used: &ResultsUsed,
        body: impl FnOnce(&mut Env<'_>) -> Result<T, AppError>,
    ) -> Result<T, AppError> {
        let results = match &self.of_run {
            Some(id) if used.is_any() => {
                let run = evaluator.source.repository.store()?.run_get(id)?;
                Some(RunValues::read(evaluator, &run, self.job.as_ref(), used)?)
            }
            Some(_) | None => None,
        };
        let env = evaluator.env().with("inputs", &self.inputs);
        let mut env = env.with("run", &self.run);
        if let Some(results) = &results {
            env = env
                .with("steps", &results.steps)
                .with("jobs", &results.jobs);
        }
        body(&mut env)
    }
}

impl WrittenStep {
    fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.model.exprs().chain(self.inputs.exprs())
    }

    /// Returns what the step calls if it has no expressions.
    fn literal(&self) -> Option<StepTarget> {
        let model = self.model.literal()?.to_owned();
        let mut inputs = self.inputs.literal()?;
        references_mark(self.inputs.source(), &mut inputs);
        match inputs {
            Value::Object(arguments) => Some(StepTarget { model, arguments }),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => None,
        }
    }

    /// Returns whether an expression needs something that only the run has.
    fn needs_run(&self) -> bool {
        let later = ["run", "steps", "jobs", "self", "webhook", "workers"];
        self.exprs()
            .any(|it| later.iter().any(|name| it.uses(name)))
    }

    fn uses_data(&self) -> bool {
        self.exprs().any(uses_data)
    }

    /// Evaluates the expressions.
    ///
    /// # Errors
    /// Returns an error if an expression has no value, or not one that a step can use.
    pub(crate) async fn target(
        self,
        source: EvaluatorSource,
        variables: StepVariables,
    ) -> Result<StepTarget, AppError> {
        if let Some(target) = self.literal() {
            return Ok(target);
        }
        in_background(move |_| {
            let has_data = self.uses_data() || ResultsUsed::of(self.exprs()).is_any();
            source.evaluate(has_data, |it| self.evaluated(it, &variables))
        })
        .await
    }

    /// Evaluates the expressions before the run begins. Returns `None` if they have no value yet:
    /// if they need something of the run, inputs that are not given, or data that is not there,
    /// which a step before this one can write.
    ///
    /// # Errors
    /// The same as for [`WrittenStep::target`].
    pub(crate) async fn target_before_run(
        self,
        source: EvaluatorSource,
        inputs: Option<Value>,
    ) -> Result<Option<StepTarget>, AppError> {
        if let Some(target) = self.literal() {
            return Ok(Some(target));
        }
        let uses_inputs = self.exprs().any(|it| it.uses("inputs"));
        if self.needs_run() || uses_inputs && inputs.is_none() {
            return Ok(None);
        }
        let uses_data = self.uses_data();
        let variables = StepVariables {
            inputs: inputs.unwrap_or_else(|| Value::Object(Map::new())),
            run: Value::Null,
            of_run: None,
            job: None,
        };
        match self.target(source, variables).await {
            Ok(target) => Ok(Some(target)),
            Err(error) if uses_data && !error.diagnostics().is_empty() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn evaluated(
        &self,
        evaluator: &Evaluator<'_>,
        variables: &StepVariables,
    ) -> Result<StepTarget, AppError> {
        let used = ResultsUsed::of(self.exprs());
        variables.with_env(evaluator, &used, |env| {
            let model = evaluator.template(self.model.template(), env)?;
            let inputs = evaluator.value(&self.inputs, env)?;
            let inputs = evaluator.references_marked(&self.inputs, inputs);
            Ok(StepTarget {
                model: model_name(self, model)?,
                arguments: arguments(self, inputs)?,
            })
        })
    }
}

fn model_name(step: &WrittenStep, value: Value) -> Result<String, AppError> {
    let message = match value.as_str() {
        _ if has_mark(&value) => "the name of a model cannot contain a secret".to_owned(),
        Some(name) => return Ok(name.to_owned()),
        None => format!("the name of a model is a text, not {}", shown(&value)),
    };
    let fault = Diagnostic::new(step.inputs.file(), step.model.span(), message);
    Err(fault.with_code(DiagnosticCode::Expression).into())
}

fn arguments(step: &WrittenStep, value: Value) -> Result<Map<String, Value>, AppError> {
    match value {
        Value::Object(arguments) => Ok(arguments),
        // An optional without a value: there are no arguments.
        Value::Null => Ok(Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            let message = format!("`inputs` are keys with values, not {}", shown(&value));
            let span = step.inputs.source().span.clone();
            let fault = Diagnostic::new(step.inputs.file(), span, message);
            Err(fault.with_code(DiagnosticCode::Expression).into())
        }
    }
}

/// Returns the kind of a value as a message names it.
fn shown(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "keys with values",
    }
}
