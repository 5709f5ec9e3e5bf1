//! Lists and queries of data, which return one page after the other.

use std::collections::BTreeMap;

use sedge_model::names::{DataName, ModelName};
use sedge_sys::clock::Moment;

use super::{GuestResult, staged_info, tags_from_guest};
use crate::bindings::sedge::model::data;
use crate::call::CallState;
use crate::convert;
use crate::host::{PageLimits, VersionInfo, connected};
use crate::staging::StagedHead;

/// Which names of a model are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataFilter {
    /// What the name begins with.
    pub prefix: String,
    /// The name that it must sort after.
    pub after: Option<String>,
    /// The spec of the latest version.
    pub spec: Option<String>,
    /// The tags that the latest version must have.
    pub tags: BTreeMap<String, String>,
}

impl DataFilter {
    fn admits_name(&self, name: &DataName) -> bool {
        let name = name.as_str();
        name.starts_with(&self.prefix) && self.after.as_deref().is_none_or(|after| name > after)
    }

    /// Returns whether a version meets the conditions, apart from those on its name.
    #[must_use]
    pub fn admits(&self, spec: &str, tags: &BTreeMap<String, String>) -> bool {
        let mut wanted = self.tags.iter();
        self.spec.as_deref().is_none_or(|it| it == spec)
            && wanted.all(|(key, value)| tags.get(key) == Some(value))
    }
}

/// A page of a list of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataListed {
    /// The latest version of each name, sorted by name.
    pub versions: Vec<VersionInfo>,
    /// The last name that was looked at, if the list continues.
    pub next: Option<String>,
}

/// A query of a guest, and the page of its results that the guest wants.
#[derive(Debug, Clone, Copy)]
pub struct GuestQuery<'a> {
    /// The predicate.
    pub predicate: &'a str,
    /// What to return of each version that matches.
    pub select: Option<&'a str>,
    /// Whether to look at versions that are not the latest of their name.
    pub all_versions: bool,
    /// The place in the order of the results where the page begins.
    pub after: Option<&'a GuestVersionId>,
    /// The limits of the page.
    pub limits: PageLimits,
}

/// A place in the order of the results of a query: that of a version, or the place before all versions
/// of a model, which has an empty name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestVersionId {
    /// The model.
    pub model: String,
    /// The name.
    pub name: String,
    /// The version.
    pub version: u64,
}

/// A version that matches a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestQueryMatch {
    /// The version.
    pub info: VersionInfo,
    /// The selected value as JSON, if the query selects one.
    pub value: Option<String>,
}

/// A fault of an expression of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestQueryFault {
    /// `predicate` or `select`.
    pub expression: String,
    /// The line in the expression, from 1.
    pub line: u32,
    /// The column in the line, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// The versions of a page for which an expression is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestQueryFaults {
    /// Their number.
    pub n_versions: u64,
    /// The first of them.
    pub version: GuestVersionId,
    /// What is wrong for it.
    pub fault: GuestQueryFault,
}

/// A page of the results of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestQueryPage {
    /// The versions that match.
    pub matches: Vec<GuestQueryMatch>,
    /// The number of versions on which the predicate was evaluated.
    pub n_looked: u64,
    /// The versions for which an expression is wrong, if there are any.
    pub faults: Option<GuestQueryFaults>,
    /// The place where the next page begins, if the results continue.
    pub next: Option<GuestVersionId>,
}

impl VersionInfo {
    /// Returns the size of its texts, in bytes.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        let tags = self.tags.iter().map(|(key, value)| key.len() + value.len());
        self.model.as_str().len()
            + self.name.as_str().len()
            + self.spec.as_str().len()
            + self.media_type.len()
            + tags.sum::<usize>()
    }
}

impl CallState {
    pub(super) fn listed(
        &mut self,
        model: ModelName,
        filter: data::ListFilter,
    ) -> GuestResult<data::ListPage> {
        let limits = PageLimits::of_guest(filter.count_max);
        let tags = match tags_from_guest(filter.tags) {
            Ok(tags) => tags,
            Err(error) => return Ok(Err(error)),
        };
        let filter = DataFilter {
            prefix: filter.prefix,
            after: filter.after,
            spec: filter.spec,
            tags,
        };
        let DataListed { versions, next } = self.list_page(&model, &filter, &limits)?;
        self.count_bytes(versions.iter().map(VersionInfo::n_bytes).sum())?;
        let versions = versions.into_iter();
        Ok(Ok(data::ListPage {
            versions: versions.map(convert::version_info_to_guest).collect(),
            next,
        }))
    }

    /// Returns a page of the list, with what is staged in place of what is committed.
    fn list_page(
        &self,
        model: &ModelName,
        filter: &DataFilter,
        limits: &PageLimits,
    ) -> wasmtime::Result<DataListed> {
        let mut staged = self.heads(model, filter);
        let port = self.data_port()?;
        let listed = port.list(model, filter, limits, &|name| staged.contains_key(name))?;
        // ignored: the datastore has no name that is not valid.
        let end: Option<DataName> = listed.next.as_ref().and_then(|it| it.parse().ok());
        if let Some(end) = end {
            staged.retain(|name, _| *name <= end);
        }
        if staged.is_empty() {
            return Ok(listed);
        }
        // The port has kept the limits for what is committed. This time is for the rest.
        let until = Moment::now().after(limits.time);
        let mut committed = listed.versions.into_iter().peekable();
        let mut staged = staged.into_iter().peekable();
        let (mut versions, mut n_bytes, mut last) = (Vec::new(), 0, None);
        loop {
            let is_committed = match (committed.peek(), staged.peek()) {
                (None, None) => {
                    let next = listed.next;
                    return Ok(DataListed { versions, next });
                }
                (Some(one), Some((other, _))) => one.name < *other,
                (one, _) => one.is_some(),
            };
            let is_full = versions.len() == limits.n_items || n_bytes >= limits.n_bytes;
            if last.is_some() && (is_full || until.left().is_zero()) {
                let next = last;
                return Ok(DataListed { versions, next });
            }
            let (name, info) = if is_committed {
                let Some(info) = committed.next() else {
                    continue;
                };
                (info.name.clone(), Some(info))
            } else {
                let Some((name, head)) = staged.next() else {
                    continue;
                };
                let info = self.head_version(model, &name, head)?;
                let info = info.filter(|info| filter.admits(info.spec.as_str(), &info.tags));
                (name, info)
            };
            n_bytes += info.as_ref().map_or(0, VersionInfo::n_bytes);
            versions.extend(info);
            last = Some(name.to_string());
        }
    }

    /// Returns what this call and its callers have staged of the names that a filter admits.
    fn heads(
        &self,
        model: &ModelName,
        filter: &DataFilter,
    ) -> BTreeMap<DataName, StagedHead<VersionInfo>> {
        let Some(running) = &self.running else {
            return BTreeMap::new();
        };
        running.staging.heads(
            model,
            |name| filter.admits_name(name),
            |write| staged_info(model.clone(), write),
        )
    }

    /// Returns the latest version of a name of which something is staged. Returns `None` if all of it is
    /// deleted.
    fn head_version(
        &self,
        model: &ModelName,
        name: &DataName,
        head: StagedHead<VersionInfo>,
    ) -> wasmtime::Result<Option<VersionInfo>> {
        match head {
            StagedHead::Written(info) => Ok(Some(info)),
            StagedHead::Deleted => Ok(None),
            StagedHead::Without(deleted) => {
                let mut versions = self.data_port()?.versions(model, name)?;
                versions.retain(|it| !it.version.is_some_and(|it| deleted.contains(&it)));
                // The name may be a former one, of which the list has the current one.
                Ok(versions.pop().filter(|it| it.name == *name))
            }
        }
    }

    pub(super) fn queried(
        &mut self,
        predicate: &str,
        options: data::QueryOptions,
    ) -> GuestResult<data::QueryPage> {
        let after = options.after.map(|it| GuestVersionId {
            model: it.model,
            name: it.name,
            version: it.version,
        });
        let query = GuestQuery {
            predicate,
            select: options.select.as_deref(),
            all_versions: options.all_versions,
            after: after.as_ref(),
            limits: PageLimits::of_guest(options.count_max),
        };
        let page = connected(self.ports.data.as_ref())?.query(&query);
        let page = match self.guest_result(page)? {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let matches = page.matches.iter();
        let value_bytes = |it: &GuestQueryMatch| it.value.as_ref().map_or(0, String::len);
        let n_bytes = matches.map(|it| it.info.n_bytes() + value_bytes(it)).sum();
        self.count_bytes(n_bytes)?;
        Ok(Ok(query_page_to_guest(page)))
    }
}

fn query_page_to_guest(page: GuestQueryPage) -> data::QueryPage {
    let matches = page.matches.into_iter().map(|it| data::QueryMatch {
        info: convert::version_info_to_guest(it.info),
        value: it.value,
    });
    data::QueryPage {
        matches: matches.collect(),
        looked: page.n_looked,
        faults: page.faults.map(|faults| data::QueryFaults {
            count: faults.n_versions,
            version: version_id_to_guest(faults.version),
            fault: query_fault_to_guest(faults.fault),
        }),
        next: page.next.map(version_id_to_guest),
    }
}

fn version_id_to_guest(id: GuestVersionId) -> data::VersionId {
    data::VersionId {
        model: id.model,
        name: id.name,
        version: id.version,
    }
}

pub(super) fn query_fault_to_guest(fault: GuestQueryFault) -> data::QueryFault {
    data::QueryFault {
        expression: fault.expression,
        line: fault.line,
        column: fault.column,
        message: fault.message,
        hint: fault.hint,
    }
}
