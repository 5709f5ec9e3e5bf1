//! Data: what a method can write, read and list, and what is known of it.

use std::collections::BTreeMap;
use std::iter;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::sedge::model::data;
use crate::{Context, DataError, Violation, Written};

/// How many names a page of a list has: as many as the host gives at once.
const PAGE_NAMES: u32 = 1000;

/// What kind of data something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataKind {
    /// JSON that fits a schema.
    Resource,
    /// Bytes with a media type.
    File,
}

/// What is known of a version without reading its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionInfo {
    /// The model whose data it is.
    pub model: String,
    /// Its name; another than was asked for if the data was renamed.
    pub name: String,
    /// Whether it is a resource or a file.
    pub kind: DataKind,
    /// The resource or file spec that it fits.
    pub spec: String,
    /// None while it is staged by this call or one of its callers.
    pub version: Option<u64>,
    /// Milliseconds since 1970-01-01T00:00:00Z; none while it is staged.
    pub created_at_ms: Option<u64>,
    /// For example `text/plain`; `application/json` for a resource.
    pub media_type: String,
    /// The size of its content in bytes.
    pub size_bytes: u64,
    /// Its labels: those of its spec, of its model's definition and of its write.
    pub tags: BTreeMap<String, String>,
}

/// One version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource<T> {
    /// What is known of it besides its content.
    pub info: VersionInfo,
    /// What was written.
    pub content: T,
}

/// Data.
impl Context {
    /// Stages the next version of the resource that is named like its spec.
    ///
    /// It becomes visible to others when the method returns a value. Until then only
    /// this call and those that it makes see it.
    ///
    /// # Errors
    /// Why it was not written.
    pub fn write(&self, spec: &str, content: &impl Serialize) -> Result<(), DataError> {
        self.write_named(spec, spec, content)
    }

    /// Stages the next version of the resource `name`, for a spec of which there are many.
    ///
    /// # Errors
    /// Why it was not written.
    pub fn write_named(
        &self,
        spec: &str,
        name: &str,
        content: &impl Serialize,
    ) -> Result<(), DataError> {
        self.resource(spec).named(name).write(content)
    }

    /// Begins the next version of a resource that has more than content: tags.
    pub fn resource<'a>(&'a self, spec: &'a str) -> ResourceDraft<'a> {
        ResourceDraft {
            spec,
            name: spec,
            tags: Vec::new(),
        }
    }

    /// Reads the latest version of this model's own resource, staged ones included; none
    /// where there is none, or where it is a file.
    ///
    /// # Errors
    /// Why it was not read.
    pub fn latest<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<Resource<T>>, DataError> {
        self.latest_of(&self.identity().model, name)
    }

    /// Reads the latest version of a model's resource, staged ones included; none where
    /// there is none, or where it is a file.
    ///
    /// # Errors
    /// Why it was not read.
    pub fn latest_of<T: DeserializeOwned>(
        &self,
        model: &str,
        name: &str,
    ) -> Result<Option<Resource<T>>, DataError> {
        data::read_latest(model, name)?
            .map(resource_from_wire)
            .transpose()
    }

    /// Reads one committed version of a model's resource; none where there is none, or
    /// where it is a file.
    ///
    /// # Errors
    /// Why it was not read.
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

    /// Lists the committed versions of a model's data, oldest first.
    ///
    /// # Errors
    /// Why they were not listed.
    pub fn versions_of(&self, model: &str, name: &str) -> Result<Vec<VersionInfo>, DataError> {
        let versions = data::list_versions(model, name)?;
        Ok(versions.into_iter().map(VersionInfo::from).collect())
    }

    /// Lists this model's own names that begin with `prefix`, each with its latest
    /// committed version, sorted. An empty prefix lists all.
    ///
    /// An item is an error where the list could not be read on; it is the last one.
    pub fn list(&self, prefix: &str) -> impl Iterator<Item = Result<VersionInfo, DataError>> {
        self.list_of(&self.identity().model, prefix)
    }

    /// Lists a model's names that begin with `prefix`, each with its latest committed
    /// version, sorted. An empty prefix lists all.
    ///
    /// An item is an error where the list could not be read on; it is the last one.
    pub fn list_of(
        &self,
        model: &str,
        prefix: &str,
    ) -> impl Iterator<Item = Result<VersionInfo, DataError>> {
        paged(move |after| {
            let page = data::list(model, prefix, after, PAGE_NAMES)?;
            Ok(page.into_iter().map(VersionInfo::from).collect())
        })
    }

    /// Stages that all versions of this model's data `name` are deleted. Only a method of
    /// kind `delete` may.
    ///
    /// # Errors
    /// Why nothing is deleted.
    pub fn delete(&self, name: &str) -> Result<(), DataError> {
        Ok(data::delete(name, None)?)
    }

    /// Stages that one version of this model's data `name` is deleted. Only a method of
    /// kind `delete` may.
    ///
    /// # Errors
    /// Why nothing is deleted.
    pub fn delete_version(&self, name: &str, version: u64) -> Result<(), DataError> {
        Ok(data::delete(name, Some(version))?)
    }

    /// Makes what this call has staged visible now, whatever becomes of the call, and
    /// returns the versions that it got.
    ///
    /// It has a price: a call that others have seen is not started anew by the host when
    /// a deadlock has to be undone.
    ///
    /// # Errors
    /// Why it stays staged.
    pub fn publish(&self) -> Result<Vec<Written>, DataError> {
        Ok(data::publish()?.into_iter().map(Written::from).collect())
    }
}

/// The next version of a resource, before it is written. [`Context::resource`] makes one.
#[derive(Debug, Clone)]
#[must_use = "nothing is written before `write`"]
pub struct ResourceDraft<'a> {
    spec: &'a str,
    name: &'a str,
    tags: Vec<data::Tag>,
}

impl<'a> ResourceDraft<'a> {
    /// Names it; without this it is named like its spec.
    pub fn named(mut self, name: &'a str) -> Self {
        self.name = name;
        self
    }

    /// Labels it, beside the tags of its spec and of its model's definition. A key has 1 to
    /// 100 bytes, a value up to 255, both without control characters.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push(tag_to_wire(key, value));
        self
    }

    /// Stages it. It becomes visible to others when the method returns a value.
    ///
    /// # Errors
    /// Why it was not written.
    pub fn write(self, content: &impl Serialize) -> Result<(), DataError> {
        let content =
            serde_json::to_string(content).map_err(|error| DataError::InvalidContent {
                violations: Violation::of_whole(error),
            })?;
        let Self { spec, name, tags } = self;
        Ok(data::write_resource(spec, name, &content, &tags)?)
    }
}

/// Returns a label in the contract's form.
pub(crate) fn tag_to_wire(key: impl Into<String>, value: impl Into<String>) -> data::Tag {
    data::Tag {
        key: key.into(),
        value: value.into(),
    }
}

/// Returns the items of page after page: `read` gets the last name of the page before.
///
/// Only an empty page ends the list: the host may give less than a whole one at any time.
fn paged(
    mut read: impl FnMut(Option<&str>) -> Result<Vec<VersionInfo>, DataError>,
) -> impl Iterator<Item = Result<VersionInfo, DataError>> {
    let mut page = Vec::new().into_iter();
    let mut after = None;
    let mut has_more = true;
    iter::from_fn(move || {
        if has_more && page.len() == 0 {
            match read(after.as_deref()) {
                Ok(next) => {
                    has_more = !next.is_empty();
                    after = next.last().map(|last| last.name.clone());
                    page = next.into_iter();
                }
                Err(error) => {
                    has_more = false;
                    return Some(Err(error));
                }
            }
        }
        page.next().map(Ok)
    })
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
    fn a_resource_becomes_the_type_that_was_asked_for() {
        let resource = resource_from_wire::<Vec<u8>>(wire("[1, 2]")).expect("it fits");
        assert_eq!(resource.content, [1, 2]);
        assert_eq!(resource.info.version, Some(3));
        assert_eq!(resource.info.tags["stage"], "prod");
    }

    #[test]
    fn a_resource_of_another_type_says_which_one_it_is() {
        let error = resource_from_wire::<Vec<u8>>(wire("{}")).expect_err("it does not fit");
        assert_eq!(error.code(), "unexpected-content");
        let text = error.to_string();
        assert!(
            text.starts_with("`record` of model `sink` is not what was expected: "),
            "{text}"
        );
    }

    #[test]
    fn what_is_known_of_a_version_can_be_returned_by_a_method() {
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

    /// Lists `names`, two a page; asking after `broken` is denied.
    fn listed(names: &[&str]) -> Vec<Result<String, &'static str>> {
        let list = paged(|after| {
            if after == Some("broken") {
                let reason = "it is broken".into();
                return Err(DataError::Denied { reason });
            }
            let rest = names.iter().filter(|name| Some(**name) > after);
            let page = rest.take(2).map(|name| VersionInfo {
                name: (*name).to_owned(),
                ..VersionInfo::from(wire("").info)
            });
            Ok(page.collect())
        });
        list.map(|item| item.map(|info| info.name).map_err(|error| error.code()))
            .take(10)
            .collect()
    }

    #[test]
    fn a_list_goes_over_its_pages() {
        assert_eq!(listed(&[]), []);
        assert_eq!(listed(&["a"]), [Ok("a".into())]);
        assert_eq!(
            listed(&["a", "b", "c", "d"]),
            ["a", "b", "c", "d"].map(|name| Ok(name.into()))
        );
    }

    #[test]
    fn a_list_ends_with_its_error() {
        assert_eq!(
            listed(&["a", "broken", "c"]),
            [Ok("a".into()), Ok("broken".into()), Err("denied")]
        );
    }
}
