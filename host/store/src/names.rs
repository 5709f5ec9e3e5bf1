//! What people do to data as a whole: delete it, and give it another name.

use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, ModelName};

use crate::Store;
use crate::changes::{data_find, versions_delete};
use crate::door::{Durability, Fault, Tx, Value, values};
use crate::error::StoreError;
use crate::locks::lock_check;
use crate::runs::word;
use crate::statements;

/// What allows somebody outside of any call to change data.
#[derive(Debug, Clone)]
pub struct Permit {
    /// What the model, or the datastore, was locked by.
    pub by: Lineage,
    /// Which lock table that lock is in.
    pub lock_epoch: u64,
}

/// Data that is to be deleted, for good.
#[derive(Debug, Clone)]
pub struct DataDelete {
    /// The model that it belongs to.
    pub model: ModelName,
    /// What of it.
    pub what: DataChosen,
}

/// Which of a model's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataChosen {
    /// One version.
    Version(DataName, u64),
    /// All versions of a name.
    Name(DataName),
    /// All names that begin so.
    Prefix(String),
    /// All that the model has.
    All,
}

/// A name of which versions were deleted, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDeleted {
    /// The model.
    pub model: ModelName,
    /// The name.
    pub name: DataName,
    /// How many versions.
    pub n_versions: u64,
    /// Their bytes.
    pub n_bytes: u64,
}

/// A name that is to become another.
#[derive(Debug, Clone)]
pub struct DataRename {
    /// The model.
    pub model: ModelName,
    /// The name that it has.
    pub from: DataName,
    /// The name that it gets.
    pub to: DataName,
    /// Whether the former name goes on leading to it.
    pub forward: bool,
}

impl Store {
    /// Returns what [`Store::data_delete`] would delete.
    ///
    /// # Errors
    /// The database refuses.
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

    /// Deletes data and returns what there was. It survives a power cut. Files of large
    /// content go with the next collection.
    ///
    /// # Errors
    /// [`StoreError::LockLost`] when the lock does not count any more: nothing was deleted.
    pub fn data_delete(
        &self,
        permit: &Permit,
        delete: &DataDelete,
    ) -> Result<Vec<DataDeleted>, StoreError> {
        self.door.write("delete data", Durability::PowerCut, |tx| {
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

    /// Gives data another name, with all its versions; false where there is no such data. Who
    /// reads or writes the former name reads or writes the new one, if `forward` says so. It
    /// survives a power cut.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`], and [`StoreError::LockLost`] when the lock does not count
    /// any more: nothing was changed.
    pub fn data_rename(&self, permit: &Permit, rename: &DataRename) -> Result<bool, StoreError> {
        let model = &rename.model;
        self.door.write("rename data", Durability::PowerCut, |tx| {
            permit.check(tx)?;
            let Some(data) = data_find(tx, model, &rename.from)? else {
                return Ok(false);
            };
            if let Some(taken) = data_find(tx, model, &rename.to)? {
                // It may get back a name that it had.
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
                let former = values![model.as_str(), data.name.as_str(), Value::Null, data.id];
                tx.execute(statements::DATA_INSERT, &former)?;
            }
            Ok(true)
        })
    }

    /// Returns the former names of a model's data, each with the present one.
    ///
    /// # Errors
    /// The database refuses.
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

impl Permit {
    pub(crate) fn check(&self, tx: &Tx<'_>) -> Result<(), Fault> {
        lock_check(tx, self.lock_epoch, &self.by, 0)
    }
}

/// A name, and which version of it.
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

fn chosen(tx: &Tx<'_>, delete: &DataDelete) -> Result<Vec<Chosen>, Fault> {
    let model = &delete.model;
    let one = |name: &DataName, version| -> Result<Vec<Chosen>, Fault> {
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
