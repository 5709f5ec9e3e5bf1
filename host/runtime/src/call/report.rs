//! How a call ended.

use sedge_model::call::{CallError, DiscardedChanges, LogLine, Refusals, StagedChange, Written};
use serde_json::Value;

use crate::staging::Staging;

/// The outcome of a call. None of its changes are committed yet, except those that it published.
#[derive(Debug)]
pub struct CallReport {
    /// The value that the method returned, or the error.
    pub result: Result<Value, CallError>,
    /// The staged changes to commit. Empty if the call failed, unless the failure asks to keep the
    /// writes.
    pub changes: Vec<StagedChange>,
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
            discarded: DiscardedChanges::default(),
            refusals: Refusals::default(),
            published: Vec::new(),
            log: Vec::new(),
            core_dump: None,
        }
    }

    /// Returns the report of a call with this result, and takes the changes out of the staging
    /// area.
    pub(super) fn new(result: Result<Value, CallError>, staging: &Staging) -> Self {
        let keep = match &result {
            Ok(_) => true,
            Err(CallError::Failed(failure)) => failure.keep_writes,
            Err(_) => false,
        };
        let staged = staging.take();
        let (changes, undone) = if keep {
            (staged, DiscardedChanges::default())
        } else {
            (Vec::new(), DiscardedChanges::of(&staged))
        };
        Self {
            result,
            changes,
            discarded: undone,
            refusals: Refusals::default(),
            published: staging.take_published(),
            log: Vec::new(),
            core_dump: None,
        }
    }
}
