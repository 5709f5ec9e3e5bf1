//! Cases that cannot be caused from outside: writes that panic, and a machine without threads.

use std::sync::Arc;

use sedge_sys::file_lock::{FileLock, FileQueue};
use sedge_sys::folder::Folder;
use tempfile::TempDir;

use super::*;
use crate::door::{SqlDoor, values};
use crate::statements;

/// A store, and a handle to its queue of writers.
struct Scene {
    _keep: TempDir,
    door: Arc<SqlDoor>,
    queue: FileQueue,
}

impl Scene {
    fn new() -> Self {
        let keep = tempfile::tempdir().expect("a folder can be made");
        let folder = Folder::open(keep.path()).expect("it is there");
        let medium = Medium::new(&folder).expect("a descriptor is left");
        let queue = super::super::queue(&medium).expect("the folder can be written");
        let door = Arc::new(SqlDoor::create(medium).expect("the folder is empty"));
        Self {
            _keep: keep,
            door,
            queue,
        }
    }

    /// Writes an entry, which [`Scene::written`] returns.
    fn write(&self, what: &'static str) -> Receipt<()> {
        self.door.submit("note", Durability::PowerLoss, move |tx| {
            let fence = values!["000000000000", what, 0_u64];
            tx.execute(statements::FENCE_INSERT, &fence)?;
            Ok(())
        })
    }

    fn panic(&self) -> Receipt<()> {
        self.door.submit("panic", Durability::PowerLoss, |tx| {
            let fence = values!["000000000000", "panicked", 0_u64];
            tx.execute(statements::FENCE_INSERT, &fence)?;
            panic!("this test panics")
        })
    }

    fn written(&self) -> Vec<String> {
        let read = self.door.read("read", |tx| {
            let key = values!["000000000000", 0_u64];
            tx.all(statements::FENCES_OF, &key, |row| row.get(0))
        });
        read.expect("it can be read")
    }

    /// Runs `then` while a first write waits for the lock, so that the writes of `then` are queued.
    fn while_queued<T>(&self, then: impl FnOnce() -> T) -> T {
        let turn = self.queue.enter().expect("it has locks");
        let folder = &self.door.medium().folder;
        std::thread::scope(|scope| {
            scope.spawn(|| self.write("first").wait().expect("it does not fail"));
            while !FileLock::is_held(folder, "write.lock.next").expect("it has locks") {
                sedge_sys::thread::yield_now();
            }
            let value = then();
            drop(turn);
            value
        })
    }
}

/// A panic in one write used to fail all writes of its batch and end the writer thread, so later
/// writes were never made or answered. Now only the write that panicked fails.
#[test]
fn write_that_panics_does_not_affect_others() {
    let scene = Scene::new();
    let receipts =
        scene.while_queued(|| [scene.write("before"), scene.panic(), scene.write("after")]);
    let [before, panicked, after] = receipts.map(Receipt::wait);
    before.expect("it did not panic");
    after.expect("it did not panic");
    let error = panicked.expect_err("it panicked");
    assert!(matches!(error, StoreError::Panicked), "{error}");
    let error = scene.panic().wait().expect_err("it panics alone, too");
    assert!(matches!(error, StoreError::Panicked), "{error}");
    let later = scene.while_queued(|| scene.write("later"));
    later.wait().expect("the queue is committed");
    assert_eq!(scene.written(), ["after", "before", "first", "later"]);
}

/// Without a thread, a queued write used to check only once whether the queue could be committed,
/// while another write was in progress. It then waited forever, unless another write came. Now it
/// stays until the queue is empty.
#[test]
fn queue_is_committed_by_a_writer_if_no_thread_can_start() {
    let scene = Scene::new();
    // The group believes that it has a thread.
    scene.door.writer.pending().has_thread = true;
    let group = Arc::clone(&scene.door.writer);
    let receipts = std::thread::scope(|scope| {
        let (receipts, works) = scene.while_queued(|| {
            let receipts = [scene.write("one"), scene.write("two")];
            (receipts, scope.spawn(move || group.work(|_| true)))
        });
        works.join().expect("no panic");
        receipts
    });
    assert!(receipts.map(Receipt::wait).iter().all(Result::is_ok));
    assert!(!scene.door.writer.pending().has_thread, "it is not there");
    let later = scene.while_queued(|| scene.write("later"));
    later.wait().expect("a thread is had");
    assert_eq!(scene.written(), ["first", "later", "one", "two"]);
}

#[test]
fn a_brief_read_uses_the_connection_that_writes_while_that_is_idle() {
    let scene = Scene::new();
    // As in a process that opened the datastore that was there.
    scene.door.readers().clear();
    let read = || {
        let read = scene.door.read_briefly("read", |tx| {
            let key = values!["000000000000", 0_u64];
            tx.all(statements::FENCES_OF, &key, |row| row.get::<String>(0))
        });
        let mut read = read.expect("it can be read");
        read.sort();
        read
    };
    scene.write("one").wait().expect("it is not queued");
    assert_eq!(read(), ["one"]);
    assert!(scene.door.readers().is_empty(), "it needs no other one");
    // While a write is under way, it is not waited for.
    let seen = scene.while_queued(read);
    assert_eq!(seen, ["one"]);
    assert_eq!(scene.door.readers().len(), 1);
    assert_eq!(read(), ["first", "one"]);
    scene.write("two").wait().expect("it is not queued");
    assert_eq!(read(), ["first", "one", "two"]);
}
