//! Deadlock detection: searches the wait-for graph for a cycle.
//!
//! The nodes of the graph are the waiting requests. A request has *blockers*: the conflicting
//! requests ahead of it in the queue, and the holders that conflict with it. An edge leads to every
//! waiting request of a blocker's owner and of the calls below that owner, for two reasons:
//!
//! - A holder cannot end before the calls that it made. It does not matter which of several
//!   parallel calls it is waiting for at the moment, since it needs all of them to end.
//! - The requests of one call are made at the same time, as a *batch*, and the call begins when all
//!   of them are granted. A blocker that waits itself is therefore released only after every
//!   request of its batch was granted. The same holds for a blocker that is granted while others
//!   of its batch still wait.
//!
//! Only a new batch can close a cycle. If a request is granted, the requests behind it had an edge
//! to its whole batch before. (The exception are intentions, which are never part of a batch with
//! another request that waits.) A call whose batch is granted runs, and its next batch is checked
//! when it is made. So one search, from the requests of the batch that are about to wait, is enough
//! (Knapp, "Deadlock Detection in Distributed Databases", 1987, §2: detection by the path that the
//! new edge closes).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use super::{LockRequest, LockTable, QueuePlace, RequestId, TableEntry};
use crate::mode::Resource;
use crate::owner::Owner;

/// Requests that wait for each other. A request of the batch that closes the cycle comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// The links of the cycle. Each waits for the next one, and the last one waits for the first.
    pub links: Vec<Link>,
    /// The topmost call in the batch's lineage that blocks the last request of the cycle.
    ///
    /// The cycle is broken when this call and all calls below it have ended.
    pub breaks_at: Owner,
}

/// One waiting request in a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The owner that waits.
    pub waiter: Owner,
    /// The resource that it waits for.
    pub resource: Resource,
    /// The owner that blocks it: the waiter of the next link, or an ancestor of that waiter.
    pub blocker: Owner,
}

/// A batch of which at least one request is about to wait. It is part of the graph, but not yet of
/// the table.
struct Candidate<'a> {
    owner: &'a Owner,
    /// The requests, each with the place that it would get.
    requests: &'a [(&'a LockRequest, QueuePlace)],
}

/// A node of the graph: a request in the table, or one of the candidate, by its index.
#[derive(Clone, Copy)]
enum Node<'a> {
    Candidate(usize),
    Waiting(&'a TableEntry),
}

/// For each request in the table that the search has reached: the node before it, and the owner
/// that blocks the node before it.
type ReachedBy<'a> = BTreeMap<RequestId, (Node<'a>, Owner)>;

/// Returns the cycle that a batch would close by taking these places, or `None`.
///
/// All requests have the same owner, and each has another resource.
pub(super) fn cycle_closed_by(
    table: &LockTable,
    requests: &[(&LockRequest, QueuePlace)],
) -> Option<Cycle> {
    let (first, _) = requests.first()?;
    let owner = &first.owner;
    let is_waited_for = table.queues.values().any(|queue| {
        let has_it = |held: &TableEntry| held.request.owner.covers(owner);
        queue.is_waited_for() && queue.granted().any(has_it)
    });
    // No request waits for a lineage that holds nothing, or nothing that is waited for.
    if !is_waited_for {
        return None;
    }
    let candidate = Candidate { owner, requests };
    let mut reached_by = ReachedBy::new();
    let waits = |index: &usize| requests[*index].1 != QueuePlace::Granted;
    let starts = (0..requests.len()).filter(waits);
    let mut next: VecDeque<Node<'_>> = starts.map(Node::Candidate).collect();
    while let Some(node) = next.pop_front() {
        for (blocker, other) in edges(table, &candidate, node) {
            let Node::Waiting(entry) = other else {
                return Some(cycle(table, &candidate, (node, blocker), &reached_by));
            };
            if let Entry::Vacant(new) = reached_by.entry(entry.id) {
                new.insert((node, blocker));
                next.push_back(other);
            }
        }
    }
    None
}

/// Returns the edges that leave a node: each target, and the owner that blocks the node there.
///
/// An edge to the candidate leads to its first request, which stands for all of them.
fn edges<'a>(
    table: &'a LockTable,
    candidate: &Candidate<'_>,
    node: Node<'a>,
) -> Vec<(Owner, Node<'a>)> {
    let (request, place, id) = match node {
        Node::Candidate(index) => {
            let (request, place) = candidate.requests[index];
            (request, place, RequestId(u64::MAX))
        }
        Node::Waiting(entry) => (&entry.request, entry.place, entry.id),
    };
    let Some(queue) = table.queue(&request.resource) else {
        return Vec::new();
    };
    let mut edges = Vec::new();
    if candidate.blocks(node) {
        edges.push((candidate.owner.clone(), Node::Candidate(0)));
    }
    for blocker in queue.blockers(request, place, id) {
        let owner = &blocker.request.owner;
        if owner.covers(candidate.owner) {
            edges.push((owner.clone(), Node::Candidate(0)));
        }
        let from = (owner.clone(), RequestId(0));
        let below = table.waiting.range(from..);
        let below = below.take_while(|(other, _)| owner.covers(other));
        let below = below.filter_map(|(_, id)| table.entry(*id));
        edges.extend(below.map(|entry| (owner.clone(), Node::Waiting(entry))));
    }
    edges
}

impl<'a> Candidate<'a> {
    fn request(&self, node: Node<'a>) -> &'a LockRequest {
        match node {
            Node::Candidate(index) => self.requests[index].0,
            Node::Waiting(entry) => &entry.request,
        }
    }

    /// Returns whether a request of the candidate would block a request that waits already: it is
    /// granted at once, or it overtakes that request.
    fn blocks(&self, node: Node<'_>) -> bool {
        let Node::Waiting(entry) = node else {
            return false;
        };
        let (other, own) = (&entry.request, self.requests.iter());
        let mut own = own.filter(|(own, _)| own.resource == other.resource);
        own.any(|(own, place)| {
            let is_ahead = match place {
                QueuePlace::Granted => true,
                QueuePlace::Overtaking => entry.place == QueuePlace::Waiting,
                QueuePlace::Waiting => false,
            };
            is_ahead && !other.mode.is_compatible_with(own.mode) && !own.owner.covers(&other.owner)
        })
    }
}

/// Builds the cycle by following the search back from its last step.
fn cycle(
    table: &LockTable,
    candidate: &Candidate<'_>,
    (last, blocker): (Node<'_>, Owner),
    reached_by: &ReachedBy<'_>,
) -> Cycle {
    let link = |node: Node<'_>, blocker| {
        let request = candidate.request(node);
        Link {
            waiter: request.owner.clone(),
            resource: request.resource.clone(),
            blocker,
        }
    };
    let breaks_at = breaks_at(table, candidate, last);
    let mut links = vec![link(last, blocker)];
    let mut node = last;
    while let Node::Waiting(entry) = node
        && let Some((before, blocker)) = reached_by.get(&entry.id)
    {
        links.push(link(*before, blocker.clone()));
        node = *before;
    }
    links.reverse();
    Cycle { links, breaks_at }
}

/// Returns the topmost owner in the candidate's lineage that blocks `last`.
///
/// The request `last` stays blocked until all such owners have ended.
fn breaks_at(table: &LockTable, candidate: &Candidate<'_>, last: Node<'_>) -> Owner {
    let wanted = candidate.request(last);
    let own = candidate.owner;
    let queue = table.queue(&wanted.resource).into_iter();
    let held = queue.flat_map(|queue| queue.granted());
    let held = held.filter(|held| held.request.owner.covers(own));
    // If the batch were made again, it would overtake the request again.
    let is_overtaken = candidate.blocks(last);
    // A lock of a common ancestor blocks neither of the two.
    let in_the_way = |held: &&TableEntry| {
        !held.request.owner.covers(&wanted.owner)
            && (!held.request.mode.is_compatible_with(wanted.mode) || is_overtaken)
    };
    let topmost = held
        .filter(in_the_way)
        .map(|held| &held.request.owner)
        .min_by_key(|owner| owner.depth());
    topmost.unwrap_or(own).clone()
}
