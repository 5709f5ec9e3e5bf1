//! Lists models.

use std::collections::BTreeMap;

use sedge_api::view::model::ModelListed;
use sedge_lang::definition::Definition;
use sedge_store::Scan;

use crate::cx::Cx;
use crate::error::AppError;
use crate::model::known::KnownModels;
use crate::model::view::model_view;
use crate::repository::Repository;
use crate::repository::faulty::UnreadableFiles;
use crate::repository::files::{FileKind, ListedFile, ModelFile};
use crate::repository::heads::FileHead;

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
    let paths = cx.repository.paths(FileKind::Model)?;
    let mut known = KnownModels::load(&cx.repository, &paths);
    for mut file in cx.repository.definition_files(&paths) {
        let Some(saved) = saved_listed(&cx.repository, &mut known, &mut file, &mut unreadable)
        else {
            continue;
        };
        // A model with a file is not unsaved any more.
        unsaved.remove(&file.name);
        while let Some(before) = unsaved.first_entry().filter(|it| *it.key() < file.name) {
            match take(unsaved_listed(&before.remove(), &mut unreadable)?)? {
                Scan::More => {}
                Scan::Enough => return Ok(unreadable.finish().map_err(AppError::from)?),
            }
        }
        match take(saved?)? {
            Scan::More => {}
            Scan::Enough => return Ok(unreadable.finish().map_err(AppError::from)?),
        }
    }
    known.save();
    for model in unsaved.values() {
        match take(unsaved_listed(model, &mut unreadable)?)? {
            Scan::More => {}
            Scan::Enough => break,
        }
    }
    Ok(unreadable.finish().map_err(AppError::from)?)
}

/// Returns the entry of a file: what is known about it, or what it says. Returns `None` if it was removed
/// meanwhile.
fn saved_listed(
    repository: &Repository,
    known: &mut KnownModels,
    file: &mut ListedFile,
    unreadable: &mut UnreadableFiles,
) -> Option<Result<ModelListed, AppError>> {
    if let Some(view) = known.view(file) {
        return Some(Ok(ModelListed::Sound(Box::new(view))));
    }
    let definition = repository.definition_of(file)?;
    // ignored: a file with a fault is parsed each time.
    let head = definition.as_ref().ok().map(|it| FileHead::of(&it.file));
    let listed = listed(definition, file, unreadable);
    if let (Some(head), Ok(ModelListed::Sound(view))) = (head, &listed) {
        known.note(file, head, view);
    }
    Some(listed)
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
