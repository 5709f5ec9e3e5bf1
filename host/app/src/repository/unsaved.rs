//! Unsaved models: their definitions are in the datastore, because a user ran a method of a type
//! directly. If a file defines a model of the same name, the file counts.

use std::io::ErrorKind;
use std::sync::Arc;

use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::SourceFile;
use sedge_model::names::ModelName;
use sedge_store::Store;

use super::Repository;
use super::files::ModelFile;
use crate::error::{AppError, ModelError, PathError};

/// The beginning of the name that messages give to the text of an unsaved definition. The path of a
/// definition's file begins with the folder `models/` instead.
const UNSAVED: &str = "unsaved:";

/// Returns the text of an unsaved definition as a file, for messages about its parts.
pub(crate) fn unsaved_file(name: &str, text: impl Into<String>) -> Arc<SourceFile> {
    SourceFile::new(format!("{UNSAVED}{name}"), text)
}

/// Returns whether a text is that of an unsaved definition, and not of a file.
pub(crate) fn is_unsaved(file: &SourceFile) -> bool {
    file.name.starts_with(UNSAVED)
}

/// Checks that a definition has a file, which can be changed.
///
/// # Errors
/// The model is unsaved.
pub(crate) fn saved_check(definition: &Definition) -> Result<(), ModelError> {
    if is_unsaved(&definition.file) {
        let name = definition.name.clone();
        return Err(ModelError::Unsaved { name });
    }
    Ok(())
}

impl Repository {
    /// Returns the text of an unsaved definition.
    ///
    /// # Errors
    /// The datastore cannot be read.
    pub(super) fn unsaved(&self, name: &str) -> Result<Option<Arc<SourceFile>>, AppError> {
        // A text that is not a name has no definition.
        if name.parse::<ModelName>().is_err() {
            return Ok(None);
        }
        let Some(store) = self.store_present()? else {
            return Ok(None);
        };
        let found = store.unsaved_get(name)?;
        Ok(found.map(|it| unsaved_file(it.name.as_str(), it.text)))
    }

    /// Returns all unsaved models, sorted by name, also those that have a file meanwhile.
    ///
    /// # Errors
    /// The datastore cannot be read.
    pub(crate) fn unsaved_all(&self) -> Result<Vec<ModelFile>, AppError> {
        let Some(store) = self.store_present()? else {
            return Ok(Vec::new());
        };
        let model = |it: sedge_store::UnsavedModel| ModelFile {
            file: unsaved_file(it.name.as_str(), it.text),
            name: it.name,
        };
        Ok(store.unsaved_list()?.into_iter().map(model).collect())
    }

    /// Returns whether the definition that was read from a file, or from the datastore, is still
    /// there.
    ///
    /// # Errors
    /// The file cannot be looked up, or the datastore cannot be read.
    pub(crate) fn definition_remains(&self, file: &SourceFile) -> Result<bool, AppError> {
        match file.name.strip_prefix(UNSAVED) {
            Some(name) => Ok(self.unsaved(name)?.is_some()),
            None => Ok(self.folder.has(&file.name)?),
        }
    }

    /// Returns the datastore, unless the repository has none yet. A look-up creates none.
    ///
    /// For a user who may read the definitions and not the state of the repository, there are no
    /// unsaved models.
    fn store_present(&self) -> Result<Option<&Store>, AppError> {
        if self.store.get().is_some() {
            return self.store().map(Some);
        }
        match self.has_state_folder("store") {
            Ok(true) => self.store().map(Some),
            Ok(false) => Ok(None),
            Err(AppError::Path(PathError::File(error)))
                if error.source.kind() == ErrorKind::PermissionDenied =>
            {
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }
}
