//! Watches the locks while the workers run. No deadlock lasts for a second, no lock of a dead
//! process does if a call waits for it, and no request overtakes an earlier one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sedge_locks::manager::LockManager;
use sedge_locks::owner::Owner;
use sedge_locks::session::{self, Session};
use sedge_locks::status::lock_status;
use sedge_locks::table::{QueuePlace, TableEntry};
use sedge_sys::clock::Timestamp;
use sedge_sys::folder::Folder;

/// The interval between two checks.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// The most consecutive checks in which a condition that must not last for a second may be seen. On
/// a busy machine the checks are late, but each still counts once.
const SEEN_MAX: usize = 10;

/// The same limit for a lock that has waiters and whose holder does not wait. Calls are quick here,
/// so a call that works for that long on any machine will never end, and should have been rolled
/// back.
const BUSY_MAX: usize = 200;

/// The results of all checks.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Checks {
    /// The number of checks.
    pub(crate) n_looks: usize,
    /// The longest delay of a check.
    pub(crate) late_max: Duration,
    /// The most requests that waited at once.
    pub(crate) waiting_max: usize,
    /// The longest wait of a request. A request that is made again after a rollback counts
    /// separately.
    pub(crate) wait_max: Duration,
    /// The number of locks that were compared with the requests waiting for them.
    pub(crate) n_compared: usize,
    /// The most consecutive checks that saw the same deadlock.
    pub(crate) deadlock_max: usize,
    /// The most consecutive checks that saw the same lock of a dead process with waiters.
    pub(crate) dead_max: usize,
    /// The most consecutive checks that saw the same lock with waiters whose living holder does not
    /// wait.
    pub(crate) busy_max: usize,
}

pub(crate) struct Monitor {
    files: Folder,
    manager: Arc<LockManager>,
    next: Instant,
    looked: Checks,
    deadlocked: BTreeMap<String, usize>,
    dead: BTreeMap<String, usize>,
    busy: BTreeMap<String, usize>,
}

impl Monitor {
    pub(crate) fn begin(repository: &Path) -> Self {
        let folder = repository.join(".sedge/locks");
        let open = || Folder::open(&folder).expect("it was made with the repository");
        let session = Session::begin(open()).expect("it can be written");
        Self {
            files: open(),
            manager: LockManager::shared(Arc::new(session), Duration::from_secs(600))
                .expect("a sound table"),
            next: Instant::now(),
            looked: Checks::default(),
            deadlocked: BTreeMap::new(),
            dead: BTreeMap::new(),
            busy: BTreeMap::new(),
        }
    }

    /// Waits for the next check, and makes it.
    ///
    /// # Panics
    /// A deadlock or a lock of a dead process lasted for too long, or a request was granted before
    /// an earlier one that conflicts with it.
    pub(crate) fn look(&mut self) {
        std::thread::park_timeout(self.next.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        let late = now.saturating_duration_since(self.next);
        self.next = now + CHECK_INTERVAL;
        self.looked.n_looks += 1;
        self.looked.late_max = self.looked.late_max.max(late);

        let deadlocked = self.deadlocked();
        let most = seen(&mut self.deadlocked, deadlocked, "a deadlock", SEEN_MAX);
        self.looked.deadlock_max = most.max(self.looked.deadlock_max);
        let (_, entries) = self.manager.entries().expect("a sound table");
        let entries = Entries::new(&entries);
        self.looked.wait_max = entries.wait_max().max(self.looked.wait_max);
        self.looked.n_compared += entries.check_order();
        let (dead, busy) = entries.blocking(&self.files);
        let most = seen(&mut self.dead, dead, "a lock of a dead process", SEEN_MAX);
        self.looked.dead_max = most.max(self.looked.dead_max);
        let most = seen(&mut self.busy, busy, "a lock", BUSY_MAX);
        self.looked.busy_max = most.max(self.looked.busy_max);
    }

    pub(crate) fn looked(&self) -> Checks {
        self.looked
    }

    /// Returns the requests that are part of a deadlock.
    fn deadlocked(&mut self) -> BTreeSet<String> {
        let locks = lock_status(&self.files).expect("a sound table");
        let waits: Vec<_> = locks.iter().filter(|it| !it.who.has_it).collect();
        self.looked.waiting_max = self.looked.waiting_max.max(waits.len());
        // A caller ends after its callees, so a request that waits for a call also waits for its
        // callees.
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
}

/// A snapshot of all requests, including those of dead processes.
struct Entries<'a> {
    granted: Vec<&'a TableEntry>,
    waiting: Vec<&'a TableEntry>,
}

impl<'a> Entries<'a> {
    fn new(entries: &'a [TableEntry]) -> Self {
        let (granted, waiting) = entries
            .iter()
            .partition(|it| it.place == QueuePlace::Granted);
        Self { granted, waiting }
    }

    fn wait_max(&self) -> Duration {
        let now = Timestamp::now().0;
        let waits = self.waiting.iter().map(|it| now.saturating_sub(it.since));
        Duration::from_millis(waits.max().unwrap_or_default())
    }

    /// Checks that no lock was granted before an earlier request that conflicts with it, unless its
    /// lineage already held the lock. Returns the number of comparisons.
    fn check_order(&self) -> usize {
        let mut n_compared = 0;
        let queued = self
            .waiting
            .iter()
            .filter(|it| it.place == QueuePlace::Waiting);
        for waiting in queued {
            for held in self.granted.iter().filter(|held| conflicts(held, waiting)) {
                n_compared += 1;
                let had_it = |it: &&&TableEntry| {
                    it.id < held.id
                        && it.request.resource == held.request.resource
                        && it.request.owner.covers(&held.request.owner)
                };
                assert!(
                    held.id < waiting.id || self.granted.iter().any(|it| had_it(&it)),
                    "{held:?} was granted before {waiting:?}, which was earlier"
                );
            }
        }
        n_compared
    }

    /// Returns the locks that block other requests: those of dead processes, and those of living
    /// processes whose calls do not wait.
    fn blocking(&self, files: &Folder) -> (BTreeSet<String>, BTreeSet<String>) {
        let is_alive = |owner: &Owner| {
            let alive = session::is_alive(files, owner.session);
            alive.expect("its file can be looked at")
        };
        let (mut dead, mut busy) = (BTreeSet::new(), BTreeSet::new());
        for held in &self.granted {
            let owner = &held.request.owner;
            if !self.waiting.iter().any(|it| conflicts(held, it)) {
                continue;
            }
            let is_waiting = self
                .waiting
                .iter()
                .any(|it| owner.covers(&it.request.owner));
            let key = format!("{} of {owner} since {}", held.request.resource, held.since);
            if !is_alive(owner) {
                dead.insert(key);
            } else if !is_waiting {
                busy.insert(key);
            }
        }
        (dead, busy)
    }
}

fn conflicts(held: &TableEntry, waiting: &TableEntry) -> bool {
    let (held, waiting) = (&held.request, &waiting.request);
    held.resource == waiting.resource
        && !held.mode.is_compatible_with(waiting.mode)
        && !held.owner.covers(&waiting.owner)
}

/// Returns whether a path leads from a node back to it.
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

/// Counts the consecutive checks that saw each item, and returns the highest count.
fn seen(
    counts: &mut BTreeMap<String, usize>,
    now: BTreeSet<String>,
    what: &str,
    most_allowed: usize,
) -> usize {
    counts.retain(|key, _| now.contains(key));
    let mut most = 0;
    for key in now {
        let count = counts.entry(key.clone()).or_default();
        *count += 1;
        assert!(
            *count <= most_allowed,
            "{what} was there in {count} looks in a row: {key}"
        );
        most = most.max(*count);
    }
    most
}
