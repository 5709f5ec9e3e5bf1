//! The simulated lineages: the calls in progress, and the locks that each has yet to acquire.

use sedge_locks::mode::{Mode, Resource};
use sedge_locks::owner::{Owner, SessionId};
use sedge_locks::table::{LockRequest, QueuePlace};
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;

use crate::naive::{Asked, JOINED, Who};

/// The number of calls that a run, and its calls by depth, may make at the same time.
pub(crate) type Widths = [u8; 3];

/// Each call makes one call at a time.
pub(crate) const NESTED: Widths = [1, 1, 1];

/// The run's call makes two calls at a time.
pub(crate) const PARALLEL: Widths = [1, 2, 1];

/// The locks that a call acquires: batches in this order, each with locks that are requested at the
/// same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) batches: Vec<Vec<(u8, Mode)>>,
}

impl Kind {
    /// Returns a kind that acquires its locks one after the other.
    pub(crate) fn new(wants: &[(u8, Mode)]) -> Self {
        let batches = wants.iter().map(|want| vec![*want]).collect();
        Self { batches }
    }

    /// Returns a kind that requests all its locks at once.
    pub(crate) fn at_once(wants: &[(u8, Mode)]) -> Self {
        let batches = vec![wants.to_vec()];
        Self { batches }
    }

    pub(crate) fn wants(&self) -> impl Iterator<Item = (u8, Mode)> {
        self.batches.iter().flatten().copied()
    }
}

/// A configuration: the steps that are possible.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) name: &'static str,
    pub(crate) depth: u8,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) runs: Vec<Widths>,
    pub(crate) sessions: Vec<u8>,
    /// Renamings of runs and models under which the configuration stays the same.
    ///
    /// A renaming has the new number of each run, and of each kind and resource. The first one
    /// changes nothing.
    renamings: Vec<Renaming>,
    /// Whether states differ if the holders of a resource were granted it in another order.
    knows_order: bool,
    /// Whether each rollback has to make the call request more than before.
    pub(crate) progresses: bool,
}

#[derive(Debug, Clone)]
struct Renaming {
    runs: Vec<u8>,
    kinds: Vec<u8>,
    resources: Vec<u8>,
}

impl Config {
    pub(crate) fn new(name: &'static str, depth: u8, kinds: Vec<Kind>, runs: &[Widths]) -> Self {
        let n_runs = u8::try_from(runs.len()).expect("a few");
        let mut config = Self {
            name,
            depth,
            kinds,
            runs: runs.to_vec(),
            sessions: (0..n_runs).collect(),
            renamings: Vec::new(),
            knows_order: false,
            progresses: false,
        };
        let resources: Vec<u8> = (0..=config.n_models()).collect();
        config.renamings = vec![config.renaming(config.sessions.clone(), resources)];
        config
    }

    /// Puts all runs into one process.
    pub(crate) fn in_one_session(mut self) -> Self {
        self.sessions.fill(0);
        self
    }

    /// Counts states as different if holders were granted a resource in another order.
    pub(crate) fn in_order(mut self) -> Self {
        self.knows_order = true;
        self
    }

    /// Checks that each rollback makes the call request more than before.
    pub(crate) fn with_progress(mut self) -> Self {
        self.progresses = true;
        self
    }

    /// Counts states as one if they differ only in the names of runs and models.
    pub(crate) fn symmetric(mut self) -> Self {
        self.renamings.clear();
        let n_runs = u8::try_from(self.runs.len()).expect("a few");
        for runs in permutations(n_runs) {
            for models in permutations(self.n_models()) {
                let models = models.iter().map(|model| model + 1);
                let resources = std::iter::once(0).chain(models).collect();
                self.renamings.push(self.renaming(runs.clone(), resources));
            }
        }
        self
    }

    fn renaming(&self, runs: Vec<u8>, resources: Vec<u8>) -> Renaming {
        let kind = |kind: &Kind| {
            let renamed = |batch: &Vec<(u8, Mode)>| {
                let wants = batch.iter();
                let wants = wants.map(|(it, mode)| (resources[usize::from(*it)], *mode));
                let mut wants: Vec<(u8, Mode)> = wants.collect();
                wants.sort_unstable();
                wants
            };
            let batches: Vec<_> = kind.batches.iter().map(renamed).collect();
            let is_it = |other: &Kind| other.batches == batches;
            let at = self.kinds.iter().position(is_it);
            u8::try_from(at.expect("models are alike")).expect("a few")
        };
        let kinds = self.kinds.iter().map(kind).collect();
        Renaming {
            runs,
            kinds,
            resources,
        }
    }

    fn n_models(&self) -> u8 {
        let wants = self.kinds.iter().flat_map(Kind::wants);
        wants.map(|(resource, _)| resource).max().unwrap_or(0)
    }

    /// Returns the request in the form of the table.
    pub(crate) fn request(asked: &Asked) -> LockRequest {
        LockRequest {
            owner: owner(asked.who),
            resource: resource(asked.resource),
            mode: asked.mode,
            what: String::new(),
        }
    }

    /// Returns the key of the state, which is the same for equivalent states.
    ///
    /// The order in which the holders of a resource were granted it is left out unless the
    /// configuration includes it, because nothing should depend on it.
    pub(crate) fn key(&self, world: &World) -> Box<[u32]> {
        let keys = self
            .renamings
            .iter()
            .map(|renaming| key(world, renaming, self.knows_order));
        keys.min().expect("one at least").into()
    }
}

/// A call in progress.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) who: Who,
    pub(crate) kind: u8,
    /// The number of its batches that are done.
    pub(crate) n_done: u8,
}

/// All calls in progress, and their requests in order of arrival.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) calls: Vec<Call>,
    pub(crate) asked: Vec<Asked>,
}

/// A possible next step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Move {
    /// A call starts, and makes its first batch of requests.
    Start(Who, u8),
    /// A call makes its next batch of requests.
    Next(usize),
    /// A call that has made all its calls ends.
    Finish(usize),
    /// A call stops waiting.
    Cancel(usize),
    /// A process dies.
    Die(u8),
}

impl World {
    pub(crate) fn is_waiting(&self, who: Who) -> bool {
        self.asked.iter().any(|it| it.who == who && !it.is_held())
    }

    fn has_call(&self, who: Who) -> bool {
        self.calls.iter().any(|call| call.who == who)
    }

    fn is_leaf(&self, who: Who) -> bool {
        let below = |call: &Call| call.who != who && who.covers(&call.who);
        !self.calls.iter().any(below)
    }

    pub(crate) fn moves(&self, config: &Config) -> Vec<Move> {
        let mut moves = Vec::new();
        for (run, session) in config.sessions.iter().enumerate() {
            let run = u8::try_from(run).expect("a few");
            self.starts(config, Who::run(*session, run), &mut moves);
            let is_first = !config.sessions[..usize::from(run)].contains(session);
            if is_first && self.calls.iter().any(|call| call.who.session == *session) {
                moves.push(Move::Die(*session));
            }
        }
        for (at, call) in self.calls.iter().enumerate() {
            let n_batches = config.kinds[usize::from(call.kind)].batches.len();
            if self.is_waiting(call.who) {
                moves.push(Move::Cancel(at));
            } else if usize::from(call.n_done) < n_batches {
                moves.push(Move::Next(at));
            } else {
                self.starts(config, call.who, &mut moves);
                if self.is_leaf(call.who) {
                    moves.push(Move::Finish(at));
                }
            }
        }
        moves
    }

    /// Adds the calls that a call or run may start.
    fn starts(&self, config: &Config, parent: Who, moves: &mut Vec<Move>) {
        if parent.depth >= config.depth {
            return;
        }
        let width = config.runs[usize::from(parent.run)][usize::from(parent.depth)];
        let mut children = (1..=width).map(|ordinal| parent.child(ordinal));
        if let Some(child) = children.find(|child| !self.has_call(*child)) {
            let n_kinds = u8::try_from(config.kinds.len()).expect("a few");
            moves.extend((0..n_kinds).map(|kind| Move::Start(child, kind)));
        }
    }
}

fn key(world: &World, renaming: &Renaming, knows_order: bool) -> Vec<u32> {
    let name = |who: &Who| {
        let path = who
            .path
            .iter()
            .fold(0, |path, ordinal| path << 2 | u32::from(*ordinal));
        u32::from(renaming.runs[usize::from(who.run)]) << 6 | path
    };
    let mut calls: Vec<u32> = Vec::with_capacity(world.calls.len() + world.asked.len());
    calls.extend(world.calls.iter().map(|call| {
        let kind = u32::from(renaming.kinds[usize::from(call.kind)]);
        let held = world
            .asked
            .iter()
            .filter(|it| it.who == call.who && it.is_held());
        let held = u32::try_from(held.count()).expect("a few");
        name(&call.who) << 8 | kind << 4 | u32::from(call.n_done) << 2 | held
    }));
    calls.sort_unstable();
    let n_calls = calls.len();
    let in_line = world.asked.iter().filter(|it| knows_order || !it.is_held());
    calls.extend(in_line.map(|it| {
        let resource = u32::from(renaming.resources[usize::from(it.resource)]);
        let place = match it.place {
            QueuePlace::Granted => 0,
            QueuePlace::Overtaking => 1,
            QueuePlace::Waiting => 2,
        };
        1 << 31 | resource << 16 | place << 8 | name(&it.who)
    }));
    if !knows_order {
        // The sort is stable: the order within a queue stays, and queues have no order between
        // them.
        calls[n_calls..].sort_by_key(|it| it >> 16);
    }
    calls
}

fn permutations(n: u8) -> Vec<Vec<u8>> {
    let Some(last) = n.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let shorter = permutations(last).into_iter();
    let with_last = shorter.flat_map(|it| {
        (0..=it.len()).map(move |at| {
            let mut longer = it.clone();
            longer.insert(at, last);
            longer
        })
    });
    with_last.collect()
}

/// Returns a call's owner in the form of the table.
pub(crate) fn owner(who: Who) -> Owner {
    let run = |who: Who, under: Option<Owner>| Owner {
        under: under.map(Box::new),
        session: session(who),
        lineage: Lineage::root(RunId::from_bits(u64::from(who.run))),
    };
    let mut at = Who::run(who.session, who.run);
    let mut owner = run(at, None);
    for ordinal in &who.path[..usize::from(who.depth)] {
        at = at.child(*ordinal);
        if *ordinal == JOINED {
            owner = run(at, Some(owner));
        } else {
            owner.lineage = owner.lineage.child(u32::from(*ordinal));
        }
    }
    owner
}

/// Returns the session of a call's process.
pub(crate) fn session(who: Who) -> SessionId {
    let process = who.process();
    let [a, b, c] = process.path;
    let bytes = [process.session, process.run, a, b, c, 0, 0, 0];
    SessionId::from_bits(u64::from_le_bytes(bytes))
}

pub(crate) fn resource(number: u8) -> Resource {
    match number {
        0 => Resource::Datastore,
        model => Resource::Model(format!("model-{model}").parse().expect("a name")),
    }
}
