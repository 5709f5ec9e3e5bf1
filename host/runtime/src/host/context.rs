//! The interface `context`: the identity of a call, its deadline and cancellation, folders and
//! variables.

use sedge_model::permission::effective::Use;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynPollable, subscribe};

use crate::bindings::sedge::model::context::{Host, Identity};
use crate::call::CallState;
use crate::files::guest_path;
use crate::host::stop::CancellationSignal;

impl Host for CallState {
    async fn who(&mut self) -> wasmtime::Result<Identity> {
        self.count_host_call(0)?;
        let running = self.running()?;
        Ok(Identity {
            model: running.identity.model.to_string(),
            model_id: running.identity.model_id.clone(),
            type_: running.plugin.type_info().name.to_string(),
            type_version: running.plugin.type_info().version.to_string(),
            tags: running.identity.tags.clone().into_iter().collect(),
            method: running.identity.method.to_string(),
            run: running.identity.lineage.run().to_string(),
            call: running.identity.lineage.to_string(),
            step: running.identity.step.as_ref().map(ToString::to_string),
        })
    }

    async fn deadline_left_ms(&mut self) -> wasmtime::Result<u64> {
        self.count_host_call(0)?;
        let left = self.running()?.identity.deadline.left();
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    async fn cancelled(&mut self) -> wasmtime::Result<bool> {
        self.count_host_call(0)?;
        self.running()?;
        Ok(self.is_cancelled())
    }

    async fn subscribe_cancellation(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        self.count_host_call(0)?;
        self.running()?;
        self.grace.set();
        let signal = CancellationSignal(self.ports.stop.clone());
        let signal = self.table.push(signal)?;
        subscribe(&mut self.table, signal)
    }

    async fn folder(&mut self, name: String) -> wasmtime::Result<Result<String, String>> {
        self.count_host_call(name.len())?;
        let permissions = &self.running()?.identity.permissions;
        Ok(match permissions.folder(&name) {
            Ok(folder) => Ok(guest_path(&folder.name)),
            Err(denial) => Err(self.denied(&denial)),
        })
    }

    async fn variable(&mut self, name: String) -> wasmtime::Result<Result<Option<String>, String>> {
        self.count_host_call(name.len())?;
        let running = self.running()?;
        if let Err(denial) = running.identity.permissions.variable(&name) {
            return Ok(Err(self.denied(&denial)));
        }
        running.identity.uses.mark(&Use::Variable(&name));
        let mut variables = running.surroundings.variables.iter();
        let found = variables.find(|(known, _)| *known == name);
        Ok(Ok(found.map(|(_, value)| value.clone())))
    }
}
