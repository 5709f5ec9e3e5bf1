//! Queries: finds data of this model, and of those that the plugin may read, by a predicate.

use serde::de::DeserializeOwned;

use crate::data::PAGE_ITEMS;
use crate::host::data;
use crate::page::paged;
use crate::{Context, DataError, VersionInfo};

/// What a query selects of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected<T> {
    /// The metadata of the version.
    pub info: VersionInfo,
    /// The value of the expression.
    pub value: T,
}

/// Queries.
impl Context {
    /// Finds committed versions for which `predicate` is true, and returns the value of `select` for
    /// each: sorted by model and name. Both are expressions in CEL, as for `sedge data query`.
    ///
    /// ```no_run
    /// use sedge_sdk::{Context, Failure};
    ///
    /// fn warmest(cx: &Context) -> Result<f64, Failure> {
    ///     let predicate = r#"spec == "reading" && tags.room == "attic""#;
    ///     let mut warmest = f64::MIN;
    ///     for reading in cx.query::<f64>(predicate, "attributes.celsius") {
    ///         warmest = warmest.max(reading?.value);
    ///     }
    ///     Ok(warmest)
    /// }
    /// ```
    ///
    /// The query looks at the latest version of each name, in the data of this model and of those that
    /// the plugin may read. It does not see what is staged, and a sealed field reads `[sealed]`. A
    /// missing value is null, so `T` is an `Option` if there may be none.
    ///
    /// If the query is not valid or cannot be completed, the last item is the error.
    pub fn query<'a, T: DeserializeOwned + 'a>(
        &self,
        predicate: &'a str,
        select: &'a str,
    ) -> impl Iterator<Item = Result<Selected<T>, DataError>> + use<'a, T> {
        self.find(predicate).select(select)
    }

    /// Starts a query for committed versions for which `predicate` is true: see [`Context::query`].
    pub fn find<'a>(&self, predicate: &'a str) -> DataQuery<'a> {
        DataQuery {
            predicate,
            all_versions: false,
        }
    }
}

/// A query. [`Context::find`] starts one, and `versions` or `select` runs it.
#[derive(Debug, Clone, Copy)]
#[must_use = "nothing is searched before `versions` or `select`"]
pub struct DataQuery<'a> {
    predicate: &'a str,
    all_versions: bool,
}

impl<'a> DataQuery<'a> {
    /// Looks at all versions, and not only at the latest of each name.
    pub fn all_versions(mut self) -> Self {
        self.all_versions = true;
        self
    }

    /// Returns the metadata of the versions that match.
    ///
    /// If the query is not valid or cannot be completed, the last item is the error.
    pub fn versions(self) -> impl Iterator<Item = Result<VersionInfo, DataError>> + use<'a> {
        let found = self.matches(None);
        found.map(|found| Ok(VersionInfo::from(found?.info)))
    }

    /// Returns the value of an expression for each version that matches.
    ///
    /// If the query is not valid or cannot be completed, the last item is the error.
    pub fn select<T: DeserializeOwned + 'a>(
        self,
        select: &'a str,
    ) -> impl Iterator<Item = Result<Selected<T>, DataError>> + use<'a, T> {
        let found = self.matches(Some(select));
        found.map(|found| selected(found?))
    }

    fn matches(
        self,
        select: Option<&'a str>,
    ) -> impl Iterator<Item = Result<data::QueryMatch, DataError>> + use<'a> {
        let mut sum = QuerySum::default();
        paged(move |after: Option<&data::VersionId>| {
            let options = data::QueryOptions {
                select: select.map(str::to_owned),
                all_versions: self.all_versions,
                after: after.cloned(),
                count_max: PAGE_ITEMS,
            };
            let page = data::query(self.predicate, &options)?;
            sum.add(&page);
            let is_wrong = page.next.is_none() && sum.is_wrong();
            match sum.fault.take_if(|_| is_wrong) {
                Some(fault) => Err(DataError::from(fault)),
                None => Ok((page.matches, page.next)),
            }
        })
    }
}

/// What the pages of a query have so far. The host reports an expression that is wrong for each
/// version only if there is one page.
#[derive(Default)]
struct QuerySum {
    n_matches: usize,
    n_looked: u64,
    n_wrong: u64,
    fault: Option<data::QueryFault>,
}

impl QuerySum {
    fn add(&mut self, page: &data::QueryPage) {
        self.n_matches += page.matches.len();
        self.n_looked += page.looked;
        if let Some(faults) = &page.faults {
            self.n_wrong += faults.count;
            self.fault.get_or_insert_with(|| faults.fault.clone());
        }
    }

    fn is_wrong(&self) -> bool {
        self.n_matches == 0 && self.n_wrong == self.n_looked
    }
}

fn selected<T: DeserializeOwned>(found: data::QueryMatch) -> Result<Selected<T>, DataError> {
    let info = VersionInfo::from(found.info);
    let value = found.value.as_deref().unwrap_or("null");
    match serde_json::from_str(value) {
        Ok(value) => Ok(Selected { info, value }),
        Err(error) => Err(DataError::UnexpectedContent {
            model: info.model,
            name: info.name,
            message: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(n_matches: usize, looked: u64, count: u64) -> data::QueryPage {
        let version = data::VersionId {
            model: "sink".into(),
            name: "record".into(),
            version: 3,
        };
        let fault = data::QueryFault {
            expression: "predicate".into(),
            line: 1,
            column: 7,
            message: format!("no such overload, on a page with {count}"),
            hint: None,
        };
        data::QueryPage {
            matches: (0..n_matches).map(|_| found("7")).collect(),
            looked,
            faults: (count > 0).then_some(data::QueryFaults {
                count,
                version,
                fault,
            }),
            next: None,
        }
    }

    fn found(value: &str) -> data::QueryMatch {
        data::QueryMatch {
            info: data::VersionInfo {
                model: "sink".into(),
                name: "record".into(),
                kind: data::DataKind::Resource,
                spec: "record".into(),
                version: Some(3),
                created_at_ms: Some(1_700_000_000_000),
                media_type: "application/json".into(),
                size: 6,
                tags: Vec::new(),
            },
            value: Some(value.into()),
        }
    }

    #[test]
    fn expression_that_is_wrong_on_all_pages_is_an_error() {
        let check = |pages: &[data::QueryPage], expect: bool| {
            let mut sum = QuerySum::default();
            pages.iter().for_each(|page| sum.add(page));
            assert_eq!(sum.fault.is_some() && sum.is_wrong(), expect, "{pages:?}");
        };
        check(&[page(0, 0, 0)], false);
        check(&[page(0, 2, 2), page(0, 1, 1)], true);
        check(&[page(0, 2, 2), page(0, 1, 0)], false);
        check(&[page(1, 3, 2), page(0, 1, 1)], false);
    }

    #[test]
    fn first_fault_is_reported() {
        let mut sum = QuerySum::default();
        sum.add(&page(0, 2, 2));
        sum.add(&page(0, 1, 1));
        let fault = sum.fault.expect("there is a fault");
        let error = DataError::from(fault);
        assert_eq!(error.code(), "invalid-query");
        let text = "the predicate of the query is wrong at 1:7: no such overload, on a page with 2";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn selected_value_is_deserialized_as_the_requested_type() {
        let number = selected::<u8>(found("7")).expect("it fits");
        assert_eq!((number.value, number.info.version), (7, Some(3)));
        let missing = selected::<Option<u8>>(found("null")).expect("it fits");
        assert_eq!(missing.value, None);
        let error = selected::<u8>(found("null")).expect_err("it does not fit");
        assert_eq!(error.code(), "unexpected-content");
    }
}
