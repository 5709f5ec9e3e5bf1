//! What cannot be brought about from outside: writes that panic, and a machine without threads.

use std::sync::Arc;

use sedge_sys::file_lock::{FileLock, FileQueue};
use sedge_sys::folder::Folder;
use tempfile::TempDir;

use super::*;
use crate::door::{Door, values};
use crate::statements;

/// A store, and a place in its queue of writers.
struct Scene {
    _keep: TempDir,
    door: Arc<Door>,
    queue: FileQueue,
}

impl Scene {
    fn new() -> Self {
        let keep = tempfile::tempdir().expect("a folder can be made");
        let folder = Folder::open(keep.path()).expect("it is there");
        let medium = Medium::new(&folder).expect("a descriptor is left");
        let queue = super::super::queue(&medium).expect("the folder can be written");
        let door = Arc::new(Door::create(medium).expect("the folder is empty"));
        Self {
            _keep: keep,
            door,
            queue,
        }
    }

    /// Notes something, of which [`Scene::written`] tells.
    fn write(&self, what: &'static str) -> Receipt<()> {
        self.door.submit("note", Durability::PowerCut, move |tx| {
            let fence = values!["000000000000", what, 0_u64];
            tx.execute(statements::FENCE_INSERT, &fence)?;
            Ok(())
        })
    }

    fn panic(&self) -> Receipt<()> {
        self.door.submit("panic", Durability::PowerCut, |tx| {
            let fence = values!["000000000000", "panicked", 0_u64];
            tx.execute(statements::FENCE_INSERT, &fence)?;
            panic!("as this test wants it")
        })
    }

    fn written(&self) -> Vec<String> {
        let read = self.door.read("read", |tx| {
            let key = values!["000000000000", 0_u64];
            tx.all(statements::FENCES_OF, &key, |row| row.get(0))
        });
        read.expect("it can be read")
    }

    /// Has a write wait in the queue while `then` submits others, which are in line then.
    fn in_line<T>(&self, then: impl FnOnce() -> T) -> T {
        let turn = self.queue.enter().expect("it has locks");
        let folder = &self.door.medium().folder;
        std::thread::scope(|scope| {
            scope.spawn(|| self.write("first").wait().expect("it is in nobody's way"));
            while !FileLock::is_held(folder, "write.lock.next").expect("it has locks") {
                sedge_sys::thread::give_way();
            }
            let value = then();
            drop(turn);
            value
        })
    }
}

/// A write that panicked took all that were in its group with it, and the thread that commits
/// the line: whatever came to the line after that was never written, and never answered. Now
/// it is refused, alone.
#[test]
fn a_write_that_panics_is_in_nobodys_way() {
    let scene = Scene::new();
    let receipts = scene.in_line(|| [scene.write("before"), scene.panic(), scene.write("after")]);
    let [before, panicked, after] = receipts.map(Receipt::wait);
    before.expect("it did not panic");
    after.expect("it did not panic");
    let error = panicked.expect_err("it panicked");
    assert!(matches!(error, StoreError::Panicked), "{error}");
    let error = scene.panic().wait().expect_err("it panics alone, too");
    assert!(matches!(error, StoreError::Panicked), "{error}");
    let later = scene.in_line(|| scene.write("later"));
    later.wait().expect("somebody commits what is in line");
    assert_eq!(scene.written(), ["after", "before", "first", "later"]);
}

/// Where no thread was to be had, who came while somebody wrote looked once whether the line
/// could be committed; that it could not was why there was a line. It waited for ever, unless
/// somebody else came. Now it stays until the line is empty.
#[test]
fn without_a_thread_the_line_is_committed_by_who_is_in_it() {
    let scene = Scene::new();
    // As if there were one.
    scene.door.writer.line().has_thread = true;
    let group = Arc::clone(&scene.door.writer);
    let receipts = std::thread::scope(|scope| {
        let (receipts, works) = scene.in_line(|| {
            let receipts = [scene.write("one"), scene.write("two")];
            (receipts, scope.spawn(move || group.work(|_| true)))
        });
        works.join().expect("no panic");
        receipts
    });
    assert!(receipts.map(Receipt::wait).iter().all(Result::is_ok));
    assert!(!scene.door.writer.line().has_thread, "it is not there");
    let later = scene.in_line(|| scene.write("later"));
    later.wait().expect("a thread is had");
    assert_eq!(scene.written(), ["first", "later", "one", "two"]);
}
