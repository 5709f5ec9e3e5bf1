//! The document of all limits, which is generated from the table in `host/model`.

use std::fmt::Write;

use sedge_model::limits::{LIMITS, LimitDefault, LimitRow};

use crate::generated::Generated;

/// Operators set limits by these keys and names, so a change has to be visible in a review.
#[test]
fn limits_document_is_current() {
    let source = "host/model/src/limits/table.rs";
    let generated = Generated::one(source, "docs/limits.md", document());
    generated.hold("the list of limits is generated");
}

fn document() -> String {
    let mut text = String::from(
        "<!-- Generated from host/model/src/limits/table.rs. Do not edit. -->\n\
         # Limits\n\n\
         A model's definition sets the limits of its own calls, and `sedge.yaml` those of all models that do\n\
         not set their own. A limit of scope `run` counts all calls of the run: a call is refused if the run\n\
         has reached the limit of the model that is to be called. Limits of a process or a plugin are set in\n\
         `sedge.yaml` only. The error of a call that reaches a limit names it, with the line that raises it.\n",
    );
    section(&mut text, "limits", "The calls of models");
    section(&mut text, "limits.http", "HTTP requests");
    section(&mut text, "processLimits", "All calls of a process");
    section(&mut text, "componentLimits", "Plugins that are added");
    text.push_str(
        "\n## Fixed limits\n\nNo file sets these.\n\n\
         | name in errors | scope | what |\n|---|---|---|\n",
    );
    for row in LIMITS.iter().filter(|row| row.key.is_none()) {
        line(&mut text, &[&code(row.name), row.scope.as_str(), row.doc]);
    }
    text
}

/// Adds one section of the files.
fn section(text: &mut String, section: &str, title: &str) {
    let head = format!(
        "\n## `{section}`: {title}\n\n\
         | key | unless set | scope | name in errors | what |\n|---|---|---|---|---|\n"
    );
    text.push_str(&head);
    for row in LIMITS.iter().filter(|row| row.section == section) {
        let cells = [
            &code(row.key),
            &*unless_set(row),
            row.scope.as_str(),
            &code(row.name),
            row.doc,
        ];
        line(text, &cells);
    }
}

fn code(word: Option<&str>) -> String {
    word.map_or_else(String::new, |word| format!("`{word}`"))
}

fn unless_set(row: &LimitRow) -> String {
    match row.default {
        LimitDefault::Value(value) => format!("{value} {}", row.unit.as_str()).trim().to_owned(),
        LimitDefault::Unlimited => "no limit".to_owned(),
        LimitDefault::Machine(text) => text.to_owned(),
        LimitDefault::Fixed => String::new(),
    }
}

fn line(text: &mut String, cells: &[&str]) {
    writeln!(text, "| {} |", cells.join(" | ")).expect("writing to a String does not fail");
}

#[test]
fn every_limit_is_in_the_document() {
    let document = document();
    for row in LIMITS {
        assert!(document.contains(&format!("`{}`", row.word())), "{row:?}");
        assert!(document.contains(row.doc), "{row:?}");
    }
}
