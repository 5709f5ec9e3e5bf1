//! Unsaved models: models whose definition has no file, because a user ran a method of a type
//! directly.

use sedge_model::names::{ModelName, TypeName};
use sedge_sys::clock::Timestamp;

use crate::Store;
use crate::audit::{AuditEntry, audit_insert};
use crate::door::{Durability, SqlRow, Tx, TxFault, values};
use crate::error::StoreError;
use crate::names::WritePermit;
use crate::runs::{Claim, RunStart, run_insert, word};
use crate::statements;

/// The definition of an unsaved model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsavedModel {
    /// The name of the model.
    pub name: ModelName,
    /// Its type.
    pub type_name: TypeName,
    /// The definition, as the text of a file.
    pub text: String,
    /// The actor that created it.
    pub by: String,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A definition of an unsaved model that is to be created or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsavedPut {
    /// The name of the model.
    pub name: ModelName,
    /// Its type.
    pub type_name: TypeName,
    /// The text that the new one is based on; `None` if the model is to be created.
    pub former: Option<String>,
    /// The new text.
    pub text: String,
}

impl Store {
    /// Returns the unsaved model of a name.
    ///
    /// # Errors
    /// The database fails.
    pub fn unsaved_get(&self, name: &str) -> Result<Option<UnsavedModel>, StoreError> {
        self.door.read("read an unsaved model", |tx| {
            tx.first(statements::UNSAVED_GET, &values![name], unsaved_record)
        })
    }

    /// Returns all unsaved models, sorted by name.
    ///
    /// # Errors
    /// The database fails.
    pub fn unsaved_list(&self) -> Result<Vec<UnsavedModel>, StoreError> {
        self.door.read("list unsaved models", |tx| {
            tx.all(statements::UNSAVED_LIST, &[], unsaved_record)
        })
    }

    /// Creates or changes an unsaved model, together with a running run of one of its methods. Both
    /// are durable. Returns `None`, and changes nothing, if the stored definition is not the one
    /// that the new text is based on.
    ///
    /// # Errors
    /// The id of the run is taken, or the database fails.
    pub fn run_start_unsaved(
        &self,
        start: &RunStart,
        put: &UnsavedPut,
    ) -> Result<Option<Claim>, StoreError> {
        self.door.write(
            "create a run of an unsaved model",
            Durability::PowerLoss,
            |tx| {
                if !unsaved_put(tx, put, &start.actor.name)? {
                    return Ok(None);
                }
                run_insert(tx, start, &[]).map(Some)
            },
        )
    }

    /// Deletes an unsaved model. Returns false if there is none of that name. The deletion is
    /// durable.
    ///
    /// # Errors
    /// [`StoreError::LockLost`] if the lock is no longer valid. Nothing is then deleted.
    pub fn unsaved_delete(
        &self,
        permit: &WritePermit,
        name: &ModelName,
    ) -> Result<bool, StoreError> {
        self.door
            .write("delete an unsaved model", Durability::PowerLoss, |tx| {
                permit.check(tx)?;
                let n_deleted = tx.execute(statements::UNSAVED_DELETE, &values![name.as_str()])?;
                Ok(n_deleted > 0)
            })
    }

    /// Returns the unsaved models that have no data, and no run or call but those of runs that
    /// ended before `before_ms`, in milliseconds since 1970.
    ///
    /// # Errors
    /// The database fails.
    pub fn unsaved_unused(&self, before_ms: u64) -> Result<Vec<ModelName>, StoreError> {
        self.door
            .read("look for unused models", |tx| unused(tx, before_ms))
    }

    /// Deletes the models that [`Store::unsaved_unused`] returns, and returns them. The audit gets
    /// `entry` for each of them, about its name. All of it is one durable transaction.
    ///
    /// # Errors
    /// [`StoreError::LockLost`] if the lock is no longer valid. Nothing is then deleted.
    pub fn unsaved_unused_delete(
        &self,
        permit: &WritePermit,
        before_ms: u64,
        entry: &AuditEntry,
    ) -> Result<Vec<ModelName>, StoreError> {
        self.door
            .write("delete unused models", Durability::PowerLoss, |tx| {
                permit.check(tx)?;
                let names = unused(tx, before_ms)?;
                for name in &names {
                    let of = values![name.as_str()];
                    tx.execute(statements::UNSAVED_DELETE, &of)?;
                    tx.execute(statements::USES_FORGET, &of)?;
                    let entry = AuditEntry {
                        on: name.to_string(),
                        ..entry.clone()
                    };
                    audit_insert(tx, &entry)?;
                }
                Ok(names)
            })
    }
}

/// Writes a definition. Returns false if the stored one is not the expected one.
pub(crate) fn unsaved_put(tx: &Tx<'_>, put: &UnsavedPut, by: &str) -> Result<bool, TxFault> {
    let (name, type_name) = (put.name.as_str(), put.type_name.as_str());
    let n_changed = match &put.former {
        Some(former) => {
            let update = values![name, type_name, &put.text, former];
            tx.execute(statements::UNSAVED_UPDATE, &update)?
        }
        None => {
            let insert = values![name, type_name, &put.text, by, tx.now().0];
            tx.execute(statements::UNSAVED_INSERT, &insert)?
        }
    };
    Ok(n_changed > 0)
}

fn unused(tx: &Tx<'_>, before_ms: u64) -> Result<Vec<ModelName>, TxFault> {
    tx.all(statements::UNSAVED_UNUSED, &values![before_ms], |row| {
        word("model name", row.get(0)?)
    })
}

/// Reads a row of the columns of an unsaved model.
pub(crate) fn unsaved_record(row: &SqlRow<'_>) -> Result<UnsavedModel, TxFault> {
    Ok(UnsavedModel {
        name: word("model name", row.get(0)?)?,
        type_name: word("type name", row.get(1)?)?,
        text: row.get(2)?,
        by: row.get(3)?,
        created_at: Timestamp(row.get(4)?),
    })
}
