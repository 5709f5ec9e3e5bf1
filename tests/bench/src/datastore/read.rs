//! Reads from small and large datastores, in turns.

use std::sync::Arc;
use std::time::Instant;

use crate::repository::cx_of;
use sedge_app::data::query::{DataQueryRequest, data_query};
use sedge_app::{AppError, Repository};
use sedge_lang::query::Selection;
use sedge_model::names::{DataName, ModelName};
use sedge_store::{Scan, Store, StoreError};
use sedge_sys::folder::Folder;

use super::fill::{N_MODELS, N_NAMES, TAG, TAGGED};
use super::subjects::{
    LATEST, MODELS, NAMES, PAGE, QUERY_CONTENT, QUERY_NAME, QUERY_TAG, Scale, VERSION,
};
use super::{Filled, store_folder};
use crate::figures::Figures;
use crate::{Effort, Result};

/// How often an operation of microseconds is repeated for a sample, which is the mean.
const BATCH: u32 = 20;

/// The number of versions on a page.
const N_PAGE: usize = 100;

pub(super) fn measure(filled: &Filled, effort: Effort, figures: &mut Figures) -> Result<()> {
    let mut readers = Vec::new();
    for (n, repository) in &filled.many {
        readers.push(Reader {
            n_versions: *n,
            store: Store::open(&Folder::open(&store_folder(repository))?)?,
            repository: repository.open()?,
            n_looked_up: 0,
        });
    }
    for _ in 0..effort.n_rounds {
        for _ in 0..effort.n_samples {
            for reader in &mut readers {
                reader.one(figures)?;
                reader.lists(figures)?;
                reader.queries(figures)?;
            }
        }
        for reader in &readers {
            let since = Instant::now();
            reader.store.data_models()?;
            figures.lap(MODELS.of(reader.n_versions), since);
        }
    }
    Ok(())
}

struct Reader {
    n_versions: u64,
    store: Store,
    repository: Arc<Repository>,
    n_looked_up: u64,
}

impl Reader {
    /// Reads single versions with their content, spread over the whole datastore.
    fn one(&mut self, figures: &mut Figures) -> Result<()> {
        let n_each = self.n_versions / (N_MODELS * N_NAMES);
        for (subject, by_number) in [(LATEST, false), (VERSION, true)] {
            let mut wanted = Vec::new();
            for _ in 0..BATCH {
                self.n_looked_up += 1;
                let spread = self.n_looked_up * 7919;
                let version = by_number.then_some(1 + spread % n_each);
                wanted.push((key(spread)?, version));
            }
            let since = Instant::now();
            for ((model, name), version) in &wanted {
                let found = self.store.data_open(model, name, *version)?;
                found.ok_or("a version is missing")?.1.read_all()?;
            }
            figures.add(subject.of(self.n_versions), since.elapsed() / BATCH);
        }
        Ok(())
    }

    fn lists(&self, figures: &mut Figures) -> Result<()> {
        let of_name = Selection {
            model: Some("m7".to_owned()),
            name: Some("n50".to_owned()),
            ..Selection::default()
        };
        let latest = Selection {
            latest: Some(true),
            ..Selection::default()
        };
        self.scan(PAGE, &of_name, N_PAGE, figures)?;
        self.scan(NAMES, &latest, usize::MAX, figures)
    }

    fn scan(
        &self,
        subject: Scale,
        selection: &Selection,
        n_max: usize,
        figures: &mut Figures,
    ) -> Result<()> {
        let mut n = 0;
        let since = Instant::now();
        self.store.data_scan::<StoreError>(selection, |_| {
            n += 1;
            Ok(if n < n_max { Scan::More } else { Scan::Enough })
        })?;
        figures.lap(subject.of(self.n_versions), since);
        Ok(())
    }

    fn queries(&self, figures: &mut Figures) -> Result<()> {
        let (key, value) = TAG;
        self.query(QUERY_NAME, r#"model == "m7" && name == "n3""#, 1, figures)?;
        let by_tag = format!("tags.{key} == \"{value}\"");
        self.query(QUERY_TAG, &by_tag, N_MODELS, figures)?;
        self.query(QUERY_CONTENT, "attributes.n == 5", 1, figures)
    }

    fn query(
        &self,
        subject: Scale,
        predicate: &str,
        n_expected: u64,
        figures: &mut Figures,
    ) -> Result<()> {
        let request = DataQueryRequest {
            predicate: predicate.to_owned(),
            select: None,
            since: None,
            all_versions: false,
        };
        let mut n = 0;
        let since = Instant::now();
        data_query::<AppError>(&cx_of(&self.repository), &request, |_| {
            n += 1;
            Ok(Scan::More)
        })?;
        figures.lap(subject.of(self.n_versions), since);
        if n != n_expected {
            return Err(format!("`{predicate}` found {n} versions").into());
        }
        Ok(())
    }
}

/// Returns one of the names that have versions.
fn key(at: u64) -> Result<(ModelName, DataName)> {
    let (model, name) = (at % N_MODELS, at / N_MODELS % N_NAMES);
    Ok((format!("m{model}").parse()?, format!("n{name}").parse()?))
}

const _: () = assert!(TAGGED < N_NAMES, "each model has a name with a tag");
