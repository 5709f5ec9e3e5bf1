//! The locks of a call, and what follows if they cannot be granted.

use std::sync::Arc;

use sedge_lang::type_info::MethodKind;
use sedge_locks::error::LockError;
use sedge_locks::mode::{Mode, Resource};
use sedge_model::call::CallError;

use super::fault::AttemptFault;
use super::frame::{CallFrame, DeadlockChains, Rollback};
use super::{CallRequest, Caller, ReadyCall};
use crate::error::{AppError, LockUseError};
use crate::events::Event;
use crate::run::cx::RunCx;

/// Acquires the locks that a call needs: an intent lock on the datastore, then the model's lock.
///
/// Returns the epoch of the lock table that granted them. A call that was rolled back also acquires
/// the locks that its callees requested before, all models at once.
pub(super) async fn lock(
    cx: &Arc<RunCx>,
    request: &CallRequest,
    ready: &ReadyCall,
    caller: Option<&Caller>,
) -> Result<u64, AttemptFault> {
    let (intent, mode) = match ready.kind {
        MethodKind::Read => (Mode::IS, Mode::S),
        MethodKind::Create | MethodKind::Update | MethodKind::Delete | MethodKind::Action => {
            (Mode::IX, Mode::X)
        }
    };
    let frame = &*request.frame;
    let name = &ready.model.definition.name;
    let what = format!("{name}.{}", ready.method);
    let wants = frame.wants([
        (Resource::Datastore, intent),
        (Resource::Model(name.clone()), mode),
    ]);
    let of_caller = caller.map(|caller| caller.identity.deadline);
    let own = request.terms.deadline.at();
    let latest = of_caller.into_iter().chain(own).min();
    let acquired = cx
        .locks
        .acquire(frame.lock_lineage(), &what, &wants, latest);
    match acquired.await {
        Ok(guard) => {
            let epoch = guard.epoch().0;
            frame.keep(guard);
            Ok(epoch)
        }
        Err(AppError::Lock(LockUseError::Refused(error))) => Err(lock_fault(cx, frame, error)),
        Err(other) => Err(other.into()),
    }
}

fn lock_fault(cx: &RunCx, frame: &CallFrame, error: LockError) -> AttemptFault {
    let (cycle, chains) = match error {
        LockError::Deadlock {
            cycle,
            ours,
            theirs,
            ..
        } => (cycle, DeadlockChains { ours, theirs }),
        other @ (LockError::Timeout { .. }
        | LockError::TableBusy { .. }
        | LockError::Lost { .. }
        | LockError::Version { .. }
        | LockError::Unreadable { .. }
        | LockError::File(_)
        | LockError::Thread(_)) => {
            return match contention_of(other) {
                Ok(error) => error.into(),
                Err(other) => other.into(),
            };
        }
    };
    match frame.roll_back(&cycle.breaks_at.lineage, chains.clone()) {
        Rollback::Refused => {
            let DeadlockChains { ours, theirs } = chains;
            return AttemptFault::from(CallError::Deadlock {
                ours,
                theirs,
                difference: None,
            });
        }
        Rollback::UnderWay => {}
        Rollback::Begun => cx.event(Event::CallRolledBack {
            call: cycle.breaks_at.lineage,
            ours: chains.ours,
            theirs: chains.theirs,
        }),
    }
    AttemptFault::RolledBack
}

/// Returns the error for a call or a step that did not get a lock because of other calls.
///
/// # Errors
/// Returns the error of the lock table if the reason is another one.
pub(crate) fn contention_of(error: LockError) -> Result<CallError, LockError> {
    Ok(match error {
        LockError::Timeout {
            resource,
            blockers,
            waited_ms,
        } => CallError::LockTimeout {
            resource: resource.to_string(),
            holders: blockers.iter().map(ToString::to_string).collect(),
            waited_ms,
        },
        LockError::TableBusy { waited_ms } => CallError::LockTimeout {
            resource: "the lock table".to_owned(),
            holders: Vec::new(),
            waited_ms,
        },
        LockError::Deadlock { ours, theirs, .. } => CallError::Deadlock {
            ours,
            theirs,
            difference: None,
        },
        other @ (LockError::Lost { .. }
        | LockError::Version { .. }
        | LockError::Unreadable { .. }
        | LockError::File(_)
        | LockError::Thread(_)) => return Err(other),
    })
}
