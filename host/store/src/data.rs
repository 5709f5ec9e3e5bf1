//! Versioned data, as it is read and deleted. Writing is part of committing a call, see
//! `calls`.

use rusqlite::{OptionalExtension, params};
use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, ModelName, SpecName};
use sedge_sys::clock::Timestamp;

use crate::Store;
use crate::door::{Durability, Fault};
use crate::error::StoreError;
use crate::locks::lock_check;
use crate::runs::word;

/// A version and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRecord {
    /// The resource spec that it fits.
    pub spec: SpecName,
    /// What is known of it besides.
    pub info: VersionRecord,
    /// Its content, as JSON text.
    pub content: String,
}

/// What is known of a version besides its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRecord {
    /// Its number, from 1.
    pub version: u64,
    /// When it was written.
    pub created_at: Timestamp,
    /// The size of its content in bytes.
    pub size: u64,
    /// The call that wrote it.
    pub by: Lineage,
}

/// One name and its latest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSummary {
    /// The model that it belongs to.
    pub model: ModelName,
    /// Its name.
    pub name: DataName,
    /// The resource spec that its latest version fits.
    pub spec: SpecName,
    /// Its latest version.
    pub latest: VersionRecord,
}

/// Data that is to be deleted, for good.
#[derive(Debug, Clone)]
pub struct DataDelete {
    /// The model that it belongs to.
    pub model: ModelName,
    /// Its name; none for all that the model has.
    pub name: Option<DataName>,
    /// What the model was locked by.
    pub by: Lineage,
    /// Which lock table that lock is in.
    pub lock_epoch: u64,
}

const INFO: &str = "version, created_at, length(CAST(content AS BLOB)), run, path";

impl Store {
    /// Returns a version of `name`, the latest if none is named; none where there is none.
    ///
    /// # Errors
    /// The database refuses.
    pub fn data_get(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<DataRecord>, StoreError> {
        // SQLite's integers are signed; no version has the numbers that do not fit.
        let version = version.map(|version| i64::try_from(version).unwrap_or(i64::MAX));
        self.door.read("read data", |tx| {
            let mut statement = tx.prepare_cached(&format!(
                "SELECT {INFO}, spec, content FROM data_versions
                 WHERE model = ?1 AND name = ?2 AND (?3 IS NULL OR version = ?3)
                 ORDER BY version DESC LIMIT 1"
            ))?;
            let record = statement
                .query_row(params![model.as_str(), name.as_str(), version], |row| {
                    let found = || -> Result<DataRecord, Fault> {
                        Ok(DataRecord {
                            spec: word("resource name", row.get(5)?)?,
                            info: version_record(row)?,
                            content: row.get(6)?,
                        })
                    };
                    Ok(found())
                })
                .optional()?;
            record.transpose()
        })
    }

    /// Returns the versions of `name`, oldest first; none where there is no such name.
    ///
    /// # Errors
    /// The database refuses.
    pub fn data_versions(
        &self,
        model: &ModelName,
        name: &DataName,
    ) -> Result<Vec<VersionRecord>, StoreError> {
        self.door.read("list versions", |tx| {
            let mut statement = tx.prepare_cached(&format!(
                "SELECT {INFO} FROM data_versions WHERE model = ? AND name = ? ORDER BY version"
            ))?;
            let mut rows = statement.query(params![model.as_str(), name.as_str()])?;
            let mut versions = Vec::new();
            while let Some(row) = rows.next()? {
                versions.push(version_record(row)?);
            }
            Ok(versions)
        })
    }

    /// Deletes all versions of a piece of data, or of all that a model has, and returns what
    /// there was: each name, and its number of versions. It survives a power cut.
    ///
    /// # Errors
    /// [`StoreError::LockLost`] when the lock does not count any more: nothing was deleted.
    pub fn data_delete(&self, delete: &DataDelete) -> Result<Vec<(DataName, u64)>, StoreError> {
        let which = params![
            delete.model.as_str(),
            delete.name.as_ref().map(DataName::as_str)
        ];
        self.door.write("delete data", Durability::PowerCut, |tx| {
            lock_check(tx, delete.lock_epoch, &delete.by, 0)?;
            let mut statement = tx.prepare_cached(
                "SELECT name, count(*) FROM data_versions
                 WHERE model = ?1 AND (?2 IS NULL OR name = ?2) GROUP BY name ORDER BY name",
            )?;
            let mut rows = statement.query(which)?;
            let mut deleted = Vec::new();
            while let Some(row) = rows.next()? {
                deleted.push((word("data name", row.get(0)?)?, row.get(1)?));
            }
            tx.prepare_cached(
                "DELETE FROM data_versions WHERE model = ?1 AND (?2 IS NULL OR name = ?2)",
            )?
            .execute(which)?;
            Ok(deleted)
        })
    }

    /// Returns every name with its latest version, sorted; only those of `model` if one is named.
    ///
    /// # Errors
    /// The database refuses.
    pub fn data_list(&self, model: Option<&ModelName>) -> Result<Vec<DataSummary>, StoreError> {
        self.door.read("list data", |tx| {
            // With a bare max(), SQLite takes the other columns from the row that has it.
            let mut statement = tx.prepare_cached(
                "SELECT max(version), created_at, length(CAST(content AS BLOB)), run, path, model, name, spec
                 FROM data_versions WHERE ?1 IS NULL OR model = ?1
                 GROUP BY model, name ORDER BY model, name",
            )?;
            let mut rows = statement.query([model.map(ModelName::as_str)])?;
            let mut names = Vec::new();
            while let Some(row) = rows.next()? {
                names.push(DataSummary {
                    model: word("model name", row.get(5)?)?,
                    name: word("data name", row.get(6)?)?,
                    spec: word("resource name", row.get(7)?)?,
                    latest: version_record(row)?,
                });
            }
            Ok(names)
        })
    }
}

fn version_record(row: &rusqlite::Row<'_>) -> Result<VersionRecord, Fault> {
    let by = format!("{}/{}", row.get::<_, String>(3)?, row.get::<_, String>(4)?);
    Ok(VersionRecord {
        version: row.get(0)?,
        created_at: Timestamp(row.get(1)?),
        size: row.get(2)?,
        by: word("call id", by)?,
    })
}
