//! What a plugin computes without any permission: it describes itself, upgrades arguments, and makes
//! reports.

use std::sync::Arc;

use sedge_model::call::{CallError, LogLine};
use sedge_sys::clock::DeadlinePassed;
use wasmtime::Store;

use super::state::CallState;
use crate::engine::Runtime;
use crate::host::{HostError, LogPort, Ports};
use crate::lines::LineTable;
use crate::trap;

/// The maximum memory of such a guest, in bytes. The largest known interpreter needs a quarter of it
/// to start.
pub(crate) const PURE_MEMORY_BYTES_MAX: usize = 256 << 20;

/// The maximum size of the log of such a guest.
pub(super) const PURE_LOG_LINES_MAX: u32 = 1000;
pub(super) const PURE_LOG_BYTES_MAX: usize = 1 << 20;

/// A log that passes each line on and stores none.
struct PassedOn(Arc<dyn Fn(&LogLine) + Send + Sync>);

impl LogPort for PassedOn {
    fn logged(&self, line: &mut LogLine) {
        (self.0)(line);
    }
}

/// Returns the ports of such a guest: only its log, whose lines are passed to `logged`.
pub(super) fn ports(logged: Arc<dyn Fn(&LogLine) + Send + Sync>) -> Ports {
    Ports {
        log: Some(Arc::new(PassedOn(logged))),
        ..Ports::default()
    }
}

impl Runtime {
    /// Returns what such a guest returned, or why it did not return.
    pub(super) fn pure_result<T>(
        &self,
        ended: Result<wasmtime::Result<T>, DeadlinePassed>,
        store: &Store<CallState>,
        lines: &LineTable,
    ) -> Result<Result<T, CallError>, HostError> {
        Ok(match ended {
            Ok(Ok(returned)) => Ok(returned),
            Ok(Err(error)) => Err(trap::explain(&error, store.data(), lines)?),
            Err(DeadlinePassed) => Err(CallError::TimedOut {
                after_ms: u64::try_from(self.component_limits.describe.as_millis())
                    .unwrap_or(u64::MAX),
            }),
        })
    }
}
