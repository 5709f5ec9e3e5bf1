//! What a list of models said about the definitions of a repository, so that the next list does not read
//! and parse files that have not changed.
//!
//! It is a record in the user's cache, which is authenticated with the user's key. A definition is found
//! there only by the stamp of its file, which every change of the file changes. A record that is missing,
//! damaged, or of another version of the program says nothing.

use std::collections::{BTreeMap, HashMap};

use sedge_api::view::model::{LimitsView, ModelView};
use sedge_runtime::{CodeCache, sha256_hex};
use sedge_sys::folder::FileStamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::repository::Repository;
use crate::repository::files::ListedFile;
use crate::repository::heads::FileHead;

/// The number of files from which a record is used. A few files are parsed faster than a record is opened.
const FILES_MIN: usize = 32;

/// The maximum number of files in a record. The text of more files would make it too large to be read at
/// each list.
const FILES_MAX: usize = 20_000;

/// What is known about the definitions of a repository.
pub(super) struct KnownModels {
    cache: Option<CodeCache>,
    record: String,
    known: HashMap<String, StoredModel>,
    /// What the next record will have.
    next: BTreeMap<String, StoredModel>,
    is_changed: bool,
}

/// The record, as it is stored.
#[derive(Debug, Default, Serialize, Deserialize)]
struct StoredModels<M> {
    models: M,
}

/// A definition, as it is stored. Its limits are not: a definition that sets some is parsed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredModel {
    stamp: [i64; 7],
    /// The name that the file gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own_name: Option<String>,
    /// The id as the file gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own_id: Option<String>,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(rename = "type")]
    type_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    type_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    global_arguments: Map<String, Value>,
}

impl KnownModels {
    /// Reads the record of a repository whose definitions have these files.
    pub(super) fn load(repository: &Repository, paths: &[String]) -> Self {
        let mut known = Self {
            cache: None,
            record: String::new(),
            known: HashMap::new(),
            next: BTreeMap::new(),
            is_changed: false,
        };
        if !(FILES_MIN..=FILES_MAX).contains(&paths.len()) {
            return known;
        }
        // ignored: without the cache, all files are parsed. The commands that need it report why.
        let Ok(cache) = CodeCache::open(repository.compiled_code()) else {
            return known;
        };
        let root = repository.path().as_os_str().as_encoded_bytes();
        // The form of a record is private to this version of the program.
        let version = concat!("models ", env!("CARGO_PKG_VERSION"), "\0").as_bytes();
        known.record = sha256_hex(&[version, root].concat());
        let record = cache.record(&known.record);
        // ignored: a record of another form says nothing, as if there were none.
        let stored: StoredModels<HashMap<String, StoredModel>> = record
            .and_then(|it| serde_json::from_slice(&it).ok())
            .unwrap_or_default();
        known.known = stored.models;
        known.cache = Some(cache);
        for (path, model) in &known.known {
            let head = FileHead {
                name: model.own_name.clone(),
                id: model.own_id.clone(),
            };
            repository.head_known(path, FileStamp::of_numbers(model.stamp), &head);
        }
        known
    }

    /// Returns the view of a definition, if it is known and its file has not changed.
    pub(super) fn view(&mut self, file: &ListedFile) -> Option<ModelView> {
        let stamp = file.stamp()?;
        let known = self.known.get(&file.path)?;
        if FileStamp::of_numbers(known.stamp) != stamp {
            return None;
        }
        let (path, known) = self.known.remove_entry(&file.path)?;
        let view = known.view(&path);
        self.next.insert(path, known);
        Some(view)
    }

    /// Notes what the file of a definition says.
    pub(super) fn note(&mut self, file: &ListedFile, head: FileHead, view: &ModelView) {
        let Some(stamp) = file.stamp().filter(|_| self.cache.is_some()) else {
            return;
        };
        if let Some(stored) = StoredModel::of(stamp, head, view) {
            self.next.insert(file.path.clone(), stored);
            self.is_changed = true;
        }
    }

    /// Writes the record after all definitions were listed, unless the one that is there says the same.
    pub(super) fn save(self) {
        // What is left of the former record are files that are gone or have changed.
        let Some(cache) = self
            .cache
            .filter(|_| self.is_changed || !self.known.is_empty())
        else {
            return;
        };
        let stored = StoredModels { models: &self.next };
        let text = serde_json::to_vec(&stored).expect("texts and numbers have a form in JSON");
        if let Err(error) = cache.record_write(&self.record, &text) {
            tracing::debug!(%error, "the list of models is not written to the cache");
        }
    }
}

impl StoredModel {
    /// Returns `None` for a definition that is not stored.
    fn of(stamp: FileStamp, head: FileHead, view: &ModelView) -> Option<Self> {
        let ModelView {
            name,
            id,
            type_name,
            type_version,
            description,
            tags,
            global_arguments,
            limits,
            file,
            unsaved,
        } = view;
        let is_usual = *limits == LimitsView::default() && file.is_some() && !unsaved;
        is_usual.then(|| Self {
            stamp: stamp.numbers(),
            own_name: head.name,
            own_id: head.id,
            name: name.clone(),
            id: id.clone(),
            type_name: type_name.clone(),
            type_version: type_version.clone(),
            description: description.clone(),
            tags: tags.clone(),
            global_arguments: global_arguments.clone(),
        })
    }

    fn view(&self, path: &str) -> ModelView {
        ModelView {
            name: self.name.clone(),
            id: self.id.clone(),
            type_name: self.type_name.clone(),
            type_version: self.type_version.clone(),
            description: self.description.clone(),
            tags: self.tags.clone(),
            global_arguments: self.global_arguments.clone(),
            limits: LimitsView::default(),
            file: Some(path.to_owned()),
            unsaved: false,
        }
    }
}
