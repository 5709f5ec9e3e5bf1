//! Stopped processes: no process takes their locks, however long they are stopped.

use std::fs::File;
use std::time::Duration;

use sedge_locks::error::LockError;
use sedge_sys::clock::Moment;

use crate::process::{Process, folder, lock, manager, number_from_env, own};

/// How long a process is stopped, in seconds, unless the environment sets another time.
const STOP_SECONDS: u64 = 1;

#[test]
fn stopped_process_keeps_its_locks() {
    let folder = folder();
    let stop = Duration::from_secs(number_from_env("SEDGE_STOP_SECONDS", STOP_SECONDS));
    let mut holder = Process::begun(folder.path());
    holder.send("lock 1 sink 10000");
    assert_eq!(holder.receive(), "locked");
    holder.stop();
    let manager = manager(folder.path()).expect("it begins");
    let since = Moment::now();
    let error = lock(
        &manager,
        2,
        "sink",
        u64::try_from(stop.as_millis()).expect("not for ever"),
    );
    let Err(LockError::Timeout { blockers, .. }) = error else {
        panic!("another has it: {error:?}")
    };
    assert!(since.elapsed() >= stop);
    let session = blockers[0].session.as_ref().expect("its file tells");
    assert_eq!(session.pid, holder.id());
    let expect = format!("the model `sink` X, held by process {}", holder.id());
    assert_eq!(own::locked(folder.path()), [expect]);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| lock(&manager, 2, "sink", 10_000));
        holder.signal("CONT");
        holder.send("unlock");
        assert_eq!(holder.receive(), "unlocked");
        drop(waits.join().expect("no panic").expect("it was let go"));
    });
    println!("stopped for {} s", stop.as_secs());
}

/// The stopped process gets the lock meanwhile, and notices this when it continues.
#[test]
fn a_process_that_is_stopped_as_it_waits_gets_its_turn() {
    let folder = folder();
    let manager = manager(folder.path()).expect("it begins");
    let held = lock(&manager, 1, "sink", 10_000).expect("it is free");
    let mut waiter = Process::begun(folder.path());
    waiter.send("lock 2 sink 60000");
    while own::status(folder.path()).len() < 2 {
        std::thread::yield_now();
    }
    waiter.stop();
    drop(held);
    let expect = format!("the model `sink` X, held by process {}", waiter.id());
    assert_eq!(own::locked(folder.path()), [expect]);
    let error = lock(&manager, 1, "sink", 100);
    assert!(matches!(error, Err(LockError::Timeout { .. })), "{error:?}");
    assert!(waiter.is_silent());
    waiter.signal("CONT");
    assert_eq!(waiter.receive(), "locked");
}

/// The test holds the table lock, as if a process had been stopped in its critical section.
#[test]
fn table_in_use_is_reported_at_the_deadline() {
    let folder = folder();
    let manager = manager(folder.path()).expect("it begins");
    let table = File::open(folder.path().join("table.log")).expect("it is there");
    table.lock().expect("the table lock is free");
    let error = lock(&manager, 1, "sink", 100);
    assert!(
        matches!(error, Err(LockError::TableBusy { .. })),
        "{error:?}"
    );
    assert_eq!(
        own::locked(folder.path()),
        Vec::<String>::new(),
        "reading the status does not take the table lock"
    );
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| lock(&manager, 1, "sink", 10_000));
        table.unlock().expect("it was locked");
        drop(waits.join().expect("no panic").expect("the lock"));
    });
}
