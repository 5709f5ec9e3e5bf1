//! Lets a plugin describe itself, in a store without any port but a log.

use std::sync::Arc;

use sedge_lang::type_info::TypeInfo;
use sedge_model::call::{CallError, LogLine};
use sedge_sys::clock::{self, Moment};

use super::state::CallState;
use crate::bindings::PluginPre;
use crate::convert;
use crate::engine::Runtime;
use crate::host::{LogPort, Ports};
use crate::lines::LineTable;
use crate::output::GuestOutput;
use crate::plugin::PluginError;
use crate::trap;

/// The maximum memory of a plugin that describes itself, in bytes. The largest known interpreter
/// needs a quarter of it to start.
pub(super) const DESCRIBE_MEMORY_BYTES_MAX: usize = 256 << 20;

/// The maximum size of the log of a plugin that describes itself.
pub(super) const DESCRIBE_LOG_LINES_MAX: u32 = 1000;
pub(super) const DESCRIBE_LOG_BYTES_MAX: usize = 1 << 20;

/// The log of a plugin that describes itself. It passes each line on.
struct DescriptionLog(Arc<dyn Fn(&LogLine) + Send + Sync>);

impl LogPort for DescriptionLog {
    fn logged(&self, line: &mut LogLine) {
        (self.0)(line);
    }
}

/// Lets a plugin describe its type. Fails if it has not ended at `latest`.
pub(crate) async fn describe(
    runtime: &Runtime,
    instance: &PluginPre<CallState>,
    lines: &LineTable,
    logged: Arc<dyn Fn(&LogLine) + Send + Sync>,
    latest: Moment,
) -> Result<TypeInfo, PluginError> {
    let ports = Ports {
        log: Some(Arc::new(DescriptionLog(logged))),
        ..Ports::default()
    };
    let (state, outputs) = CallState::new(DESCRIBE_MEMORY_BYTES_MAX, &runtime.budget, ports, None)?;
    let mut store = runtime.store(state);
    let describe = async {
        let instance = instance.instantiate_async(&mut store).await?;
        instance.sedge_model_model().call_describe(&mut store).await
    };
    let described = clock::until(latest, describe).await;
    outputs.iter().for_each(GuestOutput::finish);
    match described {
        Ok(Ok(info)) => convert::type_info_from_guest(info),
        Ok(Err(error)) => Err(PluginError::Describe(trap::explain(
            &error,
            store.data(),
            lines,
        )?)),
        Err(clock::DeadlinePassed) => Err(PluginError::Describe(CallError::TimedOut {
            after_ms: u64::try_from(runtime.component_limits.describe.as_millis())
                .unwrap_or(u64::MAX),
        })),
    }
}
