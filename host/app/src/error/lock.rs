//! Errors of locks, and of work that a call's command does under the locks of the call.

use sedge_api::problem::{ErrorCode, Explain, Help, UseCase};
use sedge_locks::error::LockError;

/// A lock was not acquired, or could not help.
#[derive(Debug, thiserror::Error)]
pub enum LockUseError {
    /// It was not acquired.
    #[error(transparent)]
    Refused(#[from] LockError),
    /// A command of a call does what cannot be done within one.
    #[error("`{what}` cannot be done by a command of the call {caller}: {reason}")]
    WithinCall {
        /// What was to be done.
        what: String,
        /// The call.
        caller: String,
        /// Why.
        reason: WithinCallReason,
    },
    /// This process is part of a command that has ended, or was killed with its call.
    #[error("`{0}` has a token of a command that has ended: nothing is run for it any more")]
    TokenVoid(&'static str),
}

/// Why something cannot be done by a command of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WithinCallReason {
    /// Nothing else may be at work meanwhile.
    #[error("it needs the whole datastore, and the call is at work there")]
    Whole,
    /// The method, or one of its callers, is of kind `read`.
    #[error("the call only reads, and so must all that is done for it")]
    OnlyReads,
}

impl Explain for LockUseError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(error) => error.code(),
            Self::WithinCall { .. } => ErrorCode::WithinCall,
            Self::TokenVoid(_) => ErrorCode::TokenVoid,
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Refused(error) => error.help(),
            Self::WithinCall {
                reason: WithinCallReason::Whole,
                ..
            } => vec![
                Help::advice("do it when the call has ended"),
                Help::command("see which calls run", UseCase::DatastoreLockStatus),
            ],
            Self::WithinCall {
                reason: WithinCallReason::OnlyReads,
                ..
            } => vec![Help::advice(
                "have a method of another kind than `read` run the command",
            )],
            Self::TokenVoid(variable) => vec![Help::advice(format!(
                "unset the environment variable `{variable}` to go on without the call"
            ))],
        }
    }
}
