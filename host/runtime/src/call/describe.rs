//! Lets a plugin describe itself, in a store without any port but a log.

use std::sync::Arc;

use sedge_lang::type_info::TypeInfo;
use sedge_model::call::LogLine;
use sedge_sys::clock::{self, Moment};

use super::pure::{PURE_MEMORY_BYTES_MAX, ports};
use super::state::CallState;
use crate::bindings::PluginPre;
use crate::convert;
use crate::engine::Runtime;
use crate::lines::LineTable;
use crate::output::GuestOutput;
use crate::plugin::PluginError;

/// Lets a plugin describe its type. Fails if it has not ended at `latest`.
pub(crate) async fn describe(
    runtime: &Runtime,
    instance: &PluginPre<CallState>,
    lines: &LineTable,
    logged: Arc<dyn Fn(&LogLine) + Send + Sync>,
    latest: Moment,
) -> Result<TypeInfo, PluginError> {
    let ports = ports(logged);
    let (state, outputs) = CallState::new(PURE_MEMORY_BYTES_MAX, &runtime.budget, ports, None)?;
    let mut store = runtime.store(state);
    let describe = async {
        let instance = instance.instantiate_async(&mut store).await?;
        instance.sedge_model_model().call_describe(&mut store).await
    };
    let described = clock::until(latest, describe).await;
    outputs.iter().for_each(GuestOutput::finish);
    match runtime.pure_result(described, &store, lines)? {
        Ok(info) => convert::type_info_from_guest(info),
        Err(error) => Err(PluginError::Describe(error)),
    }
}
