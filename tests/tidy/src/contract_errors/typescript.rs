//! The errors of the TypeScript SDK.

use std::fmt::Write as _;

use super::ORIGIN;
use super::rust::{camel, constant};
use super::table::{ErrorCase, ErrorDetail, ErrorField, ErrorTable, ErrorType, MessagePart};

/// Returns the module with the classes.
pub(super) fn module(table: &ErrorTable) -> String {
    let mut text = format!(
        "/** The errors of the contract. Generated from {ORIGIN}. Do not edit. */\n\
         import {{ ContractError, type CheckFailure, type ErrorShape, type Failure, type TargetKind, type Violation }} \
         from \"./error_base.js\";\n"
    );
    for of in &table.types {
        base_class(&mut text, of);
        for case in &of.cases {
            case_class(&mut text, of, case);
        }
    }
    text.push_str("\n/** The class of each case, by its variant and its name in the contract. */\nexport const CASES = {\n");
    for of in &table.types {
        let variant = of.variant.rsplit('.').next().unwrap_or_default();
        let _ = writeln!(text, "  {variant:?}: {{");
        for case in &of.cases {
            let _ = writeln!(text, "    {:?}: {},", case.name, class(of, case));
        }
        text.push_str("  },\n");
    }
    text.push_str("} as const;\n");
    text
}

fn class(of: &ErrorType, case: &ErrorCase) -> String {
    let prefix = of.name.trim_end_matches("Error");
    format!("{prefix}{}", camel(&case.name))
}

fn base_class(text: &mut String, of: &ErrorType) {
    text.push('\n');
    doc(text, &of.doc, "");
    let _ = writeln!(
        text,
        "export abstract class {}<I extends object = object> extends ContractError<I> {{}}",
        of.name
    );
}

fn case_class(text: &mut String, of: &ErrorType, case: &ErrorCase) {
    let name = class(of, case);
    let all: Vec<&ErrorField> = of.with.iter().chain(&case.fields).collect();
    let info = if case.is_failure {
        "{ readonly failure: Failure }".to_owned()
    } else if all.is_empty() {
        "Record<never, never>".to_owned()
    } else {
        let info = format!("{name}Info");
        let _ = writeln!(text, "\nexport interface {info} {{");
        for field in &all {
            doc(text, &field.doc, "  ");
            let optional = if field.kind.starts_with("option<") {
                "?"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "  readonly {}{optional}: {};",
                attribute(&field.name),
                typescript_type(&field.kind)
            );
        }
        text.push_str("}\n");
        info
    };
    text.push('\n');
    doc(text, &case.doc, "");
    let _ = writeln!(
        text,
        "export class {name} extends {}<{info}> {{\n  static override readonly shape: ErrorShape = {};",
        of.name,
        shape(&name, case)
    );
    if all.is_empty() && !case.is_failure {
        text.push_str("\n  constructor() {\n    super({});\n  }\n");
    }
    text.push_str("}\n");
}

/// Returns what the base class makes the message and the details of.
fn shape(name: &str, case: &ErrorCase) -> String {
    let details: Vec<String> = case.details.iter().map(detail).collect();
    // A payload that is no record has one field.
    let field = match (case.is_failure, case.fields.as_slice()) {
        (true, _) => ", field: \"failure\"".to_owned(),
        (false, [only]) => format!(", field: {:?}", attribute(&only.name)),
        (false, _) => String::new(),
    };
    format!(
        "{{ name: {name:?}, code: {:?}, message: {:?}, details: [{}]{field} }}",
        case.code,
        template(&case.message),
        details.join(", ")
    )
}

/// Returns the name of a field in camel case.
fn attribute(field: &str) -> String {
    let name = camel(&field.replace('_', "-"));
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_lowercase().chain(letters).collect())
        .unwrap_or_default()
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

/// Returns a member of the details: its key, and the field or the constant that is its value.
fn detail(of: &ErrorDetail) -> String {
    match of {
        ErrorDetail::Field(name) => {
            format!("{{ key: {name:?}, field: {:?} }}", attribute(name))
        }
        ErrorDetail::Optional(name) => {
            format!(
                "{{ key: {name:?}, field: {:?}, isOptional: true }}",
                attribute(name)
            )
        }
        ErrorDetail::Constant(name, value) => format!("{{ key: {name:?}, constant: {value:?} }}"),
    }
}

/// Returns the module with the names of limits.
pub(super) fn limits(table: &ErrorTable) -> String {
    let mut text = format!(
        "/** The names of limits in errors, for comparisons. Generated from {ORIGIN}. Do not edit. */\n"
    );
    for (name, explained) in &table.limits {
        text.push('\n');
        doc(&mut text, explained, "");
        let _ = writeln!(text, "export const {} = {name:?};", constant(name));
    }
    text
}

/// Writes a comment, or nothing if there is no text.
fn doc(text: &mut String, of: &str, indent: &str) {
    let of = of.trim().replace("*/", "* /");
    let lines: Vec<&str> = of.lines().collect();
    match lines.as_slice() {
        [] => {}
        [only] => {
            let _ = writeln!(text, "{indent}/** {only} */");
        }
        all => {
            let _ = writeln!(text, "{indent}/**");
            for line in all {
                let line = format!("{indent} * {line}");
                text.push_str(line.trim_end());
                text.push('\n');
            }
            let _ = writeln!(text, "{indent} */");
        }
    }
}

fn typescript_type(kind: &str) -> String {
    let inside = |prefix: &str| {
        let rest = kind.strip_prefix(prefix)?;
        Some(rest.trim_end_matches('>').to_owned())
    };
    if let Some(of) = inside("list<") {
        return format!("readonly {}[]", typescript_type(&of));
    }
    if let Some(of) = inside("option<") {
        return format!("{} | null", typescript_type(&of));
    }
    match kind {
        "string" => "string".to_owned(),
        "u64" | "u32" => "number".to_owned(),
        other => camel(other),
    }
}
