//! Why a call has no outcome.

use sedge_model::call::CallError;

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
