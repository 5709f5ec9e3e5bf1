//! Checks a workflow before it runs: the models and methods of its steps, and their inputs.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use sedge_api::problem::{Explain, Help, UseCase};
use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_lang::expr::Expr;
use sedge_lang::suggest::nearest;
use sedge_lang::type_info::{MethodKind, TypeInfo};
use sedge_lang::workflow::{ModelTarget, Step, Task, Workflow, WrittenText};
use sedge_lang::written::WrittenValue;
use sedge_lang::yaml::{Faults, Located};
use sedge_model::names::{MethodName, TypeName};
use sedge_model::run::StepPath;
use sedge_runtime::Plugin;
use serde_json::{Map, Value};

use crate::error::{
    AppError, ModelError, PluginUseError, RepositoryError, RunUseError, model_missing_help,
    schema_help,
};
use crate::expression::{
    EvaluatorSource, SecretPlace, StepTarget, StepVariables, WrittenStep, definition_uses_data,
    uses_data,
};
use crate::model::method_direct::{DirectStep, direct_ready};
use crate::model::method_run::arguments_check;
use crate::repository::snapshot::RepositorySnapshot;
use crate::run::cx::ReadyModel;
use crate::secret::argument::secrets_missing;
use crate::validate::{sensitive_faults, sensitive_input_faults};
use crate::workflow::drive::DEPTH_MAX;
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
    workflow_check_left(repository, workflow, inputs, |_| true).await
}

/// Checks those steps of a workflow that are left to run: see [`workflow_check`].
///
/// # Errors
/// Returns an error with all faults of the file's references.
pub(crate) async fn workflow_check_left(
    repository: &RepositorySnapshot,
    workflow: &Workflow,
    inputs: Option<&Map<String, Value>>,
    is_left: impl Fn(&StepPath) -> bool,
) -> Result<Vec<Option<Arc<ReadyModel>>>, AppError> {
    let mut models = Vec::new();
    let mut loaded = LoadedModels::new();
    let mut found = FileFaults::new(workflow);
    for job in &workflow.jobs {
        if let Some(guard) = job
            .guard
            .as_ref()
            .filter(|_| job.steps.iter().any(|it| is_left(&it.path)))
        {
            condition_check(repository, guard.expr(), &mut loaded, &mut found).await?;
        }
    }
    for step in workflow.steps().filter(|step| is_left(&step.path)) {
        if let Some(guard) = &step.guard {
            condition_check(repository, guard.expr(), &mut loaded, &mut found).await?;
        }
        match &step.task {
            Task::ManualApproval {
                prompt: Some(prompt),
                ..
            } => {
                found.keep(prompt_check(repository, prompt, inputs))?;
            }
            Task::ManualApproval { prompt: None, .. } => {}
            Task::Assert { expr, .. } => {
                condition_check(repository, expr.expr(), &mut loaded, &mut found).await?;
            }
            Task::Workflow { .. } => {
                found.keep(nested_check(repository, workflow, step))?;
            }
            Task::ModelMethod {
                model,
                method,
                inputs: arguments,
            } => {
                let task = MethodTask {
                    workflow,
                    model,
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

/// Checks the methods that a guard or an assert runs: they exist, and only read. A method whose
/// model or name is computed is checked when it runs.
async fn condition_check(
    repository: &RepositorySnapshot,
    expr: &Expr,
    loaded: &mut LoadedModels,
    found: &mut FileFaults,
) -> Result<(), AppError> {
    for call in expr.method_calls() {
        let ready = match loaded.get(&call.model) {
            Some(known) => Arc::clone(known),
            None => match ReadyModel::load(repository, &call.model).await {
                Ok(ready) => {
                    let ready = Arc::new(ready);
                    loaded.insert(call.model.clone(), Arc::clone(&ready));
                    ready
                }
                Err(AppError::Model(ModelError::Missing { name, near })) => {
                    let message = format!("no model named `{name}`");
                    let near = near.as_deref().map(|it| format!("did you mean `{it}`?"));
                    found.add(call.model_span, DiagnosticCode::UnknownName, message, near);
                    continue;
                }
                Err(error) => return Err(error),
            },
        };
        let info = ready.plugin.type_info();
        let Some(method) = info.method(&call.method) else {
            let message = format!(
                "the type `{}` has no method named `{}`",
                info.name, call.method
            );
            let names = info.methods.iter().map(|it| it.name.as_str());
            let near = nearest(&call.method, names);
            let near = near.map(|it| format!("did you mean `{it}`?"));
            found.add(call.method_span, DiagnosticCode::UnknownName, message, near);
            continue;
        };
        match method.kind {
            MethodKind::Read => {}
            MethodKind::Observe
            | MethodKind::Create
            | MethodKind::Update
            | MethodKind::Delete
            | MethodKind::Action => {
                let message = format!(
                    "a guard or an assert runs only methods of kind `read`, and `{}` is of kind `{}`",
                    method.name,
                    method.kind.as_str()
                );
                found.add(
                    call.method_span,
                    DiagnosticCode::InvalidValue,
                    message,
                    None,
                );
            }
        }
    }
    Ok(())
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

    /// Adds a fault of the workflow's file.
    fn add(
        &mut self,
        span: Range<usize>,
        code: DiagnosticCode,
        message: String,
        hint: Option<String>,
    ) {
        let fault = self.faults.fault(span, message).with_code(code);
        self.faults.push(match hint {
            Some(hint) => fault.with_hint(hint),
            None => fault,
        });
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

/// Checks that the nested workflow of a step exists, that no workflow runs itself in the end, and that
/// no value of a sensitive input is written in the file.
///
/// The name of a workflow with expressions is known only when its step begins.
fn nested_check(
    repository: &RepositorySnapshot,
    workflow: &Workflow,
    step: &Step,
) -> Result<(), AppError> {
    let mut chain = vec![workflow.name.to_string()];
    let mut seen = HashSet::new();
    match nested_fault(repository, step, &mut chain, &mut seen)? {
        None => nested_literals_check(repository, workflow, step),
        Some((message, code, hint)) => {
            let span = match &step.task {
                Task::Workflow { workflow, .. } => workflow.span(),
                Task::ModelMethod { .. } | Task::ManualApproval { .. } | Task::Assert { .. } => {
                    step.name.span()
                }
            };
            let fault = Diagnostic::new(&workflow.file, span, message).with_code(code);
            Err(match hint {
                Some(hint) => fault.with_hint(hint),
                None => fault,
            }
            .into())
        }
    }
}

/// Checks that no sensitive input of the nested workflow of a step is written out in the file.
fn nested_literals_check(
    repository: &RepositorySnapshot,
    workflow: &Workflow,
    step: &Step,
) -> Result<(), AppError> {
    let (name, inputs) = match &step.task {
        Task::Workflow { workflow, inputs } => (workflow.literal(), inputs),
        Task::ModelMethod { .. } | Task::ManualApproval { .. } | Task::Assert { .. } => {
            return Ok(());
        }
    };
    let Some(name) = name else {
        return Ok(());
    };
    let nested = repository.workflow(name)?;
    let file = &workflow.file;
    let mut faults = Faults::new(file);
    for fault in sensitive_input_faults(file, inputs.source(), nested.inputs.schema()) {
        faults.push(fault);
    }
    Ok(faults.result(())?)
}

/// A message, its code, and a hint.
type NestedFault = (String, DiagnosticCode, Option<String>);

/// Follows the nested workflow of a step. `chain` are the workflows from the outermost one down,
/// and `seen` those that were followed to their ends.
fn nested_fault(
    repository: &RepositorySnapshot,
    step: &Step,
    chain: &mut Vec<String>,
    seen: &mut HashSet<String>,
) -> Result<Option<NestedFault>, AppError> {
    let Some(name) = nested_name(&step.task) else {
        return Ok(None);
    };
    let nested = match repository.workflow(name) {
        Ok(nested) => nested,
        Err(AppError::Run(RunUseError::WorkflowMissing { name, near })) => {
            let message = format!("no workflow named `{name}`");
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            return Ok(Some((message, DiagnosticCode::UnknownName, hint)));
        }
        Err(error) => return Err(error),
    };
    let name = nested.name.to_string();
    if let Some(at) = chain.iter().position(|it| *it == name) {
        let cycle = [&chain[at..], &[name]].concat().join("` > `");
        let message = format!("the workflow runs itself: `{cycle}`");
        return Ok(Some((message, DiagnosticCode::Cycle, None)));
    }
    if chain.len() > DEPTH_MAX {
        let message = format!("workflows are nested more than {DEPTH_MAX} deep");
        return Ok(Some((message, DiagnosticCode::Cycle, None)));
    }
    if seen.contains(&name) {
        return Ok(None);
    }
    chain.push(name.clone());
    for step in nested.steps() {
        if let Some(fault) = nested_fault(repository, step, chain, seen)? {
            return Ok(Some(fault));
        }
    }
    chain.pop();
    seen.insert(name);
    Ok(None)
}

/// Returns the name of the nested workflow of a task, if it is known before the run.
fn nested_name(task: &Task) -> Option<&str> {
    match task {
        Task::Workflow { workflow, .. } => workflow.literal(),
        Task::ModelMethod { .. } | Task::ManualApproval { .. } | Task::Assert { .. } => None,
    }
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
    // ignored: no error is dropped, because this is an `Option`.
    let inputs = Value::Object(inputs.cloned().unwrap_or_default());
    let variables = StepVariables::before_run(inputs);
    prompt_value(&source, prompt, &variables).map(drop)
}

/// A task that runs a method.
struct MethodTask<'w> {
    workflow: &'w Workflow,
    model: &'w ModelTarget,
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
        let (type_name, global_arguments) = match self.model {
            ModelTarget::Named(_) => (None, None),
            ModelTarget::Typed {
                type_name,
                global_arguments,
                ..
            } => (Some(type_name), global_arguments.clone()),
        };
        let step = WrittenStep {
            target: self.model.name().clone(),
            inputs: self.arguments.clone(),
            global_arguments,
        };
        let source = EvaluatorSource::of_arguments(repository);
        let inputs = inputs.map(|it| Value::Object(it.clone()));
        let target = step.target_before_run(source.clone(), inputs).await?;
        if let Some(type_name) = type_name {
            return self.direct_check(repository, type_name, target).await;
        }
        let name = match &target {
            Some(target) => Some(target.target.as_str()),
            None => self.model.name().literal(),
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
        method_check(self.workflow, ready.plugin.type_info(), self.method)?;
        self.literals_check(&ready.plugin)?;
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

    /// Checks a step that runs a method directly on a type. Returns the model, if it is known.
    async fn direct_check(
        &self,
        repository: &RepositorySnapshot,
        type_name: &Located<TypeName>,
        target: Option<StepTarget>,
    ) -> Result<Option<Arc<ReadyModel>>, AppError> {
        let fault = |message: String, near: Option<&str>| {
            let fault = Diagnostic::new(&self.workflow.file, type_name.span.clone(), message);
            AppError::from(fault.with_near(near))
        };
        let plugin = match repository.plugin(type_name.value.as_str()).await {
            Err(AppError::Plugin(PluginUseError::TypeMissing { name, near })) => {
                let message = format!("no plugin provides the type `{name}`");
                return Err(fault(message, near.as_deref()));
            }
            other => other?,
        };
        method_check(self.workflow, plugin.type_info(), self.method)?;
        self.literals_check(&plugin)?;
        let Some(target) = target else {
            return Ok(None);
        };
        let step = DirectStep {
            type_name: type_name.value.to_string(),
            model: target.target,
            method: self.method.value.to_string(),
            inputs: target.arguments,
            // ignored: no error is dropped, because this is an `Option`.
            global_arguments: target.global_arguments.unwrap_or_default(),
        };
        match direct_ready(repository, step).await {
            Ok(ready) => Ok(Some(ready.model)),
            Err(AppError::Model(error)) => {
                let mut text = vec![error.to_string()];
                text.extend(error.causes());
                Err(fault(text.join(": "), None))
            }
            Err(error) => Err(error),
        }
    }

    /// Checks that no argument that the schema marks as sensitive is written out in the file.
    fn literals_check(&self, plugin: &Plugin) -> Result<(), AppError> {
        let Some(schema) = plugin.arguments_schema(self.method.value.as_str()) else {
            return Ok(());
        };
        let file = &self.workflow.file;
        let mut faults = Faults::new(file);
        for fault in sensitive_faults(file, self.arguments.source(), schema) {
            faults.push(fault);
        }
        Ok(faults.result(())?)
    }

    /// Checks that the secrets to which the arguments refer exist.
    fn secrets_check(
        &self,
        repository: &RepositorySnapshot,
        arguments: &Map<String, Value>,
    ) -> Result<(), AppError> {
        let missing = secrets_missing(repository, &Value::Object(arguments.clone()))?;
        let mut faults = Faults::new(&self.workflow.file);
        let written = self.arguments.source();
        for (pointer, name) in &missing {
            let span = written.at(pointer).span.clone();
            let fault = faults.fault(span, format!("there is no secret `{name}`"));
            faults.push(fault.with_code(DiagnosticCode::UnknownName));
        }
        // The help is for the first fault.
        let put = missing.first().map(|(_, name)| {
            Help::command("store it", UseCase::SecretPut).with("name", name.as_str())
        });
        let result = faults.result(());
        result.map_err(|faults| RepositoryError::bad_file(faults, put.into_iter().collect()).into())
    }

    async fn model_load(
        &self,
        repository: &RepositorySnapshot,
        name: &str,
    ) -> Result<ReadyModel, AppError> {
        match ReadyModel::load(repository, name).await {
            Err(AppError::Model(ModelError::Missing { name, near })) => {
                let message = format!("no model named `{name}`");
                let span = self.model.name().span();
                let fault = Diagnostic::new(&self.workflow.file, span, message);
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
        self.secrets_check(&source.repository, arguments)?;
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
    info: &TypeInfo,
    method: &Located<MethodName>,
) -> Result<(), AppError> {
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
