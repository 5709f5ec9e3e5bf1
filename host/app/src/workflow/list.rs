//! Lists workflows.

use sedge_api::view::workflow::WorkflowListed;
use sedge_store::Scan;

use crate::error::{AppError, RepositoryError};
use crate::repository::Repository;
use crate::workflow::view::{file_fault, workflow_summary};

/// Passes every workflow to `take`, sorted by name, until `take` needs no more: its summary, or the
/// fault in its file.
///
/// # Errors
/// Returns an error if the folder cannot be read. Errors of `take` are passed on.
pub fn workflow_list<E: From<AppError>>(
    repository: &Repository,
    mut take: impl FnMut(WorkflowListed) -> Result<Scan, E>,
) -> Result<(), E> {
    for (file, workflow) in repository.workflows()? {
        let listed = match workflow {
            Ok(workflow) => WorkflowListed::Sound(workflow_summary(&workflow)),
            Err(AppError::Repository(RepositoryError::BadFile { faults, .. })) => {
                WorkflowListed::Faulty(file_fault(&file.name, &faults))
            }
            Err(other) => return Err(other.into()),
        };
        match take(listed)? {
            Scan::More => {}
            Scan::Enough => break,
        }
    }
    Ok(())
}
