//! How the host stops a call that is running: because its run is cancelled, because a deadline has
//! passed, or because the process is asked to end.

use std::sync::Arc;

use sedge_model::call::CallError;

use crate::host::BoxFuture;

/// Tells the runtime that one call has to stop.
pub trait StopPort: Send + Sync {
    /// Waits until the call has to stop and its nested calls have stopped. Returns the error with
    /// which the call ends.
    ///
    /// The runtime then drops what the guest waits for: a request, a connection, a timer, or a
    /// command, whose processes are killed. A guest that computes stops at its next epoch.
    fn stopped(&self) -> BoxFuture<CallError>;
}

/// Runs the code of a guest until it ends, or until the host stops it.
pub(crate) async fn until_stopped<T>(
    port: Option<&Arc<dyn StopPort>>,
    guest: impl Future<Output = T>,
) -> Result<T, CallError> {
    let Some(port) = port else {
        return Ok(guest.await);
    };
    tokio::select! {
        // A call that has to stop executes nothing more.
        biased;
        error = port.stopped() => Err(error),
        ended = guest => Ok(ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stops the call at once, or never.
    struct StoppedIf(bool);

    impl StopPort for StoppedIf {
        fn stopped(&self) -> BoxFuture<CallError> {
            match self.0 {
                true => Box::pin(async { CallError::Cancelled }),
                false => Box::pin(std::future::pending()),
            }
        }
    }

    async fn check(port: Option<StoppedIf>, expect: Result<u32, CallError>) {
        let port = port.map(|port| Arc::new(port) as Arc<dyn StopPort>);
        let ended = until_stopped(port.as_ref(), async { 3 }).await;
        assert_eq!(ended, expect);
    }

    #[tokio::test]
    async fn stopped_guest_executes_nothing_more() {
        check(None, Ok(3)).await;
        check(Some(StoppedIf(false)), Ok(3)).await;
        check(Some(StoppedIf(true)), Err(CallError::Cancelled)).await;
        let port: Arc<dyn StopPort> = Arc::new(StoppedIf(true));
        let waiting = until_stopped(Some(&port), std::future::pending::<u32>());
        assert_eq!(waiting.await, Err(CallError::Cancelled));
    }
}
