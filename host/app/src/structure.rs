//! What people do to the datastore as a whole, or to one model's data: under a lock, as
//! calls are, and like them in the line of all processes.

use std::sync::Arc;

use sedge_locks::joined::Joined;
use sedge_locks::manager::LockGuard;
use sedge_locks::mode::{Mode, Resource};
use sedge_model::lineage::Lineage;
use sedge_model::names::{ModelName, RunId};
use sedge_store::Permit;
use sedge_sys::random;
use sedge_sys::thread::Stop;

use crate::error::{AppError, LockUseError, WithinCallReason};
use crate::events::Events;
use crate::locks::Locks;
use crate::repository::Repository;

/// A lock that somebody holds who is no call, and what it allows.
pub(crate) struct Held {
    pub(crate) permit: Permit,
    _lock: LockGuard,
}

/// Locks for `what`, and waits for it as long as the person wants.
pub(crate) async fn locked(
    repository: &Arc<Repository>,
    what: &str,
    wants: &[(Resource, Mode)],
    events: Arc<dyn Events>,
) -> Result<Held, AppError> {
    let locks = Locks::new(repository, events)?;
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
    let lock = locks.acquire(&by, what, wants, None).await?;
    Ok(Held {
        permit: Permit {
            by,
            lock_epoch: lock.epoch().0,
        },
        _lock: lock,
    })
}

/// Does what blocks for long on a thread of its own. Dropping the future requests that it stops;
/// it does so between two pieces of its work, and removes what it made so far.
pub(crate) async fn in_background<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> Result<T, AppError> + Send + 'static,
) -> Result<T, AppError> {
    let stop = Stop::default();
    let _dropped = RequestsStop(stop.clone());
    let ended = tokio::task::spawn_blocking(move || work(&stop)).await;
    // It cannot be aborted once it has begun, so there is no other reason.
    ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Requests that the work stops when this is dropped.
struct RequestsStop(Stop);

impl Drop for RequestsStop {
    fn drop(&mut self) {
        self.0.request();
    }
}

/// Returns why something cannot be done by a command of a call, which no lock would keep from it.
fn refusal(joined: &Joined, wants: &[(Resource, Mode)]) -> Option<WithinCallReason> {
    let is_whole =
        |(resource, mode): &(Resource, Mode)| (resource, *mode) == (&Resource::Datastore, Mode::X);
    if wants.iter().any(is_whole) {
        // What a call has staged is no data yet, and would be taken for what nobody needs.
        return Some(WithinCallReason::Whole);
    }
    let writes = wants
        .iter()
        .any(|(_, mode)| matches!(mode, Mode::IX | Mode::X));
    (joined.only_reads && writes).then_some(WithinCallReason::OnlyReads)
}

/// What is locked by who changes the datastore as a whole.
pub(crate) fn whole() -> [(Resource, Mode); 1] {
    [(Resource::Datastore, Mode::X)]
}

/// What is locked by who reads the datastore as a whole, while calls write to it.
pub(crate) fn whole_to_read() -> [(Resource, Mode); 1] {
    [(Resource::Datastore, Mode::IS)]
}

/// What is locked by who changes a model or its data without a call.
pub(crate) fn one(model: &ModelName) -> [(Resource, Mode); 2] {
    [
        (Resource::Datastore, Mode::IX),
        (Resource::Model(model.clone()), Mode::X),
    ]
}
