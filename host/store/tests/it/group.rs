//! Group commit: writes that are submitted at the same time share a transaction, without any other
//! visible difference.
//!
//! The number of transactions is read from SQLite's log, in which each transaction ends with a
//! marked frame. Where the order of writes matters, the test holds the lock of the writers' queue,
//! as another process would, so that all submitted writes have to wait.

mod sequence;

use std::fs::read_to_string;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, scope, spawn};
use std::time::Duration;

use sedge_model::call::Written;
use sedge_model::lineage::Lineage;
use sedge_model::run::RunEvent;
use sedge_store::{
    Author, CallEnd, Claim, Committed, FollowUp, Receipt, Store, StoreError, WriteSequence,
};
use sedge_sys::file_lock::FileQueue;
use sedge_sys::thread::yield_now;
use tokio::runtime::{Builder, Runtime};

use crate::fixture::{Fixture, append, released, shown, step_started, success};

/// The number of concurrent commits, which is the most that share one transaction.
const N_COMMITS: u32 = 64;

/// How often each kind of writer must write while both write as fast as they can, and how often one
/// may write before the other counts as starved.
const N_TURNS: usize = 100;
const N_TURNS_MAX: usize = 10 * N_TURNS;

/// A store, a run with running calls, and a handle to the queue of writers.
struct Scene {
    fixture: Fixture,
    store: Arc<Store>,
    claim: Claim,
    queue: FileQueue,
}

/// How long a test waits in the queue before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(600);

fn queue_of(fixture: &Fixture) -> FileQueue {
    let queue = FileQueue::open(fixture.folder(), "write.lock", PATIENCE);
    queue.expect("the folder can be written")
}

impl Scene {
    fn new() -> Self {
        let fixture = Fixture::new();
        let claim = fixture.run(1);
        for n in 1..=N_COMMITS {
            fixture.call(&claim, &[n], "sink");
        }
        let store = Arc::new(fixture.other_process());
        let queue = queue_of(&fixture);
        Self {
            fixture,
            store,
            claim,
            queue,
        }
    }

    fn lineage(&self, n: u32) -> Lineage {
        Lineage::root(self.claim.run.clone()).child(n)
    }

    /// The end of the nth call. All calls write to the same name.
    fn end(&self, n: u32) -> CallEnd {
        success(&self.lineage(n), "sink", &[("record", "1")])
    }

    /// Has a thread commit the first call, and returns once it waits in the queue. Writes that are
    /// submitted from then on find a write in progress.
    fn occupy(&self) -> JoinHandle<Result<Committed, StoreError>> {
        let (store, claim, end) = (Arc::clone(&self.store), self.claim.clone(), self.end(1));
        let commits = spawn(move || store.call_commit(&claim, end, None).wait());
        self.until_one_waits();
        commits
    }

    /// Returns once a thread is blocked as the next one in the queue, according to the kernel's
    /// list. That the second lock is held would not suffice, because every process that enters the
    /// queue holds it for a moment.
    fn until_one_waits(&self) {
        let file = self.fixture.folder().path_of("write.lock");
        let inode = file.metadata().expect("it is there").ino();
        let is_blocked =
            |line: &str| line.contains("-> FLOCK") && line.contains(&format!(":{inode} "));
        loop {
            let locks = read_to_string("/proc/locks").expect("the kernel lists locks");
            if locks.lines().any(is_blocked) {
                return;
            }
            yield_now();
        }
    }

    fn versions(&self) -> Vec<u64> {
        self.fixture.versions("sink", "record")
    }

    /// Returns the number of transactions in the log.
    fn n_transactions(&self) -> usize {
        const HEAD: usize = 32;
        const FRAME_HEAD: usize = 24;
        let log = self.fixture.folder().path_of("sedge.db-wal");
        let log = std::fs::read(log).expect("it has one");
        let number = |at: usize| {
            let bytes = log[at..at + 4].try_into().expect("four bytes");
            u32::from_be_bytes(bytes)
        };
        let frame = FRAME_HEAD + number(8) as usize;
        // A frame with another salt than the header is from an earlier use of the log.
        let is_last = |at: &usize| number(*at + 8) == number(16) && number(*at + 4) != 0;
        let frames = (HEAD..=log.len() - frame).step_by(frame);
        frames.filter(is_last).count()
    }
}

fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(4).build();
    runtime.expect("threads are left")
}

fn version(committed: Result<Committed, StoreError>) -> u64 {
    published(committed.map(|committed| committed.written))
}

fn published(written: Result<Vec<Written>, StoreError>) -> u64 {
    let [one] = &written.expect("it counts")[..] else {
        panic!("it wrote one version");
    };
    one.version
}

#[test]
fn concurrent_commits_get_versions_without_gaps() {
    let scene = Scene::new();
    let before = scene.n_transactions();
    let versions = runtime().block_on(async {
        let tasks: Vec<_> = (1..=N_COMMITS)
            .map(|n| {
                let (store, claim, end) =
                    (Arc::clone(&scene.store), scene.claim.clone(), scene.end(n));
                tokio::spawn(async move { store.call_commit(&claim, end, None).await })
            })
            .collect();
        let mut versions = Vec::new();
        for task in tasks {
            versions.push(version(task.await.expect("no panic")));
        }
        versions
    });
    let mut sorted = versions;
    sorted.sort_unstable();
    let all: Vec<u64> = (1..=N_COMMITS.into()).collect();
    assert_eq!(sorted, all, "each got its own");
    assert_eq!(scene.versions(), all);
    let n_transactions = scene.n_transactions() - before;
    println!("{N_COMMITS} tasks that commit at once: {n_transactions} transactions");
    assert!(n_transactions <= N_COMMITS as usize);
}

#[test]
fn queued_writes_share_one_transaction() {
    let scene = Scene::new();
    let before = scene.n_transactions();
    let turn = scene.queue.enter().expect("it has locks");
    let first = scene.occupy();
    let receipts: Vec<_> = (2..=N_COMMITS)
        .map(|n| scene.store.call_commit(&scene.claim, scene.end(n), None))
        .collect();
    drop(turn);
    assert_eq!(version(first.join().expect("no panic")), 1);
    for (n, receipt) in (2..).zip(receipts) {
        assert_eq!(
            version(receipt.wait()),
            n,
            "in the order in which they came"
        );
    }
    let n_transactions = scene.n_transactions() - before;
    println!("{N_COMMITS} commits, all but one queued: {n_transactions} transactions");
    assert_eq!(n_transactions, 2);
}

/// The end of a step and the start of the next one are in the transaction of the call, and calls of
/// several steps share one.
#[test]
fn follow_ups_share_the_transaction_of_their_calls() {
    let scene = Scene::new();
    let before = scene.n_transactions();
    let turn = scene.queue.enter().expect("it has locks");
    let first = scene.occupy();
    let follow = |known, n| follow(known, &[n]);
    // The second knows the event of the first, and the third does not know that of the second.
    let receipts = [(2, 1), (3, 2), (4, 2)].map(|(n, known)| {
        let follow = Some(follow(known, n + 100));
        scene.store.call_commit(&scene.claim, scene.end(n), follow)
    });
    let sequence = WriteSequence::default();
    let queue = |follow| {
        scene
            .store
            .run_append_queue(&scene.claim, follow, &sequence)
    };
    let alone = queue(follow(3, 9));
    drop(turn);
    assert_eq!(version(first.join().expect("no panic")), 1);
    let [second, third, fourth] = receipts.map(Receipt::wait);
    let second = second.expect("its log is the latest");
    assert_eq!(shown(&second.events), ["2 step-started build/compile 102"]);
    assert_eq!(version(third), 3);
    let refused = fourth.expect_err("its log is an earlier one");
    assert!(matches!(refused, StoreError::LogMoved(_)), "{refused}");
    let alone = alone.wait().expect("its log is the latest");
    assert_eq!(shown(&alone), ["4 step-started build/compile 9"]);
    assert_eq!(scene.versions(), [1, 2, 3]);
    assert_eq!(scene.n_transactions() - before, 2);
    let seq = scene.store.run_seq(&scene.claim.run).expect("readable");
    assert_eq!(seq, 4);
    // The refused commit is made again, with the log as it is.
    let again = scene
        .store
        .call_commit(&scene.claim, scene.end(4), Some(follow(4, 104)));
    assert_eq!(version(again.wait()), 4);
}

fn follow(known: u64, calls: &[u32]) -> FollowUp {
    let started = |n: &u32| step_started("build/compile", *n).into();
    FollowUp {
        known,
        entries: calls.iter().map(started).collect(),
    }
}

#[test]
fn refused_write_does_not_affect_its_batch() {
    let scene = Scene::new();
    let not_begun = scene.end(N_COMMITS + 1);
    let lock_lost = scene.end(3);
    let fence = scene
        .fixture
        .store
        .fence(std::slice::from_ref(&lock_lost.lineage), &released());
    fence.expect("nothing is in the way");
    let mut not_owner = scene.end(4);
    not_owner.origin.type_name = Some("@test/other".parse().expect("a type's name"));
    let old = Claim {
        number: 0,
        ..scene.claim.clone()
    };
    let refused = [
        (&scene.claim, not_begun),
        (&old, scene.end(2)),
        (&scene.claim, lock_lost),
        (&scene.claim, not_owner),
    ];
    let before = scene.n_transactions();
    let turn = scene.queue.enter().expect("it has locks");
    let first = scene.occupy();
    let mut receipts = Vec::new();
    for (n, (claim, end)) in (10..).zip(refused) {
        receipts.push(scene.store.call_commit(&scene.claim, scene.end(n), None));
        receipts.push(scene.store.call_commit(claim, end, None));
    }
    receipts.push(scene.store.call_commit(&scene.claim, scene.end(20), None));
    drop(turn);
    first.join().expect("no panic").expect("it counts");
    let results: Vec<String> = receipts
        .into_iter()
        .map(|receipt| match receipt.wait() {
            Ok(committed) => format!("version {}", committed.written[0].version),
            Err(error) => error.to_string(),
        })
        .collect();
    let run = &scene.claim.run;
    let expected = [
        "version 2".to_owned(),
        format!("the call `{run}/65` is not running"),
        "version 3".to_owned(),
        format!("the run `{run}` was taken over by another process"),
        "version 4".to_owned(),
        format!(
            "the call `{run}/3` lost its lock before it ended, so none of its changes were written"
        ),
        "version 5".to_owned(),
        "the data `record` of `sink` belongs to the type `@test/sink`, which wrote it first"
            .to_owned(),
        "version 6".to_owned(),
    ];
    assert_eq!(results, expected);
    assert_eq!(scene.versions(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(scene.n_transactions() - before, 2, "they were one batch");
}

#[test]
fn dropped_receipt_removes_a_queued_write() {
    let scene = Scene::new();
    let turn = scene.queue.enter().expect("it has locks");
    let first = scene.occupy();
    let commit = |n| scene.store.call_commit(&scene.claim, scene.end(n), None);
    let receipts = [commit(2), commit(3), commit(4)];
    let [before, dropped, after] = receipts;
    drop(dropped);
    drop(turn);
    assert_eq!(version(first.join().expect("no panic")), 1);
    assert_eq!([version(before.wait()), version(after.wait())], [2, 3]);
    let calls = scene.fixture.store.call_list(&scene.claim.run);
    let calls = calls.expect("readable");
    let by: Vec<_> = calls.iter().filter(|it| it.outcome.is_some()).collect();
    let paths: Vec<String> = by.iter().map(|it| it.lineage.path()).collect();
    assert_eq!(paths, ["1", "2", "4"]);
}

#[test]
fn dropping_the_receipt_waits_for_a_running_write() {
    let scene = Scene::new();
    let turn = scene.queue.enter().expect("it has locks");
    let first = scene.occupy();
    let receipt = scene.store.call_commit(&scene.claim, scene.end(2), None);
    // This test waits for the lock as another process, behind the first write. If the batch gets
    // the lock after this test, it waits.
    let queue = queue_of(&scene.fixture);
    scope(|scope| {
        let again = scope.spawn(|| queue.enter().expect("it has locks"));
        drop(turn);
        assert_eq!(version(first.join().expect("no panic")), 1);
        let turn = again.join().expect("no panic");
        if scene.versions() == [1] {
            scene.until_one_waits();
        }
        let dropping = scope.spawn(|| drop(receipt));
        drop(turn);
        dropping.join().expect("no panic");
        assert_eq!(
            scene.versions(),
            [1, 2],
            "nothing is written once it is gone"
        );
    });
}

#[test]
fn task_can_block_on_a_receipt() {
    let scene = Scene::new();
    let turn = scene.queue.enter().expect("it has locks");
    let first = scene.occupy();
    let receipt = scene.store.call_commit(&scene.claim, scene.end(2), None);
    drop(turn);
    let alone = Builder::new_current_thread()
        .build()
        .expect("threads are left");
    let versions = alone.block_on(async {
        let second = version(receipt.wait());
        let third = scene
            .store
            .call_commit(&scene.claim, scene.end(3), None)
            .wait();
        let fourth = scene
            .store
            .call_commit(&scene.claim, scene.end(4), None)
            .await;
        [second, version(third), version(fourth)]
    });
    first.join().expect("no panic").expect("it counts");
    assert_eq!(versions, [2, 3, 4]);
}

/// Exclusive writers did not let queued writes go first, and were awake while the writer thread was
/// not. Threads that wrote exclusively in a loop got six turns for one of all submitted writes. Now
/// each of them lets the queue go first.
#[test]
fn queue_is_committed_between_two_exclusive_writers() {
    for _ in 0..10 {
        let scene = Scene::new();
        let turn = scene.queue.enter().expect("it has locks");
        let first = scene.occupy();
        let queued = scene.store.call_commit(&scene.claim, scene.end(2), None);
        let seen = Mutex::new(Vec::new());
        scope(|scope| {
            for _ in 0..4 {
                let (scene, seen) = (&scene, &seen);
                scope.spawn(move || {
                    let author = Author::Process(&scene.claim);
                    let appended = scene.store.run_append(author, 0, |_| {
                        let mut seen = seen.lock().expect("no panic");
                        seen.push(scene.versions().len());
                        Ok::<_, StoreError>(vec![RunEvent::Resumed.into()])
                    });
                    appended.expect("it counts");
                });
            }
            drop(turn);
        });
        first.join().expect("no panic").expect("it counts");
        assert_eq!(version(queued.wait()), 2);
        let seen = seen.into_inner().expect("no panic");
        assert_eq!(seen[1..], [2; 3], "before the second exclusive writer");
    }
}

/// Threads of both kinds write as fast as they can, until each kind has had enough turns.
#[test]
fn neither_kind_of_writer_starves() {
    for n_threads in [1, 3] {
        let scene = Scene::new();
        let [n_exclusive, n_submitted] = hammer(&scene, n_threads);
        println!(
            "{n_threads} threads that write exclusively: {n_exclusive} times, as many that submit: {n_submitted} times"
        );
        let least = n_exclusive.min(n_submitted);
        assert!(least >= N_TURNS, "{n_exclusive} and {n_submitted}");
    }
}

fn hammer(scene: &Scene, n_threads: u32) -> [usize; 2] {
    let counts = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let is_over = AtomicBool::new(false);
    let is_running = || {
        let [one, other] = [&counts[0], &counts[1]].map(|count| count.load(Ordering::Relaxed));
        let is_enough = one.min(other) >= N_TURNS || one.max(other) >= N_TURNS_MAX;
        is_over.fetch_or(is_enough, Ordering::Relaxed);
        !is_over.load(Ordering::Relaxed)
    };
    scope(|scope| {
        for n in 1..=n_threads {
            let (is_running, [n_exclusive, n_submitted]) = (&is_running, &counts);
            scope.spawn(move || {
                while is_running() {
                    let resumed = vec![RunEvent::Resumed];
                    append(&scene.store, &scene.claim, resumed, None).expect("it counts");
                    n_exclusive.fetch_add(1, Ordering::Relaxed);
                }
            });
            scope.spawn(move || {
                while is_running() {
                    let so_far = scene.store.call_publish(&scene.claim, scene.end(n));
                    so_far.wait().expect("it counts");
                    n_submitted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    counts.map(AtomicUsize::into_inner)
}

/// Tasks that are dropped with their runtime write everything or nothing.
#[test]
fn aborted_task_writes_everything_or_nothing() {
    let scene = Scene::new();
    let runtime = runtime();
    let tasks: Vec<_> = (1..=N_COMMITS)
        .map(|n| {
            let (store, claim) = (Arc::clone(&scene.store), scene.claim.clone());
            let end = success(
                &scene.lineage(n),
                "sink",
                &[("record", "1"), ("other", "1")],
            );
            runtime.spawn(async move { store.call_commit(&claim, end, None).await })
        })
        .collect();
    for task in tasks.iter().skip(1).step_by(2) {
        task.abort();
    }
    let ended: Vec<bool> = runtime.block_on(async {
        let mut ended = Vec::new();
        for task in tasks {
            ended.push(task.await.is_ok());
        }
        ended
    });
    let calls = scene.fixture.store.call_list(&scene.claim.run);
    let calls = calls.expect("readable");
    for (call, ended) in calls.iter().zip(&ended) {
        assert!(
            call.outcome.is_some() || !ended,
            "{} was acknowledged",
            call.lineage
        );
    }
    let n_made = calls.iter().filter(|call| call.outcome.is_some()).count() as u64;
    let all: Vec<u64> = (1..=n_made).collect();
    assert_eq!(scene.versions(), all);
    assert_eq!(scene.fixture.versions("sink", "other"), all);
    println!("{N_COMMITS} commits, every other one aborted: {n_made} made");
}

/// When a store was dropped before its writer thread had started, the queue was dropped with it,
/// and tasks with a receipt waited forever. Now the thread empties the queue even if the store is
/// dropped.
#[test]
fn dropped_store_commits_its_queue() {
    const N_ROUNDS: u64 = 30;
    let scene = Scene::new();
    for round in 0..N_ROUNDS {
        let turn = scene.queue.enter().expect("it has locks");
        let store = scene.fixture.other_process();
        let publish = |n| store.call_publish(&scene.claim, scene.end(n));
        let receipts = scope(|scope| {
            let first = scope.spawn(|| publish(1).wait());
            scene.until_one_waits();
            let receipts = [publish(2), publish(3)];
            drop(turn);
            assert_eq!(published(first.join().expect("no panic")), 3 * round + 1);
            receipts
        });
        drop(store);
        let versions = receipts.map(|receipt| published(receipt.wait()));
        assert_eq!(versions, [3 * round + 2, 3 * round + 3]);
    }
}
