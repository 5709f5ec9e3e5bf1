//! Reports the status of the datastore.

use sedge_api::view::datastore::DatastoreStatusView;
use sedge_locks::session;

use crate::cx::Cx;
use crate::datastore::view::running_call_view;
use crate::error::AppError;

/// Returns the sizes and counts of the datastore. This needs no lock.
///
/// # Errors
/// Returns an error if the datastore cannot be read.
pub fn datastore_status(cx: &Cx) -> Result<DatastoreStatusView, AppError> {
    let status = cx.repository.store()?.status()?;
    let locks = cx.repository.state_folder("locks")?;
    let mut running = Vec::new();
    for call in &status.running {
        // A text that is not a session number names no session that could be alive.
        let is_alive = match call.session.parse() {
            Ok(id) => session::is_alive(&locks, id)?,
            Err(_) => false,
        };
        if is_alive {
            running.push(call.clone());
        }
    }
    Ok(DatastoreStatusView {
        folder: status.folder.to_string_lossy().into_owned(),
        engine: status.engine,
        schema: status.schema,
        database_bytes: status.n_database_bytes,
        free_bytes: status.n_free_bytes,
        log_bytes: status.n_log_bytes,
        files: status.n_files,
        file_bytes: status.n_file_bytes,
        unfinished_files: status.n_unfinished,
        runs: status.n_runs,
        calls: status.n_calls,
        log_lines: status.n_log_lines,
        names: status.n_names,
        versions: status.n_versions,
        running_calls: running.len() as u64,
        interrupted_calls: (status.running.len() - running.len()) as u64,
        oldest_running_call: running
            .first()
            .map(|call| running_call_view(call, cx.clock.now())),
    })
}
