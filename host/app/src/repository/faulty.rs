//! The files of a list that are faulty or cannot be read: each is an entry of the list.

use sedge_api::problem::{Explain as _, Place};
use sedge_api::view::workflow::FileFault;

use super::files::ListedFile;
use crate::error::{AppError, RepositoryError};
use crate::workflow::view::file_fault;

/// The files of a list that could not be read so far.
#[derive(Debug, Default)]
pub(crate) struct UnreadableFiles(Vec<String>);

impl UnreadableFiles {
    /// Returns the entry of a file that has faults or cannot be read.
    ///
    /// # Errors
    /// Returns the errors that say nothing about the file.
    pub(crate) fn entry(
        &mut self,
        file: &ListedFile,
        error: AppError,
    ) -> Result<FileFault, AppError> {
        match error {
            AppError::Repository(RepositoryError::BadFile { faults, .. }) => {
                Ok(file_fault(&file.name, &faults))
            }
            AppError::Path(error) => {
                self.0.push(file.path.clone());
                let mut parts = vec![error.message()];
                parts.extend(error.causes());
                Ok(FileFault {
                    name: file.name.clone(),
                    error: parts.join(": "),
                    place: Place {
                        file: file.path.clone(),
                        line: 1,
                        column: 1,
                        end_line: 1,
                        end_column: 1,
                    },
                })
            }
            other @ (AppError::Repository(_)
            | AppError::Model(_)
            | AppError::Plugin(_)
            | AppError::Author(_)
            | AppError::Failed(_)
            | AppError::Run(_)
            | AppError::Data(_)
            | AppError::Datastore(_)
            | AppError::Secret(_)
            | AppError::Lock(_)
            | AppError::Upkeep(_)
            | AppError::Process(_)) => Err(other),
        }
    }

    /// Ends the list.
    ///
    /// # Errors
    /// A file of the list could not be read.
    pub(crate) fn finish(self) -> Result<(), RepositoryError> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(RepositoryError::FilesUnreadable { files: self.0 }),
        }
    }
}
