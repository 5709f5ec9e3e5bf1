//! Whether a cycle that was reported is one, and is broken where it is said to be.

use sedge_locks::owner::Owner;
use sedge_locks::table::{Cycle, Place};

use crate::checker::Fault;
use crate::naive::{Asked, Who, in_the_way, is_in_cycle};
use crate::world::owner;

/// Returns the call that the table calls so, if it is one of those in the list or an
/// ancestor of one.
pub(crate) fn who(list: &[Asked], of: &Owner) -> Option<Who> {
    let below = list.iter().find(|it| of.covers(&owner(it.who)))?;
    let mut who = Who::run(below.who.session, below.who.run);
    for ordinal in &below.who.path[..of.depth()] {
        who = who.child(*ordinal);
    }
    Some(who)
}

/// Judges a cycle that the last one in the list is said to close.
pub(crate) fn cycle_fault(list: &[Asked], cycle: &Cycle) -> Option<Fault> {
    if !is_in_cycle(list, list.len() - 1) {
        return Some(Fault::CycleFalse);
    }
    match last_link(list, cycle) {
        Some(last) if breaks(list, last, &cycle.breaks_at) => None,
        Some(_) => Some(Fault::BreaksAt),
        None => Some(Fault::CycleFalse),
    }
}

/// Returns where the last waiter of a cycle is in the list, if each of its links holds.
fn last_link(list: &[Asked], cycle: &Cycle) -> Option<usize> {
    let mut last = None;
    for (n, link) in cycle.links.iter().enumerate() {
        let is_it = |it: &Asked| !it.is_held() && owner(it.who) == link.waiter;
        let at = list.iter().position(is_it)?;
        let is_first = at == list.len() - 1;
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

/// Returns whether to end `breaks_at`, and all below, lets the `last` one of the cycle wait
/// no more for the lineage that closes it, and whether to end less would not.
fn breaks(list: &[Asked], last: usize, breaks_at: &Owner) -> bool {
    let me = &list[list.len() - 1];
    let Some(breaks_at) = who(list, breaks_at) else {
        return false;
    };
    // What the lineage has if its call at `depth` ends, and all below.
    let left = |depth: u8| {
        let is_left = move |it: &&Asked| it.is_held() && it.who.depth < depth;
        list.iter()
            .filter(|it| it.who.covers(&me.who))
            .filter(is_left)
    };
    let in_the_way = |it: &Asked| in_the_way(list, last).any(|other| other == it);
    let has_wanted = |it: &Asked| it.resource == list[last].resource;
    // Asked again, it would come in front again.
    let overtakes = me.place == Place::Overtaking && has_wanted(me);
    let waits_on = |depth: u8| {
        let again = overtakes && in_the_way(me);
        left(depth).any(|it| in_the_way(it) || again && has_wanted(it))
    };
    let may_wait_on =
        |depth: u8| left(depth).any(|it| in_the_way(it) || overtakes && has_wanted(it));
    breaks_at.covers(&me.who)
        && !waits_on(breaks_at.depth)
        && (breaks_at.depth + 1..=me.who.depth).all(may_wait_on)
}
