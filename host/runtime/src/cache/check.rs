//! Finds and removes entries of the cache that are not authentic.

use std::io::{ErrorKind, Read};

use sedge_sys::folder::FileError;
use sedge_sys::own_folder::{self, OwnFolderError};

use super::key::MAC_BYTES;
use super::{CODE, CodeCache, LINES};

/// How many bytes of an entry are read at a time.
const READ_AT_ONCE: usize = 256 << 10;

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
            let is_entry = ending.is_some_and(|ending| [CODE, LINES].contains(&ending));
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

    /// Returns whether a file has the MAC of its name and content. A file that no longer exists
    /// counts as authentic.
    fn is_authentic(&self, name: &str) -> Result<bool, FileError> {
        let mut file = match own_folder::open_file(&self.folder, name) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(true),
            Err(OwnFolderError::File(error)) => return Err(error),
            Err(
                OwnFolderError::Link(_)
                | OwnFolderError::Kind { .. }
                | OwnFolderError::Owner { .. }
                | OwnFolderError::Open { .. },
            ) => return Ok(false),
        };
        let error = |source| FileError::new("read", &self.folder.path_of(name), source);
        let mut mac = [0; MAC_BYTES];
        match file.read_exact(&mut mac) {
            Err(source) if source.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            read => read.map_err(error)?,
        }
        let mut hasher = self.key.hasher(name);
        let mut buffer = vec![0; READ_AT_ONCE];
        loop {
            let n_read = file.read(&mut buffer).map_err(error)?;
            if n_read == 0 {
                return Ok(hasher.finalize() == mac);
            }
            hasher.update(&buffer[..n_read]);
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the test tampers with the files of the cache, which needs no guarded folder"
)]
mod tests {
    use super::super::{Cache, CachePlaces};
    use super::*;

    #[test]
    fn entries_that_are_not_authentic_are_found_and_removed() {
        let keep = tempfile::tempdir().expect("a folder");
        let places = CachePlaces {
            code: Some(keep.path().join("code")),
            key: Some(keep.path().join("key")),
        };
        let cache = Cache {
            store: CodeCache::open(&places).expect("the folders can be created"),
            engine: 7,
        };
        let names = ["good", "torn", "changed", "renamed"].map(|it| cache.name(it, CODE));
        for name in &names[..3] {
            let written = cache.write(name, &[b"code".as_slice()]);
            written.expect("the folder is the user's");
        }
        let path = |name: &str| keep.path().join("code").join(name);
        std::fs::write(path(&names[1]), "x").expect("it can be written");
        let mut content = std::fs::read(path(&names[2])).expect("it was written");
        content.push(b'x');
        std::fs::write(path(&names[2]), content).expect("it can be written");
        std::fs::copy(path(&names[0]), path(&names[3])).expect("it can be copied");
        std::fs::write(path("notes.txt"), "x").expect("it can be written");
        let store = &cache.store;
        let mut expect = names[1..].to_vec();
        expect.sort();
        let damaged = store.damaged().expect("readable");
        assert_eq!(damaged, expect);
        assert_eq!(store.damaged_remove(&damaged).expect("removed"), 3);
        assert_eq!(store.damaged().expect("readable"), [""; 0]);
        let mut left = store.folder.files(".").expect("readable");
        left.sort();
        assert_eq!(left, [names[0].as_str(), "notes.txt"]);
    }
}
