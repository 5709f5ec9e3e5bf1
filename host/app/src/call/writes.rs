//! How the changes of a call are recorded: with which labels, for how long they are retained, and
//! which method wrote them.

use std::sync::{Mutex, PoisonError};

use sedge_model::call::StagedChange;
use sedge_model::lifetime::Retention;
use sedge_model::names::MethodName;
use sedge_store::{Change, Origin, Passing};

use crate::run::cx::ReadyModel;

/// What a call needs to commit its changes.
pub(super) struct Writes {
    pub(super) origin: Origin,
    pub(super) lock_epoch: u64,
    /// Large files that the call has written. Files that have not become data are deleted with
    /// this.
    files: Mutex<Vec<Passing>>,
}

impl Writes {
    pub(super) fn new(model: &ReadyModel, method: &MethodName, lock_epoch: u64) -> Self {
        Self {
            origin: origin(model, method),
            lock_epoch,
            files: Mutex::default(),
        }
    }

    pub(super) fn keep(&self, file: Passing) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.push(file);
    }
}

pub(super) fn origin(model: &ReadyModel, method: &MethodName) -> Origin {
    Origin {
        type_name: Some(model.plugin.type_info().name.clone()),
        method: method.clone(),
        plugin: model.plugin.description().sha256.clone(),
        definition: Some(model.digest),
    }
}

/// Adds the labels and retention that the plugin and the operator set to the changes of a call.
pub(super) fn changes(model: &ReadyModel, staged: Vec<StagedChange>) -> Vec<Change> {
    staged
        .into_iter()
        .map(|staged| change(model, staged))
        .collect()
}

/// Merges the labels and retention of one change. For the same key, the label of the single write
/// wins over the label of the model.
fn change(model: &ReadyModel, mut staged: StagedChange) -> Change {
    let StagedChange::Write(write) = &mut staged else {
        return Change {
            staged,
            lifetime: sedge_model::lifetime::Lifetime::Infinite,
            keep: None,
        };
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
    let over = definition.retention.get(&write.spec);
    // ignored: no error is dropped, because this is an `Option`.
    let mut merged = merged.overridden(&over.cloned().unwrap_or_default());
    merged.tags.append(&mut write.tags);
    write.tags = merged.tags;
    Change {
        staged,
        // ignored: no error is dropped, because this is an `Option`.
        lifetime: merged.lifetime.unwrap_or_default(),
        keep: merged.keep,
    }
}
