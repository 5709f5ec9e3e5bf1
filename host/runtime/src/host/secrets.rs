//! The interface `secrets`: handles that let a guest send a secret without seeing its value.

use std::sync::{MutexGuard, PoisonError};

use sedge_model::names::SecretName;
use sedge_model::permission::effective::Use;
use sedge_secrets::SecretValue;
use wasmtime::component::Resource;

use crate::bindings::sedge::model::secrets::{Host, HostSecret, SecretError};
use crate::call::CallState;
use crate::call_secrets::{CallSecrets, Secret, SecretForm};
use crate::host::{BoxFuture, HostError, connected};

/// Reads the secrets of one call.
pub trait SecretsPort: Send + Sync {
    /// Returns the value of a secret that the call may use, and records the use. Returns `None` if
    /// there is no such secret. A program may have to print the value first.
    ///
    /// # Errors
    /// The secret cannot be read.
    fn secret(&self, name: SecretName) -> BoxFuture<Result<Option<SecretValue>, HostError>>;
}

/// A guest's handle of a secret.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct SecretHandle {
    at: usize,
}

impl CallState {
    fn secrets(&mut self) -> wasmtime::Result<MutexGuard<'_, CallSecrets>> {
        let secrets = self.running()?.secrets.lock();
        Ok(secrets.unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the index of a secret among those of the call. Adds it if this is its first use.
    async fn secret(&mut self, name: &str) -> wasmtime::Result<Result<usize, SecretError>> {
        let Ok(name) = name.parse::<SecretName>() else {
            return Ok(Err(SecretError::Missing(
                "there is no secret of this name, and there can be none".to_owned(),
            )));
        };
        let usage = match self.running()?.identity.permissions.secret(&name) {
            Ok(usage) => usage,
            Err(denial) => return Ok(Err(SecretError::Denied(self.denied(&denial)))),
        };
        if let Some(at) = self.secrets()?.find(&name) {
            return Ok(Ok(at));
        }
        let value = if usage.is_nothing() {
            None
        } else {
            let read = connected(self.ports.secrets.as_ref())?.secret(name.clone());
            let Some(value) = read.await? else {
                self.running()?.refusals().secret_missing(&name);
                let message = format!("there is no secret `{name}`");
                return Ok(Err(SecretError::Missing(message)));
            };
            Some(value)
        };
        let secret = Secret { name, value, usage };
        Ok(Ok(self.secrets()?.add(secret)))
    }

    fn placeholder_of(
        &mut self,
        handle: &Resource<SecretHandle>,
        form: SecretForm,
    ) -> wasmtime::Result<String> {
        let at = self.table.get(handle)?.at;
        Ok(self.secrets()?.placeholder(at, form)?)
    }
}

impl Host for CallState {
    async fn get(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<SecretHandle>, SecretError>> {
        self.count_host_call(name.len())?;
        Ok(match self.secret(&name).await? {
            Ok(at) => Ok(self.table.push(SecretHandle { at })?),
            Err(error) => Err(error),
        })
    }
}

impl HostSecret for CallState {
    async fn placeholder(&mut self, handle: Resource<SecretHandle>) -> wasmtime::Result<String> {
        self.count_host_call(0)?;
        self.placeholder_of(&handle, SecretForm::Plain)
    }

    async fn basic(
        &mut self,
        handle: Resource<SecretHandle>,
        user: String,
    ) -> wasmtime::Result<String> {
        self.count_host_call(user.len())?;
        self.placeholder_of(&handle, SecretForm::Basic { user })
    }

    async fn reveal(
        &mut self,
        handle: Resource<SecretHandle>,
    ) -> wasmtime::Result<Result<Vec<u8>, String>> {
        let at = self.table.get(&handle)?.at;
        let (name, value) = {
            let secrets = self.secrets()?;
            let secret = secrets.secret(at);
            let value = secret.value.as_ref().filter(|_| secret.usage.reveal);
            let value = value.map(|value| value.expose().to_vec());
            (secret.name.clone(), value)
        };
        self.count_host_call(value.as_ref().map_or(0, Vec::len))?;
        let Some(value) = value else {
            let denial = self
                .running()?
                .identity
                .permissions
                .secret_denied(&name, None);
            return Ok(Err(self.denied(&denial)));
        };
        let uses = &self.running()?.identity.uses;
        uses.mark(&Use::SecretShown(&name));
        Ok(Ok(value))
    }

    async fn drop(&mut self, handle: Resource<SecretHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
