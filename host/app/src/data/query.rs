//! Finds versions of data by a predicate over their metadata and their content.

use sedge_api::view::data::{
    DataQueryItem, DataQueryReport, DataVersionView, QueryFaultView, QueryFaultsView,
    QueryMissingView,
};
use sedge_lang::query::{Query, QueryError, RowFault, Selection, Shown};
use sedge_store::Scan;
use sedge_sys::clock::Timestamp;
use serde_json::Value;

use crate::cx::Cx;
use crate::data::get::{data_get, data_key, data_missing};
use crate::data::matcher::QueryMatcher;
use crate::data::scan::data_scan;
use crate::data::view::version_view;
use crate::error::{AppError, diagnostic_place};
use crate::repository::Repository;

/// How often a version is looked up again that another process renames while it is read.
const RENAMES_MAX: u32 = 8;

/// A request to query data.
#[derive(Debug, Clone)]
pub struct DataQueryRequest {
    /// A CEL expression that is true for the wanted versions.
    pub predicate: String,
    /// A CEL expression for what to show of each version.
    pub select: Option<String>,
    /// If set, only versions that were written at this time or later.
    pub since: Option<Timestamp>,
    /// Whether to include versions that are not the latest of their name.
    pub all_versions: bool,
}

/// A version that matches.
#[derive(Debug, Clone)]
pub struct DataMatch {
    /// The metadata of the version.
    pub version: DataVersionView,
    /// The part of the version to show.
    pub item: DataQueryItem,
}

/// The value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    /// The version on which the expression was evaluated.
    pub version: DataVersionView,
    /// Its value.
    pub value: Value,
    /// What the expression reads and the version does not have, if it is missing something.
    pub missing: Option<String>,
}

/// Passes each version for which the predicate is true to `take`, until `take` returns that it
/// needs no more. The versions are sorted by model and name, the newest of a name first.
///
/// The datastore's indexes narrow the search where the predicate allows it. The rest is evaluated
/// version by version, so that only one version is in memory at a time.
///
/// # Errors
/// Returns an error if an expression is wrong for every version that was evaluated, or if the
/// datastore cannot be read. Errors of `take` are passed on.
pub fn data_query<E: From<AppError>>(
    cx: &Cx,
    request: &DataQueryRequest,
    mut take: impl FnMut(DataMatch) -> Result<Scan, E>,
) -> Result<DataQueryReport, E> {
    let select = request.select.as_deref();
    let query = Query::parse(&request.predicate, select, cx.clock.now().0);
    let query = query.map_err(AppError::from)?;
    let selection = narrowed(request, query.selection());
    let (mut n_looked, mut n_found) = (0, 0);
    let mut matcher = QueryMatcher::new(&query, cx.repository.store()?);
    data_scan(&cx.repository, &selection, |scanned| {
        n_looked += 1;
        let mut selected = None;
        if !query.is_exact() || select.is_some() {
            let Some(shown) = matcher.matched(scanned)? else {
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
        take(DataMatch { version, item })
    })?;
    let faults = matcher.faults;
    // A predicate that fails for every version is a mistake of the user, not an empty result.
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

/// Evaluates an expression on a version, and returns its value.
///
/// # Errors
/// Returns an error if there is no such model, data or version, or if the expression is invalid or
/// wrong for this version.
pub fn data_select(
    cx: &Cx,
    model: &str,
    name: &str,
    version: Option<u64>,
    select: &str,
) -> Result<Selected, AppError> {
    let query = Query::parse("true", Some(select), cx.clock.now().0)?;
    let (mut found, _) = data_get(cx, model, name, version)?;
    for _ in 0..RENAMES_MAX {
        let selection = Selection {
            model: Some(found.model.clone()),
            name: Some(found.name.clone()),
            version: Some(found.version),
            ..Selection::default()
        };
        if let Some(shown) = evaluated(&cx.repository, &query, &selection)? {
            return Ok(Selected {
                version: found,
                value: shown.value,
                missing: shown.missing,
            });
        }
        // Another process has renamed the version, or deleted it, which is an error here.
        (found, _) = data_get(cx, model, name, Some(found.version))?;
    }
    let (model, _) = data_key(&cx.repository, model, name)?;
    Err(data_missing(&cx.repository, model, name))
}

/// Evaluates a query on the one version of a selection. Returns `None` if there is no such version.
fn evaluated(
    repository: &Repository,
    query: &Query,
    selection: &Selection,
) -> Result<Option<Shown>, AppError> {
    let mut matcher = QueryMatcher::new(query, repository.store()?);
    let mut shown = None;
    data_scan::<AppError>(repository, selection, |scanned| {
        shown = matcher.matched(scanned)?;
        Ok(Scan::Enough)
    })?;
    match matcher.faults.first {
        Some(first) => Err(AppError::from(QueryError::Source(first.diagnostic))),
        None => Ok(shown),
    }
}

/// Returns the error of a query that is wrong for every version that it was evaluated on.
pub(crate) fn wrong_for_all(first: RowFault, n_rows: u64) -> QueryError {
    let mut fault = first.diagnostic;
    let of = match n_rows {
        1 => "the one version".to_owned(),
        n => format!("each of the {n} versions"),
    };
    fault.message = format!(
        "the {} is wrong for {of} on which it was evaluated: {}",
        fault.file.name, fault.message
    );
    QueryError::Source(fault)
}

fn fault_view(fault: RowFault) -> QueryFaultView {
    QueryFaultView {
        model: fault.model,
        name: fault.name,
        version: fault.version,
        place: diagnostic_place(&fault.diagnostic),
        message: fault.diagnostic.message,
    }
}

/// Returns which versions to read: those that the predicate needs, narrowed by the rest of the
/// request.
///
/// A predicate about version numbers, or about `latest`, is not narrowed to the latest versions.
pub(crate) fn narrowed(request: &DataQueryRequest, of_query: &Selection) -> Selection {
    let mut selection = of_query.clone();
    if !request.all_versions && !speaks_of_versions(of_query) {
        selection.latest = Some(true);
    }
    if let Some(since) = request.since {
        let from = selection.created_from_ms.unwrap_or(0);
        selection.created_from_ms = Some(from.max(since.0));
    }
    selection
}

/// Returns whether a predicate is about version numbers, or about which version is the latest.
pub(crate) fn speaks_of_versions(of_query: &Selection) -> bool {
    of_query.version.is_some() || of_query.latest.is_some()
}

#[cfg(test)]
mod tests {
    use sedge_lang::repository::{CONFIG_FILE, config_file_text};
    use sedge_sys::folder::Folder;

    use super::*;

    /// A version may be deleted between its lookup and its evaluation. The value was null then, as
    /// if the expression had found nothing.
    #[test]
    fn version_that_does_not_exist_has_no_value() {
        let temporary = tempfile::tempdir().expect("there is room for temporary files");
        let folder = Folder::open(temporary.path()).expect("it exists");
        let config = config_file_text();
        folder
            .write(CONFIG_FILE, config.as_bytes())
            .expect("it is writable");
        let repository = Repository::open(temporary.path()).expect("a repository");
        let query = Query::parse("true", Some("version"), 0).expect("a query");
        let selection = Selection {
            model: Some("sink".to_owned()),
            name: Some("record".to_owned()),
            version: Some(1),
            ..Selection::default()
        };
        let shown = evaluated(&repository, &query, &selection).expect("readable");
        assert!(shown.is_none());
    }
}
