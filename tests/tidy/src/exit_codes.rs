//! The table of exit codes, which is made from the classes of errors in `host/api`.

use std::fmt::Write as _;

use sedge_api::problem::ErrorClass;

use crate::page::{hold_current, with_part};
use crate::tree::files;

/// The page with the table, and the lines around the table.
const PAGE: &str = "docs/reference/exit-codes.md";
const MARKS: [&str; 2] = [
    "<!-- Generated from host/api/src/problem/code.rs: begin. Do not edit. -->",
    "<!-- Generated: end. -->",
];

/// Scripts depend on the numbers, so a change has to be visible in a review.
#[test]
fn exit_codes_are_current() {
    let page = files().iter().find(|file| file.path == PAGE);
    let page = page.expect("the page is in the tree").text();
    let page = with_part(&page, MARKS, &table());
    hold_current(PAGE, "the classes of errors", &page);
}

fn table() -> String {
    let mut classes: Vec<&ErrorClass> = ErrorClass::ALL.iter().collect();
    classes.sort_by_key(|class| class.exit_code());
    let mut text = String::from(
        "| exit code | class of the error | meaning |\n|---|---|---|\n\
         | 0 | | The command did what it was asked. |\n\
         | 4 | | The run now waits for a decision: only of `workflow run`, `workflow resume`, `workflow approve --resume` and `run watch`. |\n",
    );
    for class in classes {
        let (code, name, meaning) = (class.exit_code(), class.as_str(), class.meaning());
        writeln!(text, "| {code} | `{name}` | {meaning} |").expect("a string takes all text");
    }
    text
}

#[test]
fn every_class_is_in_the_table() {
    let table = table();
    for class in ErrorClass::ALL {
        let begin = format!("| {} | `{}` |", class.exit_code(), class.as_str());
        assert!(table.contains(&begin), "{begin}");
    }
}
