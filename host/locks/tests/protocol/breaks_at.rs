//! Regression test: a cycle of two siblings whose caller holds the resources that they request.
//!
//! Bug: the caller's locks were counted as blocking one sibling, although the caller is an
//! ancestor of both siblings and blocks neither. Consequence: the caller was rolled back together
//! with both siblings, and if the caller could not be rolled back, the guest got a deadlock error
//! although a rollback of one sibling was possible. Fix: locks that block no waiter are not
//! considered.

use sedge_locks::mode::Mode::X;
use sedge_locks::table::{Decision, LockTable, QueuePlace, decide};

use crate::naive::{Asked, Who};
use crate::world::{Config, owner};

#[test]
fn a_cycle_of_siblings_breaks_below_their_caller() {
    let caller = Who::run(0, 0).child(1);
    let (one, other) = (caller.child(1), caller.child(2));
    let request = |who, resource| {
        let (mode, place, id) = (X, QueuePlace::Waiting, None);
        Config::request(&Asked {
            who,
            resource,
            mode,
            place,
            id,
        })
    };
    let mut table = LockTable::default();
    for (who, model) in [(caller, 1), (one, 1), (other, 2), (other.child(1), 1)] {
        table.insert(request(who, model), 0);
    }
    let Decision::Deadlock(cycle) = decide(&table, &[request(one.child(1), 2)]) else {
        panic!("each waits for the other")
    };
    assert_eq!(cycle.breaks_at, owner(one));
}
