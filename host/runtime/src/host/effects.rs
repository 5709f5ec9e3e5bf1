//! External effects of a call: HTTP requests, connections, commands, changes of granted folders, and
//! data that the call publishes.
//!
//! A call that is part of a deadlock is rolled back and retried. The retry would repeat its external
//! effects, so the host marks a call before its first one; from then on the call is not rolled back.
//! Which effects count is decided by the port: a method that only looks may look twice.

use std::sync::Arc;

use super::HostError;

/// Is notified before a call has an external effect.
pub trait EffectsPort: Send + Sync {
    /// Marks that the call is about to have an external effect, so that it can no longer be rolled
    /// back.
    ///
    /// # Errors
    /// The call is being rolled back already, so it must not have the effect.
    fn begin(&self) -> Result<(), RolledBack>;

    /// Marks that the call is about to publish data, so that it can no longer be rolled back.
    ///
    /// # Errors
    /// The call is being rolled back already, so it must not publish anything.
    fn publish(&self) -> Result<(), RolledBack>;
}

/// The call, or one of its callers, is being rolled back. Nothing of the call takes effect any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call is being rolled back")]
pub struct RolledBack;

/// Marks a call before its external effect. A call without a port cannot be rolled back anyway.
///
/// # Errors
/// [`RolledBack`], which ends the guest: the host retries the call from its beginning.
pub(crate) fn begin(port: Option<&Arc<dyn EffectsPort>>) -> Result<(), HostError> {
    marked(port.map(|port| port.begin()))
}

/// Marks a call before it publishes data.
///
/// # Errors
/// [`RolledBack`], as for [`begin`].
pub(crate) fn publish(port: Option<&Arc<dyn EffectsPort>>) -> Result<(), HostError> {
    marked(port.map(|port| port.publish()))
}

fn marked(begun: Option<Result<(), RolledBack>>) -> Result<(), HostError> {
    match begun {
        Some(Err(RolledBack)) => Err(HostError::new(RolledBack)),
        Some(Ok(())) | None => Ok(()),
    }
}
