//! Frees the unused space in the files of the datastore.

use sedge_api::view::datastore::DatastoreCompacted;
use sedge_model::audit::AuditWord;

use crate::audit::{ON_DATASTORE, audit_note};
use crate::cx::Cx;
use crate::error::AppError;
use crate::structure::{locked, whole};

/// Rewrites the database without its unused space.
///
/// The operation locks the whole datastore. With `dry_run`, it only reports how much space it would
/// free.
///
/// # Errors
/// Returns an error if calls did not end before the deadline, or if there is no space for the copy.
/// Nothing was changed then.
pub async fn datastore_compact(cx: &Cx, dry_run: bool) -> Result<DatastoreCompacted, AppError> {
    let store = cx.repository.store()?;
    let before = store.status()?;
    let bytes_before = before.n_database_bytes + before.n_log_bytes;
    if dry_run {
        return Ok(DatastoreCompacted {
            dry_run,
            bytes_before,
            bytes_after: before.n_database_bytes - before.n_free_bytes,
        });
    }
    let _held = locked(cx, "datastore compact", &whole()).await?;
    store.compact()?;
    let after = store.status()?;
    let bytes_after = after.n_database_bytes + after.n_log_bytes;
    let detail = Some(format!("{bytes_before} bytes, then {bytes_after} bytes"));
    audit_note(cx, AuditWord::DatastoreCompacted, ON_DATASTORE, detail)?;
    Ok(DatastoreCompacted {
        dry_run,
        bytes_before,
        bytes_after,
    })
}
