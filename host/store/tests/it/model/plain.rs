//! The data model in its simplest form: lists that are searched sequentially.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use sedge_lang::query::Selection;
use sedge_model::call::{CallStatus, DataKind, Written};
use sedge_model::digest::Digest;
use sedge_model::lifetime::{Keep, Lifetime};
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_store::{DataDeleted, DataRecord, DataRestoreEnd, GcReport, GcRules, INLINE_BYTES_MAX};

use super::STEPS;
use crate::fixture::{data_name, model_name};

/// The expected content of a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plain {
    pub(crate) data: Vec<Data>,
    pub(crate) runs: Vec<Run>,
    /// The files of large content with their sizes, whether a version refers to them or not.
    pub(crate) files: BTreeMap<[u8; 32], u64>,
}

/// A name, with its former names.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    pub(crate) model: String,
    pub(crate) name: String,
    pub(crate) former: BTreeSet<String>,
    owner: Option<String>,
    written: u64,
    keep: Option<Keep>,
    pub(crate) versions: BTreeMap<u64, Version>,
}

/// The fields of a version that do not depend on its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) kind: DataKind,
    pub(crate) spec: String,
    pub(crate) media_type: Option<String>,
    pub(crate) content: Content,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) lifetime: Lifetime,
    /// Copied from the store after it wrote the version.
    pub(crate) created_at_ms: u64,
    pub(crate) by: Lineage,
    pub(crate) step: Option<String>,
    pub(crate) type_name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) size: u64,
    pub(crate) digest: Digest,
}

/// A version as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) model: String,
    pub(crate) name: String,
    pub(crate) number: u64,
    pub(crate) is_latest: bool,
    pub(crate) version: Version,
}

#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) has_source: bool,
    pub(crate) is_there: bool,
    pub(crate) has_ended: bool,
    pub(crate) calls: BTreeMap<Lineage, CallStatus>,
    pub(crate) steps_ended: BTreeSet<usize>,
    /// Calls whose locks, and those of their callees, were taken away.
    pub(crate) lost: Vec<Lineage>,
}

/// One change of a call.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Write {
        name: String,
        version: Box<Version>,
        keep: Option<Keep>,
    },
    Delete {
        name: String,
        number: Option<u64>,
    },
}

impl Line {
    pub(crate) fn of(record: &DataRecord) -> Self {
        Self {
            model: record.model.to_string(),
            name: record.name.to_string(),
            number: record.version,
            is_latest: record.is_latest,
            version: Version {
                kind: record.kind,
                spec: record.spec.to_string(),
                media_type: record.media_type.clone(),
                content: Content {
                    size: record.size,
                    digest: record.digest,
                },
                tags: record.tags.clone(),
                lifetime: record.lifetime,
                created_at_ms: record.created_at.0,
                by: record.by.clone(),
                step: record.step.clone(),
                type_name: record.origin.type_name.as_ref().map(ToString::to_string),
            },
        }
    }

    pub(crate) fn passes(&self, selection: &Selection) -> bool {
        let is = |wanted: &Option<String>, given: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == given)
        };
        let version = &self.version;
        let at = version.created_at_ms;
        let mut tags = selection.tags.iter();
        is(&selection.model, &self.model)
            && is(&selection.name, &self.name)
            && is(&selection.spec, &version.spec)
            && is(&selection.kind, version.kind.as_str())
            && is(
                &selection.type_name,
                version.type_name.as_deref().unwrap_or_default(),
            )
            && is(&selection.run, version.by.run().as_str())
            && selection
                .name_prefix
                .as_ref()
                .is_none_or(|it| self.name.starts_with(it.as_str()))
            && selection
                .name_after
                .as_ref()
                .is_none_or(|it| self.name > *it)
            && selection.version.is_none_or(|it| it == self.number)
            && tags.all(|(key, value)| version.tags.get(key) == Some(value))
            && selection.created_from_ms.is_none_or(|it| at >= it)
            && selection.created_before_ms.is_none_or(|it| at < it)
            && selection.latest.is_none_or(|it| it == self.is_latest)
    }
}

impl Data {
    /// Refuses a type other than the one that wrote the name first, which is returned.
    fn owner_check(&self, type_name: Option<&str>) -> Result<(), String> {
        match (&self.owner, type_name) {
            (Some(owner), Some(own)) if owner != own => Err(owner.clone()),
            (Some(_) | None, _) => Ok(()),
        }
    }

    fn new(model: &str, name: &str) -> Self {
        Self {
            model: model.to_owned(),
            name: name.to_owned(),
            former: BTreeSet::new(),
            owner: None,
            written: 0,
            keep: None,
            versions: BTreeMap::new(),
        }
    }

    fn is_called(&self, model: &str, name: &str) -> bool {
        self.model == model && (self.name == name || self.former.contains(name))
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = Line> {
        let latest = self.versions.keys().max();
        self.versions.iter().map(move |(number, version)| Line {
            model: self.model.clone(),
            name: self.name.clone(),
            number: *number,
            is_latest: Some(number) == latest,
            version: version.clone(),
        })
    }

    fn deleted(&self, numbers: &[u64]) -> DataDeleted {
        let sizes = numbers
            .iter()
            .map(|number| self.versions[number].content.size);
        DataDeleted {
            model: model_name(&self.model),
            name: data_name(&self.name),
            n_versions: numbers.len() as u64,
            n_bytes: sizes.sum(),
        }
    }
}

impl Plain {
    pub(crate) fn find(&self, model: &str, name: &str) -> Option<&Data> {
        self.data.iter().find(|data| data.is_called(model, name))
    }

    fn find_mut(&mut self, model: &str, name: &str) -> Option<&mut Data> {
        self.data
            .iter_mut()
            .find(|data| data.is_called(model, name))
    }

    /// Returns all versions in the order in which they are read: by model and name, the newest of a
    /// name first.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = self.data.iter().flat_map(Data::lines).collect();
        let key = |line: &Line| (line.model.clone(), line.name.clone(), Reverse(line.number));
        lines.sort_by_key(key);
        lines
    }

    /// Makes a call's changes, or none of them if one is refused because the name belongs to
    /// another type.
    pub(crate) fn change(
        &mut self,
        model: &str,
        type_name: Option<&str>,
        changes: &[Change],
    ) -> Result<Vec<Written>, String> {
        let mut after = self.clone();
        let mut written = Vec::new();
        for change in changes {
            match change {
                Change::Write {
                    name,
                    version,
                    keep,
                } => {
                    let data = match after.find_mut(model, name) {
                        Some(data) => data,
                        None => {
                            after.data.push(Data::new(model, name));
                            after.data.last_mut().expect("it was put there")
                        }
                    };
                    data.owner_check(type_name)?;
                    if data.owner.is_none() {
                        data.owner = type_name.map(str::to_owned);
                    }
                    data.written += 1;
                    data.keep = *keep;
                    data.versions.insert(data.written, (**version).clone());
                    written.push(Written {
                        name: data_name(&data.name),
                        version: data.written,
                    });
                }
                Change::Delete { name, number } => {
                    if let Some(data) = after.find_mut(model, name) {
                        data.owner_check(type_name)?;
                        data.versions
                            .retain(|it, _| number.is_some_and(|number| number != *it));
                    }
                    after.data.retain(|data| !data.versions.is_empty());
                }
            }
        }
        *self = after;
        Ok(written)
    }

    /// Records the files that the changes need, whether the changes are made or not.
    pub(crate) fn files_write(&mut self, changes: &[Change]) {
        for change in changes {
            if let Change::Write { version, .. } = change
                && version.content.size > INLINE_BYTES_MAX as u64
            {
                self.files
                    .insert(version.content.digest.0, version.content.size);
            }
        }
    }

    /// Returns the files that no version refers to.
    pub(crate) fn files_unused(&self) -> Vec<([u8; 32], u64)> {
        let versions = || self.data.iter().flat_map(|data| data.versions.values());
        let is_used = |digest| versions().any(|version| version.content.digest.0 == digest);
        let files = self.files.iter().map(|(digest, size)| (*digest, *size));
        files.filter(|(digest, _)| !is_used(*digest)).collect()
    }

    /// Returns the taken name if the new name is taken.
    pub(crate) fn rename(
        &mut self,
        model: &str,
        (from, to): (&str, &str),
        forward: bool,
    ) -> Result<bool, String> {
        if self.find(model, from).is_none() {
            return Ok(false);
        }
        let is_former = |data: &Data| data.is_called(model, from) && data.former.contains(to);
        if self.find(model, to).is_some_and(|taken| !is_former(taken)) {
            return Err(to.to_owned());
        }
        let data = self.find_mut(model, from).expect("it was found before");
        data.former.remove(to);
        let before = std::mem::replace(&mut data.name, to.to_owned());
        if forward {
            data.former.insert(before);
        }
        Ok(true)
    }

    /// Writes a version again as the latest one. Returns the owner of the name if that is another
    /// type.
    pub(crate) fn restore(
        &mut self,
        (model, name): (&str, &str),
        number: u64,
        type_name: Option<&str>,
    ) -> Result<DataRestoreEnd, String> {
        let Some(data) = self.find_mut(model, name) else {
            return Ok(DataRestoreEnd::Missing);
        };
        data.owner_check(type_name)?;
        let Some(mut version) = data.versions.get(&number).cloned() else {
            return Ok(DataRestoreEnd::Missing);
        };
        if data.versions.keys().max() == Some(&number) {
            return Ok(DataRestoreEnd::IsLatest);
        }
        version.created_at_ms = 0;
        version.lifetime = match version.lifetime {
            Lifetime::For(_) | Lifetime::Infinite => version.lifetime,
            Lifetime::Ephemeral | Lifetime::Job | Lifetime::Workflow => Lifetime::Infinite,
        };
        data.written += 1;
        data.versions.insert(data.written, version);
        Ok(DataRestoreEnd::Written(data.written))
    }

    /// Deletes the given version of the chosen names, or all versions if `number` is `None`.
    pub(crate) fn delete(
        &mut self,
        is_chosen: impl Fn(&Data) -> bool,
        number: Option<u64>,
    ) -> Vec<DataDeleted> {
        let mut deleted = Vec::new();
        for data in self.data.iter_mut().filter(|data| is_chosen(data)) {
            let numbers = data.versions.keys().copied();
            let numbers: Vec<u64> = numbers
                .filter(|it| number.is_none_or(|n| n == *it))
                .collect();
            deleted.push(data.deleted(&numbers));
            data.versions.retain(|it, _| !numbers.contains(it));
        }
        self.settle(deleted)
    }

    pub(crate) fn collect(&mut self, rules: &GcRules) -> GcReport {
        let mut report = GcReport::default();
        let before = self.clone();
        for data in &mut self.data {
            let mut numbers = Vec::new();
            for (nth, (number, version)) in data.versions.iter().rev().enumerate() {
                let rule = rules.overrides.get(&model_name(&data.model));
                let spec = version.spec.parse().expect("the name of a spec");
                let rule = rule.and_then(|rule| rule.get(&spec));
                let lifetime = rule
                    .and_then(|rule| rule.lifetime)
                    .unwrap_or(version.lifetime);
                let keep = rule.and_then(|rule| rule.keep).or(data.keep);
                let age_ms = u128::from(rules.now_ms).checked_sub(version.created_at_ms.into());
                let is_older = |ms: u64| age_ms.is_some_and(|age| age >= u128::from(ms));
                let is_over = before.is_over(version, lifetime, is_older);
                let is_deleted = match (nth, keep) {
                    (0, _) => {
                        report.n_latest_kept += u64::from(is_over && !rules.with_latest);
                        is_over && rules.with_latest
                    }
                    (_, None) => is_over,
                    (_, Some(Keep::Versions(n))) => is_over || nth >= n.get() as usize,
                    (_, Some(Keep::Age(span))) => is_over || is_older(span.ms()),
                };
                if is_deleted {
                    numbers.push(*number);
                }
            }
            report.deleted.push(data.deleted(&numbers));
            data.versions.retain(|it, _| !numbers.contains(it));
        }
        report.deleted = self.settle(report.deleted);
        let unused = self.files_unused();
        report.files = (
            unused.len() as u64,
            unused.iter().map(|(_, size)| size).sum(),
        );
        for (digest, _) in unused {
            self.files.remove(&digest);
        }
        report
    }

    /// Removes names without versions, and sorts what was deleted.
    fn settle(&mut self, mut deleted: Vec<DataDeleted>) -> Vec<DataDeleted> {
        self.data.retain(|data| !data.versions.is_empty());
        deleted.retain(|it| it.n_versions > 0);
        deleted.sort_by(|one, other| (&one.model, &one.name).cmp(&(&other.model, &other.name)));
        deleted
    }

    fn is_over(
        &self,
        version: &Version,
        lifetime: Lifetime,
        is_older: impl Fn(u64) -> bool,
    ) -> bool {
        let run = self.runs.iter().find(|run| run.id == *version.by.run());
        let run = run.filter(|run| run.is_there && !run.has_ended);
        let job = |step: &str| step.split('/').next().map(str::to_owned);
        match (lifetime, run) {
            (Lifetime::Infinite, _) => false,
            (Lifetime::For(span), _) => is_older(span.ms()),
            (Lifetime::Ephemeral | Lifetime::Job | Lifetime::Workflow, None) => true,
            (Lifetime::Workflow, Some(_)) => false,
            (Lifetime::Job, Some(run)) => {
                let own = version.step.as_deref().and_then(job);
                let mut steps = (0..STEPS.len()).filter(|n| job(STEPS[*n]) == own);
                run.has_source && own.is_some() && steps.all(|n| run.steps_ended.contains(&n))
            }
            (Lifetime::Ephemeral, Some(run)) => {
                let mut calls = run.calls.iter();
                let own = calls.find(|(call, _)| call.depth() == 1 && call.covers(&version.by));
                own.is_none_or(|(_, status)| *status != CallStatus::Running)
            }
        }
    }
}
