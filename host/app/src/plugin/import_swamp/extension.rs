//! The manifest of an extension of swamp, and the models that it names.

use std::path::{Component, Path, PathBuf};

use sedge_api::view::swamp::NotTakenView;
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::yaml;
use sedge_sys::folder::{is_named_file, named_file_path, read_named_text};
use sedge_sys::source_tree;
use serde::Deserialize;

use super::not_taken;
use crate::error::{AppError, AuthorError};

/// The file of the manifest.
pub(crate) const MANIFEST: &str = "manifest.yaml";

/// The maximum size of a manifest, in bytes. The longest known one has 20 KiB.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// The folders with models, relative to an extension. The first one that has a file counts.
const MODEL_FOLDERS: [&str; 3] = ["extensions/models", "models", ""];

/// The part of a manifest that is used.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    description: String,
    pub(crate) labels: Vec<String>,
    paths: Paths,
    models: Vec<String>,
    workflows: Vec<String>,
    vaults: Vec<String>,
    drivers: Vec<String>,
    datastores: Vec<String>,
    reports: Vec<String>,
    skills: Vec<String>,
    binaries: Vec<String>,
    dependencies: Vec<String>,
    additional_files: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Paths {
    base: String,
}

/// The file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelSource {
    /// Its name in the manifest, which is relative to the folder of models.
    pub(crate) name: PathBuf,
    /// Its path, relative to the extension; `None` if there is no such file.
    pub(crate) path: Option<PathBuf>,
}

impl Manifest {
    /// Reads the manifest of an extension.
    ///
    /// # Errors
    /// There is none, or it has a fault.
    pub(crate) fn read(folder: &Path) -> Result<Self, AppError> {
        let path = folder.join(MANIFEST);
        let Some(text) = read_named_text(&path, MANIFEST_BYTES_MAX)? else {
            let folder = folder.to_owned();
            return Err(AuthorError::NotSwamp {
                folder,
                what: "an extension",
                lacks: MANIFEST,
            }
            .into());
        };
        let file = SourceFile::new(path.to_string_lossy(), text);
        Ok(yaml::parse(&file)?)
    }

    /// Returns the first paragraph of the description, as one line.
    pub(crate) fn summary(&self) -> Option<String> {
        let lines = self.description.trim().lines();
        let lines = lines.map(str::trim).take_while(|line| !line.is_empty());
        let summary = lines.collect::<Vec<_>>().join(" ");
        (!summary.is_empty()).then_some(summary)
    }

    /// Returns the files of the models, in the order of the manifest.
    ///
    /// # Errors
    /// A folder cannot be looked at.
    pub(crate) fn sources(&self, folder: &Path) -> Result<Vec<ModelSource>, AppError> {
        let folders: &[&str] = match self.paths.base.as_str() {
            "manifest" => &[""],
            _ => &MODEL_FOLDERS,
        };
        let mut sources = Vec::new();
        for name in &self.models {
            let name = PathBuf::from(name);
            let mut found = None;
            // A manifest that leads out of its folder would make files of the user part of a
            // component.
            if is_within(&name) {
                for inner in folders {
                    let path = Path::new(inner).join(&name);
                    if found.is_none() && is_named_file(&folder.join(&path))? {
                        found = Some(path);
                    }
                }
            }
            sources.push(ModelSource { name, path: found });
        }
        Ok(sources)
    }

    /// Returns the additional files that a model may read, without those for people.
    ///
    /// # Errors
    /// A file cannot be looked at.
    pub(crate) fn files(&self, folder: &Path) -> Result<Vec<PathBuf>, AppError> {
        let mut files = Vec::new();
        for name in &self.additional_files {
            let is_for_people = ["LICENSE", "README", "CHANGELOG", "COPYING"]
                .iter()
                .any(|it| {
                    name.rsplit('/')
                        .next()
                        .is_some_and(|file| file.starts_with(it))
                });
            let path = Path::new(name);
            if !is_for_people && is_within(path) && is_named_file(&folder.join(path))? {
                files.push(named_file_path(&folder.join(path))?);
            }
        }
        Ok(files)
    }

    /// Returns the parts of the extension that are not models.
    pub(super) fn not_taken(&self) -> Vec<NotTakenView> {
        let kinds = [
            (
                "workflow",
                &self.workflows,
                "copy it to the folder `workflows` of a repository",
            ),
            (
                "vault",
                &self.vaults,
                "Sedge keeps secrets itself: `sedge secret put`",
            ),
            (
                "driver",
                &self.drivers,
                "each method runs in the sandbox of the host",
            ),
            (
                "datastore",
                &self.datastores,
                "the datastore is part of the host",
            ),
            (
                "report",
                &self.reports,
                "a report of its own has no type; a model can make reports",
            ),
            ("skill", &self.skills, "it is for agents that use swamp"),
            (
                "binary",
                &self.binaries,
                "a plugin runs programs of the machine that the operator has pinned",
            ),
        ];
        let parts = kinds.iter().flat_map(|(kind, files, why)| {
            let parts = files.iter();
            parts.map(move |file| not_taken(&format!("{kind} `{file}`"), why))
        });
        let others = self.dependencies.iter().map(|name| {
            not_taken(
                &format!("dependency `{name}`"),
                "it is an extension of its own: build it, too, if its models are used",
            )
        });
        parts.chain(others).collect()
    }
}

fn is_within(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
}

/// Returns the files below a folder that may be models, in their order, relative to `root`: those of
/// TypeScript which are neither tests nor in a folder of helpers.
///
/// # Errors
/// A folder cannot be read.
pub(crate) fn model_sources(root: &Path, folder: &str) -> Result<Vec<ModelSource>, AppError> {
    let files = source_tree::names(&root.join(folder))?;
    let is_model = |name: &str| {
        let is_test = name.ends_with("_test.ts") || name.ends_with(".test.ts");
        let is_helper = name.split('/').any(|part| part.starts_with('_'));
        name.ends_with(".ts") && !name.ends_with(".d.ts") && !is_test && !is_helper
    };
    let names = files.into_iter().filter(|name| is_model(name));
    Ok(names
        .map(|name| ModelSource {
            path: Some(Path::new(folder).join(&name)),
            name: PathBuf::from(name),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Manifest {
        yaml::parse(&SourceFile::new(MANIFEST, text)).expect("it is valid")
    }

    #[test]
    fn manifest_has_a_summary_and_parts() {
        let manifest = manifest(
            "manifestVersion: 1\nname: \"@acme/shop\"\nversion: \"2026.01.01.1\"\n\
             description: |\n  Sells\n  things.\n\n  More.\nlabels: [a]\nmodels: [shop.ts]\n\
             vaults: [v.ts]\nunknown: 1\n",
        );
        assert_eq!(manifest.name, "@acme/shop");
        assert_eq!(manifest.summary().as_deref(), Some("Sells things."));
        let parts = manifest.not_taken();
        let parts: Vec<&str> = parts.iter().map(|part| part.what.as_str()).collect();
        assert_eq!(parts, ["vault `v.ts`"]);
    }

    #[test]
    fn paths_that_lead_out_of_the_folder_are_not_followed() {
        let check = |path: &str, expect: bool| assert_eq!(is_within(Path::new(path)), expect);
        check("a.ts", true);
        check("a/b.ts", true);
        check("../a.ts", false);
        check("a/../../b.ts", false);
        check("/etc/passwd", false);
    }
}
