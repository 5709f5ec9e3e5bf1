//! Tasks and processes that wait for each other.
//!
//! Two managers of one folder stand for two processes: the file locks exclude each other between
//! open files, not between processes.

use std::sync::Arc;
use std::time::Duration;

use sedge_sys::folder::Folder;

use super::*;
use crate::status::lock_status;

/// How long a test waits before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

fn lineage(text: &str) -> Lineage {
    format!("00000000000{text}").parse().expect("a lineage")
}

fn model(name: &str) -> Resource {
    Resource::Model(name.parse().expect("a name"))
}

fn later() -> Moment {
    Moment::now().after(PATIENCE)
}

fn soon() -> Moment {
    Moment::now().after(Duration::from_millis(30))
}

async fn lock(
    manager: &Arc<LockManager>,
    text: &str,
    (mode, name): (Mode, &str),
    deadline: Moment,
) -> Result<LockGuard, LockError> {
    let request = AcquireRequest {
        lineage: &lineage(text),
        under: None,
        what: &format!("{name}.run"),
        wants: &[(model(name), mode)],
        deadline,
    };
    manager.acquire(request).await
}

/// Acquires a lock that is free or will be released soon.
async fn locked(manager: &Arc<LockManager>, text: &str, mode: Mode, name: &str) -> LockGuard {
    let lock = lock(manager, text, (mode, name), later()).await;
    lock.unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Waits until a request of the lineage is queued.
async fn until_waiting(manager: &Arc<LockManager>, text: &str) {
    until("it waits", || manager.waiting(&lineage(text)).is_some()).await;
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = later();
    while !holds() {
        assert!(!deadline.left().is_zero(), "gave up waiting until {what}");
        clock::pause(Duration::from_micros(100)).await;
    }
}

fn spawn_lock(
    manager: &Arc<LockManager>,
    text: &'static str,
    mode: Mode,
    name: &'static str,
) -> tokio::task::JoinHandle<Result<LockGuard, LockError>> {
    let manager = Arc::clone(manager);
    tokio::spawn(async move { lock(&manager, text, (mode, name), later()).await })
}

fn folder() -> (tempfile::TempDir, impl Fn() -> Arc<LockManager>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    let open = move || {
        let session = Session::begin(Folder::open(&path).expect("it is there"));
        let session = Arc::new(session.expect("it can be written"));
        LockManager::shared(session, Duration::from_secs(600)).expect("a sound table")
    };
    (folder, open)
}

fn no_trace(manager: &Arc<LockManager>) {
    assert_eq!(manager.state().table().entries().count(), 0);
}

#[tokio::test]
async fn child_re_enters_and_unrelated_call_waits() {
    let manager = LockManager::alone();
    let held = locked(&manager, "0/1", Mode::X, "sink").await;
    locked(&manager, "0/1/1", Mode::X, "sink").await;
    let error = lock(&manager, "1/1", (Mode::X, "sink"), soon()).await;
    let Err(LockError::Timeout {
        blockers,
        waited_ms,
        ..
    }) = error
    else {
        panic!("others have it")
    };
    assert_eq!(blockers[0].to_string(), "000000000000/1 (sink.run)");
    assert!(waited_ms >= 30);
    drop(held);
    locked(&manager, "1/1", Mode::X, "sink").await;
    no_trace(&manager);
}

#[tokio::test]
async fn a_sibling_waits_for_as_long_as_it_takes() {
    let manager = LockManager::alone();
    let held = locked(&manager, "0/1", Mode::X, "sink").await;
    let mut sibling = Box::pin(lock(&manager, "0/2", (Mode::X, "sink"), soon()));
    let three_times = Moment::now().after(Duration::from_millis(100));
    let early = clock::until(three_times, &mut sibling).await;
    early.expect_err("it still waits");
    drop(held);
    sibling.await.expect("the lock");
}

#[tokio::test]
async fn a_thousand_siblings_go_one_by_one_in_order() {
    let (_keep, open) = folder();
    for manager in [LockManager::alone(), open()] {
        let held = locked(&manager, "0/1", Mode::X, "sink").await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for n in 2..=1001_u32 {
            let (manager, order) = (Arc::clone(&manager), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let _held = locked(&manager, &format!("0/{n}"), Mode::X, "sink").await;
                order.lock().expect("no panic").push(n);
            }));
            tokio::task::yield_now().await;
        }
        drop(held);
        for task in tasks {
            task.await.expect("no panic");
        }
        let expect: Vec<u32> = (2..=1001).collect();
        assert_eq!(*order.lock().expect("no panic"), expect);
        no_trace(&manager);
    }
}

#[tokio::test]
async fn a_dropped_waiter_leaves_the_queue() {
    let manager = LockManager::alone();
    let held = locked(&manager, "0/1", Mode::S, "sink").await;
    let writer = lock(&manager, "1/1", (Mode::X, "sink"), later());
    let early = clock::until(soon(), writer).await;
    early.expect_err("it waits, and is dropped");
    locked(&manager, "2/1", Mode::S, "sink").await;
    drop(held);
    no_trace(&manager);
    assert!(
        manager
            .state()
            .waiting(manager.id, &lineage("1/1"))
            .is_none()
    );
}

#[tokio::test]
async fn a_panic_releases() {
    let manager = LockManager::alone();
    let own = Arc::clone(&manager);
    let panicked = tokio::spawn(async move {
        let _held = locked(&own, "0/1", Mode::X, "sink").await;
        panic!("on purpose");
    });
    panicked.await.expect_err("it panicked");
    no_trace(&manager);
}

#[tokio::test]
async fn another_process_waits_and_is_woken() {
    let (_keep, open) = folder();
    let (one, other) = (open(), open());
    for _ in 0..20 {
        let held = locked(&one, "0/1", Mode::X, "sink").await;
        locked(&one, "0/1/1", Mode::X, "sink").await;
        let waits = spawn_lock(&other, "1/1", Mode::X, "sink");
        until_waiting(&other, "1/1").await;
        let Some(waiting) = other.waiting(&lineage("1/1")) else {
            panic!("it waits")
        };
        let session = waiting.blockers[0].session.as_ref();
        let session = session.expect("its file tells");
        assert_eq!(session.pid, sedge_sys::host::process_id());
        drop(held);
        drop(waits.await.expect("no panic").expect("the lock"));
        let error = lock(&one, "0/1", (Mode::X, "sink"), later()).await;
        error.expect("it was let go");
    }
}

#[tokio::test]
async fn deadlock_between_processes_is_reported_to_the_call_that_closes_it() {
    let (_keep, open) = folder();
    let (one, other) = (open(), open());
    let a = locked(&one, "0/1", Mode::X, "a").await;
    let b = locked(&other, "1/1", Mode::X, "b").await;
    let waits = spawn_lock(&one, "0/1/1", Mode::X, "b");
    until_waiting(&one, "0/1/1").await;
    let error = lock(&other, "1/1/1", (Mode::X, "a"), later()).await;
    let Err(LockError::Deadlock {
        cycle,
        ours,
        theirs,
        ..
    }) = error
    else {
        panic!("it goes round")
    };
    assert_eq!(cycle.breaks_at.lineage, lineage("1/1"));
    assert_eq!(ours, ["run 000000000001", "b.run", "a.run"]);
    assert_eq!(theirs, ["run 000000000000", "a.run", "b.run"]);
    drop(b);
    drop(waits.await.expect("no panic").expect("the other gave up"));
    drop(a);
    locked(&other, "1/1", Mode::X, "a").await;
}

/// Requests models for a call, all at once, after an intention on the datastore.
fn spawn_lock_all(
    manager: &Arc<LockManager>,
    text: &'static str,
    models: &'static [&'static str],
    deadline: Moment,
) -> tokio::task::JoinHandle<Result<LockGuard, LockError>> {
    let manager = Arc::clone(manager);
    tokio::spawn(async move {
        let mut wants = vec![(Resource::Datastore, Mode::IX)];
        wants.extend(models.iter().map(|name| (model(name), Mode::X)));
        let request = AcquireRequest {
            lineage: &lineage(text),
            under: None,
            what: "all.run",
            wants: &wants,
            deadline,
        };
        manager.acquire(request).await
    })
}

fn n_entries(manager: &Arc<LockManager>) -> usize {
    manager.state().table().entries().count()
}

/// The calls request each other's models in opposite orders, in one process and in two.
#[tokio::test]
async fn calls_that_request_several_models_at_once_do_not_deadlock() {
    let (_keep, open) = folder();
    let alone = LockManager::alone();
    for [one, other] in [[Arc::clone(&alone), alone], [open(), open()]] {
        let held = locked(&one, "0/1", Mode::X, "b").await;
        let first = spawn_lock_all(&one, "1/1", &["a", "b", "c"], later());
        until_waiting(&one, "1/1").await;
        let second = spawn_lock_all(&other, "2/1", &["c", "b", "a"], later());
        until_waiting(&other, "2/1").await;
        drop(held);
        let first = first.await.expect("no panic").expect("the locks");
        assert!(other.waiting(&lineage("2/1")).is_some(), "it is behind");
        drop(first);
        drop(second.await.expect("no panic").expect("the locks"));
        one.entries().expect("a sound table");
        no_trace(&one);
    }
}

#[tokio::test]
async fn batch_leaves_all_queues_at_its_deadline_and_when_it_is_dropped() {
    let (_keep, open) = folder();
    for manager in [LockManager::alone(), open()] {
        let _held = locked(&manager, "0/1", Mode::X, "b").await;
        let timed_out = spawn_lock_all(&manager, "1/1", &["a", "b", "c"], soon());
        let error = timed_out.await.expect("no panic");
        let Err(LockError::Timeout {
            resource, blockers, ..
        }) = error
        else {
            panic!("another call has `b`: {error:?}")
        };
        assert_eq!((resource, blockers.len()), (model("b"), 1));
        until("it has left", || n_entries(&manager) == 1).await;
        let dropped = spawn_lock_all(&manager, "2/1", &["a", "b", "c"], later());
        until_waiting(&manager, "2/1").await;
        assert_eq!(n_entries(&manager), 5);
        dropped.abort();
        dropped.await.expect_err("it was aborted");
        until("it has left", || n_entries(&manager) == 1).await;
        drop(locked(&manager, "3/1", Mode::X, "a").await);
    }
}

/// A call of the same run blocks `a`, and another run `b`.
#[tokio::test]
async fn batch_waits_longer_if_a_call_of_its_run_blocks_any_of_it() {
    let manager = LockManager::alone();
    let sibling = locked(&manager, "1/2", Mode::X, "b").await;
    let other = locked(&manager, "2/1", Mode::X, "a").await;
    let mut waits = spawn_lock_all(&manager, "1/1", &["a", "b"], soon());
    let three_times = Moment::now().after(Duration::from_millis(100));
    let early = clock::until(three_times, &mut waits).await;
    early.expect_err("it still waits");
    drop((sibling, other));
    waits.await.expect("no panic").expect("the locks");
}

/// A call that waits for structural work holds no model yet, so the calls that the structural work
/// waits for can call that model.
#[tokio::test]
async fn call_that_waits_for_the_datastore_holds_no_model() {
    let manager = LockManager::alone();
    let running = spawn_lock_all(&manager, "0/1", &["a"], later());
    let running = running.await.expect("no panic").expect("it is free");
    let structural = AcquireRequest {
        lineage: &lineage("1"),
        under: None,
        what: "compact",
        wants: &[(Resource::Datastore, Mode::X)],
        deadline: later(),
    };
    let mut structural = Box::pin(manager.acquire(structural));
    let early = clock::until(soon(), &mut structural).await;
    early.expect_err("a call is running");
    let late = spawn_lock_all(&manager, "2/1", &["b"], later());
    until_waiting(&manager, "2/1").await;
    let nested = spawn_lock_all(&manager, "0/1/1", &["b"], later());
    drop(nested.await.expect("no panic").expect("it is free"));
    drop(running);
    drop(structural.await.expect("its turn"));
    drop(late.await.expect("no panic").expect("its turn"));
    no_trace(&manager);
}

#[tokio::test]
async fn locks_are_listed_with_holders_and_waiters() {
    let (keep, open) = folder();
    let (one, other) = (open(), open());
    let _held = locked(&one, "0/1", Mode::X, "sink").await;
    let _waits = spawn_lock(&other, "1/1", Mode::S, "sink");
    until_waiting(&other, "1/1").await;
    let files = Folder::open(keep.path()).expect("it is there");
    let status = lock_status(&files).expect("a sound table");
    let shown: Vec<String> = status
        .iter()
        .map(|it| {
            format!(
                "{} {} {} {:?}",
                it.resource,
                it.who.mode,
                it.who.owner,
                it.waits_for.len()
            )
        })
        .collect();
    let expect = [
        "the model `sink` X 000000000000/1 0",
        "the model `sink` S 000000000001/1 1",
    ];
    assert_eq!(shown, expect);
}
