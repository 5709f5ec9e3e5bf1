//! The interface `data`: writes data of the call's own model, and reads data that the plugin may
//! read.

pub(crate) mod files;
mod port;

use std::collections::BTreeMap;

use sedge_lang::schema::TooManySecrets;
use sedge_lang::type_info::{MethodKind, OnViolation};
use sedge_model::call::{
    DataKind, LimitName, LogLevel, LogLine, StagedChange, StagedContent, StagedWrite,
};
use sedge_model::names::{DataName, ModelName};
use sedge_model::sealed::{SEALED_KEY, sealed_forgery};
use sedge_model::violation::Violation;
use serde_json::Value;

use crate::bindings::sedge::model::data::{self, DataError, Host};
use crate::bindings::sedge::model::types;
use crate::call::{CallState, Running};
use crate::convert;
use crate::host::{JSON_BYTES_MAX, RequestFault, connected, effects};
use crate::json;
use crate::staging::StagedName;

use files::{GuestFileReader, GuestFileWriter};

pub use port::{DataAccessError, DataPort, ResourceVersion, SealDraft, ShownContent, VersionInfo};

/// The maximum number of names that one `list` returns. The guest chooses the number and the host
/// allocates the list.
const LIST_MAX: u32 = 1000;

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
        self.resource_write(&spec, name, content, tags)
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
            StagedName::Written(write) => return self.staged_read(model, &write),
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
            Err(RequestFault::Guest(error)) => Err(self.data_error(error)),
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
    ) -> GuestResult<()> {
        let (mut draft, mut value) = match self.resource_draft(spec, name, content, tags) {
            Ok(draft) => draft,
            Err(error) => return Ok(Err(error)),
        };
        if !draft.places.is_empty() {
            let write = &draft.write;
            let fields = SealDraft {
                spec: &write.spec,
                name: &write.name,
                places: &draft.places,
            };
            if let Err(error) =
                self.guest_result(self.data_port()?.fields_seal(&fields, &mut value))?
            {
                return Ok(Err(error));
            }
            draft.write.content = StagedContent::Text(value.to_string());
        }
        Ok(match self.writing() {
            Ok(running) => stage(running, StagedChange::Write(draft.write)),
            Err(error) => Err(error),
        })
    }

    /// Checks a resource that the guest writes, and returns it with its content as a value.
    fn resource_draft(
        &self,
        spec: &str,
        name: String,
        content: String,
        tags: Vec<data::Tag>,
    ) -> Result<(ResourceDraft, Value), DataError> {
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
        let violation = |path, message| invalid(vec![Violation { path, message }]);
        let value = json::parse(&content).map_err(|message| violation(String::new(), message))?;
        if let Some(path) = sealed_forgery(&value) {
            let message = format!("the key `{SEALED_KEY}` is reserved for values that Sedge seals");
            return Err(violation(path, message));
        }
        let violations = schema.violations(&value);
        match declared.on_violation {
            OnViolation::Refuse if !violations.is_empty() => return Err(invalid(violations)),
            OnViolation::Warn if !violations.is_empty() => self.warn(spec, &name, &violations),
            OnViolation::Refuse | OnViolation::Warn => {}
        }
        let places = schema
            .secrets(&value)
            .map_err(|error: TooManySecrets| violation(String::new(), error.to_string()))?;
        let write = StagedWrite {
            name,
            kind: DataKind::Resource,
            spec: declared.name.clone(),
            media_type: None,
            tags,
            content: StagedContent::Text(content),
        };
        Ok((ResourceDraft { write, places }, value))
    }

    /// Reads a resource that this call or one of its callers has staged.
    fn staged_read(
        &mut self,
        model: ModelName,
        write: &StagedWrite,
    ) -> GuestResult<Option<data::Resource>> {
        let StagedContent::Text(text) = &write.content else {
            return Ok(Ok(None));
        };
        let shown = self.data_port()?.staged_text(&model, write, text);
        let shown = match self.guest_result(shown)? {
            Ok(shown) => self.shown(shown),
            Err(error) => return Ok(Err(error)),
        };
        self.count_bytes(shown.len())?;
        Ok(Ok(Some(data::Resource {
            info: convert::version_info_to_guest(staged_info(model, write)),
            content: shown,
        })))
    }

    /// Returns the text of a content, and logs why a part of it is hidden.
    fn shown(&self, content: ShownContent) -> String {
        if let Some(denial) = &content.hidden {
            self.denied(denial);
        }
        content.text
    }

    /// Returns the result of a port, or its error for the guest.
    ///
    /// # Errors
    /// The host failed.
    fn guest_result<T>(&self, result: Result<T, RequestFault<DataAccessError>>) -> GuestResult<T> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(RequestFault::Guest(error)) => Ok(Err(self.data_error(error))),
            Err(RequestFault::Host(error)) => Err(error.into()),
        }
    }

    fn data_error(&self, error: DataAccessError) -> DataError {
        match error {
            DataAccessError::Denied(reason) => DataError::Denied(reason),
            DataAccessError::ModelNotFound(name) => DataError::ModelNotFound(name),
            DataAccessError::Limit(name, value) => match &self.running {
                Some(running) => limit(running, name, value),
                None => DataError::ReadOnly,
            },
        }
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
        self.guest_result(port.readable(model))
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
        let found = self.data_port()?.resource(model, name, version);
        let found = match self.guest_result(found)? {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Ok(None)),
            Err(error) => return Ok(Err(error)),
        };
        let content = self.shown(found.content);
        self.count_bytes(content.len())?;
        Ok(Ok(Some(data::Resource {
            info: convert::version_info_to_guest(found.info),
            content,
        })))
    }
}

/// A resource that a guest writes, before its sensitive fields are sealed.
struct ResourceDraft {
    write: StagedWrite,
    /// The JSON Pointers of its sensitive fields.
    places: Vec<String>,
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
