//! All requests for one resource.
//!
//! Requests are granted in order of arrival: a request also waits for conflicting requests that
//! came earlier and still wait, so a stream of readers cannot starve a writer. The exception is a
//! request whose lineage holds the resource already. It overtakes the queue, because otherwise it
//! would wait for a request that waits for its ancestor. Whether a request overtakes is decided
//! on arrival and does not change while it waits, because its ancestor cannot end before it. For
//! the same reason no ancestor of a request ever waits.
//!
//! Requests that overtake keep their order of arrival among each other, too, if they overtake for
//! the same reason: if every lock that lets the later one overtake is also an ancestor's lock for
//! the earlier one. The earlier one then does not wait for the lineage of the later one.

use std::collections::BTreeMap;

use super::{LockRequest, QueuePlace, RequestId, TableEntry};
use crate::mode::Mode;

type Entries = BTreeMap<RequestId, TableEntry>;

/// All requests for one resource, by number, which is the order of arrival.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    granted: Entries,
    overtaking: Entries,
    waiting: Entries,
    /// The number of holders in each mode.
    n_granted: [usize; 4],
    /// The number of waiters in each mode, including those that overtake.
    n_waiting: [usize; 4],
}

impl Queue {
    /// Returns the place that a request made now would get.
    pub(super) fn place(&self, request: &LockRequest) -> QueuePlace {
        let has_it = |held: &TableEntry| held.request.owner.covers(&request.owner);
        let overtakes = self.granted.values().any(has_it);
        let is_next = match overtakes {
            true => !self.is_behind_overtaking(request, RequestId(u64::MAX)),
            false => !conflicts(&self.n_waiting, request.mode),
        };
        if is_next && self.is_free_for(request) {
            QueuePlace::Granted
        } else if overtakes {
            QueuePlace::Overtaking
        } else {
            QueuePlace::Waiting
        }
    }

    pub(super) fn push(&mut self, entry: TableEntry) {
        let index = entry.request.mode.index();
        match entry.place {
            QueuePlace::Granted => self.n_granted[index] += 1,
            QueuePlace::Overtaking | QueuePlace::Waiting => self.n_waiting[index] += 1,
        }
        let entries = match entry.place {
            QueuePlace::Granted => &mut self.granted,
            QueuePlace::Overtaking => &mut self.overtaking,
            QueuePlace::Waiting => &mut self.waiting,
        };
        entries.insert(entry.id, entry);
    }

    /// Removes the request with this number. Returns `None` if it is not in the queue.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<TableEntry> {
        let mut all = [&mut self.granted, &mut self.overtaking, &mut self.waiting].into_iter();
        let entry = all.find_map(|entries| entries.remove(&id))?;
        let index = entry.request.mode.index();
        match entry.place {
            QueuePlace::Granted => self.n_granted[index] -= 1,
            QueuePlace::Overtaking | QueuePlace::Waiting => self.n_waiting[index] -= 1,
        }
        Some(entry)
    }

    /// Grants the requests that no longer conflict, and returns them.
    ///
    /// The scan stops at the first blocked request for `X`, since it blocks all later ones. With
    /// a thousand writers in the queue, only the first one is examined.
    pub(super) fn grant(&mut self, now: u64) -> Vec<TableEntry> {
        let mut granted = Vec::new();
        let overtaking: Vec<RequestId> = self.overtaking.keys().copied().collect();
        for id in overtaking {
            let request = &self.overtaking[&id].request;
            if self.is_free_for(request) && !self.is_behind_overtaking(request, id) {
                granted.extend(self.promote(id, now));
            }
        }
        // The number of requests, by mode, that stay ahead of the one being examined.
        let mut passed_over = [0; 4];
        for entry in self.overtaking.values() {
            passed_over[entry.request.mode.index()] += 1;
        }
        let mut next = self.waiting.keys().next().copied();
        while let Some(id) = next {
            let request = &self.waiting[&id].request;
            let mode = request.mode;
            if !conflicts(&passed_over, mode) && self.is_free_for(request) {
                granted.extend(self.promote(id, now));
            } else if mode == Mode::X {
                break;
            } else {
                passed_over[mode.index()] += 1;
            }
            let behind = (std::ops::Bound::Excluded(id), std::ops::Bound::Unbounded);
            next = self.waiting.range(behind).next().map(|(id, _)| *id);
        }
        granted
    }

    /// Makes a waiter a holder, and returns it. Returns `None` if it is not in the queue.
    fn promote(&mut self, id: RequestId, now: u64) -> Option<TableEntry> {
        let mut entry = self.remove(id)?;
        entry.place = QueuePlace::Granted;
        entry.since = now;
        self.push(entry.clone());
        Some(entry)
    }

    /// Returns whether all conflicting holders are ancestors of the request.
    fn is_free_for(&self, request: &LockRequest) -> bool {
        !conflicts(&self.n_granted, request.mode)
            || !self
                .granted
                .values()
                .any(|held| is_in_the_way(held, request))
    }

    /// Returns whether an earlier request that overtakes is ahead of a request that overtakes.
    fn is_behind_overtaking(&self, request: &LockRequest, id: RequestId) -> bool {
        self.overtaking_ahead(request, id).next().is_some()
    }

    /// Returns the conflicting requests that overtake and are ahead of a request that overtakes.
    ///
    /// An earlier request is not ahead if the lineage of the later one holds a lock here that is
    /// not an ancestor's lock for the earlier one: the earlier one may wait for that lock.
    fn overtaking_ahead(
        &self,
        request: &LockRequest,
        id: RequestId,
    ) -> impl Iterator<Item = &TableEntry> {
        let earlier = self.overtaking.range(..id).map(|(_, earlier)| earlier);
        earlier.filter(move |earlier| {
            let passes = |held: &TableEntry| {
                let owner = &held.request.owner;
                owner.covers(&request.owner) && !owner.covers(&earlier.request.owner)
            };
            !request.mode.is_compatible_with(earlier.request.mode)
                && !self.granted.values().any(passes)
        })
    }

    /// Returns the requests that block a request with this place and number.
    ///
    /// A queued request for `X` waits for everything ahead of it, so if one of the blockers is
    /// such a request, the requests ahead of it are left out.
    pub(super) fn blockers(
        &self,
        request: &LockRequest,
        place: QueuePlace,
        id: RequestId,
    ) -> Vec<&TableEntry> {
        let mut blockers = Vec::new();
        let holders = || {
            self.granted
                .values()
                .filter(|held| is_in_the_way(held, request))
        };
        match place {
            QueuePlace::Granted => {}
            QueuePlace::Overtaking => {
                blockers.extend(self.overtaking_ahead(request, id));
                blockers.extend(holders());
            }
            QueuePlace::Waiting => {
                for (_, earlier) in self.waiting.range(..id).rev() {
                    if !request.mode.is_compatible_with(earlier.request.mode) {
                        blockers.push(earlier);
                    }
                    if earlier.request.mode == Mode::X {
                        return blockers;
                    }
                }
                let overtaking = self.overtaking.values();
                blockers.extend(
                    overtaking.filter(|it| !request.mode.is_compatible_with(it.request.mode)),
                );
                blockers.extend(holders());
            }
        }
        blockers
    }

    pub(super) fn entry(&self, id: RequestId) -> Option<&TableEntry> {
        [&self.granted, &self.overtaking, &self.waiting]
            .into_iter()
            .find_map(|entries| entries.get(&id))
    }

    /// Returns all requests: the holders first, then the waiters, the next one to be granted
    /// first.
    pub(super) fn entries(&self) -> impl Iterator<Item = &TableEntry> {
        let all = [&self.granted, &self.overtaking, &self.waiting];
        all.into_iter().flat_map(Entries::values)
    }

    pub(super) fn granted(&self) -> impl Iterator<Item = &TableEntry> {
        self.granted.values()
    }

    /// Returns whether any request waits for the resource.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.overtaking.is_empty() || !self.waiting.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.granted.is_empty() && !self.is_waited_for()
    }
}

/// Returns whether any of the counted requests conflicts with a mode.
fn conflicts(n_by_mode: &[usize; 4], mode: Mode) -> bool {
    Mode::ALL
        .iter()
        .any(|other| n_by_mode[other.index()] > 0 && !mode.is_compatible_with(*other))
}

fn is_in_the_way(held: &TableEntry, request: &LockRequest) -> bool {
    !request.mode.is_compatible_with(held.request.mode)
        && !held.request.owner.covers(&request.owner)
}
