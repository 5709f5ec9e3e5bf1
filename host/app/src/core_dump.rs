//! The file that a guest's memory is written to when it traps, if a person asks for it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sedge_api::problem::details::CoreDumpDetails;
use sedge_model::lineage::Lineage;
use sedge_sys::folder::Folder;

use crate::data_get::named_file;
use crate::error::{AppError, PathError};
use crate::run_cx::RunCx;

/// What became of a core dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoreDumpEnd {
    /// Nobody asked for one.
    NotWanted,
    /// No guest trapped.
    NothingTrapped,
    /// It is in a file, which only its owner may read: it has all that the guest knew.
    Written {
        /// Whose it is.
        call: Lineage,
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// The file could not be written.
    Failed {
        /// Whose it was.
        call: Lineage,
        /// Why not.
        reason: String,
    },
}

impl CoreDumpEnd {
    /// Returns it as documents have it; `None` if no core dump was requested.
    pub(crate) fn details(&self) -> Option<CoreDumpDetails> {
        let nothing = CoreDumpDetails {
            call: None,
            path: None,
            size: None,
            reason: None,
        };
        Some(match self {
            Self::NotWanted => return None,
            Self::NothingTrapped => nothing,
            Self::Written { call, path, size } => CoreDumpDetails {
                call: Some(call.to_string()),
                path: Some(path.to_string_lossy().into_owned()),
                size: Some(*size),
                reason: None,
            },
            Self::Failed { call, reason } => CoreDumpDetails {
                call: Some(call.to_string()),
                reason: Some(reason.clone()),
                ..nothing
            },
        })
    }
}

/// A file that is to be made, and that was not there when the run began.
pub(crate) struct CoreDumpFile {
    folder: Folder,
    name: String,
    path: PathBuf,
}

impl CoreDumpFile {
    /// Checks that the file can be made.
    ///
    /// # Errors
    /// There is one, or no folder for it.
    pub(crate) fn new(path: &Path) -> Result<Self, AppError> {
        let (folder, name) = named_file(path)?;
        if folder.has(&name)? {
            return Err(AppError::from(PathError::CoreDumpExists(path.to_owned())));
        }
        Ok(Self {
            folder,
            name,
            path: path.to_owned(),
        })
    }

    /// Writes what the run of `cx` has left. The run has its end by then: whatever is wrong
    /// with the file takes nothing from it.
    pub(crate) fn save(self, cx: &RunCx) -> CoreDumpEnd {
        let Some((call, dump)) = cx.core_dump_take() else {
            return CoreDumpEnd::NothingTrapped;
        };
        match self.folder.write_new_private(&self.name, &dump.0) {
            Ok(()) => CoreDumpEnd::Written {
                call,
                path: self.path,
                size: dump.0.len() as u64,
            },
            Err(error) => CoreDumpEnd::Failed {
                call,
                reason: if error.source.kind() == ErrorKind::AlreadyExists {
                    AppError::from(PathError::CoreDumpExists(self.path)).to_string()
                } else {
                    format!("{error}: {}", error.source)
                },
            },
        }
    }
}
