//! Simulates calls that are rolled back and retried, as the host does it, in random call graphs.
//!
//! Each call requests an intention on the datastore and then its model. A call that was rolled back
//! requests all models that it and its callees have requested, at once. Every call can be rolled
//! back, so no deadlock is ever reported to a guest, and the number of rollbacks of one call is
//! limited by the number of models.
//!
//! The graphs and the order of the steps follow from a seed. `SEDGE_RETRIES_SEED` sets the first
//! one:
//!
//! ```text
//! SEDGE_RETRIES_SEED=7 cargo test -p sedge-locks --test protocol -- retries --nocapture
//! ```

use std::collections::BTreeMap;

use sedge_locks::mode::Mode;
use sedge_locks::mode::Mode::{IS, IX, S, X};
use sedge_locks::owner::{Owner, SessionId};
use sedge_locks::table::{Cycle, Decision, LockRequest, LockTable, QueuePlace, RequestId, decide};
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;

use crate::world::resource;

/// The number of runs that are in progress at the same time.
const N_AT_ONCE: u64 = 24;

/// The number of runs of one simulation.
const N_RUNS: u64 = 300;

/// The number of processes.
const N_SESSIONS: u64 = 4;

/// The maximum depth of a call graph.
const DEPTH_MAX: usize = 4;

/// One run in this number is structural work, which locks the whole datastore.
const STRUCTURAL_ONE_OF: u64 = 16;

/// A generator of random numbers: SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % n
    }
}

/// A call and its callees.
#[derive(Debug, Clone)]
struct Graph {
    /// 0 is the datastore; the models follow.
    resource: u8,
    mode: Mode,
    /// Whether the callees run in parallel.
    together: bool,
    below: Vec<Graph>,
}

impl Graph {
    fn at_random(random: &mut Random, n_models: u8) -> Self {
        if random.below(STRUCTURAL_ONE_OF) == 0 {
            return Self {
                resource: 0,
                mode: X,
                together: false,
                below: Vec::new(),
            };
        }
        let mode = if random.below(4) == 0 { S } else { X };
        Self::of_depth(random, n_models, mode, 1)
    }

    /// Returns a call of a model. A call that reads has only callees that read.
    fn of_depth(random: &mut Random, n_models: u8, mode: Mode, depth: usize) -> Self {
        let n_below = if depth == DEPTH_MAX {
            0
        } else {
            random.below(4)
        };
        let resource = u8::try_from(random.below(n_models.into())).expect("a few") + 1;
        let together = random.below(2) == 0;
        let callee = |random: &mut Random| {
            let mode = if mode == S || random.below(4) == 0 {
                S
            } else {
                X
            };
            Self::of_depth(random, n_models, mode, depth + 1)
        };
        let below = (0..n_below).map(|_| callee(random)).collect();
        Self {
            resource,
            mode,
            together,
            below,
        }
    }
}

/// The progress of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has not requested anything in this attempt.
    New,
    /// It has requested the datastore.
    Datastore,
    /// It has requested its models.
    Models,
    /// It runs.
    Running,
}

/// A call in progress.
struct Call {
    graph: Graph,
    stage: Stage,
    /// The locks that the call and its callees have requested in all attempts.
    wanted: BTreeMap<u8, Mode>,
    /// The locks that this attempt requested before it began.
    requested: BTreeMap<u8, Mode>,
    ids: Vec<RequestId>,
    n_started: usize,
    n_ended: usize,
    n_rollbacks: usize,
}

impl Call {
    fn new(graph: Graph) -> Self {
        Self {
            graph,
            stage: Stage::New,
            wanted: BTreeMap::new(),
            requested: BTreeMap::new(),
            ids: Vec::new(),
            n_started: 0,
            n_ended: 0,
            n_rollbacks: 0,
        }
    }

    /// Notes locks that the call or one of its callees requests.
    fn note(&mut self, wants: &BTreeMap<u8, Mode>) {
        for (resource, mode) in wants {
            let known = self.wanted.entry(*resource).or_insert(*mode);
            if mode.includes(*known) {
                *known = *mode;
            }
        }
    }

    /// Returns whether the call can start its next callee.
    fn calls_next(&self) -> bool {
        let is_left = self.n_started < self.graph.below.len();
        is_left && (self.graph.together || self.n_ended == self.n_started)
    }
}

/// All calls in progress, and the table.
#[derive(Default)]
struct Simulation {
    table: LockTable,
    calls: BTreeMap<Owner, Call>,
    n_rollbacks: usize,
    n_rollbacks_max: usize,
}

impl Simulation {
    fn is_ready(&self, call: &Call) -> bool {
        match call.stage {
            Stage::New => true,
            Stage::Datastore | Stage::Models => call.ids.iter().all(|id| {
                let entry = self.table.entry(*id).expect("it is not released");
                entry.place == QueuePlace::Granted
            }),
            Stage::Running => call.calls_next() || call.n_ended == call.graph.below.len(),
        }
    }

    /// Lets a call do its next step. Returns whether it was the last one of a run.
    fn step(&mut self, owner: &Owner) -> bool {
        let call = self.calls.get_mut(owner).expect("it is in progress");
        match call.stage {
            Stage::New => self.begin(owner),
            Stage::Datastore => self.request_models(owner),
            Stage::Models => call.stage = Stage::Running,
            Stage::Running if call.calls_next() => {
                let graph = call.graph.below[call.n_started].clone();
                call.n_started += 1;
                let ordinal = u32::try_from(call.n_started).expect("a few");
                let mut callee = owner.clone();
                callee.lineage = callee.lineage.child(ordinal);
                self.calls.insert(callee, Call::new(graph));
            }
            Stage::Running => return self.end(owner),
        }
        false
    }

    /// Notes the locks of a call for its callers, and requests the datastore.
    fn begin(&mut self, owner: &Owner) {
        let call = &self.calls[owner];
        let (resource, mode) = (call.graph.resource, call.graph.mode);
        let intention = match (resource, mode) {
            (0, _) => mode,
            (_, S) => IS,
            (_, IS | IX | X) => IX,
        };
        let own = BTreeMap::from([(0, intention), (resource, mode)]);
        for (above, call) in &mut self.calls {
            if above.covers(owner) {
                call.note(&own);
            }
        }
        let call = self.calls.get_mut(owner).expect("it is in progress");
        call.requested = match call.n_rollbacks {
            0 => own,
            _ => call.wanted.clone(),
        };
        call.stage = Stage::Datastore;
        let want = (0, call.requested[&0]);
        self.request(owner, &[want]);
    }

    fn request_models(&mut self, owner: &Owner) {
        let call = self.calls.get_mut(owner).expect("it is in progress");
        call.stage = Stage::Models;
        let models = call.requested.iter().filter(|(resource, _)| **resource > 0);
        let models: Vec<(u8, Mode)> = models.map(|(it, mode)| (*it, *mode)).collect();
        self.request(owner, &models);
    }

    /// Makes a batch of requests, or rolls a call back if they would close a cycle.
    fn request(&mut self, owner: &Owner, wants: &[(u8, Mode)]) {
        let requests = wants.iter().map(|(it, mode)| LockRequest {
            owner: owner.clone(),
            resource: resource(*it),
            mode: *mode,
            what: String::new(),
        });
        let batch: Vec<LockRequest> = requests
            .filter(|request| !self.table.is_included(request))
            .collect();
        match decide(&self.table, &batch) {
            Decision::Granted | Decision::Wait => {
                for request in batch {
                    let (id, _) = self.table.insert(request, 0);
                    let call = self.calls.get_mut(owner).expect("it is in progress");
                    call.ids.push(id);
                }
            }
            Decision::Deadlock(cycle) => self.roll_back(&cycle),
        }
    }

    /// Rolls a call back, and checks that its retry requests more than this attempt.
    fn roll_back(&mut self, cycle: &Cycle) {
        let at = &cycle.breaks_at;
        let below = self.calls.keys().filter(|owner| at.covers(owner));
        let below: Vec<Owner> = below.cloned().collect();
        let call = self.calls.get(at).expect("only a call is rolled back");
        assert_ne!(call.requested, call.wanted, "no progress: {cycle:?}");
        let mut ids = Vec::new();
        for owner in below {
            let call = self.calls.get_mut(&owner).expect("it is in progress");
            ids.append(&mut call.ids);
            if owner != *at {
                self.calls.remove(&owner);
            }
        }
        self.table.release(&ids, 0);
        let call = self.calls.get_mut(at).expect("it is retried");
        (call.stage, call.n_started, call.n_ended) = (Stage::New, 0, 0);
        call.n_rollbacks += 1;
        self.n_rollbacks += 1;
        self.n_rollbacks_max = self.n_rollbacks_max.max(call.n_rollbacks);
    }

    fn end(&mut self, owner: &Owner) -> bool {
        let call = self.calls.remove(owner).expect("it is in progress");
        self.table.release(&call.ids, 0);
        let mut caller = owner.clone();
        let parent = caller.lineage.parent().expect("it is no run");
        caller.lineage = parent;
        match self.calls.get_mut(&caller) {
            Some(caller) => {
                caller.n_ended += 1;
                false
            }
            None => true,
        }
    }
}

/// Runs one simulation to its end.
fn simulate(seed: u64, n_models: u8) -> Simulation {
    let mut random = Random(seed);
    let mut simulation = Simulation::default();
    let (mut n_begun, mut n_ended) = (0, 0);
    while n_ended < N_RUNS {
        while n_begun < N_RUNS && n_begun - n_ended < N_AT_ONCE {
            let owner = Owner {
                under: None,
                session: SessionId::from_bits(n_begun % N_SESSIONS),
                lineage: Lineage::root(RunId::from_bits(n_begun)).child(1),
            };
            let graph = Graph::at_random(&mut random, n_models);
            simulation.calls.insert(owner, Call::new(graph));
            n_begun += 1;
        }
        let calls = simulation.calls.iter();
        let ready = calls.filter(|(_, call)| simulation.is_ready(call));
        let ready: Vec<Owner> = ready.map(|(owner, _)| owner.clone()).collect();
        assert!(!ready.is_empty(), "seed {seed}: no call can continue");
        let pick = random.below(ready.len() as u64);
        let pick = usize::try_from(pick).expect("a few");
        n_ended += u64::from(simulation.step(&ready[pick]));
    }
    simulation
}

#[test]
fn retried_calls_end_after_few_rollbacks() {
    let first: u64 = std::env::var("SEDGE_RETRIES_SEED").map_or(1, |text| {
        text.parse().expect("SEDGE_RETRIES_SEED is a number")
    });
    for n_models in [2, 5, 20] {
        let (mut n_rollbacks, mut n_max) = (0, 0);
        for seed in first..first + 4 {
            let simulation = simulate(seed, n_models);
            assert_eq!(simulation.table.entries().count(), 0, "seed {seed}");
            n_rollbacks += simulation.n_rollbacks;
            n_max = n_max.max(simulation.n_rollbacks_max);
        }
        println!("{n_models} models: {n_rollbacks} rollbacks, up to {n_max} of one call");
        assert!(n_rollbacks > 20, "there is hardly any deadlock");
        // Each rollback adds a model, or a stronger mode of one or of the intention.
        let limit = 2 * usize::from(n_models) + 1;
        assert!(n_max <= limit, "one call was rolled back {n_max} times");
    }
}
