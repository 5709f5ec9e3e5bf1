//! The interface `calls`.

pub(crate) use crate::bindings::sedge::model::calls::*;

use std::cell::RefCell;

use super::super::permissions::Attempt;
use super::super::script::{CallHandler, Called};
use super::super::world::{World, current};
use super::io::Pollable;
use crate::bindings::sedge::model::types;
use crate::{TargetKind, Violation};

/// A call that was started. The handler of the test has answered it already.
#[derive(Debug)]
pub(crate) struct Pending(RefCell<Option<Result<Outcome, CallError>>>);

impl Pending {
    /// Returns the outcome, once.
    pub(crate) fn get(&self) -> Option<Result<Outcome, CallError>> {
        Some(self.wait())
    }

    /// Returns the outcome, once.
    pub(crate) fn wait(&self) -> Result<Outcome, CallError> {
        let outcome = self.0.borrow_mut().take();
        outcome.unwrap_or(Err(CallError::Cancelled))
    }

    /// Forgets the outcome.
    pub(crate) fn cancel(&self) {
        self.0.borrow_mut().take();
    }

    pub(crate) fn subscribe(&self) -> Pollable {
        Pollable::now()
    }
}

/// Lets the handler of the test answer a nested call.
pub(crate) fn call(target: &str, method: &str, arguments: &str) -> Result<Outcome, CallError> {
    answered(target, method, arguments).map_err(CallError::from)
}

/// Lets the handler of the test answer a nested call, and returns the outcome later.
pub(crate) fn start(target: &str, method: &str, arguments: &str) -> Pending {
    Pending(RefCell::new(Some(call(target, method, arguments))))
}

fn answered(target: &str, method: &str, arguments: &str) -> Result<Outcome, crate::CallError> {
    let called = Called {
        model: target.to_owned(),
        method: method.to_owned(),
        arguments: serde_json::from_str(arguments).map_err(|error| {
            crate::CallError::InvalidInput {
                violations: Violation::of_whole(error),
            }
        })?,
    };
    // The handler may use the context of the test, so it runs outside of the look-up.
    let handler = current(|world| begin(world, called.clone()))?;
    let value = handler(&called.arguments)?;
    Ok(Outcome {
        value: value.to_string(),
        written: Vec::new(),
    })
}

/// Records a call, and returns the handler that answers it.
fn begin(world: &mut World, called: Called) -> Result<CallHandler, crate::CallError> {
    let attempt = Attempt::Call(&called.model);
    let permitted = world.permitted(&attempt);
    permitted.map_err(|reason| crate::CallError::Denied { reason })?;
    let text = called.arguments.to_string();
    if world.shows_secret(text.as_bytes()) {
        let reason = "the arguments contain a secret, which a method cannot pass to another one; \
                      let the definition of the called model refer to the secret instead";
        return Err(crate::CallError::Denied {
            reason: reason.to_owned(),
        });
    }
    let missing = |kind: TargetKind, name: &str| crate::CallError::NotFound {
        kind,
        name: name.to_owned(),
    };
    let handler = match world.scripts.call(&called.model, &called.method) {
        Some(handler) => handler,
        None if world.has_model(&called.model) => {
            return Err(missing(TargetKind::Method, &called.method));
        }
        None => return Err(missing(TargetKind::Model, &called.model)),
    };
    world.scripts.called.push(called);
    Ok(handler)
}

impl From<crate::CallError> for types::CallError {
    fn from(error: crate::CallError) -> Self {
        match error {
            crate::CallError::NotFound { kind, name } => Self::NotFound(types::MissingTarget {
                kind: match kind {
                    TargetKind::Model => types::TargetKind::Model,
                    TargetKind::Method => types::TargetKind::Method,
                },
                name,
            }),
            crate::CallError::InvalidInput { violations } => {
                let violations = violations.into_iter().map(types::Violation::from);
                Self::InvalidInput(violations.collect())
            }
            crate::CallError::Denied { reason } => Self::Denied(reason),
            crate::CallError::LockTimeout {
                resource,
                holders,
                waited_ms,
            } => Self::LockTimeout(types::Contention {
                resource,
                holders,
                waited_ms,
            }),
            crate::CallError::Deadlock {
                ours,
                theirs,
                difference,
            } => Self::Deadlock(types::DeadlockChains {
                ours,
                theirs,
                difference,
            }),
            crate::CallError::ChangedMeanwhile { name, reason } => {
                Self::ChangedMeanwhile(types::ChangedData { name, reason })
            }
            crate::CallError::Cycle { names } => Self::Cycle(names),
            crate::CallError::Limit { name, value } => {
                Self::Limit(types::LimitReached { name, value })
            }
            crate::CallError::Failed(failure) => Self::Failed(failure.into()),
            crate::CallError::Trapped { message, backtrace } => {
                Self::Trapped(types::Trap { message, backtrace })
            }
            crate::CallError::ChecksFailed { failures } => {
                let failures = failures.into_iter().map(|it| types::CheckFailure {
                    check: it.check,
                    message: it.message,
                });
                Self::ChecksFailed(failures.collect())
            }
            crate::CallError::TimedOut { after_ms } => Self::TimedOut(after_ms),
            crate::CallError::Cancelled => Self::Cancelled,
        }
    }
}
