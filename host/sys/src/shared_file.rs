//! A small file that several processes change by turns, and that can be replaced whole.
//!
//! A turn is an exclusive `flock` on the file: the operating system ends it when its process
//! dies. Since the file can be replaced, or removed by somebody's hand, whoever has a turn
//! asks [`SharedFile::is_current`] before anything else.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::folder::FileError;

/// Device and number of a file: two paths with the same ones name one file.
type Identity = (u64, u64);

/// How the name of a file ends that is to replace another one.
const NEW: &str = ".new";

/// How the name of a file ends that is to be one where there is none. Several processes may
/// be at that at once, without a turn.
const FIRST: &str = ".first";

/// An open file that processes share.
#[derive(Debug)]
pub struct SharedFile {
    file: File,
    path: PathBuf,
    identity: Identity,
}

impl SharedFile {
    /// Opens a file, to change it or only to look at it; none where there is none.
    ///
    /// # Errors
    /// It is there and may not be opened so.
    pub fn open(path: &Path, to_change: bool) -> Result<Option<Self>, FileError> {
        let error = |source| FileError::new("open", path, source);
        let file = match File::options().read(true).write(to_change).open(path) {
            Ok(file) => file,
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(error(source)),
        };
        let identity = identity(&file).map_err(error)?;
        Ok(Some(Self {
            file,
            path: path.to_owned(),
            identity,
        }))
    }

    /// Makes the file with this content, unless there is one: then it stays as it is. It is
    /// there in full or not at all; it need not survive a power cut.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path, content: &[u8]) -> Result<(), FileError> {
        let error = |source| FileError::new("create", path, source);
        let temporary = temporary(path, FIRST, content).map_err(error)?;
        let linked = match std::fs::hard_link(&temporary, path) {
            Err(source) if source.kind() == ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        };
        linked.and(std::fs::remove_file(&temporary)).map_err(error)
    }

    /// Takes the turn if nobody has it.
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

    /// Blocks the thread until it is its turn.
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
        // Unlocking a lock that is held cannot fail; closing the file would free it too.
        let _ = self.file.unlock();
    }

    /// Returns whether the path still names this file: nobody replaced or removed it.
    ///
    /// # Errors
    /// The path cannot be looked at.
    pub fn is_current(&self) -> Result<bool, FileError> {
        match std::fs::metadata(&self.path) {
            Ok(found) => Ok((found.dev(), found.ino()) == self.identity),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(self.error("look at", source)),
        }
    }

    /// Returns whether both are the same file, opened twice.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.identity == other.identity
    }

    /// Returns what is in the file from `at` on; none where it is shorter.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_from(&self, at: u64) -> Result<Option<Vec<u8>>, FileError> {
        let read = || -> io::Result<Option<Vec<u8>>> {
            let Some(size) = self.file.metadata()?.len().checked_sub(at) else {
                return Ok(None);
            };
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
            // What was written in part is cut off here, or else by the next one who looks.
            let _ = self.file.set_len(at);
            self.error("write", source)
        })
    }

    /// Cuts the file off at `size`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn cut(&self, size: u64) -> Result<(), FileError> {
        self.file
            .set_len(size)
            .map_err(|source| self.error("write", source))
    }

    /// Puts a new file in place of this one, all at once, and returns it: it is its turn there
    /// too. Others see by [`SharedFile::is_current`] that this one is past.
    ///
    /// # Errors
    /// It cannot be written; then this one stays.
    pub fn replace(&self, content: &[u8]) -> Result<Self, FileError> {
        let put = |temporary: &Path| -> io::Result<(File, Identity)> {
            let file = File::options().read(true).write(true).open(temporary)?;
            file.lock()?;
            let identity = identity(&file)?;
            std::fs::rename(temporary, &self.path)?;
            Ok((file, identity))
        };
        let replace = || {
            let temporary = temporary(&self.path, NEW, content)?;
            put(&temporary).inspect_err(|_| {
                let _ = std::fs::remove_file(&temporary);
            })
        };
        let (file, identity) = replace().map_err(|source| self.error("replace", source))?;
        Ok(Self {
            file,
            path: self.path.clone(),
            identity,
        })
    }

    /// Removes what processes left that died as they replaced this file. For who has the
    /// turn: nobody else is just about to replace it.
    pub fn leftovers_remove(&self) {
        let (Some(folder), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return;
        };
        let is_left = |entry: &std::fs::DirEntry| {
            let left = entry.file_name();
            let rest = left.as_bytes().strip_prefix(name.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b".") && rest.ends_with(NEW.as_bytes()))
        };
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if is_left(&entry) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn error(&self, operation: &'static str, source: io::Error) -> FileError {
        FileError::new(operation, &self.path, source)
    }
}

fn identity(file: &File) -> io::Result<Identity> {
    let found = file.metadata()?;
    Ok((found.dev(), found.ino()))
}

fn temporary(path: &Path, end: &str, content: &[u8]) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:016x}{end}", crate::random::bits()));
    let temporary = PathBuf::from(name);
    std::fs::write(&temporary, content).inspect_err(|_| {
        let _ = std::fs::remove_file(&temporary);
    })?;
    Ok(temporary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(path: &Path) -> SharedFile {
        SharedFile::open(path, true)
            .expect("it can be opened")
            .expect("it is there")
    }

    #[test]
    fn a_file_is_made_once_and_replaced_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f");
        assert!(SharedFile::open(&path, true).expect("no file").is_none());
        SharedFile::create(&path, b"one").expect("made");
        SharedFile::create(&path, b"two").expect("there is one");
        let (one, other) = (opened(&path), opened(&path));
        assert!(one.try_lock().expect("locks"));
        assert!(!other.try_lock().expect("locks"), "in one process too");
        one.append(3, b" and").expect("written");
        let new = one.replace(b"three").expect("replaced");
        one.unlock();
        assert!(other.try_lock().expect("locks"));
        assert!(!other.is_current().expect("a path"));
        let read = |file: &SharedFile, at| file.read_from(at).expect("it can be read");
        assert_eq!(read(&other, 3), Some(b" and".to_vec()));
        let again = opened(&path);
        assert!(again.is_current().expect("a path") && again.is_same(&new));
        assert!(!again.try_lock().expect("locks"), "the turn went over");
        new.unlock();
        assert!(again.try_lock().expect("locks"));
        assert_eq!(read(&again, 0), Some(b"three".to_vec()));
        assert_eq!(read(&again, 5), Some(Vec::new()));
        assert_eq!(read(&again, 6), None);
        let n_files = || std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(n_files(), 1, "no temporary file stays");
        temporary(&path, NEW, b"of one that died").expect("written");
        std::fs::write(folder.path().join("f.other"), b"").expect("written");
        assert_eq!(n_files(), 3);
        again.leftovers_remove();
        assert_eq!(n_files(), 2, "what is left over goes, and nothing else");
        std::fs::remove_file(&path).expect("there");
        assert!(!again.is_current().expect("a path"));
    }
}
