//! How the changes of a call are recorded: with which labels, for how long they are retained, and
//! which method wrote them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use sedge_model::call::{CallError, NameBase, StagedChange, StagedWrite};
use sedge_model::lifetime::Retention;
use sedge_model::names::{DataName, EnvName, SpecName};
use sedge_store::{Change, Origin, Passing, StoreError};

use super::ReadyCall;
use crate::run::cx::ReadyModel;

/// The labels and the retention that a workflow sets for the data of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DataLabels {
    /// The labels of the workflow and of the step. They are also for the data of nested calls.
    pub(crate) tags: BTreeMap<String, String>,
    /// What the step overrides, by the specs of its own call's data.
    pub(crate) overrides: BTreeMap<SpecName, LabelOverride>,
    /// The variables of the environment that expressions of the workflow have read for the step, or
    /// for what has called the call.
    pub(crate) environment: BTreeSet<EnvName>,
}

/// What a step overrides for the data of one spec.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LabelOverride {
    /// The retention and the labels.
    pub(crate) retention: Retention,
    /// What follows the name of the data; empty if the name does not vary.
    pub(crate) name_suffix: String,
}

/// What a call needs to commit its changes.
pub(super) struct Writes {
    pub(super) origin: Origin,
    pub(super) lock_epoch: u64,
    labels: Arc<DataLabels>,
    /// Large files that the call has written. Files that have not become data are deleted with
    /// this.
    files: Mutex<Vec<Passing>>,
}

impl Writes {
    pub(super) fn new(ready: &ReadyCall, labels: Arc<DataLabels>, lock_epoch: u64) -> Self {
        Self {
            origin: origin(ready, &labels),
            lock_epoch,
            labels,
            files: Mutex::default(),
        }
    }

    /// Returns what the workflow sets for the data of the call.
    pub(super) fn labels(&self) -> &DataLabels {
        &self.labels
    }

    /// Returns what the workflow sets for the data of a nested call.
    pub(super) fn labels_nested(&self) -> Arc<DataLabels> {
        let environment = &self.origin.environment;
        if self.labels.overrides.is_empty() && self.labels.environment == *environment {
            return Arc::clone(&self.labels);
        }
        Arc::new(DataLabels {
            tags: self.labels.tags.clone(),
            overrides: BTreeMap::new(),
            environment: environment.clone(),
        })
    }

    pub(super) fn keep(&self, file: Passing) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.push(file);
    }
}

/// Returns the origin of the data that a call writes.
pub(super) fn origin(ready: &ReadyCall, labels: &DataLabels) -> Origin {
    let plugin = &ready.model.plugin;
    Origin {
        type_name: Some(plugin.type_info().name.clone()),
        method: ready.method.clone(),
        plugin: plugin.description().sha256.clone(),
        definition: Some(ready.model.digest),
        environment: &labels.environment | &ready.environment,
    }
}

/// Returns the name of the data that another call has changed; empty for any other error.
pub(super) fn changed_name(error: &StoreError) -> String {
    let StoreError::ChangedMeanwhile { name, .. } = error else {
        return String::new();
    };
    name.to_string()
}

/// Returns the name under which a write is committed, if the workflow appends the values of `vary`
/// to its name. Returns `None` as well if that is no name of data: then the commit is refused.
pub(super) fn varied_name(labels: &DataLabels, write: &StagedWrite) -> Option<DataName> {
    let over = labels.overrides.get(&write.spec)?;
    let mut name = write.name.clone();
    // ignored: `changes` reports the same error when the call ends.
    name_vary(&mut name, &over.name_suffix).ok()?;
    (name != write.name).then_some(name)
}

/// Returns the versions that changes build on. A name to which the workflow appends the values of
/// `vary` is another name than the one that the call has read, so the version that it has read
/// does not count.
pub(super) fn bases(
    labels: &DataLabels,
    staged: &[StagedChange],
    mut bases: Vec<NameBase>,
) -> Vec<NameBase> {
    for change in staged {
        let StagedChange::Write(write) = change else {
            continue;
        };
        let over = labels.overrides.get(&write.spec);
        if over.is_some_and(|over| !over.name_suffix.is_empty()) {
            bases.retain(|base| base.name != write.name);
        }
    }
    bases
}

/// Adds the labels and retention that the plugin, the operator and the workflow set to the changes
/// of a call.
///
/// # Errors
/// A name of data is not valid with the values of `vary`.
pub(super) fn changes(
    model: &ReadyModel,
    labels: &DataLabels,
    staged: Vec<StagedChange>,
) -> Result<Vec<Change>, CallError> {
    staged
        .into_iter()
        .map(|staged| change(model, labels, staged))
        .collect()
}

/// Merges the labels and retention of one change. For the same key, the label of the single write
/// wins over the label of the step, that over the label of the workflow, and that over the label of
/// the model.
///
/// The retention of the single write wins over that of the spec, and both are the plugin's choice. What
/// the operator sets in the definition wins over them, and what the author of the workflow sets for the
/// step wins over all.
fn change(
    model: &ReadyModel,
    labels: &DataLabels,
    mut staged: StagedChange,
) -> Result<Change, CallError> {
    let StagedChange::Write(write) = &mut staged else {
        return Ok(Change {
            staged,
            lifetime: sedge_model::lifetime::Lifetime::Infinite,
            keep: None,
        });
    };
    let definition = &model.definition;
    let of_model = Retention {
        tags: definition.tags.clone(),
        ..Retention::default()
    };
    let plugin = model.plugin.type_info();
    let of_spec = plugin.retention(write.kind, write.spec.as_str());
    // ignored: no error is dropped, because this is an `Option`.
    let merged = of_model.overridden(&of_spec.cloned().unwrap_or_default());
    let of_write = Retention {
        lifetime: write.lifetime,
        keep: write.keep,
        ..Retention::default()
    };
    let merged = merged.overridden(&of_write);
    let over = definition.retention.get(&write.spec);
    // ignored: no error is dropped, because this is an `Option`.
    let mut merged = merged.overridden(&over.cloned().unwrap_or_default());
    merged.tags.extend(labels.tags.clone());
    if let Some(over) = labels.overrides.get(&write.spec) {
        merged = merged.overridden(&over.retention);
        name_vary(&mut write.name, &over.name_suffix)?;
    }
    merged.tags.append(&mut write.tags);
    write.tags = merged.tags;
    Ok(Change {
        staged,
        // ignored: no error is dropped, because this is an `Option`.
        lifetime: merged.lifetime.unwrap_or_default(),
        keep: merged.keep,
    })
}

/// Appends the values by which the name of data varies.
fn name_vary(name: &mut DataName, suffix: &str) -> Result<(), CallError> {
    if suffix.is_empty() {
        return Ok(());
    }
    let varied = format!("{name}{suffix}");
    *name = varied.parse().map_err(|error| CallError::Denied {
        reason: format!("`{varied}`, with the values of `vary`, is not a name of data: {error}"),
    })?;
    Ok(())
}
