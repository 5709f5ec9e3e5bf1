//! Locks that the operating system releases when their process ends, however it ends.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Moment;
use crate::folder::{FileError, Folder, Opening};
use crate::{interrupt, thread};

/// How long a process waits for the lock on a file of its own. Other processes hold that lock for
/// less than a millisecond, to check whether its owner is alive.
const OWN_WAIT_MAX: Duration = Duration::from_secs(10);

/// An exclusive `flock` on a file, held until it is dropped.
///
/// Two of these on one file exclude each other within one process, too. The file is not removed
/// with the lock: after a removal, two holders could lock two files of one name.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

/// The lock of another process, to wait for.
#[derive(Debug)]
pub struct LockWatch {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Creates a file that contains `line`, which names the holder for people and programs, and
    /// takes its lock. No other process may take the lock of a file of this name.
    ///
    /// # Errors
    /// The file cannot be created, its file system has no locks, or another process holds the lock
    /// for longer than `OWN_WAIT_MAX`.
    pub fn create(folder: &Folder, name: &str, line: &str) -> Result<Self, FileError> {
        let create = || -> io::Result<File> {
            let since = Moment::now();
            let deadline = since.after(OWN_WAIT_MAX);
            loop {
                let file = folder.open_file(name, Opening::Shared)?;
                // Another process may check the lock at this moment, find it free, and remove the
                // file.
                if try_lock(&file)? {
                    if is_at(&file, folder, name)? {
                        file.set_len(line.len() as u64)?;
                        file.write_all_at(line.as_bytes(), 0)?;
                        return Ok(file);
                    }
                } else if interrupt::cut(deadline, since).left().is_zero() {
                    return Err(busy(OWN_WAIT_MAX));
                } else {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        };
        match create() {
            Ok(file) => Ok(Self { _file: file }),
            Err(source) => Err(folder.error("create", name, source)),
        }
    }

    /// Returns the lock of a file, to wait for it. Returns `None` if the file does not exist, so
    /// that nothing is known about its holder.
    ///
    /// # Errors
    /// The file exists and cannot be opened.
    pub fn watch(folder: &Folder, name: &str) -> Result<Option<LockWatch>, FileError> {
        let file = folder.open_if_exists("inspect the lock on", name, Opening::Read)?;
        Ok(file.map(|file| LockWatch {
            file,
            path: folder.path_of(name),
        }))
    }

    /// Returns whether a process holds the lock. Creates no file, and concurrent checks do not
    /// disturb each other.
    ///
    /// # Errors
    /// The file exists and cannot be opened, or its file system has no locks.
    pub fn is_held(folder: &Folder, name: &str) -> Result<bool, FileError> {
        let error = |source| folder.error("inspect the lock on", name, source);
        let Some(file) = folder.open_if_exists("inspect the lock on", name, Opening::Read)? else {
            return Ok(false);
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(error(source)),
        }
    }
}

impl LockWatch {
    /// Blocks the thread until no process holds the lock, because its holder released it or ended.
    /// There is no deadline, so call this only on a detached thread that has no other task.
    ///
    /// # Errors
    /// The file system has no locks.
    pub fn wait(self) -> Result<(), FileError> {
        let waited = self.file.lock_shared();
        waited.map_err(|source| FileError::new("inspect the lock on", &self.path, source))
    }
}

/// A queue of processes, which the operating system admits one at a time.
///
/// With one lock alone, a process that releases it can take it again before the waiting processes
/// have woken up, so a busy process would starve the others. A second lock prevents that: a waiting
/// process holds it while it waits for the first lock, and a returning process has to take it
/// first.
#[derive(Debug)]
pub struct FileQueue {
    folder: Folder,
    name: String,
    file: File,
    next: File,
    wait_max: Duration,
}

/// The turn of this process. It ends when this is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    file: TurnFile<'a>,
}

#[derive(Debug)]
enum TurnFile<'a> {
    /// The queue's own file, which stays open.
    Queue(&'a File),
    /// A descriptor that a thread waited with. Closing it ends the turn.
    Waited(#[expect(dead_code, reason = "it is kept for its lock")] File),
}

/// Why this process did not get the turn.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Another process had the turn until the deadline.
    #[error("another process has held the lock on `{}` for {waited_ms} ms", path.display())]
    Busy {
        /// The file by which processes take turns.
        path: PathBuf,
        /// How long this process waited, in milliseconds.
        waited_ms: u64,
    },
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl FileQueue {
    /// Opens the queue's two files, `name` and `name.next`, creating them if they do not exist. A
    /// process waits in the queue for at most `wait_max`, and not much longer than
    /// [`interrupt`] allows once it is to stop.
    ///
    /// # Errors
    /// A file can be neither opened nor created.
    pub fn open(folder: &Folder, name: &str, wait_max: Duration) -> Result<Self, FileError> {
        let open = |name: &str| {
            let opened = folder.open_file(name, Opening::Shared);
            opened.map_err(|source| folder.error("open", name, source))
        };
        Ok(Self {
            file: open(name)?,
            next: open(&next_of(name))?,
            name: name.to_owned(),
            folder: folder.share()?,
            wait_max,
        })
    }

    /// Blocks the thread until it is this process's turn. A turn should last well under a
    /// millisecond. Only one thread of the process may call this at a time.
    ///
    /// # Errors
    /// [`QueueError::Busy`] if another process keeps the turn; [`QueueError::File`] if the file
    /// system has no locks.
    pub fn enter(&self) -> Result<Turn<'_>, QueueError> {
        if self.try_enter()? {
            return Ok(Turn {
                file: TurnFile::Queue(&self.file),
            });
        }
        let since = Moment::now();
        let deadline = since.after(self.wait_max);
        let (folder, name) = (self.folder.share()?, self.name.clone());
        let waited = thread::wait_for("file-queue", deadline, move || wait_in(&folder, &name));
        let waited = waited.map_err(|source| self.error("wait for the lock on", source))?;
        match waited {
            Some(file) => Ok(Turn {
                file: TurnFile::Waited(file?),
            }),
            None => Err(QueueError::Busy {
                path: self.folder.path_of(&self.name),
                waited_ms: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
            }),
        }
    }

    /// Takes the turn if no process has it and no process is next.
    fn try_enter(&self) -> Result<bool, FileError> {
        let enter = || -> io::Result<bool> {
            if !try_lock(&self.next)? {
                return Ok(false);
            }
            let entered = try_lock(&self.file);
            self.next.unlock()?;
            entered
        };
        enter().map_err(|source| self.error("lock", source))
    }

    fn error(&self, operation: &'static str, source: io::Error) -> FileError {
        self.folder.error(operation, &self.name, source)
    }
}

/// Waits in a queue with new descriptors, and returns the one that has the turn. If the waiting
/// thread has given up meanwhile, the turn ends when that descriptor is closed.
fn wait_in(folder: &Folder, name: &str) -> Result<File, FileError> {
    let wait = || -> io::Result<File> {
        let next = folder.open_file(&next_of(name), Opening::Shared)?;
        next.lock()?;
        let file = folder.open_file(name, Opening::Shared)?;
        file.lock()?;
        Ok(file)
    };
    wait().map_err(|source| folder.error("lock", name, source))
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let TurnFile::Queue(file) = self.file {
            // ignored: unlocking a lock that is held cannot fail.
            let _ = file.unlock();
        }
    }
}

fn next_of(name: &str) -> String {
    format!("{name}.next")
}

/// Takes the lock on a file if no other descriptor holds it.
fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(source),
    }
}

fn busy(waited: Duration) -> io::Error {
    let message = format!(
        "another process has held its lock for {} s",
        waited.as_secs()
    );
    io::Error::new(io::ErrorKind::TimedOut, message)
}

/// Returns whether the name still leads to this file.
fn is_at(file: &File, folder: &Folder, name: &str) -> io::Result<bool> {
    let own = file.metadata()?;
    let found = folder.identity_of(name)?;
    Ok(found == Some((own.dev(), own.ino())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let keep = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(keep.path()).expect("it is there");
        (keep, folder)
    }

    #[test]
    fn lock_names_its_holder_and_can_be_waited_for() {
        let (keep, folder) = folder();
        let watch = || FileLock::watch(&folder, "lock").expect("looked for");
        assert!(watch().is_none());
        assert!(!FileLock::is_held(&folder, "lock").expect("no file"));
        assert!(
            !folder.has("lock").expect("looked for"),
            "to look makes no file"
        );
        let held = FileLock::create(&folder, "lock", "me").expect("made");
        let line = std::fs::read_to_string(keep.path().join("lock"));
        assert_eq!(line.expect("a line"), "me");
        assert!(FileLock::is_held(&folder, "lock").expect("a file"));
        std::thread::scope(|scope| {
            let watch = watch().expect("there is a file");
            let waits = scope.spawn(|| watch.wait());
            drop(held);
            waits.join().expect("no panic").expect("it was let go");
        });
        assert!(!FileLock::is_held(&folder, "lock").expect("a file"));
    }

    /// A process that may only read the file can hold its lock without limit.
    #[test]
    fn queue_wait_ends_at_its_deadline() {
        for name in ["queue", "queue.next"] {
            let (keep, folder) = folder();
            let wait_max = Duration::from_millis(120);
            let queue = FileQueue::open(&folder, "queue", wait_max).expect("made");
            drop(queue.enter().expect("it is free"));
            let held = File::open(keep.path().join(name)).expect("it is there");
            held.lock_shared().expect("it is free");
            let since = Moment::now();
            let error = queue.enter().expect_err("another process has it");
            assert!(matches!(error, QueueError::Busy { .. }), "{error}");
            assert!(since.elapsed() >= wait_max);
            drop(held);
            // The thread that gave up may still get the lock, and then releases it.
            let patient = FileQueue::open(&folder, "queue", Duration::from_secs(600));
            drop(patient.expect("made").enter().expect("it is free again"));
        }
    }

    #[test]
    fn turns_are_exclusive_also_after_a_wait() {
        let (_keep, folder) = folder();
        let open = || FileQueue::open(&folder, "queue", Duration::from_secs(600)).expect("made");
        let (one, other) = (open(), open());
        let first = one.enter().expect("it is free");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                let turn = other.enter().expect("it becomes free");
                assert!(!one.try_enter().expect("it has locks"));
                drop(turn);
            });
            drop(first);
            waits.join().expect("no panic");
        });
        drop(one.enter().expect("it is free"));
    }
}
