//! Comments of the tests' files that say with which values their expressions are evaluated:
//!
//! ```yaml
//! # given {"region": "eu"}
//! # value steps = {"count": {"outputs": {"n": 3}}}
//! # answer data.latest("scan","main") = {"attributes": {"n": 3}}
//! # absent data.latest("scan","other")
//! ```

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::{Map, Value};

use crate::expr::{Env, Evaluated, NeedAnswer};

/// The values that a file names.
#[derive(Debug, Default)]
pub(crate) struct TestValues {
    /// The inputs that a user gives.
    pub(crate) given: Map<String, Value>,
    /// The values of variables.
    variables: BTreeMap<String, Value>,
    /// The answers to needs, by their keys.
    answers: BTreeMap<String, NeedAnswer>,
}

impl TestValues {
    pub(crate) fn of(text: &str) -> Self {
        let mut values = Self::default();
        for line in text.lines().filter_map(|line| line.strip_prefix("# ")) {
            let Some((kind, rest)) = line.split_once(' ') else {
                continue;
            };
            let pair = || {
                let (name, value) = rest.split_once(" = ").expect("it is `NAME = JSON`");
                (name.to_owned(), json(value))
            };
            match kind {
                "given" => {
                    let given = json(rest);
                    values.given = given.as_object().expect("inputs are an object").clone();
                }
                "value" => {
                    let (name, value) = pair();
                    values.variables.insert(name, value);
                }
                "answer" => {
                    let (key, value) = pair();
                    values.answers.insert(key, NeedAnswer::Value(value));
                }
                "absent" => {
                    let absent = NeedAnswer::Absent("there is no such data".to_owned());
                    values.answers.insert(rest.to_owned(), absent);
                }
                _ => {}
            }
        }
        values
    }

    /// Returns the value of a variable; an empty object if the file names none.
    pub(crate) fn variable(&self, name: &str) -> Value {
        let value = self.variables.get(name).cloned();
        value.unwrap_or_else(|| Value::Object(Map::new()))
    }

    /// Evaluates with the answers. What has no value becomes its fault or its needs, as text.
    pub(crate) fn evaluated<F: Display>(
        &self,
        mut env: Env<'_>,
        eval: impl Fn(&Env<'_>) -> Result<Evaluated, F>,
    ) -> Result<Value, String> {
        loop {
            let needs = match eval(&env) {
                Ok(Evaluated::Value(value)) => return Ok(value),
                Ok(Evaluated::Needs(needs)) => needs,
                Err(fault) => return Err(format!("fault: {fault}")),
            };
            let mut missing = Vec::new();
            for need in needs {
                match self.answers.get(&need.key()) {
                    Some(answer) => env.answer(&need, answer.clone()),
                    None => missing.push(need.key()),
                }
            }
            if !missing.is_empty() {
                return Err(format!("needs {}", missing.join(" and ")));
            }
        }
    }
}

/// Returns what an evaluation found as one line of a snapshot.
pub(crate) fn shown(found: &Result<Value, String>) -> String {
    match found {
        Ok(value) => value.to_string(),
        Err(text) => text.clone(),
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Returns a fault as one line: its place, its code, its message and its hint.
pub(crate) fn fault_shown(fault: &crate::diagnostic::Diagnostic) -> String {
    let (line, column) = fault.line_column();
    let mut text = format!("{line}:{column} {}: {}", fault.code, fault.message);
    for more in [&fault.label, &fault.hint].into_iter().flatten() {
        text.push_str(" | ");
        text.push_str(more);
    }
    text
}

/// Compares two texts by lines, and shows the first that differ.
#[track_caller]
pub(crate) fn assert_same(found: &str, expected: &str, name: &str) {
    let mut lines = found.lines().zip(expected.lines()).enumerate();
    if let Some((n, (found, expected))) = lines.find(|(_, (a, b))| a != b) {
        panic!("{name}:{}: found\n{found}\ninstead of\n{expected}", n + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{name}");
}
