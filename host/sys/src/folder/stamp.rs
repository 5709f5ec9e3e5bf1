//! Whether a file is still the one that was read.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use cap_std::fs::{Dir, Metadata, MetadataExt as _};

use super::{FileError, Folder};
use crate::clock::Timestamp;

/// How long a file must not have changed before it was read, in milliseconds, so that a later
/// change is certain to change its stamp.
///
/// The kernel takes the time of a change from a clock that stands still for up to 10 ms, and some
/// file systems round it to a second or two. A change in the same unit of time may leave the stamp
/// as it was.
const SETTLED_MS: u64 = 3000;

/// The identity, the size and the times of a file. Any of them differs after a change of the file,
/// unless the changes follow each other so fast that both have the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    device: u64,
    number: u64,
    size: u64,
    /// The time of the last change of the content, in seconds and nanoseconds.
    modified: (i64, i64),
    /// The time of the last change of the content or the metadata, in seconds and nanoseconds.
    changed: (i64, i64),
}

impl FileStamp {
    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            number: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }

    /// Returns the stamp of an open file.
    ///
    /// # Errors
    /// Its metadata cannot be read.
    pub(crate) fn of_file(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self {
            device: found.dev(),
            number: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }

    /// Returns the stamp as bytes, which are equal for equal stamps only.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let ((modified, modified_nsec), (changed, changed_nsec)) = (self.modified, self.changed);
        let numbers = [self.device, self.number, self.size].map(u64::to_le_bytes);
        let times = [modified, modified_nsec, changed, changed_nsec].map(i64::to_le_bytes);
        [numbers.concat(), times.concat()].concat()
    }

    /// Returns the stamp as numbers, for a record that outlives the process.
    #[must_use]
    pub fn numbers(&self) -> [i64; 7] {
        let ((modified, modified_nsec), (changed, changed_nsec)) = (self.modified, self.changed);
        let [device, number, size] = [self.device, self.number, self.size].map(u64::cast_signed);
        [
            device,
            number,
            size,
            modified,
            modified_nsec,
            changed,
            changed_nsec,
        ]
    }

    /// Returns the stamp with these numbers.
    #[must_use]
    pub fn of_numbers(numbers: [i64; 7]) -> Self {
        let [
            device,
            number,
            size,
            modified,
            modified_nsec,
            changed,
            changed_nsec,
        ] = numbers;
        Self {
            device: device.cast_unsigned(),
            number: number.cast_unsigned(),
            size: size.cast_unsigned(),
            modified: (modified, modified_nsec),
            changed: (changed, changed_nsec),
        }
    }

    /// Returns whether every later change of the file changes this stamp, which was taken at `now`:
    /// the last change was long enough ago.
    #[must_use]
    pub fn is_settled(&self, now: Timestamp) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let changed_ms = seconds.saturating_mul(1000) + nanoseconds / 1_000_000;
        // ignored: a time before 1970 is long ago.
        let changed_ms = u64::try_from(changed_ms).unwrap_or(0);
        changed_ms.saturating_add(SETTLED_MS) <= now.0
    }
}

/// Takes the stamps of many files. A folder is opened once for all of its files that follow each other.
#[derive(Debug)]
pub struct FileStamps<'f> {
    folder: &'f Folder,
    /// The folder of the last file.
    open: Option<(String, Dir)>,
}

impl FileStamps<'_> {
    /// Returns the stamp of a regular file; `None` if it is missing, is something else, or cannot be
    /// inspected in this way.
    ///
    /// If the folder of the file is replaced meanwhile, it is the stamp of the file in the former one.
    pub fn of(&mut self, relative: &str) -> Option<FileStamp> {
        let (parent, name) = relative.rsplit_once('/')?;
        if self.open.as_ref().is_none_or(|(it, _)| it != parent) {
            // ignored: without a stamp, the file is read, which reports why it cannot be.
            let dir = self.folder.dir_at(parent).ok()?;
            self.open = Some((parent.to_owned(), dir));
        }
        let (_, dir) = self.open.as_ref()?;
        // ignored: as above.
        let found = dir.symlink_metadata(name).ok()?;
        found.is_file().then(|| FileStamp::of(&found))
    }
}

impl Folder {
    /// Starts to take the stamps of many files.
    #[must_use]
    pub fn stamps(&self) -> FileStamps<'_> {
        FileStamps {
            folder: self,
            open: None,
        }
    }

    /// Returns the stamp of a file; `None` if it does not exist.
    ///
    /// # Errors
    /// Its metadata cannot be read.
    pub fn stamp(&self, relative: &str) -> Result<Option<FileStamp>, FileError> {
        let found = self.metadata(relative);
        let found = found.map_err(|source| self.error("inspect", relative, source))?;
        Ok(found.as_ref().map(FileStamp::of))
    }
}
