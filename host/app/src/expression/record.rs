//! A version of data as expressions see it.

use std::cell::Cell;
use std::convert::Infallible;

use sedge_model::call::DataKind;
use sedge_model::names::TypeName;
use sedge_model::sealed::{sealed_hidden, sealed_replace};
use sedge_store::{DataRecord, Scanned};
use serde_json::{Map, Value};

use super::answers::NoAnswer;
use super::secret::SecretPlace;
use crate::data::matcher::job_and_step;
use crate::secret::argument::{FieldMark, field_mark};
use crate::views::time;

/// The maximum number of content bytes that one evaluation reads.
///
/// Plugins choose the size of their data, and an expression holds all that it asks for in memory.
const CONTENT_BYTES_MAX: u64 = 8 << 20;

/// The maximum size of a file whose text a record has, in bytes.
///
/// `file.contents` reads larger files.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How many bytes of content an evaluation can still read.
#[derive(Debug)]
pub(super) struct ContentBudget(Cell<u64>);

impl ContentBudget {
    pub(super) fn new() -> Self {
        Self(Cell::new(CONTENT_BYTES_MAX))
    }

    /// Takes `n_bytes` from the budget.
    pub(super) fn take(&self, n_bytes: u64) -> Result<(), NoAnswer> {
        match self.0.get().checked_sub(n_bytes) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => Err(NoAnswer::Refused(format!(
                "it needs more than {CONTENT_BYTES_MAX} bytes of data; `data.query` with a second \
                 argument selects the parts that are needed"
            ))),
        }
    }
}

/// Whether the record of a file has the file's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileText {
    /// It has, if the file is small and is a text.
    Small,
    /// It has not: there are many records.
    None,
}

/// Returns a version as an object. Returns `None` if its content was deleted and collected since
/// the snapshot.
///
/// In arguments, `attributes` has marks in place of sealed fields: an expression can hand them on.
/// `content` has `[sealed]` everywhere.
pub(super) fn record_value(
    scanned: &Scanned<'_>,
    budget: &ContentBudget,
    file_text: FileText,
    secrets: SecretPlace,
) -> Result<Option<Value>, NoAnswer> {
    let record = &scanned.record;
    let (attributes, content) = match record.kind {
        DataKind::Resource => {
            budget.take(record.size)?;
            let Some(text) = scanned.text()? else {
                return Ok(None);
            };
            let mut attributes = attributes(record, &text)?;
            match secrets {
                SecretPlace::Arguments => fields_mark(record, &mut attributes),
                SecretPlace::Tried | SecretPlace::Elsewhere => {}
            }
            // ignored: there is no error here. Without a sealed field, the text is shown as it is.
            let content = sealed_hidden(&text).unwrap_or(text);
            (attributes, Value::String(content))
        }
        DataKind::File if file_text == FileText::Small && record.size <= FILE_BYTES_MAX => {
            budget.take(record.size)?;
            let Some(bytes) = scanned.bytes()? else {
                return Ok(None);
            };
            // A file that is not a text has no content that an expression could use.
            let text = String::from_utf8(bytes).map_or(Value::Null, Value::String);
            (Value::Object(Map::new()), text)
        }
        DataKind::File => (Value::Object(Map::new()), Value::Null),
    };
    let mut value = metadata(record);
    value.insert("attributes".to_owned(), attributes);
    value.insert("content".to_owned(), content);
    Ok(Some(Value::Object(value)))
}

/// Returns the content of a resource as a value.
fn attributes(record: &DataRecord, text: &str) -> Result<Value, NoAnswer> {
    serde_json::from_str(text).map_err(|error| {
        NoAnswer::Refused(format!(
            "version {} of `{}` of `{}` cannot be read as JSON: {error}",
            record.version, record.name, record.model
        ))
    })
}

/// Replaces the sealed fields in the content of a resource by marks.
fn fields_mark(record: &DataRecord, attributes: &mut Value) {
    let marked: Result<(), Infallible> = sealed_replace(attributes, &mut |pointer, _| {
        Ok(field_mark(&FieldMark {
            model: record.model.clone(),
            name: record.name.clone(),
            version: record.version,
            pointer: pointer.to_owned(),
        }))
    });
    match marked {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

/// Returns the metadata of a version. Each part has the name that `data query` has for it, and the
/// name that `swamp` has.
fn metadata(record: &DataRecord) -> Map<String, Value> {
    let text = |it: &str| Value::String(it.to_owned());
    let maybe = |it: Option<&str>| it.map_or(Value::Null, text);
    let written_by = job_and_step(record);
    let origin = &record.origin;
    let tags = record.tags.iter();
    let tags = tags.map(|(key, value)| (key.clone(), text(value)));
    let parts: [(&[&str], Value); 16] = [
        (&["name"], text(record.name.as_str())),
        (&["version"], record.version.into()),
        (&["tags"], Value::Object(tags.collect())),
        (&["createdAt"], text(&time(record.created_at).to_string())),
        (&["size"], record.size.into()),
        (&["lifetime"], text(&record.lifetime.to_string())),
        (&["model", "modelName"], text(record.model.as_str())),
        (
            &["type", "modelType"],
            maybe(origin.type_name.as_ref().map(TypeName::as_str)),
        ),
        (&["spec", "specName"], text(record.spec.as_str())),
        (&["kind", "dataType"], text(record.kind.as_str())),
        (&["mediaType", "contentType"], text(record.media_type())),
        (&["latest", "isLatest"], record.is_latest.into()),
        (&["run", "workflowRunId"], text(record.by.run().as_str())),
        (&["job", "jobName"], maybe(written_by.map(|it| it.0))),
        (&["step", "stepName"], maybe(written_by.map(|it| it.1))),
        (&["method", "methodName"], text(origin.method.as_str())),
    ];
    let mut value = Map::new();
    for (names, part) in parts {
        for name in names {
            value.insert((*name).to_owned(), part.clone());
        }
    }
    value
}
