//! The file to which a guest's memory is written when it traps, if the user requests it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sedge_api::problem::details::CoreDumpDetails;
use sedge_model::lineage::Lineage;
use sedge_sys::folder::Folder;

use crate::data::get::named_file;
use crate::error::{AppError, PathError};
use crate::run::cx::RunCx;

/// The result of a core dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoreDumpEnd {
    /// The user did not request a core dump.
    NotWanted,
    /// No guest trapped.
    NothingTrapped,
    /// The core dump is in a file. Only the user may read it, because it contains the guest's
    /// memory.
    Written {
        /// The call of the guest that trapped.
        call: Lineage,
        /// The path of the file.
        path: PathBuf,
        /// The size of the file in bytes.
        size: u64,
    },
    /// The file could not be written.
    Failed {
        /// The call of the guest that trapped.
        call: Lineage,
        /// The reason.
        reason: String,
    },
}

impl CoreDumpEnd {
    /// Returns the view of the result. Returns `None` if no core dump was requested.
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

/// A file for a core dump, which did not exist when the run began.
pub(crate) struct CoreDumpFile {
    folder: Folder,
    name: String,
    path: PathBuf,
}

impl CoreDumpFile {
    /// Checks that the file can be created.
    ///
    /// # Errors
    /// Returns an error if the file exists, or if its folder does not.
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

    /// Writes the core dump of the run of `cx`, if it has one.
    ///
    /// The end of the run is recorded already, so an error of the file does not change it.
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
