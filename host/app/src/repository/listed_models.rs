//! The models of a repository, saved and unsaved ones, in the order of their names.

use std::collections::BTreeMap;

use sedge_lang::definition::Definition;

use super::Repository;
use super::files::{FileKind, ListedFile, ModelFile};
use crate::error::AppError;

/// A model in a list of all.
#[derive(Debug, Clone)]
pub(crate) enum ListedModel {
    /// It has a file.
    Saved(ListedFile),
    /// Its definition is in the datastore.
    Unsaved(ModelFile),
}

impl ListedModel {
    /// Returns the name of the model. If its file cannot be read, it is the name that the file has by
    /// its path.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Saved(file) => &file.name,
            Self::Unsaved(model) => model.name.as_str(),
        }
    }

    /// Returns the file, for the fault in it.
    pub(crate) fn file(&self) -> ListedFile {
        match self {
            Self::Saved(file) => file.clone(),
            Self::Unsaved(model) => ListedFile::alone(model.name.as_str(), &model.file.name),
        }
    }
}

impl Repository {
    /// Returns the models whose names are wanted, sorted by name. Two files with one name are two
    /// models.
    ///
    /// # Errors
    /// The folder of the definitions or the datastore cannot be read.
    pub(crate) fn models_listed(
        &self,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<ListedModel>, AppError> {
        let unsaved = self.unsaved_all()?.into_iter();
        let unsaved = unsaved.filter(|it| wanted(it.name.as_str()));
        let mut unsaved: BTreeMap<String, ModelFile> =
            unsaved.map(|it| (it.name.to_string(), it)).collect();
        let mut models = Vec::new();
        for file in self.listed(FileKind::Model)? {
            if wanted(&file.name) {
                // A model with a file is not unsaved any more.
                unsaved.remove(&file.name);
                models.push(ListedModel::Saved(file));
            }
        }
        models.extend(unsaved.into_values().map(ListedModel::Unsaved));
        models.sort_by(|one, other| one.name().cmp(other.name()));
        Ok(models)
    }

    /// Reads the definition of a model of the list. Returns `None` if its file was removed meanwhile.
    ///
    /// # Errors
    /// Another file has the same name, or the file cannot be read or has a fault.
    pub(crate) fn listed_definition(
        &self,
        model: &ListedModel,
    ) -> Result<Option<Definition>, AppError> {
        match model {
            ListedModel::Unsaved(model) => Ok(Some(Definition::parse(&model.file)?)),
            ListedModel::Saved(file) => {
                let found = self.listed_file(FileKind::Model, &mut file.clone())?;
                Ok(found.map(|file| Definition::parse(&file)).transpose()?)
            }
        }
    }
}
