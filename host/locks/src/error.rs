//! Errors of acquiring a lock.

use std::fmt;
use std::path::PathBuf;

use sedge_api::problem::{ErrorCode, Explain, Help, UseCase};
use sedge_sys::fault::Refusal;
use sedge_sys::folder::FileError;

use crate::mode::{Mode, Resource};
use crate::owner::Owner;
use crate::session::SessionInfo;
use crate::table::Cycle;

/// The reason why a lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Other owners held the resource until the deadline.
    #[error("{resource} was locked by others for {waited_ms} ms: {}", joined(.blockers))]
    Timeout {
        /// The resource to be locked.
        resource: Resource,
        /// The requests that held it at the deadline, or were in front in the queue.
        blockers: Vec<Blocker>,
        /// How long the request waited, in milliseconds.
        waited_ms: u64,
    },
    /// The request would have closed a cycle, so the wait would never have ended.
    #[error("waiting for {resource} would be a deadlock: {} waits for {}", .ours.join(" > "), .theirs.join(" > "))]
    Deadlock {
        /// The resource to be locked.
        resource: Resource,
        /// The cycle that the request would have closed.
        cycle: Cycle,
        /// The calls of the requesting lineage, from its run down.
        ours: Vec<String>,
        /// The calls of the lineage that blocks the request and waits for it, from its run down.
        theirs: Vec<String>,
    },
    /// The table was removed by the user, and a new one without this request was created.
    #[error("the lock table was removed while a call waited for {resource}")]
    Lost {
        /// The resource to be locked.
        resource: Resource,
    },
    /// Another process did not release the table lock, for example because it is stopped.
    #[error("the lock table was in use by another process for {waited_ms} ms")]
    TableBusy {
        /// How long the request waited, in milliseconds.
        waited_ms: u64,
    },
    /// Another version of Sedge uses the table.
    #[error("`{}` is in use by another version of Sedge, whose lock table has another format ({found}, here {known})", path.display())]
    Version {
        /// The table's file.
        path: PathBuf,
        /// The version of the table's format.
        found: u32,
        /// The version that this code reads and writes.
        known: u32,
    },
    /// The table's file contains something that Sedge does not write.
    #[error("the lock table `{}` cannot be read: {reason}", path.display())]
    Unreadable {
        /// The table's file.
        path: PathBuf,
        /// The reason why it cannot be read.
        reason: String,
    },
    /// A file that processes share cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The operating system could not start another thread.
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
                vec![Help::again("try again: the other call can continue now")]
            }
            Self::Lost { .. } => vec![Help::again("try again: the lock table was created again")],
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

/// Returns advice for the case that other owners hold a lock for too long.
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

/// A request that blocks another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// The owner of the request.
    pub owner: Owner,
    /// The mode that it holds or requests.
    pub mode: Mode,
    /// Whether the request is granted. If not, it is in front in the queue.
    pub has_it: bool,
    /// The calls of the owner's lineage, from the run down.
    pub chain: Vec<String>,
    /// The time at which it was granted or queued, in milliseconds since 1970-01-01T00:00:00Z.
    pub since: u64,
    /// The process of the owner, or `None` if its file cannot be read.
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
