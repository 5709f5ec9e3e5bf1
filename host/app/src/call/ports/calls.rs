//! Runs the nested calls of a call, or answers them from the record of interrupted attempts.

use std::sync::{Arc, PoisonError};

use sedge_model::call::{CallError, Outcome};
use sedge_runtime::{BoxFuture, CalleeError, CallsPort, Fault};
use serde_json::Value;

use super::CallPorts;
use crate::call::fault::carried;
use crate::call::replay::{Asked, Recalled};
use crate::call::{CallFault, CallRequest, call_run};

impl CallsPort for CallPorts {
    fn call(
        &self,
        ordinal: u32,
        target: String,
        method: String,
        mut arguments: Value,
    ) -> BoxFuture<Result<Outcome, Fault<CalleeError>>> {
        // The callee must not receive a secret only because this call has seen it.
        let door = self.door();
        door.arguments(&mut arguments);
        if let Err(denial) = self.touched(&target, "call") {
            let reason = denial.to_string();
            let refused = CalleeError::refused(CallError::Denied { reason });
            return Box::pin(async { Err(Fault::Guest(refused)) });
        }
        // The replay compares the arguments in the form in which they are recorded.
        let mut recorded = arguments.clone();
        door.value(&mut recorded);
        let asked = Asked {
            target: &target,
            method: &method,
            arguments: &recorded,
        };
        let replay = match self.recall(ordinal, &asked) {
            Recalled::Ended(ended) => {
                let ended = ended.map_err(CalleeError::failed);
                return Box::pin(async { ended.map_err(Fault::Guest) });
            }
            Recalled::CutOff(replay) => Some(replay),
            Recalled::Nothing | Recalled::Diverged => None,
        };
        let (cx, caller) = (Arc::clone(&self.cx), Arc::clone(&self.caller));
        let request = CallRequest {
            frame: self.caller.frame.callee(ordinal),
            step: self.identity().step.clone(),
            target,
            method,
            arguments,
            replay,
        };
        Box::pin(async move {
            call_run(&cx, request, Some(&caller))
                .await
                .map_err(|fault| match fault {
                    CallFault::Refused(error) => Fault::Guest(CalleeError::refused(error)),
                    CallFault::Failed(error) => Fault::Guest(CalleeError::failed(error)),
                    CallFault::App(error) => Fault::Host(carried(error)),
                })
        })
    }
}

impl CallPorts {
    /// Looks up a nested call in the record of interrupted attempts.
    fn recall(&self, ordinal: u32, asked: &Asked<'_>) -> Recalled {
        let mut replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = replay.as_ref() else {
            return Recalled::Nothing;
        };
        let recalled = known.recall(ordinal, asked);
        if let Recalled::Diverged = recalled {
            let call = self.identity().lineage.child(ordinal);
            tracing::warn!(%call, target = asked.target, "the replay diverged, going on live");
            *replay = None;
        }
        recalled
    }
}
