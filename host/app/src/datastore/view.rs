//! Views of a datastore and its locks.

use sedge_api::Time;
use sedge_api::view::datastore::{LockView, LockedResource, RunningCallView, SessionView};
use sedge_locks::mode::Resource;
use sedge_locks::session::SessionInfo;
use sedge_locks::status::LockStatus;
use sedge_store::RunningCall;
use sedge_sys::clock::Timestamp;

use crate::views::time;

/// Returns the view of a lock, or of a request for one.
pub(crate) fn lock_view(lock: &LockStatus) -> LockView {
    let who = &lock.who;
    let (resource, model) = match &lock.resource {
        Resource::Datastore => (LockedResource::Datastore, None),
        Resource::Model(model) => (LockedResource::Model, Some(model.to_string())),
    };
    let waits_for = lock.waits_for.iter();
    LockView {
        resource,
        model,
        mode: who.mode.to_string(),
        held: who.has_it,
        since: Time::from_ms(who.since),
        run: who.owner.lineage.run().to_string(),
        call: who.owner.lineage.to_string(),
        chain: who.chain.clone(),
        session: who.session.as_ref().map(session_view),
        waits_for: waits_for.map(|owner| owner.lineage.to_string()).collect(),
    }
}

fn session_view(session: &SessionInfo) -> SessionView {
    SessionView {
        user: session.user.clone(),
        host: session.host.clone(),
        pid: session.pid,
        since: Time::from_ms(session.since),
    }
}

/// Returns the view of a call that is running.
pub(crate) fn running_call_view(call: &RunningCall, now: Timestamp) -> RunningCallView {
    let running_ms = now.0.saturating_sub(call.started_at.0);
    RunningCallView {
        call: call.lineage.to_string(),
        model: call.model.to_string(),
        method: call.method.to_string(),
        started_at: time(call.started_at),
        running_ms,
    }
}
