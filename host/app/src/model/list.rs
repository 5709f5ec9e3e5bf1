//! Lists models.

use std::collections::BTreeMap;

use sedge_api::view::model::ModelListed;
use sedge_lang::definition::Definition;
use sedge_store::Scan;

use crate::error::{AppError, RepositoryError};
use crate::model::view::model_view;
use crate::repository::Repository;
use crate::repository::files::ModelFile;
use crate::workflow::view::file_fault;

/// Passes every model to `take`, sorted by name, until `take` needs no more: its definition, or the
/// fault in its file. Unsaved models are listed, too.
///
/// # Errors
/// Returns an error if the folder or the datastore cannot be read. Errors of `take` are passed on.
pub fn model_list<E: From<AppError>>(
    repository: &Repository,
    mut take: impl FnMut(ModelListed) -> Result<Scan, E>,
) -> Result<(), E> {
    let unsaved = repository.unsaved_all()?.into_iter();
    let mut unsaved: BTreeMap<String, ModelFile> =
        unsaved.map(|it| (it.name.to_string(), it)).collect();
    for (file, definition) in repository.definitions()? {
        // A model with a file is not unsaved any more.
        unsaved.remove(&file.name);
        while let Some(before) = unsaved.first_entry().filter(|it| *it.key() < file.name) {
            match take(unsaved_listed(&before.remove())?)? {
                Scan::More => {}
                Scan::Enough => return Ok(()),
            }
        }
        match take(listed(definition, &file.name)?)? {
            Scan::More => {}
            Scan::Enough => return Ok(()),
        }
    }
    for model in unsaved.values() {
        match take(unsaved_listed(model)?)? {
            Scan::More => {}
            Scan::Enough => break,
        }
    }
    Ok(())
}

fn unsaved_listed(model: &ModelFile) -> Result<ModelListed, AppError> {
    let definition = Definition::parse(&model.file).map_err(AppError::from);
    listed(definition, model.name.as_str())
}

/// Returns the entry of a definition, or of the fault in it.
///
/// # Errors
/// Returns the errors that say nothing about the definition.
fn listed(definition: Result<Definition, AppError>, name: &str) -> Result<ModelListed, AppError> {
    match definition {
        Ok(definition) => Ok(ModelListed::Sound(Box::new(model_view(&definition)))),
        Err(AppError::Repository(RepositoryError::BadFile { faults, .. })) => {
            Ok(ModelListed::Faulty(file_fault(name, &faults)))
        }
        Err(other) => Err(other),
    }
}
