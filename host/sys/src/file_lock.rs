//! Locks that the operating system frees when their process dies, however it dies.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::folder::FileError;

/// An exclusive `flock` on a file, held until it is dropped.
///
/// Two of these on one file exclude each other also within one process. The file stays
/// when the lock goes: to remove it would let two holders lock two files of one name.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Takes the lock if it is free; none if somebody has it. Makes the file if need be.
    ///
    /// # Errors
    /// The file can be neither opened nor made, or its file system has no locks.
    pub fn try_acquire(path: &Path) -> Result<Option<Self>, FileError> {
        let error = |source| FileError::new("lock", path, source);
        // Close-on-exec is the standard library's default: no child keeps the lock alive.
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(error)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self {
                file,
                path: path.to_owned(),
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(error(source)),
        }
    }

    /// Writes a line into the locked file, in place of what was there, for people and
    /// programs that wonder who holds it. It says nothing about whether the lock is held.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note(&self, line: &str) -> Result<(), FileError> {
        let write = || {
            self.file.set_len(line.len() as u64)?;
            self.file.write_all_at(line.as_bytes(), 0)
        };
        write().map_err(|source| FileError::new("write", &self.path, source))
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

/// A queue of processes, in which the operating system lets one in at a time, roughly in
/// order of arrival.
#[derive(Debug)]
pub struct FileQueue {
    file: File,
    path: PathBuf,
}

/// It is this process's turn until this is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    file: &'a File,
}

impl FileQueue {
    /// Opens the queue's file, making it if need be.
    ///
    /// # Errors
    /// The file can be neither opened nor made.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options
            .open(path)
            .map_err(|source| FileError::new("open", path, source))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Blocks the thread until it is this process's turn. For work of well under a
    /// millisecond, by one thread of the process at a time.
    ///
    /// # Errors
    /// The file system has no locks.
    pub fn enter(&self) -> Result<Turn<'_>, FileError> {
        self.file
            .lock()
            .map_err(|source| FileError::new("lock", &self.path, source))?;
        Ok(Turn { file: &self.file })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Unlocking a lock that is held cannot fail; closing the file would free it too.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_excludes_until_it_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        assert!(!FileLock::is_held(&path).expect("no file"));
        assert!(!path.exists());
        let held = FileLock::try_acquire(&path)
            .expect("a file")
            .expect("a free lock");
        assert!(FileLock::is_held(&path).expect("a file"));
        assert!(FileLock::try_acquire(&path).expect("a file").is_none());
        drop(held);
        assert!(!FileLock::is_held(&path).expect("a file"));
        assert!(FileLock::try_acquire(&path).expect("a file").is_some());
    }
}
