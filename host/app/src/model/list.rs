//! Lists models.

use sedge_api::view::model::ModelListed;
use sedge_store::Scan;

use crate::error::{AppError, RepositoryError};
use crate::model::view::model_view;
use crate::repository::Repository;
use crate::workflow::view::file_fault;

/// Passes every model to `take`, sorted by name, until `take` needs no more: its definition, or the
/// fault in its file.
///
/// # Errors
/// Returns an error if the folder cannot be read. Errors of `take` are passed on.
pub fn model_list<E: From<AppError>>(
    repository: &Repository,
    mut take: impl FnMut(ModelListed) -> Result<Scan, E>,
) -> Result<(), E> {
    for (file, definition) in repository.definitions()? {
        let listed = match definition {
            Ok(definition) => ModelListed::Sound(Box::new(model_view(&definition))),
            Err(AppError::Repository(RepositoryError::BadFile { faults, .. })) => {
                ModelListed::Faulty(file_fault(&file.name, &faults))
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
