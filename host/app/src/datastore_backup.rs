//! Copies the whole datastore to one file.

use std::path::PathBuf;
use std::sync::Arc;

use sedge_api::view::datastore::BackupMade;
use sedge_store::Medium;

use crate::data_get::named_file;
use crate::error::{AppError, PathError};
use crate::events::{Event, Events};
use crate::repository::Repository;
use crate::structure::{in_background, locked, whole_to_read};

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Request {
    /// The file.
    pub to: PathBuf,
    /// Whether it may take the place of one that is there.
    pub replace: bool,
}

/// Writes a backup of the datastore as it is at one moment, while calls go on; only what
/// removes data waits until it is done. What killed backups to the same file left is removed.
///
/// # Errors
/// There is such a file and it is not to be replaced, it is inside the folder of run-time state,
/// it cannot be written, or the datastore is damaged; then there is no new one.
pub async fn datastore_backup(
    repository: &Arc<Repository>,
    request: &Request,
    events: Arc<dyn Events>,
) -> Result<BackupMade, AppError> {
    let (folder, name) = named_file(&request.to)?;
    // Beside what it is a copy of, it would be lost together with that, and it could take the
    // place of the database itself.
    repository.outside_of_state(&folder, &request.to)?;
    if !request.replace && folder.has(&name)? {
        return Err(AppError::from(PathError::Exists(request.to.clone())));
    }
    let told = Arc::clone(&events);
    let held = locked(repository, "datastore backup", &whole_to_read(), events).await?;
    let progress = move |done, of| {
        told.event(Event::Progress {
            done,
            of: Some(of),
            unit: "byte",
        });
    };
    let repository = Arc::clone(repository);
    let file = request.to.to_string_lossy().into_owned();
    in_background(move |stop| {
        let _held = held;
        folder.leftovers_remove(&name)?;
        let medium = Medium::new(&folder)?;
        let store = repository.store()?;
        let report = store.backup(&medium, &name, stop, progress)?;
        Ok(BackupMade {
            file,
            bytes: report.n_bytes,
            versions: report.n_versions,
            files: report.n_files,
        })
    })
    .await
}
