//! Copies the whole datastore to a file.

use std::path::PathBuf;

use sedge_api::view::datastore::BackupMade;
use sedge_store::Medium;

use crate::cx::Cx;
use crate::data::get::named_file;
use crate::error::{AppError, PathError};
use crate::events::Event;
use crate::structure::{in_background, locked, whole_to_read};

/// The backup to write.
#[derive(Debug, Clone)]
pub struct DatastoreBackupRequest {
    /// The archive to write.
    pub to: PathBuf,
    /// Whether an existing file is replaced.
    pub replace: bool,
}

/// Writes a backup of a snapshot of the datastore.
///
/// Calls continue meanwhile; only operations that remove data wait. Files left by backups to the
/// same path that were killed are removed.
///
/// # Errors
/// Returns an error if the file exists and is not to be replaced, if it is inside the folder of
/// run-time state, if it cannot be written, or if the datastore is damaged. There is no new backup
/// then.
pub async fn datastore_backup(
    cx: &Cx,
    request: &DatastoreBackupRequest,
) -> Result<BackupMade, AppError> {
    let (folder, name) = named_file(&request.to)?;
    // A backup inside this folder would be lost together with it, and could overwrite the database.
    cx.repository.outside_of_state(&folder, &request.to)?;
    if !request.replace && folder.has(&name)? {
        return Err(AppError::from(PathError::Exists(request.to.clone())));
    }
    let held = locked(cx, "datastore backup", &whole_to_read()).await?;
    let progress_cx = cx.clone();
    let progress = move |done, of| {
        progress_cx.event(Event::Progress {
            done,
            of: Some(of),
            unit: "byte",
        });
    };
    let cx = cx.clone();
    let file = request.to.to_string_lossy().into_owned();
    in_background(move |stop| {
        let _held = held;
        folder.leftovers_remove(&name)?;
        let medium = Medium::new(&folder)?.with_clock(cx.clock.clone());
        let store = cx.repository.store()?;
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
