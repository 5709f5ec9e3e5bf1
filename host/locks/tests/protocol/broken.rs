//! Rules with one error each, all of which the checker must detect.

use std::collections::BTreeSet;

use sedge_locks::mode::Mode::{S, X};
use sedge_locks::owner::Owner;
use sedge_locks::table::{
    Cycle, Decision, LockRequest, LockTable, QueuePlace, RequestId, TableEntry, decide,
};
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;

use crate::checker::{Fault, Protocol, check};
use crate::world::{Config, Kind, NESTED, PARALLEL};

#[track_caller]
fn check_is_caught<P: Protocol>(config: &Config, expect: Fault) {
    match check::<P>(config) {
        Ok(seen) => panic!("{seen:?}, and nothing is wrong"),
        Err(violation) => assert_eq!(violation.fault, expect, "{violation}"),
    }
}

fn config(kinds: &[Kind]) -> Config {
    Config::new("broken", 3, kinds.to_vec(), &[NESTED; 3])
}

fn one_model() -> Config {
    config(&[Kind::new(&[(1, S)]), Kind::new(&[(1, X)])])
}

fn two_models() -> Config {
    config(&[Kind::new(&[(1, X)]), Kind::new(&[(2, X)])])
}

/// Changes the places of the requests in a table.
fn moved(table: &LockTable, place: impl Fn(&TableEntry) -> QueuePlace) -> LockTable {
    let mut snapshot = table.snapshot();
    for entry in &mut snapshot.entries {
        entry.place = place(entry);
    }
    snapshot.into()
}

/// Declares a protocol that wraps the correct table.
macro_rules! protocol {
    ($(#[$doc:meta])* $name:ident { $($method:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Default)]
        struct $name(LockTable);

        impl Protocol for $name {
            fn table(&self) -> &LockTable {
                &self.0
            }
            fn table_mut(&mut self) -> &mut LockTable {
                &mut self.0
            }
            $($method)*
        }
    };
}

protocol! {
    /// Ancestors are treated as unrelated owners.
    AncestorsConflict {
        fn is_included(&self, request: &LockRequest) -> bool {
            self.0.is_included(&as_unrelated(request.clone()))
        }
        fn decide(&self, batch: &[LockRequest]) -> Decision {
            let batch: Vec<LockRequest> = batch.iter().cloned().map(as_unrelated).collect();
            decide(&self.0, &batch)
        }
        fn insert(&mut self, request: LockRequest) -> (RequestId, QueuePlace) {
            self.0.insert(as_unrelated(request), 0)
        }
    }
}

fn as_unrelated(request: LockRequest) -> LockRequest {
    let Owner {
        under,
        session,
        lineage,
    } = request.owner;
    let number = lineage.to_string().bytes().fold(0_u64, |number, byte| {
        number.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let lineage = Lineage::root(RunId::from_bits(number));
    let owner = Owner {
        under,
        session,
        lineage,
    };
    LockRequest { owner, ..request }
}

#[test]
fn conflict_with_an_ancestor_is_caught() {
    check_is_caught::<AncestorsConflict>(&two_models(), Fault::WaitsForAncestor);
}

protocol! {
    /// A lineage is reduced to its run, so that siblings count as ancestors of each other.
    SiblingsAreAncestors {
        fn decide(&self, batch: &[LockRequest]) -> Decision {
            let batch: Vec<LockRequest> = batch.iter().cloned().map(as_run).collect();
            decide(&self.0, &batch)
        }
        fn insert(&mut self, request: LockRequest) -> (RequestId, QueuePlace) {
            self.0.insert(as_run(request), 0)
        }
    }
}

fn as_run(request: LockRequest) -> LockRequest {
    let Owner {
        under,
        session,
        lineage,
    } = request.owner;
    let lineage = Lineage::root(lineage.run().clone());
    let owner = Owner {
        under,
        session,
        lineage,
    };
    LockRequest { owner, ..request }
}

#[test]
fn sibling_treated_as_ancestor_is_caught() {
    let kinds = two_models().kinds;
    let config = Config::new("broken", 3, kinds, &[PARALLEL, NESTED]);
    check_is_caught::<SiblingsAreAncestors>(&config, Fault::Exclusion);
}

protocol! {
    /// A request is granted if no holder conflicts, regardless of the queue.
    NoQueue {
        fn decide(&self, batch: &[LockRequest]) -> Decision {
            if batch.iter().all(|request| is_free(&self.0, request)) {
                return Decision::Granted;
            }
            decide(&self.0, batch)
        }
        fn insert(&mut self, request: LockRequest) -> (RequestId, QueuePlace) {
            let is_free = is_free(&self.0, &request);
            let (id, place) = self.0.insert(request, 0);
            if !is_free {
                return (id, place);
            }
            let here = |it: &TableEntry| if it.id == id { QueuePlace::Granted } else { it.place };
            self.0 = moved(&self.0, here);
            (id, QueuePlace::Granted)
        }
    }
}

fn is_free(table: &LockTable, request: &LockRequest) -> bool {
    !table.entries().any(|it| {
        it.place == QueuePlace::Granted
            && it.request.resource == request.resource
            && !it.request.mode.is_compatible_with(request.mode)
            && !it.request.owner.covers(&request.owner)
    })
}

#[test]
fn reader_that_overtakes_a_writer_is_caught() {
    check_is_caught::<NoQueue>(&one_model(), Fault::Passed);
}

protocol! {
    /// A request of a lineage that holds the resource is queued behind all others.
    NoOvertaking {
        fn decide(&self, batch: &[LockRequest]) -> Decision {
            let has_waiter_ahead = |request: &LockRequest| has_waiter_ahead(&self.0, request);
            match decide(&self.0, batch) {
                Decision::Granted if batch.iter().any(has_waiter_ahead) => Decision::Wait,
                decision @ (Decision::Granted | Decision::Wait | Decision::Deadlock(_)) => decision,
            }
        }
        fn insert(&mut self, request: LockRequest) -> (RequestId, QueuePlace) {
            let has_waiter_ahead = has_waiter_ahead(&self.0, &request);
            let (id, place) = self.0.insert(request, 0);
            if !has_waiter_ahead {
                return (id, place);
            }
            let here = |it: &TableEntry| if it.id == id { QueuePlace::Waiting } else { it.place };
            self.0 = moved(&self.0, here);
            (id, QueuePlace::Waiting)
        }
    }
}

fn has_waiter_ahead(table: &LockTable, request: &LockRequest) -> bool {
    table.entries().any(|it| {
        it.place != QueuePlace::Granted
            && it.request.resource == request.resource
            && !it.request.mode.is_compatible_with(request.mode)
    })
}

#[test]
fn missing_overtaking_is_caught() {
    check_is_caught::<NoOvertaking>(&one_model(), Fault::NotWoken);
}

protocol! {
    /// Cycles are not detected.
    NoDetection {
        fn decide(&self, batch: &[LockRequest]) -> Decision {
            match decide(&self.0, batch) {
                Decision::Deadlock(_) => Decision::Wait,
                decision @ (Decision::Granted | Decision::Wait) => decision,
            }
        }
    }
}

#[test]
fn undetected_cycle_is_caught() {
    check_is_caught::<NoDetection>(&two_models(), Fault::CycleMissed);
}

protocol! {
    /// A request waits only for the holder itself, and not for the calls that the holder made.
    NoParents {
        fn decide(&self, batch: &[LockRequest]) -> Decision {
            match decide(&self.0, batch) {
                Decision::Deadlock(cycle) if !is_of_calls_alone(&cycle) => Decision::Wait,
                decision @ (Decision::Granted | Decision::Wait | Decision::Deadlock(_)) => decision,
            }
        }
    }
}

fn is_of_calls_alone(cycle: &Cycle) -> bool {
    let next = cycle.links.iter().cycle().skip(1);
    cycle
        .links
        .iter()
        .zip(next)
        .all(|(link, next)| link.blocker == next.waiter)
}

#[test]
fn missing_wait_for_a_callee_is_caught() {
    check_is_caught::<NoParents>(&two_models(), Fault::CycleMissed);
}

protocol! {
    /// A request that is queued behind another one waits only for that one, and not for the rest of
    /// its batch.
    NoBatches {
        fn decide(&self, batch: &[LockRequest]) -> Decision {
            match decide(&self.0, batch) {
                Decision::Deadlock(cycle) if leads_through_a_batch(&cycle) => Decision::Wait,
                decision @ (Decision::Granted | Decision::Wait | Decision::Deadlock(_)) => decision,
            }
        }
    }
}

/// Returns whether a link leads to another request of the batch that blocks it.
fn leads_through_a_batch(cycle: &Cycle) -> bool {
    let next = cycle.links.iter().cycle().skip(1);
    cycle
        .links
        .iter()
        .zip(next)
        .any(|(link, next)| link.blocker == next.waiter && link.resource != next.resource)
}

#[test]
fn missing_wait_for_the_rest_of_a_batch_is_caught() {
    let kinds = vec![
        Kind::at_once(&[(1, X), (2, X)]),
        Kind::at_once(&[(1, X)]),
        Kind::at_once(&[(2, X)]),
    ];
    check_is_caught::<NoBatches>(&config(&kinds), Fault::CycleMissed);
}

/// The locks of a batch are acquired one after the other, each when the former one is granted.
///
/// The table is the same one. A call can then be rolled back for a cycle that its retry closes
/// again.
#[test]
fn batch_that_is_acquired_one_by_one_is_caught() {
    let kinds = vec![Kind::new(&[(1, X), (2, X)]), Kind::new(&[(2, X), (1, X)])];
    let config = config(&kinds).with_progress();
    check_is_caught::<LockTable>(&config, Fault::NoProgress);
    let kinds = vec![
        Kind::new(&[(1, X), (2, X)]),
        Kind::new(&[(1, X)]),
        Kind::new(&[(2, X)]),
    ];
    let config = Config::new("broken", 3, kinds, &[NESTED; 3]).with_progress();
    check_is_caught::<LockTable>(&config, Fault::NoProgress);
}

protocol! {
    /// A request that overtakes does not wait for earlier ones that overtake, even if the same lock
    /// lets both of them overtake.
    NoOrderOfSiblings {
        fn decide(&self, batch: &[LockRequest]) -> Decision {
            let are_free = batch.iter().all(|request| passes_siblings(&self.0, request));
            match decide(&self.0, batch) {
                Decision::Wait if are_free => Decision::Granted,
                decision @ (Decision::Granted | Decision::Wait | Decision::Deadlock(_)) => decision,
            }
        }
        fn insert(&mut self, request: LockRequest) -> (RequestId, QueuePlace) {
            let passes = passes_siblings(&self.0, &request);
            let (id, place) = self.0.insert(request, 0);
            if !passes {
                return (id, place);
            }
            let here = |it: &TableEntry| if it.id == id { QueuePlace::Granted } else { it.place };
            self.0 = moved(&self.0, here);
            (id, QueuePlace::Granted)
        }
    }
}

fn passes_siblings(table: &LockTable, request: &LockRequest) -> bool {
    let overtakes = table.entries().any(|it| {
        it.place == QueuePlace::Granted
            && it.request.resource == request.resource
            && it.request.owner.covers(&request.owner)
    });
    overtakes && is_free(table, request)
}

#[test]
fn sibling_that_passes_an_earlier_one_is_caught() {
    let kinds = vec![Kind::new(&[(1, S)]), Kind::new(&[(1, X)])];
    let config = Config::new("broken", 3, kinds, &[[1, 3, 1], NESTED]);
    check_is_caught::<NoOrderOfSiblings>(&config, Fault::Passed);
}

protocol! {
    /// `breaks_at` is always the call that closes the cycle, whatever its ancestors hold.
    BreaksTooLow {
        fn decide(&self, batch: &[LockRequest]) -> Decision {
            match decide(&self.0, batch) {
                Decision::Deadlock(mut cycle) => {
                    cycle.breaks_at = batch[0].owner.clone();
                    Decision::Deadlock(cycle)
                }
                decision @ (Decision::Granted | Decision::Wait) => decision,
            }
        }
    }
}

#[test]
fn too_small_rollback_is_caught() {
    check_is_caught::<BreaksTooLow>(&two_models(), Fault::BreaksAt);
}

protocol! {
    /// A release grants only one request, even if it could grant several.
    OneWakeUp {
        fn release(&mut self, ids: &[RequestId]) -> Vec<RequestId> {
            let mut granted = self.0.release(ids, 0);
            let rest = granted.split_off(granted.len().min(1));
            let lost = BTreeSet::from_iter(rest);
            let here = |it: &TableEntry| if lost.contains(&it.id) { QueuePlace::Waiting } else { it.place };
            self.0 = moved(&self.0, here);
            granted
        }
    }
}

#[test]
fn lost_wake_up_is_caught() {
    check_is_caught::<OneWakeUp>(&one_model(), Fault::NotWoken);
}
