//! Checks a workflow without running it: its file, the models and methods of its steps, and their
//! inputs.

use std::sync::Arc;

use sedge_api::problem::{Argument, Help, UseCase};
use sedge_api::view::workflow::WorkflowView;
use sedge_lang::diagnostic::Diagnostic;
use sedge_lang::suggest::nearest;
use sedge_lang::workflow::{Task, Workflow};
use sedge_lang::yaml::Located;
use sedge_model::names::MethodName;
use serde_json::{Map, Value};

use crate::error::{AppError, ModelError, RepositoryError, near_or, schema_help};
use crate::model::method_run::arguments_check;
use crate::repository::snapshot::RepositorySnapshot;
use crate::repository::{Repository, near_one};
use crate::run::cx::ReadyModel;
use crate::workflow::view::workflow_view;

/// Checks a workflow, and returns its view.
///
/// # Errors
/// Returns the first fault, with its place in the file.
pub async fn workflow_validate(
    repository: &Arc<Repository>,
    name: &str,
) -> Result<WorkflowView, AppError> {
    let workflow = repository.workflow(name)?;
    workflow_check(&repository.snapshot()?, &workflow).await?;
    Ok(workflow_view(&workflow))
}

pub(crate) async fn workflow_check(
    repository: &RepositorySnapshot,
    workflow: &Workflow,
) -> Result<(), AppError> {
    for step in workflow.steps() {
        match &step.task {
            Task::ManualApproval { .. } => {}
            Task::ModelMethod {
                model,
                method,
                inputs,
            } => {
                let ready = match ReadyModel::load(repository, model.value.as_str()).await {
                    Err(AppError::Model(ModelError::Missing { name, .. })) => {
                        let message = format!("no model named `{name}`");
                        let fault = Diagnostic::new(&workflow.file, model.span.clone(), message);
                        let near = near_one(&name, &repository.model_names()?);
                        let make = Help::command("make it", UseCase::ModelCreate)
                            .with("type", Argument::open())
                            .with("name", name.as_str());
                        let help = near_or(near.as_ref(), make);
                        return Err(RepositoryError::bad_file(fault, help).into());
                    }
                    other => other?,
                };
                method_check(workflow, &ready, method)?;
                inputs_check(workflow, &ready, &method.value, inputs)?;
            }
        }
    }
    Ok(())
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

fn inputs_check(
    workflow: &Workflow,
    model: &ReadyModel,
    method: &MethodName,
    inputs: &Located<Map<String, Value>>,
) -> Result<(), AppError> {
    match arguments_check(model, method, &inputs.value) {
        Err(AppError::Model(ModelError::Violations {
            what,
            violations,
            type_name,
        })) => {
            let shown: Vec<String> = violations.iter().map(ToString::to_string).collect();
            let fault = Diagnostic::new(
                &workflow.file,
                inputs.span.clone(),
                format!("{what} do not fit the schema"),
            )
            .with_label(shown.join("; "));
            Err(RepositoryError::bad_file(fault, vec![schema_help(&type_name)]).into())
        }
        other => other,
    }
}
