//! How a call ended.

use sedge_model::call::{
    CallError, DiscardedChanges, LogLine, NameBase, Refusals, StagedChange, Written,
};
use sedge_model::lineage::Lineage;
use serde_json::Value;

use crate::host::ChangesToCommit;
use crate::staging::Staging;

/// The outcome of a call. None of its changes are committed yet, except those that it published.
#[derive(Debug)]
pub struct CallReport {
    /// The value that the method returned, or the error.
    pub result: Result<Value, CallError>,
    /// The staged changes to commit. Empty if the call failed, unless the failure asks to keep the
    /// writes.
    pub changes: Vec<StagedChange>,
    /// The latest versions of the changed names when the call read them.
    pub bases: Vec<NameBase>,
    /// The callers whose staged changes the call has seen.
    pub seen_of: Vec<Lineage>,
    /// The staged changes that are discarded.
    pub discarded: DiscardedChanges,
    /// What the host refused to the call.
    pub refusals: Refusals,
    /// The versions that the call published while it ran.
    pub published: Vec<Written>,
    /// The log of the call.
    pub log: Vec<LogLine>,
    /// The guest's memory at the time of a trap, if the engine makes core dumps.
    pub core_dump: Option<CoreDump>,
}

/// The memory of a guest that trapped, in the format of the WebAssembly tool conventions
/// (<https://github.com/WebAssembly/tool-conventions/blob/main/Coredump.md>): a core module with
/// all memories, globals and instances of the component, and the stack without locals.
#[derive(Clone)]
pub struct CoreDump(pub Vec<u8>);

impl std::fmt::Debug for CoreDump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CoreDump({} bytes)", self.0.len())
    }
}

impl CallReport {
    /// Returns the report of a call that was refused before any of its code ran.
    #[must_use]
    pub fn refused(error: CallError) -> Self {
        Self {
            result: Err(error),
            changes: Vec::new(),
            bases: Vec::new(),
            seen_of: Vec::new(),
            discarded: DiscardedChanges::default(),
            refusals: Refusals::default(),
            published: Vec::new(),
            log: Vec::new(),
            core_dump: None,
        }
    }

    /// Replaces the outcome by an error. The changes are discarded.
    pub fn fail(&mut self, error: CallError) {
        let changes = std::mem::take(&mut self.changes);
        if self.discarded.is_empty() {
            self.discarded = DiscardedChanges::of(&changes);
        }
        self.bases.clear();
        self.result = Err(error);
    }

    /// Returns the report of a call with this result, and takes the changes out of the staging
    /// area.
    pub(super) fn new(result: Result<Value, CallError>, staging: &Staging) -> Self {
        let keep = match &result {
            Ok(_) => true,
            Err(CallError::Failed(failure)) => failure.keep_writes,
            Err(_) => false,
        };
        let staged = staging.take_all();
        let (staged, undone) = if keep {
            (staged, DiscardedChanges::default())
        } else {
            let undone = DiscardedChanges::of(&staged.changes);
            (ChangesToCommit::default(), undone)
        };
        Self {
            result,
            changes: staged.changes,
            bases: staged.bases,
            seen_of: staging.take_seen(),
            discarded: undone,
            refusals: Refusals::default(),
            published: staging.take_published(),
            log: Vec::new(),
            core_dump: None,
        }
    }
}
