//! Gives back the room that is free in the datastore's files.

use std::sync::Arc;

use sedge_api::view::datastore::DatastoreCompacted;

use crate::error::AppError;
use crate::events::Events;
use crate::repository::Repository;
use crate::structure::{locked, whole};

/// Writes the database anew, without what is free in it. It has the whole datastore to itself
/// meanwhile; with `dry_run` it only says what that would give back.
///
/// # Errors
/// Calls did not end in time, or there is no room for the copy; then nothing was changed.
pub async fn datastore_compact(
    repository: &Arc<Repository>,
    dry_run: bool,
    events: Arc<dyn Events>,
) -> Result<DatastoreCompacted, AppError> {
    let store = repository.store()?;
    let before = store.status()?;
    let bytes_before = before.n_database_bytes + before.n_log_bytes;
    if dry_run {
        return Ok(DatastoreCompacted {
            dry_run,
            bytes_before,
            bytes_after: before.n_database_bytes - before.n_free_bytes,
        });
    }
    let _held = locked(repository, "datastore compact", &whole(), events).await?;
    store.compact()?;
    let after = store.status()?;
    Ok(DatastoreCompacted {
        dry_run,
        bytes_before,
        bytes_after: after.n_database_bytes + after.n_log_bytes,
    })
}
