//! Every call to the disk fails once, and in every way: one that does nothing, one that does
//! half, and one after which the disk is gone.

use std::collections::BTreeSet;

use sedge_store::{Medium, StoreError};

use crate::dice::{Dice, told};
use crate::operations::{Operation, Subject, for_each, seal};
use crate::recorder::{Fault, Likeness, Plan};
use crate::rig::Rig;
use crate::state::{chain, open, sound, tidy, whole};

/// In which ways a call fails, and whether reading is a call too.
const WAYS: [(Fault, bool); 5] = [
    (Fault::Once, false),
    (Fault::Half, false),
    (Fault::Gone, false),
    (Fault::Once, true),
    (Fault::Gone, true),
];

/// Who looks at what a failed call left.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// The next process.
    Reopened,
    /// The same process, which goes on with the store that it has open.
    GoesOn,
}

/// The most calls of an operation that fail in one way, unless told otherwise. Where there
/// are more, those fail that are of their own, and those beside them, and of many in a row
/// some that are drawn.
const N_CALLS: u64 = 40;

/// The same where reading is a call too: there are many, and they are alike.
const N_READS: u64 = 6;

/// What was found in all trials of an operation.
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
            "{}: {} calls failed one by one, {} times whole; {} refused, {} of them there after all",
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
                    Then::Reopened => reopened(&subject, plan, &mut count),
                    Then::GoesOn => goes_on(&subject, plan, &mut count),
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

/// Returns which calls are to fail: all, where there are not too many.
fn which(subject: &Subject, fault: Fault, reads: bool, dice: &mut Dice) -> BTreeSet<usize> {
    let rig = Rig::new(&subject.start);
    let nth = 0;
    rig.recorder.arm(Plan { nth, fault, reads });
    drop(subject.operation.attempt(rig.medium()));
    let calls = rig.recorder.calls();
    let n_max = told("SEDGE_CRASH_CALLS", if reads { N_READS } else { N_CALLS });
    let n_max = usize::try_from(n_max).expect("few");
    let mut which = BTreeSet::new();
    if calls.len() <= n_max {
        which.extend(1..=calls.len());
    }
    for (nth, call) in (1..).zip(&calls) {
        if *call == Likeness::OfItsOwn {
            which.extend([nth - 1, nth, nth + 1]);
        }
    }
    which.retain(|nth| (1..=calls.len()).contains(nth));
    while which.len() < n_max.min(calls.len()) {
        which.insert(1 + dice.index(calls.len()));
    }
    // Of a sync there is no half.
    which.retain(|nth| fault != Fault::Half || calls[nth - 1] == Likeness::OfMany);
    which
}

/// Lets a call fail, and looks at what the next process finds. False if there was no such
/// call.
fn reopened(subject: &Subject, plan: Plan, count: &mut Count) -> Result<bool, String> {
    let rig = Rig::new(&subject.start);
    rig.recorder.arm(plan);
    let (store, done) = subject.operation.attempt(rig.medium());
    // The disk may fail now too.
    drop(store);
    if rig.recorder.n_failed() == 0 {
        done.map_err(|error| format!("it failed by itself: {}", chain(&error)))?;
        return Ok(false);
    }
    rig.recorder.heal();
    let folder = &rig.place.folder;
    let store = open(folder).map_err(|error| chain(&error))?;
    let stands = whole(
        store.as_ref(),
        &subject.states[..2],
        usize::from(done.is_ok()),
    )?;
    sound(folder)?;
    count.note(&done, stands);
    let medium = || Medium::new(folder).expect("a descriptor is left");
    if stands == 0 {
        let again = subject.operation.again(store.as_ref(), medium());
        again.map_err(|error| format!("not when tried again: {}", chain(&error)))?;
    }
    let store = open(folder).map_err(|error| chain(&error))?;
    whole(store.as_ref(), &subject.states[..2], 1)?;
    let store = store.ok_or("there is no store at the end")?;
    seal(&store).map_err(|error| format!("it writes no more: {}", chain(&error)))?;
    sound(folder)?;
    tidy(&store)?;
    Ok(true)
}

/// Lets a call fail, and goes on with the same store once the disk is well. False if there
/// was no such call.
fn goes_on(subject: &Subject, plan: Plan, count: &mut Count) -> Result<bool, String> {
    let rig = Rig::new(&subject.start);
    rig.recorder.arm(plan);
    let (store, done) = subject.operation.attempt(rig.medium());
    if rig.recorder.n_failed() == 0 {
        done.map_err(|error| format!("it failed by itself: {}", chain(&error)))?;
        return Ok(false);
    }
    rig.recorder.heal();
    let folder = &rig.place.folder;
    // Without one that is open, what the next process would find is looked at.
    let looks = match store {
        Some(store) => Some(store),
        None => open(folder).map_err(|error| chain(&error))?,
    };
    let states = &subject.states[..2];
    let stands = whole(looks.as_ref(), states, usize::from(done.is_ok()))?;
    count.note(&done, stands);
    if stands == 0 {
        let again = subject.operation.again(looks.as_ref(), rig.medium());
        again.map_err(|error| format!("not when tried again: {}", chain(&error)))?;
    }
    let store = match looks {
        Some(store) => store,
        None => open(folder)
            .map_err(|error| chain(&error))?
            .ok_or("there is no store at the end")?,
    };
    whole(Some(&store), states, 1)?;
    seal(&store).map_err(|error| format!("it writes no more: {}", chain(&error)))?;
    drop(store);
    let store = open(folder).map_err(|error| chain(&error))?;
    whole(store.as_ref(), &subject.states, 2)?;
    sound(folder)?;
    tidy(store.as_ref().ok_or("there is no store at the end")?)?;
    Ok(true)
}

impl Count {
    fn note(&mut self, done: &Result<(), StoreError>, stands: usize) {
        self.n_refused += u64::from(done.is_err());
        self.n_refused_and_there += u64::from(done.is_err() && stands == 1);
    }
}
