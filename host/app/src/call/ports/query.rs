//! Finds data for a call by a query, and by a filter.
//!
//! The query of a guest runs on the thread of the guest, so its time counts as that of the guest. It ends
//! after a page. The datastore looks up only what it finds in an index without skipping rows: the
//! models, their names in order, and the latest versions. Everything else is decided row by row, so that
//! no page takes longer because much of the data does not match.

use std::collections::BTreeSet;

use sedge_lang::query::{Query, QueryError, RowFault, Selection};
use sedge_model::call::LimitName;
use sedge_model::names::{DataName, ModelName};
use sedge_model::permission::effective::{ReadableModels, Use};
use sedge_runtime::{
    DataAccessError, DataFilter, DataListed, DataPort, GuestQuery, GuestQueryFault,
    GuestQueryFaults, GuestQueryMatch, GuestQueryPage, GuestVersionId, HostError, PageLimits,
    RequestFault,
};
use sedge_store::{DataSnapshot, Scan, Scanned, StoreError};

use super::CallPorts;
use super::data::version_info;
use super::page::PageMeter;
use crate::call::fault::carried;
use crate::data::matcher::QueryMatcher;
use crate::data::query::{speaks_of_versions, wrong_for_all};
use crate::error::{AppError, diagnostic_place};

/// Why a page is not returned: an error for the guest, or of the host.
type Fault = RequestFault<DataAccessError>;

/// An error that passes through the store.
struct ThroughPage(Fault);

impl From<StoreError> for ThroughPage {
    fn from(error: StoreError) -> Self {
        Self(RequestFault::Host(carried(error)))
    }
}

impl From<AppError> for ThroughPage {
    fn from(error: AppError) -> Self {
        Self(RequestFault::Host(carried(error)))
    }
}

impl CallPorts {
    /// Returns a page of the names of a model that a filter admits.
    pub(super) fn listed(
        &self,
        model: &ModelName,
        filter: &DataFilter,
        limits: &PageLimits,
        is_hidden: &dyn Fn(&DataName) -> bool,
    ) -> Result<DataListed, HostError> {
        let selection = Selection {
            model: Some(model.to_string()),
            name_prefix: Some(filter.prefix.clone()),
            name_after: filter.after.clone(),
            latest: Some(true),
            ..Selection::default()
        };
        let mut meter = PageMeter::new(limits);
        let mut versions = Vec::new();
        let (mut last, mut next) = (None, None);
        let take = |scanned: &Scanned<'_>| {
            let record = &scanned.record;
            if meter.is_full() {
                next = last.take();
                return Ok::<_, StoreError>(Scan::Enough);
            }
            meter.look();
            last = Some(record.name.to_string());
            if filter.admits(record.spec.as_str(), &record.tags) && !is_hidden(&record.name) {
                let info = version_info(record.clone());
                meter.add(info.n_bytes());
                versions.push(info);
            }
            Ok(Scan::More)
        };
        let scanned = self.store()?.data_scan(&selection, take);
        scanned.map_err(carried)?;
        Ok(DataListed { versions, next })
    }

    /// Returns a page of the versions that match a query.
    pub(super) fn queried(&self, asked: &GuestQuery<'_>) -> Result<GuestQueryPage, Fault> {
        let now_ms = self.cx.clock().now().0;
        let query = Query::parse_of_guest(asked.predicate, asked.select, now_ms);
        let query = query.map_err(|error| RequestFault::Guest(invalid(error)))?;
        let models = match &query.selection().model {
            Some(model) => ReadableModels::Only(BTreeSet::from([self.readable(model)?])),
            None => self.identity().permissions.models_readable(),
        };
        let store = self.store().map_err(RequestFault::Host)?;
        let mut page = PageScan {
            ports: self,
            asked,
            query: &query,
            matcher: QueryMatcher::new(&query, store),
            meter: PageMeter::new(&asked.limits),
            matches: Vec::new(),
            last: None,
            next: None,
        };
        if !query.selection().nothing {
            let scanned = store.data_snapshot(|snapshot| page.scan(snapshot, &models));
            scanned.map_err(|ThroughPage(fault)| fault)?;
        }
        page.finish()
    }
}

/// A page while its versions are searched.
struct PageScan<'p> {
    ports: &'p CallPorts,
    asked: &'p GuestQuery<'p>,
    query: &'p Query,
    matcher: QueryMatcher<'p>,
    meter: PageMeter,
    matches: Vec<GuestQueryMatch>,
    /// The version that was looked at last.
    last: Option<GuestVersionId>,
    /// Where the next page begins, once this one has ended.
    next: Option<GuestVersionId>,
}

impl PageScan<'_> {
    /// Searches the models in the order of their names.
    fn scan(
        &mut self,
        snapshot: &DataSnapshot<'_>,
        models: &ReadableModels,
    ) -> Result<(), ThroughPage> {
        let asked = self.asked;
        let mut after = asked.after;
        let mut at = after.map(|it| it.model.clone());
        // The page may begin within a model.
        let mut is_within = after.is_some();
        loop {
            let found = match (&at, is_within) {
                (Some(model), true) => model_at(models, model),
                (at, _) => model_next(snapshot, models, at.as_deref())?,
            };
            if let Some(model) = found {
                if self.meter.is_full() {
                    // Nothing of this model was looked at.
                    self.next = Some(GuestVersionId {
                        model: model.to_string(),
                        name: String::new(),
                        version: 0,
                    });
                    return Ok(());
                }
                self.model_scan(snapshot, &model, after.filter(|_| is_within))?;
                if self.next.is_some() {
                    return Ok(());
                }
                at = Some(model.to_string());
            } else if !is_within {
                return Ok(());
            }
            (is_within, after) = (false, None);
        }
    }

    /// Searches the versions of a model, from a place on.
    fn model_scan(
        &mut self,
        snapshot: &DataSnapshot<'_>,
        model: &ModelName,
        after: Option<&GuestVersionId>,
    ) -> Result<(), ThroughPage> {
        self.meter.look();
        let ports = self.ports;
        let is_own = *model == ports.identity().model;
        if !is_own && !ports.cx.repository.has_model(model)? {
            return Ok(());
        }
        ports.identity().uses.mark(&Use::Model(model.as_str()));
        let selection = self.selection(model);
        let Some(after) = after else {
            return self.part_scan(snapshot, &selection);
        };
        // The other versions of the name come first, and then the names after it.
        if selection.name.as_ref().is_none_or(|it| *it == after.name) {
            let versions = Selection {
                name: Some(after.name.clone()),
                version_before: Some(after.version),
                ..selection.clone()
            };
            self.part_scan(snapshot, &versions)?;
        }
        if self.next.is_some() {
            return Ok(());
        }
        let names = Selection {
            name_after: Some(after.name.clone()),
            ..selection
        };
        self.part_scan(snapshot, &names)
    }

    /// Returns what the datastore looks up of a model.
    fn selection(&self, model: &ModelName) -> Selection {
        let of_query = self.query.selection();
        let is_latest = !self.asked.all_versions && !speaks_of_versions(of_query);
        Selection {
            model: Some(model.to_string()),
            name: of_query.name.clone(),
            name_prefix: of_query.name_prefix.clone(),
            latest: is_latest.then_some(true),
            ..Selection::default()
        }
    }

    fn part_scan(
        &mut self,
        snapshot: &DataSnapshot<'_>,
        selection: &Selection,
    ) -> Result<(), ThroughPage> {
        snapshot.scan(selection, |scanned| self.take(scanned))
    }

    fn take(&mut self, scanned: &Scanned<'_>) -> Result<Scan, ThroughPage> {
        if self.meter.is_full() && self.last.is_some() {
            self.next = self.last.take();
            return Ok(Scan::Enough);
        }
        self.meter.look();
        let shown = self.matcher.matched(scanned)?;
        let at = GuestVersionId {
            model: scanned.record.model.to_string(),
            name: scanned.record.name.to_string(),
            version: scanned.record.version,
        };
        if let Some(shown) = shown {
            let found = GuestQueryMatch {
                info: version_info(scanned.record.clone()),
                value: self.asked.select.map(|_| shown.value.to_string()),
            };
            let n_bytes = found.info.n_bytes() + found.value.as_ref().map_or(0, String::len);
            if !self.meter.fits(n_bytes) {
                if self.meter.is_empty() {
                    let most = self.asked.limits.n_bytes as u64;
                    let limit = DataAccessError::Limit(LimitName::JsonBytes, most);
                    return Err(ThroughPage(RequestFault::Guest(limit)));
                }
                // It begins the next page.
                self.next = self.last.take();
                return Ok(Scan::Enough);
            }
            self.meter.add(n_bytes);
            self.matches.push(found);
        }
        self.last = Some(at);
        Ok(Scan::More)
    }

    /// Returns the page.
    fn finish(self) -> Result<GuestQueryPage, Fault> {
        let QueryMatcher {
            faults,
            n_evaluated,
            ..
        } = self.matcher;
        let is_whole = self.asked.after.is_none() && self.next.is_none();
        let is_wrong_for_all = faults.n_rows == n_evaluated || faults.n_select > 0;
        let faults = match faults.first {
            Some(first) if is_whole && self.matches.is_empty() && is_wrong_for_all => {
                let error = wrong_for_all(first, faults.n_rows);
                return Err(RequestFault::Guest(invalid(error)));
            }
            first => first.map(|first| row_faults(first, faults.n_rows)),
        };
        Ok(GuestQueryPage {
            matches: self.matches,
            n_looked: n_evaluated,
            faults,
            next: self.next,
        })
    }
}

/// Returns the model of this name, if it may be read.
fn model_at(models: &ReadableModels, name: &str) -> Option<ModelName> {
    // ignored: a text that is not a name of a model has no data.
    let name: ModelName = name.parse().ok()?;
    models.contains(name.as_str()).then_some(name)
}

/// Returns the next model that may be read and may have data.
fn model_next(
    snapshot: &DataSnapshot<'_>,
    models: &ReadableModels,
    after: Option<&str>,
) -> Result<Option<ModelName>, StoreError> {
    match models {
        ReadableModels::All => snapshot.model_after(after),
        ReadableModels::Only(names) => {
            let mut names = names.iter();
            let next = names.find(|it| after.is_none_or(|after| it.as_str() > after));
            Ok(next.cloned())
        }
    }
}

fn row_faults(first: RowFault, n_versions: u64) -> GuestQueryFaults {
    GuestQueryFaults {
        n_versions,
        fault: query_fault(QueryError::Source(first.diagnostic)),
        version: GuestVersionId {
            model: first.model,
            name: first.name,
            version: first.version,
        },
    }
}

fn invalid(error: QueryError) -> DataAccessError {
    DataAccessError::InvalidQuery(query_fault(error))
}

fn query_fault(error: QueryError) -> GuestQueryFault {
    let words = error.to_string();
    let QueryError::Source(fault) = error else {
        return GuestQueryFault {
            expression: "predicate".to_owned(),
            line: 1,
            column: 1,
            message: words,
            hint: None,
        };
    };
    let place = diagnostic_place(&fault);
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    GuestQueryFault {
        expression: place.file,
        line: number(place.line),
        column: number(place.column),
        message: fault.message,
        hint: fault.hint,
    }
}
