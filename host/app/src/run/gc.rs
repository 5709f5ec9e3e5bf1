//! Deletes the records of old runs: those that have ended, and those whose process is gone.

use std::sync::Arc;

use sedge_api::view::run::{RunStatusView, RunsRemoved};
use sedge_model::audit::AuditWord;
use sedge_model::lifetime::Span;
use sedge_model::run::{Actor, RunStatus};
use sedge_store::{RunFilter, RunRecord};
use sedge_sys::clock::Timestamp;

use crate::audit::{ON_DATASTORE, audit_note};
use crate::error::{AppError, count};
use crate::events::Events;
use crate::repository::Repository;
use crate::run::cancel::interrupted_end;
use crate::run::view::{run_view, status_view};
use crate::structure::{locked, whole};

/// Deletes the records of runs that ended, or were interrupted, longer ago than `older_than`, with
/// their calls and logs, and returns the runs. The data that they wrote is retained. An unsaved
/// model is deleted if it has no data and no run or call is left of it. With `dry_run`, nothing is
/// deleted. `by` is the user: the log of a run that is resumed meanwhile has no trace of this.
///
/// # Errors
/// Returns an error if calls did not end before the deadline. Nothing was deleted then.
pub async fn run_gc(
    repository: &Arc<Repository>,
    by: &Actor,
    older_than: Span,
    dry_run: bool,
    events: Arc<dyn Events>,
) -> Result<RunsRemoved, AppError> {
    let before = Timestamp::now().0.saturating_sub(older_than.ms());
    let store = repository.store()?;
    let ended = store.runs_ended_before(before)?;
    let interrupted = interrupted_before(repository, before)?;
    let models = store.unsaved_unused(before)?;
    let view = |run: &RunRecord| run_view(run, status_view(run.status));
    let interrupted_view = |run: &RunRecord| run_view(run, RunStatusView::Interrupted);
    let views = ended.iter().map(view);
    let mut runs: Vec<_> = views
        .chain(interrupted.iter().map(interrupted_view))
        .collect();
    runs.sort_by_key(|run| run.started_at);
    let mut removed = RunsRemoved {
        dry_run,
        runs,
        models: models.iter().map(ToString::to_string).collect(),
    };
    if dry_run || removed.runs.is_empty() && models.is_empty() {
        return Ok(removed);
    }
    let held = locked(repository, "run gc", &whole(), events).await?;
    let mut ids: Vec<_> = ended.iter().map(|run| run.id.clone()).collect();
    for run in interrupted {
        // A process may have resumed the run since.
        match interrupted_end(repository, by, &run, "run gc")? {
            true => ids.push(run.id),
            false => removed.runs.retain(|it| it.id != run.id.as_str()),
        }
    }
    let n_deleted = store.runs_delete(&held.permit, &ids)?;
    if n_deleted > 0 {
        let detail = Some(count(n_deleted, "run"));
        audit_note(repository, AuditWord::RunsDeleted, ON_DATASTORE, detail)?;
    }
    // Models may have been used or saved since.
    let models = store.unsaved_unused_delete(&held.permit, before)?;
    removed.models = models.iter().map(ToString::to_string).collect();
    Ok(removed)
}

/// Returns the runs whose process is gone, and in which nothing has happened since `before`.
fn interrupted_before(repository: &Repository, before: u64) -> Result<Vec<RunRecord>, AppError> {
    let store = repository.store()?;
    let filter = RunFilter {
        statuses: vec![RunStatus::Running],
        is_root: true,
        ..RunFilter::default()
    };
    let mut found = Vec::new();
    for run in store.run_list(&filter, usize::MAX)? {
        if repository.run_status(&run)? != RunStatus::Interrupted {
            continue;
        }
        let seq = store.run_seq(&run.id)?;
        let last = store
            .run_events_after(&run.id, seq.saturating_sub(1))?
            .pop();
        let last_at = last.map_or(run.started_at, |last| last.at);
        if last_at.0 < before {
            found.push(run);
        }
    }
    Ok(found)
}
