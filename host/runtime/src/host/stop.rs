//! How the host stops a call that is running: because its run is cancelled, because a deadline has
//! passed, or because the process is asked to end.
//!
//! A guest that has subscribed to its cancellation may end by itself, within [`GRACE`]. How it ends
//! makes no difference to the outcome: the call is cancelled, and nothing that it has staged is
//! committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sedge_model::call::CallError;
use sedge_sys::clock::{self, Moment};
use wasmtime_wasi::p2::Pollable;

use crate::host::BoxFuture;

/// How long a call that is asked to end may take to end by itself, from the request on, if it has
/// subscribed to its cancellation.
///
/// The contract names the value. It is enough for a request that closes a session, and short enough
/// for a user who has pressed Ctrl-C. Without the limit, a guest could keep the locks of its call.
const GRACE: Duration = Duration::from_secs(1);

/// Tells the runtime that one call has to stop.
pub trait StopPort: Send + Sync {
    /// Returns the error with which the call ends if it has to stop, and `None` if it does not.
    /// [`CallError::Cancelled`] is a request; the guest may learn of it.
    fn reason(&self) -> Option<CallError>;

    /// Waits until the call has to stop. Returns the error with which it ends.
    fn requested(&self) -> BoxFuture<CallError>;

    /// Waits until the nested calls of a call that has to stop have stopped.
    ///
    /// The runtime then drops what the guest waits for: a request, a connection, a timer, or a
    /// command, whose processes are killed. A guest that computes stops at its next epoch.
    fn callees_ended(&self) -> BoxFuture<()>;
}

/// Whether the guest of a call has subscribed to its cancellation. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct GraceWanted(Arc<AtomicBool>);

impl GraceWanted {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Is ready once the call is asked to end.
pub(crate) struct CancellationSignal(pub(crate) Option<Arc<dyn StopPort>>);

#[wasmtime_wasi::async_trait]
impl Pollable for CancellationSignal {
    async fn ready(&mut self) {
        match &self.0 {
            Some(port) => drop(port.requested().await),
            None => std::future::pending().await,
        }
    }
}

/// Runs the code of a guest until it ends, or until the host stops it.
pub(crate) async fn until_stopped<T>(
    port: Option<&Arc<dyn StopPort>>,
    grace: &GraceWanted,
    guest: impl Future<Output = T>,
) -> Result<T, CallError> {
    let Some(port) = port else {
        return Ok(guest.await);
    };
    let ended = tokio::select! {
        // A call that has to stop executes nothing more.
        biased;
        error = stopped(port, grace) => return Err(error),
        ended = guest => ended,
    };
    match port.reason() {
        // It has ended by itself because it was asked to.
        Some(CallError::Cancelled) if grace.is_set() => Err(CallError::Cancelled),
        Some(_) | None => Ok(ended),
    }
}

/// Waits until the call has to stop, and its nested calls and its time of grace have ended.
async fn stopped(port: &Arc<dyn StopPort>, grace: &GraceWanted) -> CallError {
    let error = port.requested().await;
    let latest = Moment::now().after(GRACE);
    port.callees_ended().await;
    if error == CallError::Cancelled && grace.is_set() {
        clock::pause(latest.left()).await;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stops the call at once, or never.
    struct StoppedIf(Option<CallError>);

    impl StopPort for StoppedIf {
        fn reason(&self) -> Option<CallError> {
            self.0.clone()
        }

        fn requested(&self) -> BoxFuture<CallError> {
            match self.0.clone() {
                Some(error) => Box::pin(async { error }),
                None => Box::pin(std::future::pending()),
            }
        }

        fn callees_ended(&self) -> BoxFuture<()> {
            Box::pin(async {})
        }
    }

    fn port(reason: Option<CallError>) -> Arc<dyn StopPort> {
        Arc::new(StoppedIf(reason))
    }

    fn wanted() -> GraceWanted {
        let grace = GraceWanted::default();
        grace.set();
        grace
    }

    #[tokio::test]
    async fn stopped_guest_executes_nothing_more() {
        let check = async |reason: Option<Option<CallError>>, expect: Result<u32, CallError>| {
            let port = reason.map(port);
            let mut is_executed = false;
            let guest = async {
                is_executed = true;
                3
            };
            let ended = until_stopped(port.as_ref(), &GraceWanted::default(), guest).await;
            assert_eq!(is_executed, expect.is_ok());
            assert_eq!(ended, expect);
        };
        check(None, Ok(3)).await;
        check(Some(None), Ok(3)).await;
        check(Some(Some(CallError::Cancelled)), Err(CallError::Cancelled)).await;
        let port = port(Some(CallError::Cancelled));
        let waiting = std::future::pending::<u32>();
        let ended = until_stopped(Some(&port), &GraceWanted::default(), waiting).await;
        assert_eq!(ended, Err(CallError::Cancelled));
    }

    /// What the guest returns makes no difference any more.
    #[tokio::test]
    async fn subscribed_guest_ends_by_itself_and_is_cancelled() {
        let port = port(Some(CallError::Cancelled));
        let since = Moment::now();
        let mut is_executed = false;
        let guest = async { is_executed = true };
        let ended = until_stopped(Some(&port), &wanted(), guest).await;
        assert_eq!(ended, Err(CallError::Cancelled));
        assert!(is_executed);
        assert!(since.elapsed() < GRACE, "{:?}", since.elapsed());
    }

    #[tokio::test]
    async fn subscribed_guest_that_does_not_end_is_stopped_after_its_grace() {
        let port = port(Some(CallError::Cancelled));
        let since = Moment::now();
        let ended = until_stopped(Some(&port), &wanted(), std::future::pending::<u32>()).await;
        assert_eq!(ended, Err(CallError::Cancelled));
        assert!(since.elapsed() >= GRACE, "{:?}", since.elapsed());
    }

    /// A deadline is known before, so it is no request.
    #[tokio::test]
    async fn deadline_has_no_grace() {
        let timed_out = CallError::TimedOut { after_ms: 5 };
        let port = port(Some(timed_out.clone()));
        let since = Moment::now();
        let ended = until_stopped(Some(&port), &wanted(), std::future::pending::<u32>()).await;
        assert_eq!(ended, Err(timed_out));
        assert!(since.elapsed() < GRACE, "{:?}", since.elapsed());
    }
}
