//! The interface `calls`: runs methods of other models, or of this one.
//!
//! A nested call is a call like any other, in a store of its own: see
//! `host/app/src/model_method_run.rs`, which [`crate::host::Outside::call`] leads to.

use sedge_model::call::{CallError, LimitName, LogLevel, Outcome};
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
use crate::limits::raise_hint;

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
        self.asked(target.len() + method.len() + arguments.len())?;
        let outside = std::sync::Arc::clone(&self.outside);
        let running = self.running()?;
        if running.n_calls >= running.quotas.calls {
            let value = u64::from(running.quotas.calls);
            return Ok(refused(LimitName::CallsPerCall, value));
        }
        running.n_calls += 1;
        Ok(match parse_arguments(arguments) {
            Ok(arguments) => outside.call(running.n_calls, target, method, arguments),
            Err(error) => Box::pin(async { Err(Fault::Guest(error)) }),
        })
    }

    /// Returns the most calls that may be under way at once, if there are as many.
    fn parallel_reached(&mut self) -> wasmtime::Result<Option<u32>> {
        let running = self.running()?;
        // Those that have ended wait here, too, until somebody looks.
        while running.started.try_join_next().is_some() {}
        let most = running.quotas.parallel_calls;
        Ok((running.started.len() >= most as usize).then_some(most))
    }

    /// Tells people of a limit for which a call was not even made, once for each: a caller
    /// that makes an error of its own of that says nothing of the limit.
    fn limit_note(&mut self, name: LimitName, value: u64) -> wasmtime::Result<()> {
        let is_of_caller = match name {
            LimitName::CallDepth
            | LimitName::CallsPerRun
            | LimitName::CallsPerCall
            | LimitName::ParallelCalls => true,
            LimitName::MemoryBytes
            | LimitName::CpuSeconds
            | LimitName::HostCalls
            | LimitName::HostBytes
            | LimitName::JsonBytes
            | LimitName::StagedBytes
            | LimitName::FileBytes
            | LimitName::OpenFiles
            | LimitName::Handles
            | LimitName::LiveInstances
            | LimitName::ProcessMemory
            | LimitName::ProcessDescriptors => false,
        };
        let running = self.running()?;
        if !is_of_caller || running.limits_told.contains(&name) {
            return Ok(());
        }
        running.limits_told.push(name);
        let place = if name.is_of_repository() {
            "sedge.yaml".to_owned()
        } else {
            running.identity.model.file()
        };
        let hint = name.raised(value).map(|line| raise_hint(&place, &line));
        let message = format!(
            "a call was refused: {}{}",
            CallError::Limit { name, value },
            hint.unwrap_or_default()
        );
        self.log.note(LogLevel::Warn, message);
        Ok(())
    }

    fn told(&mut self, ended: Ended) -> wasmtime::Result<Result<calls::Outcome, types::CallError>> {
        match ended {
            Ok(outcome) => {
                let outcome = convert::outcome_to_guest(outcome);
                self.passed(outcome.value.len())?;
                Ok(Ok(outcome))
            }
            Err(Fault::Guest(error)) => {
                if let CallError::Limit { name, value } = error {
                    self.limit_note(name, value)?;
                }
                Ok(Err(convert::call_error_to_guest(error)))
            }
            Err(Fault::Host(error)) => Err(error.into()),
        }
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
        let ended = call.await;
        self.told(ended)
    }

    async fn start(
        &mut self,
        target: String,
        method: String,
        arguments: String,
    ) -> wasmtime::Result<Resource<Pending>> {
        let call = match self.parallel_reached()? {
            None => self.nested(target, method, &arguments)?,
            Some(most) => {
                // It has its place, so that those behind it have theirs in another attempt.
                self.running()?.n_calls += 1;
                refused(LimitName::ParallelCalls, most.into())
            }
        };
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
        self.asked(0)?;
        let outcome = self.table.get_mut(&pending)?.outcome.take();
        let ended = match outcome {
            Some(outcome) => outcome.await,
            None => return Ok(Err(types::CallError::Cancelled)),
        };
        // The sender is gone without a word only if its task panicked.
        let gone = |_| wasmtime::format_err!("a nested call's task ended without an outcome");
        self.told(ended.map_err(gone)?)
    }

    async fn drop(&mut self, pending: Resource<Pending>) -> wasmtime::Result<()> {
        self.table.delete(pending)?;
        Ok(())
    }
}

fn refused(name: LimitName, value: u64) -> BoxFuture<Ended> {
    Box::pin(async move { Err(Fault::Guest(CallError::Limit { name, value })) })
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
