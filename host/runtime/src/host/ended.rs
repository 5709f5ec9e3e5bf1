//! An error with which the host ends a call at a host function, whatever the guest would do with an
//! error of its own.

use sedge_model::call::CallError;

/// Ends the call of the guest with this error. An implementation of a port returns it as a
/// [`HostError`](super::HostError).
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct EndedByHost(pub CallError);
