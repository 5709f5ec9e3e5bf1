//! Lists runs.

use sedge_model::run::RunStatus;
use sedge_store::{RunFilter, RunRecord};

use crate::error::AppError;
use crate::repository::Repository;

/// Returns the newest runs, newest first, at most `n_max`, and where each stands.
///
/// # Errors
/// The datastore cannot be read.
pub fn run_list(
    repository: &Repository,
    n_max: usize,
) -> Result<Vec<(RunRecord, RunStatus)>, AppError> {
    let runs = repository.store()?.run_list(&RunFilter::default(), n_max)?;
    let mut listed = Vec::with_capacity(runs.len());
    for run in runs {
        let status = repository.run_status(&run)?;
        listed.push((run, status));
    }
    Ok(listed)
}
