//! The interface `data`: writes data of the call's own model, and reads data that the plugin may
//! read.

pub(crate) mod files;

use std::collections::BTreeMap;

use sedge_lang::type_info::{MethodKind, OnViolation};
use sedge_model::call::{
    DataKind, LimitName, LogLevel, LogLine, StagedChange, StagedContent, StagedWrite, Written,
};
use sedge_model::names::{DataName, ModelName, SpecName};
use sedge_model::violation::Violation;
use serde_json::Value;

use crate::bindings::sedge::model::data::{self, DataError, Host};
use crate::bindings::sedge::model::types;
use crate::call::{CallState, Running};
use crate::convert;
use crate::host::{BoxFuture, HostError, JSON_BYTES_MAX, RequestFault, connected, effects};
use crate::json;
use crate::staging::StagedName;

use files::{FileSink, FileSource, GuestFileReader, GuestFileWriter, OpenedFile};

/// The maximum number of names that one `list` returns. The guest chooses the number and the host
/// allocates the list.
const LIST_MAX: u32 = 1000;

/// Reads the data that a call may read, and stores what it writes.
pub trait DataPort: Send + Sync {
    /// Checks that the caller may read a model's data. Returns the model's name.
    ///
    /// # Errors
    /// The caller may not read it, or there is no such model.
    fn readable(&self, model: &str) -> Result<ModelName, RequestFault<DataAccessError>>;

    /// Reads a committed version of a resource; without `version`, the latest. Returns `None` if
    /// the version does not exist or is a file.
    ///
    /// # Errors
    /// The store failed.
    fn resource(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<ResourceVersion>, HostError>;

    /// Returns the committed versions, oldest first.
    ///
    /// # Errors
    /// The store failed.
    fn versions(&self, model: &ModelName, name: &DataName) -> Result<Vec<VersionInfo>, HostError>;

    /// Returns the names that begin with `prefix` and sort after `after`, at most `n_max`, each
    /// with its latest committed version.
    ///
    /// # Errors
    /// The store failed.
    fn list(
        &self,
        model: &ModelName,
        prefix: &str,
        after: Option<&str>,
        n_max: usize,
    ) -> Result<Vec<VersionInfo>, HostError>;

    /// Starts a new file.
    ///
    /// # Errors
    /// The store failed.
    fn file_create(&self) -> Result<Box<dyn FileSink>, HostError>;

    /// Opens a committed version of a resource or file; without `version`, the latest. Returns
    /// `None` if the version does not exist.
    ///
    /// # Errors
    /// The store failed.
    fn file_open(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<OpenedFile>, HostError>;

    /// Opens staged content.
    ///
    /// # Errors
    /// The store failed.
    fn staged_open(&self, content: &StagedContent) -> Result<Box<dyn FileSource>, HostError>;

    /// Commits the changes of a call while it continues. The caller has marked the call with
    /// [`EffectsPort::begin`](crate::host::EffectsPort::begin), because it can no longer be rolled
    /// back then.
    fn publish(
        &self,
        changes: Vec<StagedChange>,
    ) -> BoxFuture<Result<Vec<Written>, RequestFault<DataAccessError>>>;
}

/// Why a guest may not read data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataAccessError {
    /// The plugin may not read this model. The text says which grant would allow it.
    Denied(String),
    /// No model has this name.
    ModelNotFound(String),
}

/// One committed version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceVersion {
    /// Its metadata.
    pub info: VersionInfo,
    /// Its content, as JSON text.
    pub content: String,
}

/// The metadata of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInfo {
    /// The model that owns it.
    pub model: ModelName,
    /// The name of the data. It differs from the requested name if the data was renamed.
    pub name: DataName,
    /// The kind of data.
    pub kind: DataKind,
    /// The output spec that it was written for.
    pub spec: SpecName,
    /// The version number, from 1. `None` while the version is staged.
    pub version: Option<u64>,
    /// Milliseconds since 1970-01-01T00:00:00Z. `None` while the version is staged.
    pub created_at_ms: Option<u64>,
    /// The media type.
    pub media_type: String,
    /// The size of the content in bytes.
    pub size: u64,
    /// The tags.
    pub tags: BTreeMap<String, String>,
}

type GuestResult<T> = wasmtime::Result<Result<T, DataError>>;

impl Host for CallState {
    async fn write_resource(
        &mut self,
        spec: String,
        name: String,
        content: String,
        tags: Vec<data::Tag>,
    ) -> GuestResult<()> {
        self.count_host_call(content.len())?;
        Ok(self.resource_write(&spec, name, content, tags))
    }

    async fn create_file(
        &mut self,
        spec: String,
        name: String,
        options: data::FileOptions,
    ) -> GuestResult<wasmtime::component::Resource<GuestFileWriter>> {
        self.count_host_call(0)?;
        self.file_create(&spec, name, options)
    }

    async fn open_file(
        &mut self,
        model: String,
        name: String,
        version: Option<u64>,
    ) -> GuestResult<Option<wasmtime::component::Resource<GuestFileReader>>> {
        self.count_host_call(0)?;
        match self.target(&model, name)? {
            Ok((model, name)) => self.file_open(&model, &name, version),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn read_latest(
        &mut self,
        model: String,
        name: String,
    ) -> GuestResult<Option<data::Resource>> {
        self.count_host_call(0)?;
        let (model, name) = match self.target(&model, name)? {
            Ok(target) => target,
            Err(error) => return Ok(Err(error)),
        };
        let version = match self.staged(&model, &name) {
            StagedName::Written(write) => {
                let staged = resource_staged(model, write);
                self.count_bytes(staged.as_ref().map_or(0, |staged| staged.content.len()))?;
                return Ok(Ok(staged));
            }
            StagedName::Deleted => return Ok(Ok(None)),
            StagedName::As(deleted) => match self.newest_but(&model, &name, &deleted)? {
                Newest::Latest => None,
                Newest::Version(version) => Some(version),
                Newest::None => return Ok(Ok(None)),
            },
        };
        self.committed(&model, &name, version)
    }

    async fn read_version(
        &mut self,
        model: String,
        name: String,
        version: u64,
    ) -> GuestResult<Option<data::Resource>> {
        self.count_host_call(0)?;
        let (model, name) = match self.target(&model, name)? {
            Ok(target) => target,
            Err(error) => return Ok(Err(error)),
        };
        if self.is_deleted(&model, &name, version) {
            return Ok(Ok(None));
        }
        self.committed(&model, &name, Some(version))
    }

    async fn list_versions(
        &mut self,
        model: String,
        name: String,
    ) -> GuestResult<Vec<data::VersionInfo>> {
        self.count_host_call(0)?;
        let (model, name) = match self.target(&model, name)? {
            Ok(target) => target,
            Err(error) => return Ok(Err(error)),
        };
        let versions = self.data_port()?.versions(&model, &name)?.into_iter();
        Ok(Ok(versions.map(convert::version_info_to_guest).collect()))
    }

    async fn list(
        &mut self,
        model: String,
        prefix: String,
        after: Option<String>,
        count_max: u32,
    ) -> GuestResult<Vec<data::VersionInfo>> {
        self.count_host_call(0)?;
        let model = match self.readable(&model)? {
            Ok(model) => model,
            Err(error) => return Ok(Err(error)),
        };
        let n_max = count_max.min(LIST_MAX) as usize;
        let port = self.data_port()?;
        let list = port.list(&model, &prefix, after.as_deref(), n_max)?;
        let list = list.into_iter();
        Ok(Ok(list.map(convert::version_info_to_guest).collect()))
    }

    async fn delete(&mut self, name: String, version: Option<u64>) -> GuestResult<()> {
        self.count_host_call(0)?;
        let running = match self.writing() {
            Ok(running) => running,
            Err(error) => return Ok(Err(error)),
        };
        if running.identity.kind != MethodKind::Delete {
            let reason = format!(
                "`{}` may not delete data: it is of kind `{}`, not `delete`",
                running.identity.method,
                running.identity.kind.as_str()
            );
            return Ok(Err(DataError::Denied(reason)));
        }
        let name = match data_name(name) {
            Ok(name) => name,
            Err(error) => return Ok(Err(error)),
        };
        Ok(stage(running, StagedChange::Delete { name, version }))
    }

    async fn publish(&mut self) -> GuestResult<Vec<types::Written>> {
        self.count_host_call(0)?;
        if let Err(error) = self.writing() {
            return Ok(Err(error));
        }
        effects::begin(self.ports.effects.clone()).await;
        let changes = self.running()?.staging.take();
        let publishing = self.data_port()?.publish(changes);
        Ok(match publishing.await {
            Ok(written) => {
                self.running()?.staging.published(&written);
                Ok(convert::written_to_guest(written))
            }
            Err(RequestFault::Guest(error)) => Err(data_error(error)),
            Err(RequestFault::Host(error)) => return Err(error.into()),
        })
    }
}

/// The newest committed version of a name, except those that the call has staged for deletion.
enum Newest {
    Latest,
    Version(u64),
    None,
}

impl CallState {
    fn resource_write(
        &self,
        spec: &str,
        name: String,
        content: String,
        tags: Vec<data::Tag>,
    ) -> Result<(), DataError> {
        let running = self.writing()?;
        if content.len() > JSON_BYTES_MAX {
            return Err(limit(running, LimitName::JsonBytes, JSON_BYTES_MAX as u64));
        }
        let plugin = &running.plugin;
        let declared = plugin.type_info().resource(spec);
        let Some((declared, schema)) = declared.zip(plugin.resource_schema(spec)) else {
            return Err(DataError::Undeclared(spec.to_owned()));
        };
        let name = data_name(name)?;
        let tags = tags_from_guest(tags)?;
        let value = json::parse(&content).map_err(|message| {
            let path = String::new();
            invalid(vec![Violation { path, message }])
        })?;
        let violations = schema.violations(&value);
        match declared.on_violation {
            OnViolation::Refuse if !violations.is_empty() => return Err(invalid(violations)),
            OnViolation::Warn if !violations.is_empty() => self.warn(spec, &name, &violations),
            OnViolation::Refuse | OnViolation::Warn => {}
        }
        if let Some(place) = schema.secrets(&value).first() {
            return Err(DataError::Denied(format!(
                "`{place}` of `{name}` is marked as sensitive, and data does not contain secrets: \
                 leave it out or write null, and request the secret where a method needs it"
            )));
        }
        let write = StagedWrite {
            name,
            kind: DataKind::Resource,
            spec: declared.name.clone(),
            media_type: None,
            tags,
            content: StagedContent::Text(content),
        };
        stage(running, StagedChange::Write(write))
    }

    fn warn(&self, spec: &str, name: &DataName, violations: &[Violation]) {
        let texts: Vec<String> = violations.iter().map(ToString::to_string).collect();
        self.log.push(LogLine {
            level: LogLevel::Warn,
            message: format!(
                "`{name}` does not fit the schema of `{spec}`: {}",
                texts.join("; ")
            ),
            fields: vec![("name".to_owned(), Value::String(name.to_string()))],
        });
    }

    /// Returns the state of a method that may write.
    fn writing(&self) -> Result<&Running, DataError> {
        match &self.running {
            Some(running) if running.identity.kind != MethodKind::Read => Ok(running),
            Some(_) | None => Err(DataError::ReadOnly),
        }
    }

    fn data_port(&self) -> wasmtime::Result<&dyn DataPort> {
        Ok(connected(self.ports.data.as_ref())?.as_ref())
    }

    fn readable(&self, model: &str) -> GuestResult<ModelName> {
        let Some(port) = &self.ports.data else {
            let reason = format!("the model `{model}` cannot be read from a description");
            return Ok(Err(DataError::Denied(reason)));
        };
        match port.readable(model) {
            Ok(model) => Ok(Ok(model)),
            Err(RequestFault::Guest(error)) => Ok(Err(data_error(error))),
            Err(RequestFault::Host(error)) => Err(error.into()),
        }
    }

    fn target(&self, model: &str, name: String) -> GuestResult<(ModelName, DataName)> {
        let model = match self.readable(model)? {
            Ok(model) => model,
            Err(error) => return Ok(Err(error)),
        };
        Ok(data_name(name).map(|name| (model, name)))
    }

    fn staged(&self, model: &ModelName, name: &DataName) -> StagedName {
        match &self.running {
            Some(running) => running.staging.of_name(model, name),
            None => StagedName::As(Vec::new()),
        }
    }

    fn is_deleted(&self, model: &ModelName, name: &DataName, version: u64) -> bool {
        match self.staged(model, name) {
            StagedName::Deleted => true,
            StagedName::As(deleted) => deleted.contains(&version),
            // The versions before the deletion are still committed.
            StagedName::Written(_) => false,
        }
    }

    fn newest_but(
        &self,
        model: &ModelName,
        name: &DataName,
        deleted: &[u64],
    ) -> wasmtime::Result<Newest> {
        if deleted.is_empty() {
            return Ok(Newest::Latest);
        }
        let versions = self.data_port()?.versions(model, name)?;
        let numbers = versions.iter().filter_map(|info| info.version);
        let newest = numbers.filter(|version| !deleted.contains(version)).max();
        Ok(newest.map_or(Newest::None, Newest::Version))
    }

    fn committed(
        &mut self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> GuestResult<Option<data::Resource>> {
        let found = self.data_port()?.resource(model, name, version)?;
        self.count_bytes(found.as_ref().map_or(0, |found| found.content.len()))?;
        Ok(Ok(found.map(|found| data::Resource {
            info: convert::version_info_to_guest(found.info),
            content: found.content,
        })))
    }
}

fn resource_staged(model: ModelName, write: StagedWrite) -> Option<data::Resource> {
    let info = staged_info(model, &write);
    match write.content {
        StagedContent::Text(content) => Some(data::Resource {
            info: convert::version_info_to_guest(info),
            content,
        }),
        StagedContent::Bytes(_) | StagedContent::File { .. } => None,
    }
}

/// Returns the metadata of a staged version, which has no number yet.
fn staged_info(model: ModelName, write: &StagedWrite) -> VersionInfo {
    VersionInfo {
        model,
        name: write.name.clone(),
        kind: write.kind,
        spec: write.spec.clone(),
        version: None,
        created_at_ms: None,
        media_type: write
            .media_type
            .clone()
            .unwrap_or_else(|| "application/json".to_owned()),
        size: write.content.size(),
        tags: write.tags.clone(),
    }
}

fn stage(running: &Running, change: StagedChange) -> Result<(), DataError> {
    if running.staging.push(change) {
        Ok(())
    } else {
        let value = running.staging.bytes_max() as u64;
        Err(limit(running, LimitName::StagedBytes, value))
    }
}

fn data_name(name: String) -> Result<DataName, DataError> {
    DataName::try_from(name).map_err(|error| DataError::InvalidName(error.to_string()))
}

fn tags_from_guest(tags: Vec<data::Tag>) -> Result<BTreeMap<String, String>, DataError> {
    convert::tags(tags.into_iter().map(|tag| (tag.key, tag.value))).map_err(DataError::InvalidName)
}

fn data_error(error: DataAccessError) -> DataError {
    match error {
        DataAccessError::Denied(reason) => DataError::Denied(reason),
        DataAccessError::ModelNotFound(name) => DataError::ModelNotFound(name),
    }
}

fn invalid(violations: Vec<Violation>) -> DataError {
    DataError::InvalidContent(convert::violations_to_guest(violations))
}

/// Returns the error of a limit that a call reached, and notes that it did.
fn limit(running: &Running, name: LimitName, value: u64) -> DataError {
    running.refusals().limit(name, value);
    DataError::Limit(types::LimitReached {
        name: name.as_str().to_owned(),
        value,
    })
}
