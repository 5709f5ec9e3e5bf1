//! Which calls wait until the process has room for them.

use crate::error::AppError;
use crate::frame::Frame;
use crate::run_cx::{ReadyModel, RunCx};

/// Waits until the process has room for a call that has no caller and holds no lock.
///
/// Any other call begins at once, and is refused what there is no room for: its callers, or what
/// waits for its locks, may hold what it would wait for.
pub(super) async fn wait(cx: &RunCx, frame: &Frame, model: &ReadyModel) -> Result<(), AppError> {
    if frame.is_below_locks() || cx.locks.joined().is_some() {
        return Ok(());
    }
    let n_folders = model.permissions.folders().len();
    let runtime = cx.repository.runtime()?;
    let admitted = runtime.admitted(&model.plugin, model.limits.memory_bytes, n_folders);
    frame.admit(admitted.await);
    Ok(())
}
