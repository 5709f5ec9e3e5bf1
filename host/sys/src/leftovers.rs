//! Temporary files: those that a killed process left behind are found and removed.
//!
//! A file that is written piece by piece is named `NAME.0123456789abcdef.tmp` until it is complete,
//! and is locked until then. The operating system releases the lock when the process ends, so a
//! file of such a name that is not locked has no owner any more.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::folder::{FileError, Folder, Opening};
use crate::random;

/// The end of the name of a file that is being written.
const END: &str = ".tmp";

/// The number of hexadecimal digits that make a temporary name unique.
const N_DIGITS: usize = 16;

/// Returns a temporary name for the file `name`.
#[must_use]
pub fn temporary_name(name: &str) -> String {
    format!("{name}.{:016x}{END}", random::bits())
}

/// Returns whether `found` is a temporary name for `name`, or for a file that belongs to it and is
/// named `NAME.DIGITS.MORE.tmp`.
fn is_temporary_name_of(name: &str, found: &str) -> bool {
    let rest = found.strip_prefix(name).and_then(|it| it.strip_prefix('.'));
    let rest = rest.and_then(|it| it.strip_suffix(END));
    let Some((digits, more)) = rest.and_then(|it| it.split_at_checked(N_DIGITS)) else {
        return false;
    };
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    digits.bytes().all(is_digit) && (more.is_empty() || more.starts_with('.'))
}

/// Returns whether `found` is a temporary name for any file.
fn is_temporary_name(found: &str) -> bool {
    let mut dots = found.match_indices('.');
    dots.any(|(at, _)| at > 0 && is_temporary_name_of(&found[..at], found))
}

/// Marks a file as written by a living process, until it is closed. Returns false if another
/// process took the file for a leftover before it was marked, and removed it. If the file system
/// has no locks, the file is not marked, and is never recognised as a leftover.
pub(crate) fn mark_as_held(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(false),
        Ok(()) | Err(_) => has_name(file),
    }
}

fn has_name(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.nlink() > 0)
}

impl Folder {
    /// Removes the temporary files of `relative` that killed processes left behind, on a
    /// best-effort basis.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn leftovers_remove(&self, relative: &str) -> Result<(), FileError> {
        let (folder, name) = relative.rsplit_once('/').unwrap_or(("", relative));
        let found = self.temporary_names(folder, |found| is_temporary_name_of(name, found));
        for found in found.map_err(|source| self.error("list", folder, source))? {
            // ignored: a leftover only takes up space.
            let _ = self.leftover_remove(&joined(folder, found));
        }
        Ok(())
    }

    /// Returns the paths of all temporary files in one of its folders that killed processes left
    /// behind, sorted.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn leftovers(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let found = self.temporary_names(folder, is_temporary_name);
        let found = found.map_err(|source| self.error("list", folder, source))?;
        let paths = found.into_iter().map(|found| joined(folder, found));
        let mut left: Vec<String> = paths.filter(|path| self.leftover(path).is_some()).collect();
        left.sort();
        Ok(left)
    }

    /// Removes a temporary file, unless a living process writes it. Returns whether it was removed.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn leftover_remove(&self, path: &str) -> Result<bool, FileError> {
        let Some(_locked) = self.leftover(path) else {
            return Ok(false);
        };
        self.remove(path)?;
        Ok(true)
    }

    /// Opens and locks a temporary file. Returns `None` if it is gone, belongs to a living process,
    /// or cannot be opened.
    fn leftover(&self, path: &str) -> Option<File> {
        // ignored: the file is gone, or belongs to another user and stays.
        let file = self.open_file(path, Opening::Read).ok()?;
        // A locked file belongs to a living process.
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
        // ignored: a file whose metadata cannot be read stays.
        (locked.is_ok() && has_name(&file).unwrap_or(false)).then_some(file)
    }

    /// Returns the temporary names in one of its folders that `is_wanted` accepts. Links are
    /// skipped: they are not followed, and may be broken.
    fn temporary_names(
        &self,
        folder: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> io::Result<Vec<String>> {
        let entries = match self.dir_at(folder).and_then(|dir| dir.entries()) {
            Ok(entries) => entries,
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(source),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(found) = entry.file_name().into_string() else {
                continue;
            };
            if is_wanted(&found) && entry.file_type()?.is_file() {
                names.push(found);
            }
        }
        Ok(names)
    }
}

fn joined(folder: &str, name: String) -> String {
    match folder {
        "" => name,
        folder => format!("{folder}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk;

    #[test]
    fn leftovers_of_killed_processes_are_removed_and_no_other_file() {
        let keep = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(keep.path()).expect("it is there");
        let put = |name: &str| std::fs::write(keep.path().join(name), "x").expect("written");
        let stays = [
            "a",
            "a.0123456789abcde.tmp",
            "a.0123456789abcdef",
            "a.0123456789abcdeg.tmp",
            "ab.0123456789abcdef.tmp",
            "b.0123456789abcdef.tmp",
        ];
        stays.iter().for_each(|name| put(name));
        put("a.0123456789abcdef.tmp");
        put("a.0123456789abcdef.db.tmp");
        let held = temporary_name("a");
        let file = folder.create(&held).expect("made");
        folder.leftovers_remove("a").expect("readable");
        let mut expect: Vec<&str> = stays.to_vec();
        expect.push(&held);
        expect.sort_unstable();
        assert_eq!(folder.files(".").expect("readable"), expect);
        drop(file);
        folder.leftovers_remove("./a").expect("readable");
        assert_eq!(folder.files(".").expect("readable"), stays);
    }

    #[test]
    fn all_leftovers_of_a_folder_are_found() {
        let keep = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(keep.path()).expect("it is there");
        folder.create_folder("models").expect("made");
        let put = |name: &str| std::fs::write(keep.path().join(name), "x").expect("written");
        put("models/a.yaml");
        put("models/notes.tmp");
        put("models/.0123456789abcdef.tmp");
        put("models/b.yaml.0123456789abcdef.tmp");
        put("models/a.0123456789abcdef.db.tmp");
        let held = format!("models/{}", temporary_name("c.yaml"));
        let file = folder.create(&held).expect("made");
        let left = folder.leftovers("models").expect("readable");
        let expect = [
            "models/a.0123456789abcdef.db.tmp",
            "models/b.yaml.0123456789abcdef.tmp",
        ];
        assert_eq!(left, expect);
        for path in expect {
            assert!(folder.leftover_remove(path).expect("removed"), "{path}");
            assert!(!folder.leftover_remove(path).expect("it is gone"), "{path}");
        }
        assert!(!folder.leftover_remove(&held).expect("it is held"));
        drop(file);
        assert_eq!(folder.leftovers("models").expect("readable"), [held]);
    }
}
