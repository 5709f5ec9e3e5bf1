//! The document of all error codes, which is generated from the list in `host/api`.

use std::fmt::Write;

use sedge_api::problem::{ErrorClass, ErrorCode};

use crate::generated::Generated;

/// Scripts and other programs depend on these codes, so a change has to be visible in a review.
#[test]
fn error_codes_document_is_current() {
    let source = "host/api/src/problem/code.rs";
    let generated = Generated::one(source, "docs/error-codes.md", document());
    generated.hold("the list of error codes is generated");
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
fn every_code_and_class_is_in_the_document() {
    let document = document();
    for code in ErrorCode::ALL {
        assert!(document.contains(&format!("| `{}` |", code.as_str())));
        assert!(document.contains(code.meaning()), "{code:?}");
    }
    for class in ErrorClass::ALL {
        assert!(document.contains(&format!("| `{}` |", class.as_str())));
        assert!(document.contains(class.meaning()), "{class:?}");
    }
}
