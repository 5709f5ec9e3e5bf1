//! Imports data that another tool has written.

use sedge_model::call::Written;
use sedge_model::names::ModelName;

use crate::Store;
use crate::changes::{CallAuthor, Change, Origin, changes_apply, changes_prepare};
use crate::door::Durability;
use crate::error::StoreError;
use crate::names::WritePermit;

/// A request to import data of a model.
#[derive(Debug, Clone)]
pub struct DataImport {
    /// The model that the data belongs to.
    pub model: ModelName,
    /// Where it comes from.
    pub origin: Origin,
    /// The writes.
    pub changes: Vec<Change>,
}

impl Store {
    /// Writes data of a model outside of any call, all or nothing. The change is durable.
    ///
    /// # Errors
    /// [`StoreError::NotOwner`] if a model of another type wrote one of the names, or
    /// [`StoreError::LockLost`] if the lock is no longer valid. Nothing is then changed.
    pub fn data_import(
        &self,
        permit: &WritePermit,
        import: DataImport,
    ) -> Result<Vec<Written>, StoreError> {
        let DataImport {
            model,
            origin,
            mut changes,
        } = import;
        changes_prepare(&self.blobs, &mut changes)?;
        // Every version names a call. The run that holds the lock makes one for the import.
        let lineage = permit.by.child(1);
        self.door.write("import data", Durability::PowerLoss, |tx| {
            permit.check(tx)?;
            let author = CallAuthor::of_import(&model, &lineage, &origin);
            changes_apply(tx, &self.blobs, &author, &changes)
        })
    }
}
