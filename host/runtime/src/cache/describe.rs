//! Reads the description of a plugin from its entry, without loading the machine code.

use std::io::{ErrorKind, Read};

use super::key::MAC_BYTES;
use super::{CODE, Cache, CacheFault, NOTE_BYTES_MAX, Note};

/// How many bytes of machine code are hashed at a time.
const HASHED_AT_ONCE: usize = 256 << 10;

impl Cache {
    /// Returns the note of an entry. Returns `None` if there is no entry, or none that is
    /// authentic.
    ///
    /// The whole file is hashed, because its MAC covers the machine code, too. The code is not kept
    /// in memory.
    ///
    /// # Errors
    /// The file exists, but it cannot be read.
    pub(crate) fn note(&self, sha256: &str) -> Result<Option<Note>, CacheFault> {
        let name = self.name(sha256, CODE);
        let Some(mut file) = self.file(&name)? else {
            return Ok(None);
        };
        let note = self.read_note(&name, &mut file);
        let note = note.map_err(|source| self.fault("read", &name, source))?;
        // ignored: a note that another version wrote is made again when the plugin is loaded.
        Ok(note.and_then(|note| serde_json::from_slice(&note).ok()))
    }

    fn read_note(&self, name: &str, file: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
        let (mut mac, mut length) = ([0; MAC_BYTES], [0; 8]);
        let head = file.read_exact(&mut mac);
        match head.and_then(|()| file.read_exact(&mut length)) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            head => head?,
        }
        let n_note = u64::from_le_bytes(length);
        if n_note > NOTE_BYTES_MAX {
            return Ok(None);
        }
        let mut hasher = self.store.key.hasher(name);
        hasher.update(&length);
        let mut note = Vec::new();
        file.by_ref().take(n_note).read_to_end(&mut note)?;
        hasher.update(&note);
        let mut buffer = vec![0; HASHED_AT_ONCE];
        loop {
            let n_read = file.read(&mut buffer)?;
            if n_read == 0 {
                return Ok((hasher.finalize() == mac).then_some(note));
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
    use super::super::{CachePlaces, CodeCache};
    use super::*;

    #[test]
    fn note_is_read_only_from_an_authentic_entry() {
        let keep = tempfile::tempdir().expect("a folder");
        let places = CachePlaces {
            code: Some(keep.path().join("code")),
            key: Some(keep.path().join("key")),
        };
        let cache = Cache {
            store: CodeCache::open(&places).expect("the folders can be created"),
            engine: 7,
        };
        let text = br#"{"contract":"0.1.0","type_info":null}"#;
        let length = (text.len() as u64).to_le_bytes();
        let name = cache.name("ab", CODE);
        let written = cache.write(&name, &[&length, text.as_slice(), b"code"]);
        written.expect("the folder is the user's");
        let read = |name: &str| {
            let mut file = cache.file(name).expect("readable").expect("it exists");
            cache.read_note(name, &mut file).expect("readable")
        };
        assert_eq!(read(&name).as_deref(), Some(text.as_slice()));
        // A description without a type is not one of this version.
        assert!(cache.note("ab").expect("readable").is_none());
        assert!(cache.note("cd").expect("readable").is_none());
        let path = cache.store.folder.path_of(&name);
        let mut content = std::fs::read(&path).expect("it was written");
        let last = content.len() - 1;
        content[last] ^= 1;
        std::fs::write(&path, content).expect("it can be written");
        assert_eq!(read(&name), None, "the code was changed");
        std::fs::write(&path, "x").expect("it can be written");
        assert_eq!(read(&name), None, "the entry is torn");
    }
}
