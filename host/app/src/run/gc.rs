//! Deletes the records of runs that ended long ago.

use std::sync::Arc;

use sedge_api::view::run::RunsRemoved;
use sedge_model::lifetime::Span;
use sedge_sys::clock::Timestamp;

use crate::error::AppError;
use crate::events::Events;
use crate::repository::Repository;
use crate::run::view::run_view;
use crate::structure::{locked, whole};

/// Deletes the records of runs that ended longer ago than `older_than`, with their calls and logs,
/// and returns the runs. The data that they wrote is retained. An unsaved model is deleted if it has
/// no data and no run or call is left of it. With `dry_run`, nothing is deleted.
///
/// # Errors
/// Returns an error if calls did not end before the deadline. Nothing was deleted then.
pub async fn run_gc(
    repository: &Arc<Repository>,
    older_than: Span,
    dry_run: bool,
    events: Arc<dyn Events>,
) -> Result<RunsRemoved, AppError> {
    let before = Timestamp::now().0.saturating_sub(older_than.ms());
    let store = repository.store()?;
    let runs = store.runs_ended_before(before)?;
    let models = store.unsaved_unused(before)?;
    let mut removed = RunsRemoved {
        dry_run,
        runs: runs.iter().map(|run| run_view(run, run.status)).collect(),
        models: models.iter().map(ToString::to_string).collect(),
    };
    if dry_run || runs.is_empty() && models.is_empty() {
        return Ok(removed);
    }
    let held = locked(repository, "run gc", &whole(), events).await?;
    let ids: Vec<_> = runs.iter().map(|run| run.id.clone()).collect();
    store.runs_delete(&held.permit, &ids)?;
    // Models may have been used or saved since.
    let models = store.unsaved_unused_delete(&held.permit, before)?;
    removed.models = models.iter().map(ToString::to_string).collect();
    Ok(removed)
}
