//! What the operating system's refusals mean: the one place where an error number becomes a
//! code, and with it a class and an exit code.
//!
//! An I/O error never means "no": what is not listed here is `io`, and temporary.

use std::io::{self, ErrorKind};

use rustix::io::Errno;
use sedge_api::problem::{ErrorCode, Explain, Help, UseCase};

use crate::folder::FileError;

/// Something could not be done with the machine that has no path: a thread, a pipe, stdout.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation}")]
pub struct MachineError {
    /// What was to be done: `start a thread`.
    pub operation: &'static str,
    /// Why it did not work.
    pub source: io::Error,
}

impl MachineError {
    /// Returns the error for one operation, to be given to `map_err`.
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

/// What kind of refusal an I/O error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No room is left on the device, or in the user's quota.
    DiskFull,
    /// The file system is mounted read-only.
    ReadOnly,
    /// No descriptors, memory, threads or locks are left.
    OutOfResources,
    /// The user may not do that.
    Permission,
    /// Nothing is there.
    Missing,
    /// Something is there already.
    Exists,
    /// A file is where a folder has to be, or the other way round, or links lead in a circle.
    Kind,
    /// The path leads out of its folder.
    Outside,
    /// The path cannot name a file.
    Name,
    /// The file is larger than it may be.
    TooLarge,
    /// The file is not what it has to be.
    Content,
    /// The file system cannot do that.
    Unsupported,
    /// This program used a descriptor or an address that it does not have.
    Misuse,
    /// Anything else: the device failed, or something was in the way.
    Other,
}

impl Refusal {
    /// Returns what kind an I/O error is.
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
            _ => Self::Other,
        }
    }

    /// Of errors that are not the operating system's own: those of this crate, and of the
    /// library that keeps paths inside of their folder.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the standard library adds kinds, and some have no stable name"
    )]
    fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            // The operating system's own denial has a number.
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

    /// Returns the code that programs see.
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

    /// Returns what to do about it.
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
            Self::Missing => "check the path: nothing is there",
            Self::Exists => "choose another path, or remove what is there",
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
    fn an_error_number_decides_the_exit_code() {
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
    fn every_refusal_of_the_machine_says_what_to_do() {
        for errno in 1..134 {
            let error = io::Error::from_raw_os_error(errno);
            let refusal = Refusal::of(&error);
            let is_bug = refusal.code().class() == ErrorClass::Bug;
            assert_eq!(refusal.help().is_empty(), is_bug, "{error}");
        }
    }
}
