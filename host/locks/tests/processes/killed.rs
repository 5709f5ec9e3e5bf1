//! Processes that are killed (`kill -9`) at any moment, also while they write to the table.

use std::path::Path;
use std::time::Duration;

use sedge_locks::error::LockError;
use sedge_locks::manager::LockManager;
use sedge_locks::table::{QueuePlace, TableEntry};
use sedge_sys::{clock, random};

use crate::process::{Process, folder, lock, manager, n_of, names, number_from_env, own};

/// The number of processes that are killed, unless the environment sets another one.
const N_ROUNDS: u64 = 50;

/// The maximum lifetime of a process, in microseconds: some hundred acquisitions.
const LIFE_US_MAX: u64 = 20_000;

fn live_a_while() {
    pause(Duration::from_micros(random::bits() % LIFE_US_MAX));
}

fn pause(time: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(clock::pause(time));
}

/// Waits until a request is queued.
fn until_waiting(manager: &LockManager) {
    let waits = |entry: &TableEntry| entry.place != QueuePlace::Granted;
    let is_waiting = || {
        let (_, entries) = manager.entries().expect("a sound table");
        entries.iter().any(waits)
    };
    while !is_waiting() {
        std::thread::yield_now();
    }
}

/// A process that only holds locks does not watch other sessions. Here the dead process had
/// waited for it. The holder notices the death when it requests the dead process's lock.
#[test]
fn a_dead_process_is_part_of_no_deadlock() {
    let folder = folder();
    let manager = manager(folder.path()).expect("it begins");
    let _one = lock(&manager, 3, "one", 10_000).expect("it is free");
    let mut process = Process::begun(folder.path());
    process.send("lock 2 two 10000");
    assert_eq!(process.receive(), "locked");
    process.send("lock 2 one 60000");
    until_waiting(&manager);
    let error = lock(&manager, 3, "two", 10_000);
    let is_deadlock = matches!(error, Err(LockError::Deadlock { .. }));
    assert!(is_deadlock, "while it lives: {error:?}");
    process.kill();
    drop(lock(&manager, 3, "two", 10_000).expect("it is free"));
}

fn answer(process: &mut Process, order: &str) -> String {
    process.send(order);
    process.receive()
}

/// Returns a holder, a waiter, and a process that joined the holder's call later.
///
/// The third process holds the lock, too.
fn joined_in_front_of_a_waiter(folder: &Path) -> [Process; 3] {
    let [mut caller, mut waiter, mut joined] = [(), (), ()].map(|()| Process::begun(folder));
    assert_eq!(answer(&mut caller, "lock 1 sink 10000"), "locked");
    waiter.send("lock 2 sink 60000");
    until_waiting(&manager(folder).expect("it begins"));
    let token = answer(&mut caller, "pass 1");
    let join = format!("join {} {token}", folder.display());
    assert_eq!(answer(&mut joined, &join), "joined");
    assert_eq!(answer(&mut joined, "lock 3 sink 10000"), "locked");
    [caller, waiter, joined]
}

/// A process that joins a call overtakes the waiters, which could not watch it when they started
/// to wait.
#[test]
fn killed_process_that_joined_a_call_blocks_no_other_call() {
    for caller_is_killed in [false, true] {
        let folder = folder();
        let [mut caller, waiter, mut joined] = joined_in_front_of_a_waiter(folder.path());
        match caller_is_killed {
            true => caller.kill(),
            false => assert_eq!(answer(&mut caller, "unlock"), "unlocked"),
        }
        pause(Duration::from_millis(100));
        assert!(waiter.is_silent(), "one has it, below a call or not");
        joined.kill();
        assert_eq!(waiter.receive(), "locked");
    }
}

#[test]
fn a_caller_outlives_what_joined_it_and_keeps_its_lock() {
    let folder = folder();
    let [mut caller, waiter, mut joined] = joined_in_front_of_a_waiter(folder.path());
    joined.kill();
    pause(Duration::from_millis(100));
    assert!(waiter.is_silent(), "the caller has it");
    assert_eq!(answer(&mut caller, "unlock"), "unlocked");
    assert_eq!(waiter.receive(), "locked");
}

/// A process that could not create its bell reads the table once a second.
#[test]
fn waiter_without_a_bell_is_only_late() {
    let folder = folder();
    let mut holder = Process::begun(folder.path());
    holder.send("lock 1 sink 10000");
    assert_eq!(holder.receive(), "locked");
    let manager = manager(folder.path()).expect("it begins");
    for name in names(folder.path(), ".lock") {
        let bell = name.replace(".lock", ".bell");
        // The directory takes the bell's place. The holder never waits, and needs no bell.
        std::fs::create_dir(folder.path().join(bell)).expect("there is none yet");
    }
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| lock(&manager, 2, "sink", 30_000));
        until_waiting(&manager);
        holder.send("unlock");
        assert_eq!(holder.receive(), "unlocked");
        drop(waits.join().expect("no panic").expect("it was let go"));
    });
}

#[test]
fn locks_of_a_killed_process_are_released() {
    let folder = folder();
    let rounds = number_from_env("SEDGE_KILL_ROUNDS", N_ROUNDS);
    let own_manager = manager(folder.path()).expect("it begins");
    for round in 0..rounds {
        let mut process = Process::begun(folder.path());
        let mut other = (round % 4 == 0).then(|| Process::begun(folder.path()));
        process.send("hammer 1");
        if let Some(other) = &mut other {
            other.send("hammer 2");
        }
        live_a_while();
        if round % 2 == 0 {
            // Another request is queued when the process dies.
            std::thread::scope(|scope| {
                let waits = scope.spawn(|| lock(&own_manager, 3, "one", 10_000));
                process.kill();
                drop(waits.join().expect("no panic").expect("it was let go"));
            });
        }
        process.kill();
        drop(other);
        for model in ["two", "one"] {
            let held = lock(&own_manager, 3, model, 10_000);
            held.unwrap_or_else(|error| panic!("round {round}, {model}: {error}"));
        }
        assert_eq!(
            own::locked(folder.path()),
            Vec::<String>::new(),
            "round {round}"
        );
    }
    println!("{rounds} processes killed");
    // A process that starts releases the locks of dead processes that no process waited for.
    drop(manager(folder.path()).expect("it begins"));
    assert_eq!(n_of(folder.path(), ".lock"), 1, "only this process is left");
}

#[test]
fn waiter_continues_after_its_holder_is_killed() {
    let folder = folder();
    for _ in 0..10 {
        let mut holder = Process::begun(folder.path());
        holder.send("lock 1 sink 10000");
        assert_eq!(holder.receive(), "locked");
        let mut waiter = Process::begun(folder.path());
        waiter.send("lock 2 sink 10000");
        while own::status(folder.path()).len() < 2 {
            std::thread::yield_now();
        }
        assert!(waiter.is_silent());
        holder.kill();
        assert_eq!(waiter.receive(), "locked");
        // A process that is killed while it waits leaves the queue.
        let mut third = Process::begun(folder.path());
        third.send("lock 3 sink 10000");
        while own::status(folder.path()).len() < 2 {
            std::thread::yield_now();
        }
        third.kill();
        assert_eq!(own::status(folder.path()).len(), 1);
        waiter.send("unlock");
        assert_eq!(waiter.receive(), "unlocked");
        drop(
            lock(
                &manager(folder.path()).expect("it begins"),
                4,
                "sink",
                10_000,
            )
            .expect("free"),
        );
    }
}
