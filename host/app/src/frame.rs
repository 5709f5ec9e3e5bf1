//! The calls of a run that are under way, as a tree.
//!
//! A frame is one call under way, and the run itself is the one at the top. A frame keeps
//! its caller's, so that no call's locks are let go while a call below it still runs,
//! however the callers above it ended.
//!
//! It also says whether a call can be undone: as long as nothing that it or a call below it
//! did can be seen from outside. Both are settled under one lock for the whole tree, so that
//! a call is never undone in the very moment in which a callee of it commits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_locks::manager::LockGuard;
use sedge_locks::mode::{Mode, Resource};
use sedge_model::lineage::Lineage;
use sedge_runtime::Admission;
use tokio::sync::watch;

/// How often one call is undone and started anew, at most. Each time, whoever was in its way
/// goes first, so more than once or twice means a crowd in which trying again helps nobody.
pub(crate) const UNDONE_MAX: u32 = 8;

/// One call under way, or the run.
#[derive(Debug)]
pub(crate) struct Frame {
    lineage: Lineage,
    caller: Option<Arc<Frame>>,
    /// Held while fates are settled, anywhere in the tree.
    tree: Arc<Mutex<()>>,
    fate: watch::Sender<Fate>,
    n_undone: AtomicU32,
    n_callees: watch::Sender<usize>,
    locks: Mutex<Option<LockGuard>>,
    /// That it may begin, until it does.
    admission: Mutex<Option<Admission>>,
    /// What it and the calls below it wanted to lock until now.
    wanted: Mutex<BTreeMap<Resource, Mode>>,
}

/// Whether a call can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It can.
    Open,
    /// It cannot: something that it or a call below it did can be seen from outside.
    Escaped,
    /// It is being undone.
    Undone,
}

/// What became of the wish to undo a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undo {
    /// It is being undone, from now on.
    Begun,
    /// It was being undone already, or a call above it was.
    UnderWay,
    /// It cannot be undone, or has been too often.
    Refused,
}

/// A call above is being undone, so what was about to be done must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BeingUndone;

impl Frame {
    /// Returns the frame of a run.
    pub(crate) fn of_run(lineage: Lineage) -> Arc<Self> {
        Arc::new(Self::new(lineage, None, Arc::default()))
    }

    /// Returns the frame of this one's `ordinal`th call, which counts as under way until it
    /// is dropped, also while nobody has polled the call.
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
            n_undone: AtomicU32::new(0),
            n_callees: watch::Sender::new(0),
            locks: Mutex::new(None),
            admission: Mutex::default(),
            wanted: Mutex::default(),
        }
    }

    pub(crate) fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Returns how often the call was undone.
    pub(crate) fn n_undone(&self) -> u32 {
        self.n_undone.load(Ordering::Relaxed)
    }

    /// Returns what the call is to lock, of which `own` is what it needs itself.
    ///
    /// A call that was undone locks all that it and those below it wanted before, and only then
    /// begins: once it has, it is not undone for the same reason again. The order is that of
    /// the resources, the same for all, so that those that do so are in nobody's way who does.
    pub(crate) fn wants(&self, own: [(Resource, Mode); 2]) -> Vec<(Resource, Mode)> {
        let mut above = Some(self);
        while let Some(frame) = above {
            frame.add(&own);
            above = frame.caller.as_deref();
        }
        if self.n_undone() == 0 {
            return own.into();
        }
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.clone().into_iter().collect()
    }

    fn add(&self, own: &[(Resource, Mode)]) {
        // A run is never undone.
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

    /// Returns whether its run, or a call above this one, holds locks.
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

    /// Notes that the call may begin.
    pub(crate) fn admit(&self, admission: Admission) {
        *self.admission_slot() = Some(admission);
    }

    /// Takes out that the call may begin; `None` for a call that does not wait for that.
    pub(crate) fn admission(&self) -> Option<Admission> {
        self.admission_slot().take()
    }

    fn admission_slot(&self) -> MutexGuard<'_, Option<Admission>> {
        self.admission
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps locks until the call and all below it are gone.
    pub(crate) fn keep(&self, locks: LockGuard) {
        *self.locks.lock().unwrap_or_else(PoisonError::into_inner) = Some(locks);
    }

    /// Waits until every call below has stopped and is on record.
    ///
    /// A caller that is cut off takes its callees with it, but those that it had started
    /// are tasks of their own, and a task stops only where it next lets go of its thread.
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

    /// Says that the call is about to end. With `is_seen`, its callers cannot be undone from
    /// then on, for what it did can be seen from outside.
    ///
    /// # Errors
    /// The call, or one above it, is being undone: then nothing of it may be committed.
    pub(crate) fn end(&self, is_seen: bool) -> Result<(), BeingUndone> {
        let _tree = self.tree();
        if self.is_undone_in_tree() {
            return Err(BeingUndone);
        }
        let mut above = self.caller.as_deref().filter(|_| is_seen);
        while let Some(frame) = above {
            frame.fate.send_replace(Fate::Escaped);
            above = frame.caller.as_deref();
        }
        Ok(())
    }

    /// Says that what the call has done so far is about to be seen from outside: it cannot be
    /// undone from then on, nor can its callers.
    ///
    /// # Errors
    /// The call, or one above it, is being undone: then nothing of it may be committed.
    pub(crate) fn publish(&self) -> Result<(), BeingUndone> {
        self.end(true)?;
        let _tree = self.tree();
        if *self.fate.borrow() == Fate::Undone {
            return Err(BeingUndone);
        }
        self.fate.send_replace(Fate::Escaped);
        Ok(())
    }

    /// Has the call `at` undone, which is this one or one above it.
    pub(crate) fn undo(&self, at: &Lineage) -> Undo {
        let _tree = self.tree();
        if self.is_undone_in_tree() {
            return Undo::UnderWay;
        }
        let mut above = Some(self);
        while let Some(frame) = above.filter(|frame| frame.lineage != *at) {
            above = frame.caller.as_deref();
        }
        // A run has nobody above it who could start it anew.
        let Some(frame) = above.filter(|frame| frame.caller.is_some()) else {
            return Undo::Refused;
        };
        let is_open = *frame.fate.borrow() == Fate::Open;
        if !is_open || frame.n_undone() >= UNDONE_MAX {
            return Undo::Refused;
        }
        frame.n_undone.fetch_add(1, Ordering::Relaxed);
        frame.fate.send_replace(Fate::Undone);
        Undo::Begun
    }

    /// Returns whether a call above this one is being undone.
    pub(crate) fn is_undone_above(&self) -> bool {
        let _tree = self.tree();
        self.caller
            .as_ref()
            .is_some_and(|caller| caller.is_undone_in_tree())
    }

    fn is_undone_in_tree(&self) -> bool {
        let mut above = Some(self);
        while let Some(frame) = above {
            if *frame.fate.borrow() == Fate::Undone {
                return true;
            }
            above = frame.caller.as_deref();
        }
        false
    }

    /// Waits until this very call is to be undone.
    pub(crate) async fn undone(&self) {
        let mut fate = self.fate.subscribe();
        if fate.wait_for(|fate| *fate == Fate::Undone).await.is_err() {
            unreachable!("the sender is in `self`")
        }
    }

    /// Lets go of the call's locks, once nothing below it is left.
    pub(crate) async fn unlock(&self) {
        self.callees_ended().await;
        // Before it is waited for again.
        drop(self.admission());
        self.locks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Says that the call is as if it had never begun.
    pub(crate) fn start_anew(&self) {
        let _tree = self.tree();
        self.fate.send_replace(Fate::Open);
    }

    fn tree(&self) -> MutexGuard<'_, ()> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // Before the caller may hear that this call is gone.
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

    fn frames() -> [Arc<Frame>; 4] {
        let run = Frame::of_run(Lineage::root(RunId::from_bits(1)));
        let one = run.callee(1);
        let two = one.callee(1);
        let three = two.callee(1);
        [run, one, two, three]
    }

    #[test]
    fn what_was_seen_cannot_be_undone() {
        let [run, one, two, three] = frames();
        assert_eq!(
            three.undo(run.lineage()),
            Undo::Refused,
            "a run is not undone"
        );
        assert_eq!(three.end(true), Ok(()));
        for frame in [&one, &two] {
            assert_eq!(three.undo(frame.lineage()), Undo::Refused);
        }
        let other = two.callee(2);
        assert_eq!(
            other.undo(other.lineage()),
            Undo::Begun,
            "it did nothing itself"
        );
    }

    #[test]
    fn what_is_being_undone_is_not_seen() {
        let [_run, one, two, three] = frames();
        assert_eq!(three.end(false), Ok(()), "nothing of it can be seen");
        assert_eq!(three.undo(two.lineage()), Undo::Begun);
        assert_eq!(three.undo(one.lineage()), Undo::UnderWay);
        assert_eq!(three.end(true), Err(BeingUndone));
        assert!(three.is_undone_above() && !two.is_undone_above());
        assert_eq!(one.end(true), Ok(()), "it is above");
        two.start_anew();
        assert_eq!(three.end(true), Ok(()));
    }

    #[test]
    fn a_call_is_undone_so_often_and_no_more() {
        let [_run, one, ..] = frames();
        for n in 0..UNDONE_MAX {
            assert_eq!(one.n_undone(), n);
            assert_eq!(one.undo(one.lineage()), Undo::Begun);
            one.start_anew();
        }
        assert_eq!(one.undo(one.lineage()), Undo::Refused);
    }

    #[tokio::test]
    async fn a_call_is_under_way_as_long_as_one_below_it() {
        let [run, one, two, three] = frames();
        drop((one, two));
        let ended = async || clock::until(Moment::now(), run.callees_ended()).await;
        assert!(ended().await.is_err(), "a grandchild is left");
        drop(three);
        assert!(ended().await.is_ok());
    }

    #[test]
    fn who_was_undone_locks_what_was_wanted_before() {
        let [run, one, two, three] = frames();
        let [a, b, c] = ["a", "b", "c"].map(|it| Resource::Model(it.parse().expect("a name")));
        let reads = |it: &Resource| [(Resource::Datastore, Mode::IS), (it.clone(), Mode::S)];
        let writes = |it: &Resource| [(Resource::Datastore, Mode::IX), (it.clone(), Mode::X)];
        assert_eq!(one.wants(writes(&b)), writes(&b));
        assert_eq!(two.wants(reads(&c)), reads(&c));
        assert_eq!(three.wants(reads(&b)), reads(&b));
        assert_eq!(two.callee(2).wants(writes(&a)), writes(&a));
        assert_eq!(three.undo(one.lineage()), Undo::Begun);
        one.start_anew();
        let all = [
            (Resource::Datastore, Mode::IX),
            (a, Mode::X),
            (b.clone(), Mode::X),
            (c.clone(), Mode::S),
        ];
        assert_eq!(one.wants(writes(&b)), all);
        assert_eq!(two.wants(reads(&c)), reads(&c), "it was not undone itself");
        assert_eq!(run.wanted.lock().expect("no panic").len(), 0);
    }
}
