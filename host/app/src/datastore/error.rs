//! Errors of the datastore.

use sedge_api::problem::{Argument, Details, ErrorCode, Explain, Help, UseCase, sources};
use sedge_model::audit::AuditWord;
use sedge_store::StoreError;

use crate::error::AppError;

/// The datastore cannot be used, or is in the wrong state.
#[derive(Debug, thiserror::Error)]
pub enum DatastoreError {
    /// The store refused an operation.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something in the datastore is missing or damaged.
    #[error("the datastore is damaged")]
    Damaged {
        /// The faults, each with its place.
        faults: Vec<String>,
    },
    /// The datastore has data or runs.
    #[error("the datastore is not empty")]
    NotEmpty,
    /// The audit has no entry about an action that was done.
    #[error("the action was done, but could not be recorded in the audit: `{}` of `{on}`", what.as_str())]
    NotAudited {
        /// What the user did.
        what: AuditWord,
        /// To what.
        on: String,
        /// Why the entry could not be written.
        source: Box<AppError>,
    },
}

impl Explain for DatastoreError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Store(error) => error.code(),
            Self::Damaged { .. } => ErrorCode::StoreDamaged,
            Self::NotEmpty => ErrorCode::StoreNotEmpty,
            Self::NotAudited { .. } => ErrorCode::AuditMissing,
        }
    }

    fn causes(&self) -> Vec<String> {
        if let Self::Damaged { faults } = self {
            return faults.clone();
        }
        if let Self::NotAudited { source, .. } = self {
            return [vec![source.message()], source.causes()].concat();
        }
        sources(std::error::Error::source(self))
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Store(error) => error.help(),
            Self::Damaged { .. } => vec![
                Help::command("restore a backup", UseCase::DatastoreRestore)
                    .with("file", Argument::open())
                    .with("replace", Argument::on()),
            ],
            Self::NotEmpty => vec![
                Help::again("replace the existing data and runs by the backup")
                    .with("replace", Argument::on()),
            ],
            Self::NotAudited { source, .. } => {
                let advice = "do not repeat the action, and keep this message with your records";
                [vec![Help::advice(advice)], source.help()].concat()
            }
        }
    }

    fn details(&self) -> Option<Details> {
        match self {
            Self::Store(error) => error.details(),
            Self::Damaged { .. } | Self::NotEmpty | Self::NotAudited { .. } => None,
        }
    }
}
