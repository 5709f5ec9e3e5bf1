//! What a running call reaches the rest of the house by: nested calls, and data to read.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sedge_model::call::{CallError, LogLine, Outcome};
use sedge_model::names::{DataName, ModelName};
use sedge_runtime::{
    BoxFuture, DataError, Fault, HostError, Identity, Outside, ResourceVersion, VersionInfo,
};
use sedge_store::VersionRecord;
use serde_json::Value;

use super::replay::{Asked, Recalled, Replay};
use super::{CallFault, CallRequest, Caller, call_run};
use crate::error::AppError;
use crate::events::Event;
use crate::run_cx::{ReadyModel, RunCx};

/// One call's view of the house.
pub(super) struct CallOutside {
    cx: Arc<RunCx>,
    model: Arc<ReadyModel>,
    identity: Identity,
    caller: Arc<Caller>,
    replay: Mutex<Option<Replay>>,
}

impl CallOutside {
    pub(super) fn new(
        cx: &Arc<RunCx>,
        model: &Arc<ReadyModel>,
        identity: Identity,
        caller: Caller,
        replay: Option<Replay>,
    ) -> Self {
        Self {
            cx: Arc::clone(cx),
            model: Arc::clone(model),
            identity,
            caller: Arc::new(caller),
            replay: Mutex::new(replay),
        }
    }

    /// Returns why the plugin may not touch a model; none if it may. A model may always
    /// touch itself.
    fn denied(&self, target: &str, touch: &str) -> Option<String> {
        let info = self.model.plugin.type_info();
        let own = self.identity.model.as_str();
        (target != own && !info.asks_for_model(target)).then(|| {
            format!(
                "`{own}` may not {touch} the model `{target}`: its plugin `{}` does not ask for it",
                info.name
            )
        })
    }

    /// Looks a call up in what interrupted attempts had done.
    fn recall(&self, ordinal: u32, asked: &Asked<'_>) -> Recalled {
        let mut replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = replay.as_ref() else {
            return Recalled::Nothing;
        };
        let recalled = known.recall(ordinal, asked);
        if let Recalled::Diverged = recalled {
            let call = self.identity.lineage.child(ordinal);
            tracing::warn!(%call, target = asked.target, "the replay diverged, going on live");
            *replay = None;
        }
        recalled
    }

    fn store_fault(error: impl Into<AppError>) -> HostError {
        Carried::wrap(error.into())
    }
}

impl Outside for CallOutside {
    fn call(
        &self,
        ordinal: u32,
        target: String,
        method: String,
        arguments: Value,
    ) -> BoxFuture<Result<Outcome, Fault<CallError>>> {
        if let Some(reason) = self.denied(&target, "call") {
            return Box::pin(async { Err(Fault::Guest(CallError::Denied { reason })) });
        }
        let asked = Asked {
            target: &target,
            method: &method,
            arguments: &arguments,
        };
        let replay = match self.recall(ordinal, &asked) {
            Recalled::Ended(ended) => {
                return Box::pin(async { ended.map_err(Fault::Guest) });
            }
            Recalled::CutOff(replay) => Some(replay),
            Recalled::Nothing | Recalled::Diverged => None,
        };
        let (cx, caller) = (Arc::clone(&self.cx), Arc::clone(&self.caller));
        let request = CallRequest {
            frame: self.caller.frame.callee(ordinal),
            step: self.identity.step.clone(),
            target,
            method,
            arguments,
            replay,
        };
        Box::pin(async move {
            call_run(&cx, request, Some(&caller))
                .await
                .map_err(|fault| match fault {
                    CallFault::Call(error) => Fault::Guest(error),
                    CallFault::App(error) => Fault::Host(Carried::wrap(error)),
                })
        })
    }

    fn readable(&self, model: &str) -> Result<ModelName, Fault<DataError>> {
        if let Some(reason) = self.denied(model, "read") {
            return Err(Fault::Guest(DataError::Denied(reason)));
        }
        let not_found = || Fault::Guest(DataError::ModelNotFound(model.to_owned()));
        let name: ModelName = model.parse().map_err(|_| not_found())?;
        let exists = name == self.identity.model || self.cx.repository.folder().has(&name.file());
        if exists { Ok(name) } else { Err(not_found()) }
    }

    fn resource(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<ResourceVersion>, HostError> {
        let store = self.cx.repository.store().map_err(Self::store_fault)?;
        let found = store
            .data_get(model, name, version)
            .map_err(Self::store_fault)?;
        Ok(found.map(|found| ResourceVersion {
            spec: found.spec,
            info: version_info(&found.info),
            content: found.content,
        }))
    }

    fn versions(&self, model: &ModelName, name: &DataName) -> Result<Vec<VersionInfo>, HostError> {
        let store = self.cx.repository.store().map_err(Self::store_fault)?;
        let versions = store
            .data_versions(model, name)
            .map_err(Self::store_fault)?;
        Ok(versions.iter().map(version_info).collect())
    }

    fn logged(&self, line: &LogLine) {
        self.cx.event(Event::Logged {
            model: self.identity.model.clone(),
            method: self.identity.method.clone(),
            line: line.clone(),
        });
    }
}

fn version_info(record: &VersionRecord) -> VersionInfo {
    VersionInfo {
        version: record.version,
        created_at_ms: record.created_at.0,
        size: record.size,
    }
}

/// One of our errors on its way up through guests: each of them ends, and the root of the
/// run finds the error as it was.
pub(super) struct Carried(Mutex<Option<AppError>>, String);

impl Carried {
    fn wrap(error: AppError) -> HostError {
        let text = error.to_string();
        HostError::new(Self(Mutex::new(Some(error)), text))
    }

    pub(super) fn take(&self) -> Option<AppError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

impl std::error::Error for Carried {}
