//! Files under passing names: what a process that was killed left behind is found and removed.
//!
//! A file that is written piece by piece has the name `NAME.0123456789abcdef.tmp` until it is
//! complete, and is locked until then. The lock goes with its process, so a file of such a
//! name that is not locked is no one's any more.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::folder::{FileError, Folder, Opening};
use crate::random;

/// What ends the name of a file that is being written.
const END: &str = ".tmp";

/// Digits of base 16 that make a passing name its own.
const N_DIGITS: usize = 16;

/// Returns a passing name for what is to be `name`.
#[must_use]
pub fn passing_name(name: &str) -> String {
    format!("{name}.{:016x}{END}", random::bits())
}

/// Returns whether `found` is a passing name for `name`, or for something that belongs to it and
/// is named `NAME.DIGITS.MORE.tmp`.
fn is_passing_name_of(name: &str, found: &str) -> bool {
    let rest = found.strip_prefix(name).and_then(|it| it.strip_prefix('.'));
    let rest = rest.and_then(|it| it.strip_suffix(END));
    let Some((digits, more)) = rest.and_then(|it| it.split_at_checked(N_DIGITS)) else {
        return false;
    };
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    digits.bytes().all(is_digit) && (more.is_empty() || more.starts_with('.'))
}

/// Marks a file as one that a living process writes, until it is closed. Returns false if another
/// process took it for what was left behind, before it was marked, and removes it. Where the file
/// system has no locks, it is not marked, and no one can tell that it was left behind.
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
    /// Removes the files that killed processes left of `relative`: as far as they can be found,
    /// for it is no one's task to wait for that.
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
            // ignored: a file that is gone meanwhile, or of another user, stays.
            let Ok(file) = self.open_file(&path, Opening::Read) else {
                continue;
            };
            // A file that is locked belongs to a process that lives.
            let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
            // ignored: what cannot be looked at stays.
            if locked.is_ok() && has_name(&file).unwrap_or(false) {
                // ignored: it takes up room, and that is all.
                let _ = self.remove(&path);
            }
        }
        Ok(())
    }

    /// Returns the passing names for `name` of files in one of its folders. Links are none: they
    /// are not followed, and may lead nowhere.
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
    fn what_a_dead_process_left_is_removed_and_nothing_else() {
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
