//! Classifies errors of the operating system. This is the only place where an error number becomes
//! a code, and through it a class and an exit code.
//!
//! An I/O error never means "no". An unlisted error gets the code `io`, which is temporary.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::io::Errno;
use sedge_api::problem::{ErrorCode, Explain, Help, UseCase};

use crate::file_lock::QueueError;
use crate::folder::FileError;
use crate::platform::FILE_USERS_COMMAND;
use crate::shell;

/// An operation of the machine without a path failed: a thread, a pipe, stdout.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation}")]
pub struct MachineError {
    /// The operation: `start a thread`.
    pub operation: &'static str,
    /// Why it failed.
    pub source: io::Error,
}

impl MachineError {
    /// Returns a function for `map_err` that makes an error of this operation.
    pub fn of(operation: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { operation, source }
    }
}

impl Explain for MachineError {
    fn code(&self) -> ErrorCode {
        Refusal::of(&self.source).code()
    }

    fn help(&self) -> Vec<Help> {
        Refusal::of(&self.source).help()
    }
}

impl Explain for FileError {
    fn code(&self) -> ErrorCode {
        Refusal::of(&self.source).code()
    }

    fn help(&self) -> Vec<Help> {
        Refusal::of(&self.source).help()
    }
}

impl Explain for QueueError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Busy { .. } => ErrorCode::FileBusy,
            Self::File(error) => error.code(),
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Busy { path, .. } => file_busy_help(path),
            Self::File(error) => error.help(),
        }
    }
}

/// Returns what to do about a lock on a file that another process keeps.
#[must_use]
pub fn file_busy_help(path: &Path) -> Vec<Help> {
    vec![
        Help::again("try again: the other process may be suspended while it holds the lock"),
        Help::advice(format!(
            "`{FILE_USERS_COMMAND} {}` shows which processes have the file open",
            shell::word_of(path)
        )),
    ]
}

/// The kind of an I/O error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The device is full, or the user's quota is used up.
    DiskFull,
    /// The file system is mounted read-only.
    ReadOnly,
    /// No descriptors, memory, threads or locks are left.
    OutOfResources,
    /// The user lacks the permission.
    Permission,
    /// The file does not exist.
    Missing,
    /// The file exists already.
    Exists,
    /// A file is in the place of a folder, a folder in the place of a file, or links form a loop.
    Kind,
    /// The path leads out of its folder.
    Outside,
    /// The path cannot name a file.
    Name,
    /// The file is larger than it may be.
    TooLarge,
    /// The content of the file is invalid.
    Content,
    /// The file system does not support the operation.
    Unsupported,
    /// This program used a descriptor or an address that it does not have: a bug.
    Misuse,
    /// Any other error: the device failed, or the file was busy.
    Other,
}

impl Refusal {
    /// Returns the kind of the first I/O error among an error and its sources; `None` if there is
    /// none.
    #[must_use]
    pub fn among(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut at = Some(error);
        while let Some(error) = at {
            if let Some(refused) = error.downcast_ref::<io::Error>() {
                return Some(Self::of(refused));
            }
            at = error.source();
        }
        None
    }

    /// Returns the kind of an I/O error.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(errno) => Self::of_errno(errno),
            None => Self::of_kind(error.kind()),
        }
    }

    fn of_errno(errno: Errno) -> Self {
        match errno {
            Errno::NOSPC | Errno::DQUOT => Self::DiskFull,
            Errno::ROFS => Self::ReadOnly,
            Errno::MFILE | Errno::NFILE | Errno::NOLCK | Errno::NOMEM | Errno::AGAIN => {
                Self::OutOfResources
            }
            Errno::ACCESS | Errno::PERM => Self::Permission,
            Errno::NOENT => Self::Missing,
            Errno::EXIST | Errno::NOTEMPTY => Self::Exists,
            Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::NXIO | Errno::NODEV => Self::Kind,
            Errno::XDEV => Self::Outside,
            Errno::NAMETOOLONG => Self::Name,
            Errno::FBIG | Errno::OVERFLOW => Self::TooLarge,
            Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::NOTTY => Self::Unsupported,
            Errno::BADF | Errno::FAULT => Self::Misuse,
            // On Linux this is the number of `NOTSUP`.
            errno if errno == Errno::OPNOTSUPP => Self::Unsupported,
            _ => Self::Other,
        }
    }

    /// Classifies errors without an error number, which come from this crate and from the library
    /// that keeps paths inside of their folder.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the standard library adds kinds, and some have no stable name"
    )]
    fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            // The operating system's own denial has an error number.
            ErrorKind::PermissionDenied => Self::Outside,
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::AlreadyExists => Self::Exists,
            ErrorKind::IsADirectory | ErrorKind::NotADirectory => Self::Kind,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::WriteZero => {
                Self::DiskFull
            }
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            ErrorKind::OutOfMemory | ErrorKind::WouldBlock => Self::OutOfResources,
            ErrorKind::FileTooLarge => Self::TooLarge,
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Self::Content,
            ErrorKind::InvalidInput | ErrorKind::InvalidFilename => Self::Name,
            ErrorKind::Unsupported => Self::Unsupported,
            _ => Self::Other,
        }
    }

    /// Returns the error code for machine output.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::DiskFull => ErrorCode::DiskFull,
            Self::ReadOnly => ErrorCode::ReadOnly,
            Self::OutOfResources => ErrorCode::OutOfResources,
            Self::Permission => ErrorCode::PermissionDenied,
            Self::Missing => ErrorCode::FileMissing,
            Self::Exists => ErrorCode::FileExists,
            Self::Kind => ErrorCode::FileKind,
            Self::Outside => ErrorCode::PathOutside,
            Self::Name => ErrorCode::NoFileName,
            Self::TooLarge => ErrorCode::FileTooLarge,
            Self::Content => ErrorCode::FileUnreadable,
            Self::Unsupported => ErrorCode::FileUnsupported,
            Self::Misuse => ErrorCode::Internal,
            Self::Other => ErrorCode::Io,
        }
    }

    /// Returns what the user can do about it.
    #[must_use]
    pub fn help(self) -> Vec<Help> {
        let text = match self {
            Self::DiskFull => {
                return vec![
                    Help::advice("make room on its disk, or raise the quota, and try again"),
                    Help::command("remove data that has expired", UseCase::DataGc),
                ];
            }
            Self::ReadOnly => {
                "mount its file system for writing, or use another folder, and try again"
            }
            Self::OutOfResources => {
                "end other programs, or raise the limits of this one (`ulimit -a` shows them), and try again"
            }
            Self::Permission => {
                "run it as a user who may do that, or change the owner or the mode of the file"
            }
            Self::Missing => "check the path: it does not exist",
            Self::Exists => "choose another path, or remove the existing file or folder",
            Self::Kind => {
                "check what is at the path: a file, a folder, or links that lead in a circle"
            }
            Self::Outside => "choose a path inside of the folder, and check where its links lead",
            Self::Name => "choose another path: this one cannot name a file",
            Self::TooLarge => "choose a smaller file",
            Self::Content => "check the file: it has to be text in UTF-8, and whole",
            Self::Unsupported => "use another file system: this one cannot do that",
            Self::Misuse => return Vec::new(),
            Self::Other => "check the device (the system's log says more), and try again",
        };
        vec![Help::advice(text)]
    }
}

#[cfg(test)]
mod tests {
    use sedge_api::problem::ErrorClass;

    use super::*;

    #[test]
    fn error_number_decides_the_exit_code() {
        let check = |errno: Errno, class: ErrorClass| {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(Refusal::of(&error).code().class(), class, "{errno}");
        };
        for errno in [
            Errno::NOSPC,
            Errno::DQUOT,
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOLCK,
            Errno::ROFS,
            Errno::NOMEM,
            Errno::AGAIN,
            Errno::IO,
            Errno::BUSY,
        ] {
            check(errno, ErrorClass::Temporary);
        }
        for errno in [
            Errno::ACCESS,
            Errno::PERM,
            Errno::NOENT,
            Errno::LOOP,
            Errno::NOTDIR,
            Errno::ISDIR,
            Errno::XDEV,
            Errno::INVAL,
        ] {
            check(errno, ErrorClass::State);
        }
        check(Errno::NAMETOOLONG, ErrorClass::Usage);
        check(Errno::BADF, ErrorClass::Bug);
    }

    #[test]
    fn every_error_number_has_help() {
        for errno in 1..134 {
            let error = io::Error::from_raw_os_error(errno);
            let refusal = Refusal::of(&error);
            let is_bug = refusal.code().class() == ErrorClass::Bug;
            assert_eq!(refusal.help().is_empty(), is_bug, "{error}");
        }
    }
}
