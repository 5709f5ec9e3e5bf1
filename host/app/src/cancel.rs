//! Requests that a use case stops: the user pressed Ctrl-C, a supervisor ends the program, or a
//! client of a server has closed its connection.
//!
//! The front end keeps one [`Cancel`] for each use case and passes a clone of it with the context.
//! A request is never taken back. A use case that works on runs stops what waits, starts nothing
//! new, records how its calls ended, and returns an error that says what was stopped. Its future is
//! not dropped, because a future that is dropped cannot wait for the disk and thus cannot record
//! anything. The futures of other use cases can be dropped: what they change is one transaction, or
//! a thread that stops at the next safe point.

use std::sync::Arc;

use tokio::sync::watch;

use crate::error::{AppError, ProcessError};

/// A request that a use case stops. Clones share the same request.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<watch::Sender<bool>>);

impl Cancel {
    /// Returns a request that was not made yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Makes the request. Further calls change nothing.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether the request was made.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the request is made. Returns at once if it was made already.
    ///
    /// The future can be dropped at any time. If the request is never made, the future never ends,
    /// so it belongs into a `select!` together with the work that the request stops.
    pub async fn cancelled(&self) {
        let mut made = self.0.subscribe();
        if made.wait_for(|is_made| *is_made).await.is_err() {
            unreachable!("the sender is in `self`")
        }
    }

    /// Waits for `work` that changes nothing, unless the request is made before it has ended: then
    /// `work` is dropped.
    ///
    /// # Errors
    /// [`ProcessError::Interrupted`] if the request was made.
    pub(crate) async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = Result<T, AppError>>,
    ) -> Result<T, AppError> {
        tokio::select! {
            biased;
            () = self.cancelled() => Err(ProcessError::Interrupted.into()),
            done = work => done,
        }
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn request_reaches_all_clones() {
        let cancel = Cancel::new();
        let other = cancel.clone();
        let mut waiting = Box::pin(other.cancelled());
        assert!(futures::poll!(&mut waiting).is_pending());
        assert!(!other.is_cancelled());
        cancel.cancel();
        waiting.await;
        assert!(other.is_cancelled());
    }

    #[tokio::test]
    async fn late_waiter_returns_at_once() {
        let cancel = Cancel::new();
        cancel.cancel();
        cancel.cancel();
        cancel.cancelled().await;
        assert!(cancel.is_cancelled());
    }

    #[tokio::test]
    async fn work_is_dropped_at_the_request() {
        let cancel = Cancel::new();
        assert_eq!(cancel.unless_cancelled(async { Ok(3) }).await.ok(), Some(3));
        cancel.cancel();
        let never = cancel.unless_cancelled(std::future::pending::<Result<u32, AppError>>());
        assert!(matches!(
            never.await,
            Err(AppError::Process(ProcessError::Interrupted))
        ));
    }

    #[tokio::test]
    async fn separate_requests_are_independent() {
        let (one, other) = (Cancel::new(), Cancel::new());
        one.cancel();
        assert!(!other.is_cancelled());
    }
}
