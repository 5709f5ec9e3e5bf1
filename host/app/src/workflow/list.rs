//! Lists workflows.

use sedge_api::view::workflow::WorkflowListed;
use sedge_store::Scan;

use crate::cx::Cx;
use crate::error::AppError;
use crate::repository::faulty::UnreadableFiles;
use crate::workflow::view::workflow_summary;

/// Passes every workflow to `take`, sorted by name, until `take` needs no more: its summary, or the
/// fault in its file.
///
/// # Errors
/// Returns an error if the folder cannot be read; also, at the end of the list, if a file cannot be
/// read. Errors of `take` are passed on.
pub fn workflow_list<E: From<AppError>>(
    cx: &Cx,
    mut take: impl FnMut(WorkflowListed) -> Result<Scan, E>,
) -> Result<(), E> {
    let mut unreadable = UnreadableFiles::default();
    for (file, workflow) in cx.repository.workflows()? {
        let listed = match workflow {
            Ok(workflow) => WorkflowListed::Sound(workflow_summary(&workflow)),
            Err(error) => WorkflowListed::Faulty(unreadable.entry(&file, error)?),
        };
        match take(listed)? {
            Scan::More => {}
            Scan::Enough => break,
        }
    }
    Ok(unreadable.finish().map_err(AppError::from)?)
}
