//! Operations of the user on the whole datastore, or on the data of one model. They acquire locks
//! as calls do, and wait in the same queues.

use sedge_locks::joined::{Joined, JoinedMethods};
use sedge_locks::manager::LockGuard;
use sedge_locks::mode::{Mode, Resource};
use sedge_model::lineage::Lineage;
use sedge_model::names::{ModelName, RunId};
use sedge_store::WritePermit;
use sedge_sys::random;
use sedge_sys::thread::Stop;

use crate::cx::Cx;
use crate::error::{AppError, LockUseError, WithinCallReason};
use crate::locks::Locks;

/// A lock held by an operation that is not a call, with the permit for the store.
pub(crate) struct Held {
    pub(crate) permit: WritePermit,
    /// The actor that requested the operation, for records.
    pub(crate) by: String,
    _lock: LockGuard,
}

/// Acquires the locks in `wants` for `what`. Waits as long as the user allows.
pub(crate) async fn locked(
    cx: &Cx,
    what: &str,
    wants: &[(Resource, Mode)],
) -> Result<Held, AppError> {
    let locks = Locks::new(cx, &cx.repository.snapshot()?)?;
    if let Some(joined) = locks.joined()
        && let Some(reason) = refusal(joined, wants)
    {
        let (what, caller) = (what.to_owned(), joined.caller.to_string());
        return Err(AppError::from(LockUseError::WithinCall {
            what,
            caller,
            reason,
        }));
    }
    let by = Lineage::root(RunId::from_bits(random::bits()));
    let lock = locks.acquire(&by, what, wants, None);
    let lock = cx.cancel.unless_cancelled(lock).await?;
    Ok(Held {
        permit: WritePermit {
            by,
            lock_epoch: lock.epoch().0,
            under: locks.under().cloned(),
        },
        by: locks.actor().name.clone(),
        _lock: lock,
    })
}

/// Runs blocking work on a thread of its own.
///
/// Dropping the future requests the work to stop. The work then stops between two of its steps, and
/// removes what it has made so far.
pub(crate) async fn in_background<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> Result<T, AppError> + Send + 'static,
) -> Result<T, AppError> {
    let stop = Stop::default();
    let _dropped = RequestsStop(stop.clone());
    let ended = tokio::task::spawn_blocking(move || work(&stop)).await;
    // Work that has begun cannot be aborted, so the only other result is a panic.
    ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Requests the work to stop when this is dropped.
struct RequestsStop(Stop);

impl Drop for RequestsStop {
    fn drop(&mut self) {
        self.0.request();
    }
}

/// Returns why a command of a call cannot do an operation that no lock would prevent.
fn refusal(joined: &Joined, wants: &[(Resource, Mode)]) -> Option<WithinCallReason> {
    let is_whole =
        |(resource, mode): &(Resource, Mode)| (resource, *mode) == (&Resource::Datastore, Mode::X);
    if wants.iter().any(is_whole) {
        // The staged changes of a call are not data yet, so this operation would take them for
        // garbage.
        return Some(WithinCallReason::Whole);
    }
    let writes = wants
        .iter()
        .any(|(_, mode)| matches!(mode, Mode::IX | Mode::X));
    match joined.methods {
        JoinedMethods::Reads | JoinedMethods::Observations if writes => {
            Some(WithinCallReason::OnlyLooks)
        }
        JoinedMethods::Reads | JoinedMethods::Observations | JoinedMethods::All => None,
    }
}

/// Returns the locks for an operation that changes the whole datastore.
pub(crate) fn whole() -> [(Resource, Mode); 1] {
    [(Resource::Datastore, Mode::X)]
}

/// Returns the locks for an operation that reads the whole datastore while calls write to it.
pub(crate) fn whole_to_read() -> [(Resource, Mode); 1] {
    [(Resource::Datastore, Mode::IS)]
}

/// Returns the locks for an operation that changes a model or its data outside of a call.
pub(crate) fn one(model: &ModelName) -> [(Resource, Mode); 2] {
    [
        (Resource::Datastore, Mode::IX),
        (Resource::Model(model.clone()), Mode::X),
    ]
}
