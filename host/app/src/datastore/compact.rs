//! Frees the unused space in the files of the datastore.

use std::sync::Arc;

use sedge_api::view::datastore::DatastoreCompacted;

use crate::error::AppError;
use crate::events::Events;
use crate::repository::Repository;
use crate::structure::{locked, whole};

/// Rewrites the database without its unused space.
///
/// The operation locks the whole datastore. With `dry_run`, it only reports how much space it would
/// free.
///
/// # Errors
/// Returns an error if calls did not end before the deadline, or if there is no space for the copy.
/// Nothing was changed then.
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
