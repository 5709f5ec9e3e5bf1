//! Changes of data by calls: new versions, and deleted versions.

use std::collections::{BTreeMap, BTreeSet};

use sedge_model::call::{BaseVersion, NameBase, StagedChange, StagedContent, StagedWrite, Written};
use sedge_model::digest::{DIGEST_BYTES, Digest};
use sedge_model::lifetime::{Keep, Lifetime};
use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, EnvName, MethodName, ModelName, TypeName};
use sedge_model::run::StepInstance;

use crate::blobs::{Blobs, INLINE_BYTES_MAX};
use crate::call_end::CallEnd;
use crate::calls::lineage;
use crate::door::{SqlRow, SqlValue, Tx, TxFault, values};
use crate::error::StoreError;
use crate::format::{StoredEnvironment, StoredWord};
use crate::runs::word;
use crate::statements;

/// The origin of a version: what ran, under which definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The type of the model; `None` for data that was migrated from a version without it.
    pub type_name: Option<TypeName>,
    /// The method.
    pub method: MethodName,
    /// The SHA-256 of the component, in hexadecimal.
    pub plugin: String,
    /// The digest of the model's file; `None` for migrated data.
    pub definition: Option<Digest>,
    /// The variables of the environment that expressions have read for the call: of the definition, of
    /// the step, and of what has called it. The content may contain their values.
    pub environment: BTreeSet<EnvName>,
}

/// One change to a model's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The change.
    pub staged: StagedChange,
    /// The lifetime of a new version.
    pub lifetime: Lifetime,
    /// The number of versions of the name to keep; all of them if `None`.
    pub keep: Option<Keep>,
}

/// The call that makes changes.
#[derive(Debug, Clone)]
pub(crate) struct CallAuthor<'a> {
    model: &'a ModelName,
    lineage: &'a Lineage,
    step: Option<&'a StepInstance>,
    origin: &'a Origin,
}

impl<'a> CallAuthor<'a> {
    pub(crate) fn of_call(end: &'a CallEnd) -> Self {
        Self {
            model: &end.model,
            lineage: &end.lineage,
            step: end.step.as_ref(),
            origin: &end.origin,
        }
    }

    /// Returns the author of an import. `lineage` is that of the call which the import counts as.
    pub(crate) fn of_import(
        model: &'a ModelName,
        lineage: &'a Lineage,
        origin: &'a Origin,
    ) -> Self {
        Self {
            model,
            lineage,
            step: None,
            origin,
        }
    }

    /// Returns the owner of a name after a write. Only models of the type that first wrote a name
    /// may write it again. A model of unknown type does not change the owner.
    fn owner<'b>(&'b self, data: &'b StoredData) -> Result<Option<&'b str>, TxFault> {
        let own = self.origin.type_name.as_ref();
        match (&data.owner, own) {
            (Some(owner), Some(own)) if owner != own => Err(StoreError::NotOwner {
                model: self.model.clone(),
                name: data.name.clone(),
                owner: owner.clone(),
            }
            .into()),
            (Some(first), _) => Ok(Some(first.as_str())),
            (None, own) => Ok(own.map(TypeName::as_str)),
        }
    }
}

/// Writes the large content of changes to files, and replaces it by references to them, so that it
/// is not in memory any more. The files are durable; a collection removes them if no row refers to
/// them. Changes that are prepared already stay as they are.
pub(crate) fn changes_prepare(blobs: &Blobs, changes: &mut [Change]) -> Result<(), StoreError> {
    let mut passing = Vec::new();
    let prepare = || -> Result<(), StoreError> {
        for change in changes {
            passing.extend(content_prepare(blobs, change)?);
        }
        blobs.publish(&passing)
    };
    if let Err(error) = prepare() {
        for (path, _) in &passing {
            blobs.forget(path);
        }
        return Err(error);
    }
    Ok(())
}

/// Writes large content to a file. Returns the temporary name and the digest of a file that has to
/// get its final name.
fn content_prepare(
    blobs: &Blobs,
    change: &mut Change,
) -> Result<Option<(String, Digest)>, StoreError> {
    let StagedChange::Write(write) = &mut change.staged else {
        return Ok(None);
    };
    let bytes = match &write.content {
        StagedContent::Text(text) => text.as_bytes(),
        StagedContent::Bytes(bytes) => bytes,
        StagedContent::File {
            passing, digest, ..
        } => return Ok(Some((passing.clone(), *digest))),
    };
    if bytes.len() <= INLINE_BYTES_MAX {
        return Ok(None);
    }
    let (passing, digest) = blobs.write(bytes)?;
    write.content = StagedContent::File {
        passing: passing.clone(),
        size: write.content.size(),
        digest,
    };
    Ok(Some((passing, digest)))
}

/// Makes changes whose large content is in files, and returns the versions of the writes, in order.
pub(crate) fn changes_apply(
    tx: &Tx<'_>,
    blobs: &Blobs,
    author: &CallAuthor<'_>,
    changes: &[Change],
) -> Result<Vec<Written>, TxFault> {
    let mut written = Vec::new();
    let mut origin = None;
    for change in changes {
        match &change.staged {
            StagedChange::Write(write) => {
                let origin = match origin {
                    Some(origin) => origin,
                    None => *origin.insert(origin_id(tx, author.origin)?),
                };
                let version = NewVersion {
                    author,
                    write,
                    change,
                    origin,
                };
                written.push(version.insert(tx, blobs)?);
            }
            StagedChange::Delete { name, version } => {
                if let Some(data) = data_find(tx, author.model, name)? {
                    author.owner(&data)?;
                    versions_delete(tx, data.id, *version)?;
                }
            }
        }
    }
    Ok(written)
}

/// Checks that each name still has the latest version that the call builds on. Names are followed if
/// the data was renamed.
pub(crate) fn bases_check(
    tx: &Tx<'_>,
    model: &ModelName,
    bases: &[NameBase],
) -> Result<(), TxFault> {
    for base in bases {
        let data = data_find(tx, model, &base.name)?;
        let latest = match &data {
            Some(data) => version_base(tx, data)?,
            None => None,
        };
        if latest != base.version {
            let (version, by) = latest.map_or((0, None), |it| (it.version, Some(it.by)));
            let name = data.map_or_else(|| base.name.clone(), |data| data.name);
            return Err(StoreError::ChangedMeanwhile { name, version, by }.into());
        }
    }
    Ok(())
}

/// Returns the latest version of a name, and the call that wrote it.
pub(crate) fn version_base(tx: &Tx<'_>, data: &StoredData) -> Result<Option<BaseVersion>, TxFault> {
    let key = values![data.id, data.latest];
    tx.first(statements::VERSION_BY, &key, |row| {
        let run: String = row.get(0)?;
        Ok(BaseVersion {
            version: data.latest,
            by: row.text(1, |path| lineage(&run, path))??,
        })
    })
}

/// A name of data, resolved if it is a former one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredData {
    pub(crate) id: i64,
    pub(crate) name: DataName,
    pub(crate) owner: Option<TypeName>,
    pub(crate) latest: u64,
    pub(crate) written: u64,
    /// Whether the requested name is a former one.
    pub(crate) is_forwarded: bool,
}

pub(crate) fn data_find(
    tx: &Tx<'_>,
    model: &ModelName,
    name: &DataName,
) -> Result<Option<StoredData>, TxFault> {
    let key = values![model.as_str(), name.as_str()];
    tx.first(statements::DATA_FIND, &key, |row| {
        let owner: Option<String> = row.get(2)?;
        Ok(StoredData {
            id: row.get(0)?,
            name: word("data name", row.get(1)?)?,
            owner: owner.map(|owner| word("type name", owner)).transpose()?,
            latest: row.get(3)?,
            written: row.get(4)?,
            is_forwarded: row.get(5)?,
        })
    })
}

struct NewVersion<'a> {
    author: &'a CallAuthor<'a>,
    write: &'a StagedWrite,
    change: &'a Change,
    origin: i64,
}

impl NewVersion<'_> {
    fn insert(&self, tx: &Tx<'_>, blobs: &Blobs) -> Result<Written, TxFault> {
        let data = self.data(tx)?;
        let version = data.written + 1;
        let (digest, content) = self.content(tx, blobs, &data)?;
        let tags = &self.write.tags;
        let (path, lifetime) = (self.author.lineage.path(), self.change.lifetime.to_string());
        let step = self.author.step.map(ToString::to_string);
        let tags_text = (!tags.is_empty()).then(|| json_text(tags));
        let environment = StoredEnvironment::column(&self.author.origin.environment);
        let row = values![
            data.id,
            version,
            self.write.kind.stored(),
            self.write.spec.as_str(),
            self.write.media_type.as_ref(),
            self.write.content.size(),
            digest.0.as_slice(),
            content,
            tags_text.as_ref(),
            &lifetime,
            tx.now().0,
            self.author.lineage.run().as_str(),
            &path,
            step.as_ref(),
            self.origin,
            environment.as_ref(),
        ];
        tx.execute(statements::VERSION_INSERT, &row)?;
        for (key, value) in tags {
            tx.execute(
                statements::TAG_INSERT,
                &values![key, value, data.id, version],
            )?;
        }
        let keep = self.change.keep.map(|keep| keep.to_string());
        let owner = self.author.owner(&data)?;
        let after = values![data.id, version, keep.as_ref(), owner];
        tx.execute(statements::DATA_WRITTEN, &after)?;
        Ok(Written {
            name: data.name,
            version,
        })
    }

    /// Returns the row of the name, or of the name it was renamed to. Creates the row if it does
    /// not exist.
    fn data(&self, tx: &Tx<'_>) -> Result<StoredData, TxFault> {
        if let Some(data) = data_find(tx, self.author.model, &self.write.name)? {
            return Ok(data);
        }
        let (model, name) = (self.author.model.as_str(), self.write.name.as_str());
        let row = values![model, name, SqlValue::Null, SqlValue::Null];
        tx.execute(statements::DATA_INSERT, &row)?;
        Ok(StoredData {
            id: tx.inserted(),
            name: self.write.name.clone(),
            owner: None,
            latest: 0,
            written: 0,
            is_forwarded: false,
        })
    }

    /// Returns the digest of the content, and the row of the content if it is in the database.
    fn content(
        &self,
        tx: &Tx<'_>,
        blobs: &Blobs,
        data: &StoredData,
    ) -> Result<(Digest, Option<i64>), TxFault> {
        let bytes = match &self.write.content {
            StagedContent::File { digest, .. } => return self.content_file(blobs, *digest),
            StagedContent::Text(text) => text.as_bytes(),
            StagedContent::Bytes(bytes) => bytes,
        };
        let digest = Digest::of(bytes);
        // Content that is written again without a change is stored once.
        let before = values![data.id, data.latest];
        let before = tx.first(statements::VERSION_CONTENT, &before, |row| {
            Ok((digest_of(row, 0)?, row.get::<Option<i64>>(1)?))
        })?;
        match before {
            Some((same, Some(content))) if same == digest => Ok((digest, Some(content))),
            Some(_) | None => {
                tx.execute(statements::CONTENT_INSERT, &values![bytes])?;
                Ok((digest, Some(tx.inserted())))
            }
        }
    }

    /// Returns the digest of content that is in a file, after a check that the file exists: a
    /// collection may have removed it since it was written.
    fn content_file(
        &self,
        blobs: &Blobs,
        digest: Digest,
    ) -> Result<(Digest, Option<i64>), TxFault> {
        match blobs.size(&digest)? {
            Some(size) if size == self.write.content.size() => Ok((digest, None)),
            Some(_) | None => Err(StoreError::ContentMissing(digest).into()),
        }
    }
}

fn origin_id(tx: &Tx<'_>, origin: &Origin) -> Result<i64, TxFault> {
    let definition = origin.definition.map(|digest| digest.to_string());
    let row = values![
        &origin.plugin,
        // ignored: an `Option`; migrated data has an empty definition.
        definition.as_deref().unwrap_or_default(),
        origin.method.as_str(),
        origin.type_name.as_ref().map_or("", TypeName::as_str),
    ];
    if let Some(id) = tx.first(statements::ORIGIN_FIND, &row, |row| row.get(0))? {
        return Ok(id);
    }
    tx.execute(statements::ORIGIN_INSERT, &row)?;
    Ok(tx.inserted())
}

/// Deletes one version, or all of them if `version` is `None`. Deletes the name and its former
/// names once no version is left. Returns the number of deleted versions, and their bytes.
pub(crate) fn versions_delete(
    tx: &Tx<'_>,
    data: i64,
    version: Option<u64>,
) -> Result<(u64, u64), TxFault> {
    let numbers = tx.all(
        statements::VERSION_NUMBERS,
        &values![data, version],
        |row| Ok((row.get::<u64>(0)?, row.get::<u64>(1)?)),
    )?;
    for (number, _) in &numbers {
        version_delete(tx, data, *number)?;
    }
    data_settle(tx, data)?;
    let n_bytes = numbers.iter().map(|(_, size)| size).sum();
    Ok((numbers.len() as u64, n_bytes))
}

/// Deletes one version, and its small content if no other version shares it. The caller must call
/// [`data_settle`] afterwards.
pub(crate) fn version_delete(tx: &Tx<'_>, data: i64, version: u64) -> Result<(), TxFault> {
    let key = values![data, version];
    let content = tx.first(statements::VERSION_CONTENT, &key, |row| {
        row.get::<Option<i64>>(1)
    })?;
    if let Some(Some(content)) = content {
        let shares = values![data, version, content];
        if tx
            .first(statements::VERSION_SHARES, &shares, |_| Ok(()))?
            .is_none()
        {
            tx.execute(statements::CONTENT_DELETE, &values![content])?;
        }
    }
    tx.execute(statements::VERSION_DELETE, &key)?;
    Ok(())
}

/// Updates a name after versions were deleted: sets its latest version, or deletes the name.
pub(crate) fn data_settle(tx: &Tx<'_>, data: i64) -> Result<(), TxFault> {
    for delete in statements::DATA_DELETE_EMPTY {
        tx.execute(delete, &values![data])?;
    }
    tx.execute(statements::DATA_LATEST_SET, &values![data])?;
    Ok(())
}

pub(crate) fn digest_of(row: &SqlRow<'_>, column: usize) -> Result<Digest, TxFault> {
    let bytes: [u8; DIGEST_BYTES] = row.get(column)?;
    Ok(Digest(bytes))
}

pub(crate) fn json_text(tags: &BTreeMap<String, String>) -> String {
    serde_json::to_string(tags).expect("labels have a form in JSON")
}
