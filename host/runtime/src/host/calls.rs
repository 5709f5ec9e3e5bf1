//! The interface `calls`: runs methods of other models, or of this one.
//!
//! A nested call is a call like any other, in a store of its own: see
//! `host/app/src/model_method_run.rs`, which [`crate::host::Outside::call`] leads to.

use sedge_model::call::{CallError, LimitName, Outcome};
use sedge_model::schema::Violation;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use wasmtime::component::Resource;

use crate::bindings::sedge::model::calls::{self, Host, HostPending};
use crate::bindings::sedge::model::types;
use crate::call::{CallState, Running};
use crate::convert;
use crate::host::{BoxFuture, Fault, JSON_BYTES_MAX};
use crate::json;

type Ended = Result<Outcome, Fault<CallError>>;

/// A call that was started. Dropping it cancels the call, if it has not ended.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct Pending {
    outcome: Option<oneshot::Receiver<Ended>>,
    task: AbortHandle,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl CallState {
    /// Returns what only a method may use.
    pub(crate) fn running(&mut self) -> wasmtime::Result<&mut Running> {
        self.running
            .as_mut()
            .ok_or_else(|| wasmtime::format_err!("a description may not use this import"))
    }

    /// Gives the call its ordinal and makes it, or says why it cannot be made. Nothing of
    /// it runs before the future is polled.
    fn nested(
        &mut self,
        target: String,
        method: String,
        arguments: &str,
    ) -> wasmtime::Result<BoxFuture<Ended>> {
        let outside = std::sync::Arc::clone(&self.outside);
        let running = self.running()?;
        if running.n_calls >= running.calls_max {
            let value = u64::from(running.calls_max);
            return Ok(refused(CallError::Limit {
                name: LimitName::CallsPerCall,
                value,
            }));
        }
        running.n_calls += 1;
        Ok(match parse_arguments(arguments) {
            Ok(arguments) => outside.call(running.n_calls, target, method, arguments),
            Err(error) => refused(error),
        })
    }
}

impl Host for CallState {
    async fn call(
        &mut self,
        target: String,
        method: String,
        arguments: String,
    ) -> wasmtime::Result<Result<calls::Outcome, types::CallError>> {
        let call = self.nested(target, method, &arguments)?;
        told(call.await)
    }

    async fn start(
        &mut self,
        target: String,
        method: String,
        arguments: String,
    ) -> wasmtime::Result<Resource<Pending>> {
        let call = self.nested(target, method, &arguments)?;
        let (end, outcome) = oneshot::channel();
        let task = self.running()?.started.spawn(async move {
            // Nobody waits any more if this fails, and the outcome is in the store.
            let _ = end.send(call.await);
        });
        Ok(self.table.push(Pending {
            outcome: Some(outcome),
            task,
        })?)
    }
}

impl HostPending for CallState {
    async fn wait(
        &mut self,
        pending: Resource<Pending>,
    ) -> wasmtime::Result<Result<calls::Outcome, types::CallError>> {
        let outcome = self.table.get_mut(&pending)?.outcome.take();
        let ended = match outcome {
            Some(outcome) => outcome.await,
            None => return Ok(Err(types::CallError::Cancelled)),
        };
        // The sender is gone without a word only if its task panicked.
        told(
            ended.map_err(|_| {
                wasmtime::format_err!("a nested call's task ended without an outcome")
            })?,
        )
    }

    async fn drop(&mut self, pending: Resource<Pending>) -> wasmtime::Result<()> {
        self.table.delete(pending)?;
        Ok(())
    }
}

fn refused(error: CallError) -> BoxFuture<Ended> {
    Box::pin(async { Err(Fault::Guest(error)) })
}

fn parse_arguments(text: &str) -> Result<Value, CallError> {
    if text.len() > JSON_BYTES_MAX {
        return Err(CallError::Limit {
            name: LimitName::JsonBytes,
            value: JSON_BYTES_MAX as u64,
        });
    }
    let violation = |message: String| CallError::InvalidInput {
        violations: vec![Violation {
            path: String::new(),
            message,
        }],
    };
    json::parse(text).map_err(violation)
}

fn told(ended: Ended) -> wasmtime::Result<Result<calls::Outcome, types::CallError>> {
    match ended {
        Ok(outcome) => Ok(Ok(convert::outcome_to_guest(outcome))),
        Err(Fault::Guest(error)) => Ok(Err(convert::call_error_to_guest(error))),
        Err(Fault::Host(error)) => Err(error.into()),
    }
}
