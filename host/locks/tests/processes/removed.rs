//! Files that the user removes while they are in use.

use std::path::Path;

use sedge_locks::error::LockError;

use crate::process::{Process, folder, lock, manager, number_from_env, own};

fn remove(folder: &Path, name: &str) {
    std::fs::remove_file(folder.join(name)).expect("it is there");
}

/// Starts a process that holds the model `sink`.
fn holder(folder: &Path) -> Process {
    let mut process = Process::begun(folder);
    process.send("lock 1 sink 10000");
    assert_eq!(process.receive(), "locked");
    process
}

fn until_n_requests(folder: &Path, n: usize) {
    while own::status(folder).len() != n {
        std::thread::yield_now();
    }
}

/// A process that has read the table restores it.
#[test]
fn removed_table_is_restored_by_a_process_that_has_read_it() {
    let folder = folder();
    let manager = manager(folder.path()).expect("it begins");
    let mut holder = holder(folder.path());
    // The holder changed the table in its own critical section, and this process has not read
    // that.
    remove(folder.path(), "table.log");
    let error = lock(&manager, 2, "sink", 100);
    assert!(matches!(error, Err(LockError::Timeout { .. })), "{error:?}");
    holder.send("unlock");
    assert_eq!(holder.receive(), "unlocked");
    drop(lock(&manager, 2, "sink", 10_000).expect("it was let go"));
}

/// A process that starts before the table is restored creates a new one with a new epoch. The
/// locks of the old table are void, and its waiters get an error.
#[test]
fn removed_table_that_is_not_restored_loses_its_locks() {
    let folder = folder();
    let mut holder = holder(folder.path());
    let manager = manager(folder.path()).expect("it begins");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| lock(&manager, 2, "sink", 60_000));
        until_n_requests(folder.path(), 2);
        holder.stop();
        let mut fresh = Process::start();
        loop {
            remove(folder.path(), "table.log");
            fresh.send(&format!("begin {}", folder.path().display()));
            assert_eq!(fresh.receive(), "begun");
            // A waiter reads the table regularly, and may have restored it in between.
            if own::status(folder.path()).is_empty() {
                break;
            }
        }
        let lost = waits.join().expect("no panic");
        assert!(matches!(lost, Err(LockError::Lost { .. })), "{lost:?}");
        fresh.send("lock 3 sink 10000");
        assert_eq!(fresh.receive(), "locked");
        holder.signal("CONT");
        holder.send("unlock");
        assert_eq!(holder.receive(), "unlocked");
        let error = lock(&manager, 2, "sink", 100);
        assert!(
            matches!(error, Err(LockError::Timeout { .. })),
            "the new one stays: {error:?}"
        );
        fresh.send("unlock");
        assert_eq!(fresh.receive(), "unlocked");
        drop(lock(&manager, 2, "sink", 10_000).expect("it was let go"));
    });
}

fn session_file(folder: &Path, process: &Process) -> String {
    let status = own::status(folder);
    let of_process = |pid: u32| pid == process.id();
    let lock = status
        .iter()
        .find(|it| it.who.session.as_ref().is_some_and(|it| of_process(it.pid)));
    let lock = lock.expect("the process has a lock");
    format!("session-{}.lock", lock.who.owner.session)
}

/// Without the file the state of the session is unknown, so its locks stay.
#[test]
fn a_process_whose_file_was_removed_keeps_its_locks() {
    let folder = folder();
    let mut holder = holder(folder.path());
    remove(folder.path(), &session_file(folder.path(), &holder));
    let manager = manager(folder.path()).expect("it begins");
    let error = lock(&manager, 2, "sink", 100);
    let Err(LockError::Timeout { blockers, .. }) = error else {
        panic!("another has it: {error:?}")
    };
    assert_eq!(blockers[0].session, None);
    holder.send("unlock");
    assert_eq!(holder.receive(), "unlocked");
    drop(lock(&manager, 2, "sink", 10_000).expect("it was let go"));
}

#[test]
fn remaining_lock_is_released_by_force() {
    let folder = folder();
    let mut holder = holder(folder.path());
    remove(folder.path(), &session_file(folder.path(), &holder));
    holder.kill();
    let manager = manager(folder.path()).expect("it begins");
    let error = lock(&manager, 2, "sink", 100);
    assert!(matches!(error, Err(LockError::Timeout { .. })), "{error:?}");
    let (epoch, left) = manager.entries().expect("a sound table");
    let ids: Vec<_> = left.iter().map(|entry| entry.id).collect();
    assert_eq!(ids.len(), 1);
    manager
        .release_by_force(epoch, &ids)
        .expect("a sound table");
    drop(lock(&manager, 2, "sink", 10_000).expect("it is free"));
}

/// Bug: a process restored a stale copy of the table, although others had moved to a later one,
/// which was removed, too. Consequence: locks that were released in the later table came back,
/// and if their process had ended since, they stayed for ever.
#[test]
fn locks_that_were_released_in_a_later_table_do_not_come_back() {
    let folder = folder();
    let mut old = Process::begun(folder.path());
    let mut holder = holder(folder.path());
    // From here on, the old process's copy contains the holder's locks.
    old.send("lock 5 other 10000");
    assert_eq!(old.receive(), "locked");
    remove(folder.path(), "table.log");
    let fresh = Process::begun(folder.path());
    holder.send("unlock");
    assert_eq!(holder.receive(), "unlocked");
    // The session ends normally, and its files are removed.
    holder.send(&format!("begin {}", folder.path().display()));
    assert_eq!(holder.receive(), "begun");
    remove(folder.path(), "table.log");
    old.send("lock 6 third 10000");
    assert_eq!(old.receive(), "locked");
    let manager = manager(folder.path()).expect("it begins");
    drop(lock(&manager, 2, "sink", 10_000).expect("it was let go"));
    drop(fresh);
}

/// The state of a session without a file is unknown, and no process watches for its death.
#[test]
fn a_session_without_a_file_is_not_put_back() {
    let folder = folder();
    let mut old = Process::begun(folder.path());
    let mut holder = holder(folder.path());
    old.send("lock 5 other 10000");
    assert_eq!(old.receive(), "locked");
    remove(folder.path(), &session_file(folder.path(), &holder));
    holder.kill();
    remove(folder.path(), "table.log");
    old.send("lock 6 sink 10000");
    assert_eq!(old.receive(), "locked");
}

/// How often the table is removed, unless `SEDGE_LOCKS_REMOVALS` is set.
const REMOVALS: u64 = 20;

#[test]
fn a_table_that_is_removed_again_and_again_under_load_keeps_no_dead_locks() {
    const N_WORKERS: usize = 4;
    let folder = folder();
    let mut workers: Vec<Process> = (0..N_WORKERS)
        .map(|_| Process::begun(folder.path()))
        .collect();
    let n_removals = number_from_env("SEDGE_LOCKS_REMOVALS", REMOVALS);
    let mut n_lost = 0;
    for round in 0..n_removals {
        for worker in &mut workers {
            worker.send("relock 25");
        }
        // The file may be missing if no process has restored it yet.
        let _ = std::fs::remove_file(folder.path().join("table.log"));
        for worker in &workers {
            match worker.receive().as_str() {
                "relocked" => {}
                lost if lost.contains("was removed") => n_lost += 1,
                other => panic!("{other}"),
            }
        }
        // One process ends normally, and another one is killed while it works.
        let round = usize::try_from(round).expect("a small number");
        let (ends, dies) = (round % N_WORKERS, (round + 1) % N_WORKERS);
        workers[ends].send(&format!("begin {}", folder.path().display()));
        assert_eq!(workers[ends].receive(), "begun");
        workers[dies].send("relock 1000000");
        while own::status(folder.path()).is_empty() && workers[dies].is_silent() {
            std::thread::yield_now();
        }
        workers[dies].kill();
        workers[dies] = Process::begun(folder.path());
    }
    println!("{n_removals} removals, which {n_lost} calls reported");
    drop(workers);
    let manager = manager(folder.path()).expect("it begins");
    drop(lock(&manager, 9, "sink", 10_000).expect("no lock of a dead session is left"));
    until_n_requests(folder.path(), 0);
}
