//! Looks at the locks while others work: no deadlock outlives a second, and neither does a
//! lock its process, where somebody waits for it; and nobody passes whoever came first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sedge_locks::manager::LockManager;
use sedge_locks::owner::Owner;
use sedge_locks::session::{self, Session};
use sedge_locks::status::lock_status;
use sedge_locks::table::{Entry, Place};
use sedge_sys::clock::Timestamp;
use sedge_sys::folder::Folder;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often in a row something may be seen that must not last for a second. That it looks
/// late, on a machine that is busy, makes no difference: each look counts once.
const SEEN_MAX: usize = 10;

/// The same, of a lock that others wait for while whoever has it waits for nobody. Calls are
/// quick here: who is at work for so long, on however busy a machine, is so for ever, and
/// what should have undone it did not.
const BUSY_MAX: usize = 200;

/// What was seen.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Looked {
    /// How often it looked.
    pub(crate) n_looks: usize,
    /// By how much it was late, at most.
    pub(crate) late_max: Duration,
    /// The most requests that waited at once.
    pub(crate) waiting_max: usize,
    /// How long a request had waited, at most; one that is undone and made again is another.
    pub(crate) wait_max: Duration,
    /// How many locks were held against the requests that waited for them.
    pub(crate) n_compared: usize,
    /// How often in a row the same deadlock was seen, at most.
    pub(crate) deadlock_max: usize,
    /// How often in a row the same lock of a dead process was seen that others wait for.
    pub(crate) dead_max: usize,
    /// How often in a row the same lock was seen that others wait for, of somebody who lives
    /// and waits for nobody.
    pub(crate) busy_max: usize,
}

pub(crate) struct Monitor {
    files: Folder,
    manager: Arc<LockManager>,
    next: Instant,
    looked: Looked,
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
            looked: Looked::default(),
            deadlocked: BTreeMap::new(),
            dead: BTreeMap::new(),
            busy: BTreeMap::new(),
        }
    }

    /// Waits until it is time, and looks.
    ///
    /// # Panics
    /// A deadlock, or a lock of a dead process, has been there for too long, or somebody was
    /// let in before others who had come earlier.
    pub(crate) fn look(&mut self) {
        std::thread::park_timeout(self.next.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        let late = now.saturating_duration_since(self.next);
        self.next = now + LOOK_EVERY;
        self.looked.n_looks += 1;
        self.looked.late_max = self.looked.late_max.max(late);

        let deadlocked = self.deadlocked();
        let most = seen(&mut self.deadlocked, deadlocked, "a deadlock", SEEN_MAX);
        self.looked.deadlock_max = most.max(self.looked.deadlock_max);
        let (_, entries) = self.manager.entries().expect("a sound table");
        let entries = Entries::new(&entries);
        self.looked.wait_max = entries.wait_max().max(self.looked.wait_max);
        self.looked.n_compared += entries.are_in_order();
        let (dead, busy) = entries.in_the_way(&self.files);
        let most = seen(&mut self.dead, dead, "a lock of the dead", SEEN_MAX);
        self.looked.dead_max = most.max(self.looked.dead_max);
        let most = seen(&mut self.busy, busy, "a lock", BUSY_MAX);
        self.looked.busy_max = most.max(self.looked.busy_max);
    }

    pub(crate) fn looked(&self) -> Looked {
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
}

/// All requests as they stood at one moment, those of the dead included.
struct Entries<'a> {
    granted: Vec<&'a Entry>,
    waiting: Vec<&'a Entry>,
}

impl<'a> Entries<'a> {
    fn new(entries: &'a [Entry]) -> Self {
        let (granted, waiting) = entries.iter().partition(|it| it.place == Place::Granted);
        Self { granted, waiting }
    }

    fn wait_max(&self) -> Duration {
        let now = Timestamp::now().0;
        let waits = self.waiting.iter().map(|it| now.saturating_sub(it.since));
        Duration::from_millis(waits.max().unwrap_or_default())
    }

    /// Checks that nobody has a lock who came later than somebody whom it keeps out, unless
    /// its lineage had that lock already. Returns how many were compared.
    fn are_in_order(&self) -> usize {
        let mut n_compared = 0;
        let in_line = self.waiting.iter().filter(|it| it.place == Place::Waiting);
        for waiting in in_line {
            for held in self.granted.iter().filter(|held| keeps_out(held, waiting)) {
                n_compared += 1;
                let had_it = |it: &&&Entry| {
                    it.id < held.id
                        && it.request.resource == held.request.resource
                        && it.request.owner.covers(&held.request.owner)
                };
                assert!(
                    held.id < waiting.id || self.granted.iter().any(|it| had_it(&it)),
                    "{held:?} was let in before {waiting:?}, which was first"
                );
            }
        }
        n_compared
    }

    /// Returns the locks that keep others out: those of dead processes, and those of calls
    /// of living ones that wait for nobody themselves.
    fn in_the_way(&self, files: &Folder) -> (BTreeSet<String>, BTreeSet<String>) {
        let is_alive = |owner: &Owner| {
            let alive = session::is_alive(files, owner.session);
            alive.expect("its file can be looked at")
        };
        let (mut dead, mut busy) = (BTreeSet::new(), BTreeSet::new());
        for held in &self.granted {
            let owner = &held.request.owner;
            if !self.waiting.iter().any(|it| keeps_out(held, it)) {
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

fn keeps_out(held: &Entry, waiting: &Entry) -> bool {
    let (held, waiting) = (&held.request, &waiting.request);
    held.resource == waiting.resource
        && !held.mode.goes_with(waiting.mode)
        && !held.owner.covers(&waiting.owner)
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
