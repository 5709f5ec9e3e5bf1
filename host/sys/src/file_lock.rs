//! Locks that the operating system frees when their process dies, however it dies.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::folder::FileError;

/// An exclusive `flock` on a file, held until it is dropped.
///
/// Two of these on one file exclude each other also within one process. The file stays
/// when the lock goes: to remove it would let two holders lock two files of one name.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Makes a file that holds `line`, for people and programs that wonder who holds it,
    /// and takes its lock. The name must be one that nobody else takes the lock of.
    ///
    /// # Errors
    /// The file cannot be made, or its file system has no locks.
    pub fn create(path: &Path, line: &str) -> Result<Self, FileError> {
        let create = || -> std::io::Result<File> {
            loop {
                let mut options = File::options();
                let options = options.read(true).write(true).create(true).truncate(false);
                let file = options.open(path)?;
                // Others may look at the lock just now, see it free, and remove the file.
                file.lock()?;
                if is_at(&file, path)? {
                    file.set_len(line.len() as u64)?;
                    file.write_all_at(line.as_bytes(), 0)?;
                    return Ok(file);
                }
            }
        };
        match create() {
            Ok(file) => Ok(Self { _file: file }),
            Err(source) => Err(FileError::new("create", path, source)),
        }
    }

    /// Blocks the thread until nobody holds the lock: its holder let it go, or died. False
    /// where there is no file, so that nothing can be told.
    ///
    /// # Errors
    /// The file is there and cannot be opened, or its file system has no locks.
    pub fn wait_until_free(path: &Path) -> Result<bool, FileError> {
        let error = |source| FileError::new("look at the lock on", path, source);
        match File::open(path) {
            Ok(file) => file.lock_shared().map(|()| true).map_err(error),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(error(source)),
        }
    }

    /// Returns whether somebody holds the lock. Makes no file, and however many ask at
    /// once, they do not see each other.
    ///
    /// # Errors
    /// The file is there and cannot be opened, or its file system has no locks.
    pub fn is_held(path: &Path) -> Result<bool, FileError> {
        let error = |source| FileError::new("look at the lock on", path, source);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(error(source)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(error(source)),
        }
    }
}

/// A queue of processes, in which the operating system lets one in at a time.
///
/// A lock alone lets whoever had it take it again before those who wait have woken up: a busy
/// process then keeps the others out. So there is a second lock, that of being next: who waits
/// for the first one holds it, and who comes back has to get it first.
#[derive(Debug)]
pub struct FileQueue {
    file: File,
    next: File,
    path: PathBuf,
}

/// It is this process's turn until this is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    file: &'a File,
}

impl FileQueue {
    /// Opens the queue's files, `path` and one beside it, making them if need be.
    ///
    /// # Errors
    /// The file can be neither opened nor made.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let open = |path: &Path| {
            let mut options = File::options();
            let options = options.read(true).write(true).create(true).truncate(false);
            options
                .open(path)
                .map_err(|source| FileError::new("open", path, source))
        };
        Ok(Self {
            file: open(path)?,
            next: open(&path.with_added_extension("next"))?,
            path: path.to_owned(),
        })
    }

    /// Blocks the thread until it is this process's turn. For work of well under a
    /// millisecond, by one thread of the process at a time.
    ///
    /// # Errors
    /// The file system has no locks.
    pub fn enter(&self) -> Result<Turn<'_>, FileError> {
        let enter = || -> std::io::Result<()> {
            self.next.lock()?;
            let entered = self.file.lock();
            // It is held, so this cannot fail; closing the file would free it too.
            let _ = self.next.unlock();
            entered
        };
        enter().map_err(|source| FileError::new("lock", &self.path, source))?;
        Ok(Turn { file: &self.file })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Unlocking a lock that is held cannot fail; closing the file would free it too.
        let _ = self.file.unlock();
    }
}

/// Returns whether the path names this very file.
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    let own = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (own.dev(), own.ino())),
        Err(source) if source.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_says_who_holds_it_and_can_be_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        assert!(!FileLock::wait_until_free(&path).expect("no file"));
        assert!(!FileLock::is_held(&path).expect("no file"));
        assert!(!path.exists(), "who looks makes no file");
        let held = FileLock::create(&path, "me").expect("made");
        assert_eq!(std::fs::read_to_string(&path).expect("a line"), "me");
        assert!(FileLock::is_held(&path).expect("a file"));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| FileLock::wait_until_free(&path));
            drop(held);
            assert!(waits.join().expect("no panic").expect("it was let go"));
        });
        assert!(!FileLock::is_held(&path).expect("a file"));
    }
}
