//! A simple, independent implementation of the rules: which requests block which.
//!
//! It is a flat list of requests in order of arrival, from which each result is computed from
//! scratch. It does not use the table, and has its own copy of the matrix.

use sedge_locks::mode::Mode;
use sedge_locks::mode::Mode::{IS, IX, S, X};
use sedge_locks::table::{QueuePlace, RequestId};

/// In a path, marks a run of another process that joined the call before it.
pub(crate) const JOINED: u8 = 3;

/// A call in a compact form: its session, its run, and its path in the run.
///
/// The part of the path from a [`JOINED`] on belongs to a process that works for this call only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Who {
    pub(crate) session: u8,
    pub(crate) run: u8,
    pub(crate) depth: u8,
    pub(crate) path: [u8; 3],
}

impl Who {
    pub(crate) fn run(session: u8, run: u8) -> Self {
        let (depth, path) = (0, [0; 3]);
        Self {
            session,
            run,
            depth,
            path,
        }
    }

    pub(crate) fn child(mut self, ordinal: u8) -> Self {
        self.path[usize::from(self.depth)] = ordinal;
        self.depth += 1;
        self
    }

    /// Returns the process of the call, identified by the first call in it.
    pub(crate) fn process(mut self) -> Self {
        let path = &self.path[..usize::from(self.depth)];
        let Some(at) = path.iter().rposition(|ordinal| *ordinal == JOINED) else {
            return Self::run(self.session, 0);
        };
        self.path[at + 1..].fill(0);
        self.depth = u8::try_from(at + 1).expect("it is in the path");
        self
    }

    /// Returns whether this call is `other` or an ancestor of it.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let depth = usize::from(self.depth);
        (self.session, self.run) == (other.session, other.run)
            && self.depth <= other.depth
            && self.path[..depth] == other.path[..depth]
    }
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) who: Who,
    /// 0 is the datastore; the models follow.
    pub(crate) resource: u8,
    pub(crate) mode: Mode,
    pub(crate) place: QueuePlace,
    /// The number in the table, or `None` if the request is not in the table.
    pub(crate) id: Option<RequestId>,
}

impl Asked {
    pub(crate) fn is_held(&self) -> bool {
        self.place == QueuePlace::Granted
    }

    /// Returns whether the two requests conflict by resource and mode, whatever their owners.
    pub(crate) fn conflicts(&self, other: &Self) -> bool {
        self.resource == other.resource && !are_compatible(self.mode, other.mode)
    }
}

/// Gray's matrix.
pub(crate) fn are_compatible(one: Mode, other: Mode) -> bool {
    matches!(
        (one, other),
        (IS, IS | IX | S) | (IX | S, IS) | (IX, IX) | (S, S)
    )
}

/// Returns whether a request is for an intention that an ancestor already has.
///
/// The ancestor must be in the same process and hold the intention or more.
pub(crate) fn is_included(list: &[Asked], me: &Asked) -> bool {
    let has_more = |held: Mode| matches!((held, me.mode), (X | IX, IX) | (X | IX | S | IS, IS));
    list.iter().any(|it| {
        let is_above = it.who.covers(&me.who) && it.who.process() == me.who.process();
        it.is_held() && it.resource == me.resource && is_above && has_more(it.mode)
    })
}

/// Returns the place of a request that has to wait: in front if its lineage has the resource.
pub(crate) fn place_in_line(list: &[Asked], me: &Asked) -> QueuePlace {
    let has_it = |it: &Asked| it.is_held() && it.resource == me.resource && it.who.covers(&me.who);
    if list.iter().any(has_it) {
        QueuePlace::Overtaking
    } else {
        QueuePlace::Waiting
    }
}

/// Returns the requests that block the request at `at`, which waits or would wait.
pub(crate) fn in_the_way(list: &[Asked], at: usize) -> impl Iterator<Item = &Asked> {
    let me = list[at];
    let is_in_the_way = |(index, it): (usize, &Asked)| {
        let waits_before = match (me.place, it.place) {
            (QueuePlace::Waiting, QueuePlace::Overtaking) => true,
            (QueuePlace::Waiting, QueuePlace::Waiting) => index < at,
            (QueuePlace::Overtaking, QueuePlace::Overtaking) => {
                index < at && !overtakes_by_own_lock(list, &me, it)
            }
            (QueuePlace::Overtaking, QueuePlace::Waiting)
            | (QueuePlace::Granted, _)
            | (_, QueuePlace::Granted) => false,
        };
        let has_it = it.is_held() && !it.who.covers(&me.who);
        index != at && it.conflicts(&me) && (has_it || waits_before)
    };
    let found = list
        .iter()
        .enumerate()
        .filter(|(index, it)| is_in_the_way((*index, it)));
    let found: Vec<&Asked> = found.map(|(_, it)| it).collect();
    found.into_iter()
}

/// Returns whether the lineage of one request has a lock on its resource that is not an ancestor's
/// lock for another request.
pub(crate) fn overtakes_by_own_lock(list: &[Asked], me: &Asked, other: &Asked) -> bool {
    list.iter().any(|it| {
        let is_of_lineage = it.is_held() && it.resource == me.resource && it.who.covers(&me.who);
        is_of_lineage && !it.who.covers(&other.who)
    })
}

/// Returns whether the call of the request at `at` waits for itself through other requests.
///
/// A call ends when its blockers and the calls that it made have ended. A call that waits for
/// several locks waits for the blockers of all of them.
pub(crate) fn is_in_cycle(list: &[Asked], at: usize) -> bool {
    let me = list[at].who;
    let of_call = (0..list.len()).filter(|at| list[*at].who == me && !list[*at].is_held());
    let mut to_end: Vec<Who> = of_call
        .flat_map(|at| in_the_way(list, at))
        .map(|it| it.who)
        .collect();
    let mut n_seen = 0;
    while let Some(call) = to_end.get(n_seen).copied() {
        n_seen += 1;
        if call.covers(&me) {
            return true;
        }
        for (other, it) in list.iter().enumerate() {
            if it.is_held() || !call.covers(&it.who) {
                continue;
            }
            for before in in_the_way(list, other) {
                if !to_end.contains(&before.who) {
                    to_end.push(before.who);
                }
            }
        }
    }
    false
}

/// Grants the requests that no longer conflict, in the order of examination, and returns them.
pub(crate) fn grant(list: &mut [Asked]) -> Vec<RequestId> {
    let mut granted = Vec::new();
    for place in [QueuePlace::Overtaking, QueuePlace::Waiting] {
        for at in 0..list.len() {
            if list[at].place == place && in_the_way(list, at).next().is_none() {
                list[at].place = QueuePlace::Granted;
                granted.extend(list[at].id);
            }
        }
    }
    granted.sort_unstable();
    granted
}
