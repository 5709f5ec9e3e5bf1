//! Why a call has no outcome, and how the host's own errors pass through guests.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use sedge_model::call::CallError;
use sedge_model::violation::Violation;
use sedge_runtime::{HostError, RolledBack};

use crate::error::AppError;

/// Why a call has no outcome.
#[derive(Debug)]
pub(crate) enum CallFault {
    /// The call could not begin, so it has no record. The caller receives the error.
    Refused(CallError),
    /// The call began, and its record has the same error. The caller receives the error.
    Failed(CallError),
    /// A file, the store or the machine failed. The run ends.
    App(AppError),
}

/// Why an attempt at a call has no outcome.
#[derive(Debug)]
pub(super) enum AttemptFault {
    /// The call, or one of its callers, is being rolled back, so the attempt has ended without any
    /// effect. The call at which the rollback begins is retried.
    RolledBack,
    /// The call has no outcome.
    Fault(CallFault),
}

impl<E: Into<CallFault>> From<E> for AttemptFault {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

impl<E: Into<AppError>> From<E> for CallFault {
    fn from(error: E) -> Self {
        Self::App(error.into())
    }
}

impl From<CallError> for CallFault {
    fn from(error: CallError) -> Self {
        Self::Refused(error)
    }
}

/// Returns the fault of a call whose expressions have no value. If the fault is one of a file, the
/// caller receives it: the run itself can go on.
pub(crate) fn evaluation_fault(error: AppError) -> CallFault {
    let faults = error.diagnostics().iter();
    let violations = faults.map(|fault| Violation {
        path: String::new(),
        message: fault.to_string(),
    });
    let violations: Vec<Violation> = violations.collect();
    if violations.is_empty() {
        return CallFault::App(error);
    }
    CallFault::Refused(CallError::InvalidInput { violations })
}

/// Wraps an error of the host, so that it passes through the runtime and its guests.
pub(super) fn carried(error: impl Into<AppError>) -> HostError {
    let error = error.into();
    let text = error.to_string();
    HostError::new(Carried(Mutex::new(Some(error)), text))
}

/// Converts an error that passed through the runtime; an error of the host is restored as it was.
pub(super) fn host_fault(error: HostError) -> AttemptFault {
    if let Some(RolledBack) = error.downcast_ref() {
        return AttemptFault::RolledBack;
    }
    let own = error.downcast_ref::<Carried>().and_then(Carried::take);
    AttemptFault::Fault(match own {
        Some(own) => own.into(),
        None => error.into(),
    })
}

/// An error of the host on its way up through the guests.
///
/// Each guest on the way ends, and the root of the run receives the error unchanged.
struct Carried(Mutex<Option<AppError>>, String);

impl Carried {
    fn take(&self) -> Option<AppError> {
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
