//! The interface `data`: writes data of the call's own model, and reads data that the plugin may
//! read.

pub(crate) mod files;
mod pages;
mod port;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use sedge_lang::type_info::MethodKind;
use sedge_model::call::{
    BaseVersion, LimitName, NameBase, StagedChange, StagedContent, StagedWrite,
};
use sedge_model::names::{DataName, ModelName};

use crate::bindings::sedge::model::data::{self, DataError, Host};
use crate::bindings::sedge::model::types;
use crate::call::{CallState, Running};
use crate::convert;
use crate::host::{RequestFault, connected, effects, not_in_description};
use crate::staging::{StagedName, StagingFull, name_of};

use files::{GuestFileReader, GuestFileWriter};

pub use pages::{
    DataFilter, DataListed, GuestQuery, GuestQueryFault, GuestQueryFaults, GuestQueryMatch,
    GuestQueryPage, GuestVersionId,
};
pub use port::{
    ChangesToCommit, DataAccessError, DataPort, ResourceVersion, SealDraft, ShownContent,
    VersionInfo,
};

type GuestResult<T> = wasmtime::Result<Result<T, DataError>>;

impl Host for CallState {
    async fn write_resource(
        &mut self,
        spec: String,
        name: String,
        content: String,
        options: data::ResourceOptions,
    ) -> GuestResult<()> {
        self.count_host_call(content.len())?;
        self.resource_write(&spec, name, content, options)
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
        let versions = self.data_port()?.versions(&model, &name)?;
        if let Err(error) = self.latest_read(&model, &name, versions.last())? {
            return Ok(Err(error));
        }
        let versions = versions.into_iter();
        Ok(Ok(versions.map(convert::version_info_to_guest).collect()))
    }

    async fn list(
        &mut self,
        model: String,
        filter: data::ListFilter,
    ) -> GuestResult<data::ListPage> {
        self.count_host_call(filter.prefix.len())?;
        match self.readable(&model)? {
            Ok(model) => self.listed(model, filter),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn query(
        &mut self,
        predicate: String,
        options: data::QueryOptions,
    ) -> GuestResult<data::QueryPage> {
        let n_bytes = predicate.len() + options.select.as_ref().map_or(0, String::len);
        self.count_host_call(n_bytes)?;
        self.queried(&predicate, options)
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
        self.stage(StagedChange::Delete { name, version })
    }

    async fn publish(&mut self) -> GuestResult<Vec<types::Written>> {
        self.count_host_call(0)?;
        if let Err(error) = self.writing() {
            return Ok(Err(error));
        }
        if self.is_cancelled() {
            let reason = "the call is asked to end, and can commit nothing any more";
            return Ok(Err(DataError::Denied(reason.to_owned())));
        }
        effects::publish(self.ports.effects.as_ref())?;
        self.published().await
    }
}

/// The newest committed version of a name, except those that the call has staged for deletion.
enum Newest {
    Latest,
    Version(u64),
    None,
}

impl CallState {
    /// Commits what the call has staged.
    async fn published(&mut self) -> GuestResult<Vec<types::Written>> {
        let staging = Arc::clone(&self.running()?.staging);
        let changes = staging.take_all();
        let deleted: Vec<DataName> = deleted_names(&changes.changes);
        let publishing = self.data_port()?.publish(changes);
        let written = match publishing.await {
            Ok(written) => written,
            Err(RequestFault::Guest(error)) => return Ok(Err(self.data_error(error))),
            Err(RequestFault::Host(error)) => return Err(error.into()),
        };
        staging.published(&written);
        for name in deleted {
            let base = self.data_port()?.latest(&name)?;
            if staging.base_read(base).is_err() {
                return Ok(Err(self.staging_full()?));
            }
        }
        Ok(Ok(convert::written_to_guest(written)))
    }

    /// Stages a change, unless an ancestor of the call has staged the name.
    fn stage(&self, change: StagedChange) -> GuestResult<()> {
        let Ok(running) = self.writing() else {
            return Ok(Err(DataError::ReadOnly));
        };
        let staging = &running.staging;
        if staging.is_shared() {
            let name = name_of(&change).clone();
            let base = self.data_port()?.latest_of_change(&change)?;
            if let Some(caller) = staging.staged_by_ancestor(&base.name) {
                return Ok(Err(DataError::StagedByAncestor(data::StagedElsewhere {
                    name: base.name.to_string(),
                    call: caller.to_string(),
                })));
            }
            if let Err(StagingFull) = staging.base_first(name, base) {
                return Ok(Err(self.staging_full()?));
            }
        }
        match staging.push(change) {
            Ok(()) => Ok(Ok(())),
            Err(StagingFull) => Ok(Err(self.staging_full()?)),
        }
    }

    /// Records that the guest has read the latest version of a name, which is the base of its next
    /// write.
    fn latest_read(
        &self,
        model: &ModelName,
        name: &DataName,
        latest: Option<&VersionInfo>,
    ) -> GuestResult<()> {
        let Some(running) = self.running.as_ref().filter(|it| tracks(it, model)) else {
            return Ok(Ok(()));
        };
        let staging = &running.staging;
        let known = latest.and_then(|info| {
            let (version, by) = (info.version?, info.by.clone()?);
            Some(NameBase {
                name: info.name.clone(),
                version: Some(BaseVersion { version, by }),
            })
        });
        let tracked = match known {
            Some(base) => staging.base_read(base),
            None if staging.is_shared() => staging.base_read(self.data_port()?.latest(name)?),
            None => staging.base_read_later(name.clone()),
        };
        match tracked {
            Ok(()) => Ok(Ok(())),
            Err(StagingFull) => Ok(Err(self.staging_full()?)),
        }
    }

    /// Looks up what the changes of the call build on, before other calls can change its data: a
    /// nested call, or a program that starts `sedge`.
    pub(crate) fn data_share(&self) -> wasmtime::Result<()> {
        let Some(running) = &self.running else {
            return Ok(());
        };
        let staging = &running.staging;
        if !running.identity.kind.writes_data() || staging.is_shared() {
            return Ok(());
        }
        for (name, is_staged) in staging.unresolved() {
            let base = self.data_port()?.latest(&name)?;
            staging.resolved(name, is_staged, base);
        }
        staging.share();
        Ok(())
    }

    fn staging_full(&self) -> wasmtime::Result<DataError> {
        let running = self.running.as_ref().ok_or_else(not_in_description)?;
        let value = running.staging.bytes_max() as u64;
        Ok(limit(running, LimitName::StagedBytes, value))
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
            DataAccessError::ChangedMeanwhile { name, reason } => {
                DataError::ChangedMeanwhile(types::ChangedData { name, reason })
            }
            DataAccessError::InvalidQuery(fault) => {
                DataError::InvalidQuery(pages::query_fault_to_guest(fault))
            }
            DataAccessError::Limit(name, value) => match &self.running {
                Some(running) => limit(running, name, value),
                None => DataError::ReadOnly,
            },
        }
    }

    /// Returns the state of a method that may write.
    fn writing(&self) -> Result<&Running, DataError> {
        match &self.running {
            Some(running) if running.identity.kind.writes_data() => Ok(running),
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
            Ok(None) => {
                if version.is_some() {
                    return Ok(Ok(None));
                }
                return Ok(self.latest_read(model, name, None)?.map(|()| None));
            }
            Err(error) => return Ok(Err(error)),
        };
        if version.is_none()
            && let Err(error) = self.latest_read(model, name, Some(&found.info))?
        {
            return Ok(Err(error));
        }
        let content = self.shown(found.content);
        self.count_bytes(content.len())?;
        Ok(Ok(Some(data::Resource {
            info: convert::version_info_to_guest(found.info),
            content,
        })))
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
        by: None,
        media_type: write
            .media_type
            .clone()
            .unwrap_or_else(|| "application/json".to_owned()),
        size: write.content.size(),
        tags: write.tags.clone(),
    }
}

/// Returns whether the host tracks what a call reads of a model: a call changes only the data of its
/// own model.
fn tracks(running: &Running, model: &ModelName) -> bool {
    running.identity.kind.writes_data() && running.identity.model == *model
}

/// Returns the names that the changes delete, each once.
fn deleted_names(changes: &[StagedChange]) -> Vec<DataName> {
    let mut names = Vec::new();
    for change in changes {
        if let StagedChange::Delete { name, .. } = change {
            names.push(name.clone());
        }
    }
    names.sort();
    names.dedup();
    names
}

fn data_name(name: String) -> Result<DataName, DataError> {
    DataName::try_from(name).map_err(|error| DataError::InvalidName(error.to_string()))
}

fn tags_from_guest(tags: Vec<data::Tag>) -> Result<BTreeMap<String, String>, DataError> {
    convert::tags(tags.into_iter().map(|tag| (tag.key, tag.value))).map_err(DataError::InvalidName)
}

/// Returns the error of a limit that a call reached, and notes that it did.
fn limit(running: &Running, name: LimitName, value: u64) -> DataError {
    running.refusals().limit(name, value);
    DataError::Limit(types::LimitReached {
        name: name.as_str().to_owned(),
        value,
    })
}
