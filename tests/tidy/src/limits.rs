//! The document of all limits, which is made from the table in `host/model`.

use std::fmt::Write;
use std::path::Path;

use sedge_model::limits::{LIMITS, LimitDefault, LimitRow};

use crate::tree::{TreeFile, files, hold};

/// Where the document is.
const DOCUMENT: &str = "docs/limits.md";

/// The variable that has the test write the document instead of comparing it.
const UPDATE: &str = "SEDGE_UPDATE";

/// Operators set limits by these keys and names: a change of one is seen in review.
#[test]
fn limits_document_is_current() {
    let document = document();
    if std::env::var_os(UPDATE).is_some() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::write(root.join(DOCUMENT), document).expect("the tree can be written");
        return;
    }
    hold(
        "the list of limits is generated",
        &faults(files(), &document),
    );
}

fn faults(files: &[TreeFile], document: &str) -> Vec<String> {
    let committed = files.iter().find(|file| file.path == DOCUMENT);
    if committed.is_some_and(|file| file.text() == document) {
        return Vec::new();
    }
    vec![format!(
        "{DOCUMENT}: it is not what host/model/src/limits/table.rs says; write it: `{UPDATE}=1 cargo test -p sedge-tidy`"
    )]
}

fn document() -> String {
    let mut text = String::from(
        "<!-- Generated from host/model/src/limits/table.rs. Do not edit. -->\n\
         # Limits\n\n\
         A model's definition sets the limits of its own calls, and `sedge.yaml` those of all models that do\n\
         not set their own. Limits of a run, a process or a plugin are set in `sedge.yaml` only. The error of\n\
         a call that reaches a limit names it, with the line that raises it.\n",
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
    writeln!(text, "| {} |", cells.join(" | ")).expect("a string takes all text");
}

#[test]
fn every_limit_is_in_the_document() {
    let document = document();
    for row in LIMITS {
        assert!(document.contains(&format!("`{}`", row.word())), "{row:?}");
        assert!(document.contains(row.doc), "{row:?}");
    }
}

#[test]
fn the_rule_on_limits_can_fail() {
    let check = |path: &str, text: &str, expect: usize| {
        let faults = faults(&[TreeFile::new(path, text)], "a");
        assert_eq!(faults.len(), expect, "{path}: {text}");
    };
    check(DOCUMENT, "a", 0);
    check(DOCUMENT, "b", 1);
    check("docs/other.md", "a", 1);
}
