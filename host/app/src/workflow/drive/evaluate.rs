//! Evaluates the expressions of a run: what is evaluated when, inputs of steps, labels.
//!
//! An expression that needs no result of the run and no data is evaluated where the state is, so
//! that what follows from it is in the same transaction. Any other is evaluated in a task, after the
//! results that it needs are durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_lang::expr::Expr;
use sedge_lang::workflow::{ModelTarget, Step, Task, WrittenText};
use sedge_model::lifetime::Retention;
use sedge_model::names::{EnvName, JobName, vary_part};
use sedge_model::run::{StepAttempt, StepInstance};
use sedge_store::StartedTask;
use sedge_workflow::{TaskKind, Todo};
use serde_json::Value;

use super::expand::own_value;
use super::step::{
    PreparedMethod, PreparedStart, PreparedTask, StepDecision, StepStart, expression_failed,
};
use super::stored_task;
use super::submit::PendingEvaluation;
use super::{Drive, DriveState};
use crate::call::{DataLabels, LabelOverride};
use crate::error::AppError;
use crate::expression::{
    Evaluator, EvaluatorSource, ResultsUsed, RunResults, RunStates, StepTarget, StepVariables,
    WrittenStep, has_data, kind_shown, needs_results,
};
use crate::secret::argument::{has_mark, marks_hide};
use crate::secret::stored_marks::marks_load;
use crate::structure::in_background;
use crate::workflow::run::recorded_check;

impl Drive {
    /// Does something that is ready, if it needs no result. Returns `None` if it does.
    pub(super) fn now(
        &self,
        state: &DriveState,
        todo: &Todo,
    ) -> Result<Option<(sedge_store::LogEntry, Option<StepStart>)>, AppError> {
        let prepared = match todo {
            Todo::JobGuard(_) | Todo::Guard(_) => self.condition_now(state, todo),
            Todo::Expand(path) => self.expanded_now(state, path),
            Todo::Start {
                step,
                kind: TaskKind::Method | TaskKind::Workflow,
                interrupted,
            } => self.started_now(state, step, interrupted),
            Todo::Start {
                kind: TaskKind::Assert,
                ..
            } => self.assert_now(state, todo),
            Todo::Start {
                kind: TaskKind::Gate,
                ..
            } => return Ok(None),
        };
        let prepared = fault_kept(todo, prepared)?;
        Ok(prepared.map(|it| self.placed(state, &it)))
    }

    /// Begins to evaluate what needs results or files. Gates open in this order, one after another,
    /// and everything else side by side.
    pub(super) fn evaluations_begin(self: &Arc<Self>, evaluations: Vec<PendingEvaluation>) {
        let evaluations = evaluations.into_iter();
        let (gates, others): (Vec<_>, Vec<_>) = evaluations.partition(|it| is_gate(&it.todo));
        for evaluation in others {
            let drive = Arc::clone(self);
            self.spawn(async move { drive.evaluate(&evaluation).await });
        }
        if gates.is_empty() {
            return;
        }
        let drive = Arc::clone(self);
        self.spawn(async move {
            for gate in gates {
                drive.evaluate(&gate).await?;
            }
            Ok(())
        });
    }

    async fn evaluate(self: &Arc<Self>, evaluation: &PendingEvaluation) -> Result<(), AppError> {
        let todo = &evaluation.todo;
        let prepared = match self.evaluated(todo).await {
            Ok(prepared) => prepared,
            Err(error) => fault_event(todo, error)?,
        };
        self.evaluation_ended(evaluation, &prepared).await
    }

    async fn evaluated(self: &Arc<Self>, todo: &Todo) -> Result<StepDecision, AppError> {
        match todo {
            Todo::JobGuard(_) | Todo::Guard(_) => self.condition_later(todo).await,
            Todo::Expand(path) => self.expanded_later(path).await,
            Todo::Start {
                step,
                kind: TaskKind::Method,
                interrupted,
            } if self.is_direct(&step.step) => self.direct_later(step, interrupted).await,
            Todo::Start {
                step,
                kind: TaskKind::Method | TaskKind::Workflow,
                interrupted,
            } => self.started_later(step, interrupted).await,
            Todo::Start {
                step,
                kind: TaskKind::Assert,
                ..
            } => self.assert_later(todo, step).await,
            Todo::Start {
                step,
                kind: TaskKind::Gate,
                ..
            } => self.gate_later(step).await,
        }
    }

    /// Records the result of an evaluation, unless the run stops: then the step is skipped.
    async fn evaluation_ended(
        self: &Arc<Self>,
        PendingEvaluation { todo, place }: &PendingEvaluation,
        prepared: &StepDecision,
    ) -> Result<(), AppError> {
        let written = self.append_made(|state| {
            if !state.is_in_hand(todo) {
                return None;
            }
            if state.is_stopping() || self.cx.stop.is_interrupted() {
                state.put_back(todo);
                return None;
            }
            let (entry, start) = self.placed(state, prepared);
            let start = start.map(|it| it.with_place(place.clone()));
            Some((vec![entry], start))
        });
        if !written.await? {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Returns the values of the variables for expressions of a job, and of a step in it.
    pub(super) fn variables<'x>(
        &self,
        state: &DriveState,
        job: &JobName,
        step: Option<&StepInstance>,
        exprs: impl IntoIterator<Item = &'x Expr>,
    ) -> StepVariables {
        let used = ResultsUsed::of(exprs);
        let states = RunStates {
            workflow: &self.workflow,
            plan: &self.plan,
            state: &state.run,
            errors: &state.facts.errors,
            written: &state.facts.written,
        };
        let results = RunResults::collect(&states, Some(job), &used);
        let own = step.and_then(|step| {
            let item = state.facts.items.get(step)?;
            let for_each = self.written_step(step).for_each.as_ref()?;
            Some(own_value(&for_each.value, marks_load(item)))
        });
        let environment = step.and_then(|step| state.facts.environment.get(&step.path));
        StepVariables {
            inputs: self.cx.inputs(),
            run: self.cx.run_value(&self.workflow),
            own,
            // ignored: no error is dropped, because this is an `Option`.
            environment: environment.cloned().unwrap_or_default(),
            of_run: Some((self.cx.run().clone(), results)),
            job: Some(job.clone()),
        }
    }

    fn started_now(
        &self,
        state: &DriveState,
        step: &StepAttempt,
        interrupted: &[u32],
    ) -> Result<Option<StepDecision>, AppError> {
        let written = self.written_step(&step.step);
        let before = self.started_before(state, &step.step)?;
        let exprs = start_exprs(written, before.is_some());
        if self.is_direct(&step.step) || needs_results(exprs.iter().copied()) {
            return Ok(None);
        }
        let variables = self.variables(state, &step.step.path.job, Some(&step.step), exprs);
        let task = self.task(written, before, &variables)?;
        self.prepared_start(step, interrupted, task).map(Some)
    }

    async fn started_later(
        self: &Arc<Self>,
        step: &StepAttempt,
        interrupted: &[u32],
    ) -> Result<StepDecision, AppError> {
        let (before, variables) = self.start_values(&step.step)?;
        let (drive, instance) = (Arc::clone(self), step.step.clone());
        let task = in_background(move |_| {
            let written = drive.written_step(&instance);
            drive.task(written, before, &variables)
        });
        self.prepared_start(step, interrupted, task.await?)
    }

    /// Returns the decision that an attempt starts with a task.
    ///
    /// # Errors
    /// The inputs contain the value of a secret, and the key that seals them cannot be used.
    pub(super) fn prepared_start(
        &self,
        step: &StepAttempt,
        interrupted: &[u32],
        task: PreparedTask,
    ) -> Result<StepDecision, AppError> {
        Ok(StepDecision::Start(Arc::new(PreparedStart {
            step: step.clone(),
            interrupted: interrupted.to_vec(),
            sealed: stored_task::sealed(&self.cx, &step.step, &task)?,
            task,
        })))
    }

    /// Returns what a step has started before, and the variables of its expressions.
    pub(super) fn start_values(
        &self,
        step: &StepInstance,
    ) -> Result<(Option<StartedTask>, StepVariables), AppError> {
        let state = self.state();
        let before = self.started_before(&state, step)?;
        let exprs = start_exprs(self.written_step(step), before.is_some());
        let variables = self.variables(&state, &step.path.job, Some(step), exprs);
        Ok((before, variables))
    }

    /// Evaluates what a step runs. If it has started before, it runs with the same inputs.
    fn task(
        &self,
        step: &Step,
        before: Option<StartedTask>,
        variables: &StepVariables,
    ) -> Result<PreparedTask, AppError> {
        let (model, method, arguments, environment) = match before {
            Some(StartedTask::Workflow {
                workflow,
                inputs,
                environment,
            }) => {
                return Ok(PreparedTask::Workflow {
                    workflow,
                    inputs,
                    environment,
                });
            }
            Some(StartedTask::Method {
                model,
                method,
                arguments,
                direct: _,
                environment,
            }) => (model, method, arguments, environment),
            None => {
                let written = written_target(step).expect("only such a step has a target");
                let source = self.cx.evaluator_source();
                let StepTarget {
                    target,
                    arguments,
                    global_arguments: _,
                    environment,
                } = written.target_now(&source, variables)?;
                let arguments = Value::Object(arguments);
                match super::step::method_of(&step.task) {
                    Some(method) => (target, method.clone(), arguments, environment),
                    None => {
                        return Ok(PreparedTask::Workflow {
                            workflow: target,
                            inputs: arguments,
                            environment,
                        });
                    }
                }
            }
        };
        Ok(PreparedTask::Method(PreparedMethod {
            labels: self.labels(step, &arguments, variables, &environment)?,
            model,
            method,
            arguments,
            environment,
            direct: None,
        }))
    }

    /// Returns the labels and the retention of the data that a step writes. `environment` has the
    /// variables that the expressions of its inputs have read.
    pub(super) fn labels(
        &self,
        step: &Step,
        arguments: &Value,
        variables: &StepVariables,
        environment: &BTreeSet<EnvName>,
    ) -> Result<Arc<DataLabels>, AppError> {
        let mut tags = self.cx.options.tags.clone();
        let mut environment = &self.cx.options.environment | environment;
        if !step.tags.is_empty() {
            let source = EvaluatorSource {
                secrets: crate::expression::SecretPlace::Elsewhere,
                ..self.cx.evaluator_source()
            };
            let exprs = step.tags.values().flat_map(WrittenText::exprs);
            source.evaluate(has_data(exprs), |evaluator| {
                for (key, text) in &step.tags {
                    tags.insert(key.clone(), text_value(evaluator, text, variables)?);
                }
                environment.extend(evaluator.environment());
                Ok(())
            })?;
        }
        let mut overrides = BTreeMap::new();
        for written in &step.data_output_overrides {
            let over = &written.value;
            let name_suffix = name_suffix(arguments, &variables.inputs, &over.vary);
            let name_suffix = name_suffix.map_err(|(span, message)| {
                let fault = Diagnostic::new(&self.workflow.file, span, message);
                AppError::from(fault.with_code(DiagnosticCode::Expression))
            })?;
            let retention = Retention {
                lifetime: over.lifetime,
                keep: over.keep,
                tags: over.tags.clone(),
            };
            let over_value = LabelOverride {
                retention,
                name_suffix,
            };
            overrides.insert(over.spec.value.clone(), over_value);
        }
        Ok(Arc::new(DataLabels {
            tags,
            overrides,
            environment,
        }))
    }

    fn is_direct(&self, step: &StepInstance) -> bool {
        match &self.written_step(step).task {
            Task::ModelMethod {
                model: ModelTarget::Typed { .. },
                ..
            } => true,
            Task::ModelMethod {
                model: ModelTarget::Named(_),
                ..
            }
            | Task::Workflow { .. }
            | Task::ManualApproval { .. }
            | Task::Assert { .. } => false,
        }
    }
}

/// Returns the target and the inputs of a step, as they are written; `None` for a gate or an assert.
pub(super) fn written_target(step: &Step) -> Option<WrittenStep> {
    let (target, inputs, global_arguments) = match &step.task {
        Task::ModelMethod { model, inputs, .. } => {
            let globals = match model {
                ModelTarget::Named(_) => None,
                ModelTarget::Typed {
                    global_arguments, ..
                } => global_arguments.clone(),
            };
            (model.name(), inputs, globals)
        }
        Task::Workflow { workflow, inputs } => (workflow, inputs, None),
        Task::ManualApproval { .. } | Task::Assert { .. } => return None,
    };
    Some(WrittenStep {
        target: target.clone(),
        inputs: inputs.clone(),
        global_arguments,
    })
}

/// Returns the expressions that are evaluated when a step starts: those of its inputs only if it
/// has not started before.
fn start_exprs(step: &Step, has_started: bool) -> Vec<&Expr> {
    let mut exprs: Vec<&Expr> = step.tags.values().flat_map(WrittenText::exprs).collect();
    if has_started {
        return exprs;
    }
    match &step.task {
        Task::ModelMethod { model, inputs, .. } => {
            exprs.extend(model.name().exprs().chain(inputs.exprs()));
            if let ModelTarget::Typed {
                global_arguments: Some(globals),
                ..
            } = model
            {
                exprs.extend(globals.exprs());
            }
        }
        Task::Workflow { workflow, inputs } => {
            exprs.extend(workflow.exprs().chain(inputs.exprs()));
        }
        Task::ManualApproval { .. } | Task::Assert { .. } => {}
    }
    exprs
}

/// Returns what follows the name of data: each value of the named inputs, as [`vary_part`] has it.
fn name_suffix(
    arguments: &Value,
    inputs: &Value,
    vary: &[sedge_lang::yaml::Located<String>],
) -> Result<String, (std::ops::Range<usize>, String)> {
    let mut suffix = String::new();
    for name in vary {
        let key = name.value.as_str();
        let value = arguments.get(key).or_else(|| inputs.get(key));
        let text = match value {
            Some(value) if has_mark(value) => {
                let message = format!("`{key}` is a secret, so a name cannot vary by it");
                return Err((name.span.clone(), message));
            }
            Some(Value::String(text)) => text.clone(),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
            Some(value @ (Value::Null | Value::Array(_) | Value::Object(_))) => {
                let kind = kind_shown(value);
                let message =
                    format!("a name varies by texts, numbers and booleans, and `{key}` is {kind}");
                return Err((name.span.clone(), message));
            }
            None => {
                let message = format!("neither the step nor the run has an input named `{key}`");
                return Err((name.span.clone(), message));
            }
        };
        let part = vary_part(&text).map_err(|error| {
            let message = format!("`{key}` {error}, so a name cannot vary by it");
            (name.span.clone(), message)
        })?;
        suffix.push_str(&part);
    }
    Ok(suffix)
}

/// Evaluates a text with expressions, which becomes part of a record.
///
/// # Errors
/// An expression has no value, or the text would contain a sensitive input or a secret.
pub(super) fn text_value(
    evaluator: &Evaluator<'_>,
    text: &WrittenText,
    variables: &StepVariables,
) -> Result<String, AppError> {
    let value = text_evaluated(evaluator, text, variables)?;
    recorded_check(text, &value)?;
    Ok(text_of(value))
}

/// Evaluates a text with expressions for users. It has `[sealed]` in place of sensitive inputs.
pub(super) fn text_shown(
    evaluator: &Evaluator<'_>,
    text: &WrittenText,
    variables: &StepVariables,
) -> Result<String, AppError> {
    let mut value = text_evaluated(evaluator, text, variables)?;
    marks_hide(&mut value);
    Ok(text_of(value))
}

fn text_evaluated(
    evaluator: &Evaluator<'_>,
    text: &WrittenText,
    variables: &StepVariables,
) -> Result<Value, AppError> {
    if let Some(literal) = text.literal() {
        return Ok(Value::String(literal.to_owned()));
    }
    let used = ResultsUsed::of(text.exprs());
    variables.with_env(evaluator, &used, |env| evaluator.text(text, env))
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Turns a fault of an expression into the event that it means. Other errors end the work on the run.
fn fault_kept(
    todo: &Todo,
    prepared: Result<Option<StepDecision>, AppError>,
) -> Result<Option<StepDecision>, AppError> {
    match prepared {
        Ok(prepared) => Ok(prepared),
        Err(error) => fault_event(todo, error).map(Some),
    }
}

fn fault_event(todo: &Todo, error: AppError) -> Result<StepDecision, AppError> {
    match fault_text(&error) {
        Some(message) => Ok(StepDecision::Event(Box::new(expression_failed(
            todo, message,
        )))),
        None => Err(error),
    }
}

/// Returns the faults of an expression as text; `None` if the error is another one.
pub(super) fn fault_text(error: &AppError) -> Option<String> {
    let faults = error.diagnostics().iter().map(ToString::to_string);
    let faults: Vec<String> = faults.collect();
    (!faults.is_empty()).then(|| faults.join("\n"))
}

fn is_gate(todo: &Todo) -> bool {
    match todo {
        Todo::Start { kind, .. } => *kind == TaskKind::Gate,
        Todo::JobGuard(_) | Todo::Guard(_) | Todo::Expand(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use sedge_lang::yaml::Located;
    use serde_json::json;

    use super::*;

    #[test]
    fn suffix_has_the_values_of_the_named_inputs() {
        let vary = |names: &[&str]| -> Vec<Located<String>> {
            let located = |name: &&str| Located {
                value: (*name).to_owned(),
                span: 0..0,
            };
            names.iter().map(located).collect()
        };
        let (arguments, inputs) = (
            json!({"region": "eu", "n": 3, "zone": "eu-west"}),
            json!({"stage": "prod", "open": "a-", "none": ""}),
        );
        let check = |names: &[&str], expect: Result<&str, &str>| {
            let suffix = name_suffix(&arguments, &inputs, &vary(names));
            match expect {
                Ok(text) => assert_eq!(suffix, Ok(text.to_owned())),
                Err(part) => {
                    let (_, message) = suffix.expect_err("a fault");
                    assert!(message.contains(part), "{message}");
                }
            }
        };
        check(&[], Ok(""));
        check(&["region", "n", "stage"], Ok("-eu-3-prod"));
        check(&["zone"], Ok("-eu--west"));
        check(&["open"], Err("`open` ends with a hyphen"));
        check(&["none"], Err("`none` is empty"));
        check(&["other"], Err("named `other`"));
    }
}
