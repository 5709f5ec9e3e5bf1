//! Words in columns: what they stand for.

use sedge_model::call::{CallStatus, DataKind, LogLevel};
use sedge_model::run::{RunKind, RunStatus};

use crate::door::TxFault;
use crate::error::StoreError;

/// What is written as one word.
pub(crate) trait StoredWord: Copy + 'static {
    /// All that can be read back.
    const ALL: &'static [Self];

    /// Returns the word.
    fn stored(self) -> &'static str;
}

/// Reads a word that the store wrote.
pub(crate) fn read_word<T: StoredWord>(what: &'static str, text: &str) -> Result<T, TxFault> {
    let found = T::ALL.iter().find(|it| it.stored() == text);
    let unknown = || StoreError::unreadable(what, format!("`{text}` is not known"));
    found.copied().ok_or_else(|| unknown().into())
}

impl StoredWord for RunKind {
    const ALL: &'static [Self] = &[Self::Method, Self::Workflow];

    fn stored(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Workflow => "workflow",
        }
    }
}

impl StoredWord for RunStatus {
    const ALL: &'static [Self] = &[
        Self::Running,
        Self::Suspended,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Interrupted,
    ];

    fn stored(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

impl StoredWord for CallStatus {
    const ALL: &'static [Self] = &[
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    fn stored(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl StoredWord for DataKind {
    const ALL: &'static [Self] = &[Self::Resource, Self::File];

    fn stored(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::File => "file",
        }
    }
}

impl StoredWord for LogLevel {
    const ALL: &'static [Self] = &[
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
    ];

    fn stored(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}
