//! A call to the disk fails, the store goes on, and then the power is cut.
//!
//! Whoever ignores that a sync failed has a store that looks whole until the power is cut.
//! And a sync that failed may take along what it was to write: the next one succeeds, and
//! what is lost stays lost (Rebello et al., "Can Applications Recover from fsync Failures?",
//! 2020). So each is tried with a disk that does so, and with one that does not.
//!
//! The former only where the store stays open, which knows what it has to write once more.
//! Who opens it anew reads from the log what the system still has and the disk may not: there
//! SQLite has no way to know, and what is written behind it would be lost with it.

use std::collections::BTreeSet;

use sedge_store::{Store, StoreError};

use crate::crash::{CUTS, check};
use crate::dice::Dice;
use crate::images::Platter;
use crate::operations::{Operation, Subject, Survives, for_each, seal};
use crate::recorder::{Fault, Likeness, Plan};
use crate::rig::Rig;
use crate::state::{chain, whole};

#[test]
fn the_power_is_cut_after_a_call_failed() {
    for_each(|operation, dice| {
        let (n_failed, n_images) = fail_each(operation, dice);
        println!(
            "{}: {n_failed} calls failed before the power was cut, {n_images} images, all whole",
            operation.name
        );
    });
}

fn fail_each(operation: Operation, dice: &mut Dice) -> (usize, usize) {
    let subject = Subject::new(operation);
    let (mut n_failed, mut n_images) = (0, 0);
    for nth in own_calls(&subject) {
        let images = fail(&subject, nth, dice).unwrap_or_else(|fault| {
            panic!("{}, call {nth} failed, then cut: {fault}", operation.name)
        });
        n_failed += usize::from(images > 0);
        n_images += images;
    }
    (n_failed, n_images)
}

/// Returns the numbers of the calls that no other one can stand for.
fn own_calls(subject: &Subject) -> Vec<usize> {
    let rig = Rig::new(&subject.start);
    rig.recorder.arm(plan(0));
    drop(subject.operation.attempt(rig.medium()));
    let calls = rig.recorder.calls();
    let own = (1..)
        .zip(calls)
        .filter(|(_, call)| *call == Likeness::OfItsOwn);
    own.map(|(nth, _)| nth).collect()
}

/// Lets a call fail, does the operation once more if need be, and cuts the power at each of
/// these points. Returns how many images that makes.
fn fail(subject: &Subject, nth: usize, dice: &mut Dice) -> Result<usize, String> {
    let rig = Rig::new(&subject.start);
    rig.recorder.arm(plan(nth));
    let (store, done) = subject.operation.attempt(rig.medium());
    rig.recorder.heal();
    let is_acknowledged = done.is_ok() && subject.operation.survives == Survives::PowerCut;
    // How many calls were made when it is cut, and how many states are left for good by then.
    let mut points = vec![(rig.recorder.len(), usize::from(is_acknowledged))];
    let losses: &[bool] = match store {
        Some(_) => &[false, true],
        None => &[false],
    };
    let store = match store {
        Some(store) => Some(store),
        None => open(&rig)?,
    };
    let stands = whole(store.as_ref(), &subject.states, usize::from(done.is_ok()))?;
    if stands == 0 {
        let again = subject.operation.again(store.as_ref(), rig.medium());
        again.map_err(|error| format!("not when tried again: {}", chain(&error)))?;
    }
    let store = match store {
        Some(store) => store,
        None => open(&rig)?.ok_or("there is no store at the end")?,
    };
    seal(&store).map_err(|error| format!("it writes no more: {}", chain(&error)))?;
    points.push((rig.recorder.len(), 2));
    drop(store);
    points.push((rig.recorder.len(), 2));
    let log = rig.recorder.log();
    let mut images = BTreeSet::new();
    for failed_syncs_lose in losses {
        for (at, n_left) in &points {
            let mut platter = Platter::new(&subject.start, *failed_syncs_lose);
            for action in &log[..*at] {
                platter.play(action);
            }
            for (writes, names) in CUTS {
                images.insert((platter.cut(writes, names, dice), *n_left));
            }
        }
    }
    for (image, n_left) in &images {
        check(subject, image, subject.states.len(), *n_left)?;
    }
    Ok(images.len())
}

/// Opens the store that is there, if any.
fn open(rig: &Rig) -> Result<Option<Store>, String> {
    match Store::open_on(rig.medium()) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(chain(&error)),
    }
}

fn plan(nth: usize) -> Plan {
    Plan {
        nth,
        fault: Fault::Once,
        reads: false,
    }
}
