//! The interface `context`: tells a call who it is.

use crate::bindings::sedge::model::context::{Host, Identity};
use crate::call::CallState;

impl Host for CallState {
    async fn who(&mut self) -> wasmtime::Result<Identity> {
        let running = self.running()?;
        Ok(Identity {
            model: running.identity.model.to_string(),
            type_: running.plugin.type_info().name.to_string(),
            method: running.identity.method.to_string(),
            run: running.identity.lineage.run().to_string(),
            call: running.identity.lineage.to_string(),
            step: running.identity.step.as_ref().map(ToString::to_string),
        })
    }

    async fn deadline_left_ms(&mut self) -> wasmtime::Result<u64> {
        let left = self.running()?.deadline.left();
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }
}
