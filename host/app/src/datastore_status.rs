//! Says how the datastore is.

use sedge_locks::session;
use sedge_store::{RunningCall, Status};

use crate::error::AppError;
use crate::repository::Repository;

/// How the datastore is.
#[derive(Debug, Clone)]
pub struct Report {
    /// Sizes and counts.
    pub status: Status,
    /// The call that has been running longest, of those whose process is alive.
    pub oldest: Option<RunningCall>,
    /// How many calls are running.
    pub n_running: usize,
    /// How many calls lost their process.
    pub n_interrupted: usize,
}

/// Returns sizes and counts. Needs no lock.
///
/// # Errors
/// The datastore cannot be read.
pub fn datastore_status(repository: &Repository) -> Result<Report, AppError> {
    let status = repository.store()?.status()?;
    let locks = repository.state_folder("locks")?;
    let mut running = Vec::new();
    for call in &status.running {
        // What is no number of a session is none that could be alive.
        let is_alive = match call.session.parse() {
            Ok(id) => session::is_alive(&locks, id)?,
            Err(_) => false,
        };
        if is_alive {
            running.push(call.clone());
        }
    }
    Ok(Report {
        n_running: running.len(),
        n_interrupted: status.running.len() - running.len(),
        oldest: running.into_iter().next(),
        status,
    })
}
