//! The JSON Schemas of all documents, which are generated from the types in `host/api`.

use std::path::Path;

use sedge_api::document::{failure_schema, schema};
use sedge_api::problem::UseCase;

use crate::tree::{TreeFile, files, hold};

/// The folder of the schemas: one for each use case, and one for failures.
const FOLDER: &str = "docs/schemas/";

/// The variable that makes the test write the schemas instead of comparing them.
const UPDATE: &str = "SEDGE_UPDATE";

/// Programs read these documents, so a change has to be visible in a review.
#[test]
fn schemas_of_documents_are_current() {
    let schemas = schemas();
    if std::env::var_os(UPDATE).is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(FOLDER);
        std::fs::create_dir_all(&folder).expect("the tree can be written");
        for entry in std::fs::read_dir(&folder).expect("it is a folder") {
            let path = entry.expect("it is a folder").path();
            std::fs::remove_file(path).expect("the tree can be written");
        }
        for (name, text) in schemas {
            std::fs::write(folder.join(name), text).expect("the tree can be written");
        }
        return;
    }
    hold("the schemas are generated", &faults(files(), &schemas));
}

fn faults(files: &[TreeFile], schemas: &[(String, String)]) -> Vec<String> {
    let mut faults = Vec::new();
    let write = format!("write it: `{UPDATE}=1 cargo test -p sedge-tidy`");
    for (name, text) in schemas {
        let path = format!("{FOLDER}{name}");
        let committed = files.iter().find(|file| file.path == path);
        if committed.is_none_or(|file| file.text() != *text) {
            faults.push(format!(
                "{path}: it differs from the types in host/api; {write}"
            ));
        }
    }
    for file in files {
        let name = file.path.strip_prefix(FOLDER);
        if name.is_some_and(|name| schemas.iter().all(|(made, _)| made != name)) {
            faults.push(format!(
                "{}: no document has this schema; remove it",
                file.path
            ));
        }
    }
    faults
}

fn schemas() -> Vec<(String, String)> {
    let of_use_cases = UseCase::ALL.iter();
    let of_use_cases =
        of_use_cases.map(|use_case| (use_case.as_str().to_owned(), schema(*use_case)));
    of_use_cases
        .chain([("failure".to_owned(), failure_schema())])
        .map(|(stem, schema)| {
            let schema = schema.to_value();
            (format!("{stem}.json"), format!("{schema:#}\n"))
        })
        .collect()
}

#[test]
fn the_rule_on_schemas_can_fail() {
    let check = |files: &[(&str, &str)], expect: usize| {
        let files: Vec<TreeFile> = files
            .iter()
            .map(|(path, text)| TreeFile::new(path, text))
            .collect();
        let faults = faults(&files, &[("a.json".to_owned(), "{}".to_owned())]);
        assert_eq!(faults.len(), expect, "{faults:?}");
    };
    check(&[("docs/schemas/a.json", "{}")], 0);
    check(&[("docs/schemas/a.json", "{ }")], 1);
    check(&[], 1);
    check(
        &[("docs/schemas/a.json", "{}"), ("docs/schemas/b.json", "{}")],
        1,
    );
    check(&[("docs/a.json", "{}")], 1);
}
