//! Errors of the repository, and of the files that the user writes in it.

use std::path::PathBuf;

use sedge_api::problem::{
    Argument, ErrorCode, Explain, Help, Place, PlacedFault, UseCase, sources,
};
use sedge_lang::diagnostic::Diagnostic;
use sedge_lang::yaml::Faults;
use sedge_model::names::NameError;

use crate::error::{diagnostic_place, placed_faults, quoted};
use crate::repository::trust::TrustError;

/// The repository, or a text that the user wrote, is invalid.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// There is no `sedge.yaml` in the folder or in a folder above it.
    #[error("no repository in `{}` or above it", .0.display())]
    Missing(PathBuf),
    /// The folder is a repository already.
    #[error("`{}` is a repository already", .0.display())]
    Exists(PathBuf),
    /// The repository is not trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A file of the repository is invalid.
    #[error("{faults}")]
    BadFile {
        /// Its faults, with their places: at least one.
        faults: Faults,
        /// Help in addition to what the faults themselves say.
        help: Vec<Help>,
    },
    /// Files of a list cannot be read, so it shows only their faults.
    #[error("{} cannot be read", quoted(files))]
    FilesUnreadable {
        /// The files, relative to the repository.
        files: Vec<String>,
    },
    /// A text is not a valid name.
    #[error(transparent)]
    BadName(#[from] NameError),
}

impl From<Diagnostic> for RepositoryError {
    fn from(fault: Diagnostic) -> Self {
        Self::bad_file(fault, Vec::new())
    }
}

impl From<Faults> for RepositoryError {
    fn from(faults: Faults) -> Self {
        Self::BadFile {
            faults,
            help: Vec::new(),
        }
    }
}

impl RepositoryError {
    /// Returns the error for faults in a file, with the help for them.
    pub(crate) fn bad_file(faults: impl Into<Faults>, help: Vec<Help>) -> Self {
        Self::BadFile {
            faults: faults.into(),
            help,
        }
    }
}

impl Explain for RepositoryError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Missing(_) => ErrorCode::RepositoryMissing,
            Self::Exists(_) => ErrorCode::RepositoryExists,
            Self::Trust(error) => error.code(),
            Self::BadFile { .. } | Self::FilesUnreadable { .. } => ErrorCode::BadFile,
            Self::BadName(_) => ErrorCode::BadName,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::BadFile { faults, .. } => match faults.as_slice() {
                [fault] => fault.message.clone(),
                [] | [_, ..] => {
                    format!("{} faults in `{}`", faults.len(), faults.file().name)
                }
            },
            Self::Missing(_)
            | Self::Exists(_)
            | Self::Trust(_)
            | Self::FilesUnreadable { .. }
            | Self::BadName(_) => self.to_string(),
        }
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::BadFile { faults, .. } => match faults.as_slice() {
                [fault] => fault.label.iter().cloned().collect(),
                [] | [_, ..] => Vec::new(),
            },
            Self::Missing(_)
            | Self::Exists(_)
            | Self::Trust(_)
            | Self::FilesUnreadable { .. }
            | Self::BadName(_) => sources(std::error::Error::source(self)),
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::BadFile { faults, .. } => faults.first().map(diagnostic_place),
            Self::Missing(_)
            | Self::Exists(_)
            | Self::Trust(_)
            | Self::FilesUnreadable { .. }
            | Self::BadName(_) => None,
        }
    }

    fn faults(&self) -> Vec<PlacedFault> {
        match self {
            Self::BadFile { faults, .. } => placed_faults(faults.as_slice()),
            Self::Missing(_)
            | Self::Exists(_)
            | Self::Trust(_)
            | Self::FilesUnreadable { .. }
            | Self::BadName(_) => Vec::new(),
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Missing(_) => vec![
                Help::command("create a repository here", UseCase::Init),
                Help::again("or name the folder of a repository").with("repo", Argument::open()),
            ],
            Self::Exists(_) => vec![
                Help::advice("use it as it is"),
                Help::command("or name another folder", UseCase::Init)
                    .with("folder", Argument::open()),
            ],
            Self::Trust(error) => error.help(),
            Self::BadFile { faults, help } => {
                // With several faults, each one has its own hint.
                let hint = match faults.as_slice() {
                    [fault] => fault.hint.as_ref().map(Help::advice),
                    [] | [_, ..] => None,
                };
                hint.into_iter().chain(help.iter().cloned()).collect()
            }
            Self::FilesUnreadable { .. } => vec![Help::advice(
                "the list shows why; correct the files, or delete them",
            )],
            Self::BadName(_) => Vec::new(),
        }
    }
}
