//! The interface `secrets`: handles of secrets, by which they can be sent without being seen.

use std::sync::{MutexGuard, PoisonError};

use sedge_model::names::SecretName;
use sedge_model::permission::effective::Use;
use wasmtime::component::Resource;

use crate::bindings::sedge::model::secrets::{Host, HostSecret, SecretError};
use crate::call::CallState;
use crate::handed::{Form, Handed, Secret};

/// A guest's handle of a secret.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct SecretHandle {
    at: usize,
}

impl CallState {
    fn handed(&mut self) -> wasmtime::Result<MutexGuard<'_, Handed>> {
        let handed = self.running()?.handed.lock();
        Ok(handed.unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns where a secret is among those that the call was handed, and hands it over first
    /// if it was not yet.
    fn secret(&mut self, name: &str) -> wasmtime::Result<Result<usize, SecretError>> {
        let missing = || {
            SecretError::Missing(format!(
                "there is no secret `{name}`; put it: `sedge secret put {name}`"
            ))
        };
        let Ok(name) = name.parse::<SecretName>() else {
            return Ok(Err(SecretError::Missing(
                "there is no secret of this name, and there can be none".to_owned(),
            )));
        };
        let usage = match self.running()?.surroundings.permissions.secret(&name) {
            Ok(usage) => usage,
            Err(denial) => return Ok(Err(SecretError::Denied(self.denied(&denial)))),
        };
        if let Some(at) = self.handed()?.find(&name) {
            return Ok(Ok(at));
        }
        let value = if usage.is_nothing() {
            None
        } else {
            let Some(value) = self.outside.secret(&name)? else {
                return Ok(Err(missing()));
            };
            Some(value)
        };
        let secret = Secret { name, value, usage };
        Ok(Ok(self.handed()?.hand(secret)))
    }

    fn placeholder_of(
        &mut self,
        handle: &Resource<SecretHandle>,
        form: Form,
    ) -> wasmtime::Result<String> {
        let at = self.table.get(handle)?.at;
        Ok(self.handed()?.placeholder(at, form)?)
    }
}

impl Host for CallState {
    async fn get(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<SecretHandle>, SecretError>> {
        self.asked(name.len())?;
        Ok(match self.secret(&name)? {
            Ok(at) => Ok(self.table.push(SecretHandle { at })?),
            Err(error) => Err(error),
        })
    }
}

impl HostSecret for CallState {
    async fn placeholder(&mut self, handle: Resource<SecretHandle>) -> wasmtime::Result<String> {
        self.asked(0)?;
        self.placeholder_of(&handle, Form::Plain)
    }

    async fn basic(
        &mut self,
        handle: Resource<SecretHandle>,
        user: String,
    ) -> wasmtime::Result<String> {
        self.asked(user.len())?;
        self.placeholder_of(&handle, Form::Basic { user })
    }

    async fn reveal(
        &mut self,
        handle: Resource<SecretHandle>,
    ) -> wasmtime::Result<Result<Vec<u8>, String>> {
        let at = self.table.get(&handle)?.at;
        let (name, value) = {
            let handed = self.handed()?;
            let secret = handed.secret(at);
            let value = secret.value.as_ref().filter(|_| secret.usage.reveal);
            let value = value.map(|value| value.expose().to_vec());
            (secret.name.clone(), value)
        };
        self.asked(value.as_ref().map_or(0, Vec::len))?;
        let Some(value) = value else {
            let denial = self
                .running()?
                .surroundings
                .permissions
                .secret_denied(&name, None);
            return Ok(Err(self.denied(&denial)));
        };
        let uses = &self.running()?.surroundings.uses;
        uses.mark(&Use::SecretShown(&name));
        Ok(Ok(value))
    }

    async fn drop(&mut self, handle: Resource<SecretHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
