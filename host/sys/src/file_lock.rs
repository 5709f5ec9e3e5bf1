//! Locks that the operating system frees when their process dies, however it dies.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Moment;
use crate::folder::{FileError, Folder, Opening};
use crate::{interrupt, thread};

/// How long a process waits for others to let go of a file that only it uses. They look at it
/// for less than a millisecond.
const OWN_WAIT_MAX: Duration = Duration::from_secs(10);

/// An exclusive `flock` on a file, held until it is dropped.
///
/// Two of these on one file exclude each other also within one process. The file stays
/// when the lock goes: to remove it would let two holders lock two files of one name.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

/// The lock of another process, which can be waited for.
#[derive(Debug)]
pub struct LockWatch {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Makes a file that holds `line`, for people and programs that wonder who holds it,
    /// and takes its lock. The name must be one that no other process takes the lock of.
    ///
    /// # Errors
    /// The file cannot be made, its file system has no locks, or another process holds the
    /// lock for more than a moment.
    pub fn create(folder: &Folder, name: &str, line: &str) -> Result<Self, FileError> {
        let create = || -> io::Result<File> {
            let deadline = Moment::now().after(OWN_WAIT_MAX);
            loop {
                let file = folder.open_file(name, Opening::Shared)?;
                // Others may look at the lock just now, see it free, and remove the file.
                if try_lock(&file)? {
                    if is_at(&file, folder, name)? {
                        file.set_len(line.len() as u64)?;
                        file.write_all_at(line.as_bytes(), 0)?;
                        return Ok(file);
                    }
                } else if interrupt::cut(deadline).left().is_zero() {
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

    /// Returns the lock of a file, to be waited for; `None` if there is no such file, so that
    /// nothing is known of its holder.
    ///
    /// # Errors
    /// The file is there and cannot be opened.
    pub fn watch(folder: &Folder, name: &str) -> Result<Option<LockWatch>, FileError> {
        let file = folder.open_if_there("look at the lock on", name, Opening::Read)?;
        Ok(file.map(|file| LockWatch {
            file,
            path: folder.path_of(name),
        }))
    }

    /// Returns whether a process holds the lock. Makes no file, and however many ask at
    /// once, they do not see each other.
    ///
    /// # Errors
    /// The file is there and cannot be opened, or its file system has no locks.
    pub fn is_held(folder: &Folder, name: &str) -> Result<bool, FileError> {
        let error = |source| folder.error("look at the lock on", name, source);
        let Some(file) = folder.open_if_there("look at the lock on", name, Opening::Read)? else {
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
    /// Blocks the thread until no process holds the lock: its holder let it go, or died. For
    /// threads that wait for nothing else, and end with the process.
    ///
    /// # Errors
    /// The file system has no locks.
    pub fn wait(self) -> Result<(), FileError> {
        let waited = self.file.lock_shared();
        waited.map_err(|source| FileError::new("look at the lock on", &self.path, source))
    }
}

/// A queue of processes, in which the operating system lets one in at a time.
///
/// A lock alone lets the process that had it take it again before those that wait have woken up:
/// a busy process then keeps the others out. So there is a second lock, that of being next: a
/// process that waits for the first one holds it, and one that comes back has to get it first.
#[derive(Debug)]
pub struct FileQueue {
    folder: Folder,
    name: String,
    file: File,
    next: File,
    wait_max: Duration,
}

/// It is this process's turn until this is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    file: TurnFile<'a>,
}

#[derive(Debug)]
enum TurnFile<'a> {
    /// The queue's own file, which stays open.
    Queue(&'a File),
    /// A descriptor that a thread waited with. To close it ends the turn.
    Waited(#[expect(dead_code, reason = "it is kept for its lock")] File),
}

/// Why it did not become this process's turn.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Another process had the turn until the time was up.
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
    /// Opens the queue's files, `name` and one beside it, making them if need be. A process
    /// waits in it for `wait_max` at the most, and not much longer once it is to stop.
    ///
    /// # Errors
    /// The file can be neither opened nor made.
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

    /// Blocks the thread until it is this process's turn. For work of well under a
    /// millisecond, by one thread of the process at a time.
    ///
    /// # Errors
    /// [`QueueError::Busy`] if another process keeps the turn, or the file system has no locks.
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

    /// Takes the turn if no process has it, and none is next.
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

/// Waits in a queue with descriptors of its own, and returns the one that has the turn. If its
/// process has given up meanwhile, the turn ends as the descriptor is closed.
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

/// Takes the lock on a file if no other descriptor has it.
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

/// Returns whether the name is still that of this very file.
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
    fn a_lock_says_which_process_holds_it_and_can_be_waited_for() {
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

    /// A process that may only read the file can hold its lock for as long as it likes.
    #[test]
    fn a_queue_is_not_waited_in_for_longer_than_allowed() {
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
            // The thread that gave up lets go of what it gets late, in its own time.
            let patient = FileQueue::open(&folder, "queue", Duration::from_secs(600));
            drop(patient.expect("made").enter().expect("it is free again"));
        }
    }

    #[test]
    fn turns_exclude_each_other_also_after_a_wait() {
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
