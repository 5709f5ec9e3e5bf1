//! The lock table: a pure function of the requests and releases that it was told of.
//!
//! Modes and their compatibility are those of Gray, Lorie, Putzolu and Traiger,
//! "Granularity of Locks in a Shared Data Base" (1975); the rule that an ancestor is never
//! in the way is from Moss, "Nested Transactions" (1981).

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use sedge_model::lineage::Lineage;
use sedge_model::names::ModelName;

/// How something is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// I will read something inside.
    IS,
    /// I will write something inside.
    IX,
    /// I read this; others may too.
    S,
    /// This is mine alone.
    X,
}

impl Mode {
    /// Returns whether two lineages may hold these modes at once.
    #[must_use]
    pub fn goes_with(self, other: Self) -> bool {
        use Mode::{IS, IX, S, X};
        match (self, other) {
            (IS, IS | IX | S) | (IX, IS | IX) | (S, IS | S) => true,
            (IS | IX | S, X) | (IX, S) | (S, IX) | (X, IS | IX | S | X) => false,
        }
    }
}

/// What can be locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// The datastore as a whole.
    Datastore,
    /// One model: its data, and the thing outside that it stands for.
    Model(ModelName),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datastore => f.write_str("the datastore"),
            Self::Model(model) => write!(f, "the model `{model}`"),
        }
    }
}

/// The number of a request. Later requests have higher numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u64);

/// One request.
#[derive(Debug, Clone)]
struct Request {
    id: RequestId,
    lineage: Lineage,
    mode: Mode,
}

/// All requests for one resource.
///
/// First come, first served: a request also waits for those that came earlier and still
/// wait, so that a stream of readers starves no writer. The exception is a lineage that
/// holds the resource already: it overtakes, else it would wait for somebody who waits for
/// it. That is known when it asks, and does not change while it waits: its ancestor is
/// busy with it. For the same reason no ancestor of a request ever waits.
#[derive(Debug, Default)]
struct Queue {
    granted: Vec<Request>,
    overtaking: VecDeque<Request>,
    waiting: VecDeque<Request>,
}

/// All requests that were made and not released.
#[derive(Debug, Default)]
pub struct LockTable {
    queues: BTreeMap<Resource, Queue>,
    n_requests: u64,
}

impl LockTable {
    /// Adds a request, and returns its number and whether it is granted at once.
    pub fn request(
        &mut self,
        lineage: &Lineage,
        mode: Mode,
        resource: &Resource,
    ) -> (RequestId, bool) {
        let id = RequestId(self.n_requests);
        self.n_requests += 1;
        let queue = self.queues.entry(resource.clone()).or_default();
        let request = Request {
            id,
            lineage: lineage.clone(),
            mode,
        };
        (id, queue.add(request))
    }

    /// Removes a request, granted or waiting, and returns those that are granted thereby,
    /// in order of arrival.
    pub fn release(&mut self, resource: &Resource, id: RequestId) -> Vec<RequestId> {
        let Some(queue) = self.queues.get_mut(resource) else {
            return Vec::new();
        };
        queue.remove(id);
        let granted = queue.grant();
        if queue.granted.is_empty() && queue.overtaking.is_empty() && queue.waiting.is_empty() {
            self.queues.remove(resource);
        }
        granted
    }

    /// Returns the lineages that hold the resource, in the order in which they got it.
    #[must_use]
    pub fn holders(&self, resource: &Resource) -> Vec<Lineage> {
        let granted = self
            .queues
            .get(resource)
            .map_or(&[][..], |queue| &queue.granted);
        granted
            .iter()
            .map(|request| request.lineage.clone())
            .collect()
    }
}

impl Queue {
    fn add(&mut self, request: Request) -> bool {
        let holds_already = self
            .granted
            .iter()
            .any(|other| other.lineage.covers(&request.lineage));
        let line = self.overtaking.iter().chain(&self.waiting);
        let behind = line
            .map(|other| other.mode)
            .any(|mode| !request.mode.goes_with(mode));
        if self.is_free_for(&request) && (holds_already || !behind) {
            self.granted.push(request);
            return true;
        }
        if holds_already {
            &mut self.overtaking
        } else {
            &mut self.waiting
        }
        .push_back(request);
        false
    }

    fn remove(&mut self, id: RequestId) {
        self.granted.retain(|request| request.id != id);
        self.overtaking.retain(|request| request.id != id);
        self.waiting.retain(|request| request.id != id);
    }

    /// Grants what can be granted now. Looks no further than it must: with a thousand
    /// writers in line, at the first.
    fn grant(&mut self) -> Vec<RequestId> {
        let mut granted = Vec::new();
        for request in std::mem::take(&mut self.overtaking) {
            if self.is_free_for(&request) {
                granted.push(request.id);
                self.granted.push(request);
            } else {
                self.overtaking.push_back(request);
            }
        }
        let mut passed_over: Vec<Request> = Vec::new();
        while let Some(request) = self.waiting.pop_front() {
            let line = self.overtaking.iter().chain(&passed_over);
            let behind = line
                .map(|other| other.mode)
                .any(|mode| !request.mode.goes_with(mode));
            if !behind && self.is_free_for(&request) {
                granted.push(request.id);
                self.granted.push(request);
            } else {
                let blocks_all = request.mode == Mode::X;
                passed_over.push(request);
                if blocks_all {
                    break;
                }
            }
        }
        for request in passed_over.into_iter().rev() {
            self.waiting.push_front(request);
        }
        granted
    }

    /// Returns whether nobody but ancestors holds the resource in a conflicting mode.
    fn is_free_for(&self, request: &Request) -> bool {
        let in_the_way = |other: &Request| {
            !other.lineage.covers(&request.lineage) && !request.mode.goes_with(other.mode)
        };
        !self.granted.iter().any(in_the_way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage(text: &str) -> Lineage {
        format!("00000000000{text}").parse().expect("a lineage")
    }

    fn model(name: &str) -> Resource {
        Resource::Model(name.parse().expect("a name"))
    }

    #[test]
    fn the_matrix_is_grays() {
        let modes = [Mode::IS, Mode::IX, Mode::S, Mode::X];
        let expect = [
            "yes yes yes no",
            "yes yes no no",
            "yes no yes no",
            "no no no no",
        ];
        for (one, row) in modes.into_iter().zip(expect) {
            let shown: Vec<&str> = modes
                .iter()
                .map(|other| if one.goes_with(*other) { "yes" } else { "no" })
                .collect();
            assert_eq!(shown.join(" "), row, "{one:?}");
        }
    }

    #[test]
    fn an_ancestor_is_never_in_the_way() {
        let mut table = LockTable::default();
        let sink = model("sink");
        assert!(table.request(&lineage("0/1"), Mode::X, &sink).1);
        assert!(
            table.request(&lineage("0/1/1"), Mode::X, &sink).1,
            "a child re-enters"
        );
        assert!(
            table.request(&lineage("0/1/1/7/2"), Mode::X, &sink).1,
            "so does its descendant"
        );
        assert!(
            !table.request(&lineage("0/2"), Mode::X, &sink).1,
            "another call waits"
        );
        assert!(
            !table.request(&lineage("1/1"), Mode::S, &sink).1,
            "another run waits"
        );
    }

    #[test]
    fn siblings_take_turns_in_order_of_arrival() {
        let mut table = LockTable::default();
        let sink = model("sink");
        let (parent, granted) = table.request(&lineage("0/1"), Mode::IX, &Resource::Datastore);
        assert!(granted);
        let ids: Vec<(RequestId, bool)> = (1..=3)
            .map(|n| table.request(&lineage(&format!("0/1/{n}")), Mode::X, &sink))
            .collect();
        assert_eq!(
            ids.iter().map(|(_, granted)| *granted).collect::<Vec<_>>(),
            [true, false, false]
        );
        assert_eq!(table.release(&sink, ids[0].0), [ids[1].0]);
        assert_eq!(table.release(&sink, ids[1].0), [ids[2].0]);
        assert_eq!(table.release(&sink, ids[2].0), []);
        assert_eq!(table.release(&Resource::Datastore, parent), []);
        assert!(table.queues.is_empty());
    }

    #[test]
    fn readers_do_not_starve_a_writer() {
        let mut table = LockTable::default();
        let sink = model("sink");
        let (first, _) = table.request(&lineage("0/1"), Mode::S, &sink);
        let (writer, granted) = table.request(&lineage("1/1"), Mode::X, &sink);
        assert!(!granted);
        let (second, granted) = table.request(&lineage("2/1"), Mode::S, &sink);
        assert!(!granted, "a later reader waits behind the writer");
        assert!(
            table.request(&lineage("0/1/1"), Mode::S, &sink).1,
            "who is inside overtakes"
        );
        assert_eq!(table.holders(&sink), [lineage("0/1"), lineage("0/1/1")]);
        assert_eq!(table.release(&sink, first), [], "the child still reads");
        assert_eq!(table.release(&sink, RequestId(3)), [writer]);
        assert_eq!(table.release(&sink, writer), [second]);
    }

    #[test]
    fn a_waiter_that_gives_up_lets_others_pass() {
        let mut table = LockTable::default();
        let sink = model("sink");
        let (_reader, _) = table.request(&lineage("0/1"), Mode::S, &sink);
        let (writer, _) = table.request(&lineage("1/1"), Mode::X, &sink);
        let (second, _) = table.request(&lineage("2/1"), Mode::S, &sink);
        assert_eq!(table.release(&sink, writer), [second]);
    }

    #[test]
    fn a_sibling_that_waits_behind_another_run_gets_in_when_its_ancestor_does() {
        let mut table = LockTable::default();
        let sink = model("sink");
        let (other, _) = table.request(&lineage("9/1"), Mode::X, &sink);
        let (parent, granted) = table.request(&lineage("0/1"), Mode::X, &sink);
        assert!(!granted);
        assert_eq!(table.release(&sink, other), [parent]);
        assert!(table.request(&lineage("0/1/1"), Mode::X, &sink).1);
    }
}
