//! Finds and removes entries of the cache that are not authentic.

use std::fs::File;
use std::io::{ErrorKind, Read};

use sedge_sys::folder::FileError;
use sedge_sys::own_folder::{self, OwnFolderError};

use super::code::mac_of;
use super::key::MAC_BYTES;
use super::{CODE, CodeCache, LINES, NOTE, RECORD, SCRIPT};

impl CodeCache {
    /// Returns the names of the entries that are not authentic, sorted. They count as missing, so
    /// they only take up space.
    ///
    /// # Errors
    /// The folder, or a file in it, cannot be read.
    pub fn damaged(&self) -> Result<Vec<String>, FileError> {
        let names = self.folder.files(".")?;
        let mut damaged = Vec::new();
        for name in names {
            let ending = name.rsplit_once('.').map(|(_, ending)| ending);
            let is_entry =
                ending.is_some_and(|ending| [NOTE, CODE, LINES, SCRIPT, RECORD].contains(&ending));
            if is_entry && !self.is_authentic(&name)? {
                damaged.push(name);
            }
        }
        Ok(damaged)
    }

    /// Removes entries that are still not authentic. Returns how many were removed. Each is
    /// compiled again when it is needed.
    ///
    /// # Errors
    /// An entry cannot be read or removed.
    pub fn damaged_remove(&self, names: &[String]) -> Result<u64, FileError> {
        let mut n_removed = 0;
        for name in names {
            // Another process may have replaced it meanwhile.
            if !self.is_authentic(name)? {
                self.folder.remove(name)?;
                n_removed += 1;
            }
        }
        Ok(n_removed)
    }

    /// Returns whether a file has the MAC of its name and content. The MAC of machine code is in
    /// the note of the entry, and without an authentic note the code is not authentic either. A
    /// file that no longer exists counts as authentic.
    fn is_authentic(&self, name: &str) -> Result<bool, FileError> {
        let mut file = match self.open_trusted(name)? {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(true),
            Err(Untrusted) => return Ok(false),
        };
        let mac = match name.strip_suffix(CODE) {
            Some(stem) => self.code_mac(&format!("{stem}{NOTE}"))?,
            None => self.head(name, &mut file)?,
        };
        let Some(mac) = mac else {
            return Ok(false);
        };
        let found = mac_of(self.key.hasher(name), &file);
        Ok(found.map_err(|source| self.unread(name, source))? == mac)
    }

    /// Returns the MAC of machine code that a note holds; `None` if the note is not authentic.
    fn code_mac(&self, note: &str) -> Result<Option<[u8; MAC_BYTES]>, FileError> {
        if !self.is_authentic(note)? {
            return Ok(None);
        }
        let Ok(Some(mut file)) = self.open_trusted(note)? else {
            return Ok(None);
        };
        self.head(note, &mut file)?;
        self.head(note, &mut file)
    }

    /// Reads the next MAC from a file; `None` if the file ends before.
    fn head(&self, name: &str, file: &mut File) -> Result<Option<[u8; MAC_BYTES]>, FileError> {
        let mut mac = [0; MAC_BYTES];
        match file.read_exact(&mut mac) {
            Ok(()) => Ok(Some(mac)),
            Err(source) if source.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(source) => Err(self.unread(name, source)),
        }
    }

    fn open_trusted(&self, name: &str) -> Result<Result<Option<File>, Untrusted>, FileError> {
        match own_folder::open_file(&self.folder, name) {
            Ok(file) => Ok(Ok(file)),
            Err(OwnFolderError::File(error)) => Err(error),
            Err(
                OwnFolderError::Link(_)
                | OwnFolderError::Kind { .. }
                | OwnFolderError::Owner { .. }
                | OwnFolderError::Open { .. },
            ) => Ok(Err(Untrusted)),
        }
    }

    fn unread(&self, name: &str, source: std::io::Error) -> FileError {
        FileError::new("read", &self.folder.path_of(name), source)
    }
}

/// What has the name of a file of the cache is not a file of the user.
struct Untrusted;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the test tampers with the files of the cache, which needs no guarded folder"
)]
mod tests {
    use super::super::Cache;
    use super::super::code::CodeUse;
    use super::*;

    #[test]
    fn entries_that_are_not_authentic_are_found_and_removed() {
        let keep = tempfile::tempdir().expect("a folder");
        let cache = Cache::for_test(keep.path(), CodeUse::Copied);
        // Of each entry, the note and the code.
        let stems = ["good", "torn", "changed", "renamed", "noteless"];
        let [note, code] = [NOTE, CODE].map(|it| stems.map(|stem| cache.name(stem, it)));
        let lines = cache.name("good", LINES);
        for stem in ["good", "torn", "changed", "noteless"] {
            let saved = cache.write_code(stem, b"code", b"{}");
            saved.expect("the folder is the user's");
        }
        let script = cache.name("engine", SCRIPT);
        for file in [&lines, &script] {
            let written = cache.write(file, &[b"{}".as_slice()]);
            written.expect("the folder is the user's");
        }
        let path = |name: &str| keep.path().join("code").join(name);
        let replace = |name: &str, content: &[u8]| {
            // ignored: it may not exist yet.
            let _ = std::fs::remove_file(path(name));
            std::fs::write(path(name), content).expect("it can be written");
        };
        replace(&note[1], b"x");
        replace(&script, b"machine code of another user");
        replace(&code[2], b"cod_");
        for (from, to) in [(&note[0], &note[3]), (&code[0], &code[3])] {
            std::fs::copy(path(from), path(to)).expect("it can be copied");
        }
        std::fs::remove_file(path(&note[4])).expect("it is there");
        replace("notes.txt", b"x");
        replace("of-another.seen", b"x");
        let store = &cache.store;
        // Without its note, code cannot be authentic.
        let (torn, renamed) = ([&note[1], &code[1]], [&note[3], &code[3]]);
        let mut expect: Vec<String> = [torn, renamed].concat().into_iter().cloned().collect();
        expect.extend([code[2].clone(), code[4].clone(), script]);
        expect.sort();
        let damaged = store.damaged().expect("readable");
        assert_eq!(damaged, expect);
        assert_eq!(store.damaged_remove(&damaged).expect("removed"), 7);
        assert_eq!(store.damaged().expect("readable"), [""; 0]);
        let mut left = store.folder.files(".").expect("readable");
        left.sort();
        let mut expect = [&note[0], &code[0], &lines, &note[2]]
            .map(String::as_str)
            .to_vec();
        expect.extend(["notes.txt", "of-another.seen"]);
        expect.sort_unstable();
        assert_eq!(left, expect);
    }
}
