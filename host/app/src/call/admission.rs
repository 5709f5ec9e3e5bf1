//! Admission: which calls wait until the process has room for them.

use super::frame::CallFrame;
use crate::error::AppError;
use crate::run::cx::{ReadyModel, RunCx};

/// Waits until the process has room for a call that has no caller and holds no lock.
///
/// Any other call is admitted at once, and is refused if there is no room. If it waited, it could
/// wait for its own callers, or for a call that waits for its locks.
pub(super) async fn wait(
    cx: &RunCx,
    frame: &CallFrame,
    model: &ReadyModel,
) -> Result<(), AppError> {
    if frame.is_below_locks() || cx.locks.joined().is_some() {
        return Ok(());
    }
    let n_folders = model.permissions.folders().len();
    let runtime = cx.repository.runtime()?;
    let memory_bytes = usize::try_from(model.limits.memory_bytes).unwrap_or(usize::MAX);
    let admitted = runtime.admitted(&model.plugin, memory_bytes, n_folders);
    frame.admit(admitted.await);
    Ok(())
}
