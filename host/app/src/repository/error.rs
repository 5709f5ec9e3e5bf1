//! Errors of the repository, and of the files that the user writes in it.

use std::path::PathBuf;

use sedge_api::problem::{Argument, ErrorCode, Explain, Help, Place, UseCase, sources};
use sedge_lang::diagnostic::Diagnostic;
use sedge_model::names::NameError;

use crate::error::diagnostic_place;
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
    #[error("{fault}")]
    BadFile {
        /// The fault, with its place.
        fault: Box<Diagnostic>,
        /// Help in addition to what the fault itself says.
        help: Vec<Help>,
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

impl RepositoryError {
    /// Returns the error for a fault in a file, with the help for it.
    pub(crate) fn bad_file(fault: Diagnostic, help: Vec<Help>) -> Self {
        Self::BadFile {
            fault: Box::new(fault),
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
            Self::BadFile { .. } => ErrorCode::BadFile,
            Self::BadName(_) => ErrorCode::BadName,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::BadFile { fault, .. } => fault.message.clone(),
            Self::Missing(_) | Self::Exists(_) | Self::Trust(_) | Self::BadName(_) => {
                self.to_string()
            }
        }
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::BadFile { fault, .. } => fault.label.iter().cloned().collect(),
            Self::Missing(_) | Self::Exists(_) | Self::Trust(_) | Self::BadName(_) => {
                sources(std::error::Error::source(self))
            }
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::BadFile { fault, .. } => Some(diagnostic_place(fault)),
            Self::Missing(_) | Self::Exists(_) | Self::Trust(_) | Self::BadName(_) => None,
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
            Self::BadFile { fault, help } => {
                let hint = fault.hint.iter().map(Help::advice);
                hint.chain(help.iter().cloned()).collect()
            }
            Self::BadName(_) => Vec::new(),
        }
    }
}
