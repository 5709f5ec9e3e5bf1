//! The variables of the environment that the program reads: the reference has each of them.

use crate::markdown::code_words;
use crate::tokens::tokens;
use crate::tree::{TreeFile, files, hold};

/// The page on the environment.
const PAGE: &str = "docs/reference/configuration.md";

/// The variables that tests of the host read, and the program does not.
const OF_TESTS: [&str; 4] = [
    "SEDGE_CEL_SPEC",
    "SEDGE_TEST_LEASED_FILE",
    "SEDGE_TEST_MOUNTED",
    "SEDGE_UPDATE",
];

/// A variable that is not in the reference changes what the program does, and no user knows why.
#[test]
fn every_variable_is_in_the_reference() {
    hold(
        "a variable of the environment is in the reference",
        &variable_faults(files()),
    );
}

fn variable_faults(files: &[TreeFile]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        return vec![format!("{PAGE}: there is no such page")];
    };
    let words = code_words(&page.text());
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| is_of_host(file)) {
        for variable in variables(&file.text()) {
            if !words.contains(&variable) && !OF_TESTS.contains(&variable.as_str()) {
                faults.push(format!(
                    "{PAGE}: it does not mention `{variable}`, which {} reads",
                    file.path
                ));
            }
        }
    }
    faults
}

fn is_of_host(file: &TreeFile) -> bool {
    file.path.starts_with("host/")
        && file.path.contains("/src/")
        && file.is_rust()
        && !file.path.ends_with("/tests.rs")
}

/// Returns the texts of a source that are names of variables.
fn variables(source: &str) -> Vec<String> {
    // The rule on length reports a file that cannot be parsed.
    let tokens = tokens(source).unwrap_or_default().into_iter();
    let texts = tokens.map(|token| token.text.trim_matches('"').to_owned());
    let is_variable = |text: &String| {
        let mut chars = text.chars();
        text.starts_with("SEDGE_")
            && text != "SEDGE_"
            && chars.all(|it| it.is_ascii_uppercase() || it == '_')
    };
    texts.filter(is_variable).collect()
}

#[test]
fn the_rule_on_variables_can_fail() {
    let check = |path: &str, source: &str, expect: usize| {
        let page = TreeFile::new(PAGE, "| `SEDGE_REPO` | where it is |\n");
        let faults = variable_faults(&[TreeFile::new(path, source), page]);
        assert_eq!(faults.len(), expect, "{path}: {source}: {faults:?}");
    };
    check("host/cli/src/a.rs", "const A: &str = \"SEDGE_REPO\";", 0);
    check("host/cli/src/a.rs", "const A: &str = \"SEDGE_HOUSE\";", 1);
    check("host/cli/src/a.rs", "// SEDGE_HOUSE", 0);
    check("host/cli/src/a.rs", "f(\"SEDGE_HOUSE=1 sedge\");", 0);
    check("tests/kit/src/a.rs", "const A: &str = \"SEDGE_HOUSE\";", 0);
    assert_eq!(variable_faults(&[]).len(), 1);
}
