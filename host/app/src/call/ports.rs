//! What a running call can reach in the host: its ports, one module per interface.

mod calls;
mod commands;
mod data;
mod effects;
mod log;
mod models;
mod page;
mod query;
mod sealed;
mod secrets;
mod stop;
mod workflows;

use std::sync::Arc;

pub(super) use models::ModelsAhead;
use sedge_model::permission::effective::{Denial, Use};
use sedge_runtime::{CallIdentity, HostError, Ports};
use sedge_store::Store;

use super::Caller;
use super::fault::carried;
use super::redactor::CallRedactor;
use super::replay::CallReplay;
use super::runs::CallRuns;
use super::sealed::SealedSeen;
use super::writes::Writes;
use crate::run::cx::{ReadyModel, RunCx};

/// The state that all ports of one call share. It implements each of them.
pub(super) struct CallPorts {
    pub(super) cx: Arc<RunCx>,
    pub(super) model: Arc<ReadyModel>,
    /// The state that the callees of the call inherit from it.
    pub(super) caller: Arc<Caller>,
    pub(super) writes: Arc<Writes>,
    /// What earlier attempts at the same call did.
    pub(super) replay: Arc<CallReplay>,
    /// The runs of workflows that this attempt works on.
    pub(super) runs: Arc<CallRuns>,
    /// The sealed fields that the call has written or read.
    pub(super) sealed: Arc<SealedSeen>,
    /// The models that follow the page that was listed last.
    pub(super) models_ahead: ModelsAhead,
}

impl CallPorts {
    pub(super) fn connect(self) -> Ports {
        let shared = Arc::new(self);
        Ports {
            calls: Some(Arc::clone(&shared) as _),
            commands: Some(Arc::clone(&shared) as _),
            data: Some(Arc::clone(&shared) as _),
            effects: Some(Arc::clone(&shared) as _),
            log: Some(Arc::clone(&shared) as _),
            models: Some(Arc::clone(&shared) as _),
            secrets: Some(Arc::clone(&shared) as _),
            stop: Some(Arc::clone(&shared) as _),
            workflows: Some(shared),
        }
    }

    fn identity(&self) -> &CallIdentity {
        &self.caller.identity
    }

    fn redactor(&self) -> CallRedactor {
        CallRedactor::with_sealed(&self.cx.vault, &self.sealed)
    }

    fn store(&self) -> Result<&Store, HostError> {
        self.cx.repository.store().map_err(carried)
    }

    /// Checks that the call may call or read a model, and records that it uses this permission.
    fn touched(&self, target: &str, touch: &str) -> Result<(), Denial> {
        self.identity().permissions.model(target, touch)?;
        self.identity().uses.mark(&Use::Model(target));
        Ok(())
    }
}
