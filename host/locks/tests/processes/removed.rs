//! Files that are removed by somebody's hand while they are in use.

use std::path::Path;

use sedge_locks::error::LockError;

use crate::process::{Process, folder, lock, manager, own};

fn remove(folder: &Path, name: &str) {
    std::fs::remove_file(folder.join(name)).expect("it is there");
}

/// Starts a process that has the model `sink`.
fn holder(folder: &Path) -> Process {
    let mut process = Process::begun(folder);
    process.tell("lock 1 sink 10000");
    assert_eq!(process.hear(), "locked");
    process
}

fn until_n_requests(folder: &Path, n: usize) {
    while own::status(folder).len() != n {
        std::thread::yield_now();
    }
}

/// Whoever has read it puts it back.
#[test]
fn a_removed_table_is_put_back_by_who_knows_it() {
    let folder = folder();
    let manager = manager(folder.path()).expect("it begins");
    let mut holder = holder(folder.path());
    // The holder's own turn; this process has not read what it did.
    remove(folder.path(), "table.log");
    let error = lock(&manager, 2, "sink", 100);
    assert!(matches!(error, Err(LockError::Timeout { .. })), "{error:?}");
    holder.tell("unlock");
    assert_eq!(holder.hear(), "unlocked");
    drop(lock(&manager, 2, "sink", 10_000).expect("it was let go"));
}

/// A process that begins before anybody puts the table back makes a new one, of another
/// epoch: what was in the old one is void, and is told so.
#[test]
fn a_removed_table_that_nobody_put_back_is_void() {
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
            fresh.tell(&format!("begin {}", folder.path().display()));
            assert_eq!(fresh.hear(), "begun");
            // Who waits looks at the table now and then, and may have put it back in between.
            if own::status(folder.path()).is_empty() {
                break;
            }
        }
        let lost = waits.join().expect("no panic");
        assert!(matches!(lost, Err(LockError::Lost { .. })), "{lost:?}");
        fresh.tell("lock 3 sink 10000");
        assert_eq!(fresh.hear(), "locked");
        holder.signal("CONT");
        holder.tell("unlock");
        assert_eq!(holder.hear(), "unlocked");
        let error = lock(&manager, 2, "sink", 100);
        assert!(
            matches!(error, Err(LockError::Timeout { .. })),
            "the new one stays: {error:?}"
        );
        fresh.tell("unlock");
        assert_eq!(fresh.hear(), "unlocked");
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

/// Without the file nothing can be told of its process, so its locks stay.
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
    holder.tell("unlock");
    assert_eq!(holder.hear(), "unlocked");
    drop(lock(&manager, 2, "sink", 10_000).expect("it was let go"));
}

#[test]
fn what_is_left_of_it_is_released_by_force() {
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
