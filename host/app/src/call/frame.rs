//! The calls of a run that are in progress, as a tree.
//!
//! A frame is one call in progress; the root frame is the run itself. A frame keeps its caller's
//! frame alive, so no locks are released while a callee of their holder still runs, however its
//! callers ended.
//!
//! A frame also knows whether its call can be rolled back and retried: a call can be, as long as the
//! retry repeats no effect. Callees that have ended are not repeated, because the retry is answered
//! from their records (see [`replay`](super::replay)). One lock for the whole tree guards the state
//! of all frames, so a call is never rolled back at the moment when one of its callees has an effect.

mod cause;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_locks::manager::LockGuard;
use sedge_locks::mode::{Mode, Resource};
use sedge_model::lineage::Lineage;
use sedge_runtime::Admission;
use sedge_store::LockOwner;
use tokio::sync::watch;

pub(crate) use self::cause::{DeadlockChains, RollbackCause};

/// One call in progress, or the run.
#[derive(Debug)]
pub(crate) struct CallFrame {
    /// The call in the record of its run.
    lineage: Lineage,
    /// The call as the locks see it: the calls of a nested workflow's run are below the step of the
    /// run that contains it. Otherwise the same as `lineage`.
    lock_lineage: Lineage,
    /// Whether this is the frame of a run. A run is never rolled back.
    is_run: bool,
    caller: Option<Arc<CallFrame>>,
    /// Held while the fate of any frame in the tree is decided.
    tree: Arc<Mutex<()>>,
    fate: watch::Sender<Fate>,
    done: Mutex<CalleesDone>,
    n_rollbacks: AtomicU32,
    /// Why the call was rolled back last.
    rollback_cause: Mutex<Option<RollbackCause>>,
    /// Whether the call is retried alone on its model, because another call had written the same
    /// data beside it.
    is_alone: AtomicBool,
    /// The number of calls below this one that count for the limit of the run.
    n_counted: AtomicU32,
    n_callees: watch::Sender<usize>,
    locks: Mutex<Option<LockGuard>>,
    /// The permission to begin; `None` once the call has begun.
    admission: Mutex<Option<Admission>>,
    /// The locks that the call and its callees have requested so far.
    wanted: Mutex<BTreeMap<Resource, Mode>>,
}

/// Whether a call can be rolled back. The lock of the tree is held while it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The call had no effect that a retry would repeat.
    Open,
    /// The call cannot be rolled back: it had an effect that a retry would repeat, or a committed
    /// callee has seen what it had staged.
    Escaped,
    /// The call is being rolled back.
    RolledBack,
    /// The end of the call is recorded. If a caller is rolled back, the host answers the call from
    /// the record.
    Recorded,
}

/// What the callees of a call have done so far. The lock of the tree is held while it is changed.
#[derive(Debug, Clone, Default)]
struct CalleesDone {
    /// The number of callees at any depth that are in progress and cannot be rolled back.
    n_escaped: usize,
    /// Whether a callee has had a visible effect and has ended. If the call is rolled back, the
    /// records of its callees are kept.
    is_kept: bool,
    /// Whether a callee has ended that had seen what the call had staged.
    is_staged_seen: bool,
    /// The number of callees at any depth that are in progress and for which that holds.
    n_staged_seen: usize,
}

/// The result of a request to roll back a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rollback {
    /// The rollback of the call begins now.
    Begun,
    /// The call, or one of its callers, was already being rolled back.
    UnderWay,
    /// The call cannot be rolled back.
    Refused,
}

/// A call in the chain is being rolled back, so nothing of it may be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RollbackPending;

impl CallFrame {
    /// Returns the root frame of a run.
    pub(crate) fn of_run(lineage: Lineage) -> Arc<Self> {
        let mut frame = Self::new(lineage.clone(), lineage, None, Arc::default());
        frame.is_run = true;
        Arc::new(frame)
    }

    /// Returns the root frame of a nested workflow's run, which has the place of this run's call
    /// `ordinal`. `lineage` is the root of the nested run's record.
    pub(crate) fn nested_run(self: &Arc<Self>, ordinal: u32, lineage: Lineage) -> Arc<Self> {
        self.n_callees.send_modify(|n_callees| *n_callees += 1);
        let lock_lineage = self.lock_lineage.child(ordinal);
        let caller = Some(Arc::clone(self));
        let tree = Arc::clone(&self.tree);
        let mut frame = Self::new(lineage, lock_lineage, caller, tree);
        frame.is_run = true;
        Arc::new(frame)
    }

    /// Returns the frame of this call's `ordinal`th callee.
    ///
    /// The callee counts as in progress until its frame is dropped, even if its future is never
    /// polled.
    pub(crate) fn callee(self: &Arc<Self>, ordinal: u32) -> Arc<Self> {
        self.n_callees.send_modify(|n_callees| *n_callees += 1);
        let lineage = self.lineage.child(ordinal);
        let lock_lineage = self.lock_lineage.child(ordinal);
        Arc::new(Self::new(
            lineage,
            lock_lineage,
            Some(Arc::clone(self)),
            Arc::clone(&self.tree),
        ))
    }

    fn new(
        lineage: Lineage,
        lock_lineage: Lineage,
        caller: Option<Arc<Self>>,
        tree: Arc<Mutex<()>>,
    ) -> Self {
        Self {
            lineage,
            lock_lineage,
            is_run: false,
            caller,
            tree,
            fate: watch::Sender::new(Fate::Open),
            done: Mutex::default(),
            n_rollbacks: AtomicU32::new(0),
            rollback_cause: Mutex::default(),
            is_alone: AtomicBool::new(false),
            n_counted: AtomicU32::new(0),
            n_callees: watch::Sender::new(0),
            locks: Mutex::new(None),
            admission: Mutex::default(),
            wanted: Mutex::default(),
        }
    }

    pub(crate) fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Returns the call as the locks see it.
    pub(crate) fn lock_lineage(&self) -> &Lineage {
        &self.lock_lineage
    }

    /// Returns the number of runs that the call is part of: its own run, and those above it.
    pub(crate) fn n_runs(&self) -> usize {
        let own = std::iter::once(self).chain(self.callers());
        own.filter(|frame| frame.is_run).count()
    }

    /// Returns the owner of the call's locks for the record of its writes; `None` if it is the call
    /// itself. `claim` is the number of the claim on the outermost run, and `under` the call of
    /// another process whose command this process is part of.
    pub(crate) fn lock_owner(
        &self,
        claim: u64,
        under: Option<&Arc<LockOwner>>,
    ) -> Option<LockOwner> {
        let is_itself = self.lock_lineage == self.lineage && under.is_none();
        (!is_itself).then(|| LockOwner {
            lineage: self.lock_lineage.clone(),
            claim,
            under: under.cloned(),
        })
    }

    /// Returns how often the call was rolled back.
    pub(crate) fn n_rollbacks(&self) -> u32 {
        self.n_rollbacks.load(Ordering::Relaxed)
    }

    /// Returns the locks that the call must acquire; `own` are those that its own method needs.
    ///
    /// A call that was rolled back requests all locks that it and its callees requested before, all
    /// models at once, and only then begins. While it waits for them, it holds nothing that another
    /// call waits for, unless its callers do. So the next deadlock for which it is rolled back is due
    /// to a lock that it has not requested before. The number of rollbacks of one call is therefore
    /// limited by the number of models, and needs no other limit.
    pub(crate) fn wants(&self, own: [(Resource, Mode); 2]) -> Vec<(Resource, Mode)> {
        self.note_wanted(&own);
        if self.n_rollbacks() == 0 {
            return own.into();
        }
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.clone().into_iter().collect()
    }

    /// Notes locks that this call, or the run of a nested workflow, is about to request, for itself
    /// and for its callers.
    pub(crate) fn note_wanted(&self, own: &[(Resource, Mode)]) {
        for frame in std::iter::once(self).chain(self.callers()) {
            frame.add(own);
        }
    }

    fn add(&self, own: &[(Resource, Mode)]) {
        // A run is never rolled back.
        if self.is_run {
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
    /// `seen_of` are the callers whose staged changes the call has seen. With `is_seen`, the call has
    /// a visible effect: these callers cannot be rolled back from then on, because a retry may stage
    /// other changes. If another caller is rolled back, the call is answered from its record.
    ///
    /// # Errors
    /// Returns an error if the call, or one of its callers, is being rolled back: then it must not
    /// commit anything.
    pub(crate) fn end(&self, is_seen: bool, seen_of: &[Lineage]) -> Result<(), RollbackPending> {
        let _tree = self.tree();
        if self.is_rolled_back_in_tree() {
            return Err(RollbackPending);
        }
        let is_kept = is_seen || *self.fate.borrow() == Fate::Escaped;
        for frame in self.callers() {
            let has_seen = seen_of.contains(&frame.lineage);
            if is_kept && has_seen {
                frame.escape_in_tree();
            }
            frame.done().is_kept |= is_kept;
            if has_seen {
                frame.staged_seen_in_tree();
            }
        }
        Ok(())
    }

    /// Marks that the end of the call is recorded.
    ///
    /// The call's own effects do not keep its callers from being rolled back any more, because the
    /// host answers the call from its record.
    pub(crate) fn recorded(&self) {
        let _tree = self.tree();
        if self.fate.send_replace(Fate::Recorded) == Fate::Escaped {
            self.unescape_in_tree();
        }
        self.staged_forget_in_tree();
    }

    /// Marks the call as about to have an effect that a retry would repeat.
    ///
    /// Neither the call nor its callers can be rolled back until the end of the call is recorded.
    ///
    /// # Errors
    /// Returns an error if the call, or one of its callers, is being rolled back: then it must not
    /// have the effect.
    pub(crate) fn escape(&self) -> Result<(), RollbackPending> {
        let _tree = self.tree();
        if self.is_rolled_back_in_tree() {
            return Err(RollbackPending);
        }
        self.escape_in_tree();
        Ok(())
    }

    fn escape_in_tree(&self) {
        if *self.fate.borrow() == Fate::Open {
            self.fate.send_replace(Fate::Escaped);
            for frame in self.callers() {
                frame.done().n_escaped += 1;
            }
        }
    }

    fn staged_seen_in_tree(&self) {
        if !std::mem::replace(&mut self.done().is_staged_seen, true) {
            for frame in self.callers() {
                frame.done().n_staged_seen += 1;
            }
        }
    }

    fn staged_forget_in_tree(&self) {
        if std::mem::take(&mut self.done().is_staged_seen) {
            for frame in self.callers() {
                frame.done().n_staged_seen -= 1;
            }
        }
    }

    fn unescape_in_tree(&self) {
        for frame in self.callers() {
            frame.done().n_escaped -= 1;
        }
    }

    /// Requests the rollback of the call `at`, as the locks see it: this call or one of its callers.
    /// It is rolled back because of this deadlock.
    pub(crate) fn roll_back(&self, at: &Lineage, deadlock: DeadlockChains) -> Rollback {
        let _tree = self.tree();
        if self.is_rolled_back_in_tree() {
            return Rollback::UnderWay;
        }
        let mut own = std::iter::once(self).chain(self.callers());
        let frame = own.find(|frame| frame.lock_lineage == *at);
        // A run has no caller that could retry it.
        let Some(frame) = frame.filter(|frame| !frame.is_run) else {
            return Rollback::Refused;
        };
        frame.roll_back_in_tree(RollbackCause::Deadlock(deadlock))
    }

    /// Requests the rollback of this call, an observation: its changes were refused, because the data
    /// `name` has changed beside it. The retry is alone on its model, so this is refused the second
    /// time.
    pub(crate) fn roll_back_alone(&self, name: String, reason: String) -> Rollback {
        let _tree = self.tree();
        if self.is_rolled_back_in_tree() {
            return Rollback::UnderWay;
        }
        if self.is_alone() {
            return Rollback::Refused;
        }
        let rollback = self.roll_back_in_tree(RollbackCause::ChangedMeanwhile { name, reason });
        if rollback == Rollback::Begun {
            self.is_alone.store(true, Ordering::Relaxed);
        }
        rollback
    }

    fn roll_back_in_tree(&self, cause: RollbackCause) -> Rollback {
        let is_open = *self.fate.borrow() == Fate::Open && self.done().can_be_repeated();
        if !is_open {
            return Rollback::Refused;
        }
        self.n_rollbacks.fetch_add(1, Ordering::Relaxed);
        *self.cause_slot() = Some(cause);
        self.fate.send_replace(Fate::RolledBack);
        Rollback::Begun
    }

    /// Returns whether the call is retried alone on its model.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_alone.load(Ordering::Relaxed)
    }

    /// Returns why the call, or else the nearest of its callers, was rolled back.
    pub(crate) fn rollback_cause(&self) -> Option<RollbackCause> {
        let mut own = std::iter::once(self).chain(self.callers());
        own.find_map(|frame| frame.cause_slot().clone())
    }

    fn cause_slot(&self) -> MutexGuard<'_, Option<RollbackCause>> {
        self.rollback_cause
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the records of the call's callees are kept if the call is rolled back.
    pub(crate) fn keeps_callees(&self) -> bool {
        self.done().is_kept
    }

    /// Marks that the call is about to start the run of a workflow, whose record stays. If the call
    /// or one of its callers is rolled back, the retry is answered from the records.
    ///
    /// # Errors
    /// Returns an error if the call, or one of its callers, is being rolled back: then it must not
    /// start the run.
    pub(crate) fn run_starts(&self) -> Result<(), RollbackPending> {
        let _tree = self.tree();
        if self.is_rolled_back_in_tree() {
            return Err(RollbackPending);
        }
        for frame in std::iter::once(self).chain(self.callers()) {
            frame.done().is_kept = true;
        }
        Ok(())
    }

    /// Returns whether the call, or one of its callers, is being rolled back.
    pub(crate) fn is_in_rollback(&self) -> bool {
        let _tree = self.tree();
        self.is_rolled_back_in_tree()
    }

    /// Marks that the record has callees of this call from before a caller was rolled back.
    pub(crate) fn keep_callees(&self) {
        self.done().is_kept = true;
    }

    fn done(&self) -> MutexGuard<'_, CalleesDone> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that this call counts for the limit on the calls of its run.
    pub(crate) fn counted(&self) {
        for frame in self.callers() {
            frame.n_counted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes that this call does not count any more, because it will be made again.
    pub(crate) fn uncounted(&self) {
        for frame in self.callers() {
            frame.n_counted.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Returns how many calls below this one have counted so far, and counts none of them any more.
    pub(crate) fn uncounted_below(&self) -> u32 {
        let n_counted = self.n_counted.swap(0, Ordering::Relaxed);
        for frame in self.callers() {
            frame.n_counted.fetch_sub(n_counted, Ordering::Relaxed);
        }
        n_counted
    }

    /// Returns the callers, from the nearest one up to the run.
    fn callers(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(self.caller.as_deref(), |frame| frame.caller.as_deref())
    }

    /// Returns whether one of the call's callers is being rolled back.
    pub(crate) fn is_rolled_back_above(&self) -> bool {
        let _tree = self.tree();
        self.caller
            .as_ref()
            .is_some_and(|caller| caller.is_rolled_back_in_tree())
    }

    fn is_rolled_back_in_tree(&self) -> bool {
        let mut own = std::iter::once(self).chain(self.callers());
        own.any(|frame| *frame.fate.borrow() == Fate::RolledBack)
    }

    /// Returns whether this call itself is being rolled back.
    pub(crate) fn is_rolled_back(&self) -> bool {
        *self.fate.borrow() == Fate::RolledBack
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
        self.staged_forget_in_tree();
        self.fate.send_replace(Fate::Open);
    }

    fn tree(&self) -> MutexGuard<'_, ()> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CalleesDone {
    /// Returns whether a retry of the call would repeat no effect of its callees.
    ///
    /// The records of all callees that have ended are kept, or none of them. If they are kept, none
    /// may have seen what its caller had staged, because the retry may stage something else.
    fn can_be_repeated(&self) -> bool {
        let is_staged_seen = self.is_staged_seen || self.n_staged_seen > 0;
        self.n_escaped == 0 && !(self.is_kept && is_staged_seen)
    }
}

impl CallFrame {
    /// Withdraws what this call in progress means for its callers.
    fn end_in_tree(&self) {
        let _tree = self.tree();
        self.staged_forget_in_tree();
        let is_escaped = *self.fate.borrow() == Fate::Escaped;
        if is_escaped {
            // The call was cut off, so a retry of its caller would repeat its effects.
            self.unescape_in_tree();
            if let Some(caller) = &self.caller {
                caller.escape_in_tree();
            }
        }
    }
}

impl Drop for CallFrame {
    fn drop(&mut self) {
        self.end_in_tree();
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

    fn roll_back(from: &CallFrame, at: &CallFrame) -> Rollback {
        let chains = DeadlockChains {
            ours: vec!["a.run".to_owned()],
            theirs: vec!["b.run".to_owned()],
        };
        from.roll_back(at.lock_lineage(), chains)
    }

    #[test]
    fn run_is_not_rolled_back() {
        let [run, _one, _two, three] = frames();
        assert_eq!(roll_back(&three, &run), Rollback::Refused);
    }

    #[test]
    fn effect_prevents_rollback_until_the_call_is_recorded() {
        let [_run, one, two, three] = frames();
        assert_eq!(three.escape(), Ok(()));
        for frame in [&one, &two, &three] {
            assert_eq!(roll_back(&three, frame), Rollback::Refused);
        }
        let other = two.callee(2);
        assert_eq!(
            roll_back(&other, &other),
            Rollback::Begun,
            "it had no effect itself"
        );
        assert_eq!(three.end(true, &[]), Ok(()));
        three.recorded();
        assert!(two.keeps_callees() && one.keeps_callees() && !three.keeps_callees());
        assert_eq!(roll_back(&three, &two), Rollback::Begun);
        let Some(RollbackCause::Deadlock(chains)) = two.rollback_cause() else {
            panic!("it was rolled back for a deadlock")
        };
        assert_eq!(chains.ours, ["a.run"]);
    }

    #[test]
    fn effect_of_a_call_that_was_cut_off_prevents_rollback_of_its_callers() {
        let [_run, one, two, three] = frames();
        assert_eq!(three.escape(), Ok(()));
        drop(three);
        for frame in [&one, &two] {
            assert_eq!(roll_back(&two, frame), Rollback::Refused);
        }
        assert_eq!(two.end(true, &[]), Ok(()));
        two.recorded();
        assert_eq!(roll_back(&one, &one), Rollback::Begun);
    }

    #[test]
    fn committed_callee_that_saw_what_a_caller_had_staged_prevents_its_rollback() {
        let [_run, one, two, three] = frames();
        assert_eq!(three.end(true, &[one.lineage().clone()]), Ok(()));
        three.recorded();
        assert_eq!(roll_back(&two, &one), Rollback::Refused);
        assert_eq!(roll_back(&two, &two), Rollback::Begun);
    }

    /// A callee that only reads can be repeated, unless the records of other callees are kept.
    #[test]
    fn callee_that_saw_staged_data_is_repeated_with_its_caller() {
        let [_run, one, two, three] = frames();
        assert_eq!(three.end(false, &[two.lineage().clone()]), Ok(()));
        three.recorded();
        assert_eq!(roll_back(&two, &one), Rollback::Begun);
        one.reset();
        assert_eq!(one.callee(2).end(true, &[]), Ok(()));
        assert_eq!(roll_back(&two, &one), Rollback::Refused);
        two.recorded();
        assert_eq!(roll_back(&one, &one), Rollback::Begun, "two has ended");
    }

    #[test]
    fn rollback_prevents_visible_side_effects() {
        let [_run, one, two, three] = frames();
        assert_eq!(roll_back(&three, &two), Rollback::Begun);
        assert_eq!(roll_back(&three, &one), Rollback::UnderWay);
        assert_eq!(three.end(true, &[]), Err(RollbackPending));
        assert_eq!(three.escape(), Err(RollbackPending));
        assert!(three.is_rolled_back_above() && !two.is_rolled_back_above());
        assert_eq!(one.end(true, &[]), Ok(()), "it is a caller");
        two.reset();
        assert_eq!(three.end(true, &[]), Ok(()));
    }

    #[test]
    fn calls_that_are_made_again_do_not_count() {
        let [run, one, two, three] = frames();
        for frame in [&one, &two, &three] {
            frame.counted();
        }
        three.uncounted();
        assert_eq!(one.uncounted_below(), 1);
        assert_eq!(run.uncounted_below(), 1);
    }

    #[test]
    fn nested_run_locks_below_its_step_and_is_not_rolled_back() {
        let [run, one, ..] = frames();
        let nested = run.nested_run(7, Lineage::root(RunId::from_bits(2)));
        let call = nested.callee(3);
        assert_eq!(*call.lineage(), Lineage::root(RunId::from_bits(2)).child(3));
        assert_eq!(*call.lock_lineage(), run.lineage().child(7).child(3));
        assert_eq!(
            roll_back(&call, &nested),
            Rollback::Refused,
            "a run has no caller that could retry it"
        );
        assert_eq!(roll_back(&call, &call), Rollback::Begun);
        assert_eq!(one.lock_lineage(), one.lineage());
        let owner = LockOwner {
            lineage: call.lock_lineage().clone(),
            claim: 5,
            under: None,
        };
        assert_eq!(call.lock_owner(5, None), Some(owner.clone()));
        assert_eq!(
            one.lock_owner(5, None),
            None,
            "the call itself owns its locks"
        );
        let under = Arc::new(owner);
        let joined = LockOwner {
            lineage: one.lineage().clone(),
            claim: 5,
            under: Some(Arc::clone(&under)),
        };
        assert_eq!(one.lock_owner(5, Some(&under)), Some(joined));
    }

    #[test]
    fn run_that_a_call_started_is_kept_if_the_call_is_rolled_back() {
        let [run, one, two, _three] = frames();
        assert_eq!(two.run_starts(), Ok(()));
        let nested = two.nested_run(1, Lineage::root(RunId::from_bits(2)));
        assert_eq!((run.n_runs(), two.n_runs(), nested.n_runs()), (1, 1, 2));
        let call = nested.callee(1);
        assert!(two.keeps_callees() && one.keeps_callees());
        assert_eq!(call.escape(), Ok(()));
        assert_eq!(
            roll_back(&call, &two),
            Rollback::Refused,
            "a call of the run is in progress and has had an effect"
        );
        assert_eq!(call.end(true, &[]), Ok(()));
        call.recorded();
        assert_eq!(roll_back(&call, &two), Rollback::Begun);
        assert!(call.is_in_rollback() && !one.is_in_rollback());
        assert_eq!(nested.callee(2).end(true, &[]), Err(RollbackPending));
        assert_eq!(two.run_starts(), Err(RollbackPending));
    }

    #[test]
    fn observation_is_retried_alone_once() {
        let [_run, one, two, _three] = frames();
        let retry = |frame: &CallFrame| frame.roll_back_alone("x".to_owned(), "no".to_owned());
        assert!(!two.is_alone());
        assert_eq!(retry(&two), Rollback::Begun);
        assert_eq!(retry(&two), Rollback::UnderWay);
        two.reset();
        assert!(two.is_alone() && !one.is_alone());
        assert_eq!((one.n_rollbacks(), two.n_rollbacks()), (0, 1));
        assert!(matches!(
            two.rollback_cause(),
            Some(RollbackCause::ChangedMeanwhile { name, .. }) if name == "x"
        ));
        assert_eq!(retry(&two), Rollback::Refused);
        assert_eq!(
            roll_back(&two, &two),
            Rollback::Begun,
            "it can still be part of a deadlock"
        );
    }

    #[test]
    fn observation_that_has_published_is_not_retried() {
        let [_run, one, two, _three] = frames();
        assert_eq!(two.escape(), Ok(()));
        let retry = |frame: &CallFrame| frame.roll_back_alone("x".to_owned(), "no".to_owned());
        assert_eq!(retry(&two), Rollback::Refused);
        assert!(!two.is_alone(), "it was not rolled back");
        assert_eq!(
            retry(&one),
            Rollback::Refused,
            "its callee cannot be repeated"
        );
    }

    /// Each retry requests more locks than the one before, so the number of retries is limited.
    #[test]
    fn call_can_be_rolled_back_for_each_new_lock() {
        let [_run, one, two, _three] = frames();
        let writes = |number: u32| {
            let name = format!("model-{number}").parse().expect("a name");
            [
                (Resource::Datastore, Mode::IX),
                (Resource::Model(name), Mode::X),
            ]
        };
        one.wants(writes(0));
        for n in 1..=100 {
            two.wants(writes(n));
            assert_eq!(roll_back(&two, &one), Rollback::Begun, "{n}");
            assert_eq!(one.n_rollbacks(), n);
            one.reset();
            let n_wants = usize::try_from(n).expect("a small number") + 2;
            assert_eq!(one.wants(writes(0)).len(), n_wants);
        }
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
        assert_eq!(roll_back(&three, &one), Rollback::Begun);
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
