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
    let frame = &*request.frame;
    let (intent, mode) = modes(ready.kind, frame.is_alone());
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

/// Returns the modes in which a call locks the datastore and its model.
///
/// Observations of a model share it. One that was refused because another had written the same data
/// is retried alone (`is_alone`), so that it is not refused again.
fn modes(kind: MethodKind, is_alone: bool) -> (Mode, Mode) {
    match kind {
        MethodKind::Read => (Mode::IS, Mode::S),
        MethodKind::Observe if !is_alone => (Mode::IX, Mode::S),
        MethodKind::Observe
        | MethodKind::Create
        | MethodKind::Update
        | MethodKind::Delete
        | MethodKind::Action => (Mode::IX, Mode::X),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// All kinds, each with the modes of its lock on the datastore and on its model.
    const MODES: [(MethodKind, (Mode, Mode)); 6] = [
        (MethodKind::Read, (Mode::IS, Mode::S)),
        (MethodKind::Observe, (Mode::IX, Mode::S)),
        (MethodKind::Create, (Mode::IX, Mode::X)),
        (MethodKind::Update, (Mode::IX, Mode::X)),
        (MethodKind::Delete, (Mode::IX, Mode::X)),
        (MethodKind::Action, (Mode::IX, Mode::X)),
    ];

    #[test]
    fn modes_follow_from_the_kind() {
        for (kind, expect) in MODES {
            assert_eq!(modes(kind, false), expect, "{}", kind.as_str());
        }
    }

    /// Two calls of one model exclude each other unless both only look.
    #[test]
    fn calls_that_only_look_run_beside_each_other() {
        for (one, (_, of_one)) in MODES {
            for (other, (_, of_other)) in MODES {
                let both_look = !one.changes_object() && !other.changes_object();
                let pair = format!("{} beside {}", one.as_str(), other.as_str());
                assert_eq!(of_one.is_compatible_with(of_other), both_look, "{pair}");
            }
        }
    }

    #[test]
    fn observation_that_is_retried_excludes_others() {
        let (intent, mode) = modes(MethodKind::Observe, true);
        assert_eq!((intent, mode), (Mode::IX, Mode::X));
        assert!(!mode.is_compatible_with(Mode::S));
    }
}
