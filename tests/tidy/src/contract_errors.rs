//! The errors of the contract and the names of its limits, from which parts of the SDKs and a page
//! of the book are made.
//!
//! The contract (`wit`) has the cases, their payloads and most of the texts that explain them.
//! `wit/errors.json` has what it cannot say: the names of types, the messages, and which fields are
//! details for programs. A case that only one of them has is a fault.

mod page;
mod python;
mod rust;
mod table;
mod typescript;

use crate::generated::{Generated, GeneratedFile};
use crate::tree::{TreeFile, hold};
use table::{ErrorTable, TABLE};

/// What the generated files were made from, for their heads.
const ORIGIN: &str = "wit and wit/errors.json";

const RUST: &str = "sdk/rust/src/error/generated.rs";
const RUST_LIMITS: &str = "sdk/rust/src/error/limits.rs";
const PYTHON: &str = "sdk/python/sedge_sdk/_error_table.py";
const PYTHON_LIMITS: &str = "sdk/python/sedge_sdk/limits.py";
const TYPESCRIPT: &str = "sdk/typescript/src/sdk/error_table.ts";
const TYPESCRIPT_LIMITS: &str = "sdk/typescript/src/sdk/limits.ts";
const PAGE: &str = "docs/reference/codes.md";

/// A type of the SDK and a row of the book cannot differ from each other, or from another SDK.
#[test]
fn errors_of_the_sdks_are_current() {
    let table = ErrorTable::read();
    let made = [
        (RUST, rust::module(&table)),
        (RUST_LIMITS, rust::limits(&table)),
        (PYTHON, python::module(&table)),
        (PYTHON_LIMITS, python::limits(&table)),
        (TYPESCRIPT, typescript::module(&table)),
        (TYPESCRIPT_LIMITS, typescript::limits(&table)),
        (PAGE, page::page(&table)),
    ];
    let files = made.map(|(path, text)| GeneratedFile {
        path: path.to_owned(),
        text,
    });
    let generated = Generated {
        source: ORIGIN,
        folder: None,
        files: files.into(),
    };
    generated.hold("errors are generated from one table");
}

/// An error that is added to the contract needs a name and a message in every SDK.
#[test]
fn contract_and_table_have_the_same_errors() {
    hold(
        "each error of the contract is in the table of errors",
        &ErrorTable::read().faults,
    );
}

#[test]
fn rules_on_errors_can_fail() {
    let wit = "package a:b@0.1.0; interface data { variant data-error { gone(string), late } }";
    let table = |cases: &str| {
        let json = format!(
            r#"{{"fields": {{"why": "Why."}}, "errors": {{"DataError":
                {{"variant": "data.data-error", "doc": "No data.", "cases": {{{cases}}}}}}}}}"#
        );
        ErrorTable::of(&[TreeFile::new("wit/data.wit", wit)], &json)
    };
    let gone = r#""gone": {"field": "why", "message": "{why}"}"#;
    let late = r#""late": {"message": "too late"}"#;
    let n_faults = |cases: &str| table(cases).faults.len();
    assert_eq!(n_faults(&format!("{gone}, {late}")), 0);
    assert_eq!(n_faults(gone), 1, "`late` is missing in the table");
    let other = r#""other": {"message": "other"}"#;
    assert_eq!(n_faults(&format!("{gone}, {late}, {other}")), 1, "unknown");
    let nameless = r#""gone": {"message": "gone"}"#;
    assert_eq!(n_faults(&format!("{nameless}, {late}")), 1, "no field");
    let unknown = r#""gone": {"field": "why", "message": "{what}"}"#;
    assert_eq!(n_faults(&format!("{unknown}, {late}")), 1, "no such field");
    assert!(TABLE.starts_with("wit/"));
}
