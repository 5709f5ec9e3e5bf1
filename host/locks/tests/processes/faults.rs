//! Regression tests: each describes the bug, its consequence and its fix.

use std::io::Write;
use std::pin::pin;
use std::time::Duration;

use sedge_locks::error::LockError;
use sedge_locks::manager::AcquireRequest;
use sedge_locks::mode::{Mode, Resource};
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_sys::clock::{self, Moment};

use crate::process::{Process, folder, lock, manager, own};

/// Bug: a process that could not read the table kept the table lock. Consequence: all other
/// processes reported that the table was busy, as long as that process lived. Fix: the table lock
/// is released if the table cannot be used.
#[test]
fn unreadable_table_does_not_stay_locked() {
    let folder = folder();
    let managers = [1, 2].map(|_| manager(folder.path()).expect("it begins"));
    let path = folder.path().join("table.log");
    let table = std::fs::File::options().append(true).open(path);
    writeln!(table.expect("it is there"), "nonsense").expect("written");
    for manager in &managers {
        let error = lock(manager, 1, "sink", 500);
        assert!(
            matches!(error, Err(LockError::Unreadable { .. })),
            "{error:?}"
        );
    }
}

/// Bug: a call waited for the datastore, then the table was removed, and the call asked for its
/// model in a new table. It kept the number of its first lock. Consequence: when
/// the call ended, it released an unrelated request with that number in the new table. Fix: the
/// call gets the error that its lock was lost.
#[test]
fn lock_of_a_removed_table_is_lost_and_releases_nothing() {
    let folder = folder();
    let one = manager(folder.path()).expect("it begins");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.expect("a runtime");
    let structural = AcquireRequest {
        lineage: &Lineage::root(RunId::from_bits(1)),
        under: None,
        what: "compact",
        wants: &[(Resource::Datastore, Mode::X)],
        deadline: Moment::now().after(Duration::from_secs(60)),
    };
    let held = runtime.block_on(one.acquire(structural));
    let held = held.expect("it is free");
    let other = manager(folder.path()).expect("it begins");
    let lineage = Lineage::root(RunId::from_bits(2)).child(1);
    let model = |name: &str| Resource::Model(name.parse().expect("a name"));
    let request = AcquireRequest {
        lineage: &lineage,
        under: None,
        what: "b.run",
        wants: &[(Resource::Datastore, Mode::IX), (model("b"), Mode::X)],
        deadline: Moment::now().after(Duration::from_secs(60)),
    };
    let mut acquires = pin!(other.acquire(request));
    // Wait until the request is in the table, next to the lock that is held.
    while own::status(folder.path()).len() < 2 {
        let soon = Moment::now().after(Duration::from_millis(5));
        let early = runtime.block_on(clock::until(soon, &mut acquires));
        early.expect_err("it waits for the first one");
    }
    drop(held);
    drop(one);
    // Only the waiter still knows the table, and its request is granted by now.
    let mut fresh = Process::start();
    loop {
        std::fs::remove_file(folder.path().join("table.log")).expect("it is there");
        fresh.send(&format!("begin {}", folder.path().display()));
        assert_eq!(fresh.receive(), "begun");
        // The waiter's process reads the table when it is woken, and once a second. It may have
        // restored the table before the new process began.
        if own::status(folder.path()).is_empty() {
            break;
        }
    }
    for model in ["c", "d"] {
        fresh.send(&format!("lock 3 {model} 10000"));
        assert_eq!(fresh.receive(), "locked");
    }
    let error = runtime.block_on(acquires);
    assert!(matches!(error, Err(LockError::Lost { .. })), "{error:?}");
    for model in ["c", "d"] {
        let error = lock(&other, 4, model, 100);
        assert!(
            matches!(error, Err(LockError::Timeout { .. })),
            "{model}: {error:?}"
        );
    }
    drop(lock(&other, 4, "b", 10_000).expect("it was let go"));
}
