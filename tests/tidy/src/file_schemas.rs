//! The YAML files of the examples and of the tests satisfy the JSON Schemas that editors use.

use sedge_lang::diagnostic::SourceFile;
use sedge_lang::json_schema::SchemaOf;
use sedge_lang::schema::Schema;
use sedge_lang::yaml::parse_tree;

use crate::tree::{TreeFile, files, hold};

/// The folders of the files that are checked.
const FOLDERS: [&str; 2] = ["docs/examples/", "host/lang/tests/"];

/// A schema that refuses a valid file would show faults in the editors of users where there are
/// none.
#[test]
fn files_satisfy_the_schemas_for_editors() {
    hold(
        "an example in YAML satisfies its schema",
        &schema_faults(files()),
    );
}

fn schema_faults(files: &[TreeFile]) -> Vec<String> {
    let is_checked = |file: &&TreeFile| FOLDERS.iter().any(|it| file.path.starts_with(it));
    let checked = files.iter().filter(is_checked);
    checked.filter_map(schema_fault).collect()
}

/// Returns what is wrong with a file by its schema. A file of another kind has no schema.
fn schema_fault(file: &TreeFile) -> Option<String> {
    let of = schema_of(&file.path)?;
    let source = SourceFile::new(file.path.as_str(), file.text());
    let value = match parse_tree(&source) {
        Ok(tree) => tree.value(),
        Err(fault) => return Some(fault.to_string()),
    };
    let schema = Schema::compile(&of.schema()).expect("it is a schema");
    let violations = schema.violations(&value);
    let shown: Vec<String> = violations.iter().map(ToString::to_string).collect();
    (!shown.is_empty()).then(|| format!("{}: {}", file.path, shown.join("; ")))
}

fn schema_of(path: &str) -> Option<SchemaOf> {
    let (folder, name) = path.rsplit_once('/')?;
    if name == "sedge.yaml" {
        return Some(SchemaOf::Repository);
    }
    let has_part = |part: &str| folder.split('/').any(|it| it == part);
    match name.ends_with(".yaml") {
        true if has_part("models") || has_part("definitions") => Some(SchemaOf::Definition),
        true if has_part("workflows") => Some(SchemaOf::Workflow),
        true | false => None,
    }
}

#[test]
fn the_rule_on_schemas_can_fail() {
    let check = |path: &str, text: &str, expect: usize| {
        let faults = schema_faults(&[TreeFile::new(path, text)]);
        assert_eq!(faults.len(), expect, "{path}: {faults:?}");
    };
    check("docs/examples/a/models/a.yaml", "name: a\n", 0);
    check("docs/examples/a/models/a.yaml", "nam: a\n", 1);
    check("docs/examples/a/workflows/a.yaml", "name: a\n", 1);
    check("docs/examples/a/sedge.yaml", "version: 1\n", 0);
    check("docs/examples/a/sedge.yaml", "version: [1\n", 1);
    check("docs/examples/a/other.yaml", "x: 1\n", 0);
}
