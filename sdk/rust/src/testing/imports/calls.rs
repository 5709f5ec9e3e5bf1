//! The interface `calls`.

pub(crate) use crate::bindings::sedge::model::calls::*;

use std::cell::RefCell;

use super::super::kind_word;
use super::super::permissions::Attempt;
use super::super::schema;
use super::super::script::{CallHandler, Called};
use super::super::world::{World, current};
use super::io::Pollable;
use crate::bindings::sedge::model::types::{self, MethodKind};
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
    let passed = world.passed(&called.arguments);
    passed.map_err(|reason| crate::CallError::Denied { reason })?;
    let (kind, handler) = match called.model == world.model {
        true => of_own(world, &called)?,
        false => of_other(world, &called)?,
    };
    may_call(world, &called, kind)?;
    world.scripts.called.push(called);
    Ok(handler)
}

/// The kind of a method that is called, if it is known, and the handler that answers the call.
type Callee = (Option<MethodKind>, CallHandler);

/// Finds a method of the type itself, and checks the arguments against its schema.
///
/// # Panics
/// The test does not answer calls of it.
fn of_own(world: &World, called: &Called) -> Result<Callee, crate::CallError> {
    let Called {
        model,
        method,
        arguments,
    } = called;
    let mut methods = world.info.methods.iter();
    let Some(known) = methods.find(|it| it.name == *method) else {
        return Err(missing(TargetKind::Method, method));
    };
    let violations = schema::violations(&known.arguments, arguments);
    if !violations.is_empty() {
        return Err(crate::CallError::InvalidInput { violations });
    }
    let handler = world.scripts.call(model, method).unwrap_or_else(|| {
        panic!(
            "a method calls `{method}` of its own model, and the test has no answer: add it by \
             `on_call({model:?}, {method:?}, …)`"
        )
    });
    Ok((Some(known.kind), handler))
}

/// Finds a method of another model, as the test has prepared it.
fn of_other(world: &World, called: &Called) -> Result<Callee, crate::CallError> {
    let Called { model, method, .. } = called;
    match world.scripts.call(model, method) {
        Some(handler) => Ok((world.scripts.kind(model, method), handler)),
        None if world.has_model(model) => Err(missing(TargetKind::Method, method)),
        None => Err(missing(TargetKind::Model, model)),
    }
}

fn missing(kind: TargetKind, name: &str) -> crate::CallError {
    crate::CallError::NotFound {
        kind,
        name: name.to_owned(),
    }
}

/// Checks the kinds: what a method of kind `read` or `observe` must not do, its callees must not do for
/// it either. A method whose kind the test has not set counts as one of kind `action`.
fn may_call(
    world: &World,
    called: &Called,
    callee: Option<MethodKind>,
) -> Result<(), crate::CallError> {
    let kind = callee.unwrap_or(MethodKind::Action);
    let call = world.call();
    if call.may_call(kind) {
        return Ok(());
    }
    let Called { model, method, .. } = called;
    let mut reason = format!(
        "a method of kind `{}` may not call `{method}` of `{model}`, of kind `{}`",
        call.kind_word(),
        kind_word(kind)
    );
    if callee.is_none() {
        reason.push_str("; if it is of another kind, set that in the test by `callee_kind`");
    }
    Err(crate::CallError::Denied { reason })
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
