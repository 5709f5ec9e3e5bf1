//! Checks a workflow before it runs: the models and methods of its steps, and their inputs.

use std::collections::HashMap;
use std::sync::Arc;

use sedge_api::problem::Help;
use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_lang::expr::Expr;
use sedge_lang::suggest::nearest;
use sedge_lang::workflow::{Task, Workflow, WrittenText};
use sedge_lang::written::WrittenValue;
use sedge_lang::yaml::{Faults, Located};
use sedge_model::names::MethodName;
use serde_json::{Map, Value};

use crate::error::{AppError, ModelError, RepositoryError, model_missing_help, schema_help};
use crate::expression::{
    EvaluatorSource, SecretPlace, StepVariables, WrittenStep, definition_uses_data, uses_data,
};
use crate::model::method_run::arguments_check;
use crate::repository::snapshot::RepositorySnapshot;
use crate::run::cx::ReadyModel;
use crate::validate::sensitive_faults;
use crate::workflow::prompt::prompt_value;

/// Checks a workflow before a run with these inputs. Steps that use inputs are not checked if there
/// are none. Returns the model of each step that calls one; `None` if it is not known yet.
///
/// # Errors
/// Returns an error with all faults of the file's references.
pub(crate) async fn workflow_check(
    repository: &RepositorySnapshot,
    workflow: &Workflow,
    inputs: Option<&Map<String, Value>>,
) -> Result<Vec<Option<Arc<ReadyModel>>>, AppError> {
    let mut models = Vec::new();
    let mut loaded = LoadedModels::new();
    let mut found = FileFaults::new(workflow);
    for step in workflow.steps() {
        match &step.task {
            Task::ManualApproval {
                prompt: Some(prompt),
                ..
            } => {
                found.keep(prompt_check(repository, prompt, inputs))?;
            }
            Task::ManualApproval { prompt: None, .. }
            | Task::Workflow { .. }
            | Task::Assert { .. } => {}
            Task::ModelMethod {
                model,
                method,
                inputs: arguments,
            } => {
                let task = MethodTask {
                    workflow,
                    model: model.name(),
                    method,
                    arguments,
                };
                let checked = task.check(repository, inputs, &mut loaded).await;
                let model = found.keep(checked)?;
                models.push(model.flatten());
            }
        }
    }
    found.result(models)
}

/// The models of the steps that were checked, by the names and ids that the steps use. Many steps
/// can use one model, which is read and loaded once.
type LoadedModels = HashMap<String, Arc<ReadyModel>>;

/// The faults of a workflow's references, so that all are reported at once.
struct FileFaults {
    faults: Faults,
    help: Vec<Help>,
}

impl FileFaults {
    fn new(workflow: &Workflow) -> Self {
        Self {
            faults: Faults::new(&workflow.file),
            help: Vec::new(),
        }
    }

    /// Keeps the faults of the workflow's file, and returns the value if there are none.
    ///
    /// # Errors
    /// Other errors are passed on.
    fn keep<T>(&mut self, result: Result<T, AppError>) -> Result<Option<T>, AppError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(AppError::Repository(RepositoryError::BadFile { faults, help }))
                if faults.file() == self.faults.file() =>
            {
                self.faults.append(faults);
                // The help is for the first fault, and the faults themselves have theirs.
                if self.help.is_empty() {
                    self.help = help;
                }
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    fn result<T>(self, value: T) -> Result<T, AppError> {
        let help = self.help;
        let result = self.faults.result(value);
        result.map_err(|faults| RepositoryError::bad_file(faults, help).into())
    }
}

/// Refuses a workflow that has something that this version does not execute yet.
///
/// # Errors
/// Returns an error with each place that is not supported.
pub(crate) fn supported_check(workflow: &Workflow) -> Result<(), AppError> {
    let mut faults = Faults::new(&workflow.file);
    for fault in workflow.unsupported_in_run() {
        faults.push(fault);
    }
    Ok(faults.result(())?)
}

/// Checks a prompt that needs nothing but the inputs.
fn prompt_check(
    repository: &RepositorySnapshot,
    prompt: &WrittenText,
    inputs: Option<&Map<String, Value>>,
) -> Result<(), AppError> {
    let needs = ["run", "steps", "jobs", "self"];
    let is_later = |it: &Expr| needs.iter().any(|name| it.uses(name)) || uses_data(it);
    let uses_inputs = prompt.exprs().any(|it| it.uses("inputs"));
    if prompt.exprs().any(is_later) || uses_inputs && inputs.is_none() {
        return Ok(());
    }
    let source = EvaluatorSource {
        secrets: SecretPlace::Elsewhere,
        ..EvaluatorSource::of_arguments(repository)
    };
    let variables = StepVariables {
        // ignored: no error is dropped, because this is an `Option`.
        inputs: Value::Object(inputs.cloned().unwrap_or_default()),
        run: Value::Null,
        of_run: None,
        job: None,
    };
    prompt_value(&source, prompt, &variables).map(drop)
}

/// A task that runs a method.
struct MethodTask<'w> {
    workflow: &'w Workflow,
    model: &'w WrittenText,
    method: &'w Located<MethodName>,
    arguments: &'w WrittenValue,
}

impl MethodTask<'_> {
    /// Checks the model, the method and the arguments, as far as their expressions have values
    /// before the run. Returns the model, if it is known by then.
    async fn check(
        &self,
        repository: &RepositorySnapshot,
        inputs: Option<&Map<String, Value>>,
        loaded: &mut LoadedModels,
    ) -> Result<Option<Arc<ReadyModel>>, AppError> {
        let step = WrittenStep {
            model: self.model.clone(),
            inputs: self.arguments.clone(),
        };
        let source = EvaluatorSource::of_arguments(repository);
        let inputs = inputs.map(|it| Value::Object(it.clone()));
        let target = step.target_before_run(source.clone(), inputs).await?;
        let name = match &target {
            Some(target) => Some(target.model.as_str()),
            None => self.model.literal(),
        };
        let Some(name) = name else {
            return Ok(None);
        };
        let ready = match loaded.get(name) {
            Some(known) => Arc::clone(known),
            None => {
                let ready = Arc::new(self.model_load(repository, name).await?);
                loaded.insert(name.to_owned(), Arc::clone(&ready));
                ready
            }
        };
        method_check(self.workflow, &ready, self.method)?;
        self.literals_check(&ready)?;
        match target {
            // The arguments of the definition may need data that the run itself writes.
            Some(target) if !definition_uses_data(&ready.definition) => {
                self.arguments_check(&ready, source, &target.arguments)
                    .await?;
            }
            Some(_) | None => {}
        }
        Ok(Some(ready))
    }

    /// Checks that no argument that the schema marks as sensitive is written out in the file.
    fn literals_check(&self, model: &ReadyModel) -> Result<(), AppError> {
        let Some(schema) = model.plugin.arguments_schema(self.method.value.as_str()) else {
            return Ok(());
        };
        let file = &self.workflow.file;
        let mut faults = Faults::new(file);
        for fault in sensitive_faults(file, self.arguments.source(), schema) {
            faults.push(fault);
        }
        Ok(faults.result(())?)
    }

    async fn model_load(
        &self,
        repository: &RepositorySnapshot,
        name: &str,
    ) -> Result<ReadyModel, AppError> {
        match ReadyModel::load(repository, name).await {
            Err(AppError::Model(ModelError::Missing { name, near })) => {
                let message = format!("no model named `{name}`");
                let fault = Diagnostic::new(&self.workflow.file, self.model.span(), message);
                let fault = fault.with_code(DiagnosticCode::UnknownName);
                let help = model_missing_help(&name, near.as_ref());
                Err(RepositoryError::bad_file(fault, help).into())
            }
            other => other,
        }
    }

    async fn arguments_check(
        &self,
        model: &Arc<ReadyModel>,
        source: EvaluatorSource,
        arguments: &Map<String, Value>,
    ) -> Result<(), AppError> {
        match arguments_check(model, source, &self.method.value, arguments).await {
            Err(AppError::Model(ModelError::Violations {
                what,
                violations,
                type_name,
            })) => {
                let mut faults = Faults::new(&self.workflow.file);
                let written = self.arguments.source();
                for violation in &violations {
                    let span = written.at(&violation.path).span.clone();
                    let fault = faults.fault(span, format!("{what} do not fit the schema"));
                    let fault = fault.with_code(DiagnosticCode::Schema);
                    faults.push(fault.with_label(violation.to_string()));
                }
                Err(RepositoryError::bad_file(faults, vec![schema_help(&type_name)]).into())
            }
            other => other,
        }
    }
}

fn method_check(
    workflow: &Workflow,
    model: &ReadyModel,
    method: &Located<MethodName>,
) -> Result<(), AppError> {
    let info = model.plugin.type_info();
    if info.method(method.value.as_str()).is_some() {
        return Ok(());
    }
    let message = format!(
        "the type `{}` has no method named `{}`",
        info.name, method.value
    );
    let fault = Diagnostic::new(&workflow.file, method.span.clone(), message);
    let names: Vec<&str> = info
        .methods
        .iter()
        .map(|method| method.name.as_str())
        .collect();
    Err(
        match nearest(method.value.as_str(), names.iter().copied()) {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None => fault.with_hint(format!("its methods are `{}`", names.join("`, `"))),
        }
        .into(),
    )
}
