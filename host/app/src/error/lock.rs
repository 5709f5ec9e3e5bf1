//! Errors of locks, and of work that a command does under the locks of its call.

use sedge_api::problem::{ErrorCode, Explain, Help, UseCase};
use sedge_locks::error::LockError;
use sedge_model::command::LINEAGE_VARIABLE;
use sedge_model::lineage::Lineage;

/// A lock was not acquired, or the operation is not allowed under the locks of a call.
#[derive(Debug, thiserror::Error)]
pub enum LockUseError {
    /// The lock was not acquired.
    #[error(transparent)]
    Refused(#[from] LockError),
    /// A command of a call requested an operation that is not possible inside a call.
    #[error("`{what}` cannot be done by a command of the call {caller}: {reason}")]
    WithinCall {
        /// The operation.
        what: String,
        /// The call.
        caller: String,
        /// The reason.
        reason: WithinCallReason,
    },
    /// The command that this process is part of has ended, or was killed with its call.
    #[error("`{0}` contains the token of a command that has ended, so nothing can run for it")]
    TokenVoid(&'static str),
    /// A user released the lock of the call whose command this process is part of.
    #[error(
        "the lock of the call `{0}` was released by force, and this `sedge` is part of a command of that call, so it can neither run nor change anything"
    )]
    CallerLockLost(Lineage),
    /// A call that has started this run is being rolled back. The retry of that call continues the
    /// run, so no user sees this error.
    #[error("a call that has started this run is being rolled back")]
    RolledBack,
}

/// Why a command of a call cannot do an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WithinCallReason {
    /// The operation needs the datastore for itself.
    #[error("it needs the whole datastore, which the call uses")]
    Whole,
    /// The method, or one of its callers, is of kind `read` or `observe`.
    #[error("the call only looks, so its commands may change nothing")]
    OnlyLooks,
    /// The operation is a decision of a user.
    #[error("a user decides at a gate, and not a plugin")]
    Decides,
}

impl Explain for LockUseError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(error) => error.code(),
            Self::WithinCall { .. } => ErrorCode::WithinCall,
            Self::TokenVoid(_) => ErrorCode::TokenVoid,
            Self::CallerLockLost(_) => ErrorCode::Fenced,
            Self::RolledBack => ErrorCode::Deadlock,
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Refused(error) => error.help(),
            Self::WithinCall {
                reason: WithinCallReason::Whole,
                ..
            } => vec![
                Help::advice("run it after the call has ended"),
                Help::command("see which calls run", UseCase::DatastoreLockStatus),
            ],
            Self::WithinCall {
                reason: WithinCallReason::OnlyLooks,
                ..
            } => vec![Help::advice(
                "run the command from a method of a kind other than `read` and `observe`",
            )],
            Self::WithinCall {
                reason: WithinCallReason::Decides,
                ..
            } => vec![Help::advice("decide in a shell of your own")],
            Self::TokenVoid(variable) => vec![Help::advice(format!(
                "unset the environment variable `{variable}` to work independently of the call"
            ))],
            Self::CallerLockLost(call) => vec![
                Help::command("see the run of that call", UseCase::RunShow)
                    .with("run", call.run().as_str()),
                Help::advice(format!(
                    "unset the environment variable `{LINEAGE_VARIABLE}` to work independently of \
                     the call"
                )),
            ],
            Self::RolledBack => Vec::new(),
        }
    }
}
