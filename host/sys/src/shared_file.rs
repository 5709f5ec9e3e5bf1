//! A small file that several processes change in turns, and that can be replaced atomically.
//!
//! A turn is an exclusive `flock` on the file, which the operating system releases when the process
//! dies. The file can be replaced, or removed by hand, so a process that gets the turn first checks
//! [`SharedFile::is_current`].

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::folder::{FileError, Folder, Opening, identity};

/// Device number and inode number of a file. Two paths with the same identity name one file.
type Identity = (u64, u64);

/// The end of the name of a file that is to replace another one.
const NEW: &str = ".new";

/// The end of the name of a file that is to become the first one. Several processes may create such
/// files at once, without a turn.
const FIRST: &str = ".first";

/// An open file that processes share.
#[derive(Debug)]
pub struct SharedFile {
    file: File,
    path: PathBuf,
    identity: Identity,
}

impl SharedFile {
    /// Opens a file of a folder, for changes or for reading only; returns `None` if it does not
    /// exist.
    ///
    /// # Errors
    /// The file exists and may not be opened in this way.
    pub fn open(folder: &Folder, name: &str, to_change: bool) -> Result<Option<Self>, FileError> {
        let opening = if to_change {
            Opening::Change
        } else {
            Opening::Read
        };
        let Some(file) = folder.open_if_exists("open", name, opening)? else {
            return Ok(None);
        };
        let identity = identity(&file).map_err(|source| folder.error("open", name, source))?;
        Ok(Some(Self {
            file,
            path: folder.path_of(name),
            identity,
        }))
    }

    /// Creates the file with this content. A file that exists is left unchanged. The file has its
    /// complete content or does not exist; it need not survive a power loss.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(folder: &Folder, name: &str, content: &[u8]) -> Result<(), FileError> {
        let (temporary, _) = temporary(folder, &format!("{name}{FIRST}"), content)?;
        let linked = match folder.link(&temporary, name) {
            Err(error) if error.source.kind() == ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        };
        linked.and(folder.remove(&temporary))
    }

    /// Takes the turn if no process has it.
    ///
    /// # Errors
    /// The file system has no locks.
    pub fn try_lock(&self) -> Result<bool, FileError> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(self.error("lock", source)),
        }
    }

    /// Blocks the thread until this process has the turn.
    ///
    /// # Errors
    /// The file system has no locks.
    pub fn lock(&self) -> Result<(), FileError> {
        self.file
            .lock()
            .map_err(|source| self.error("lock", source))
    }

    /// Ends the turn.
    pub fn unlock(&self) {
        // ignored: unlocking a lock that is held cannot fail.
        let _ = self.file.unlock();
    }

    /// Returns whether the name still leads to this file, so that it was neither replaced nor
    /// removed.
    ///
    /// # Errors
    /// The name cannot be looked up.
    pub fn is_current(&self, folder: &Folder, name: &str) -> Result<bool, FileError> {
        let found = folder.identity_of(name);
        let found = found.map_err(|source| folder.error("inspect", name, source))?;
        Ok(found == Some(self.identity))
    }

    /// Returns whether both are the same file, opened twice.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.identity == other.identity
    }

    /// Returns the content of the file from `at` on; `None` if the file is shorter than `at`.
    ///
    /// # Errors
    /// The file cannot be read, or the content has more than `bytes_max`.
    pub fn read_from(&self, at: u64, bytes_max: u64) -> Result<Option<Vec<u8>>, FileError> {
        let read = || -> io::Result<Option<Vec<u8>>> {
            let Some(size) = self.file.metadata()?.len().checked_sub(at) else {
                return Ok(None);
            };
            if size > bytes_max {
                let message = format!("it has more than {bytes_max} bytes to be read");
                return Err(io::Error::new(ErrorKind::FileTooLarge, message));
            }
            let mut content = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
            if size > 0 {
                self.file.read_exact_at(&mut content, at)?;
            }
            Ok(Some(content))
        };
        read().map_err(|source| self.error("read", source))
    }

    /// Writes at the end of the file, which is `at`. If that fails, the file is as before.
    ///
    /// # Errors
    /// It cannot be written, for example because the disk is full.
    pub fn append(&self, at: u64, content: &[u8]) -> Result<(), FileError> {
        self.file.write_all_at(content, at).map_err(|source| {
            // ignored: if the partial write cannot be cut off here, the next process does it.
            let _ = self.file.set_len(at);
            self.error("write", source)
        })
    }

    /// Truncates the file to `size` bytes.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn cut(&self, size: u64) -> Result<(), FileError> {
        self.file
            .set_len(size)
            .map_err(|source| self.error("write", source))
    }

    /// Replaces this file atomically and returns the new one, on which this process has the turn as
    /// well. Other processes see by [`SharedFile::is_current`] that the former file is stale.
    ///
    /// # Errors
    /// The new file cannot be written; the former one is kept.
    pub fn replace(&self, folder: &Folder, name: &str, content: &[u8]) -> Result<Self, FileError> {
        let (temporary, file) = temporary(folder, &format!("{name}{NEW}"), content)?;
        let put = || -> Result<Self, FileError> {
            let error = |source| folder.error("replace", name, source);
            file.try_lock().map_err(|fault| error(fault.into()))?;
            let identity = identity(&file).map_err(error)?;
            crate::disk::Disk::rename(folder, &temporary, name)?;
            Ok(Self {
                file,
                path: self.path.clone(),
                identity,
            })
        };
        put().inspect_err(|_| {
            // ignored: a later process removes the leftover.
            let _ = folder.remove(&temporary);
        })
    }

    /// Removes files of processes that died while they replaced this file. Only the process that
    /// has the turn may call this, because no other process replaces the file then.
    ///
    /// # Errors
    /// The folder cannot be read, or a file cannot be removed.
    pub fn leftovers_remove(folder: &Folder, name: &str) -> Result<(), FileError> {
        let start = format!("{name}{NEW}.");
        for left in folder.files(".")? {
            if left.starts_with(&start) {
                folder.remove(&left)?;
            }
        }
        Ok(())
    }

    fn error(&self, operation: &'static str, source: io::Error) -> FileError {
        FileError::new(operation, &self.path, source)
    }
}

/// Creates a file with this content under a unique name.
fn temporary(folder: &Folder, start: &str, content: &[u8]) -> Result<(String, File), FileError> {
    let name = format!("{start}.{:016x}", crate::random::bits());
    let write = || -> io::Result<File> {
        let mut file = folder.open_file(&name, Opening::Shared)?;
        file.write_all(content)?;
        Ok(file)
    };
    match write() {
        Ok(file) => Ok((name, file)),
        Err(source) => {
            // ignored: the first error is the one that counts, and may be why this fails too.
            let _ = folder.remove(&name);
            Err(folder.error("create", &name, source))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than the size of any file in these tests.
    const BYTES_MAX: u64 = 100;

    #[test]
    fn shared_file_is_created_once_and_replaced_atomically() {
        let keep = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(keep.path()).expect("it is there");
        let open = || SharedFile::open(&folder, "f", true).expect("it can be opened");
        let opened = || open().expect("it is there");
        assert!(open().is_none());
        SharedFile::create(&folder, "f", b"one").expect("made");
        SharedFile::create(&folder, "f", b"two").expect("there is one");
        let (one, other) = (opened(), opened());
        assert!(one.try_lock().expect("locks"));
        assert!(!other.try_lock().expect("locks"), "in one process too");
        one.append(3, b" and").expect("written");
        let new = one.replace(&folder, "f", b"three").expect("replaced");
        one.unlock();
        assert!(other.try_lock().expect("locks"));
        assert!(!other.is_current(&folder, "f").expect("a name"));
        let read = |file: &SharedFile, at| file.read_from(at, BYTES_MAX).expect("it can be read");
        assert_eq!(read(&other, 3), Some(b" and".to_vec()));
        let again = opened();
        assert!(again.is_current(&folder, "f").expect("a name") && again.is_same(&new));
        assert!(!again.try_lock().expect("locks"), "the turn went over");
        new.unlock();
        assert!(again.try_lock().expect("locks"));
        assert_eq!(read(&again, 0), Some(b"three".to_vec()));
        assert_eq!(read(&again, 5), Some(Vec::new()));
        assert_eq!(read(&again, 6), None);
        again.read_from(0, 4).expect_err("it is larger");
        let n_files = || folder.files(".").expect("a folder").len();
        assert_eq!(n_files(), 1, "no temporary file stays");
        temporary(&folder, &format!("f{NEW}"), b"of one that died").expect("written");
        folder.write("f.other", b"").expect("written");
        assert_eq!(n_files(), 3);
        SharedFile::leftovers_remove(&folder, "f").expect("removed");
        assert_eq!(n_files(), 2, "what is left over goes, and nothing else");
        folder.remove("f").expect("there");
        assert!(!again.is_current(&folder, "f").expect("a name"));
    }
}
