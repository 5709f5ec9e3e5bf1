//! The interface `data`.

pub(crate) use crate::bindings::sedge::model::data::*;

use super::super::data::{Change, Draft, Found, JSON_BYTES_MAX, LIST_MAX, OPEN_FILES_MAX};
use super::super::permissions::Attempt;
use super::super::world::{World, current};
use super::super::{schema, sealed};
use crate::bindings::exports::sedge::model::model as wire;
use crate::bindings::sedge::model::types;

/// The key by which the host marks a value that it has sealed.
const SEALED_KEY: &str = "$sealed";

/// Stages a resource.
pub(crate) fn write_resource(
    spec: &str,
    name: &str,
    content: &str,
    options: &ResourceOptions,
) -> Result<(), DataError> {
    current(|world| {
        let draft = resource_draft(world, (spec, name), content, &options.tags)?;
        schema::retention(&options.retention).map_err(DataError::InvalidRetention)?;
        world.stage(Change::Write(draft))
    })
}

fn resource_draft(
    world: &mut World,
    (spec, name): (&str, &str),
    content: &str,
    tags: &[Tag],
) -> Result<Draft, DataError> {
    writing(world)?;
    if content.len() > JSON_BYTES_MAX {
        return Err(limit("json-bytes", JSON_BYTES_MAX as u64));
    }
    let declared = world.info.resources.iter().find(|it| it.name == spec);
    let declared = declared.ok_or_else(|| DataError::Undeclared(spec.to_owned()))?;
    let (schema, on_violation) = (declared.schema.clone(), declared.on_violation);
    let of_spec = declared.retention.tags.clone();
    name_check(name)?;
    let tags = schema::tags(of_spec, tags).map_err(DataError::InvalidName)?;
    let invalid = |path: String, message: String| {
        DataError::InvalidContent(vec![types::Violation { path, message }])
    };
    let value = schema::parsed(content).map_err(|message| invalid(String::new(), message))?;
    if let Some(path) = schema::key_path(&value, SEALED_KEY) {
        let message = format!("the key `{SEALED_KEY}` is reserved for values that Sedge seals");
        return Err(invalid(path, message));
    }
    let violations = schema::violations(&schema, &value);
    if !violations.is_empty() {
        match on_violation {
            wire::OnViolation::Refuse => {
                let violations = violations.into_iter().map(types::Violation::from);
                return Err(DataError::InvalidContent(violations.collect()));
            }
            wire::OnViolation::Warn => world.violations_warn(spec, name, &violations),
        }
    }
    let sealed = sealed::places(&schema, &value);
    for pointer in &sealed {
        world.sealed_seen(value.pointer(pointer));
    }
    Ok(Draft {
        name: name.to_owned(),
        kind: DataKind::Resource,
        spec: spec.to_owned(),
        media_type: "application/json".to_owned(),
        tags,
        content: content.as_bytes().to_vec(),
        sealed,
    })
}

/// A file that a method writes.
#[derive(Debug)]
pub(crate) struct FileWriter {
    state: std::cell::RefCell<Option<Draft>>,
    has_lines: bool,
}

/// Starts a file.
pub(crate) fn create_file(
    spec: &str,
    name: &str,
    options: &FileOptions,
) -> Result<FileWriter, DataError> {
    current(|world| {
        writing(world)?;
        let declared = world.info.files.iter().find(|it| it.name == spec);
        let declared = declared.ok_or_else(|| DataError::Undeclared(spec.to_owned()))?;
        name_check(name)?;
        let media_type = match &options.media_type {
            Some(media_type) => {
                schema::media_type(media_type).map_err(DataError::InvalidName)?;
                media_type.clone()
            }
            None => declared.media_type.clone(),
        };
        let of_spec = declared.retention.tags.clone();
        schema::retention(&options.retention).map_err(DataError::InvalidRetention)?;
        let draft = Draft {
            name: name.to_owned(),
            kind: DataKind::File,
            spec: spec.to_owned(),
            media_type,
            tags: schema::tags(of_spec, &options.tags).map_err(DataError::InvalidName)?,
            content: Vec::new(),
            sealed: Vec::new(),
        };
        opened(world)?;
        Ok(FileWriter {
            state: Some(draft).into(),
            has_lines: options.lines,
        })
    })
}

impl FileWriter {
    /// Appends bytes.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), DataError> {
        let mut state = self.state.borrow_mut();
        let draft = state.as_mut().ok_or(DataError::Finished)?;
        draft.content.extend_from_slice(bytes);
        if self.has_lines {
            draft.content.push(b'\n');
        }
        Ok(())
    }

    /// Stages the file.
    pub(crate) fn finish(&self) -> Result<(), DataError> {
        let draft = self.state.borrow_mut().take();
        let draft = draft.ok_or(DataError::Finished)?;
        current(|world| world.stage(Change::Write(draft)))
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        closed();
    }
}

/// A file that a method reads.
#[derive(Debug)]
pub(crate) struct FileReader {
    info: VersionInfo,
    rest: std::cell::RefCell<std::collections::VecDeque<u8>>,
}

/// Opens a version of a resource or a file.
pub(crate) fn open_file(
    model: &str,
    name: &str,
    version: Option<u64>,
) -> Result<Option<FileReader>, DataError> {
    current(|world| {
        world.readable(model)?;
        name_check(name)?;
        if version.is_none() {
            world.latest_read(model, name);
        }
        let Some(found) = world.found(model, name, version) else {
            return Ok(None);
        };
        opened(world)?;
        let content = world.shown(&found);
        Ok(Some(FileReader {
            info: found.info,
            rest: std::cell::RefCell::new(content.into()),
        }))
    })
}

impl FileReader {
    /// Returns the metadata.
    pub(crate) fn info(&self) -> VersionInfo {
        self.info.clone()
    }

    /// Returns the next bytes.
    pub(crate) fn read(&self, bytes_max: u32) -> Vec<u8> {
        let mut rest = self.rest.borrow_mut();
        let n_bytes = rest.len().min(bytes_max.min(1 << 20) as usize);
        rest.drain(..n_bytes).collect()
    }
}

impl Drop for FileReader {
    fn drop(&mut self) {
        closed();
    }
}

/// Reads the latest version of a resource.
pub(crate) fn read_latest(model: &str, name: &str) -> Result<Option<Resource>, DataError> {
    current(|world| {
        world.readable(model)?;
        name_check(name)?;
        world.latest_read(model, name);
        let found = world.found(model, name, None);
        Ok(resource(world, found))
    })
}

/// Reads one committed version of a resource.
pub(crate) fn read_version(
    model: &str,
    name: &str,
    version: u64,
) -> Result<Option<Resource>, DataError> {
    current(|world| {
        world.readable(model)?;
        name_check(name)?;
        let found = world.found(model, name, Some(version));
        Ok(resource(world, found))
    })
}

/// Returns the committed versions.
pub(crate) fn list_versions(model: &str, name: &str) -> Result<Vec<VersionInfo>, DataError> {
    current(|world| {
        world.readable(model)?;
        name_check(name)?;
        world.latest_read(model, name);
        Ok(world.data.versions(model, name))
    })
}

/// Returns names with their latest versions, including staged ones.
pub(crate) fn list(model: &str, filter: &ListFilter) -> Result<ListPage, DataError> {
    current(|world| {
        world.readable(model)?;
        let has_tag = |info: &VersionInfo, wanted: &Tag| {
            let mut tags = info.tags.iter();
            tags.any(|tag| tag.key == wanted.key && tag.value == wanted.value)
        };
        let is_listed = |info: &VersionInfo| {
            info.name.starts_with(&filter.prefix)
                && filter.spec.as_ref().is_none_or(|spec| *spec == info.spec)
                && filter.tags.iter().all(|tag| has_tag(info, tag))
                && filter.after.as_ref().is_none_or(|after| info.name > *after)
        };
        let mut versions = world.latest_versions(model);
        versions.retain(is_listed);
        let n_max = filter.count_max.min(LIST_MAX) as usize;
        let has_more = versions.len() > n_max;
        versions.truncate(n_max);
        let last = versions.last().map(|it| it.name.clone());
        Ok(ListPage {
            versions,
            next: last.filter(|_| has_more),
        })
    })
}

/// Returns the results that the test has prepared for a predicate, of the models that the type may
/// read: the data of others does not exist for a query.
///
/// # Panics
/// The test has prepared none. A test evaluates no expressions, and an error that a method may handle
/// would hide that.
pub(crate) fn query(predicate: &str, options: &QueryOptions) -> Result<QueryPage, DataError> {
    let page = current(|world| {
        let results = world.scripts.queries.get(predicate)?;
        let results = results
            .iter()
            .filter(|it| world.permitted(&Attempt::Read(&it.model)).is_ok());
        let matches = results.map(|result| QueryMatch {
            info: world.found_info(&result.model, &result.name),
            value: options.select.as_ref().map(|_| result.value.to_string()),
        });
        let matches: Vec<QueryMatch> = matches.collect();
        Some(QueryPage {
            looked: matches.len() as u64,
            matches,
            faults: None,
            next: None,
        })
    });
    let page = page.unwrap_or_else(|| {
        panic!(
            "a method queries `{predicate}`; a test evaluates no expressions, so prepare the results: \
             `on_query({predicate:?}, vec![…])`"
        )
    });
    Ok(page)
}

/// Stages a deletion.
pub(crate) fn delete(name: &str, version: Option<u64>) -> Result<(), DataError> {
    current(|world| {
        writing(world)?;
        let call = world.call();
        if call.kind_word() != "delete" {
            return Err(DataError::Denied(format!(
                "`{}` may not delete data: it is of kind `{}`, not `delete`",
                call.method,
                call.kind_word()
            )));
        }
        name_check(name)?;
        let name = name.to_owned();
        world.stage(Change::Delete { name, version })
    })
}

/// Commits what is staged.
pub(crate) fn publish() -> Result<Vec<Written>, DataError> {
    current(|world| {
        writing(world)?;
        world.commit().map_err(DataError::ChangedMeanwhile)
    })
}

fn resource(world: &mut World, found: Option<Found>) -> Option<Resource> {
    let found = found.filter(|it| it.info.kind == DataKind::Resource)?;
    let content = world.shown(&found);
    Some(Resource {
        info: found.info,
        content: String::from_utf8_lossy(&content).into_owned(),
    })
}

fn writing(world: &World) -> Result<(), DataError> {
    match world.call().may_write() {
        true => Ok(()),
        false => Err(DataError::ReadOnly),
    }
}

fn name_check(name: &str) -> Result<(), DataError> {
    schema::data_name(name).map_err(DataError::InvalidName)
}

fn limit(name: &str, value: u64) -> DataError {
    DataError::Limit(types::LimitReached {
        name: name.to_owned(),
        value,
    })
}

/// Counts an open file.
fn opened(world: &mut World) -> Result<(), DataError> {
    if world.n_files_open == OPEN_FILES_MAX {
        return Err(limit("open-files", OPEN_FILES_MAX));
    }
    world.n_files_open += 1;
    Ok(())
}

/// Counts a file that was closed. A file may be dropped after the run of its method.
fn closed() {
    super::super::world::current_if_any(|world| {
        world.n_files_open = world.n_files_open.saturating_sub(1);
    });
}
