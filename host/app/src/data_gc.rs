//! Removes versions that are kept no longer, and files that nothing refers to.

use std::collections::BTreeMap;
use std::sync::Arc;

use sedge_api::view::data::{DataCollection, FilesView};
use sedge_store::{GcReport, GcRules};
use sedge_sys::clock::Timestamp;

use crate::data_prune::GoneError;
use crate::error::AppError;
use crate::events::Events;
use crate::repository::{MODELS_FOLDER, Repository};
use crate::structure::{locked, whole};
use crate::views::data::deleted_views;

/// How to collect.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request {
    /// Whether only to say what would go.
    pub dry_run: bool,
    /// Whether the latest version of a name goes too, if its lifetime is over.
    pub with_latest: bool,
}

/// Removes versions past their lifetime or beyond their number, and returns what went. It has
/// the whole datastore to itself meanwhile, unless it only looks.
///
/// What a model's file says now counts, whatever it said when the data was written.
///
/// # Errors
/// The folder of definitions is missing though there is data, a model's file is at fault, or
/// calls did not end in time; then nothing was removed.
pub async fn data_gc(
    repository: &Arc<Repository>,
    request: Request,
    events: Arc<dyn Events>,
) -> Result<DataCollection, AppError> {
    // Without the definitions, data would go that they say to keep.
    if !repository.folder().has(MODELS_FOLDER)? && !repository.store()?.data_models()?.is_empty() {
        return Err(GoneError::FolderMissing.into());
    }
    let mut overrides = BTreeMap::new();
    for name in repository.model_names()? {
        let definition = repository.definition(name.as_str())?;
        if !definition.retention.is_empty() {
            overrides.insert(name, definition.retention);
        }
    }
    let rules = GcRules {
        now_ms: Timestamp::now().0,
        overrides,
        with_latest: request.with_latest,
    };
    if request.dry_run {
        return Ok(collection(true, &repository.store()?.data_gc_plan(&rules)?));
    }
    let held = locked(repository, "data gc", &whole(), events).await?;
    let collected = repository.store()?.data_gc(&held.permit, &rules)?;
    Ok(collection(false, &collected))
}

fn collection(dry_run: bool, report: &GcReport) -> DataCollection {
    let files = |(count, bytes)| FilesView { count, bytes };
    DataCollection {
        dry_run,
        deleted: deleted_views(&report.deleted),
        files: files(report.files),
        unfinished_files: files(report.unfinished),
        latest_kept: report.n_latest_kept,
    }
}
