//! The errors of the Python SDK.

use std::fmt::Write as _;

use super::ORIGIN;
use super::rust::{camel, constant};
use super::table::{ErrorCase, ErrorDetail, ErrorField, ErrorTable, ErrorType, MessagePart};

/// What each file with errors begins with.
const HEAD: &str = "\
from collections.abc import Sequence
from dataclasses import dataclass

from ._error_base import CheckFailure, ContractError, Failure, TargetKind, Violation

__all__ = [
";

/// Returns the module with the classes.
pub(super) fn module(table: &ErrorTable) -> String {
    let mut text = format!(
        "\"\"\"The errors of the contract. Generated from {ORIGIN}. Do not edit.\"\"\"\n\n{HEAD}"
    );
    for of in &table.types {
        let _ = writeln!(text, "    \"{}\",", of.name);
        for case in &of.cases {
            let _ = writeln!(text, "    \"{}\",", class(of, case));
        }
    }
    text.push_str("]\n");
    for of in &table.types {
        base_class(&mut text, of);
        for case in &of.cases {
            case_class(&mut text, of, case);
        }
    }
    text.push_str("\n\nCASES: dict[str, type[ContractError]] = {\n");
    for of in &table.types {
        for case in &of.cases {
            let (name, class) = (camel(&case.name), class(of, case));
            let _ = writeln!(text, "    \"{}_{name}\": {class},", of.name);
        }
    }
    text.push_str(
        "}\n\"\"\"The class of each case, by the name of the case in the bindings.\"\"\"\n",
    );
    text
}

fn class(of: &ErrorType, case: &ErrorCase) -> String {
    let prefix = of.name.trim_end_matches("Error");
    format!("{prefix}{}", camel(&case.name))
}

fn base_class(text: &mut String, of: &ErrorType) {
    let _ = writeln!(text, "\n\nclass {}(ContractError):", of.name);
    doc(text, &of.doc);
    if !of.with.is_empty() {
        text.push('\n');
        fields(text, &of.with.iter().collect::<Vec<_>>());
    }
}

fn case_class(text: &mut String, of: &ErrorType, case: &ErrorCase) {
    let name = class(of, case);
    let _ = writeln!(text, "\n\n@dataclass(eq=False)\nclass {name}({}):", of.name);
    doc(text, &case.doc);
    text.push('\n');
    if case.is_failure {
        text.push_str(
            "    failure: Failure\n    \"\"\"The failure, with its own code, message and details.\"\"\"\n\n    \
             def __post_init__(self) -> None:\n        self._pass_on(self.failure)\n",
        );
        return;
    }
    let _ = writeln!(text, "    code = {:?}", case.code);
    let _ = writeln!(text, "    MESSAGE = {:?}", template(&case.message));
    if !case.details.is_empty() {
        let _ = writeln!(text, "    DETAILS = {}", details(&case.details));
    }
    let all: Vec<&ErrorField> = of.with.iter().chain(&case.fields).collect();
    if !all.is_empty() {
        text.push('\n');
        fields(text, &all);
    }
}

/// Writes the attributes. Those at the end that may have no value can be left out by a caller.
fn fields(text: &mut String, of: &[&ErrorField]) {
    let is_optional = |field: &&ErrorField| field.kind.starts_with("option<");
    let n_needed = of.iter().rposition(|it| !is_optional(it));
    for (at, field) in of.iter().enumerate() {
        let can_be_left_out = n_needed.is_none_or(|last| at > last);
        let default = if can_be_left_out { " = None" } else { "" };
        let (name, kind) = (attribute(&field.name), python_type(&field.kind));
        let _ = writeln!(text, "    {name}: {kind}{default}");
        doc(text, &field.doc);
    }
}

/// Returns the attribute of a field. `message` is the whole sentence of every error in Python.
fn attribute(field: &str) -> &str {
    match field {
        "message" => "reason",
        other => other,
    }
}

fn template(message: &[MessagePart]) -> String {
    let part = |part: &MessagePart| match part {
        MessagePart::Text(text) => text.clone(),
        MessagePart::Field(name) => format!("{{{}}}", attribute(name)),
        MessagePart::Items(name, by) => format!("{{{}|{by}}}", attribute(name)),
        MessagePart::Optional(name, prefix) => format!("{{{}?{prefix}}}", attribute(name)),
    };
    message.iter().map(part).collect()
}

/// Returns the details as a tuple of `field`, `optional?` or `key=constant`.
fn details(of: &[ErrorDetail]) -> String {
    let detail = |it: &ErrorDetail| match it {
        ErrorDetail::Field(name) => format!("{:?}", attribute(name)),
        ErrorDetail::Optional(name) => format!("\"{}?\"", attribute(name)),
        ErrorDetail::Constant(name, value) => format!("{:?}", format!("{name}={value}")),
    };
    let items: Vec<String> = of.iter().map(detail).collect();
    match items.as_slice() {
        [only] => format!("({only},)"),
        _ => format!("({})", items.join(", ")),
    }
}

/// Returns the module with the names of limits.
pub(super) fn limits(table: &ErrorTable) -> String {
    let mut text = format!(
        "\"\"\"The names of limits in errors, for comparisons. Generated from {ORIGIN}. Do not edit.\"\"\"\n\n\
         from typing import Final\n"
    );
    for (name, explained) in &table.limits {
        let _ = writeln!(text, "\n{}: Final = {name:?}", constant(name));
        let _ = writeln!(text, "\"\"\"{}\"\"\"", escaped(explained));
    }
    text
}

/// Writes a docstring, or nothing if there is no text.
fn doc(text: &mut String, of: &str) {
    let of = escaped(of.trim());
    let lines: Vec<&str> = of.lines().collect();
    match lines.as_slice() {
        [] => {}
        [only] => {
            let _ = writeln!(text, "    \"\"\"{only}\"\"\"");
        }
        [first, more @ ..] => {
            let _ = writeln!(text, "    \"\"\"{}", first.trim_end());
            for line in more {
                let line = format!("    {line}");
                text.push_str(line.trim_end());
                text.push('\n');
            }
            text.push_str("    \"\"\"\n");
        }
    }
}

/// Returns a text that can be in a docstring.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn python_type(kind: &str) -> String {
    let inside = |prefix: &str| {
        let rest = kind.strip_prefix(prefix)?;
        Some(rest.trim_end_matches('>').to_owned())
    };
    if let Some(of) = inside("list<") {
        return format!("Sequence[{}]", python_type(&of));
    }
    if let Some(of) = inside("option<") {
        return format!("{} | None", python_type(&of));
    }
    match kind {
        "string" => "str".to_owned(),
        "u64" | "u32" => "int".to_owned(),
        other => camel(other),
    }
}
