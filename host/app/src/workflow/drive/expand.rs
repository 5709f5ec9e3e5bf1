//! Expands steps with `forEach`: evaluates their values, and the names of their instances.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_lang::expr::Expr;
use sedge_lang::workflow::{ForEach, Step};
use sedge_model::run::{Expansion, ExpansionItem, ExpansionName, RunEvent, StepInstance, StepPath};
use sedge_secrets::RunPart;
use sedge_workflow::Todo;
use serde_json::{Map, Value, json};

use super::evaluate::text_value;
use super::step::{StepDecision, expression_failed};
use super::stored_task::{has_secret, stored_open};
use super::{Drive, DriveState};
use crate::error::AppError;
use crate::expression::{Evaluator, ResultsUsed, StepVariables, kind_shown, needs_results};
use crate::secret::run_values::run_value_seal;
use crate::secret::stored_marks::{is_mark_of, marks_store, sealed_store, sealed_stored};
use crate::structure::in_background;

impl Drive {
    pub(super) fn expanded_now(
        &self,
        state: &DriveState,
        path: &StepPath,
    ) -> Result<Option<StepDecision>, AppError> {
        let step = self.written_step(&StepInstance::of(path.clone()));
        let exprs = expand_exprs(step);
        if needs_results(exprs.iter().copied()) {
            return Ok(None);
        }
        let variables = self.variables(state, &path.job, None, exprs);
        let source = self.cx.evaluator_source();
        let event = source.evaluate(false, |it| self.expanded(it, step, &variables))?;
        Ok(Some(StepDecision::Event(Box::new(event))))
    }

    pub(super) async fn expanded_later(
        self: &Arc<Self>,
        path: &StepPath,
    ) -> Result<StepDecision, AppError> {
        let instance = StepInstance::of(path.clone());
        let exprs = expand_exprs(self.written_step(&instance));
        let variables = self.variables(&self.state(), &path.job, None, exprs);
        let drive = Arc::clone(self);
        let event = in_background(move |_| {
            let step = drive.written_step(&instance);
            let source = drive.cx.evaluator_source();
            source.evaluate(true, |it| drive.expanded(it, step, &variables))
        });
        Ok(StepDecision::Event(Box::new(event.await?)))
    }

    /// Evaluates the values of a step with `forEach`, and the names of its instances.
    fn expanded(
        &self,
        evaluator: &Evaluator<'_>,
        step: &Step,
        variables: &StepVariables,
    ) -> Result<RunEvent, AppError> {
        let for_each = step.for_each.as_ref();
        let for_each = &for_each.expect("only such a step is expanded").value;
        let used = ResultsUsed::of(for_each.values.exprs());
        let values = variables.with_env(evaluator, &used, |env| {
            let value = evaluator.value(&for_each.values, env)?;
            Ok(evaluator.references_marked(&for_each.values, value))
        })?;
        let fault = |message: String| -> AppError {
            let span = for_each.values.source().span.clone();
            let fault = Diagnostic::new(&self.workflow.file, span, message);
            fault.with_code(DiagnosticCode::Expression).into()
        };
        let items = items_of(values).map_err(|kind| {
            fault(format!(
                "the values of `forEach` are a list or a map, not {kind}"
            ))
        })?;
        let most = self.cx.repository.config().limits.values().for_each_items as usize;
        if items.len() > most {
            let n = items.len();
            return Err(fault(format!(
                "`forEach` has {n} values, and at most {most} are allowed; raise the limit in \
                 sedge.yaml if it needs more: `limits: {{forEachItems: {n}}}`"
            )));
        }
        let mut names = self.other_steps(&step.path);
        let mut expansions = Vec::with_capacity(items.len());
        for (suffix, item) in items {
            let item = Arc::new(item);
            let name = expansion_name(evaluator, step, variables, &suffix, &item)?;
            let name = name.parse::<ExpansionName>();
            let name = name.map_err(|error| fault(error.to_string()))?;
            if !names.insert(name.to_string()) {
                return Err(fault(format!(
                    "two steps of the job `{}` would have the name `{name}`; write a `name` that \
                     differs for each value",
                    step.path.job
                )));
            }
            let item = self.item_stored(&step.path, &name, &item)?.into();
            expansions.push(Expansion { name, item });
        }
        Ok(RunEvent::Expanded {
            step: step.path.clone(),
            items: expansions,
            environment: evaluator.environment(),
        })
    }

    /// Returns a value as the datastore has it: sealed if it contains the value of a secret.
    fn item_stored(
        &self,
        path: &StepPath,
        name: &ExpansionName,
        item: &Value,
    ) -> Result<Value, AppError> {
        let stored = marks_store(item);
        if !has_secret(&self.cx, &stored) {
            return Ok(stored);
        }
        let keys = self.cx.repository.secrets()?.field_keys_or_fresh()?;
        let step = item_place(path, name);
        let sealed = run_value_seal(&keys, self.cx.run(), RunPart::Item(&step), &stored);
        Ok(sealed_store(&sealed))
    }

    /// Notes the values of a step with `forEach` that its event does not contain as they are: large
    /// ones are beside the event, and those with the value of a secret are sealed. `seq` is the number
    /// of the event.
    ///
    /// # Errors
    /// The datastore cannot be read, or a value cannot be opened.
    pub(super) fn items_note(
        &self,
        state: &mut DriveState,
        seq: u64,
        event: &RunEvent,
    ) -> Result<(), AppError> {
        let RunEvent::Expanded { step, items, .. } = event else {
            return Ok(());
        };
        let is_stored = items.iter().any(|it| it.item == ExpansionItem::Stored);
        let read = match is_stored {
            true => Some(self.items_read(state, seq)?),
            false => None,
        };
        for (at, expansion) in items.iter().enumerate() {
            let stored = match (&expansion.item, &read) {
                (ExpansionItem::Value(value), _) => Some(Arc::clone(value)),
                (ExpansionItem::Stored, Some(read)) => read.get(at).map(Arc::clone),
                (ExpansionItem::Stored, None) => None,
            };
            let Some(stored) = stored else {
                continue;
            };
            let value = match sealed_stored(&stored).is_some() {
                true => Arc::new(self.item_open(step, &expansion.name, &stored)?),
                false => stored,
            };
            let instance = StepInstance {
                path: step.clone(),
                expansion: Some(expansion.name.clone()),
            };
            state.facts.items.insert(instance, value);
        }
        Ok(())
    }

    fn item_open(
        &self,
        path: &StepPath,
        name: &ExpansionName,
        stored: &Value,
    ) -> Result<Value, AppError> {
        let step = item_place(path, name);
        let what = || format!("the value of the step `{step}`");
        stored_open(&self.cx, RunPart::Item(&step), what, stored.clone())
    }

    /// Returns the values of a step that are beside its event. They are read once.
    fn items_read(&self, state: &mut DriveState, seq: u64) -> Result<StoredItems, AppError> {
        if let Some(known) = state.items_read.get(&seq) {
            return Ok(Arc::clone(known));
        }
        let items = self.cx.repository.store()?.step_items(self.cx.run(), seq)?;
        // ignored: an event without its values has none, and a check of the datastore finds it.
        let items = items.unwrap_or_default().into_iter().map(Arc::new);
        let items: StoredItems = items.collect();
        state.items_read.insert(seq, Arc::clone(&items));
        Ok(items)
    }

    /// Returns the names of the other steps of the job, as they stand in the file.
    fn other_steps(&self, path: &StepPath) -> BTreeSet<String> {
        let job = self.workflow.job(&path.job);
        let steps = job.into_iter().flat_map(|job| &job.steps);
        let others = steps.filter(|it| it.path != *path);
        others.map(|it| it.path.step.to_string()).collect()
    }

    /// Returns the failure of an expansion whose names are those of other instances of its job.
    pub(super) fn expansion_conflict(
        &self,
        state: &DriveState,
        event: &RunEvent,
    ) -> Option<RunEvent> {
        let RunEvent::Expanded { step, items, .. } = event else {
            return None;
        };
        let others = state.facts.items.keys();
        let others = others.filter(|it| it.path.job == step.job && it.path != *step);
        let others: HashSet<&ExpansionName> =
            others.filter_map(|it| it.expansion.as_ref()).collect();
        let same = items.iter().find(|it| others.contains(&it.name))?;
        let message = format!(
            "two steps of the job `{}` would have the name `{}`; write a `name` that differs",
            step.job, same.name
        );
        Some(expression_failed(&Todo::Expand(step.clone()), message))
    }
}

/// The values of a step that are beside its event, in the order of their names.
pub(super) type StoredItems = Arc<[Arc<Value>]>;

/// Returns the place to which the sealed value of an instance is bound.
fn item_place(path: &StepPath, name: &ExpansionName) -> String {
    format!("{path}/{name}")
}

/// Returns the name of the instance of a step with `forEach` for one value.
fn expansion_name(
    evaluator: &Evaluator<'_>,
    step: &Step,
    variables: &StepVariables,
    suffix: &str,
    item: &Value,
) -> Result<String, AppError> {
    if step.name.literal().is_some() {
        return Ok(format!("{}[{suffix}]", step.path.step));
    }
    let for_each = step.for_each.as_ref();
    let own = for_each.map(|it| own_value(&it.value, item.clone()));
    let variables = StepVariables {
        own,
        ..variables.clone()
    };
    text_value(evaluator, &step.name, &variables)
}

/// Returns the value of `self` in the expressions of a step with `forEach`.
pub(super) fn own_value(for_each: &ForEach, item: Value) -> Value {
    Value::Object(Map::from_iter([(for_each.item.clone(), item)]))
}

fn expand_exprs(step: &Step) -> Vec<&Expr> {
    let values = step.for_each.iter().flat_map(|it| it.value.values.exprs());
    values.chain(step.name.exprs()).collect()
}

/// Returns the items of a list with their numbers, or of a map with their keys; otherwise the kind
/// of the value.
fn items_of(values: Value) -> Result<Vec<(String, Value)>, &'static str> {
    match values {
        Value::Array(items) => {
            let items = items.into_iter().enumerate();
            Ok(items.map(|(at, item)| (at.to_string(), item)).collect())
        }
        Value::Object(members) if !is_mark_of(&members) => {
            let item = |(key, value): (String, Value)| {
                let item = json!({"key": key, "value": value});
                (key, item)
            };
            Ok(members.into_iter().map(item).collect())
        }
        Value::Object(_) => Err("a secret"),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            Err(kind_shown(&value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_those_of_a_list_or_a_map() {
        let names = |value: Value| {
            let items = items_of(value);
            items.map(|it| it.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        assert_eq!(
            names(json!(["a", "b"])),
            Ok(vec!["0".to_owned(), "1".to_owned()])
        );
        assert_eq!(names(json!({"x": 1})), Ok(vec!["x".to_owned()]));
        assert_eq!(names(json!("x")), Err("a text"));
        let items = items_of(json!({"x": 1})).expect("a map");
        assert_eq!(items[0].1, json!({"key": "x", "value": 1}));
    }
}
