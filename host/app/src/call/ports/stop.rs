//! Stops a call whose run stops, after its nested calls have stopped.

use std::sync::Arc;
use std::time::Duration;

use sedge_model::call::CallError;
use sedge_runtime::{BoxFuture, StopPort};
use sedge_sys::clock::{self, Moment};

use super::CallPorts;

/// How long a call that stops waits for its nested calls to stop and to record it.
///
/// They stop by themselves, within their time of grace, so the limit counts only if the machine
/// blocks one of them. Then it is dropped, and a task of its own records it.
const CALLEES_WAIT_MAX: Duration = Duration::from_secs(5);

impl StopPort for CallPorts {
    fn reason(&self) -> Option<CallError> {
        let reason = self.cx.stop.reason()?;
        Some(reason.error(self.identity().begin.elapsed()))
    }

    fn requested(&self) -> BoxFuture<CallError> {
        let cx = Arc::clone(&self.cx);
        let begin = self.identity().begin;
        Box::pin(async move { cx.stop.stopped().await.error(begin.elapsed()) })
    }

    fn callees_ended(&self) -> BoxFuture<()> {
        let frame = Arc::clone(&self.caller.frame);
        Box::pin(async move {
            let latest = Moment::now().after(CALLEES_WAIT_MAX);
            if clock::until(latest, frame.callees_ended()).await.is_err() {
                let call = frame.lineage();
                tracing::warn!(%call, "a nested call did not stop in time, and is dropped");
            }
        })
    }
}
