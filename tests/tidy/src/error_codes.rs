//! The document of all error codes, which is generated from the list in `host/api`.

use std::fmt::Write;
use std::path::Path;

use sedge_api::problem::{ErrorClass, ErrorCode};

use crate::tree::{TreeFile, files, hold};

/// The path of the document.
const DOCUMENT: &str = "docs/error-codes.md";

/// The variable that makes the test write the document instead of comparing it.
const UPDATE: &str = "SEDGE_UPDATE";

/// Scripts and other programs depend on these codes, so a change has to be visible in a review.
#[test]
fn error_codes_document_is_current() {
    let document = document();
    if std::env::var_os(UPDATE).is_some() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::write(root.join(DOCUMENT), document).expect("the tree can be written");
        return;
    }
    hold(
        "the list of error codes is generated",
        &faults(files(), &document),
    );
}

fn faults(files: &[TreeFile], document: &str) -> Vec<String> {
    let committed = files.iter().find(|file| file.path == DOCUMENT);
    if committed.is_some_and(|file| file.text() == document) {
        return Vec::new();
    }
    vec![format!(
        "{DOCUMENT}: it differs from host/api/src/problem/code.rs; write it: `{UPDATE}=1 cargo test -p sedge-tidy`"
    )]
}

fn document() -> String {
    let mut text = String::from(
        "<!-- Generated from host/api/src/problem/code.rs. Do not edit. -->\n\
         # Error codes\n\n\
         With `--json`, a command that fails prints `{\"ok\": false, \"error\": {…}}`. `error.code` is one of\n\
         the codes below and never changes its meaning; `error.class` follows from the code, and the exit\n\
         code from the class. A code that a plugin chose begins with `plugin/` and is never one of these.\n\n\
         ## Classes\n\n\
         | class | exit code | meaning |\n|---|---|---|\n",
    );
    for class in ErrorClass::ALL {
        line(
            &mut text,
            &[
                &format!("`{}`", class.as_str()),
                &class.exit_code().to_string(),
                class.meaning(),
            ],
        );
    }
    text.push_str("\n## Codes\n\n| code | class | exit code | meaning |\n|---|---|---|---|\n");
    for code in ErrorCode::ALL {
        let class = code.class();
        line(
            &mut text,
            &[
                &format!("`{}`", code.as_str()),
                class.as_str(),
                &class.exit_code().to_string(),
                code.meaning(),
            ],
        );
    }
    text
}

fn line(text: &mut String, cells: &[&str]) {
    writeln!(text, "| {} |", cells.join(" | ")).expect("writing to a String does not fail");
}

#[test]
fn the_rule_on_error_codes_can_fail() {
    let check = |path: &str, text: &str, expect: usize| {
        let faults = faults(&[TreeFile::new(path, text)], "a");
        assert_eq!(faults.len(), expect, "{path}: {text}");
    };
    check(DOCUMENT, "a", 0);
    check(DOCUMENT, "b", 1);
    check("docs/other.md", "a", 1);
}
