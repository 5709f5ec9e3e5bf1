//! Puts the content of a backup in place of what the datastore has.

use std::path::PathBuf;
use std::sync::Arc;

use sedge_api::view::datastore::BackupRestored;
use sedge_sys::input::Input;

use crate::error::{AppError, DatastoreError};
use crate::events::{Event, Events};
use crate::repository::Repository;
use crate::structure::{in_background, locked, whole};
use crate::views::time;

/// What is to be restored.
#[derive(Debug, Clone)]
pub struct Request {
    /// The backup, by any path; what comes on stdin if there is none.
    pub from: Option<PathBuf>,
    /// Whether it may take the place of data and runs that are there.
    pub replace: bool,
}

/// Makes the datastore what it was when a backup was made. The repository's files are not in
/// it, and stay as they are.
///
/// # Errors
/// The file is no sound backup, the datastore is not empty and not to be replaced, or calls
/// did not end in time; then nothing was changed.
pub async fn datastore_restore(
    repository: &Arc<Repository>,
    request: &Request,
    events: Arc<dyn Events>,
) -> Result<BackupRestored, AppError> {
    let told = Arc::clone(&events);
    let from = match &request.from {
        Some(path) => Input::named(path)?,
        None => Input::stdin()?,
    };
    let held = locked(repository, "datastore restore", &whole(), events).await?;
    if !request.replace && !repository.store()?.is_empty()? {
        return Err(AppError::from(DatastoreError::NotEmpty));
    }
    let progress = move |done, of| {
        told.event(Event::Progress {
            done,
            of,
            unit: "byte",
        });
    };
    let repository = Arc::clone(repository);
    in_background(move |stop| {
        // All of it, so that the lock is kept until the work has ended.
        let held = held;
        let store = repository.store()?;
        let report = store.restore(&held.permit, from, stop, progress)?;
        Ok(BackupRestored {
            created_at: time(report.created_at),
            versions: report.n_versions,
            runs: report.n_runs,
            files: report.n_files,
        })
    })
    .await
}
