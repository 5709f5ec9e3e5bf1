//! The interface `calls`: runs methods of other models, or of the same one.
//!
//! A nested call is a call like any other, in a store of its own. [`CallsPort::call`] runs it: see
//! `host/app/src/call/ports/calls.rs`.

use std::sync::Arc;

use sedge_model::call::{CallError, LimitName, LogLevel, Outcome};
use sedge_model::violation::Violation;
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;

use crate::bindings::sedge::model::calls::{self, Host, HostPending};
use crate::bindings::sedge::model::types;
use crate::call::{CallState, Running};
use crate::convert;
use crate::host::{
    BoxFuture, EndedByHost, JSON_BYTES_MAX, RequestFault, connected, not_in_description,
};
use crate::json;
use crate::limits::raise_hint;

/// The limits that refuse a nested call and belong to its caller, whose log notes them then. Any
/// other limit stops the callee, whose own log has it.
const LIMITS_OF_CALLER: [LimitName; 4] = [
    LimitName::CallDepth,
    LimitName::CallsPerRun,
    LimitName::CallsPerCall,
    LimitName::ParallelCalls,
];

/// Runs the nested calls of one call.
pub trait CallsPort: Send + Sync {
    /// Runs the caller's nested call number `ordinal`. Dropping the future cancels it.
    fn call(
        &self,
        ordinal: u32,
        target: String,
        method: String,
        arguments: Value,
    ) -> BoxFuture<Result<Outcome, RequestFault<CalleeError>>>;
}

/// Why a nested call has no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalleeError {
    /// What the caller is given.
    pub error: CallError,
    /// Whether the call had begun, so that it has a record of its own.
    pub has_begun: bool,
}

impl CalleeError {
    /// Returns the error of a call that could not begin.
    #[must_use]
    pub fn refused(error: CallError) -> Self {
        Self {
            error,
            has_begun: false,
        }
    }

    /// Returns the error of a call that had begun.
    #[must_use]
    pub fn failed(error: CallError) -> Self {
        Self {
            error,
            has_begun: true,
        }
    }
}

type Ended = Result<Outcome, RequestFault<CalleeError>>;

/// Which method of which model a guest calls, as it wrote it.
#[derive(Debug, Clone)]
struct Target {
    model: String,
    method: String,
}

/// A nested call that was started. Dropping this handle cancels the call, unless it has ended.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct Pending {
    target: Target,
    state: PendingState,
    /// Set when the call has ended.
    ended: watch::Receiver<bool>,
    task: AbortHandle,
}

/// What a guest can still get of a nested call that was started.
enum PendingState {
    /// The outcome, once there is one.
    Running(oneshot::Receiver<Ended>),
    /// The outcome.
    Ended(Ended),
    /// Nothing: the outcome was returned, or the guest has cancelled the call.
    Over,
}

impl Pending {
    /// Takes the outcome if there is one. The guest has not taken or cancelled it before if this
    /// returns `Running` or `Ended`.
    ///
    /// # Errors
    /// The task of the call panicked.
    fn take(&mut self) -> wasmtime::Result<PendingState> {
        Ok(
            match std::mem::replace(&mut self.state, PendingState::Over) {
                PendingState::Running(mut outcome) => match outcome.try_recv() {
                    Ok(ended) => PendingState::Ended(ended),
                    Err(oneshot::error::TryRecvError::Empty) => PendingState::Running(outcome),
                    Err(oneshot::error::TryRecvError::Closed) => return Err(task_gone()),
                },
                state @ (PendingState::Ended(_) | PendingState::Over) => state,
            },
        )
    }
}

/// The sender is dropped without sending only if its task panicked, or was cancelled by the guest.
fn task_gone() -> wasmtime::Error {
    wasmtime::format_err!("a nested call's task ended without an outcome")
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl CallState {
    /// Returns the part of the state that exists only while a method runs.
    pub(crate) fn running(&mut self) -> wasmtime::Result<&mut Running> {
        self.running.as_mut().ok_or_else(not_in_description)
    }

    /// Assigns the next ordinal to a nested call and prepares it. The call starts when the future
    /// is polled. If the call cannot be made, the future resolves to the error.
    fn nested(&mut self, target: Target, arguments: &str) -> wasmtime::Result<BoxFuture<Ended>> {
        let Target { model, method } = target;
        self.count_host_call(model.len() + method.len() + arguments.len())?;
        let port = Arc::clone(connected(self.ports.calls.as_ref())?);
        self.data_share()?;
        let running = self.running()?;
        if running.n_calls >= running.identity.limits.calls_per_call {
            let value = u64::from(running.identity.limits.calls_per_call);
            return Ok(refused(LimitName::CallsPerCall, value));
        }
        running.n_calls += 1;
        Ok(match parse_arguments(arguments) {
            Ok(arguments) => port.call(running.n_calls, model, method, arguments),
            Err(error) => Box::pin(async { Err(RequestFault::Guest(CalleeError::refused(error))) }),
        })
    }

    /// Returns the limit on parallel calls if it is reached.
    fn parallel_reached(&mut self) -> wasmtime::Result<Option<u32>> {
        let running = self.running()?;
        // Calls that have ended stay in the set until they are joined.
        while running.started.try_join_next().is_some() {}
        let most = running.identity.limits.parallel_calls;
        Ok((running.started.len() >= most as usize).then_some(most))
    }

    /// Logs, once per limit, that a nested call was refused because of a limit. Otherwise the user
    /// would not learn about the limit if the caller replaces the error by one of its own.
    pub(super) fn limit_note(&mut self, name: LimitName, value: u64) -> wasmtime::Result<()> {
        let is_of_caller = LIMITS_OF_CALLER.contains(&name);
        let running = self.running()?;
        if !is_of_caller || running.limits_reported.contains(&name) {
            return Ok(());
        }
        running.limits_reported.push(name);
        let place = if name.is_of_repository() {
            "sedge.yaml".to_owned()
        } else {
            running.identity.permissions.file().to_owned()
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

    /// Returns the end of a call to the guest, and notes what was refused to it.
    fn result_to_guest(
        &mut self,
        target: &Target,
        ended: Ended,
    ) -> wasmtime::Result<Result<calls::Outcome, types::CallError>> {
        let Target { model, method } = target;
        match ended {
            Ok(outcome) => {
                self.running()?.refusals().call_succeeded(model, method);
                let outcome = convert::outcome_to_guest(outcome);
                self.count_bytes(outcome.value.len())?;
                Ok(Ok(outcome))
            }
            Err(RequestFault::Guest(CalleeError { error, has_begun })) => {
                if !has_begun {
                    let refused = error.clone();
                    self.running()?.refusals().call(model, method, refused);
                }
                if let CallError::Limit { name, value } = error {
                    self.limit_note(name, value)?;
                }
                Ok(Err(convert::call_error_to_guest(error)))
            }
            Err(RequestFault::Host(error)) => match error.downcast_ref() {
                // The callee was stopped with the run. The caller uses its time of grace.
                Some(EndedByHost(CallError::Cancelled)) if self.grace.is_set() => {
                    Ok(Err(types::CallError::Cancelled))
                }
                Some(_) | None => Err(error.into()),
            },
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
        let target = Target {
            model: target,
            method,
        };
        let call = self.nested(target.clone(), &arguments)?;
        let ended = call.await;
        self.result_to_guest(&target, ended)
    }

    async fn start(
        &mut self,
        target: String,
        method: String,
        arguments: String,
    ) -> wasmtime::Result<Resource<Pending>> {
        let target = Target {
            model: target,
            method,
        };
        let call = match self.parallel_reached()? {
            None => self.nested(target.clone(), &arguments)?,
            Some(most) => {
                // The refused call takes an ordinal, so that the following calls keep theirs in a
                // replay.
                self.running()?.n_calls += 1;
                refused(LimitName::ParallelCalls, most.into())
            }
        };
        let (end, outcome) = oneshot::channel();
        let (set_ended, ended) = watch::channel(false);
        let task = self.running()?.started.spawn(async move {
            // Sending fails only if the guest has dropped or cancelled the call. The outcome is in
            // the store anyway.
            let _ = end.send(call.await);
            set_ended.send_replace(true);
        });
        Ok(self.table.push(Pending {
            target,
            state: PendingState::Running(outcome),
            ended,
            task,
        })?)
    }
}

impl HostPending for CallState {
    async fn subscribe(
        &mut self,
        pending: Resource<Pending>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.count_host_call(0)?;
        let ended = self.table.get(&pending)?.ended.clone();
        self.pollable_of(ended)
    }

    async fn get(
        &mut self,
        pending: Resource<Pending>,
    ) -> wasmtime::Result<Option<Result<calls::Outcome, types::CallError>>> {
        self.count_host_call(0)?;
        let pending = self.table.get_mut(&pending)?;
        match pending.take()? {
            PendingState::Running(outcome) => {
                pending.state = PendingState::Running(outcome);
                Ok(None)
            }
            PendingState::Ended(ended) => {
                let target = pending.target.clone();
                Ok(Some(self.result_to_guest(&target, ended)?))
            }
            PendingState::Over => Ok(Some(Err(types::CallError::Cancelled))),
        }
    }

    async fn wait(
        &mut self,
        pending: Resource<Pending>,
    ) -> wasmtime::Result<Result<calls::Outcome, types::CallError>> {
        self.count_host_call(0)?;
        let pending = self.table.get_mut(&pending)?;
        let target = pending.target.clone();
        let ended = match pending.take()? {
            PendingState::Running(outcome) => outcome.await.map_err(|_| task_gone())?,
            PendingState::Ended(ended) => ended,
            PendingState::Over => return Ok(Err(types::CallError::Cancelled)),
        };
        self.result_to_guest(&target, ended)
    }

    async fn cancel(&mut self, pending: Resource<Pending>) -> wasmtime::Result<()> {
        self.count_host_call(0)?;
        let pending = self.table.get_mut(&pending)?;
        if let PendingState::Ended(ended) = pending.take()? {
            pending.state = PendingState::Ended(ended);
        }
        pending.task.abort();
        Ok(())
    }

    async fn drop(&mut self, pending: Resource<Pending>) -> wasmtime::Result<()> {
        self.table.delete(pending)?;
        Ok(())
    }
}

fn refused(name: LimitName, value: u64) -> BoxFuture<Ended> {
    let refused = CalleeError::refused(CallError::Limit { name, value });
    Box::pin(async move { Err(RequestFault::Guest(refused)) })
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
