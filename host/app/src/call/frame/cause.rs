//! Why a call was rolled back.

/// The chains of the two lineages of a deadlock, each from its run down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadlockChains {
    pub(crate) ours: Vec<String>,
    pub(crate) theirs: Vec<String>,
}

/// Why a call was rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RollbackCause {
    /// It and another call waited for each other.
    Deadlock(DeadlockChains),
    /// Another observation has written the same data beside it.
    ChangedMeanwhile {
        /// The name of the data.
        name: String,
        /// A sentence that names the call that wrote it.
        reason: String,
    },
}
