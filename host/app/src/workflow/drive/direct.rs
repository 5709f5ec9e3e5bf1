//! Steps that run a method directly on a type, on a model without a definition in a file.

use std::sync::Arc;

use sedge_api::problem::Explain;
use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_lang::workflow::{ModelTarget, Step, Task};
use sedge_lang::yaml::Located;
use sedge_model::names::{MethodName, TypeName};
use sedge_model::run::{StepAttempt, StepInstance};
use sedge_store::{DirectModel, StartedTask};
use serde_json::{Map, Value};

use super::Drive;
use super::evaluate::written_target;
use super::step::{PreparedDirect, PreparedMethod, PreparedTask, StepDecision};
use crate::error::AppError;
use crate::expression::{StepTarget, StepVariables};
use crate::model::method_direct::{DirectStep, direct_ready};
use crate::secret::argument::has_mark;
use crate::structure::in_background;

impl Drive {
    /// Evaluates the inputs of a step that runs a method on a type, and makes its model ready.
    pub(super) async fn direct_later(
        self: &Arc<Self>,
        step: &StepAttempt,
        interrupted: &[u32],
    ) -> Result<StepDecision, AppError> {
        let (before, variables) = self.start_values(&step.step)?;
        let (drive, instance) = (Arc::clone(self), step.step.clone());
        let evaluated = in_background(move |_| {
            let target = match before {
                Some(before) => target_before(before),
                None => {
                    let written = drive.written_step(&instance);
                    let written = written_target(written).expect("it runs a method");
                    let source = drive.cx.evaluator_source();
                    written.target_now(&source, &variables)?
                }
            };
            Ok((target, variables))
        });
        let (target, variables) = evaluated.await?;
        let task = self.direct_task(&step.step, target, &variables).await?;
        self.prepared_start(step, interrupted, task)
    }

    async fn direct_task(
        self: &Arc<Self>,
        instance: &StepInstance,
        target: StepTarget,
        variables: &StepVariables,
    ) -> Result<PreparedTask, AppError> {
        let step = self.written_step(instance);
        let (type_name, method) = direct_of(step);
        // ignored: no error is dropped, because this is an `Option`.
        let global_arguments = target.global_arguments.unwrap_or_default();
        if global_arguments.values().any(has_mark) {
            let message = "`globalArgs` cannot contain a secret that an expression hands on, because they are \
                 stored; write `{secret: NAME}`";
            return Err(self.direct_fault(type_name, message.to_owned()));
        }
        let request = DirectStep {
            type_name: type_name.value.to_string(),
            model: target.target.clone(),
            method: method.to_string(),
            inputs: target.arguments.clone(),
            global_arguments,
        };
        let ready = match direct_ready(&self.cx.repository, request).await {
            Ok(ready) => ready,
            Err(error @ (AppError::Model(_) | AppError::Plugin(_))) => {
                let mut text = vec![error.message()];
                text.extend(error.causes());
                return Err(self.direct_fault(type_name, text.join(": ")));
            }
            Err(error) => return Err(error),
        };
        let arguments = Value::Object(target.arguments);
        let environment = target.environment;
        let labels = self.labels(step, &arguments, variables, &environment)?;
        Ok(PreparedTask::Method(PreparedMethod {
            model: target.target,
            method: method.clone(),
            arguments: Value::Object(ready.arguments),
            environment,
            labels,
            direct: Some(Box::new(PreparedDirect {
                model: ready.model,
                of_type: DirectModel {
                    type_name: type_name.value.clone(),
                    global_arguments: Value::Object(ready.global_arguments),
                },
                unsaved: ready.unsaved,
            })),
        }))
    }

    fn direct_fault(&self, type_name: &Located<TypeName>, message: String) -> AppError {
        let fault = Diagnostic::new(&self.workflow.file, type_name.span.clone(), message);
        fault.with_code(DiagnosticCode::Expression).into()
    }
}

/// Returns the type and the method of a step that runs a method on a type.
fn direct_of(step: &Step) -> (&Located<TypeName>, &MethodName) {
    match &step.task {
        Task::ModelMethod {
            model: ModelTarget::Typed { type_name, .. },
            method,
            ..
        } => (type_name, &method.value),
        Task::ModelMethod {
            model: ModelTarget::Named(_),
            ..
        }
        | Task::Workflow { .. }
        | Task::ManualApproval { .. }
        | Task::Assert { .. } => unreachable!("only such a step is prepared here"),
    }
}

/// Returns what a step started in an earlier attempt.
fn target_before(before: StartedTask) -> StepTarget {
    let members = |value: Value| match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    };
    let (target, arguments, direct, environment) = match before {
        StartedTask::Method {
            model,
            method: _,
            arguments,
            direct,
            environment,
        } => (model, arguments, direct, environment),
        StartedTask::Workflow {
            workflow,
            inputs,
            environment,
        } => (workflow, inputs, None, environment),
    };
    StepTarget {
        target,
        arguments: members(arguments),
        global_arguments: direct.map(|it| members(it.global_arguments)),
        environment,
    }
}
