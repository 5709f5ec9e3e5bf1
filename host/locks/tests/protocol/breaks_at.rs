//! Where a cycle of two siblings breaks whose caller has what they want.
//!
//! The bug: what the caller has was taken for what one sibling keeps from the other, though
//! it is above both and in the way of neither. The consequence: with the sibling that closed
//! the cycle the caller was undone, and the other sibling with it; where the caller could
//! not be undone, a deadlock that could have been was told to the guest. The fix: what is in
//! the way of no waiter is not looked at.

use sedge_locks::mode::Mode::X;
use sedge_locks::table::{Decision, LockTable, Place, decide};

use crate::naive::{Asked, Who};
use crate::world::{Config, owner};

#[test]
fn a_cycle_of_siblings_breaks_below_their_caller() {
    let caller = Who::run(0, 0).child(1);
    let (one, other) = (caller.child(1), caller.child(2));
    let request = |who, resource| {
        let (mode, place, id) = (X, Place::Waiting, None);
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
    let Decision::Deadlock(cycle) = decide(&table, &request(one.child(1), 2)) else {
        panic!("each waits for the other")
    };
    assert_eq!(cycle.breaks_at, owner(one));
}
