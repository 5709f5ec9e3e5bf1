//! The interface `context`: the identity of a call, its deadline, folders and variables.

use sedge_model::permission::effective::Use;

use crate::bindings::sedge::model::context::{Host, Identity};
use crate::call::CallState;
use crate::files::guest_path;

impl Host for CallState {
    async fn who(&mut self) -> wasmtime::Result<Identity> {
        self.count_host_call(0)?;
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
        self.count_host_call(0)?;
        let left = self.running()?.identity.deadline.left();
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
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
