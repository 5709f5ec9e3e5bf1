//! Replaces the content of the datastore by that of a backup.

use std::path::PathBuf;

use sedge_api::view::datastore::BackupRestored;
use sedge_model::audit::AuditWord;
use sedge_sys::input::Input;

use crate::audit::{ON_DATASTORE, audit_note};
use crate::cx::Cx;
use crate::error::{AppError, DatastoreError};
use crate::events::Event;
use crate::structure::{in_background, locked, whole};
use crate::views::time;

/// The backup to restore.
#[derive(Debug, Clone)]
pub struct DatastoreRestoreRequest {
    /// The path of the backup; if `None`, the backup is read from stdin.
    pub from: Option<PathBuf>,
    /// Whether existing data and runs are replaced.
    pub replace: bool,
}

/// Restores the datastore to the state of a backup. The files of the repository are not part of the
/// backup, and are unchanged.
///
/// # Errors
/// Returns an error if the file is not a valid backup, if the datastore is not empty and not to be
/// replaced, or if calls did not end before the deadline. Nothing was changed then.
pub async fn datastore_restore(
    cx: &Cx,
    request: &DatastoreRestoreRequest,
) -> Result<BackupRestored, AppError> {
    let from = match &request.from {
        Some(path) => Input::named(path)?,
        None => Input::stdin()?,
    };
    let held = locked(cx, "datastore restore", &whole()).await?;
    if !request.replace && !cx.repository.store()?.is_empty()? {
        return Err(AppError::from(DatastoreError::NotEmpty));
    }
    let progress_cx = cx.clone();
    let progress = move |done, of| {
        progress_cx.event(Event::Progress {
            done,
            of,
            unit: "byte",
        });
    };
    let cx = cx.clone();
    in_background(move |stop| {
        // The whole value is moved into the closure, so that the lock is held until the work has
        // ended.
        let held = held;
        let store = cx.repository.store()?;
        let report = store.restore(&held.permit, from, stop, progress)?;
        let made = time(report.created_at);
        let (what, detail) = (
            AuditWord::DatastoreRestored,
            format!("the backup of {made}"),
        );
        audit_note(&cx, what, ON_DATASTORE, Some(detail))?;
        Ok(BackupRestored {
            created_at: made,
            versions: report.n_versions,
            runs: report.n_runs,
            files: report.n_files,
        })
    })
    .await
}
