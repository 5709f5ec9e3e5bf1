//! Reads the secrets of a call.

use sedge_model::names::SecretName;
use sedge_runtime::{CallIdentity, HostError, SecretsPort};
use sedge_secrets::SecretValue;

use super::CallPorts;
use crate::call::fault::carried;

impl SecretsPort for CallPorts {
    fn secret(&self, name: &SecretName) -> Result<Option<SecretValue>, HostError> {
        let CallIdentity {
            model,
            method,
            lineage,
            ..
        } = self.identity();
        let by = format!("{model}.{method}, call {lineage}");
        let value = self.cx.vault.get(&self.cx.repository, name, &by);
        value.map_err(carried)
    }
}
