//! Evaluates the expressions of the valid files, as far as that needs no run.
//!
//! The comments at the end of a file are the values of its variables, see
//! [`TestValues`](crate::test_values::TestValues).

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{FILES, parse};
use crate::expr::Env;
use crate::test_values::{TestValues, assert_same, shown};
use crate::workflow::{Step, Task, Workflow, WrittenCondition, WrittenText};
use crate::written::WrittenValue;

/// The time of all evaluations: 2026-11-30 12:00:00 UTC.
const NOW_MS: u64 = 1_796_040_000_000;

#[test]
fn files_are_evaluated() {
    let mut text = String::new();
    for (name, file) in FILES {
        writeln!(text, "### {name}").expect("a text takes any text");
        let workflow = parse(file).unwrap_or_else(|faults| panic!("{name}: {faults}"));
        let mut evaluation = Evaluation::new(&workflow, TestValues::of(file));
        evaluation.workflow();
        text.push_str(&evaluation.text);
    }
    let expected = include_str!("../../../tests/workflows/evaluated.txt");
    assert_same(&text, expected, "evaluated.txt");
}

/// The values of one workflow, and what was evaluated with them.
struct Evaluation<'w> {
    workflow: &'w Workflow,
    values: TestValues,
    inputs: Value,
    run: Value,
    steps: Value,
    jobs: Value,
    text: String,
}

impl<'w> Evaluation<'w> {
    fn new(workflow: &'w Workflow, values: TestValues) -> Self {
        let name = workflow.name.as_str();
        let inputs = workflow.inputs.resolve(values.given.clone());
        let inputs = match workflow.inputs.is_declared() {
            true => inputs.unwrap_or_else(|violations| panic!("{name}: {violations:?}")),
            false => values.given.clone(),
        };
        Self {
            inputs: Value::Object(inputs),
            run: json!({
                "id": "8b2f", "workflowId": workflow.id.as_ref().map(ToString::to_string),
                "workflowName": name,
                "startedAt": "2026-11-30T12:00:00Z", "tags": {},
            }),
            steps: values.variable("steps"),
            jobs: values.variable("jobs"),
            workflow,
            values,
            text: String::new(),
        }
    }

    fn workflow(&mut self) {
        let none = Value::Null;
        for (key, tag) in &self.workflow.tags {
            self.written_text(&format!("tags.{key}"), tag, &none);
        }
        for job in &self.workflow.jobs {
            if let Some(guard) = &job.guard {
                self.condition(&format!("{}.guard", job.name), guard, &none);
            }
            for step in &job.steps {
                self.step(step);
            }
        }
    }

    fn step(&mut self, step: &Step) {
        let path = step.path.to_string();
        let mut own = Value::Null;
        if let Some(for_each) = &step.for_each {
            let at = format!("{path}.forEach");
            let values = self.written(&at, &for_each.value.values, &Value::Null);
            let item = values.and_then(|it| first_item(&it)).unwrap_or_default();
            own = Value::Object(Map::from_iter([(for_each.value.item.clone(), item)]));
        }
        self.written_text(&format!("{path}.name"), &step.name, &own);
        if let Some(guard) = &step.guard {
            self.condition(&format!("{path}.guard"), guard, &own);
        }
        for (key, tag) in &step.tags {
            self.written_text(&format!("{path}.tags.{key}"), tag, &own);
        }
        self.task(&path, &step.task, &own);
    }

    fn task(&mut self, path: &str, task: &Task, own: &Value) {
        match task {
            Task::ModelMethod { model, inputs, .. } => {
                self.written_text(&format!("{path}.model"), model.name(), own);
                self.written(&format!("{path}.inputs"), inputs, own);
            }
            Task::Workflow { workflow, inputs } => {
                self.written_text(&format!("{path}.workflow"), workflow, own);
                self.written(&format!("{path}.inputs"), inputs, own);
            }
            Task::ManualApproval { prompt, .. } => {
                if let Some(prompt) = prompt {
                    self.written_text(&format!("{path}.prompt"), prompt, own);
                }
            }
            Task::Assert { expr, message, .. } => {
                self.condition(&format!("{path}.expr"), expr, own);
                if let Some(message) = message {
                    self.written_text(&format!("{path}.message"), message, own);
                }
            }
        }
    }

    fn written(&mut self, at: &str, written: &WrittenValue, own: &Value) -> Option<Value> {
        let found = self
            .values
            .evaluated(self.env(own), |env| written.eval(env));
        writeln!(self.text, "{at} = {}", shown(&found)).expect("a text takes any text");
        found.ok()
    }

    /// Evaluates a text, unless it has no expression.
    fn written_text(&mut self, at: &str, written: &WrittenText, own: &Value) {
        if written.literal().is_none() {
            let found = self
                .values
                .evaluated(self.env(own), |env| written.eval(env));
            writeln!(self.text, "{at} = {}", shown(&found)).expect("a text takes any text");
        }
    }

    fn condition(&mut self, at: &str, written: &WrittenCondition, own: &Value) {
        let found = self
            .values
            .evaluated(self.env(own), |env| written.expr().eval(env));
        writeln!(self.text, "{at} = {}", shown(&found)).expect("a text takes any text");
    }

    fn env<'e>(&'e self, own: &'e Value) -> Env<'e> {
        Env::new(NOW_MS)
            .with("inputs", &self.inputs)
            .with("run", &self.run)
            .with("steps", &self.steps)
            .with("jobs", &self.jobs)
            .with("self", own)
    }
}

/// Returns the first item of a list, or the first member of a map as `forEach` hands it over.
fn first_item(values: &Value) -> Option<Value> {
    match values {
        Value::Array(items) => items.first().cloned(),
        Value::Object(members) => {
            let (key, value) = members.iter().next()?;
            Some(json!({"key": key, "value": value}))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
