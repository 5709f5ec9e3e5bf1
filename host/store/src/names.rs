//! Operations of users on data as a whole: deleting and renaming.

use std::sync::Arc;

use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, ModelName};

use crate::Store;
use crate::changes::{data_find, versions_delete};
use crate::door::{Durability, SqlValue, Tx, TxFault, values};
use crate::error::StoreError;
use crate::locks::{LockOwner, WriteLock, lock_check};
use crate::runs::word;
use crate::statements;

/// The lock that permits a change of data outside of any call.
#[derive(Debug, Clone)]
pub struct WritePermit {
    /// The lineage that holds the lock on the model or the datastore.
    pub by: Lineage,
    /// The lock table of that lock.
    pub lock_epoch: u64,
    /// The call of another process whose command this process is part of, if any.
    pub under: Option<Arc<LockOwner>>,
}

/// A request to delete data permanently.
#[derive(Debug, Clone)]
pub struct DataDelete {
    /// The model that it belongs to.
    pub model: ModelName,
    /// The data to delete.
    pub what: DataChosen,
}

/// A selection of a model's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataChosen {
    /// One version.
    Version(DataName, u64),
    /// All versions of a name.
    Name(DataName),
    /// All names with this prefix.
    Prefix(String),
    /// All data of the model.
    All,
}

/// A name whose versions were deleted, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDeleted {
    /// The model.
    pub model: ModelName,
    /// The name.
    pub name: DataName,
    /// The number of versions.
    pub n_versions: u64,
    /// Their bytes.
    pub n_bytes: u64,
}

/// A request to rename data.
#[derive(Debug, Clone)]
pub struct DataRename {
    /// The model.
    pub model: ModelName,
    /// The current name.
    pub from: DataName,
    /// The new name.
    pub to: DataName,
    /// Whether the former name is kept as an alias.
    pub forward: bool,
}

impl Store {
    /// Returns the data that [`Store::data_delete`] would delete.
    ///
    /// # Errors
    /// The database fails.
    pub fn data_delete_plan(&self, delete: &DataDelete) -> Result<Vec<DataDeleted>, StoreError> {
        self.door.read("look for data to delete", |tx| {
            let mut plan = Vec::new();
            for chosen in chosen(tx, delete)? {
                let numbers = values![chosen.id, chosen.version];
                let sizes = tx.all(statements::VERSION_NUMBERS, &numbers, |row| {
                    row.get::<u64>(1)
                })?;
                plan.push(chosen.deleted(delete, sizes.len() as u64, sizes.iter().sum()));
            }
            plan.retain(|deleted| deleted.n_versions > 0);
            Ok(plan)
        })
    }

    /// Deletes data and returns the deleted names. The deletion is durable. The next collection
    /// removes the files of large content.
    ///
    /// # Errors
    /// [`StoreError::LockLost`] or [`StoreError::CallerLockLost`] if the lock is no longer valid.
    /// Nothing is then deleted.
    pub fn data_delete(
        &self,
        permit: &WritePermit,
        delete: &DataDelete,
    ) -> Result<Vec<DataDeleted>, StoreError> {
        self.door.write("delete data", Durability::PowerLoss, |tx| {
            permit.check(tx)?;
            let mut deleted = Vec::new();
            for chosen in chosen(tx, delete)? {
                let (n_versions, n_bytes) = versions_delete(tx, chosen.id, chosen.version)?;
                deleted.push(chosen.deleted(delete, n_versions, n_bytes));
            }
            deleted.retain(|deleted| deleted.n_versions > 0);
            Ok(deleted)
        })
    }

    /// Renames data with all its versions. Returns false if the data does not exist. With
    /// `forward`, reads and writes of the former name are redirected to the new one. The change is
    /// durable.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`], or [`StoreError::LockLost`] if the lock is no longer valid.
    /// Nothing is then changed.
    pub fn data_rename(
        &self,
        permit: &WritePermit,
        rename: &DataRename,
    ) -> Result<bool, StoreError> {
        let model = &rename.model;
        self.door.write("rename data", Durability::PowerLoss, |tx| {
            permit.check(tx)?;
            let Some(data) = data_find(tx, model, &rename.from)? else {
                return Ok(false);
            };
            if let Some(taken) = data_find(tx, model, &rename.to)? {
                // Data may be renamed back to one of its former names.
                if taken.id != data.id || !taken.is_forwarded {
                    return Err(StoreError::NameTaken {
                        model: model.clone(),
                        name: rename.to.clone(),
                    }
                    .into());
                }
                let former = values![model.as_str(), rename.to.as_str()];
                tx.execute(statements::DATA_FORWARD_DELETE, &former)?;
            }
            tx.execute(
                statements::DATA_RENAME,
                &values![data.id, rename.to.as_str()],
            )?;
            if rename.forward {
                let former = values![model.as_str(), data.name.as_str(), SqlValue::Null, data.id];
                tx.execute(statements::DATA_INSERT, &former)?;
            }
            Ok(true)
        })
    }

    /// Returns the former names of a model's data, each with its current name.
    ///
    /// # Errors
    /// The database fails.
    pub fn data_forwards(
        &self,
        model: &ModelName,
    ) -> Result<Vec<(DataName, DataName)>, StoreError> {
        self.door.read("list former names", |tx| {
            tx.all(statements::DATA_FORWARDS, &values![model.as_str()], |row| {
                Ok((
                    word("data name", row.get(0)?)?,
                    word("data name", row.get(1)?)?,
                ))
            })
        })
    }
}

impl WritePermit {
    pub(crate) fn check(&self, tx: &Tx<'_>) -> Result<(), TxFault> {
        let lock = WriteLock {
            epoch: self.lock_epoch,
            owner: &self.by,
            claim: 0,
            under: self.under.as_deref(),
            writer: &self.by,
        };
        lock_check(tx, &lock)
    }
}

/// A name, and the selected version of it.
struct Chosen {
    id: i64,
    name: DataName,
    version: Option<u64>,
}

impl Chosen {
    fn deleted(self, delete: &DataDelete, n_versions: u64, n_bytes: u64) -> DataDeleted {
        DataDeleted {
            model: delete.model.clone(),
            name: self.name,
            n_versions,
            n_bytes,
        }
    }
}

fn chosen(tx: &Tx<'_>, delete: &DataDelete) -> Result<Vec<Chosen>, TxFault> {
    let model = &delete.model;
    let one = |name: &DataName, version| -> Result<Vec<Chosen>, TxFault> {
        let found = data_find(tx, model, name)?;
        let chosen = found.map(|data| Chosen {
            id: data.id,
            name: data.name,
            version,
        });
        Ok(chosen.into_iter().collect())
    };
    let prefix = match &delete.what {
        DataChosen::Version(name, version) => return one(name, Some(*version)),
        DataChosen::Name(name) => return one(name, None),
        DataChosen::Prefix(prefix) => Some(prefix),
        DataChosen::All => None,
    };
    tx.all(
        statements::DATA_NAMES,
        &values![model.as_str(), prefix],
        |row| {
            Ok(Chosen {
                id: row.get(0)?,
                name: word("data name", row.get(1)?)?,
                version: None,
            })
        },
    )
}
