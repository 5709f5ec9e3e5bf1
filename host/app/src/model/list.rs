//! Lists models.

use std::collections::BTreeMap;

use sedge_api::view::model::ModelListed;
use sedge_lang::definition::Definition;
use sedge_store::Scan;

use crate::cx::Cx;
use crate::error::AppError;
use crate::model::view::model_view;
use crate::repository::faulty::UnreadableFiles;
use crate::repository::files::{ListedFile, ModelFile};

/// Passes every model to `take`, sorted by name, until `take` needs no more: its definition, or the
/// fault in its file. Unsaved models are listed, too.
///
/// # Errors
/// Returns an error if the folder or the datastore cannot be read; also, at the end of the list, if a
/// file cannot be read. Errors of `take` are passed on.
pub fn model_list<E: From<AppError>>(
    cx: &Cx,
    mut take: impl FnMut(ModelListed) -> Result<Scan, E>,
) -> Result<(), E> {
    let unsaved = cx.repository.unsaved_all()?.into_iter();
    let mut unsaved: BTreeMap<String, ModelFile> =
        unsaved.map(|it| (it.name.to_string(), it)).collect();
    let mut unreadable = UnreadableFiles::default();
    for (file, definition) in cx.repository.definitions()? {
        // A model with a file is not unsaved any more.
        unsaved.remove(&file.name);
        while let Some(before) = unsaved.first_entry().filter(|it| *it.key() < file.name) {
            match take(unsaved_listed(&before.remove(), &mut unreadable)?)? {
                Scan::More => {}
                Scan::Enough => return Ok(unreadable.finish().map_err(AppError::from)?),
            }
        }
        match take(listed(definition, &file, &mut unreadable)?)? {
            Scan::More => {}
            Scan::Enough => return Ok(unreadable.finish().map_err(AppError::from)?),
        }
    }
    for model in unsaved.values() {
        match take(unsaved_listed(model, &mut unreadable)?)? {
            Scan::More => {}
            Scan::Enough => break,
        }
    }
    Ok(unreadable.finish().map_err(AppError::from)?)
}

fn unsaved_listed(
    model: &ModelFile,
    unreadable: &mut UnreadableFiles,
) -> Result<ModelListed, AppError> {
    let definition = Definition::parse(&model.file).map_err(AppError::from);
    let file = ListedFile::alone(model.name.as_str(), &model.file.name);
    listed(definition, &file, unreadable)
}

/// Returns the entry of a definition, or of the fault in it.
///
/// # Errors
/// Returns the errors that say nothing about the definition.
fn listed(
    definition: Result<Definition, AppError>,
    file: &ListedFile,
    unreadable: &mut UnreadableFiles,
) -> Result<ModelListed, AppError> {
    Ok(match definition {
        Ok(definition) => ModelListed::Sound(Box::new(model_view(&definition))),
        Err(error) => ModelListed::Faulty(unreadable.entry(file, error)?),
    })
}
