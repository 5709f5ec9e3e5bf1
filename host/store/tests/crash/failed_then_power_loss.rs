//! A call to the disk fails, the store continues, and then the power fails.
//!
//! A store that ignores a failed sync looks correct until a power loss. A failed sync may also
//! discard the data that it should have written: the next sync succeeds, and the data stays lost
//! (Rebello et al., "Can Applications Recover from fsync Failures?", 2020). So each case is tested
//! with a disk that does so, and with one that does not.
//!
//! The disk that discards data is tested only with a store that stays open, which knows what to
//! write again. A store that is reopened reads from the log what the system's cache still has and
//! the disk may not. SQLite cannot detect that, and would lose what is written after it.

use std::collections::BTreeSet;

use sedge_store::{Store, StoreError};

use crate::dice::Dice;
use crate::images::Platter;
use crate::operations::{Operation, Subject, Survives, for_each, seal};
use crate::power_loss::{CUTS, check};
use crate::recorder::{CallKind, Fault, Plan};
use crate::rig::Rig;
use crate::state::{chain, find_state};

#[test]
fn power_loss_after_a_failed_call_leaves_a_valid_state() {
    for_each(|operation, dice| {
        let (n_failed, n_images) = fail_each(operation, dice);
        println!(
            "{}: {n_failed} calls failed before a power loss, {n_images} images, all valid",
            operation.name
        );
    });
}

fn fail_each(operation: Operation, dice: &mut Dice) -> (usize, usize) {
    let subject = Subject::new(operation);
    let (mut n_failed, mut n_images) = (0, 0);
    for nth in own_calls(&subject) {
        let images = fail(&subject, nth, dice).unwrap_or_else(|fault| {
            panic!(
                "{}, call {nth} failed, then power loss: {fault}",
                operation.name
            )
        });
        n_failed += usize::from(images > 0);
        n_images += images;
    }
    (n_failed, n_images)
}

/// Returns the numbers of the calls that are tested one by one.
fn own_calls(subject: &Subject) -> Vec<usize> {
    let rig = Rig::new(&subject.start);
    rig.recorder.arm(plan(0));
    drop(subject.operation.attempt(rig.medium()));
    let calls = rig.recorder.calls();
    let own = (1..)
        .zip(calls)
        .filter(|(_, call)| *call == CallKind::Other);
    own.map(|(nth, _)| nth).collect()
}

/// Makes a call fail, repeats the operation if needed, and simulates a power loss at each of
/// several points. Returns the number of disk images.
fn fail(subject: &Subject, nth: usize, dice: &mut Dice) -> Result<usize, String> {
    let rig = Rig::new(&subject.start);
    rig.recorder.arm(plan(nth));
    let (store, done) = subject.operation.attempt(rig.medium());
    rig.recorder.heal();
    let is_acknowledged = done.is_ok() && subject.operation.survives == Survives::PowerLoss;
    // The number of calls at a power loss, and the number of states that the store has left by
    // then.
    let mut points = vec![(rig.recorder.len(), usize::from(is_acknowledged))];
    let losses: &[bool] = match store {
        Some(_) => &[false, true],
        None => &[false],
    };
    let store = match store {
        Some(store) => Some(store),
        None => open(&rig)?,
    };
    let found_at = find_state(store.as_ref(), &subject.states, usize::from(done.is_ok()))?;
    if found_at == 0 {
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

/// Opens the store if it exists.
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
