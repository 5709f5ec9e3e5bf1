//! Runs the nested calls of a call, or answers them from the record of interrupted attempts.

use std::sync::{Arc, PoisonError};

use sedge_model::call::{CallError, Outcome};
use sedge_runtime::{BoxFuture, CalleeError, CallsPort, RequestFault};
use serde_json::Value;

use super::CallPorts;
use crate::call::fault::carried;
use crate::call::redactor::CallRedactor;
use crate::call::replay::{NestedRequest, Recalled};
use crate::call::{CallFault, CallRequest, call_run};

impl CallsPort for CallPorts {
    fn call(
        &self,
        ordinal: u32,
        target: String,
        method: String,
        mut arguments: Value,
    ) -> BoxFuture<Result<Outcome, RequestFault<CalleeError>>> {
        // The callee must not receive a secret only because this call has seen it.
        self.redactor().arguments(&mut arguments);
        if let Err(denial) = self.touched(&target, "call") {
            let reason = denial.to_string();
            let refused = CalleeError::refused(CallError::Denied { reason });
            return Box::pin(async { Err(RequestFault::Guest(refused)) });
        }
        let requested = NestedRequest {
            target: &target,
            method: &method,
            arguments: &arguments,
        };
        let replay = match self.recall(ordinal, &requested) {
            Recalled::Ended(ended) => {
                let ended = ended.map_err(CalleeError::failed);
                return Box::pin(async { ended.map_err(RequestFault::Guest) });
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
                    CallFault::Refused(error) => RequestFault::Guest(CalleeError::refused(error)),
                    CallFault::Failed(error) => RequestFault::Guest(CalleeError::failed(error)),
                    CallFault::App(error) => RequestFault::Host(carried(error)),
                })
        })
    }
}

impl CallPorts {
    /// Looks up a nested call in the record of interrupted attempts.
    fn recall(&self, ordinal: u32, requested: &NestedRequest<'_>) -> Recalled {
        let mut replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = replay.as_ref() else {
            return Recalled::Nothing;
        };
        // The replay compares the arguments in the form in which they are recorded.
        let mut arguments = requested.arguments.clone();
        CallRedactor::new(&self.cx.vault).value(&mut arguments);
        let recorded = NestedRequest {
            target: requested.target,
            method: requested.method,
            arguments: &arguments,
        };
        let recalled = known.recall(ordinal, &recorded);
        if let Recalled::Diverged = recalled {
            let call = self.identity().lineage.child(ordinal);
            tracing::warn!(%call, target = requested.target, "the replay diverged, continuing live");
            *replay = None;
        }
        recalled
    }
}
