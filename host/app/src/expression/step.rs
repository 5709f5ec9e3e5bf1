//! The target and the arguments of a step, with their expressions evaluated.

use std::collections::BTreeSet;
use std::sync::Arc;

use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_lang::expr::{Env, Expr};
use sedge_lang::workflow::WrittenText;
use sedge_lang::written::WrittenValue;
use sedge_model::names::{EnvName, JobName, RunId};
use serde_json::{Map, Value};

use super::evaluator::{Evaluator, EvaluatorSource, uses_data};
use super::run::{ResultsUsed, RunResults, RunValues};
use crate::error::AppError;
use crate::secret::argument::{has_mark, references_mark};
use crate::structure::in_background;

/// The target and the arguments of a step, as they are written.
#[derive(Debug, Clone)]
pub(crate) struct WrittenStep {
    /// The name or the id of the model, or of the workflow.
    pub(crate) target: WrittenText,
    /// The arguments: an object, or an expression that yields one.
    pub(crate) inputs: WrittenValue,
    /// The global arguments of a step that runs a type directly.
    pub(crate) global_arguments: Option<WrittenValue>,
}

/// The target and the arguments of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepTarget {
    /// The name or the id of the model, or of the workflow.
    pub(crate) target: String,
    /// The arguments.
    pub(crate) arguments: Map<String, Value>,
    /// The global arguments of a step that runs a type directly.
    pub(crate) global_arguments: Option<Map<String, Value>>,
    /// The variables of the environment that the expressions have read, and those of `self`.
    pub(crate) environment: BTreeSet<EnvName>,
}

/// The values of the variables of a workflow's expressions.
#[derive(Debug, Clone)]
pub(crate) struct StepVariables {
    /// The inputs of the run: an object.
    pub(crate) inputs: Arc<Value>,
    /// `run`.
    pub(crate) run: Value,
    /// `self`: the item of a step with `forEach`, under its name.
    pub(crate) own: Option<Value>,
    /// The variables of the environment that the expressions of the item have read.
    pub(crate) environment: BTreeSet<EnvName>,
    /// The run and what its state says about the results that the expressions use; `None` before it
    /// begins.
    pub(crate) of_run: Option<(RunId, RunResults)>,
    /// The job that the expressions are of; `None` before the run begins.
    pub(crate) job: Option<JobName>,
}

impl StepVariables {
    /// Returns the variables before a run begins.
    pub(crate) fn before_run(inputs: Value) -> Self {
        Self {
            inputs: Arc::new(inputs),
            run: Value::Null,
            own: None,
            environment: BTreeSet::new(),
            of_run: None,
            job: None,
        }
    }

    /// Calls `body` with an environment that has the variables. `used` are the results of steps
    /// that the expressions use.
    pub(crate) fn with_env<T>(
        &self,
        evaluator: &Evaluator<'_>,
        used: &ResultsUsed,
        body: impl FnOnce(&mut Env<'_>) -> Result<T, AppError>,
    ) -> Result<T, AppError> {
        let values = match &self.of_run {
            Some((run, results)) if used.is_any() => {
                let job = self.job.as_ref();
                Some(RunValues::read(evaluator, run, results, job, used)?)
            }
            Some(_) | None => None,
        };
        let env = evaluator.env().with("inputs", &self.inputs);
        let mut env = env.with("run", &self.run);
        if let Some(own) = &self.own {
            env = env.with("self", own);
        }
        if let Some(values) = &values {
            env = env.with("steps", &values.steps).with("jobs", &values.jobs);
        }
        body(&mut env)
    }
}

/// Returns whether expressions can read data or results, so that the datastore has to be opened.
pub(crate) fn has_data<'x>(exprs: impl IntoIterator<Item = &'x Expr>) -> bool {
    let has = |it: &Expr| uses_data(it) || it.uses("steps") || it.uses("jobs");
    exprs.into_iter().any(has)
}

/// Returns whether expressions need something that only the datastore or the results of a run have,
/// or that only a call can find out.
pub(crate) fn needs_results<'x>(exprs: impl IntoIterator<Item = &'x Expr>) -> bool {
    let later = ["steps", "jobs", "webhook", "workers"];
    let needs = |it: &Expr| uses_data(it) || later.iter().any(|name| it.uses(name));
    exprs.into_iter().any(needs)
}

impl WrittenStep {
    /// Returns all expressions.
    pub(crate) fn exprs(&self) -> impl Iterator<Item = &Expr> {
        let globals = self.global_arguments.iter();
        let globals = globals.flat_map(|it| it.exprs());
        self.target
            .exprs()
            .chain(self.inputs.exprs())
            .chain(globals)
    }

    /// Returns what the step calls if it has no expressions. `environment` is that of its variables.
    fn literal(&self, environment: &BTreeSet<EnvName>) -> Option<StepTarget> {
        let target = self.target.literal()?.to_owned();
        let arguments = literal_object(&self.inputs)?;
        let global_arguments = match &self.global_arguments {
            Some(written) => Some(members_of(written.literal()?)?),
            None => None,
        };
        Some(StepTarget {
            target,
            arguments,
            global_arguments,
            environment: environment.clone(),
        })
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

    /// Evaluates the expressions. It can block the thread.
    ///
    /// # Errors
    /// Returns an error if an expression has no value, or not one that a step can use.
    pub(crate) fn target_now(
        &self,
        source: &EvaluatorSource,
        variables: &StepVariables,
    ) -> Result<StepTarget, AppError> {
        if let Some(target) = self.literal(&variables.environment) {
            return Ok(target);
        }
        let has_data = self.uses_data() || ResultsUsed::of(self.exprs()).is_any();
        source.evaluate(has_data, |it| self.evaluated(it, variables))
    }

    /// Evaluates the expressions on a thread of its own.
    ///
    /// # Errors
    /// The same as for [`WrittenStep::target_now`].
    async fn target(
        self,
        source: EvaluatorSource,
        variables: StepVariables,
    ) -> Result<StepTarget, AppError> {
        in_background(move |_| self.target_now(&source, &variables)).await
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
        if let Some(target) = self.literal(&BTreeSet::new()) {
            return Ok(Some(target));
        }
        let uses_inputs = self.exprs().any(|it| it.uses("inputs"));
        if self.needs_run() || uses_inputs && inputs.is_none() {
            return Ok(None);
        }
        let uses_data = self.uses_data();
        let inputs = inputs.unwrap_or_else(|| Value::Object(Map::new()));
        let variables = StepVariables::before_run(inputs);
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
            let target = evaluator.text(&self.target, env)?;
            let arguments = evaluator.value(&self.inputs, env)?;
            let arguments = evaluator.references_marked(&self.inputs, arguments);
            let arguments = object(&self.inputs, "inputs", arguments)?;
            // They are written into a definition, where a reference to a secret stays as it is.
            let globals = self.global_arguments.as_ref();
            let globals = globals.map(|written| {
                let value = evaluator.value(written, env)?;
                object(written, "globalArgs", value)
            });
            Ok(StepTarget {
                target: target_name(self, target)?,
                arguments,
                global_arguments: globals.transpose()?,
                environment: &evaluator.environment() | &variables.environment,
            })
        })
    }
}

/// Returns the members of an object that is written without expressions.
fn literal_object(written: &WrittenValue) -> Option<Map<String, Value>> {
    let mut value = written.literal()?;
    references_mark(written.source(), &mut value);
    members_of(value)
}

fn members_of(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    }
}

fn target_name(step: &WrittenStep, value: Value) -> Result<String, AppError> {
    let message = match value.as_str() {
        _ if has_mark(&value) => "the name cannot contain a secret".to_owned(),
        Some(name) => return Ok(name.to_owned()),
        None => format!("the name is a text, not {}", kind_shown(&value)),
    };
    let fault = Diagnostic::new(step.inputs.file(), step.target.span(), message);
    Err(fault.with_code(DiagnosticCode::Expression).into())
}

fn object(written: &WrittenValue, key: &str, value: Value) -> Result<Map<String, Value>, AppError> {
    match value {
        Value::Object(members) => Ok(members),
        // An optional without a value: there are no arguments.
        Value::Null => Ok(Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            let message = format!("`{key}` are keys with values, not {}", kind_shown(&value));
            let span = written.source().span.clone();
            let fault = Diagnostic::new(written.file(), span, message);
            Err(fault.with_code(DiagnosticCode::Expression).into())
        }
    }
}

/// Returns the kind of a value as a message names it.
pub(crate) fn kind_shown(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "keys with values",
    }
}
