//! Every call to the disk fails once, in each way: without effect, after half of its effect, or
//! with a disk that fails from then on.

use std::collections::BTreeSet;

use sedge_store::{Medium, StoreError};

use crate::dice::{Dice, number_from_env};
use crate::operations::{Operation, Subject, for_each, seal};
use crate::recorder::{CallKind, Fault, Plan};
use crate::rig::Rig;
use crate::state::{chain, check_files, check_leftovers, find_state, open};

/// The ways in which a call fails, and whether reads count as calls.
const WAYS: [(Fault, bool); 5] = [
    (Fault::Once, false),
    (Fault::Half, false),
    (Fault::Gone, false),
    (Fault::Once, true),
    (Fault::Gone, true),
];

/// How the store is used after the failure.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// By the next process.
    Reopened,
    /// By the same process, which continues with the open store.
    GoesOn,
}

/// The default for the most calls of an operation that fail in one way. If there are more calls,
/// all that are neither reads nor writes fail, those next to them, and some random reads and
/// writes.
const N_CALLS: u64 = 40;

/// The same limit if reads count as calls, of which there are many similar ones.
const N_READS: u64 = 6;

/// The results of all trials of an operation.
#[derive(Debug, Default)]
struct Count {
    n_calls: usize,
    n_trials: u64,
    n_refused: u64,
    n_refused_and_there: u64,
}

#[test]
fn every_call_fails_once() {
    for_each(|operation, dice| {
        let count = fail_each(operation, dice);
        println!(
            "{}: {} calls failed one by one, {} times valid; {} refused, {} of them there after all",
            operation.name,
            count.n_calls,
            count.n_trials,
            count.n_refused,
            count.n_refused_and_there
        );
    });
}

fn fail_each(operation: Operation, dice: &mut Dice) -> Count {
    let subject = Subject::new(operation);
    let mut count = Count::default();
    for (fault, reads) in WAYS {
        for nth in which(&subject, fault, reads, dice) {
            for then in [Then::Reopened, Then::GoesOn] {
                let plan = Plan { nth, fault, reads };
                let trial = match then {
                    Then::Reopened => reopen_after_failure(&subject, plan, &mut count),
                    Then::GoesOn => continue_after_failure(&subject, plan, &mut count),
                };
                let is_hit = trial.unwrap_or_else(|fault| {
                    panic!("{}, {plan:?}, {then:?}: {fault}", operation.name)
                });
                count.n_trials += u64::from(is_hit);
            }
            if !reads && fault == Fault::Once {
                count.n_calls += 1;
            }
        }
    }
    assert!(count.n_calls > 0, "{} does nothing", operation.name);
    count
}

/// Returns the calls that are to fail: all of them, unless there are too many.
fn which(subject: &Subject, fault: Fault, reads: bool, dice: &mut Dice) -> BTreeSet<usize> {
    let rig = Rig::new(&subject.start);
    let nth = 0;
    rig.recorder.arm(Plan { nth, fault, reads });
    drop(subject.operation.attempt(rig.medium()));
    let calls = rig.recorder.calls();
    let n_max = number_from_env("SEDGE_CRASH_CALLS", if reads { N_READS } else { N_CALLS });
    let n_max = usize::try_from(n_max).expect("few");
    let mut which = BTreeSet::new();
    if calls.len() <= n_max {
        which.extend(1..=calls.len());
    }
    for (nth, call) in (1..).zip(&calls) {
        if *call == CallKind::Other {
            which.extend([nth - 1, nth, nth + 1]);
        }
    }
    which.retain(|nth| (1..=calls.len()).contains(nth));
    while which.len() < n_max.min(calls.len()) {
        which.insert(1 + dice.index(calls.len()));
    }
    // A sync has no half.
    which.retain(|nth| fault != Fault::Half || calls[nth - 1] == CallKind::ReadOrWrite);
    which
}

/// Makes a call fail, and checks what the next process finds. Returns false if the call was not
/// made.
fn reopen_after_failure(subject: &Subject, plan: Plan, count: &mut Count) -> Result<bool, String> {
    let rig = Rig::new(&subject.start);
    rig.recorder.arm(plan);
    let (store, done) = subject.operation.attempt(rig.medium());
    // Closing the store may fail, too.
    drop(store);
    if rig.recorder.n_failed() == 0 {
        done.map_err(|error| format!("it failed by itself: {}", chain(&error)))?;
        return Ok(false);
    }
    rig.recorder.heal();
    let folder = &rig.place.folder;
    let store = open(folder).map_err(|error| chain(&error))?;
    let found_at = find_state(
        store.as_ref(),
        &subject.states[..2],
        usize::from(done.is_ok()),
    )?;
    check_files(folder)?;
    count.note(&done, found_at);
    let medium = || Medium::new(folder).expect("a descriptor is left");
    if found_at == 0 {
        let again = subject.operation.again(store.as_ref(), medium());
        again.map_err(|error| format!("not when tried again: {}", chain(&error)))?;
    }
    let store = open(folder).map_err(|error| chain(&error))?;
    find_state(store.as_ref(), &subject.states[..2], 1)?;
    let store = store.ok_or("there is no store at the end")?;
    seal(&store).map_err(|error| format!("it writes no more: {}", chain(&error)))?;
    check_files(folder)?;
    check_leftovers(&store)?;
    Ok(true)
}

/// Makes a call fail, heals the disk, and continues with the same store. Returns false if the call
/// was not made.
fn continue_after_failure(
    subject: &Subject,
    plan: Plan,
    count: &mut Count,
) -> Result<bool, String> {
    let rig = Rig::new(&subject.start);
    rig.recorder.arm(plan);
    let (store, done) = subject.operation.attempt(rig.medium());
    if rig.recorder.n_failed() == 0 {
        done.map_err(|error| format!("it failed by itself: {}", chain(&error)))?;
        return Ok(false);
    }
    rig.recorder.heal();
    let folder = &rig.place.folder;
    // If no store is open, the next process opens one.
    let opened = match store {
        Some(store) => Some(store),
        None => open(folder).map_err(|error| chain(&error))?,
    };
    let states = &subject.states[..2];
    let found_at = find_state(opened.as_ref(), states, usize::from(done.is_ok()))?;
    count.note(&done, found_at);
    if found_at == 0 {
        let again = subject.operation.again(opened.as_ref(), rig.medium());
        again.map_err(|error| format!("not when tried again: {}", chain(&error)))?;
    }
    let store = match opened {
        Some(store) => store,
        None => open(folder)
            .map_err(|error| chain(&error))?
            .ok_or("there is no store at the end")?,
    };
    find_state(Some(&store), states, 1)?;
    seal(&store).map_err(|error| format!("it writes no more: {}", chain(&error)))?;
    drop(store);
    let store = open(folder).map_err(|error| chain(&error))?;
    find_state(store.as_ref(), &subject.states, 2)?;
    check_files(folder)?;
    check_leftovers(store.as_ref().ok_or("there is no store at the end")?)?;
    Ok(true)
}

impl Count {
    fn note(&mut self, done: &Result<(), StoreError>, found_at: usize) {
        self.n_refused += u64::from(done.is_err());
        self.n_refused_and_there += u64::from(done.is_err() && found_at == 1);
    }
}
