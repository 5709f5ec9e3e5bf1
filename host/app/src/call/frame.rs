//! The calls of a run that are in progress, as a tree.
//!
//! A frame is one call in progress; the root frame is the run itself. A frame keeps its caller's
//! frame alive, so no locks are released while a callee of their holder still runs, however its
//! callers ended.
//!
//! A frame also knows whether its call can be rolled back: a call can be, as long as neither it nor
//! a callee has had a visible side effect. One lock for the whole tree guards both, so a call is
//! never rolled back at the moment when one of its callees commits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_locks::manager::LockGuard;
use sedge_locks::mode::{Mode, Resource};
use sedge_model::lineage::Lineage;
use sedge_runtime::Admission;
use tokio::sync::watch;

/// The maximum number of times that one call is rolled back and retried.
///
/// Each time, the calls that blocked it run first. A call that is rolled back more than twice is
/// therefore in heavy contention, and further retries would not help.
pub(crate) const ROLLBACKS_MAX: u32 = 8;

/// One call in progress, or the run.
#[derive(Debug)]
pub(crate) struct CallFrame {
    lineage: Lineage,
    caller: Option<Arc<CallFrame>>,
    /// Held while the fate of any frame in the tree is decided.
    tree: Arc<Mutex<()>>,
    fate: watch::Sender<Fate>,
    n_rollbacks: AtomicU32,
    n_callees: watch::Sender<usize>,
    locks: Mutex<Option<LockGuard>>,
    /// The permission to begin; `None` once the call has begun.
    admission: Mutex<Option<Admission>>,
    /// The locks that the call and its callees have requested so far.
    wanted: Mutex<BTreeMap<Resource, Mode>>,
}

/// Whether a call can be rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The call can be rolled back.
    Open,
    /// The call cannot be rolled back: it, or one of its callees, had a visible side effect.
    Escaped,
    /// The call is being rolled back.
    RolledBack,
}

/// The result of a request to roll back a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rollback {
    /// The rollback of the call begins now.
    Begun,
    /// The call, or one of its callers, was already being rolled back.
    UnderWay,
    /// The call cannot be rolled back, or has been rolled back too often.
    Refused,
}

/// A call in the chain is being rolled back, so nothing of it may be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RollbackPending;

impl CallFrame {
    /// Returns the root frame of a run.
    pub(crate) fn of_run(lineage: Lineage) -> Arc<Self> {
        Arc::new(Self::new(lineage, None, Arc::default()))
    }

    /// Returns the frame of this call's `ordinal`th callee.
    ///
    /// The callee counts as in progress until its frame is dropped, even if its future is never
    /// polled.
    pub(crate) fn callee(self: &Arc<Self>, ordinal: u32) -> Arc<Self> {
        self.n_callees.send_modify(|n_callees| *n_callees += 1);
        let lineage = self.lineage.child(ordinal);
        Arc::new(Self::new(
            lineage,
            Some(Arc::clone(self)),
            Arc::clone(&self.tree),
        ))
    }

    fn new(lineage: Lineage, caller: Option<Arc<Self>>, tree: Arc<Mutex<()>>) -> Self {
        Self {
            lineage,
            caller,
            tree,
            fate: watch::Sender::new(Fate::Open),
            n_rollbacks: AtomicU32::new(0),
            n_callees: watch::Sender::new(0),
            locks: Mutex::new(None),
            admission: Mutex::default(),
            wanted: Mutex::default(),
        }
    }

    pub(crate) fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Returns how often the call was rolled back.
    pub(crate) fn n_rollbacks(&self) -> u32 {
        self.n_rollbacks.load(Ordering::Relaxed)
    }

    /// Returns the locks that the call must acquire; `own` are those that its own method needs.
    ///
    /// A call that was rolled back acquires all locks that it and its callees requested before, and
    /// only then begins. It is therefore not rolled back for the same reason again. All such calls
    /// acquire their locks in the same order, the order of the resources, so they cannot deadlock
    /// with each other.
    pub(crate) fn wants(&self, own: [(Resource, Mode); 2]) -> Vec<(Resource, Mode)> {
        let mut above = Some(self);
        while let Some(frame) = above {
            frame.add(&own);
            above = frame.caller.as_deref();
        }
        if self.n_rollbacks() == 0 {
            return own.into();
        }
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.clone().into_iter().collect()
    }

    fn add(&self, own: &[(Resource, Mode)]) {
        // A run is never rolled back.
        if self.caller.is_none() {
            return;
        }
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        for (resource, mode) in own {
            match wanted.get_mut(resource) {
                Some(known) if mode.includes(*known) => *known = *mode,
                Some(_) => {}
                None => {
                    wanted.insert(resource.clone(), *mode);
                }
            }
        }
    }

    /// Returns whether the run, or one of the call's callers, holds locks.
    pub(crate) fn is_below_locks(&self) -> bool {
        let mut above = self.caller.as_deref();
        while let Some(frame) = above {
            let locks = frame.locks.lock().unwrap_or_else(PoisonError::into_inner);
            if locks.is_some() {
                return true;
            }
            above = frame.caller.as_deref();
        }
        false
    }

    /// Grants the call the permission to begin.
    pub(crate) fn admit(&self, admission: Admission) {
        *self.admission_slot() = Some(admission);
    }

    /// Takes the permission to begin. Returns `None` if the call needs none.
    pub(crate) fn admission(&self) -> Option<Admission> {
        self.admission_slot().take()
    }

    fn admission_slot(&self) -> MutexGuard<'_, Option<Admission>> {
        self.admission
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the locks until the call and all its callees have ended.
    pub(crate) fn keep(&self, locks: LockGuard) {
        *self.locks.lock().unwrap_or_else(PoisonError::into_inner) = Some(locks);
    }

    /// Waits until every callee has stopped and its end is recorded.
    ///
    /// A caller that is cut off stops its callees too. But each callee that has started is a task
    /// of its own, and a task stops only at its next await point.
    pub(crate) async fn callees_ended(&self) {
        let mut n_callees = self.n_callees.subscribe();
        if n_callees
            .wait_for(|n_callees| *n_callees == 0)
            .await
            .is_err()
        {
            unreachable!("the sender is in `self`")
        }
    }

    /// Marks the call as about to end.
    ///
    /// With `is_seen`, the call has a visible side effect, so its callers cannot be rolled back
    /// from then on.
    ///
    /// # Errors
    /// Returns an error if the call, or one of its callers, is being rolled back: then it must not
    /// commit anything.
    pub(crate) fn end(&self, is_seen: bool) -> Result<(), RollbackPending> {
        let _tree = self.tree();
        if self.is_rolled_back_in_tree() {
            return Err(RollbackPending);
        }
        let mut above = self.caller.as_deref().filter(|_| is_seen);
        while let Some(frame) = above {
            frame.fate.send_replace(Fate::Escaped);
            above = frame.caller.as_deref();
        }
        Ok(())
    }

    /// Marks the call as about to have a visible side effect before it ends.
    ///
    /// Neither the call nor its callers can be rolled back from then on.
    ///
    /// # Errors
    /// Returns an error if the call, or one of its callers, is being rolled back: then it must not
    /// commit anything.
    pub(crate) fn publish(&self) -> Result<(), RollbackPending> {
        self.end(true)?;
        let _tree = self.tree();
        if *self.fate.borrow() == Fate::RolledBack {
            return Err(RollbackPending);
        }
        self.fate.send_replace(Fate::Escaped);
        Ok(())
    }

    /// Requests the rollback of the call `at`, which is this call or one of its callers.
    pub(crate) fn roll_back(&self, at: &Lineage) -> Rollback {
        let _tree = self.tree();
        if self.is_rolled_back_in_tree() {
            return Rollback::UnderWay;
        }
        let mut above = Some(self);
        while let Some(frame) = above.filter(|frame| frame.lineage != *at) {
            above = frame.caller.as_deref();
        }
        // A run has no caller that could retry it.
        let Some(frame) = above.filter(|frame| frame.caller.is_some()) else {
            return Rollback::Refused;
        };
        let is_open = *frame.fate.borrow() == Fate::Open;
        if !is_open || frame.n_rollbacks() >= ROLLBACKS_MAX {
            return Rollback::Refused;
        }
        frame.n_rollbacks.fetch_add(1, Ordering::Relaxed);
        frame.fate.send_replace(Fate::RolledBack);
        Rollback::Begun
    }

    /// Returns whether one of the call's callers is being rolled back.
    pub(crate) fn is_rolled_back_above(&self) -> bool {
        let _tree = self.tree();
        self.caller
            .as_ref()
            .is_some_and(|caller| caller.is_rolled_back_in_tree())
    }

    fn is_rolled_back_in_tree(&self) -> bool {
        let mut above = Some(self);
        while let Some(frame) = above {
            if *frame.fate.borrow() == Fate::RolledBack {
                return true;
            }
            above = frame.caller.as_deref();
        }
        false
    }

    /// Waits until this call itself is to be rolled back.
    pub(crate) async fn rolled_back(&self) {
        let mut fate = self.fate.subscribe();
        if fate
            .wait_for(|fate| *fate == Fate::RolledBack)
            .await
            .is_err()
        {
            unreachable!("the sender is in `self`")
        }
    }

    /// Releases the call's locks once all its callees have ended.
    pub(crate) async fn unlock(&self) {
        self.callees_ended().await;
        // A retry waits for its own admission, so the old one is released first.
        drop(self.admission());
        self.locks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Resets the call as if it had never begun, so that it can be retried.
    pub(crate) fn reset(&self) {
        let _tree = self.tree();
        self.fate.send_replace(Fate::Open);
    }

    fn tree(&self) -> MutexGuard<'_, ()> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CallFrame {
    fn drop(&mut self) {
        // The locks are released before the caller can notice that this call has ended.
        self.locks
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(caller) = &self.caller {
            caller.n_callees.send_modify(|n_callees| *n_callees -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use sedge_model::names::RunId;
    use sedge_sys::clock::{self, Moment};

    use super::*;

    fn frames() -> [Arc<CallFrame>; 4] {
        let run = CallFrame::of_run(Lineage::root(RunId::from_bits(1)));
        let one = run.callee(1);
        let two = one.callee(1);
        let three = two.callee(1);
        [run, one, two, three]
    }

    #[test]
    fn visible_side_effect_prevents_rollback() {
        let [run, one, two, three] = frames();
        assert_eq!(
            three.roll_back(run.lineage()),
            Rollback::Refused,
            "a run is not rolled back"
        );
        assert_eq!(three.end(true), Ok(()));
        for frame in [&one, &two] {
            assert_eq!(three.roll_back(frame.lineage()), Rollback::Refused);
        }
        let other = two.callee(2);
        assert_eq!(
            other.roll_back(other.lineage()),
            Rollback::Begun,
            "it had no visible side effect itself"
        );
    }

    #[test]
    fn rollback_prevents_visible_side_effects() {
        let [_run, one, two, three] = frames();
        assert_eq!(three.end(false), Ok(()), "it has no visible side effect");
        assert_eq!(three.roll_back(two.lineage()), Rollback::Begun);
        assert_eq!(three.roll_back(one.lineage()), Rollback::UnderWay);
        assert_eq!(three.end(true), Err(RollbackPending));
        assert!(three.is_rolled_back_above() && !two.is_rolled_back_above());
        assert_eq!(one.end(true), Ok(()), "it is a caller");
        two.reset();
        assert_eq!(three.end(true), Ok(()));
    }

    #[test]
    fn number_of_rollbacks_is_limited() {
        let [_run, one, ..] = frames();
        for n in 0..ROLLBACKS_MAX {
            assert_eq!(one.n_rollbacks(), n);
            assert_eq!(one.roll_back(one.lineage()), Rollback::Begun);
            one.reset();
        }
        assert_eq!(one.roll_back(one.lineage()), Rollback::Refused);
    }

    #[tokio::test]
    async fn call_is_in_progress_while_a_callee_is() {
        let [run, one, two, three] = frames();
        drop((one, two));
        let ended = async || clock::until(Moment::now(), run.callees_ended()).await;
        assert!(ended().await.is_err(), "a grandchild is left");
        drop(three);
        assert!(ended().await.is_ok());
    }

    #[test]
    fn retried_call_acquires_all_locks_requested_before() {
        let [run, one, two, three] = frames();
        let [a, b, c] = ["a", "b", "c"].map(|it| Resource::Model(it.parse().expect("a name")));
        let reads = |it: &Resource| [(Resource::Datastore, Mode::IS), (it.clone(), Mode::S)];
        let writes = |it: &Resource| [(Resource::Datastore, Mode::IX), (it.clone(), Mode::X)];
        assert_eq!(one.wants(writes(&b)), writes(&b));
        assert_eq!(two.wants(reads(&c)), reads(&c));
        assert_eq!(three.wants(reads(&b)), reads(&b));
        assert_eq!(two.callee(2).wants(writes(&a)), writes(&a));
        assert_eq!(three.roll_back(one.lineage()), Rollback::Begun);
        one.reset();
        let all = [
            (Resource::Datastore, Mode::IX),
            (a, Mode::X),
            (b.clone(), Mode::X),
            (c.clone(), Mode::S),
        ];
        assert_eq!(one.wants(writes(&b)), all);
        assert_eq!(
            two.wants(reads(&c)),
            reads(&c),
            "it was not rolled back itself"
        );
        assert_eq!(run.wanted.lock().expect("no panic").len(), 0);
    }
}
