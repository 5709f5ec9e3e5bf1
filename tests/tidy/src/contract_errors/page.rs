//! The page of the book with all errors of the contract.

use std::fmt::Write as _;

use super::ORIGIN;
use super::table::{ErrorCase, ErrorDetail, ErrorTable, ErrorType};

pub(super) fn page(table: &ErrorTable) -> String {
    let mut text = format!(
        "<!-- Generated from {ORIGIN}. Do not edit. -->\n\
         # Errors of the contract\n\n\
         What the functions of [the contract](contract.md) return if they do not succeed. All SDKs have these\n\
         errors, with these codes and details. An error that a method does not handle becomes the failure\n\
         of its call, with the same code, a message and the details; the [error codes](../error-codes.md) of\n\
         `sedge` are other ones.\n"
    );
    for of in &table.types {
        section(&mut text, of);
    }
    text.push_str(
        "\n## Limits\n\n\
         The details of `limit` have the `name` of the limit and its `value`. [Limits](../limits.md) says how\n\
         an operator sets them.\n\n| name | what |\n|---|---|\n",
    );
    for (name, explained) in &table.limits {
        let _ = writeln!(text, "| `{name}` | {explained} |");
    }
    text
}

fn section(text: &mut String, of: &ErrorType) {
    let doc = of.doc.replace("\n\n", " ");
    let _ = write!(
        text,
        "\n## `{}`\n\n{doc} In the contract: `{}`.\n\n| code | meaning | details |\n|---|---|---|\n",
        of.name, of.variant
    );
    for case in &of.cases {
        let code = match case.is_failure {
            true => "the callee's".to_owned(),
            false => format!("`{}`", case.code),
        };
        let doc = case.doc.lines().map(str::trim).collect::<Vec<_>>();
        let doc = doc.join(" ").replace('|', "\\|");
        let _ = writeln!(text, "| {code} | {} | {} |", doc.trim(), details(case));
    }
}

fn details(case: &ErrorCase) -> String {
    if case.is_failure {
        return "the callee's".to_owned();
    }
    let detail = |it: &ErrorDetail| match it {
        ErrorDetail::Field(name) => format!("`{name}`"),
        ErrorDetail::Optional(name) => format!("`{name}`, if there is one"),
        ErrorDetail::Constant(name, value) => format!("`{name}`: `{value}`"),
    };
    case.details
        .iter()
        .map(detail)
        .collect::<Vec<_>>()
        .join(", ")
}
