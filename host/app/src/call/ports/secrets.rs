//! Reads the secrets of a call.

use std::sync::Arc;

use sedge_model::names::SecretName;
use sedge_runtime::{BoxFuture, CallIdentity, HostError, SecretsPort};
use sedge_secrets::SecretValue;

use super::CallPorts;
use crate::call::fault::carried;

impl SecretsPort for CallPorts {
    fn secret(&self, name: SecretName) -> BoxFuture<Result<Option<SecretValue>, HostError>> {
        let CallIdentity {
            model,
            method,
            lineage,
            ..
        } = self.identity();
        let by = format!("{model}.{method}, call {lineage}");
        let cx = Arc::clone(&self.cx);
        Box::pin(async move {
            let fetched = cx.vault.fetch(&cx.repository, &name).await;
            fetched.map_err(carried)?;
            cx.vault.get(&cx.repository, &name, &by).map_err(carried)
        })
    }
}
