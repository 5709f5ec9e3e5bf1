//! The data of a test: versions in memory, and what a running method has staged.

use std::collections::BTreeMap;

use crate::bindings::sedge::model::data::{DataKind, Tag, VersionInfo};
use crate::bindings::sedge::model::types::{ChangedData, Written};

use super::world::World;

/// The maximum size of a resource, in bytes, as in production.
pub(super) const JSON_BYTES_MAX: usize = 4 << 20;

/// The maximum number of names on a page of a list, as in production.
pub(super) const LIST_MAX: u32 = 1000;

/// The number of files that a call may have open, as in production.
pub(super) const OPEN_FILES_MAX: u64 = 64;

/// A version that is not committed yet.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) kind: DataKind,
    pub(super) spec: String,
    pub(super) media_type: String,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) content: Vec<u8>,
    /// The JSON Pointers of its sealed fields.
    pub(super) sealed: Vec<String>,
}

/// A version that was found, with the values of its sealed fields.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) info: VersionInfo,
    pub(super) content: Vec<u8>,
    /// The JSON Pointers of its sealed fields.
    pub(super) sealed: Vec<String>,
}

impl Found {
    fn new(info: VersionInfo, draft: &Draft) -> Self {
        Self {
            info,
            content: draft.content.clone(),
            sealed: draft.sealed.clone(),
        }
    }
}

/// A change that a method has staged.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// The next version of a name.
    Write(Draft),
    /// The deletion of a version, or of all versions.
    Delete { name: String, version: Option<u64> },
}

impl Change {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Write(draft) => &draft.name,
            Self::Delete { name, .. } => name,
        }
    }
}

/// A committed version.
#[derive(Debug, Clone)]
struct Version {
    number: u64,
    created_at_ms: u64,
    /// The call that wrote it. `None` for a version that the test put there.
    by: Option<String>,
    draft: Draft,
}

/// The versions of one name, oldest first.
#[derive(Debug, Default)]
struct Name {
    versions: Vec<Version>,
}

/// The committed data of all models.
#[derive(Debug, Default)]
pub(super) struct Store {
    names: BTreeMap<(String, String), Name>,
}

impl Store {
    /// Commits the next version of a name, and returns its number.
    pub(super) fn push(
        &mut self,
        model: &str,
        draft: Draft,
        created_at_ms: u64,
        by: Option<String>,
    ) -> u64 {
        let key = (model.to_owned(), draft.name.clone());
        let versions = &mut self.names.entry(key).or_default().versions;
        let number = versions.last().map_or(1, |last| last.number + 1);
        versions.push(Version {
            number,
            created_at_ms,
            by,
            draft,
        });
        number
    }

    /// Deletes one version of a name, or all of them.
    pub(super) fn delete(&mut self, model: &str, name: &str, version: Option<u64>) {
        let key = (model.to_owned(), name.to_owned());
        let Some(known) = self.names.get_mut(&key) else {
            return;
        };
        match version {
            Some(version) => known.versions.retain(|it| it.number != version),
            None => known.versions.clear(),
        }
        if known.versions.is_empty() {
            self.names.remove(&key);
        }
    }

    /// Returns whether a model has data.
    pub(super) fn has_model(&self, model: &str) -> bool {
        self.names.keys().any(|(owner, _)| owner == model)
    }

    /// Returns the metadata of all versions of a name.
    pub(super) fn versions(&self, model: &str, name: &str) -> Vec<VersionInfo> {
        let versions = self.of(model, name).iter();
        versions.map(|version| info(model, version)).collect()
    }

    /// Returns a version, or the latest one for which `is_kept` holds.
    pub(super) fn get(
        &self,
        model: &str,
        name: &str,
        is_taken: impl Fn(u64) -> bool,
    ) -> Option<Found> {
        let mut versions = self.of(model, name).iter().rev();
        let version = versions.find(|it| is_taken(it.number))?;
        Some(Found::new(info(model, version), &version.draft))
    }

    /// Returns the latest version of each name of a model, sorted by name.
    fn latest_of_all(&self, model: &str) -> Vec<VersionInfo> {
        let names = self.names.iter().filter(|((owner, _), _)| owner == model);
        let latest = names.filter_map(|(_, name)| name.versions.last());
        latest.map(|it| info(model, it)).collect()
    }

    fn latest(&self, model: &str, name: &str) -> Option<&Version> {
        self.of(model, name).last()
    }

    fn of(&self, model: &str, name: &str) -> &[Version] {
        let known = self.names.get(&(model.to_owned(), name.to_owned()));
        known.map_or(&[], |name| &name.versions)
    }
}

fn info(model: &str, version: &Version) -> VersionInfo {
    VersionInfo {
        version: Some(version.number),
        created_at_ms: Some(version.created_at_ms),
        ..draft_info(model, &version.draft)
    }
}

fn draft_info(model: &str, draft: &Draft) -> VersionInfo {
    let tags = draft.tags.iter().map(|(key, value)| Tag {
        key: key.clone(),
        value: value.clone(),
    });
    VersionInfo {
        model: model.to_owned(),
        name: draft.name.clone(),
        kind: draft.kind,
        spec: draft.spec.clone(),
        version: None,
        created_at_ms: None,
        media_type: draft.media_type.clone(),
        size: draft.content.len() as u64,
        tags: tags.collect(),
    }
}

/// What the running method has staged.
impl World {
    /// Stages a change.
    pub(super) fn stage(
        &mut self,
        change: Change,
    ) -> Result<(), crate::bindings::sedge::model::data::DataError> {
        let name = change.name().to_owned();
        let latest = self.data.latest(&self.model, &name).map(|it| it.number);
        let call = self.call_mut();
        call.bases.entry(name).or_insert(latest);
        call.staged.push(change);
        Ok(())
    }

    /// Records that the method has read the latest version of a name, on which its next write builds.
    pub(super) fn latest_read(&mut self, model: &str, name: &str) {
        if model != self.model {
            return;
        }
        let latest = self.data.latest(model, name).map(|it| it.number);
        self.call_mut().bases.insert(name.to_owned(), latest);
    }

    /// Returns a version as the running method sees it, with what it has staged.
    pub(super) fn found(&self, model: &str, name: &str, version: Option<u64>) -> Option<Found> {
        let mut deleted = Vec::new();
        if model == self.model {
            for change in self.call().staged.iter().rev() {
                match change {
                    Change::Write(draft) if draft.name == name && version.is_none() => {
                        return Some(Found::new(draft_info(model, draft), draft));
                    }
                    Change::Delete {
                        name: other,
                        version,
                    } if other == name => match version {
                        Some(version) => deleted.push(*version),
                        None => return None,
                    },
                    Change::Write(_) | Change::Delete { .. } => {}
                }
            }
        }
        self.data.get(model, name, |number| {
            version.is_none_or(|wanted| wanted == number) && !deleted.contains(&number)
        })
    }

    /// Returns the latest version of each name of a model as the running method sees it.
    pub(super) fn latest_versions(&self, model: &str) -> Vec<VersionInfo> {
        let committed = self.data.latest_of_all(model);
        let mut names: Vec<String> = committed.into_iter().map(|it| it.name).collect();
        if model == self.model {
            let staged = self.call().staged.iter();
            names.extend(staged.map(|change| change.name().to_owned()));
        }
        names.sort();
        names.dedup();
        let found = names
            .iter()
            .filter_map(|name| self.found(model, name, None));
        found.map(|found| found.info).collect()
    }

    /// Returns the metadata of the latest committed version; made up if the test has put none there.
    pub(super) fn found_info(&self, model: &str, name: &str) -> VersionInfo {
        if let Some(found) = self.data.get(model, name, |_| true) {
            return found.info;
        }
        VersionInfo {
            model: model.to_owned(),
            name: name.to_owned(),
            kind: DataKind::Resource,
            spec: name.to_owned(),
            version: Some(1),
            created_at_ms: Some(self.now_ms),
            media_type: "application/json".to_owned(),
            size: 0,
            tags: Vec::new(),
        }
    }

    /// Commits what the running method has staged, and returns the new versions.
    pub(super) fn commit(&mut self) -> Result<Vec<Written>, ChangedData> {
        let staged = std::mem::take(&mut self.call_mut().staged);
        let changed = staged.iter().find_map(|change| self.changed(change.name()));
        if let Some(changed) = changed {
            return Err(changed);
        }
        let (model, now_ms) = (self.model.clone(), self.now_ms);
        let by = self.call().id.clone();
        let mut written = Vec::new();
        for change in staged {
            let name = change.name().to_owned();
            match change {
                Change::Write(draft) => {
                    let version = self.data.push(&model, draft, now_ms, Some(by.clone()));
                    let name = name.clone();
                    written.push(Written { name, version });
                }
                Change::Delete { name, version } => self.data.delete(&model, &name, version),
            }
            let latest = self.data.latest(&model, &name).map(|it| it.number);
            self.call_mut().bases.insert(name, latest);
        }
        self.call_mut().written.extend(written.iter().cloned());
        Ok(written)
    }

    /// Returns what has happened to a name since the running method read or staged it.
    fn changed(&self, name: &str) -> Option<ChangedData> {
        let base = self.call().bases.get(name)?;
        let latest = self.data.latest(&self.model, name);
        if latest.map(|it| it.number) == *base {
            return None;
        }
        let what = match latest {
            Some(Version {
                number,
                by: Some(by),
                ..
            }) => format!("the call `{by}` wrote version {number} of `{name}`"),
            Some(Version { number, .. }) => format!("the test wrote version {number} of `{name}`"),
            None => format!("`{name}` was deleted"),
        };
        Some(ChangedData {
            name: name.to_owned(),
            reason: format!(
                "{what} after this call had read it, so none of this call's changes were written"
            ),
        })
    }
}
