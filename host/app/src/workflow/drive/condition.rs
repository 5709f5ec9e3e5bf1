//! Guards and asserts: conditions that can run methods of kind `read`.
//!
//! Each such call is in the log before it starts. After a crash, a call that has ended is answered
//! from the record.

use std::sync::Arc;

use sedge_lang::diagnostic::DiagnosticCode;
use sedge_lang::expr::Need;
use sedge_lang::workflow::{Task, WrittenCondition};
use sedge_model::call::CallStatus;
use sedge_model::names::JobName;
use sedge_model::run::{EvaluationPlace, RunEvent, StepInstance};
use sedge_store::CallRecord;
use sedge_workflow::Todo;
use serde_json::{Map, Value};

use super::Drive;
use super::DriveState;
use super::step::{StepDecision, evaluation_place};
use crate::call::{
    CallDeadline, CallFault, CallRequest, CallTerms, arguments_recorded_as, call_run,
};
use crate::error::AppError;
use crate::expression::{
    EvaluatorSource, MethodAnswers, ResultsUsed, SecretPlace, StepVariables, expression_fault,
    has_data, kind_shown, needs_results,
};
use crate::structure::in_background;

/// The maximum number of times that one condition is evaluated.
///
/// The author of an expression chooses how many calls follow from the results of others.
const ROUNDS_MAX: usize = 64;

/// The function that runs a method.
const METHOD: &str = "model.method";

/// A condition and where it stands.
struct StepCondition<'d> {
    written: &'d WrittenCondition,
    job: &'d JobName,
    step: Option<&'d StepInstance>,
}

impl Drive {
    fn condition<'d>(&'d self, todo: &'d Todo) -> StepCondition<'d> {
        let (written, job, step) = match todo {
            Todo::JobGuard(name) => {
                let job = self.workflow.job(name);
                (job.and_then(|it| it.guard.as_ref()), name, None)
            }
            Todo::Guard(step) => {
                let guard = self.written_step(step).guard.as_ref();
                (guard, &step.path.job, Some(step))
            }
            Todo::Expand(path) => (None, &path.job, None),
            Todo::Start { step, .. } => {
                let expr = match &self.written_step(&step.step).task {
                    Task::Assert { expr, .. } => Some(expr),
                    Task::ModelMethod { .. }
                    | Task::Workflow { .. }
                    | Task::ManualApproval { .. } => None,
                };
                (expr, &step.step.path.job, Some(&step.step))
            }
        };
        StepCondition {
            written: written.expect("a condition is evaluated only where the file has one"),
            job,
            step,
        }
    }

    /// Evaluates a guard that needs no result. Returns `None` if it does.
    pub(super) fn condition_now(
        &self,
        state: &DriveState,
        todo: &Todo,
    ) -> Result<Option<StepDecision>, AppError> {
        let holds = self.holds_now(state, todo)?;
        Ok(holds.map(|holds| guarded(todo, holds)))
    }

    /// Evaluates a guard in a task.
    pub(super) async fn condition_later(
        self: &Arc<Self>,
        todo: &Todo,
    ) -> Result<StepDecision, AppError> {
        Ok(guarded(todo, self.holds_later(todo).await?))
    }

    /// Returns whether a condition holds that needs no result. Returns `None` if it does.
    pub(super) fn holds_now(
        &self,
        state: &DriveState,
        todo: &Todo,
    ) -> Result<Option<bool>, AppError> {
        let condition = self.condition(todo);
        let expr = condition.written.expr();
        if needs_results([expr]) || expr.uses(METHOD) {
            return Ok(None);
        }
        let variables = self.variables(state, condition.job, condition.step, [expr]);
        let source = self.condition_source();
        let value = evaluated(&source, condition.written, &variables, None)?;
        boolean(condition.written, value).map(Some)
    }

    /// Returns whether a condition holds. Runs the methods that it calls.
    pub(super) async fn holds_later(self: &Arc<Self>, todo: &Todo) -> Result<bool, AppError> {
        let condition = self.condition(todo);
        let written = condition.written;
        let place = evaluation_place(todo).expect("only a condition is evaluated here");
        let mut recorded = self.evaluation_calls(&place)?;
        let mut answers = MethodAnswers::default();
        for _ in 0..ROUNDS_MAX {
            let expr = written.expr();
            let variables = self.variables(&self.state(), condition.job, condition.step, [expr]);
            let (source, copy) = (self.condition_source(), written.clone());
            let evaluation = in_background(move |_| {
                let value = evaluated(&source, &copy, &variables, Some(&answers));
                Ok((value, answers))
            });
            let value;
            (value, answers) = evaluation.await?;
            let requested = answers.requested();
            if requested.is_empty() {
                return boolean(written, value?);
            }
            for need in requested {
                let called = self.method_called(&place, condition.step, &need, &mut recorded);
                let result = called.await?;
                answers.insert(&need, result);
            }
        }
        let message = format!(
            "calls of `{METHOD}` need the results of other calls more than {ROUNDS_MAX} deep"
        );
        Err(expression_fault(written.expr(), message).into())
    }

    fn condition_source(&self) -> EvaluatorSource {
        EvaluatorSource {
            secrets: SecretPlace::Elsewhere,
            ..self.cx.evaluator_source()
        }
    }

    /// Returns the calls that an expression has made before its driver was gone.
    fn evaluation_calls(&self, place: &EvaluationPlace) -> Result<Vec<CallRecord>, AppError> {
        let ordinals = self.state().run.evaluation_calls(place).to_vec();
        if ordinals.is_empty() {
            return Ok(Vec::new());
        }
        let store = self.cx.repository.store()?;
        let calls = store.calls_of_attempts(self.cx.run(), &ordinals)?;
        let ended = |it: &CallRecord| {
            it.lineage.depth() == 1
                && matches!(it.status, CallStatus::Succeeded | CallStatus::Failed)
        };
        Ok(calls.into_iter().filter(ended).collect())
    }

    /// Returns the name of a model and the arguments of a method as the record of its call has them.
    async fn call_shown(
        &self,
        target: &str,
        method: &str,
        arguments: &Value,
    ) -> Result<(String, Value), AppError> {
        let model = match self.cx.model(target).await {
            Ok(model) => Some(model),
            // The call says that there is no such model.
            Err(AppError::Model(_)) => None,
            Err(error) => return Err(error),
        };
        let name = model.as_ref().map(|it| it.definition.name.to_string());
        let arguments = arguments.clone();
        let shown = arguments_recorded_as(&self.cx, model.as_deref(), method, arguments);
        Ok((name.unwrap_or_else(|| target.to_owned()), shown))
    }

    /// Runs a method for an expression, or answers from the record. Returns its value, or why it
    /// has none.
    async fn method_called(
        self: &Arc<Self>,
        place: &EvaluationPlace,
        step: Option<&StepInstance>,
        need: &Need,
        recorded: &mut Vec<CallRecord>,
    ) -> Result<Result<Value, String>, AppError> {
        let (target, method, arguments) = match method_arguments(need) {
            Ok(given) => given,
            Err(message) => return Ok(Err(message)),
        };
        let (name, shown) = self.call_shown(&target, &method, &arguments).await?;
        let is_same = |it: &CallRecord| {
            it.model.as_str() == name && it.method.as_str() == method && it.arguments == shown
        };
        if let Some(at) = recorded.iter().position(is_same) {
            let call = recorded.remove(at);
            return Ok(match (call.outcome, call.error) {
                (Some(outcome), _) => Ok(outcome.value),
                (None, Some(error)) => Err(error.to_string()),
                (None, None) => Err("the call has no result".to_owned()),
            });
        }
        let mut call = 0;
        self.append_made(|state| {
            call = state.run.call_next();
            let event = RunEvent::EvaluationCalled {
                place: place.clone(),
                call,
            };
            Some((vec![event.into()], None))
        })
        .await?;
        let request = CallRequest {
            frame: self.frame.callee(call),
            step: step.cloned(),
            target,
            method,
            arguments,
            replay: None,
            terms: CallTerms {
                deadline: CallDeadline::new(self.run_deadline(), None),
                only_reads: true,
                ..CallTerms::default()
            },
        };
        match call_run(&self.cx, request).await {
            Ok(outcome) => Ok(Ok(outcome.value)),
            Err(CallFault::Refused(error) | CallFault::Failed(error)) => Ok(Err(error.to_string())),
            Err(CallFault::App(error)) => Err(error),
        }
    }
}

fn guarded(todo: &Todo, is_satisfied: bool) -> StepDecision {
    StepDecision::Event(Box::new(match todo {
        Todo::JobGuard(job) => RunEvent::JobGuarded {
            job: job.clone(),
            is_satisfied: Ok(is_satisfied),
        },
        Todo::Guard(step) => RunEvent::Guarded {
            step: step.clone(),
            is_satisfied,
        },
        Todo::Expand(_) | Todo::Start { .. } => unreachable!("only guards are recorded here"),
    }))
}

fn evaluated(
    source: &EvaluatorSource,
    condition: &WrittenCondition,
    variables: &StepVariables,
    methods: Option<&MethodAnswers>,
) -> Result<Value, AppError> {
    let expr = condition.expr();
    source.evaluate_with(has_data([expr]), methods, |evaluator| {
        variables.with_env(evaluator, &ResultsUsed::of([expr]), |env| {
            evaluator.expr(expr, env)
        })
    })
}

/// Returns the value of a condition, which has to be a boolean.
fn boolean(condition: &WrittenCondition, value: Value) -> Result<bool, AppError> {
    if let Value::Bool(holds) = value {
        return Ok(holds);
    }
    let message = format!(
        "a guard and an assert have to be true or false, and this is {}",
        kind_shown(&value)
    );
    let fault = expression_fault(condition.expr(), message);
    let hint = "compare the value, or write `has(…)`, `size(…) > 0`";
    Err(fault
        .with_code(DiagnosticCode::Expression)
        .with_hint(hint)
        .into())
}

/// Returns the model, the method and the arguments of a call.
fn method_arguments(need: &Need) -> Result<(String, String, Value), String> {
    let text = |at: usize, what: &str| match need.arguments.get(at) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(format!(
            "argument {} of `{METHOD}` is {what}, a text, not {}",
            at + 1,
            kind_shown(other)
        )),
        None => Err(format!("`{METHOD}` needs {what}")),
    };
    let arguments = match need.arguments.get(2) {
        Some(given @ Value::Object(_)) => given.clone(),
        None => Value::Object(Map::new()),
        Some(other) => {
            let kind = kind_shown(other);
            return Err(format!(
                "argument 3 of `{METHOD}` is the arguments, a map, not {kind}"
            ));
        }
    };
    Ok((
        text(0, "the name of a model")?,
        text(1, "the name of a method")?,
        arguments,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn call_of_an_expression_has_a_model_a_method_and_arguments() {
        let check = |arguments: Value, expect: Result<(&str, &str, Value), &str>| {
            let need = Need {
                name: METHOD.to_owned(),
                arguments: arguments.as_array().expect("a list").clone(),
            };
            match (method_arguments(&need), expect) {
                (Ok((model, method, given)), Ok(expect)) => {
                    assert_eq!((model.as_str(), method.as_str(), given), expect);
                }
                (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
                (got, expect) => panic!("{got:?} instead of {expect:?}"),
            }
        };
        check(json!(["m", "get"]), Ok(("m", "get", json!({}))));
        check(
            json!(["m", "get", {"a": 1}]),
            Ok(("m", "get", json!({"a": 1}))),
        );
        check(json!(["m", 1]), Err("argument 2"));
        check(json!(["m", "get", "x"]), Err("argument 3"));
    }
}
