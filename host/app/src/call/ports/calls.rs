//! Runs the nested calls of a call, or answers them from the record of earlier attempts.

use std::sync::Arc;

use sedge_model::call::{CallError, Outcome};
use sedge_runtime::{
    BoxFuture, CalleeError, CallsPort, EndedByHost, HostError, RequestFault, RolledBack,
};
use serde_json::Value;

use super::CallPorts;
use crate::call::fault::{AttemptFault, carried};
use crate::call::record::arguments_recorded;
use crate::call::replay::{CallReplay, NestedRequest, Recalled};
use crate::call::{CallFault, CallRequest, CallTerms, Caller, nested_run, retry_differs};
use crate::run::cx::RunCx;

/// The maximum number of characters of refused arguments that a message repeats.
///
/// The guest chooses the arguments, and the message is stored with the call.
const ARGUMENTS_CHARS_SHOWN: usize = 200;

type Ended = Result<Outcome, RequestFault<CalleeError>>;

impl CallsPort for CallPorts {
    fn call(
        &self,
        ordinal: u32,
        target: String,
        method: String,
        arguments: Value,
    ) -> BoxFuture<Ended> {
        if let Err(denial) = self.touched(&target, "call") {
            let reason = denial.to_string();
            let refused = CalleeError::refused(CallError::Denied { reason });
            return Box::pin(async { Err(RequestFault::Guest(refused)) });
        }
        if let Err(reason) = self.hidden_check(&arguments) {
            let refused = CalleeError::refused(CallError::Denied { reason });
            return Box::pin(async { Err(RequestFault::Guest(refused)) });
        }
        let request = CallRequest {
            frame: self.caller.frame.callee(ordinal),
            step: self.identity().step.clone(),
            target,
            method,
            arguments,
            replay: None,
            terms: CallTerms {
                labels: self.writes.labels_nested(),
                ..CallTerms::default()
            },
        };
        let (cx, caller) = (Arc::clone(&self.cx), Arc::clone(&self.caller));
        let replay = Arc::clone(&self.replay);
        Box::pin(async move { called(&cx, &caller, &replay, request).await })
    }
}

impl CallPorts {
    /// Checks that the arguments of a nested call contain no secret and no sealed field. The callee must
    /// not receive such a value only because this call has seen it, and must not mistake a text in its
    /// place for the value. It receives a sensitive input of the run, as each method of the run does to
    /// which a step or a method hands it.
    ///
    /// # Errors
    /// They contain one. The error is the message.
    fn hidden_check(&self, arguments: &Value) -> Result<(), String> {
        let mut shown = self.redactor().passed(arguments);
        if shown == *arguments {
            return Ok(());
        }
        self.redactor().value(&mut shown);
        let mut text = shown.to_string();
        if let Some((end, _)) = text.char_indices().nth(ARGUMENTS_CHARS_SHOWN) {
            text.truncate(end);
            text.push('…');
        }
        Err(format!(
            "the arguments contain a secret or a sealed field, which a method cannot pass to \
             another one: `{text}`; let the definition of the called model refer to \
             the secret instead"
        ))
    }
}

/// Makes a nested call of `caller`, unless the record answers it.
async fn called(
    cx: &Arc<RunCx>,
    caller: &Caller,
    replay: &CallReplay,
    mut request: CallRequest,
) -> Ended {
    match recall(cx, replay, &request).await {
        Recalled::Ended(ended) => {
            return ended.map_err(|error| RequestFault::Guest(CalleeError::failed(error)));
        }
        Recalled::Differs(difference) => {
            let error = retry_differs(&caller.frame, difference);
            return Err(RequestFault::Host(HostError::new(EndedByHost(error))));
        }
        Recalled::CutOff(below) => request.replay = Some(below),
        Recalled::Diverged => {
            let (call, target) = (request.frame.lineage(), &request.target);
            tracing::warn!(%call, %target, "the replay diverged, continuing live");
        }
        Recalled::Nothing => {}
    }
    let ended = nested_run(cx, request, Some(caller)).await;
    ended.map_err(|fault| match fault {
        // The caller stops as well, whatever it would do with the error.
        AttemptFault::Fault(CallFault::Refused(error) | CallFault::Failed(error))
            if cx.stop.reason().is_some() && is_of_stop(&error) =>
        {
            RequestFault::Host(HostError::new(EndedByHost(error)))
        }
        AttemptFault::RolledBack => RequestFault::Host(HostError::new(RolledBack)),
        AttemptFault::Fault(CallFault::Refused(error)) => {
            RequestFault::Guest(CalleeError::refused(error))
        }
        AttemptFault::Fault(CallFault::Failed(error)) => {
            RequestFault::Guest(CalleeError::failed(error))
        }
        AttemptFault::Fault(CallFault::App(error)) => RequestFault::Host(carried(error)),
    })
}

/// Returns whether a call has this error if its run stops.
fn is_of_stop(error: &CallError) -> bool {
    matches!(error, CallError::Cancelled | CallError::TimedOut { .. })
}

/// Looks up a nested call in the record of earlier attempts.
async fn recall(cx: &Arc<RunCx>, replay: &CallReplay, request: &CallRequest) -> Recalled {
    if !replay.is_needed() {
        return Recalled::Nothing;
    }
    // ignored: a model that cannot be loaded hides no arguments, and the call itself fails with
    // this error if the record has no answer.
    let model = cx.model(&request.target).await.ok();
    // The replay compares the arguments in the form in which they are recorded.
    let arguments = arguments_recorded(cx, model.as_deref(), request);
    let requested = NestedRequest {
        target: &request.target,
        method: &request.method,
        arguments: &arguments,
    };
    // The last ordinal of the frame is the one that the guest's call was given.
    match request.frame.lineage().ordinal() {
        Some(ordinal) => replay.recall(ordinal, &requested),
        None => Recalled::Nothing,
    }
}
