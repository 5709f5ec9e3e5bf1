//! The latest versions of the data, with their tags.
//!
//! swamp stores a version in `.swamp/data/TYPE/MODEL-ID/NAME/NUMBER`: its content in `raw`, and what
//! describes it in `metadata.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sedge_api::view::swamp::ImportedDataView;
use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::yaml;
use sedge_model::call::{DataKind, StagedChange, StagedContent, StagedWrite};
use sedge_model::digest::Digest;
use sedge_model::json;
use sedge_model::lifetime::{Keep, Lifetime};
use sedge_model::names::{DataName, MethodName, ModelName, SpecName, TypeName};
use sedge_store::{Change, DataImport, Origin};
use sedge_sys::folder::{read_named_file, read_named_text};
use sedge_sys::source_tree;
use serde::Deserialize;
use serde_json::Value;

use super::SwampImport;
use crate::error::AppError;
use crate::structure::{locked, one};

/// The folder of the data.
const DATA_FOLDER: &str = ".swamp/data";

/// The maximum size of one version, in bytes. It is in memory until it is written.
const CONTENT_BYTES_MAX: u64 = 256 << 20;

/// The maximum size of what describes a version, in bytes.
const METADATA_BYTES_MAX: u64 = 1 << 20;

/// The method that the record of imported data names.
const METHOD: &str = "import";

/// The tags that swamp sets itself. What they say is stored elsewhere here.
const OWN_TAGS: [&str; 3] = ["type", "specName", "modelName"];

/// What describes a version.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    content_type: String,
    #[serde(default)]
    lifetime: String,
    #[serde(default)]
    garbage_collection: Value,
    #[serde(default)]
    lifecycle: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// A version that can be written here.
struct Version {
    name: DataName,
    change: Change,
    digest: Digest,
}

impl SwampImport<'_> {
    /// Takes over the latest versions of the data of the definitions.
    pub(super) async fn data(
        &mut self,
        definitions: &[Definition],
    ) -> Result<Vec<ImportedDataView>, AppError> {
        let mut views = Vec::new();
        for definition in definitions {
            let Some(id) = &definition.id else {
                continue;
            };
            let type_name = &definition.type_name.value;
            let folder = self
                .folder
                .join(DATA_FOLDER)
                .join(type_name.as_str())
                .join(id.to_string());
            let mut versions = Vec::new();
            for name in source_tree::folders(&folder)? {
                let what = format!("data `{name}` of the model `{}`", definition.name);
                match version_read(&folder.join(&name), &name)? {
                    Ok(Some(version)) => versions.push(version),
                    // It was deleted or renamed.
                    Ok(None) => {}
                    Err(why) => self.leave(what, why),
                }
            }
            if !versions.is_empty() {
                let view = self
                    .data_write(&definition.name, type_name, versions)
                    .await?;
                views.push(view);
            }
        }
        Ok(views)
    }

    /// Writes the versions that are not there, all of them or none.
    async fn data_write(
        &mut self,
        model: &ModelName,
        type_name: &TypeName,
        versions: Vec<Version>,
    ) -> Result<ImportedDataView, AppError> {
        let what = format!("import of data of {model}");
        let held = locked(self.cx, &what, &one(model)).await?;
        let store = self.cx.repository.store()?;
        let mut view = ImportedDataView {
            model: model.to_string(),
            written: Vec::new(),
            kept: 0,
        };
        let mut changes = Vec::new();
        for version in versions {
            match store.data_get(model, &version.name, None)? {
                Some(now) if now.digest == version.digest => view.kept += 1,
                Some(now) => self.leave(
                    format!("data `{}` of the model `{model}`", version.name),
                    format!(
                        "it is there already, in version {} with another content",
                        now.version
                    ),
                ),
                None => {
                    view.written.push(version.name.to_string());
                    changes.push(version.change);
                }
            }
        }
        if changes.is_empty() {
            return Ok(view);
        }
        let snapshot = self.cx.repository.snapshot()?;
        let pinned = snapshot.plugin_pinned(type_name.as_str());
        let import = DataImport {
            model: model.clone(),
            origin: Origin {
                type_name: Some(type_name.clone()),
                method: METHOD.parse::<MethodName>()?,
                // ignored: the data of a type without a plugin was written by no plugin of ours.
                plugin: pinned
                    .map(|(_, pinned)| pinned.sha256.to_string())
                    .unwrap_or_default(),
                definition: None,
                environment: BTreeSet::new(),
            },
            changes,
        };
        store.data_import(&held.permit, import)?;
        Ok(view)
    }
}

/// Reads the latest version of a name. Returns `None` if it was deleted. The inner error is why it cannot
/// be taken over.
fn version_read(folder: &Path, name: &str) -> Result<Result<Option<Version>, String>, AppError> {
    let numbers = source_tree::folders(folder)?;
    // ignored: a folder whose name is no number is not a version.
    let numbers = numbers.iter().filter_map(|it| it.parse::<u64>().ok());
    let Some(latest) = numbers.max() else {
        return Ok(Ok(None));
    };
    let folder: PathBuf = folder.join(latest.to_string());
    let path = folder.join("metadata.yaml");
    let Some(text) = read_named_text(&path, METADATA_BYTES_MAX)? else {
        return Ok(Err("its latest version has no `metadata.yaml`".to_owned()));
    };
    let metadata: Metadata = match yaml::parse(&SourceFile::new("metadata.yaml", text)) {
        Ok(metadata) => metadata,
        Err(fault) => return Ok(Err(fault.to_string())),
    };
    if metadata.lifecycle == "deleted" {
        return Ok(Ok(None));
    }
    let content = match read_named_file(&folder.join("raw"), CONTENT_BYTES_MAX) {
        Ok(content) => content,
        Err(error) => return Ok(Err(error.source.to_string())),
    };
    Ok(version_of(name, metadata, content).map(Some))
}

/// Returns a version in the form of this datastore.
fn version_of(name: &str, metadata: Metadata, content: Vec<u8>) -> Result<Version, String> {
    let name: DataName = name
        .parse()
        .map_err(|_| "its name is not valid here".to_owned())?;
    let spec = metadata
        .tags
        .get("specName")
        .map_or(name.as_str(), String::as_str);
    let spec: SpecName =
        (spec.parse()).map_err(|_| format!("`{spec}` is not the name of a spec"))?;
    let is_resource = metadata.content_type.starts_with("application/json")
        && metadata.tags.get("type").is_none_or(|it| it == "resource");
    let digest = Digest::of(&content);
    let (kind, content) = match is_resource {
        true => {
            let text = String::from_utf8(content).map_err(|_| "it is not text".to_owned())?;
            json::parse(&text).map_err(|error| format!("it is not JSON: {error}"))?;
            (DataKind::Resource, StagedContent::Text(text))
        }
        false => (DataKind::File, StagedContent::Bytes(content)),
    };
    let own = |key: &str| OWN_TAGS.contains(&key);
    let tags = metadata.tags.iter().filter(|(key, _)| !own(key));
    let tags = tags
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Ok(Version {
        digest,
        change: Change {
            staged: StagedChange::Write(StagedWrite {
                name: name.clone(),
                kind,
                spec,
                media_type: match kind {
                    DataKind::Resource => None,
                    DataKind::File => Some(metadata.content_type.clone()),
                },
                tags,
                lifetime: None,
                keep: None,
                content,
            }),
            lifetime: lifetime_of(&metadata.lifetime),
            keep: keep_of(&metadata.garbage_collection),
        },
        name,
    })
}

/// Returns the lifetime of a version. One that is bound to a run becomes infinite, because the run has
/// ended and the version is still there.
fn lifetime_of(text: &str) -> Lifetime {
    match text.parse() {
        Ok(Lifetime::For(span)) => Lifetime::For(span),
        Ok(Lifetime::Ephemeral | Lifetime::Job | Lifetime::Workflow | Lifetime::Infinite)
        | Err(_) => Lifetime::Infinite,
    }
}

/// Returns how many versions are kept: a number, or a length of time.
fn keep_of(value: &Value) -> Option<Keep> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    // ignored: what is not understood keeps all versions.
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(text: &str) -> Metadata {
        yaml::parse(&SourceFile::new("metadata.yaml", text)).expect("it is valid")
    }

    #[test]
    fn resource_keeps_its_spec_and_tags() {
        let metadata = metadata(
            "name: vm-1\nid: x\nversion: 3\ncontentType: application/json\nlifetime: 30d\n\
             garbageCollection: 5\ntags: {type: resource, specName: vm, modelName: fleet, env: prod}\n",
        );
        let version = version_of("vm-1", metadata, b"{\"a\": 1}".to_vec()).expect("it is valid");
        let StagedChange::Write(write) = version.change.staged else {
            panic!("it is a write");
        };
        assert_eq!(
            (write.kind, write.spec.as_str()),
            (DataKind::Resource, "vm")
        );
        let tags = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
        assert_eq!((write.tags, write.media_type), (tags, None));
        assert_eq!(version.change.lifetime.to_string(), "30d");
        let keep = version.change.keep.map(|keep| keep.to_string());
        assert_eq!(keep.as_deref(), Some("5"));
    }

    #[test]
    fn other_content_is_a_file() {
        let metadata =
            metadata("contentType: text/plain\nlifetime: workflow\ntags: {type: file}\n");
        let version = version_of("log", metadata, b"hello".to_vec()).expect("it is valid");
        let StagedChange::Write(write) = version.change.staged else {
            panic!("it is a write");
        };
        assert_eq!((write.kind, write.spec.as_str()), (DataKind::File, "log"));
        assert_eq!(write.media_type.as_deref(), Some("text/plain"));
        assert_eq!(version.change.lifetime, Lifetime::Infinite);
    }

    #[test]
    fn resource_that_is_not_json_is_refused() {
        let metadata = metadata("contentType: application/json\ntags: {type: resource}\n");
        let refused = version_of("a", metadata, b"{".to_vec()).map(|_| ());
        assert!(refused.is_err_and(|why| why.starts_with("it is not JSON")));
    }
}
