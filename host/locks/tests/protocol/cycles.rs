//! Checks that a reported cycle is real, and that it breaks at the reported call.

use sedge_locks::owner::Owner;
use sedge_locks::table::Cycle;

use crate::checker::Fault;
use crate::naive::{Asked, Who, in_the_way, is_in_cycle};
use crate::world::{owner, resource};

/// Returns the call with this owner, if it or a descendant of it is in the list.
pub(crate) fn who(list: &[Asked], of: &Owner) -> Option<Who> {
    let below = list.iter().find(|it| of.covers(&owner(it.who)))?;
    let mut who = Who::run(below.who.session, below.who.run);
    for ordinal in &below.who.path[..of.depth()] {
        who = who.child(*ordinal);
    }
    Some(who)
}

/// Checks a cycle that a batch is reported to close: the requests in the list from `first` on.
pub(crate) fn cycle_fault(list: &[Asked], first: usize, cycle: &Cycle) -> Option<Fault> {
    if !(first..list.len()).any(|at| is_in_cycle(list, at)) {
        return Some(Fault::CycleFalse);
    }
    match last_link(list, first, cycle) {
        Some(last) if breaks(list, (first, last), &cycle.breaks_at) => None,
        Some(_) => Some(Fault::BreaksAt),
        None => Some(Fault::CycleFalse),
    }
}

/// Returns the index of the cycle's last waiter in the list, if each link is real.
fn last_link(list: &[Asked], first: usize, cycle: &Cycle) -> Option<usize> {
    let mut last = None;
    for (n, link) in cycle.links.iter().enumerate() {
        let is_it = |it: &Asked| {
            let is_there = resource(it.resource) == link.resource;
            !it.is_held() && is_there && owner(it.who) == link.waiter
        };
        let at = list.iter().position(is_it)?;
        let is_first = at >= first;
        if is_first != (n == 0) {
            return None;
        }
        if !in_the_way(list, at).any(|it| owner(it.who) == link.blocker) {
            return None;
        }
        let next = cycle.links.get(n + 1).unwrap_or(&cycle.links[0]);
        if !who(list, &link.blocker)?.covers(&who(list, &next.waiter)?) {
            return None;
        }
        last = Some(at);
    }
    last
}

/// Returns whether `breaks_at` is the right call to end.
///
/// If it and all calls below it end, the `last` request of the cycle no longer waits for the
/// lineage that closes the cycle. If fewer calls end, the request still waits for it.
fn breaks(list: &[Asked], (first, last): (usize, usize), breaks_at: &Owner) -> bool {
    let (old, batch) = list.split_at(first);
    let me = batch[0].who;
    let Some(breaks_at) = who(list, breaks_at) else {
        return false;
    };
    // The locks that remain if the lineage's call at `depth` and all calls below it end.
    let left = |depth: u8| {
        let is_left = move |it: &&Asked| it.is_held() && it.who.depth < depth;
        old.iter().filter(|it| it.who.covers(&me)).filter(is_left)
    };
    let in_the_way = |it: &Asked| in_the_way(list, last).any(|other| other == it);
    // A lock of a common ancestor does not let one of the two overtake the other.
    let has_wanted =
        |it: &Asked| it.resource == list[last].resource && !it.who.covers(&list[last].who);
    // If the batch were made again, it would overtake again, or be granted ahead again.
    let again = batch.iter().any(in_the_way);
    let waits_on = |depth: u8| left(depth).any(|it| in_the_way(it) || again && has_wanted(it));
    breaks_at.covers(&me)
        && !waits_on(breaks_at.depth)
        && (breaks_at.depth + 1..=me.depth).all(waits_on)
}
