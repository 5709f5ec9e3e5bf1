//! Finds versions of data by a predicate over all that is known of them and what is in them.

use sedge_api::problem::Place;
use sedge_api::view::data::{
    DataQueryItem, DataQueryReport, DataVersionView, QueryFaultView, QueryFaultsView,
    QueryMissingView,
};
use sedge_model::query::{Query, QueryError, Row, RowFault, RowFaults, Selection, Shown};
use sedge_store::{DataRecord, Scan, Scanned};
use sedge_sys::clock::Timestamp;

use crate::data_scan::data_scan;
use crate::error::AppError;
use crate::repository::Repository;
use crate::views::data::version_view;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which versions: an expression in CEL that is true for them.
    pub predicate: String,
    /// What to show of each: another expression.
    pub select: Option<String>,
    /// Only versions that were written at or after this time.
    pub since: Option<Timestamp>,
    /// Whether versions that are not the latest of their name are looked at too.
    pub all_versions: bool,
}

/// A version that matches.
#[derive(Debug, Clone)]
pub struct Found {
    /// What is known of it.
    pub version: DataVersionView,
    /// What to show of it.
    pub item: DataQueryItem,
}

/// Hands over the versions for which the predicate is true, sorted by model and name, the newest
/// of a name first, until `take` says that it is enough. The part of the predicate that the
/// datastore has indexes for is looked up, the rest is evaluated version by version, so that no
/// more than one is in memory.
///
/// # Errors
/// An expression is at fault: for every version, or for all that were looked at. The datastore
/// cannot be read, or whatever `take` fails with.
pub fn data_query<E: From<AppError>>(
    repository: &Repository,
    request: &Request,
    mut take: impl FnMut(Found) -> Result<Scan, E>,
) -> Result<DataQueryReport, E> {
    let select = request.select.as_deref();
    let query = Query::parse(&request.predicate, select, Timestamp::now().0);
    let query = query.map_err(AppError::from)?;
    let selection = narrowed(request, query.selection());
    let (mut n_looked, mut n_found) = (0, 0);
    let mut faults = RowFaults::default();
    data_scan(repository, &selection, |scanned| {
        n_looked += 1;
        let mut selected = None;
        if !query.is_exact() || select.is_some() {
            let Some(shown) = matched(&query, scanned, &mut faults)? else {
                return Ok(Scan::More);
            };
            selected = select.map(|_| shown.value);
        }
        n_found += 1;
        let version = version_view(&scanned.record);
        let item = match selected {
            Some(value) => DataQueryItem::Selected(value),
            None => DataQueryItem::Version(Box::new(version.clone())),
        };
        take(Found { version, item })
    })?;
    // A query that fits nothing of what there is was not meant like that.
    let is_wrong_for_all = faults.n_rows == n_looked || faults.n_select > 0;
    match faults.first {
        Some(first) if n_found == 0 && is_wrong_for_all => {
            Err(AppError::from(wrong_for_all(first, faults.n_rows)).into())
        }
        first => Ok(DataQueryReport {
            looked: n_looked,
            faults: first.map(|first| QueryFaultsView {
                count: faults.n_rows,
                first: fault_view(first),
            }),
            missing: faults.missing.first.map(|first| QueryMissingView {
                count: faults.missing.n_rows,
                first,
            }),
        }),
    }
}

/// Returns the error of a query that is wrong for every version that it was asked of.
fn wrong_for_all(first: RowFault, n_rows: u64) -> QueryError {
    let mut fault = first.diagnostic;
    let of = match n_rows {
        1 => "the one version".to_owned(),
        n => format!("each of the {n} versions"),
    };
    fault.message = format!(
        "the {} is wrong for {of} that it is asked of: {}",
        fault.file.name, fault.message
    );
    QueryError::Source(fault)
}

fn fault_view(fault: RowFault) -> QueryFaultView {
    let (line, column) = fault.diagnostic.line_column();
    QueryFaultView {
        model: fault.model,
        name: fault.name,
        version: fault.version,
        message: fault.diagnostic.message,
        place: Place {
            file: fault.diagnostic.file.name,
            line: line as u64,
            column: column as u64,
        },
    }
}

/// Returns what is to be read: what the predicate needs, and what was asked for besides. Who
/// speaks of versions by their number, or of `latest`, means just what they say.
fn narrowed(request: &Request, of_query: &Selection) -> Selection {
    let mut selection = of_query.clone();
    let speaks_of_versions = selection.version.is_some() || selection.latest.is_some();
    if !request.all_versions && !speaks_of_versions {
        selection.latest = Some(true);
    }
    if let Some(since) = request.since {
        let from = selection.created_from_ms.unwrap_or(0);
        selection.created_from_ms = Some(from.max(since.0));
    }
    selection
}

fn matched(
    query: &Query,
    scanned: &Scanned<'_>,
    faults: &mut RowFaults,
) -> Result<Option<Shown>, AppError> {
    let record = &scanned.record;
    let content = if query.reads_content() {
        scanned.text()?
    } else {
        None
    };
    let texts = Texts::of(record);
    let row = Row {
        model: record.model.as_str(),
        name: record.name.as_str(),
        kind: record.kind.as_str(),
        spec: record.spec.as_str(),
        type_name: record
            .origin
            .type_name
            .as_ref()
            .map_or("", |it| it.as_str()),
        version: record.version,
        is_latest: record.is_latest,
        media_type: record.media_type(),
        size: record.size,
        digest: &texts.digest,
        tags: &record.tags,
        lifetime: &texts.lifetime,
        created_at_ms: record.created_at.0,
        run: record.by.run().as_str(),
        job: record
            .step
            .as_deref()
            .and_then(|it| it.split_once('/'))
            .map(|it| it.0),
        step: record
            .step
            .as_deref()
            .and_then(|it| it.split_once('/'))
            .map(|it| it.1),
        call: &texts.call,
        method: record.origin.method.as_str(),
        plugin: &record.origin.plugin,
        definition: &texts.definition,
        content: content.as_deref(),
    };
    Ok(faults.look(query, &row))
}

/// What is known of a version and is no text by itself.
struct Texts {
    digest: String,
    lifetime: String,
    call: String,
    definition: String,
}

impl Texts {
    fn of(record: &DataRecord) -> Self {
        let definition = record.origin.definition.map(|digest| digest.to_string());
        Self {
            digest: record.digest.to_string(),
            lifetime: record.lifetime.to_string(),
            call: record.by.to_string(),
            // ignored: there is no error here, only no value.
            definition: definition.unwrap_or_default(),
        }
    }
}
