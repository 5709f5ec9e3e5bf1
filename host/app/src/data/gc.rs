//! Removes expired versions, and files that nothing refers to.

use std::collections::BTreeMap;

use sedge_api::view::data::{DataCollection, FilesView};
use sedge_model::audit::AuditWord;
use sedge_store::{GcReport, GcRules};

use crate::audit::{ON_DATASTORE, audit_note};
use crate::cx::Cx;
use crate::data::prune::GoneError;
use crate::data::view::deleted_views;
use crate::error::{AppError, count};
use crate::repository::MODELS_FOLDER;
use crate::structure::{locked, whole};

/// Options of a collection.
#[derive(Debug, Clone, Copy, Default)]
pub struct DataGcRequest {
    /// Whether to report only what would be removed.
    pub dry_run: bool,
    /// Whether the latest version of a name is removed too, if it is expired.
    pub with_latest: bool,
}

/// Removes the versions that are expired or exceed the number to keep, and returns them.
///
/// Except in a dry run, the collection locks the whole datastore. The current definition of a model
/// decides, even if another one applied when the data was written.
///
/// # Errors
/// Returns an error if the folder of definitions is missing although there is data, if a definition
/// is invalid, or if calls did not end before the deadline. Nothing was removed then.
pub async fn data_gc(cx: &Cx, request: DataGcRequest) -> Result<DataCollection, AppError> {
    // Without the definitions, this would remove data that they retain.
    if !cx.repository.folder().has(MODELS_FOLDER)?
        && !cx.repository.store()?.data_models()?.is_empty()
    {
        return Err(GoneError::FolderMissing.into());
    }
    let mut overrides = BTreeMap::new();
    for (_, definition) in cx.repository.definitions()? {
        let definition = definition?;
        if !definition.retention.is_empty() {
            overrides.insert(definition.name, definition.retention);
        }
    }
    let rules = GcRules {
        now_ms: cx.clock.now().0,
        overrides,
        with_latest: request.with_latest,
    };
    if request.dry_run {
        return Ok(collection(
            true,
            &cx.repository.store()?.data_gc_plan(&rules)?,
        ));
    }
    let held = locked(cx, "data gc", &whole()).await?;
    let collected = cx.repository.store()?.data_gc(&held.permit, &rules)?;
    let n_versions = collected.deleted.iter().map(|it| it.n_versions).sum();
    if n_versions > 0 || collected.files.0 > 0 {
        let (versions, files) = (
            count(n_versions, "version"),
            count(collected.files.0, "file"),
        );
        let names = count(collected.deleted.len() as u64, "name");
        let detail = Some(format!("{versions} of {names}, {files}"));
        audit_note(cx, AuditWord::DataCollected, ON_DATASTORE, detail)?;
    }
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
