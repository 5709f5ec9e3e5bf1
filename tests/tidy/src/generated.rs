//! Files that are generated from code: compared with what git has, or written if `SEDGE_UPDATE` is
//! set.

use std::path::Path;

use crate::tree::{TreeFile, files, hold};

/// The variable that makes the tests write the files instead of comparing them.
const UPDATE: &str = "SEDGE_UPDATE";

/// A file as it is generated.
#[derive(Debug, Clone)]
pub(crate) struct GeneratedFile {
    /// Its path from the root of the repository.
    pub(crate) path: String,
    /// Its content.
    pub(crate) text: String,
}

/// Files that one rule generates.
#[derive(Debug)]
pub(crate) struct Generated {
    /// The source of their content, for the report.
    pub(crate) source: &'static str,
    /// The folder that contains these files and no others, with a slash at its end. `None` if they
    /// share their folder with other files.
    pub(crate) folder: Option<&'static str>,
    /// The files.
    pub(crate) files: Vec<GeneratedFile>,
}

impl Generated {
    /// Returns one file that shares its folder with others.
    pub(crate) fn one(source: &'static str, path: &str, text: String) -> Self {
        let path = path.to_owned();
        Self {
            source,
            folder: None,
            files: vec![GeneratedFile { path, text }],
        }
    }

    /// Writes the files if the variable is set, and otherwise panics if the tree has others.
    #[track_caller]
    pub(crate) fn hold(&self, rule: &str) {
        if std::env::var_os(UPDATE).is_some() {
            self.write();
        } else {
            hold(rule, &self.faults(files()));
        }
    }

    fn write(&self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for file in files() {
            if self.is_left_over(file) {
                std::fs::remove_file(root.join(&file.path)).expect("the tree can be written");
            }
        }
        for file in &self.files {
            let path = root.join(&file.path);
            let folder = path.parent().expect("the file is in the tree");
            std::fs::create_dir_all(folder).expect("the tree can be written");
            std::fs::write(path, &file.text).expect("the tree can be written");
        }
    }

    fn faults(&self, tree: &[TreeFile]) -> Vec<String> {
        let mut faults = Vec::new();
        for GeneratedFile { path, text } in &self.files {
            let committed = tree.iter().find(|file| file.path == *path);
            if committed.is_none_or(|file| file.text() != *text) {
                faults.push(format!(
                    "{path}: it differs from {}; write it: `{UPDATE}=1 cargo test --release -p sedge-tidy`",
                    self.source
                ));
            }
        }
        let left_over = tree.iter().filter(|file| self.is_left_over(file));
        faults.extend(left_over.map(|file| {
            format!(
                "{}: nothing in {} generates it; remove it",
                file.path, self.source
            )
        }));
        faults
    }

    /// Returns whether a file is in the folder of the generated files, and not one of them.
    fn is_left_over(&self, file: &TreeFile) -> bool {
        let is_in_folder = self
            .folder
            .is_some_and(|folder| file.path.starts_with(folder));
        is_in_folder && self.files.iter().all(|one| one.path != file.path)
    }
}

#[test]
fn the_rule_on_generated_files_can_fail() {
    let check = |folder: Option<&'static str>, tree: &[(&str, &str)], expect: usize| {
        let tree = tree.iter().map(|(path, text)| TreeFile::new(path, text));
        let generated = Generated {
            folder,
            ..Generated::one("a.rs", "docs/made/a.json", "{}".to_owned())
        };
        let faults = generated.faults(&tree.collect::<Vec<_>>());
        assert_eq!(faults.len(), expect, "{faults:?}");
    };
    let current = ("docs/made/a.json", "{}");
    check(None, &[current], 0);
    check(None, &[], 1);
    check(None, &[("docs/made/a.json", "{ }")], 1);
    check(None, &[("docs/a.json", "{}")], 1);
    let other = ("docs/made/b.json", "{}");
    check(None, &[current, other], 0);
    check(Some("docs/made/"), &[current, other], 1);
    check(Some("docs/made/"), &[current, ("docs/b.json", "{}")], 0);
}
