//! Files in YAML: the tree, its places, the expressions in it, and what definitions and workflows
//! are read from it.

use std::ops::Range;
use std::sync::Arc;

use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::expr::{Shape, Variables};
use sedge_lang::workflow::Workflow;
use sedge_lang::written::WrittenValue;
use sedge_lang::yaml::{self, Faults, Node};

/// Parses `data` as a file in YAML, compiles the expressions in it, and reads it as a definition and
/// as a workflow.
///
/// # Panics
/// A key, a value, a part of a text or a fault has no place in the file.
pub fn yaml(data: &[u8]) {
    let file = SourceFile::new("file", String::from_utf8_lossy(data));
    let root = match yaml::parse_tree(&file) {
        Ok(root) => root,
        Err(fault) => return check(&file, &fault.span),
    };
    check_node(&file, &root);
    let mut faults = Faults::new(&file);
    let variables = Variables::new().with("inputs", Shape::Any);
    let written = WrittenValue::compile(&root, &file, &variables, &mut faults);
    assert!(
        written
            .literal()
            .is_none_or(|it| !it.is_null() || root.is_null())
    );
    check_faults(&file, &faults);
    match Definition::parse(&file) {
        Ok(definition) => {
            let notes = definition.notes();
            notes.iter().for_each(|note| check(&file, &note.span));
        }
        Err(faults) => check_faults(&file, &faults),
    }
    if let Err(faults) = Workflow::parse(&file) {
        check_faults(&file, &faults);
    }
}

fn check_faults(file: &SourceFile, faults: &Faults) {
    for fault in faults {
        check(file, &fault.span);
    }
}

fn check(file: &SourceFile, span: &Range<usize>) {
    assert!(file.text.get(span.clone()).is_some(), "{span:?}");
}

fn check_node(file: &Arc<SourceFile>, node: &Node) {
    check(file, &node.span);
    if let (Some(text), Some(place)) = (node.text(), node.text_place(file)) {
        for (at, char) in text.char_indices() {
            let span = place.span(at..at + char.len_utf8());
            assert!(span.start <= file.text.len(), "{span:?}");
        }
    }
    for item in node.items().unwrap_or_default() {
        check_node(file, item);
    }
    for member in node.members().unwrap_or_default() {
        check(file, &member.key.span);
        check_node(file, &member.value);
    }
}
