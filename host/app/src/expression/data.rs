//! Data in expressions: `data.*` and `file.contents`.

use sedge_lang::query::{Query, Selection};
use sedge_lang::suggest::nearest;
use sedge_model::call::DataKind;
use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, FileId, ModelName, SpecName, vary_part};
use sedge_model::sealed::{SEALED_SHOWN, may_be_sealed, sealed_hidden};
use sedge_store::{DataRecord, DataSnapshot, Scan, Scanned};
use sedge_sys::clock::Timestamp;
use serde_json::Value;

use super::answers::{NeedArguments, NoAnswer, with_near};
use super::record::{ContentBudget, FileText, record_value};
use super::secret::SecretPlace;
use crate::data::matcher::QueryMatcher;
use crate::data::query::{DataQueryRequest, narrowed};
use crate::error::{AppError, ModelError};
use crate::repository::snapshot::RepositorySnapshot;

/// The maximum number of records in one answer.
///
/// A plugin chooses how many names it writes, and each record is held in memory. The engine also
/// limits the number of values in an answer.
const RECORDS_MAX: usize = 10_000;

/// The maximum size of a file that `file.contents` reads, in bytes: as much as the result of an
/// expression can have.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The maximum number of names among which the nearest one is searched.
///
/// A plugin chooses how many names it writes.
const NAMES_MAX: usize = 10_000;

/// Counts the records of steps that one expression uses.
#[derive(Debug, Default)]
pub(super) struct RecordsOfSteps {
    n_records: usize,
}

/// Finds the data that expressions need.
pub(super) struct DataAnswers<'e> {
    pub(super) repository: &'e RepositorySnapshot,
    pub(super) snapshot: &'e DataSnapshot<'e>,
    pub(super) budget: &'e ContentBudget,
    /// Where the expression stands.
    pub(super) secrets: SecretPlace,
    pub(super) now: Timestamp,
}

impl DataAnswers<'_> {
    /// `data.latest(MODEL, NAME[, VARY])`: the record of the latest version.
    pub(super) fn latest(&self, arguments: NeedArguments<'_>) -> Result<Value, NoAnswer> {
        let model = self.model(arguments.text(0)?)?;
        let name = data_name(arguments, 2)?;
        self.record(&model, &name, None)
    }

    /// `data.version(MODEL, NAME[, VARY], VERSION)`: the record of a version.
    pub(super) fn version(&self, arguments: NeedArguments<'_>) -> Result<Value, NoAnswer> {
        let model = self.model(arguments.text(0)?)?;
        let last = arguments.n() - 1;
        let name = match last {
            2 => written_name(arguments, &[])?,
            _ => written_name(arguments, &arguments.texts(2)?)?,
        };
        self.record(&model, &name, Some(arguments.version(last)?))
    }

    /// `data.listVersions(MODEL, NAME[, VARY])`: the numbers of the versions, oldest first.
    pub(super) fn list_versions(&self, arguments: NeedArguments<'_>) -> Result<Value, NoAnswer> {
        let model = self.model(arguments.text(0)?)?;
        let name = data_name(arguments, 2)?;
        let records = self.snapshot.versions(&model, &name)?;
        if records.is_empty() {
            return Err(self.missing(&model, &name)?);
        }
        Ok(records.iter().map(|it| it.version).collect())
    }

    /// `data.findByTag(KEY, VALUE)`: the records of the latest versions with a tag.
    pub(super) fn find_by_tag(&self, arguments: NeedArguments<'_>) -> Result<Value, NoAnswer> {
        let tag = (arguments.text(0)?.to_owned(), arguments.text(1)?.to_owned());
        let selection = Selection {
            tags: vec![tag],
            latest: Some(true),
            ..Selection::default()
        };
        self.records(&selection)
    }

    /// `data.findBySpec(MODEL, SPEC)`: the records of the latest versions of a spec.
    pub(super) fn find_by_spec(&self, arguments: NeedArguments<'_>) -> Result<Value, NoAnswer> {
        let model = self.model(arguments.text(0)?)?;
        let spec = arguments.text(1)?;
        if spec.parse::<SpecName>().is_err() {
            let message = format!("`{spec}` is not the name of a spec");
            return Err(NoAnswer::Refused(message));
        }
        let selection = Selection {
            model: Some(model.to_string()),
            spec: Some(spec.to_owned()),
            latest: Some(true),
            ..Selection::default()
        };
        self.records(&selection)
    }

    /// `data.query(PREDICATE[, SELECT])`: the records that match, or the selected values.
    pub(super) fn query(&self, arguments: NeedArguments<'_>) -> Result<Value, NoAnswer> {
        let select = match arguments.n() {
            1 => None,
            _ => Some(arguments.text(1)?),
        };
        let predicate = arguments.text(0)?;
        let query = Query::parse(predicate, select, self.now.0);
        let query =
            query.map_err(|error| NoAnswer::Refused(format!("the query is wrong: {error}")))?;
        let request = DataQueryRequest {
            predicate: predicate.to_owned(),
            select: select.map(str::to_owned),
            since: None,
            all_versions: false,
        };
        let mut found = Found::default();
        let mut matcher = QueryMatcher::new(&query, self.repository.store()?);
        self.snapshot
            .scan(&narrowed(&request, query.selection()), |scanned| {
                let Some(shown) = matcher.matched(scanned)? else {
                    return Ok(Scan::More);
                };
                let value = match select {
                    Some(_) => Some(self.selected(scanned, shown.value)?),
                    None => self.record_of(scanned, FileText::None)?,
                };
                found.push(value)
            })?;
        match matcher.faults.first {
            Some(first) if found.0.is_empty() => {
                let fault = first.diagnostic;
                let message = format!(
                    "the query is wrong for version {} of `{}` of `{}`: {}",
                    first.version, first.name, first.model, fault.message
                );
                Err(NoAnswer::Refused(message))
            }
            Some(_) | None => Ok(Value::Array(found.0)),
        }
    }

    /// `file.contents(MODEL, SPEC)`: the text of the file that was written last under a spec, or
    /// under a name.
    pub(super) fn file_contents(&self, arguments: NeedArguments<'_>) -> Result<Value, NoAnswer> {
        let model = self.model(arguments.text(0)?)?;
        let spec = arguments.text(1)?;
        let mut last: Option<DataRecord> = None;
        let of_spec = Selection {
            model: Some(model.to_string()),
            spec: Some(spec.to_owned()),
            kind: Some("file".to_owned()),
            latest: Some(true),
            ..Selection::default()
        };
        self.snapshot.scan(&of_spec, |scanned| {
            let record = &scanned.record;
            if last
                .as_ref()
                .is_none_or(|it| it.created_at.0 < record.created_at.0)
            {
                last = Some(record.clone());
            }
            Ok::<_, NoAnswer>(Scan::More)
        })?;
        let name = match &last {
            Some(record) => record.name.clone(),
            None => written_name(arguments, &[])?,
        };
        let Some(scanned) = self.snapshot.get(&model, &name, None)? else {
            return Err(self.missing(&model, &name)?);
        };
        self.file_text(&scanned)
    }

    fn file_text(&self, scanned: &Scanned<'_>) -> Result<Value, NoAnswer> {
        let DataRecord {
            model, name, size, ..
        } = &scanned.record;
        if *size > FILE_BYTES_MAX {
            let message =
                format!("`{name}` of `{model}` has {size} bytes, more than {FILE_BYTES_MAX}");
            return Err(NoAnswer::Refused(message));
        }
        self.budget.take(*size)?;
        let bytes = scanned.bytes()?.ok_or_else(|| deleted(model, name))?;
        match String::from_utf8(bytes) {
            // The data of this name may be a resource.
            Ok(text) if scanned.record.kind == DataKind::Resource => {
                self.resource_text(&scanned.record, text)
            }
            Ok(text) => Ok(Value::String(text)),
            Err(_) => {
                let message = format!("`{name}` of `{model}` is not a text in UTF-8");
                Err(NoAnswer::Refused(message))
            }
        }
    }

    /// Returns the text of a resource. An argument must not get `[sealed]` in place of a value.
    fn resource_text(&self, record: &DataRecord, text: String) -> Result<Value, NoAnswer> {
        match (sealed_hidden(&text), self.secrets) {
            (None, _) => Ok(Value::String(text)),
            (Some(hidden), SecretPlace::Tried | SecretPlace::Elsewhere) => {
                Ok(Value::String(hidden))
            }
            (Some(_), SecretPlace::Arguments) => Err(NoAnswer::Refused(format!(
                "`{}` of `{}` has a sealed field; use `data.latest` and the name of a field",
                record.name, record.model
            ))),
        }
    }

    fn record_of(
        &self,
        scanned: &Scanned<'_>,
        file_text: FileText,
    ) -> Result<Option<Value>, NoAnswer> {
        record_value(scanned, self.budget, file_text, self.secrets)
    }

    /// Returns what a query selected. An argument must not get `[sealed]` in place of a value.
    fn selected(&self, scanned: &Scanned<'_>, value: Value) -> Result<Value, NoAnswer> {
        if self.secrets != SecretPlace::Arguments || !has_text(&value, SEALED_SHOWN) {
            return Ok(value);
        }
        // ignored: there is no error here. A version that was deleted meanwhile has no field.
        let text = scanned.text()?.unwrap_or_default();
        if !may_be_sealed(&text) {
            return Ok(value);
        }
        let DataRecord { model, name, .. } = &scanned.record;
        Err(NoAnswer::Refused(format!(
            "the query selects a sealed field of `{name}` of `{model}`; to hand it on, use \
             `data.latest({}, {}).attributes` and the name of the field",
            Value::from(model.as_str()),
            Value::from(name.as_str()),
        )))
    }

    /// Returns the record of one version; the latest if `version` is `None`.
    fn record(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Value, NoAnswer> {
        if let Some(scanned) = self.snapshot.get(model, name, version)? {
            let value = self.record_of(&scanned, FileText::Small)?;
            return value.ok_or_else(|| deleted(model, name));
        }
        let versions = match version {
            Some(_) => self.snapshot.versions(model, name)?,
            None => Vec::new(),
        };
        Err(match (version, versions.last()) {
            (Some(version), Some(last)) => NoAnswer::Absent(format!(
                "`{name}` of `{model}` has no version {version}; the latest is {}",
                last.version
            )),
            (Some(_) | None, None) | (None, Some(_)) => self.missing(model, name)?,
        })
    }

    /// Returns the records of the selected versions.
    fn records(&self, selection: &Selection) -> Result<Value, NoAnswer> {
        let mut found = Found::default();
        self.snapshot.scan(selection, |scanned| {
            found.push(self.record_of(scanned, FileText::None)?)
        })?;
        Ok(Value::Array(found.0))
    }

    /// Returns the records that some calls and the calls below them wrote, in the order of their
    /// commits.
    pub(super) fn records_below(
        &self,
        calls: &[Lineage],
        found: &mut RecordsOfSteps,
    ) -> Result<Vec<Value>, NoAnswer> {
        let mut records = Vec::new();
        for (at, call) in calls.iter().enumerate() {
            self.snapshot.scan_below(call, |scanned| {
                if let Some(value) = self.record_of(scanned, FileText::None)? {
                    let record = &scanned.record;
                    let order = (record.created_at.0, at, record.by.clone());
                    records.push((order, value));
                    found.n_records += 1;
                }
                match found.n_records > RECORDS_MAX {
                    true => Err(too_many_records()),
                    false => Ok(Scan::More),
                }
            })?;
        }
        // The commits of one millisecond are in the order of their calls.
        records.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(records.into_iter().map(|(_, value)| value).collect())
    }

    /// Returns the model of a name or an id. A model that was deleted can still have data.
    fn model(&self, text: &str) -> Result<ModelName, NoAnswer> {
        if text.parse::<FileId>().is_ok() {
            match self.repository.definition(text) {
                Ok(definition) => return Ok(definition.name.clone()),
                Err(AppError::Model(ModelError::Missing { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // ignored: a text that is not a valid name cannot be the name of a model.
        match text.parse() {
            Ok(name) => Ok(name),
            Err(_) => Err(self.model_missing(text)?),
        }
    }

    /// Returns the answer that a model has no data of a name.
    fn missing(&self, model: &ModelName, name: &DataName) -> Result<NoAnswer, NoAnswer> {
        let mut names = Vec::new();
        let of_model = Selection {
            model: Some(model.to_string()),
            latest: Some(true),
            ..Selection::default()
        };
        self.snapshot.scan(&of_model, |scanned| {
            names.push(scanned.record.name.to_string());
            Ok::<_, NoAnswer>(match names.len() {
                NAMES_MAX.. => Scan::Enough,
                _ => Scan::More,
            })
        })?;
        if names.is_empty() && !self.repository.model_names()?.contains(model) {
            return self.model_missing(model.as_str());
        }
        let message = match names.len() {
            0 => format!("the model `{model}` has no data yet"),
            _ => format!("the model `{model}` has no data `{name}`"),
        };
        let near = nearest(name.as_str(), names.iter().map(String::as_str));
        Ok(NoAnswer::Absent(with_near(message, near)))
    }

    fn model_missing(&self, name: &str) -> Result<NoAnswer, NoAnswer> {
        let known = self.repository.model_names()?;
        let with_data = self.snapshot.models()?;
        let known = known.iter().chain(with_data.iter().map(|it| &it.model));
        let near = nearest(name, known.map(ModelName::as_str));
        let message = format!("no model named `{name}`");
        Ok(NoAnswer::Absent(with_near(message, near)))
    }
}

/// Returns whether a value is or contains a text.
fn has_text(value: &Value, text: &str) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(it) => it.contains(text),
        Value::Array(items) => items.iter().any(|it| has_text(it, text)),
        Value::Object(members) => members.values().any(|it| has_text(it, text)),
    }
}

/// The records of an answer.
#[derive(Default)]
struct Found(Vec<Value>);

impl Found {
    /// Adds a record, unless its content was collected meanwhile.
    fn push(&mut self, record: Option<Value>) -> Result<Scan, NoAnswer> {
        self.0.extend(record);
        if self.0.len() > RECORDS_MAX {
            return Err(too_many_records());
        }
        Ok(Scan::More)
    }
}

fn too_many_records() -> NoAnswer {
    NoAnswer::Refused(format!("more than {RECORDS_MAX} records match"))
}

/// Returns the name of data, with the values at `vary` if they are given.
fn data_name(arguments: NeedArguments<'_>, vary: usize) -> Result<DataName, NoAnswer> {
    let values = if arguments.n() > vary {
        arguments.texts(vary)?
    } else {
        Vec::new()
    };
    written_name(arguments, &values)
}

/// Returns the name under which data of a spec is written whose name varies: the values follow the
/// name, as [`vary_part`] has them.
fn written_name(arguments: NeedArguments<'_>, vary: &[&str]) -> Result<DataName, NoAnswer> {
    let name = arguments.text(1)?;
    let part = |value: &&str| {
        let refused = |error| NoAnswer::Refused(format!("no name varies by `{value}`: it {error}"));
        vary_part(value).map_err(refused)
    };
    let suffix = vary.iter().map(part).collect::<Result<String, _>>()?;
    let name = format!("{name}{suffix}");
    name.parse().map_err(|_| {
        // The error of the name repeats the rule, which is not what is wrong in an expression.
        NoAnswer::Refused(format!("`{name}` is not the name of data"))
    })
}

fn deleted(model: &ModelName, name: &DataName) -> NoAnswer {
    NoAnswer::Absent(format!("`{name}` of `{model}` was deleted a moment ago"))
}
