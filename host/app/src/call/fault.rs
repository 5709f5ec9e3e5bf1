//! Why a call has no outcome.

use sedge_model::call::CallError;

use crate::error::AppError;

/// Why a call has no outcome.
#[derive(Debug)]
pub(crate) enum CallFault {
    /// The call could not begin, so it has no record; its caller gets the error.
    Refused(CallError),
    /// The call had begun, and its record says the same; its caller gets the error.
    Failed(CallError),
    /// A file, the store or the machine is at fault; the run ends.
    App(AppError),
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
