//! Findings that no other command reports as an error.

use sedge_api::problem::{ErrorCode, Explain, Help, UseCase};

/// The number of files that a message names.
const FILES_SHOWN: usize = 5;

/// Something in a repository, or in the user's cache, is not as Sedge leaves it.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// Files of run-time state have other modes than Sedge sets.
    #[error("{} in `.sedge` {} other modes than Sedge sets", files_text(files.len()), have(files.len()))]
    Modes {
        /// Their paths in `.sedge`.
        files: Vec<String>,
    },
    /// Temporary files of processes that were killed.
    #[error("{} left by processes that were killed", files_are(files.len(), "temporary"))]
    TemporaryFiles {
        /// Their paths in the repository.
        files: Vec<String>,
    },
    /// Files of processes that were killed, in the folder of locks.
    #[error("files of {} that did not end properly are left in `.sedge/locks`", processes_text(*n_sessions))]
    Sessions {
        /// The number of processes.
        n_sessions: usize,
    },
    /// Unfinished files in the datastore.
    #[error("the datastore has {} of calls that did not end", unfinished_text(*n_files))]
    UnfinishedFiles {
        /// The number of files.
        n_files: u64,
    },
    /// Entries of the cache of compiled code that are not authentic.
    #[error("{} of the cache of compiled code {} damaged, and not used", entries_text(entries.len()), are(entries.len()))]
    CacheEntries {
        /// The names of the files.
        entries: Vec<String>,
    },
}

impl Explain for UpkeepError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Modes { .. } => ErrorCode::FileModes,
            Self::TemporaryFiles { .. }
            | Self::Sessions { .. }
            | Self::UnfinishedFiles { .. }
            | Self::CacheEntries { .. } => ErrorCode::Leftovers,
        }
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::Modes { files } | Self::TemporaryFiles { files } => shown(files),
            Self::CacheEntries { entries } => shown(entries),
            Self::Sessions { .. } | Self::UnfinishedFiles { .. } => Vec::new(),
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::UnfinishedFiles { .. } => vec![Help::command(
                "the next collection removes them",
                UseCase::DataGc,
            )],
            Self::Modes { .. }
            | Self::TemporaryFiles { .. }
            | Self::Sessions { .. }
            | Self::CacheEntries { .. } => Vec::new(),
        }
    }
}

/// Returns the first files in backticks, and the number of the others.
fn shown(files: &[String]) -> Vec<String> {
    let mut shown: Vec<String> = files.iter().take(FILES_SHOWN).cloned().collect();
    if let more @ 1.. = files.len().saturating_sub(FILES_SHOWN) {
        shown.push(format!("{} more", files_text(more)));
    }
    shown
}

fn files_text(n: usize) -> String {
    counted(n, "file", "files")
}

fn files_are(n: usize, kind: &str) -> String {
    match n {
        1 => format!("1 {kind} file is"),
        n => format!("{n} {kind} files are"),
    }
}

fn processes_text(n: usize) -> String {
    counted(n, "process", "processes")
}

fn entries_text(n: usize) -> String {
    counted(n, "entry", "entries")
}

fn unfinished_text(n: u64) -> String {
    match n {
        1 => "1 unfinished file".to_owned(),
        n => format!("{n} unfinished files"),
    }
}

fn counted(n: usize, one: &str, many: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}

fn have(n: usize) -> &'static str {
    if n == 1 { "has" } else { "have" }
}

fn are(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}
