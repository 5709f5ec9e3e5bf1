//! What programs rely on: every document that a command prints with `--json` fits its schema.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError};

use jsonschema::Validator;
use sedge_api::document::{failure_schema, schema};
use sedge_api::problem::UseCase;
use serde_json::Value;

/// Returns the arguments of a command, if it is the program itself and not a shell.
pub(crate) fn arguments(command: &Command) -> Vec<String> {
    if Path::new(command.get_program()).file_name() != Some(OsStr::new("sedge")) {
        return Vec::new();
    }
    let text = |argument: &OsStr| argument.to_string_lossy().into_owned();
    command.get_args().map(text).collect()
}

/// Checks the document of a command with `--json`, if it is one and ended by itself.
///
/// # Panics
/// There is no document, or it does not fit the schema of the command's use case.
#[track_caller]
pub(crate) fn check(arguments: &[String], stdout: &str, status: ExitStatus) {
    if let Err(fault) = checked(arguments, stdout, status) {
        panic!("`sedge {}`: {fault}\n{stdout}", arguments.join(" "));
    }
}

fn checked(arguments: &[String], stdout: &str, status: ExitStatus) -> Result<(), String> {
    let options = arguments.iter().take_while(|argument| *argument != "--");
    let options: Vec<&str> = options.map(String::as_str).collect();
    let is_document = options.contains(&"--json") && !options.contains(&"--json-lines");
    if !is_document || status.code().is_none() {
        return Ok(());
    }
    let document: Value = serde_json::from_str(stdout)
        .map_err(|error| format!("stdout is not one JSON document: {error}"))?;
    let succeeded = if document["ok"] == true {
        Some(use_case(&options).ok_or("it is no use case of `host/api`, and succeeded")?)
    } else {
        None
    };
    let name = succeeded.map_or("failure", UseCase::as_str);
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = validators.entry(name).or_insert_with(|| {
        let mut schema = succeeded.map_or_else(failure_schema, schema).to_value();
        close(&mut schema);
        jsonschema::validator_for(&schema).expect("a derived schema is one")
    });
    fits(validator, &document)
}

/// The validators of the documents that were met, by the stem of the use case or `failure`.
static VALIDATORS: Mutex<BTreeMap<&str, Validator>> = Mutex::new(BTreeMap::new());

fn fits(validator: &Validator, document: &Value) -> Result<(), String> {
    let faults = validator.iter_errors(document);
    let faults: Vec<String> = faults
        .map(|fault| format!("at `{}`: {fault}", fault.instance_path()))
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(format!(
        "its document does not fit its schema:\n{}",
        faults.join("\n")
    ))
}

/// Returns the use case whose stem the first words are, or that of the help or the version.
fn use_case(options: &[&str]) -> Option<UseCase> {
    let has = |names: [&str; 2]| options.iter().any(|option| names.contains(option));
    if has(["--help", "-h"]) {
        return Some(UseCase::Help);
    }
    // `data get` has an option of that name, too.
    if has(["--version", "-V"]) && options.iter().all(|option| option.starts_with('-')) {
        return Some(UseCase::Version);
    }
    let words = options.iter().filter(|option| !option.starts_with('-'));
    let words: Vec<&str> = words.copied().collect();
    // A type before the verb is the one argument that stands among the words of a command.
    if let ["model", type_name, "method", "run", ..] = words[..]
        && type_name.starts_with('@')
    {
        return Some(UseCase::ModelMethodDirect);
    }
    match words[..] {
        ["workflow", "cancel", ..] => return Some(UseCase::RunCancel),
        ["workflow", "history", ..] => return Some(UseCase::RunList),
        _ => {}
    }
    let mut stem = String::new();
    for word in words {
        if !stem.is_empty() {
            stem.push('_');
        }
        stem.push_str(&word.replace('-', "_"));
        let found = UseCase::ALL.iter().find(|it| it.as_str() == stem);
        if found.is_some() {
            return found.copied();
        }
    }
    None
}

/// Has a schema refuse keys that it does not name. Readers have to ignore such keys, because later
/// versions add some; a test has to find those that are not documented.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            keys.values_mut().for_each(close);
            if keys.get("properties").is_some_and(Value::is_object) {
                keys.entry("additionalProperties").or_insert(false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_document_that_does_not_fit_is_found() {
        let check = |arguments: &str, stdout: &str, expect: bool| {
            let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
            let checked = checked(&arguments, stdout, ExitStatus::from_raw(0));
            assert_eq!(
                checked.is_ok(),
                expect,
                "{arguments:?}: {stdout}: {checked:?}"
            );
        };
        let deleted = r#"{"ok": true, "data": {"name": "A"}}"#;
        check("secret delete A --json", deleted, true);
        check("secret delete A", "Deleted `A`.", true);
        check("--json --quiet secret delete A", deleted, true);
        check("secret delete A --json", "Deleted `A`.", false);
        check("secret delete A --json", "", false);
        check("secret unknown A --json", deleted, false);
        check(
            "secret delete A --json",
            r#"{"ok": true, "data": {}}"#,
            false,
        );
        check(
            "secret delete A --json",
            r#"{"ok": true, "data": {"name": 1}}"#,
            false,
        );
        let more = r#"{"ok": true, "data": {"name": "A", "more": 1}}"#;
        check("secret delete A --json", more, false);
        let failed = r#"{"ok": false, "error": {"code": "usage", "class": "usage",
            "message": "b", "causes": [], "help": []}}"#;
        check("secret unknown A --json", failed, true);
        let unknown = failed.replace("\"usage\"", "\"a\"");
        check("secret unknown A --json", &unknown, false);
        check("secret delete A --json", r#"{"ok": false}"#, false);
    }
}
