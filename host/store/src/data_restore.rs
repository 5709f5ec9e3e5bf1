//! Restores an earlier version of data: writes its content again, as the latest version.

use sedge_model::digest::Digest;
use sedge_model::lifetime::Lifetime;
use sedge_model::names::{DataName, ModelName, TypeName};

use crate::Store;
use crate::changes::{StoredData, data_find, digest_of};
use crate::door::{Durability, Tx, TxFault, values};
use crate::error::StoreError;
use crate::format::StoredPlugin;
use crate::names::WritePermit;
use crate::runs::word;
use crate::statements;

/// Where a restored version comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredFrom {
    /// The version whose content was written again. It may have been deleted since.
    pub version: u64,
    /// The user who restored it.
    pub by: String,
}

/// A request to restore a version.
#[derive(Debug, Clone)]
pub struct DataRestore {
    /// The model that the data belongs to.
    pub model: ModelName,
    /// The name of the data.
    pub name: DataName,
    /// The version to write again, and the user who wants it.
    pub from: RestoredFrom,
    /// The type of the model; `None` if the model is gone.
    pub type_name: Option<TypeName>,
}

/// The result of a restoration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataRestoreEnd {
    /// The version was written again, with this number.
    Written(u64),
    /// The version is the latest one, so nothing was written.
    IsLatest,
    /// The name or the version does not exist.
    Missing,
}

/// The part of a version that decides how it is written again.
struct StoredVersion {
    digest: Digest,
    /// The row of its content; `None` if the content is in a file.
    content: Option<i64>,
    size: u64,
    lifetime: Lifetime,
    origin: i64,
}

impl Store {
    /// Writes a version of data again, as the latest version of its name.
    ///
    /// The new version has the content, the tags and the writer of the earlier one. Large content
    /// is not copied, because both versions refer to the same file. A lifetime that is bound to a
    /// call, a job or a run becomes infinite, because that has ended. The change is durable.
    ///
    /// # Errors
    /// [`StoreError::NotOwner`] if a model of another type wrote the data,
    /// [`StoreError::ContentMissing`], or [`StoreError::LockLost`] if the lock is no longer valid.
    /// Nothing is then changed.
    pub fn data_restore(
        &self,
        permit: &WritePermit,
        restore: &DataRestore,
    ) -> Result<DataRestoreEnd, StoreError> {
        self.door
            .write("restore a version", Durability::PowerLoss, |tx| {
                permit.check(tx)?;
                let Some(data) = data_find(tx, &restore.model, &restore.name)? else {
                    return Ok(DataRestoreEnd::Missing);
                };
                owner_check(restore, &data)?;
                let Some(version) = version_find(tx, data.id, restore.from.version)? else {
                    return Ok(DataRestoreEnd::Missing);
                };
                if restore.from.version == data.latest {
                    return Ok(DataRestoreEnd::IsLatest);
                }
                let content = self.content_again(tx, &data, &version)?;
                let origin = origin_again(tx, version.origin, &restore.from)?;
                let number = data.written + 1;
                let lifetime = lifetime_again(version.lifetime).to_string();
                let from = restore.from.version;
                let row = values![
                    data.id,
                    from,
                    number,
                    content,
                    &lifetime,
                    tx.now().0,
                    origin
                ];
                tx.execute(statements::VERSION_RESTORE, &row)?;
                tx.execute(statements::TAGS_RESTORE, &values![data.id, from, number])?;
                tx.execute(statements::DATA_RESTORED, &values![data.id, number])?;
                Ok(DataRestoreEnd::Written(number))
            })
    }

    /// Returns the row of the content for the new version; `None` if the content is in a file.
    ///
    /// Only adjacent versions share a row, because the deletion of a version looks for another user
    /// of its content in these alone. So the content of another version is copied.
    fn content_again(
        &self,
        tx: &Tx<'_>,
        data: &StoredData,
        version: &StoredVersion,
    ) -> Result<Option<i64>, TxFault> {
        let Some(content) = version.content else {
            return match self.blobs.size(&version.digest)? {
                Some(size) if size == version.size => Ok(None),
                Some(_) | None => Err(StoreError::ContentMissing(version.digest).into()),
            };
        };
        let latest = version_find(tx, data.id, data.latest)?;
        if let Some(latest) = latest.filter(|latest| latest.digest == version.digest)
            && latest.content.is_some()
        {
            return Ok(latest.content);
        }
        tx.execute(statements::CONTENT_COPY, &values![content])?;
        Ok(Some(tx.inserted()))
    }
}

/// Checks that the model may write the name. A model that is gone has no other type.
fn owner_check(restore: &DataRestore, data: &StoredData) -> Result<(), TxFault> {
    match (&data.owner, &restore.type_name) {
        (Some(owner), Some(own)) if owner != own => Err(StoreError::NotOwner {
            model: restore.model.clone(),
            name: data.name.clone(),
            owner: owner.clone(),
        }
        .into()),
        (Some(_) | None, _) => Ok(()),
    }
}

fn version_find(tx: &Tx<'_>, data: i64, version: u64) -> Result<Option<StoredVersion>, TxFault> {
    tx.first(statements::VERSION_STORED, &values![data, version], |row| {
        Ok(StoredVersion {
            digest: digest_of(row, 0)?,
            content: row.get(1)?,
            size: row.get(2)?,
            lifetime: word("lifetime", row.get(3)?)?,
            origin: row.get(4)?,
        })
    })
}

/// Returns the origin of the new version: that of the earlier one, with the restoration.
fn origin_again(tx: &Tx<'_>, origin: i64, from: &RestoredFrom) -> Result<i64, TxFault> {
    let (type_name, method, plugin, definition): (String, String, String, String) = tx
        .first(statements::ORIGIN_GET, &values![origin], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .ok_or_else(|| StoreError::unreadable("origin", format!("there is no origin {origin}")))?;
    let plugin = StoredPlugin::read(&plugin)?.restored(from);
    let row = values![&plugin, &definition, &method, &type_name];
    if let Some(id) = tx.first(statements::ORIGIN_FIND, &row, |row| row.get(0))? {
        return Ok(id);
    }
    tx.execute(statements::ORIGIN_INSERT, &row)?;
    Ok(tx.inserted())
}

fn lifetime_again(lifetime: Lifetime) -> Lifetime {
    match lifetime {
        Lifetime::For(_) | Lifetime::Infinite => lifetime,
        Lifetime::Ephemeral | Lifetime::Job | Lifetime::Workflow => Lifetime::Infinite,
    }
}
