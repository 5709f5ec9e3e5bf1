//! The errors of the Rust SDK.

use std::fmt::Write as _;

use super::ORIGIN;
use super::table::{ErrorCase, ErrorDetail, ErrorField, ErrorTable, ErrorType, MessagePart};

/// The types that the SDK returns as failures, so it has no enum for them.
const FAILURES: [&str; 1] = ["SecretError"];

/// Returns the module. It is not formatted, because the formatter is no part of this test.
pub(super) fn module(table: &ErrorTable) -> String {
    let mut text = format!(
        "//! The errors of the contract. Generated from {ORIGIN}. Do not edit.\n\n\
         use serde_json::{{Value, json}};\n\n\
         use super::{{CheckFailure, TargetKind, Violation, joined}};\n\
         use crate::Failure;\n"
    );
    for of in table.types.iter().filter(|it| is_enum(it)) {
        error_enum(&mut text, of);
        code_function(&mut text, of);
        details_function(&mut text, of);
        let name = &of.name;
        let _ = write!(
            text,
            "\n/// Passes the error on with its code, message and details. `keep_writes` is not set, because\n\
             /// each call decides on its own writes.\n\
             impl From<{name}> for Failure {{\n    fn from(error: {name}) -> Self {{\n\
             \x20       let mut failure = Self::new(error.code(), error.to_string());\n\
             \x20       failure.details = error.details();\n        failure\n    }}\n}}\n"
        );
    }
    text
}

fn is_enum(of: &ErrorType) -> bool {
    !FAILURES.contains(&of.name.as_str())
}

fn error_enum(text: &mut String, of: &ErrorType) {
    text.push('\n');
    doc(text, "", &of.doc);
    let _ = writeln!(
        text,
        "#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]\n#[non_exhaustive]\npub enum {} {{",
        of.name
    );
    for case in &of.cases {
        doc(text, "    ", &case.doc);
        let name = variant(case);
        if case.is_failure {
            let _ = writeln!(text, "    #[error(transparent)]\n    {name}(Failure),");
            continue;
        }
        let _ = writeln!(text, "    #[error({})]", message(case));
        let fields: Vec<&ErrorField> = of.with.iter().chain(&case.fields).collect();
        if fields.is_empty() {
            let _ = writeln!(text, "    {name},");
            continue;
        }
        let _ = writeln!(text, "    {name} {{");
        for field in fields {
            doc(text, "        ", &field.doc);
            let _ = writeln!(text, "        {}: {},", field.name, rust_type(&field.kind));
        }
        text.push_str("    },\n");
    }
    text.push_str("}\n");
}

/// Returns the arguments of the attribute with a case's message.
fn message(case: &ErrorCase) -> String {
    let (mut format, mut arguments) = (String::new(), String::new());
    for part in &case.message {
        match part {
            MessagePart::Text(text) => format.push_str(text),
            MessagePart::Field(name) => {
                let _ = write!(format, "{{{name}}}");
            }
            MessagePart::Items(name, by) => {
                format.push_str("{}");
                let _ = write!(arguments, ", joined({name}, {by:?})");
            }
            MessagePart::Optional(name, prefix) => {
                format.push_str("{}");
                let _ = write!(
                    arguments,
                    ", {name}.as_ref().map_or_else(String::new, |it| format!(\"{prefix}{{it}}\"))"
                );
            }
        }
    }
    format!("{format:?}{arguments}")
}

fn code_function(text: &mut String, of: &ErrorType) {
    let passes_on = of.cases.iter().any(|it| it.is_failure);
    let (doc, returned) = match passes_on {
        true => (
            "Returns the error's code: the case's name as in the contract, or the callee's own code if\n\
             it returned a failure.",
            "&str",
        ),
        false => (
            "Returns the error's code: the case's name as in the contract.",
            "&'static str",
        ),
    };
    let _ = writeln!(text, "\nimpl {} {{", of.name);
    self::doc(text, "    ", doc);
    let _ = writeln!(
        text,
        "    #[must_use]\n    pub fn code(&self) -> {returned} {{\n        match self {{"
    );
    for case in &of.cases {
        let name = variant(case);
        let _ = match case.is_failure {
            true => writeln!(text, "            Self::{name}(failure) => &failure.code,"),
            false => {
                let pattern = pattern(of, case, &[]);
                writeln!(text, "            Self::{pattern} => {:?},", case.code)
            }
        };
    }
    text.push_str("        }\n    }\n");
}

fn details_function(text: &mut String, of: &ErrorType) {
    text.push_str(
        "\n    /// Returns the details of the error, for programs.\n    \
         fn details(&self) -> Option<Value> {\n        match self {\n",
    );
    // Cases with the same details of the same types share an arm.
    let mut arms: Vec<(DetailsArm, Vec<String>)> = Vec::new();
    for case in &of.cases {
        let (pattern, arm) = details_arm(of, case);
        match arms.iter_mut().find(|(known, _)| *known == arm) {
            Some((_, patterns)) => patterns.push(pattern),
            None => arms.push((arm, vec![pattern])),
        }
    }
    for (DetailsArm { body, .. }, patterns) in arms {
        let patterns = patterns.join("\n            | ");
        let _ = writeln!(text, "            {patterns} => {body}");
    }
    text.push_str("        }\n    }\n}\n");
}

/// What makes the details of a case.
#[derive(PartialEq)]
struct DetailsArm {
    body: String,
    /// The types of the fields that it uses.
    kinds: Vec<String>,
}

/// Returns the pattern of a case, and what makes its details.
fn details_arm(of: &ErrorType, case: &ErrorCase) -> (String, DetailsArm) {
    if case.is_failure {
        let arm = DetailsArm {
            body: "failure.details.clone(),".to_owned(),
            kinds: Vec::new(),
        };
        return (format!("Self::{}(failure)", variant(case)), arm);
    }
    let mut used: Vec<&str> = Vec::new();
    let (mut made, mut optional) = (Vec::new(), String::new());
    for detail in &case.details {
        match detail {
            ErrorDetail::Field(field) => {
                used.push(field);
                made.push(format!("{field:?}: {field}"));
            }
            ErrorDetail::Constant(key, value) => made.push(format!("{key:?}: {value:?}")),
            ErrorDetail::Optional(field) => {
                used.push(field);
                let _ = write!(
                    optional,
                    "\n                if let Some({field}) = {field} {{\n                    \
                     details[{field:?}] = json!({field});\n                }}"
                );
            }
        }
    }
    let made = made.join(", ");
    let body = match (case.details.is_empty(), optional.is_empty()) {
        (true, _) => "None,".to_owned(),
        (false, false) if made.is_empty() && used.len() == 1 => {
            let field = used[0];
            format!("{field}.as_ref().map(|{field}| json!({{{field:?}: {field}}})),")
        }
        (false, true) => format!("Some(json!({{{made}}})),"),
        (false, false) => format!(
            "{{\n                let mut details = json!({{{made}}});{optional}\n                \
             Some(details)\n            }}"
        ),
    };
    let fields = of.with.iter().chain(&case.fields);
    let is_used = |field: &&ErrorField| used.contains(&field.name.as_str());
    let arm = DetailsArm {
        body,
        kinds: fields.filter(is_used).map(|it| it.kind.clone()).collect(),
    };
    (format!("Self::{}", pattern(of, case, &used)), arm)
}

/// Returns the pattern of a case that binds these fields.
fn pattern(of: &ErrorType, case: &ErrorCase, used: &[&str]) -> String {
    let n_fields = of.with.len() + case.fields.len();
    let name = variant(case);
    match (n_fields, used.len()) {
        (0, _) => name,
        (_, 0) => format!("{name} {{ .. }}"),
        (n, m) if n == m => format!("{name} {{ {} }}", used.join(", ")),
        _ => format!("{name} {{ {}, .. }}", used.join(", ")),
    }
}

/// Returns the module with the names of limits.
pub(super) fn limits(table: &ErrorTable) -> String {
    let mut text = format!(
        "//! The names of limits in errors, for comparisons. Generated from {ORIGIN}. Do not edit.\n"
    );
    for (name, explained) in &table.limits {
        text.push('\n');
        doc(&mut text, "", explained);
        let _ = writeln!(text, "pub const {}: &str = {name:?};", constant(name));
    }
    text
}

/// Returns a name in the form of a constant: `HTTP_REQUEST_MEBIBYTES` for `http.requestMebibytes`.
pub(super) fn constant(name: &str) -> String {
    let mut constant = String::new();
    for letter in name.chars() {
        match letter {
            '-' | '.' => constant.push('_'),
            letter => {
                if letter.is_ascii_uppercase() {
                    constant.push('_');
                }
                constant.push(letter.to_ascii_uppercase());
            }
        }
    }
    constant
}

fn doc(text: &mut String, indent: &str, of: &str) {
    for line in of.trim().lines() {
        let line = format!("{indent}/// {line}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn variant(case: &ErrorCase) -> String {
    camel(&case.name)
}

/// Returns a name of the contract in the form of a type: `NotFound`.
pub(super) fn camel(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|it| it.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

fn rust_type(kind: &str) -> String {
    let inside = |prefix: &str| {
        let rest = kind.strip_prefix(prefix)?;
        Some(rest.trim_end_matches('>').to_owned())
    };
    if let Some(of) = inside("list<") {
        return format!("Vec<{}>", rust_type(&of));
    }
    if let Some(of) = inside("option<") {
        return format!("Option<{}>", rust_type(&of));
    }
    match kind {
        "string" => "String".to_owned(),
        "u64" | "u32" => kind.to_owned(),
        other => camel(other),
    }
}
