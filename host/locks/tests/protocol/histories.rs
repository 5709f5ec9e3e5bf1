//! Compares the table with a plain list in random histories: both must agree at each step.
//!
//! The test runs 100 000 histories unless `SEDGE_HISTORIES` sets another number:
//!
//! ```text
//! SEDGE_HISTORIES=10000000 cargo test --release -p sedge-locks --test protocol -- histories
//! ```

use std::cell::Cell;

use proptest::prelude::{Just, Strategy, any, prop};
use proptest::prop_oneof;
use proptest::test_runner::{Config as Limits, TestCaseError, TestRunner};
use sedge_locks::mode::Mode;
use sedge_locks::table::{Decision, LockRequest, LockTable, QueuePlace, RequestId, decide};

use crate::cycles::cycle_fault;
use crate::naive::{
    Asked, JOINED, Who, grant, in_the_way, is_in_cycle, is_included, place_in_line,
};
use crate::world::{Config, session};

/// The number of histories, unless `SEDGE_HISTORIES` is set.
const N_HISTORIES: u32 = 100_000;

/// The maximum number of steps in a history.
const N_STEPS_MAX: usize = 24;

#[derive(Debug, Clone)]
enum Step {
    /// A call makes requests, each for another resource.
    Ask(Who, Vec<(u8, Mode)>),
    /// Requests, granted or waiting, are released; the numbers select them.
    Free(Vec<usize>),
    /// The process of a call dies.
    Die(Who),
    /// The table is stored as a snapshot and restored.
    Keep,
}

/// Generates histories.
///
/// There are two sessions with two runs each, and the runs have the same names in both. Calls are
/// nested three deep, two at a time, or are made by processes that join them. The resources are
/// the datastore and two models.
fn history() -> impl Strategy<Value = Vec<Step>> {
    let ordinal = prop_oneof![3 => 1..=2_u8, 1 => Just(JOINED)];
    let who = (0..2_u8, 0..2_u8, prop::collection::vec(ordinal, 0..=3));
    let who = who
        .prop_map(|(session, run, path)| path.into_iter().fold(Who::run(session, run), Who::child));
    let mode = prop::sample::select(Mode::ALL.to_vec());
    let resources = prop::sample::subsequence(vec![0, 1, 2_u8], 1..=3);
    let wants = (resources, prop::collection::vec(mode, 3));
    let wants = wants.prop_map(|(resources, modes)| {
        let wants = resources.into_iter().zip(modes);
        wants.collect::<Vec<(u8, Mode)>>()
    });
    let ask = (who.clone(), wants).prop_map(|(who, wants)| Step::Ask(who, wants));
    let free = prop::collection::vec(any::<usize>(), 1..=3).prop_map(Step::Free);
    let step = prop_oneof![
        12 => ask,
        5 => free,
        1 => who.prop_map(Step::Die),
        1 => Just(Step::Keep),
    ];
    prop::collection::vec(step, 1..=N_STEPS_MAX)
}

#[derive(Default)]
struct Scene {
    table: LockTable,
    list: Vec<Asked>,
    /// A released request. Releasing it again must change nothing.
    freed: Option<RequestId>,
}

impl Scene {
    fn play(history: &[Step]) -> Self {
        let mut scene = Self::default();
        for step in history {
            match step {
                Step::Ask(who, wants) => scene.ask(*who, wants),
                Step::Free(_) if scene.list.is_empty() => {}
                Step::Free(picks) => {
                    let ids = picks
                        .iter()
                        .map(|pick| scene.list[pick % scene.list.len()].id);
                    let ids: Vec<RequestId> = ids.chain([scene.freed]).flatten().collect();
                    scene.free(&ids);
                }
                Step::Die(who) => {
                    let mut ids = scene.table.of_session(session(*who));
                    ids.sort_unstable();
                    let own = scene.list.iter();
                    let own = own.filter(|it| it.who.process() == who.process());
                    assert_eq!(ids, own.filter_map(|it| it.id).collect::<Vec<_>>());
                    scene.free(&ids);
                }
                Step::Keep => scene.keep(),
            }
            scene.compare();
        }
        scene
    }

    fn ask(&mut self, who: Who, wants: &[(u8, Mode)]) {
        // A call that waits does nothing else, and makes no calls.
        let waits = |it: &Asked| !it.is_held() && (it.who.covers(&who) || who.covers(&it.who));
        if self.list.iter().any(waits) {
            return;
        }
        let batch = self.batch(who, wants);
        let requests: Vec<LockRequest> = batch.iter().map(Config::request).collect();
        let decision = decide(&self.table, &requests);
        let first = self.list.len();
        self.list.extend(batch);
        for at in first..self.list.len() {
            if in_the_way(&self.list, at).next().is_none() {
                self.list[at].place = QueuePlace::Granted;
            }
        }
        let waits = (first..self.list.len()).find(|at| !self.list[*at].is_held());
        match (decision, waits) {
            (Decision::Granted, None) => {}
            (Decision::Wait, Some(at)) => {
                assert!(!is_in_cycle(&self.list, at), "{who:?} closes a cycle");
            }
            (Decision::Deadlock(cycle), Some(_)) => {
                assert_eq!(cycle_fault(&self.list, first, &cycle), None, "{cycle:?}");
                self.list.truncate(first);
                return;
            }
            (decision @ (Decision::Granted | Decision::Wait | Decision::Deadlock(_)), waits) => {
                panic!("{who:?}: {decision:?}, but it waits for {waits:?}")
            }
        }
        for (request, me) in requests.into_iter().zip(&mut self.list[first..]) {
            let n_before = self.table.n_requests();
            let (id, place) = self.table.insert(request, 0);
            assert_eq!(self.table.n_requests(), n_before + 1);
            assert_eq!(place, me.place, "{me:?}");
            me.id = Some(id);
        }
    }

    /// Returns requests that are not in the list yet, without those that are included.
    fn batch(&self, who: Who, wants: &[(u8, Mode)]) -> Vec<Asked> {
        let asked = wants.iter().map(|(resource, mode)| {
            let (place, id) = (QueuePlace::Waiting, None);
            let mut me = Asked {
                who,
                resource: *resource,
                mode: *mode,
                place,
                id,
            };
            me.place = place_in_line(&self.list, &me);
            me
        });
        let is_new = |me: &Asked| {
            let request = Config::request(me);
            let included = is_included(&self.list, me);
            assert_eq!(self.table.is_included(&request), included, "{request:?}");
            !included
        };
        asked.filter(is_new).collect()
    }

    fn free(&mut self, ids: &[RequestId]) {
        let is_freed = |it: &Asked| it.id.is_some_and(|id| ids.contains(&id));
        self.list.retain(|it| !is_freed(it));
        self.freed = ids.first().copied().or(self.freed);
        assert_eq!(self.table.release(ids, 0), grant(&mut self.list));
    }

    fn keep(&mut self) {
        let snapshot = self.table.snapshot();
        self.table = snapshot.clone().into();
        assert_eq!(self.table.snapshot(), snapshot);
    }

    fn compare(&self) {
        let mut entries: Vec<_> = self
            .table
            .entries()
            .map(|it| (Some(it.id), it.place))
            .collect();
        entries.sort_unstable_by_key(|(id, _)| *id);
        let list: Vec<_> = self.list.iter().map(|it| (it.id, it.place)).collect();
        assert_eq!(entries, list);
        for (at, me) in self.list.iter().enumerate() {
            let Some(id) = me.id else {
                panic!("{me:?} is not in the table")
            };
            let blockers = self.table.blockers(id);
            let mut in_the_way = in_the_way(&self.list, at);
            assert_eq!(
                blockers.is_empty(),
                me.is_held() || in_the_way.next().is_none(),
                "{me:?}"
            );
        }
    }

    /// Ends all requests ahead of a waiting request while unrelated requests are queued behind it.
    ///
    /// Returns whether there was such a request.
    fn is_fair(&mut self, picks: &[usize]) -> bool {
        let waits = |it: &&Asked| it.place == QueuePlace::Waiting && it.mode == Mode::X;
        let Some(me) = self.list.iter().rev().find(waits).copied() else {
            return false;
        };
        let in_front = self.list.iter().filter(|it| it.resource == me.resource);
        let mut in_front: Vec<_> = in_front
            .filter(|it| it.id < me.id || it.place != QueuePlace::Waiting)
            .filter_map(|it| it.id)
            .collect();
        for n in 0.. {
            let unrelated = Who::run(9, n).child(1);
            let mode = Mode::ALL[usize::from(n) % 4];
            let place = QueuePlace::Waiting;
            let asked = Asked {
                who: unrelated,
                mode,
                place,
                ..me
            };
            let request = Config::request(&asked);
            let is_granted =
                decide(&self.table, std::slice::from_ref(&request)) == Decision::Granted;
            let has_it = me.id.and_then(|id| self.table.entry(id)).map(|it| it.place);
            assert!(!is_granted, "{asked:?} passes {me:?}");
            if in_front.is_empty() {
                assert_eq!(has_it, Some(QueuePlace::Granted), "{me:?}");
                return true;
            }
            self.table.insert(request, 0);
            let pick = picks[usize::from(n) % picks.len()] % in_front.len();
            self.table.release(&[in_front.swap_remove(pick)], 0);
        }
        unreachable!("those in front are fewer than numbers")
    }
}

fn n_histories() -> u32 {
    let text = std::env::var("SEDGE_HISTORIES").ok();
    text.map_or(N_HISTORIES, |text| {
        text.parse().expect("SEDGE_HISTORIES is a number")
    })
}

/// Checks random histories, and panics with the shortest one that fails.
fn try_all<T: std::fmt::Debug>(
    cases: u32,
    histories: &impl Strategy<Value = T>,
    holds: impl Fn(T) -> Result<(), TestCaseError>,
) {
    let limits = Limits {
        cases,
        failure_persistence: None,
        ..Limits::default()
    };
    if let Err(failure) = TestRunner::new(limits).run(histories, holds) {
        panic!("{failure}");
    }
}

#[test]
fn histories_at_random_are_as_in_a_plain_list() {
    let (n, n_left) = (n_histories(), Cell::new(0_u64));
    try_all(n, &history(), |history| {
        let scene = Scene::play(&history);
        n_left.set(n_left.get() + u64::try_from(scene.list.len()).unwrap_or_default());
        Ok(())
    });
    println!(
        "{n} histories, with {} requests at their ends",
        n_left.get()
    );
    assert!(
        n_left.get() > u64::from(n),
        "they let go of all that they ask for"
    );
}

#[test]
fn histories_end_with_a_writer_that_has_its_turn() {
    let (n, n_shown) = (n_histories() / 5, Cell::new(0_u32));
    let picks = prop::collection::vec(any::<usize>(), 1..=8);
    try_all(n, &(history(), picks), |(history, picks)| {
        let is_shown = Scene::play(&history).is_fair(&picks);
        n_shown.set(n_shown.get() + u32::from(is_shown));
        Ok(())
    });
    println!(
        "{n} histories, {} of them with a writer in line",
        n_shown.get()
    );
    assert!(
        n_shown.get() > n / 10,
        "there is hardly any with a writer in line"
    );
}
