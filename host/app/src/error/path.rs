//! Errors of files and folders that the user named, or that Sedge needs.

use std::path::PathBuf;

use sedge_api::problem::{Argument, ErrorCode, Explain, Help};
use sedge_sys::file_lock::QueueError;
use sedge_sys::folder::FileError;

/// A file or folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// The operating system refused the operation.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process holds the lock on the file or folder.
    #[error(transparent)]
    Busy(QueueError),
    /// A file of that name exists already.
    #[error("`{}` exists already", .0.display())]
    Exists(PathBuf),
    /// A file exists where the core dump was to be written.
    #[error("`{}` exists already, and a core dump does not replace a file", .0.display())]
    CoreDumpExists(PathBuf),
    /// A path does not name a file.
    #[error("`{}` is not a file name", .0.display())]
    NoFileName(PathBuf),
    /// The file would be written to the folder in which Sedge keeps its own files.
    #[error("`{}` is inside `{}`, where Sedge keeps its own files", path.display(), state.display())]
    WithinState {
        /// The file.
        path: PathBuf,
        /// The folder of run-time state.
        state: PathBuf,
    },
}

impl From<QueueError> for PathError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::File(error) => Self::File(error),
            busy @ QueueError::Busy { .. } => Self::Busy(busy),
        }
    }
}

impl Explain for PathError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::File(error) => error.code(),
            Self::Busy(error) => error.code(),
            Self::Exists(_) | Self::CoreDumpExists(_) => ErrorCode::FileExists,
            Self::NoFileName(_) => ErrorCode::NoFileName,
            Self::WithinState { .. } => ErrorCode::WithinState,
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::File(error) => error.help(),
            Self::Busy(error) => error.help(),
            Self::Exists(_) => vec![
                Help::advice("name another file"),
                Help::again("or replace the file").with("replace", Argument::on()),
            ],
            Self::CoreDumpExists(_) => vec![Help::advice("name a file that does not exist")],
            Self::NoFileName(_) => vec![Help::advice("name a file, not only a folder")],
            Self::WithinState { .. } => vec![Help::advice(
                "name a file outside of it, if possible on another disk",
            )],
        }
    }
}
