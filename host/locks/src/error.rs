//! Why a lock was not acquired.

use std::fmt;
use std::path::PathBuf;

use sedge_api::problem::{ErrorCode, Explain, Help, UseCase};
use sedge_sys::fault::Refusal;
use sedge_sys::folder::FileError;

use crate::mode::{Mode, Resource};
use crate::owner::Owner;
use crate::session::SessionInfo;
use crate::table::Cycle;

/// A lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Others had it until the deadline.
    #[error("{resource} was locked by others for {waited_ms} ms: {}", joined(.blockers))]
    Timeout {
        /// What was to be locked.
        resource: Resource,
        /// Who had it at the end, or was in front.
        blockers: Vec<Blocker>,
        /// How long the request waited, in milliseconds.
        waited_ms: u64,
    },
    /// Waiting would have lasted for ever.
    #[error("waiting for {resource} would have lasted for ever: {} waits for {}", .ours.join(" > "), .theirs.join(" > "))]
    Deadlock {
        /// What was to be locked.
        resource: Resource,
        /// Who would have waited for whom.
        cycle: Cycle,
        /// What the one that asked is doing, from its run down.
        ours: Vec<String>,
        /// The same of the one that it would have waited for, and that waits for it.
        theirs: Vec<String>,
    },
    /// The table was removed by somebody's hand, and made anew without this request.
    #[error("the lock table was removed while a call waited for {resource}")]
    Lost {
        /// What was to be locked.
        resource: Resource,
    },
    /// Another process did not let go of the table itself: it is stopped in the middle.
    #[error("the lock table was in use by another process for {waited_ms} ms")]
    TableBusy {
        /// How long the request waited, in milliseconds.
        waited_ms: u64,
    },
    /// Another version of Sedge works with the table.
    #[error("`{}` is in use by another version of Sedge, which locks in its own way (format {found}, here {known})", path.display())]
    Version {
        /// The table's file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The one that this code reads and writes.
        known: u32,
    },
    /// The table is not what was written.
    #[error("the lock table `{}` cannot be read: {reason}", path.display())]
    Unreadable {
        /// The table's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that processes share cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The operating system has no more threads to give.
    #[error("failed to start a thread that waits for other processes")]
    Thread(#[from] std::io::Error),
}

impl Explain for LockError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Timeout { .. } | Self::TableBusy { .. } => ErrorCode::LockTimeout,
            Self::Deadlock { .. } => ErrorCode::Deadlock,
            Self::Lost { .. } => ErrorCode::LockLost,
            Self::Version { .. } => ErrorCode::LockVersion,
            Self::Unreadable { .. } => ErrorCode::LockUnreadable,
            Self::File(error) => error.code(),
            Self::Thread(error) => Refusal::of(error).code(),
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Timeout { .. } | Self::TableBusy { .. } => locked_help(),
            Self::Deadlock { .. } => {
                vec![Help::again("try again: the other call has gone on")]
            }
            Self::Lost { .. } => vec![Help::again("try again: the table has been made again")],
            Self::Version { .. } => vec![Help::again(
                "try again when the processes of the other version have ended, or use that version",
            )],
            Self::Unreadable { path, .. } => vec![Help::advice(format!(
                "end all processes of Sedge that use the repository, then remove `{}`: no lock \
                 outlives the process that holds it",
                path.display()
            ))],
            Self::File(error) => error.help(),
            Self::Thread(error) => Refusal::of(error).help(),
        }
    }
}

/// Returns what to do when others hold a lock for too long.
#[must_use]
pub fn locked_help() -> Vec<Help> {
    vec![
        Help::again("try again when the lock is free"),
        Help::command(
            "see what is locked, and by which calls",
            UseCase::DatastoreLockStatus,
        ),
    ]
}

/// Whom a request waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// The lineage.
    pub owner: Owner,
    /// How it has the resource, or wants it.
    pub mode: Mode,
    /// Whether it has it; else it is in front in the line.
    pub has_it: bool,
    /// What its calls do, from the run down.
    pub chain: Vec<String>,
    /// Since when it has or wants it, in milliseconds since 1970-01-01T00:00:00Z.
    pub since: u64,
    /// Its process, if that can be told.
    pub session: Option<SessionInfo>,
}

fn joined(blockers: &[Blocker]) -> String {
    let blockers: Vec<String> = blockers.iter().map(Blocker::to_string).collect();
    blockers.join(", ")
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owner, chain, .. } = self;
        write!(f, "{owner} ({})", chain.join(" > "))?;
        match &self.session {
            Some(session) => write!(f, " of {session}"),
            None => Ok(()),
        }
    }
}
