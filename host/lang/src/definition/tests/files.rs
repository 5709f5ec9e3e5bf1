//! Whole files: the folder `tests/definitions` of this crate has valid ones, what their expressions
//! evaluate to (`evaluated.txt`), and wrong ones with their faults (`diagnostics.txt`).

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::definition::Definition;
use crate::diagnostic::SourceFile;
use crate::expr::Env;
use crate::test_values::{TestValues, assert_same, fault_shown, shown};
use crate::yaml::node::{Node, NodeKind};

/// The time of all evaluations: 2026-11-30 12:00:00 UTC.
const NOW_MS: u64 = 1_796_040_000_000;

/// Defines [`FILES`].
macro_rules! files {
    ($($name:literal,)*) => {
        /// The valid files of the folder, each with its name.
        const FILES: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../../tests/definitions/", $name, ".yaml"))),)*
        ];
    };
}

files! {
    "absent-data",
    "anchors",
    "bare-inputs",
    "block-texts",
    "checks",
    "computed",
    "environment",
    "everything",
    "file-text",
    "found-data",
    "grants",
    "hyphens-in-names",
    "inputs-as-words",
    "inputs-with-defaults",
    "latest-data",
    "limits",
    "other-definition",
    "overrides",
    "own-values",
    "plain",
    "reports",
    "resources",
    "scoped",
    "secrets",
    "stored-arguments",
}

#[test]
fn files_are_accepted_and_evaluated() {
    let mut text = String::new();
    for (name, file) in FILES {
        writeln!(text, "### {name}").expect("a text takes any text");
        match Definition::parse(&SourceFile::new(format!("models/{name}.yaml"), *file)) {
            Ok(definition) => {
                let own = definition.name.as_str().rsplit('/').next();
                assert_eq!(own, Some(*name));
                text.push_str(&evaluated(&definition, &TestValues::of(file)));
            }
            Err(faults) => {
                for fault in &faults {
                    writeln!(text, "FAULT {}", fault_shown(fault)).expect("a text takes any text");
                }
            }
        }
    }
    let expected = include_str!("../../../tests/definitions/evaluated.txt");
    assert_same(&text, expected, "evaluated.txt");
}

/// Each fault is at the right place, and says what to write.
#[test]
fn faults_say_where_and_what_to_write() {
    let expected = include_str!("../../../tests/definitions/diagnostics.txt");
    let mut text = String::new();
    let mut n_faults = 0;
    for case in expected.split("### ").skip(1) {
        let (title, rest) = case.split_once('\n').expect("a title is one line");
        let lines = rest.lines().filter(|line| !line.starts_with("=> "));
        let file = lines.fold(String::new(), |file, line| file + line + "\n");
        write!(text, "### {title}\n{file}").expect("a text takes any text");
        let faults = Definition::parse(&SourceFile::new("models/m.yaml", file)).err();
        for fault in faults.iter().flatten() {
            n_faults += 1;
            writeln!(text, "=> {}", fault_shown(fault)).expect("a text takes any text");
        }
    }
    assert_same(&text, expected, "diagnostics.txt");
    assert!(n_faults >= 80, "{n_faults}");
}

/// Returns the values of the arguments of a definition, and what it notes.
fn evaluated(definition: &Definition, values: &TestValues) -> String {
    let mut text = String::new();
    let inputs = match definition.inputs.resolve(values.given.clone()) {
        Ok(inputs) => Value::Object(inputs),
        Err(violations) => panic!("{}: {violations:?}", definition.name),
    };
    let written = &definition.global_arguments;
    let own = own_value(definition, &literal_members(written.source()));
    let env = Env::new(NOW_MS).with("inputs", &inputs).with("self", &own);
    let globals = values.evaluated(env, |env| written.eval(env));
    writeln!(text, "globalArguments = {}", shown(&globals)).expect("a text takes any text");
    let globals = globals.unwrap_or(Value::Null);
    let own = own_value(definition, &globals);
    for (method, written) in &definition.method_arguments {
        let env = Env::new(NOW_MS).with("inputs", &inputs).with("self", &own);
        let found = values.evaluated(env, |env| written.eval(env));
        writeln!(text, "methods.{method} = {}", shown(&found)).expect("a text takes any text");
    }
    let checks = &definition.checks;
    for (key, names) in [("require", &checks.require), ("skip", &checks.skip)] {
        for name in names {
            writeln!(text, "checks.{key} {}", name.value).expect("a text takes any text");
        }
    }
    for (spec, retention) in &definition.retention {
        writeln!(text, "resources.{spec} = {}", json!(retention)).expect("a text takes any text");
    }
    if !definition.grants.is_empty() {
        let grants = json!(definition.grants);
        writeln!(text, "grants = {grants}").expect("a text takes any text");
    }
    for note in definition.notes() {
        writeln!(text, "note {}", fault_shown(&note)).expect("a text takes any text");
    }
    text
}

/// Returns the value of `self`.
fn own_value(definition: &Definition, global_arguments: &Value) -> Value {
    json!({
        "id": definition.id.as_ref().map(ToString::to_string),
        "name": definition.name.as_str(),
        "version": definition.version,
        "tags": definition.tags,
        "globalArguments": global_arguments,
    })
}

/// Returns the members without expressions, which `self.globalArguments` has while the global
/// arguments are evaluated.
fn literal_members(node: &Node) -> Value {
    let members = node.members().unwrap_or_default().iter();
    let literal = members.filter(|it| !has_expressions(&it.value));
    let members: Map<String, Value> = literal
        .map(|it| (it.key.value.to_string(), it.value.value()))
        .collect();
    Value::Object(members)
}

fn has_expressions(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => false,
        NodeKind::Text(text) => text.value.contains("${{"),
        NodeKind::List(items) => items.iter().any(has_expressions),
        NodeKind::Map(members) => members.iter().any(|it| has_expressions(&it.value)),
    }
}
