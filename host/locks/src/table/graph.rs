//! Who waits for whom, and whether it would go round.
//!
//! The nodes of the wait-for graph are requests that wait. From one, an edge leads to each
//! request in front of it in its line, and, for each lineage that has what it wants, to every
//! request by which that lineage or a call below it waits: a call ends no sooner than those
//! that it made. An edge from the leaf that waits is enough, whichever of its siblings its
//! parent waits for.
//!
//! A cycle comes into being only with a request that waits, for a grant or a release gives
//! nobody a new reason to wait who did not have one in front: who is let in runs, and what
//! it asks for next is looked at in its turn. So it is enough to look when a request is
//! about to wait, from that request on (Knapp, "Deadlock Detection in Distributed
//! Databases", 1987, §2: detection by the path that the new edge closes).

use std::collections::{BTreeMap, VecDeque};

use super::{Entry, LockTable, Place, Request, RequestId};
use crate::mode::Resource;
use crate::owner::Owner;

/// Requests that wait for each other, the one that closes the cycle first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// Each waits for the next one, the last one for the first.
    pub links: Vec<Link>,
    /// The lowest call in the first one's lineage whose end, and that of all below it, would
    /// break the cycle: it, or its ancestor, has what the last one waits for.
    pub breaks_at: Owner,
}

/// One of those in a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Who waits.
    pub waiter: Owner,
    /// What for.
    pub resource: Resource,
    /// Who has it, or is in front: the next one in the cycle, or an ancestor of it.
    pub blocker: Owner,
}

/// The request that is about to wait: in the graph, and not yet in the table.
struct Candidate<'a> {
    request: &'a Request,
    place: Place,
}

/// A node: a request in the table, or the candidate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Candidate,
    Waiting(RequestId),
}

/// Returns the cycle that a request would close by waiting at `place`, if it would.
pub(super) fn cycle_closed_by(table: &LockTable, request: &Request, place: Place) -> Option<Cycle> {
    let is_waited_for = table.queues.values().any(|queue| {
        let has_it = |held: &Entry| held.request.owner.covers(&request.owner);
        queue.is_waited_for() && queue.granted().any(has_it)
    });
    // Nobody can wait for a lineage that has nothing, or nothing that is wanted.
    if !is_waited_for {
        return None;
    }
    let candidate = Candidate { request, place };
    let mut reached_by: BTreeMap<Node, (Node, Owner)> = BTreeMap::new();
    let mut next = VecDeque::from([Node::Candidate]);
    while let Some(node) = next.pop_front() {
        for (blocker, other) in edges(table, &candidate, node) {
            if other == Node::Candidate {
                return Some(cycle(table, &candidate, (node, blocker), &reached_by));
            }
            if let std::collections::btree_map::Entry::Vacant(new) = reached_by.entry(other) {
                new.insert((node, blocker));
                next.push_back(other);
            }
        }
    }
    None
}

/// Returns the edges that lead away from a node, each with the one that it waits for there.
fn edges(table: &LockTable, candidate: &Candidate<'_>, node: Node) -> Vec<(Owner, Node)> {
    let (request, place, id, waits_behind_candidate) = match node {
        Node::Candidate => (
            candidate.request,
            candidate.place,
            RequestId(u64::MAX),
            false,
        ),
        Node::Waiting(id) => {
            let entry = waiting(table, id);
            (&entry.request, entry.place, id, candidate.overtakes(entry))
        }
    };
    let Some(queue) = table.queue(&request.resource) else {
        return Vec::new();
    };
    let mut edges = Vec::new();
    if waits_behind_candidate {
        edges.push((candidate.request.owner.clone(), Node::Candidate));
    }
    for blocker in queue.blockers(request, place, id) {
        let owner = &blocker.request.owner;
        if blocker.place != Place::Granted {
            edges.push((owner.clone(), Node::Waiting(blocker.id)));
            continue;
        }
        if owner.covers(&candidate.request.owner) {
            edges.push((owner.clone(), Node::Candidate));
        }
        let from = (owner.clone(), RequestId(0));
        let below = table.waiting.range(from..);
        let below = below.take_while(|(other, _)| owner.covers(other));
        edges.extend(below.map(|(_, id)| (owner.clone(), Node::Waiting(*id))));
    }
    edges
}

impl Candidate<'_> {
    /// Returns whether the candidate would come in front of a request that waits already.
    fn overtakes(&self, other: &Entry) -> bool {
        self.place == Place::Overtaking
            && other.place == Place::Waiting
            && other.request.resource == self.request.resource
            && !other.request.mode.goes_with(self.request.mode)
    }
}

fn waits_by<'a>(table: &'a LockTable, candidate: &'a Candidate<'_>, node: Node) -> &'a Request {
    match node {
        Node::Candidate => candidate.request,
        Node::Waiting(id) => &waiting(table, id).request,
    }
}

fn waiting(table: &LockTable, id: RequestId) -> &Entry {
    match table.entry(id) {
        Some(entry) => entry,
        None => unreachable!("who waits is in the table"),
    }
}

/// Follows the search back from its last step.
fn cycle(
    table: &LockTable,
    candidate: &Candidate<'_>,
    (last, blocker): (Node, Owner),
    reached_by: &BTreeMap<Node, (Node, Owner)>,
) -> Cycle {
    let link = |node, blocker| {
        let request = waits_by(table, candidate, node);
        Link {
            waiter: request.owner.clone(),
            resource: request.resource.clone(),
            blocker,
        }
    };
    let breaks_at = breaks_at(table, candidate, last);
    let mut links = vec![link(last, blocker)];
    let mut node = last;
    while let Some((before, blocker)) = reached_by.get(&node) {
        links.push(link(*before, blocker.clone()));
        node = *before;
    }
    links.reverse();
    Cycle { links, breaks_at }
}

/// Returns the topmost of those in the candidate's lineage that have what `last` waits for:
/// as long as one of them is left, `last` waits on.
fn breaks_at(table: &LockTable, candidate: &Candidate<'_>, last: Node) -> Owner {
    let wanted = waits_by(table, candidate, last);
    let own = &candidate.request.owner;
    let queue = table.queue(&wanted.resource).into_iter();
    let held = queue.flat_map(|queue| queue.granted());
    let held = held.filter(|held| held.request.owner.covers(own));
    let overtaken = |held: &Entry| {
        candidate.place == Place::Overtaking && held.request.resource == candidate.request.resource
    };
    // What both have above them is in nobody's way.
    let in_the_way = |held: &&Entry| {
        !held.request.owner.covers(&wanted.owner)
            && (!held.request.mode.goes_with(wanted.mode) || overtaken(held))
    };
    let topmost = held
        .filter(in_the_way)
        .map(|held| &held.request.owner)
        .min_by_key(|owner| owner.depth());
    topmost.unwrap_or(own).clone()
}
