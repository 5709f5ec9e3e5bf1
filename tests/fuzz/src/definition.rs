//! Definitions: everything that is read from one, and the values of its arguments.

use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::expr::{Env, Evaluated, NeedAnswer};
use sedge_lang::written::WrittenValue;
use sedge_lang::yaml::Faults;
use serde_json::{Map, Value, json};

/// The time of the evaluations, in milliseconds since 1970.
const NOW_MS: u64 = 1_795_687_200_000;

/// The rounds after which an evaluation must have a value or an error.
const ROUNDS_MAX: usize = 64;

/// Parses `data` as a definition, and evaluates its arguments. Inputs without a default are absent,
/// and each need has the same answer.
///
/// # Panics
/// A fault, a note or an argument has no place in the file, or the order of the faults is not that
/// of the file.
pub fn definition(data: &[u8]) {
    let file = SourceFile::new("models/file.yaml", String::from_utf8_lossy(data));
    let definition = match Definition::parse(&file) {
        Ok(definition) => definition,
        Err(faults) => return faults_check(&faults),
    };
    for note in definition.notes() {
        assert!(file.text.get(note.span.clone()).is_some(), "{note:?}");
    }
    let inputs = definition.inputs.resolve(Map::new()).unwrap_or_default();
    let inputs = Value::Object(inputs);
    let own = json!({
        "id": null, "name": definition.name.as_str(), "version": definition.version,
        "tags": definition.tags, "globalArguments": {},
    });
    let methods = definition.method_arguments.values();
    for written in methods.chain([&definition.global_arguments]) {
        evaluate(written, &inputs, &own);
    }
    for pointer in ["/globalArguments", "/methods/run/arguments", "/name"] {
        assert!(file.text.get(definition.place(pointer)).is_some());
    }
}

/// Checks that each fault has a place in its file, and that the faults are in order.
pub(crate) fn faults_check(faults: &Faults) {
    let file = faults.file();
    let mut last = 0;
    assert!(!faults.is_empty());
    for fault in faults {
        assert!(file.text.get(fault.span.clone()).is_some(), "{fault:?}");
        assert!(last <= fault.span.start, "{faults:?}");
        last = fault.span.start;
    }
}

/// Evaluates a value until it has one or an error.
pub(crate) fn evaluate(written: &WrittenValue, inputs: &Value, own: &Value) {
    let answer = json!({"attributes": {"a": [1, "x", null]}, "definition": {}, "n": 3});
    let mut env = Env::new(NOW_MS)
        .with("inputs", inputs)
        .with("run", own)
        .with("steps", &answer)
        .with("jobs", &answer)
        .with("self", own);
    for _ in 0..ROUNDS_MAX {
        match written.eval(&env) {
            Ok(Evaluated::Value(value)) => {
                assert!(written.literal().is_none_or(|literal| literal == value));
                return;
            }
            Ok(Evaluated::Needs(needs)) => {
                for need in needs {
                    env.answer(&need, NeedAnswer::Value(answer.clone()));
                }
            }
            Err(faults) => {
                let text = &faults.file().text;
                assert!(faults.iter().all(|it| text.get(it.span.clone()).is_some()));
                return;
            }
        }
    }
}
