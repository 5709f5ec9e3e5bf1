//! Reads versioned data. Writing is part of a call: see `changes`.

use std::collections::{BTreeMap, BTreeSet};

use sedge_lang::query::Selection;
use sedge_model::call::DataKind;
use sedge_model::digest::Digest;
use sedge_model::lifetime::Lifetime;
use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, EnvName, ModelName, SpecName};
use sedge_sys::clock::Timestamp;

use crate::Store;
use crate::blobs::ContentReader;
use crate::calls::lineage;
use crate::changes::{Origin, data_find, digest_of};
use crate::data_restore::RestoredFrom;
use crate::door::{RowFlow, SqlRow, Tx, TxFault, values};
use crate::error::StoreError;
use crate::format::{StoredEnvironment, StoredPlugin, read_word};
use crate::runs::{json, unreadable, word};
use crate::statements;

/// The metadata of one version of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRecord {
    /// The model that it belongs to.
    pub model: ModelName,
    /// Its current name, which differs from the requested one if that is a former name.
    pub name: DataName,
    /// Its number, from 1.
    pub version: u64,
    /// Whether it is the latest version of its name.
    pub is_latest: bool,
    /// Its kind.
    pub kind: DataKind,
    /// The resource or file spec that it conforms to.
    pub spec: SpecName,
    /// The media type of a file; `None` for a resource, which is `application/json`.
    pub media_type: Option<String>,
    /// The size of its content in bytes.
    pub size: u64,
    /// The digest of its content.
    pub digest: Digest,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// Its lifetime.
    pub lifetime: Lifetime,
    /// When it was written.
    pub created_at: Timestamp,
    /// The call that wrote it; of a restored version, the call that wrote the version that it
    /// comes from.
    pub by: Lineage,
    /// The workflow step of the call, if any, as `job/step`.
    pub step: Option<String>,
    /// What wrote it; of a restored version, what wrote the version that it comes from.
    pub origin: Origin,
    /// Where it comes from, if a user restored it.
    pub restored: Option<RestoredFrom>,
    place: Place,
}

/// Where the content is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Row(i64),
    File,
}

impl DataRecord {
    /// Returns the media type.
    #[must_use]
    pub fn media_type(&self) -> &str {
        match (&self.media_type, self.kind) {
            (Some(media_type), _) => media_type,
            (None, DataKind::Resource) => "application/json",
            (None, DataKind::File) => "application/octet-stream",
        }
    }
}

/// Whether a scan should continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// Continue.
    More,
    /// Stop.
    Enough,
}

impl Scan {
    /// Returns whether the rows of a scan go on after what the receiver of a row returned. Its error
    /// ends the scan, and is kept in `failure`.
    pub(crate) fn flow<E>(taken: Result<Self, E>, failure: &mut Option<E>) -> RowFlow {
        match taken {
            Ok(Self::More) => RowFlow::More,
            Ok(Self::Enough) => RowFlow::Enough,
            Err(error) => {
                *failure = Some(error);
                RowFlow::Enough
            }
        }
    }
}

impl Store {
    /// Returns a version of `name`, or of the name it was renamed to: the latest version if
    /// `version` is `None`. Returns `None` if it does not exist.
    ///
    /// # Errors
    /// The database fails.
    pub fn data_get(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<DataRecord>, StoreError> {
        self.door.read("read data", |tx| {
            let key = values![model.as_str(), name.as_str(), version];
            tx.first(statements::VERSION_GET, &key, data_record)
        })
    }

    /// Returns a version as [`Store::data_get`] does, with a reader for its content.
    ///
    /// # Errors
    /// The database fails, or [`StoreError::ContentMissing`].
    pub fn data_open(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<(DataRecord, ContentReader)>, StoreError> {
        let key = values![model.as_str(), name.as_str(), version];
        loop {
            let found = self.door.read("read data", |tx| {
                tx.first(statements::VERSION_GET, &key, |row| {
                    let bytes: Option<Vec<u8>> = row.get(21)?;
                    Ok((data_record(row)?, bytes))
                })
            })?;
            let Some((record, bytes)) = found else {
                return Ok(None);
            };
            if let Some(bytes) = bytes {
                let content = ContentReader::of_bytes(bytes, record.digest);
                return Ok(Some((record, content)));
            }
            if let Some(file) = self.blobs.open(&record.digest)? {
                let content = ContentReader::of_file(file, record.digest);
                return Ok(Some((record, content)));
            }
            // The version may have been deleted between the two reads.
            let again = self.data_get(model, name, version)?;
            if again.is_some_and(|again| again.digest == record.digest) {
                return Err(StoreError::ContentMissing(record.digest));
            }
        }
    }

    /// Returns a version of a resource as [`Store::data_get`] does, with its text.
    ///
    /// # Errors
    /// The same as for [`Store::data_open`], and damaged content.
    pub fn data_text(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<(DataRecord, String)>, StoreError> {
        let Some((record, content)) = self.data_open(model, name, version)? else {
            return Ok(None);
        };
        Ok(Some((record, text(content.read_all()?)?)))
    }

    /// Returns the versions of `name`, or of the name it was renamed to, oldest first; empty if the
    /// name does not exist.
    ///
    /// # Errors
    /// The database fails.
    pub fn data_versions(
        &self,
        model: &ModelName,
        name: &DataName,
    ) -> Result<Vec<DataRecord>, StoreError> {
        self.door.read("list versions", |tx| {
            let Some(data) = data_find(tx, model, name)? else {
                return Ok(Vec::new());
            };
            tx.all(statements::VERSION_LIST, &values![data.id], data_record)
        })
    }

    /// Passes the selected versions to `take`, sorted by model and name, the newest of a name
    /// first. They are read from one snapshot, without later changes, and one at a time.
    ///
    /// # Errors
    /// The database fails, or the error of `take`.
    pub fn data_scan<E: From<StoreError>>(
        &self,
        selection: &Selection,
        mut take: impl FnMut(&Scanned<'_>) -> Result<Scan, E>,
    ) -> Result<(), E> {
        let (sql, given) = statements::versions_selected(selection);
        let mut failure = None;
        let scanned = self.door.read("search data", |tx| {
            tx.each(&sql, &given, |row| {
                let record = data_record(row)?;
                let scanned = Scanned::new(self, tx, record);
                Ok(Scan::flow(take(&scanned), &mut failure))
            })
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(scanned?),
        }
    }

    /// Returns the selected versions, in the order of [`Store::data_scan`].
    ///
    /// # Errors
    /// The database fails.
    pub fn data_select(&self, selection: &Selection) -> Result<Vec<DataRecord>, StoreError> {
        let mut records = Vec::new();
        self.data_scan(selection, |scanned| {
            records.push(scanned.record.clone());
            Ok::<_, StoreError>(Scan::More)
        })?;
        Ok(records)
    }

    /// Returns the models that have data, sorted, with the amount of data.
    ///
    /// # Errors
    /// The database fails.
    pub fn data_models(&self) -> Result<Vec<ModelData>, StoreError> {
        self.door
            .read("list the models that have data", models_read)
    }
}

/// Reads the models that have data, sorted.
pub(crate) fn models_read(tx: &Tx<'_>) -> Result<Vec<ModelData>, TxFault> {
    tx.all(statements::DATA_MODELS, &[], |row| {
        Ok(ModelData {
            model: word("model name", row.get(0)?)?,
            n_names: row.get(1)?,
            n_versions: row.get(2)?,
            n_bytes: row.get(3)?,
        })
    })
}

/// The amount of data of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelData {
    /// The model.
    pub model: ModelName,
    /// The number of names.
    pub n_names: u64,
    /// The number of versions of all names.
    pub n_versions: u64,
    /// The bytes of all versions.
    pub n_bytes: u64,
}

/// A version that a scan has reached.
#[derive(Debug)]
pub struct Scanned<'a> {
    store: &'a Store,
    tx: &'a Tx<'a>,
    /// Its metadata.
    pub record: DataRecord,
}

impl<'a> Scanned<'a> {
    pub(crate) fn new(store: &'a Store, tx: &'a Tx<'a>, record: DataRecord) -> Self {
        Self { store, tx, record }
    }

    /// Returns the content of a resource as JSON text; `None` for a file, and for content that was
    /// deleted and collected during the scan.
    ///
    /// # Errors
    /// The database fails, or the content is missing or damaged.
    pub fn text(&self) -> Result<Option<String>, StoreError> {
        if self.record.kind == DataKind::File {
            return Ok(None);
        }
        self.bytes()?.map(text).transpose()
    }

    /// Returns the content, which must be known to fit into memory; `None` if it was deleted and
    /// collected during the scan.
    ///
    /// # Errors
    /// The database fails, or the content is missing or damaged.
    pub fn bytes(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let record = &self.record;
        let bytes = match record.place {
            Place::Row(id) => self
                .tx
                .first(statements::CONTENT_GET, &values![id], |row| row.get(0))
                .map_err(|fault| fault.into_error("read data"))?,
            Place::File => {
                let file = self.store.blobs.open(&record.digest)?;
                let reader = file.map(|file| ContentReader::of_file(file, record.digest));
                reader.map(ContentReader::read_all).transpose()?
            }
        };
        match bytes {
            Some(bytes) => Ok(Some(bytes)),
            // The version may have been deleted and collected since the snapshot was taken.
            None if self.is_gone()? => Ok(None),
            None => Err(StoreError::ContentMissing(record.digest)),
        }
    }

    fn is_gone(&self) -> Result<bool, StoreError> {
        let record = &self.record;
        let version = Some(record.version);
        let now = self.store.data_get(&record.model, &record.name, version)?;
        Ok(now.is_none_or(|now| now.digest != record.digest))
    }
}

/// Reads the names of variables of the environment that the store wrote.
fn environment_of(text: &str) -> Result<BTreeSet<EnvName>, TxFault> {
    const WHAT: &str = "names of variables of the environment";
    let stored = json::<StoredEnvironment>(WHAT, text)?;
    stored.try_into().map_err(unreadable(WHAT))
}

fn text(bytes: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(bytes).map_err(|error| StoreError::unreadable("resource", error))
}

/// Reads the columns of `statements::version_columns`.
pub(crate) fn data_record(row: &SqlRow<'_>) -> Result<DataRecord, TxFault> {
    let tags: Option<String> = row.get(9)?;
    let (type_name, definition): (String, String) = (row.get(15)?, row.get(18)?);
    let known = |text: String| (!text.is_empty()).then_some(text);
    let content: Option<i64> = row.get(19)?;
    let environment: Option<String> = row.get(20)?;
    let run: String = row.get(12)?;
    let plugin = row.text(17, StoredPlugin::read)??;
    Ok(DataRecord {
        model: word("model name", row.get(0)?)?,
        name: word("data name", row.get(1)?)?,
        is_latest: row.get(2)?,
        version: row.get(3)?,
        kind: row.text(4, |text| read_word("kind of data", text))??,
        spec: word("resource name", row.get(5)?)?,
        media_type: row.get(6)?,
        size: row.get(7)?,
        digest: digest_of(row, 8)?,
        tags: match tags {
            Some(tags) => json("labels", &tags)?,
            None => BTreeMap::new(),
        },
        lifetime: word("lifetime", row.get(10)?)?,
        created_at: Timestamp(row.get(11)?),
        by: row.text(13, |path| lineage(&run, path))??,
        step: row.get(14)?,
        origin: Origin {
            type_name: known(type_name)
                .map(|text| word("type name", text))
                .transpose()?,
            method: word("method name", row.get(16)?)?,
            plugin: plugin.sha256,
            definition: known(definition)
                .map(|text| word("digest", text))
                .transpose()?,
            environment: match environment {
                Some(text) => environment_of(&text)?,
                None => BTreeSet::new(),
            },
        },
        restored: plugin.restored,
        place: content.map_or(Place::File, Place::Row),
    })
}
