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
pub fn passing_name(name: &str) -> String {
    format!("{name}.{:016x}{END}", random::bits())
}

/// Returns whether `found` is a temporary name for `name`, or for a file that belongs to it and is
/// named `NAME.DIGITS.MORE.tmp`.
fn is_passing_name_of(name: &str, found: &str) -> bool {
    let rest = found.strip_prefix(name).and_then(|it| it.strip_prefix('.'));
    let rest = rest.and_then(|it| it.strip_suffix(END));
    let Some((digits, more)) = rest.and_then(|it| it.split_at_checked(N_DIGITS)) else {
        return false;
    };
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    digits.bytes().all(is_digit) && (more.is_empty() || more.starts_with('.'))
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
        let found = self.passing_names(folder, name);
        for found in found.map_err(|source| self.error("list", folder, source))? {
            let path = match folder {
                "" => found,
                folder => format!("{folder}/{found}"),
            };
            // ignored: the file is gone, or belongs to another user and stays.
            let Ok(file) = self.open_file(&path, Opening::Read) else {
                continue;
            };
            // A locked file belongs to a living process.
            let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
            // ignored: a file whose metadata cannot be read stays.
            if locked.is_ok() && has_name(&file).unwrap_or(false) {
                // ignored: a leftover only takes up space.
                let _ = self.remove(&path);
            }
        }
        Ok(())
    }

    /// Returns the temporary names for `name` in one of its folders. Links are skipped: they are
    /// not followed, and may be broken.
    fn passing_names(&self, folder: &str, name: &str) -> io::Result<Vec<String>> {
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
            if is_passing_name_of(name, &found) && entry.file_type()?.is_file() {
                names.push(found);
            }
        }
        Ok(names)
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
        let held = passing_name("a");
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
}
