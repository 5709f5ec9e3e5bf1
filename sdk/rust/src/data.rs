//! Data: how a method writes, reads and lists it, and its metadata.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::data;
use crate::page::paged;
use crate::retention::WriteRetention;
use crate::{Context, DataError, Violation, Written};

/// The number of items on a page: the most that the host returns at once.
pub(crate) const PAGE_ITEMS: u32 = 1000;

/// The kind of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataKind {
    /// JSON that fits a schema.
    Resource,
    /// Bytes with a media type.
    File,
}

/// The metadata of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionInfo {
    /// The model that owns the data.
    pub model: String,
    /// The name. It differs from the requested one if the data was renamed.
    pub name: String,
    /// Whether it is a resource or a file.
    pub kind: DataKind,
    /// The resource spec or file spec that the version was written for.
    pub spec: String,
    /// The version number. `None` while the version is staged by this call or one of its callers.
    pub version: Option<u64>,
    /// Milliseconds since 1970-01-01T00:00:00Z. `None` while the version is staged.
    pub created_at_ms: Option<u64>,
    /// The media type, for example `text/plain`. For a resource it is `application/json`.
    pub media_type: String,
    /// The size of the content in bytes.
    pub size_bytes: u64,
    /// The tags from the spec, from the model's definition and from the write.
    pub tags: BTreeMap<String, String>,
}

/// One version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource<T> {
    /// The metadata of the version.
    pub info: VersionInfo,
    /// The content.
    pub content: T,
}

/// Data.
impl Context {
    /// Stages the next version of the resource that is named like its spec.
    ///
    /// Other calls can read it once the method has returned `Ok`. Until then only this call and
    /// its callees can. A callee cannot write the same name, and what it commits after it has read
    /// the staged version stays even if this method fails: see [`Context::publish`].
    ///
    /// If a nested call has written the name after this method had read it, the method fails with
    /// `changed-meanwhile`, and nothing of it is committed. Make nested calls on the own model
    /// first, then read, then write.
    ///
    /// # Errors
    /// The write was refused; the error says why.
    pub fn write(&self, spec: &str, content: &impl Serialize) -> Result<(), DataError> {
        self.write_named(spec, spec, content)
    }

    /// Stages the next version of the resource `name`, if a spec has several resources.
    ///
    /// # Errors
    /// The write was refused; the error says why.
    pub fn write_named(
        &self,
        spec: &str,
        name: &str,
        content: &impl Serialize,
    ) -> Result<(), DataError> {
        self.resource(spec).named(name).write(content)
    }

    /// Starts the next version of a resource, to which tags and a retention can be added.
    pub fn resource<'a>(&'a self, spec: &'a str) -> ResourceDraft<'a> {
        ResourceDraft {
            spec,
            name: spec,
            tags: Vec::new(),
            retention: WriteRetention::default(),
        }
    }

    /// Reads the latest version of a resource of this model, including staged ones. Returns `None`
    /// if there is none, or if it is a file.
    ///
    /// # Errors
    /// It cannot be read; the error says why.
    pub fn latest<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<Resource<T>>, DataError> {
        self.latest_of(&self.identity().model, name)
    }

    /// Reads the latest version of a model's resource, including staged ones. Returns `None` if
    /// there is none, or if it is a file.
    ///
    /// # Errors
    /// It cannot be read; the error says why.
    pub fn latest_of<T: DeserializeOwned>(
        &self,
        model: &str,
        name: &str,
    ) -> Result<Option<Resource<T>>, DataError> {
        data::read_latest(model, name)?
            .map(resource_from_wire)
            .transpose()
    }

    /// Reads one committed version of a model's resource. Returns `None` if there is no such
    /// version, or if it is a file.
    ///
    /// # Errors
    /// It cannot be read; the error says why.
    pub fn version_of<T: DeserializeOwned>(
        &self,
        model: &str,
        name: &str,
        version: u64,
    ) -> Result<Option<Resource<T>>, DataError> {
        data::read_version(model, name, version)?
            .map(resource_from_wire)
            .transpose()
    }

    /// Returns the committed versions of a model's data, oldest first.
    ///
    /// # Errors
    /// They cannot be read; the error says why.
    pub fn versions_of(&self, model: &str, name: &str) -> Result<Vec<VersionInfo>, DataError> {
        let versions = data::list_versions(model, name)?;
        Ok(versions.into_iter().map(VersionInfo::from).collect())
    }

    /// Lists the names of this model's data that begin with `prefix`, sorted, each with its latest
    /// version, including staged ones. An empty prefix lists all.
    ///
    /// If the list cannot be read to its end, the last item is the error.
    pub fn list(&self, prefix: &str) -> impl Iterator<Item = Result<VersionInfo, DataError>> {
        self.list_of(&self.identity().model, prefix)
    }

    /// Lists the names of a model's data that begin with `prefix`, sorted, each with its latest
    /// version, including staged ones. An empty prefix lists all.
    ///
    /// If the list cannot be read to its end, the last item is the error.
    pub fn list_of<'a>(
        &self,
        model: &'a str,
        prefix: &str,
    ) -> impl Iterator<Item = Result<VersionInfo, DataError>> + use<'a> {
        self.list_matching(model, &DataFilter::new().prefix(prefix))
    }

    /// Lists the names of a model's data whose latest versions meet the filter, sorted, each with its
    /// latest version, including staged ones.
    ///
    /// If the list cannot be read to its end, the last item is the error.
    pub fn list_matching<'a>(
        &self,
        model: &'a str,
        filter: &DataFilter,
    ) -> impl Iterator<Item = Result<VersionInfo, DataError>> + use<'a> {
        let filter = filter.clone();
        paged(move |after: Option<&String>| {
            let page = data::list(model, &filter.to_wire(after))?;
            let versions = page.versions.into_iter().map(VersionInfo::from);
            Ok((versions.collect(), page.next))
        })
    }

    /// Stages the deletion of all versions of this model's data `name`. Only a method of kind
    /// `delete` can do that.
    ///
    /// # Errors
    /// Nothing is deleted; the error says why.
    pub fn delete(&self, name: &str) -> Result<(), DataError> {
        Ok(data::delete(name, None)?)
    }

    /// Stages the deletion of one version of this model's data `name`. Only a method of kind
    /// `delete` can do that.
    ///
    /// # Errors
    /// Nothing is deleted; the error says why.
    pub fn delete_version(&self, name: &str, version: u64) -> Result<(), DataError> {
        Ok(data::delete(name, Some(version))?)
    }

    /// Commits what this call has staged so far, even if the call fails later, and returns the new
    /// versions.
    ///
    /// After that, the host can no longer roll the call back and retry it: neither if there is a
    /// deadlock, nor if another observation has written the same name.
    ///
    /// # Errors
    /// Nothing is committed; the error says why. With [`DataError::ChangedMeanwhile`], what was
    /// staged is discarded: read the name again, and write it again.
    pub fn publish(&self) -> Result<Vec<Written>, DataError> {
        Ok(data::publish()?.into_iter().map(Written::from).collect())
    }
}

/// The next version of a resource. [`Context::resource`] starts one, and `write` stages it.
#[derive(Debug, Clone)]
#[must_use = "nothing is written before `write`"]
pub struct ResourceDraft<'a> {
    spec: &'a str,
    name: &'a str,
    tags: Vec<data::Tag>,
    retention: WriteRetention,
}

impl<'a> ResourceDraft<'a> {
    /// Sets the name. The default is the name of the spec.
    pub fn named(mut self, name: &'a str) -> Self {
        self.name = name;
        self
    }

    /// Adds a tag to those of the spec and of the model's definition. A key has 1 to 100 bytes, a
    /// value up to 255, both without control characters.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push(tag_to_wire(key, value));
        self
    }

    /// Retains this version for a lifetime: `ephemeral` (until the step ends), `job`, `workflow` (until
    /// the run ends), `infinite`, or a time such as `30s`, `5m`, `1h`, `7d`, `2w`, `1mo` or `1y`. The
    /// default is that of the spec. What an operator sets for the spec overrides it.
    pub fn lifetime(mut self, lifetime: impl Into<String>) -> Self {
        self.retention.lifetime(lifetime);
        self
    }

    /// Retains this many versions of the name from now on, at least 1. Replaces
    /// [`keep_for`](Self::keep_for).
    pub fn keep_versions(mut self, n_versions: u32) -> Self {
        self.retention.keep_versions(n_versions);
        self
    }

    /// Retains versions of the name for a time such as `30d` from now on. The latest version is always
    /// retained. Replaces [`keep_versions`](Self::keep_versions).
    pub fn keep_for(mut self, span: impl Into<String>) -> Self {
        self.retention.keep_for(span);
        self
    }

    /// Stages the version. Other calls can read it once the method has returned `Ok`.
    ///
    /// # Errors
    /// The write was refused; the error says why.
    pub fn write(self, content: &impl Serialize) -> Result<(), DataError> {
        let content =
            serde_json::to_string(content).map_err(|error| DataError::InvalidContent {
                violations: Violation::of_whole(error),
            })?;
        let options = data::ResourceOptions {
            tags: self.tags,
            retention: self.retention.into(),
        };
        Ok(data::write_resource(
            self.spec, self.name, &content, &options,
        )?)
    }
}

/// Which names [`Context::list_matching`] lists. The conditions apply to the latest version of a name.
///
/// ```
/// use sedge_sdk::DataFilter;
///
/// let filter = DataFilter::new().prefix("reading/").spec("reading").tag("room", "attic");
/// # let _ = filter;
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct DataFilter {
    prefix: String,
    spec: Option<String>,
    tags: Vec<data::Tag>,
}

impl DataFilter {
    /// Lists all names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists only names that begin with `prefix`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Lists only data that was written for this spec.
    pub fn spec(mut self, spec: impl Into<String>) -> Self {
        self.spec = Some(spec.into());
        self
    }

    /// Lists only data with this tag. A version that is staged has only the tags of its write until it
    /// is committed.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push(tag_to_wire(key, value));
        self
    }

    fn to_wire(&self, after: Option<&String>) -> data::ListFilter {
        data::ListFilter {
            prefix: self.prefix.clone(),
            spec: self.spec.clone(),
            tags: self.tags.clone(),
            after: after.cloned(),
            count_max: PAGE_ITEMS,
        }
    }
}

/// Returns a tag in the contract's form.
pub(crate) fn tag_to_wire(key: impl Into<String>, value: impl Into<String>) -> data::Tag {
    data::Tag {
        key: key.into(),
        value: value.into(),
    }
}

fn resource_from_wire<T: DeserializeOwned>(wire: data::Resource) -> Result<Resource<T>, DataError> {
    let info = VersionInfo::from(wire.info);
    match serde_json::from_str(&wire.content) {
        Ok(content) => Ok(Resource { info, content }),
        Err(error) => Err(DataError::UnexpectedContent {
            model: info.model,
            name: info.name,
            message: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wire(content: &str) -> data::Resource {
        data::Resource {
            info: data::VersionInfo {
                model: "sink".into(),
                name: "record".into(),
                kind: data::DataKind::Resource,
                spec: "record".into(),
                version: Some(3),
                created_at_ms: Some(1_700_000_000_000),
                media_type: "application/json".into(),
                size: 6,
                tags: vec![tag_to_wire("stage", "prod"), tag_to_wire("kind", "note")],
            },
            content: content.into(),
        }
    }

    #[test]
    fn resource_is_deserialized_as_the_requested_type() {
        let resource = resource_from_wire::<Vec<u8>>(wire("[1, 2]")).expect("it fits");
        assert_eq!(resource.content, [1, 2]);
        assert_eq!(resource.info.version, Some(3));
        assert_eq!(resource.info.tags["stage"], "prod");
    }

    #[test]
    fn error_for_a_resource_of_another_type_names_it() {
        let error = resource_from_wire::<Vec<u8>>(wire("{}")).expect_err("it does not fit");
        assert_eq!(error.code(), "unexpected-content");
        let text = error.to_string();
        assert!(
            text.starts_with("`record` of model `sink` is not what was expected: "),
            "{text}"
        );
    }

    #[test]
    fn version_info_can_be_returned_by_a_method() {
        assert_eq!(
            json!(VersionInfo::from(wire("[1, 2]").info)),
            json!({
                "model": "sink",
                "name": "record",
                "kind": "resource",
                "spec": "record",
                "version": 3,
                "created_at_ms": 1_700_000_000_000_u64,
                "media_type": "application/json",
                "size_bytes": 6,
                "tags": {"kind": "note", "stage": "prod"},
            })
        );
    }
}
