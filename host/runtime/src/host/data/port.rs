//! The port through which a call reads and writes data, and what passes through it.

use std::collections::BTreeMap;

use sedge_model::call::{
    DataKind, LimitName, NameBase, StagedChange, StagedContent, StagedWrite, Written,
};
use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, ModelName, SpecName};
use sedge_model::permission::effective::Denial;
use serde_json::Value;

use super::files::{FileSink, FileSource, OpenedFile};
use super::pages::{DataFilter, DataListed, GuestQuery, GuestQueryFault, GuestQueryPage};
use crate::host::{BoxFuture, HostError, PageLimits, RequestFault};

/// Reads the data that a call may read, and stores what it writes.
pub trait DataPort: Send + Sync {
    /// Checks that the caller may read a model's data. Returns the model's name.
    ///
    /// # Errors
    /// The caller may not read it, or there is no such model.
    fn readable(&self, model: &str) -> Result<ModelName, RequestFault<DataAccessError>>;

    /// Reads a committed version of a resource; without `version`, the latest. Returns `None` if
    /// the version does not exist or is a file. Sealed fields are opened if the call may see them.
    ///
    /// # Errors
    /// The store failed, or a sealed field that the call may see cannot be opened.
    fn resource(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<ResourceVersion>, RequestFault<DataAccessError>>;

    /// Seals sensitive fields of a resource that the call writes.
    ///
    /// # Errors
    /// The call has sealed too much, or the key cannot be used.
    fn fields_seal(
        &self,
        draft: &SealDraft<'_>,
        content: &mut Value,
    ) -> Result<(), RequestFault<DataAccessError>>;

    /// Returns the content of a resource of `model` that the call or one of its callers has staged.
    /// Sealed fields are opened if the call may see them.
    ///
    /// # Errors
    /// A sealed field that the call may see cannot be opened.
    fn staged_text(
        &self,
        model: &ModelName,
        write: &StagedWrite,
        text: &str,
    ) -> Result<ShownContent, RequestFault<DataAccessError>>;

    /// Returns the committed versions, oldest first.
    ///
    /// # Errors
    /// The store failed.
    fn versions(&self, model: &ModelName, name: &DataName) -> Result<Vec<VersionInfo>, HostError>;

    /// Returns the latest version of a name of the call's own model. The name is the current one, if
    /// the data was renamed.
    ///
    /// # Errors
    /// The store failed.
    fn latest(&self, name: &DataName) -> Result<NameBase, HostError>;

    /// Returns the same for the name under which a change is committed. A workflow can append
    /// something to the name that the guest wrote.
    ///
    /// # Errors
    /// The store failed.
    fn latest_of_change(&self, change: &StagedChange) -> Result<NameBase, HostError>;

    /// Returns a page of the names that meet the filter, each with its latest committed version.
    /// Leaves out those that are hidden.
    ///
    /// # Errors
    /// The store failed.
    fn list(
        &self,
        model: &ModelName,
        filter: &DataFilter,
        limits: &PageLimits,
        is_hidden: &dyn Fn(&DataName) -> bool,
    ) -> Result<DataListed, HostError>;

    /// Returns a page of the committed versions that match a query, of all models that the caller
    /// may read.
    ///
    /// # Errors
    /// The query is invalid, or requires a model that the caller may not read or that does not
    /// exist.
    fn query(
        &self,
        query: &GuestQuery<'_>,
    ) -> Result<GuestQueryPage, RequestFault<DataAccessError>>;

    /// Starts a new file.
    ///
    /// # Errors
    /// The store failed.
    fn file_create(&self) -> Result<Box<dyn FileSink>, HostError>;

    /// Opens a committed version of a resource or file; without `version`, the latest. Returns
    /// `None` if the version does not exist. Sealed fields of a resource are opened if the call may
    /// see them.
    ///
    /// # Errors
    /// The store failed, or a sealed field that the call may see cannot be opened.
    fn file_open(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<OpenedFile>, RequestFault<DataAccessError>>;

    /// Opens staged content.
    ///
    /// # Errors
    /// The store failed.
    fn staged_open(&self, content: &StagedContent) -> Result<Box<dyn FileSource>, HostError>;

    /// Commits the changes of a call while it continues. The caller has marked the call with
    /// [`EffectsPort::publish`](crate::host::EffectsPort::publish), because it can no longer be rolled
    /// back then.
    fn publish(
        &self,
        changes: ChangesToCommit,
    ) -> BoxFuture<Result<Vec<Written>, RequestFault<DataAccessError>>>;
}

/// Staged changes, and the versions that they build on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangesToCommit {
    /// The changes, in order.
    pub changes: Vec<StagedChange>,
    /// The latest versions of the changed names when the call read them. A name that is not listed
    /// could not have changed.
    pub bases: Vec<NameBase>,
}

/// The sensitive fields of a resource that a call writes.
#[derive(Debug, Clone, Copy)]
pub struct SealDraft<'a> {
    /// The output spec of the resource.
    pub spec: &'a SpecName,
    /// The name of the data.
    pub name: &'a DataName,
    /// The JSON Pointers of the fields. None is below another one.
    pub places: &'a [String],
}

/// The content of a resource as a call may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownContent {
    /// The content, as JSON text.
    pub text: String,
    /// Why a sealed field is hidden although the plugin requests to see it.
    pub hidden: Option<Denial>,
}

/// Why a guest may not access data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataAccessError {
    /// The plugin may not read this model. The text says which grant would allow it.
    Denied(String),
    /// No model has this name.
    ModelNotFound(String),
    /// The call reached a limit, which has this value.
    Limit(LimitName, u64),
    /// An expression of a query is invalid, or wrong for each version.
    InvalidQuery(GuestQueryFault),
    /// The name has another latest version than the one that the call had read.
    ChangedMeanwhile {
        /// The name.
        name: String,
        /// A sentence that names the call that wrote the version.
        reason: String,
    },
}

/// One committed version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceVersion {
    /// Its metadata.
    pub info: VersionInfo,
    /// Its content.
    pub content: ShownContent,
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
    /// The call that wrote it. `None` while the version is staged.
    pub by: Option<Lineage>,
    /// The media type.
    pub media_type: String,
    /// The size of the content in bytes, as it is stored.
    pub size: u64,
    /// The tags.
    pub tags: BTreeMap<String, String>,
}
