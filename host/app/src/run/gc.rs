//! Deletes the records of old runs: those that have ended, and those whose process is gone.

use sedge_api::view::run::{RunStatusView, RunsRemoved};
use sedge_model::audit::AuditWord;
use sedge_model::lifetime::Span;
use sedge_model::names::RunId;
use sedge_model::run::RunStatus;
use sedge_store::{RunFilter, RunRecord};

use crate::audit::{ON_DATASTORE, audit_entry};
use crate::cx::Cx;
use crate::error::AppError;
use crate::repository::Repository;
use crate::run::cancel::{children_left_end, interrupted_end};
use crate::run::view::{run_view, status_view};
use crate::structure::{locked, whole};

/// Deletes the records of runs that ended, or were interrupted, longer ago than `older_than`, with
/// their calls and logs, and returns the runs. The data that they wrote is retained. An unsaved
/// model is deleted if it has no data and no run or call is left of it. With `dry_run`, nothing is
/// deleted. `by` is the user: the log of a run that is resumed meanwhile has no trace of this.
///
/// # Errors
/// Returns an error if calls did not end before the deadline. Nothing was deleted then.
pub async fn run_gc(cx: &Cx, older_than: Span, dry_run: bool) -> Result<RunsRemoved, AppError> {
    let before = cx.clock.now().0.saturating_sub(older_than.ms());
    let store = cx.repository.store()?;
    let mut ended = Vec::new();
    for run in store.runs_ended_before(before)? {
        if !has_unended_below(&cx.repository, &run.id)? {
            ended.push(run);
        }
    }
    let interrupted = interrupted_before(&cx.repository, before)?;
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
    let by = cx.recorded_actor()?;
    let held = locked(cx, "run gc", &whole()).await?;
    let mut ids: Vec<_> = ended.iter().map(|run| run.id.clone()).collect();
    for run in &ended {
        children_left_end(&cx.repository, &run.id)?;
    }
    for run in interrupted {
        // A process may have resumed the run since.
        match interrupted_end(&cx.repository, &by, &run, "run gc")? {
            true => ids.push(run.id),
            false => removed.runs.retain(|it| it.id != run.id.as_str()),
        }
    }
    store.runs_delete(&held.permit, &ids, &by)?;
    // Models may have been used or saved since.
    let entry = audit_entry(
        cx,
        AuditWord::ModelDeleted,
        ON_DATASTORE,
        Some("unsaved, by `run gc`".to_owned()),
    )?;
    let models = store.unsaved_unused_delete(&held.permit, before, &entry)?;
    removed.models = models.iter().map(ToString::to_string).collect();
    Ok(removed)
}

/// Returns whether a call of a run that has ended, or of a run below it, has started a run that waits
/// for a decision or is in progress. A user may continue it, and its record refers to this one.
fn has_unended_below(repository: &Repository, run: &RunId) -> Result<bool, AppError> {
    let store = repository.store()?;
    let mut pending = vec![run.clone()];
    while let Some(parent) = pending.pop() {
        for called in store.runs_of_calls(&parent)? {
            match repository.run_status(&called.run)? {
                RunStatus::Running | RunStatus::Suspended => return Ok(true),
                RunStatus::Succeeded
                | RunStatus::Failed
                | RunStatus::Cancelled
                | RunStatus::Interrupted => {}
            }
        }
        let children = store.run_children(&parent)?.into_iter();
        pending.extend(children.map(|it| it.id));
    }
    Ok(false)
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
