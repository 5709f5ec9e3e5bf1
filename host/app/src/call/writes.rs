//! What becomes of a call's changes: under which labels they go on record, how long they are
//! kept, and what ran.

use std::sync::{Mutex, PoisonError};

use sedge_model::call::StagedChange;
use sedge_model::lifetime::Retention;
use sedge_model::names::MethodName;
use sedge_store::{Change, Origin, Passing};

use crate::run_cx::ReadyModel;

/// What a call needs to commit its changes.
pub(super) struct Writes {
    pub(super) origin: Origin,
    pub(super) lock_epoch: u64,
    /// Large files that the call has written. They go with this, if they have not become data.
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

/// Adds to changes what the plugin and the operator say of them.
pub(super) fn changes(model: &ReadyModel, staged: Vec<StagedChange>) -> Vec<Change> {
    staged
        .into_iter()
        .map(|staged| change(model, staged))
        .collect()
}

/// Labels: those of the model are general, those of one write particular, and the particular
/// counts where both have one key.
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
    // ignored: there is no error here, only no value.
    let said = of_model.overridden(&of_spec.cloned().unwrap_or_default());
    let over = definition.retention.get(&write.spec);
    // ignored: there is no error here, only no value.
    let mut said = said.overridden(&over.cloned().unwrap_or_default());
    said.tags.append(&mut write.tags);
    write.tags = said.tags;
    Change {
        staged,
        // ignored: there is no error here, only no value.
        lifetime: said.lifetime.unwrap_or_default(),
        keep: said.keep,
    }
}
