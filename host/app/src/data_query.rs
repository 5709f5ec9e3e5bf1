//! Finds versions of data by a predicate over all that is known of them and what is in them.

use sedge_model::query::{Query, Row, RowFaults, Selection};
use sedge_store::{DataRecord, Scan, Scanned};
use sedge_sys::clock::Timestamp;
use serde_json::Value;

use crate::data_scan::data_scan;
use crate::error::AppError;
use crate::repository::Repository;

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

/// How a query went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many versions were looked at.
    pub n_looked: u64,
    /// For which of them an expression was wrong.
    pub faults: RowFaults,
}

/// Hands over the versions for which the predicate is true, sorted by model, name and number,
/// each with what `select` makes of it, until `take` says that it is enough. What can be is
/// looked up, the rest is looked at one by one, so that no more than one is in memory.
///
/// # Errors
/// An expression is at fault, the datastore cannot be read, or whatever `take` fails with.
pub fn data_query<E: From<AppError>>(
    repository: &Repository,
    request: &Request,
    mut take: impl FnMut(&DataRecord, Option<Value>) -> Result<Scan, E>,
) -> Result<Report, E> {
    let select = request.select.as_deref();
    let query = Query::parse(&request.predicate, select, Timestamp::now().0);
    let query = query.map_err(AppError::from)?;
    let selection = narrowed(request, query.selection());
    let mut report = Report::default();
    data_scan(repository, &selection, |scanned| {
        report.n_looked += 1;
        if query.is_exact() && select.is_none() {
            return take(&scanned.record, None);
        }
        match matched(&query, scanned, &mut report.faults)? {
            Some(shown) => take(&scanned.record, select.map(|_| shown)),
            None => Ok(Scan::More),
        }
    })?;
    Ok(report)
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
) -> Result<Option<Value>, AppError> {
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
    Ok(faults.absorb(&row, query.evaluate(&row)))
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
