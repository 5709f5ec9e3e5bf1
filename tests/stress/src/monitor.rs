//! Looks at the locks while others work: no deadlock outlives a second, and neither does a
//! lock its process, where somebody waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sedge_locks::manager::LockManager;
use sedge_locks::session::{self, Session};
use sedge_locks::status::lock_status;
use sedge_locks::table::{Entry, Place};
use sedge_sys::folder::Folder;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often in a row something may be seen that must not last for a second. That it looks
/// late, on a machine that is busy, makes no difference: each look counts once.
const SEEN_MAX: usize = 10;

/// What was seen.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Looked {
    /// How often it looked.
    pub(crate) n_looks: usize,
    /// The most requests that waited at once.
    pub(crate) waiting_max: usize,
    /// How often in a row the same deadlock was seen, at most.
    pub(crate) deadlock_max: usize,
    /// How often in a row the same lock of a dead process was seen that others wait for.
    pub(crate) dead_max: usize,
}

pub(crate) struct Monitor {
    files: Folder,
    manager: Arc<LockManager>,
    next: Instant,
    looked: Looked,
    deadlocked: BTreeMap<String, usize>,
    dead: BTreeMap<String, usize>,
}

impl Monitor {
    pub(crate) fn begin(repository: &Path) -> Self {
        let folder = repository.join(".sedge/locks");
        let open = || Folder::open(&folder).expect("it was made with the repository");
        let session = Session::begin(open()).expect("it can be written");
        Self {
            files: open(),
            manager: LockManager::shared(Arc::new(session)).expect("a sound table"),
            next: Instant::now(),
            looked: Looked::default(),
            deadlocked: BTreeMap::new(),
            dead: BTreeMap::new(),
        }
    }

    /// Waits until it is time, and looks.
    ///
    /// # Panics
    /// A deadlock, or a lock of a dead process, has been there for too long.
    pub(crate) fn look(&mut self) {
        std::thread::park_timeout(self.next.saturating_duration_since(Instant::now()));
        self.next = Instant::now() + LOOK_EVERY;
        self.looked.n_looks += 1;
        let deadlocked = self.deadlocked();
        self.looked.deadlock_max =
            seen(&mut self.deadlocked, deadlocked, "a deadlock").max(self.looked.deadlock_max);
        let dead = self.of_the_dead();
        self.looked.dead_max =
            seen(&mut self.dead, dead, "a lock of the dead").max(self.looked.dead_max);
    }

    pub(crate) fn end(self) -> Looked {
        self.looked
    }

    /// Returns the requests that wait, in the end, for themselves.
    fn deadlocked(&mut self) -> BTreeSet<String> {
        let locks = lock_status(&self.files).expect("a sound table");
        let waits: Vec<_> = locks.iter().filter(|it| !it.who.has_it).collect();
        self.looked.waiting_max = self.looked.waiting_max.max(waits.len());
        // A caller ends no sooner than those below it: whoever waits for it waits for them.
        let edges: Vec<Vec<usize>> = waits
            .iter()
            .map(|wait| {
                let is_waited_for = |other: &usize| {
                    let owner = &waits[*other].who.owner;
                    wait.waits_for.iter().any(|it| it.covers(owner))
                };
                (0..waits.len()).filter(is_waited_for).collect()
            })
            .collect();
        let is_in_cycle = |from: &usize| reaches(&edges, *from);
        let in_cycle = (0..waits.len()).filter(is_in_cycle);
        in_cycle
            .map(|at| {
                format!(
                    "{} for {} since {}",
                    waits[at].who.owner, waits[at].resource, waits[at].who.since
                )
            })
            .collect()
    }

    /// Returns the locks of dead processes that living ones wait for.
    fn of_the_dead(&self) -> BTreeSet<String> {
        let (_, entries) = self.manager.entries().expect("a sound table");
        let is_dead = |entry: &Entry| {
            let alive = session::is_alive(&self.files, entry.request.owner.session);
            !alive.expect("its file can be looked at")
        };
        let is_waited_for = |held: &Entry| {
            entries.iter().any(|it| {
                it.place != Place::Granted && it.request.resource == held.request.resource
            })
        };
        let left = entries.iter().filter(|it| it.place == Place::Granted);
        left.filter(|it| is_waited_for(it) && is_dead(it))
            .map(|it| {
                format!(
                    "{} of {} since {}",
                    it.request.resource, it.request.owner, it.since
                )
            })
            .collect()
    }
}

/// Returns whether a way leads from a node back to it.
fn reaches(edges: &[Vec<usize>], from: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = edges[from].clone();
    while let Some(node) = next.pop() {
        if node == from {
            return true;
        }
        if seen.insert(node) {
            next.extend(&edges[node]);
        }
    }
    false
}

/// Counts how often in a row each was seen, and returns the most.
fn seen(counts: &mut BTreeMap<String, usize>, now: BTreeSet<String>, what: &str) -> usize {
    counts.retain(|key, _| now.contains(key));
    let mut most = 0;
    for key in now {
        let count = counts.entry(key.clone()).or_default();
        *count += 1;
        assert!(*count <= SEEN_MAX, "{what} has lasted for a second: {key}");
        most = most.max(*count);
    }
    most
}
