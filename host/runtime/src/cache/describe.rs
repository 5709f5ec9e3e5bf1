//! Reads the description of a plugin from its entry, without loading the machine code.

use std::fs::File;
use std::io::Read;

use super::key::MAC_BYTES;
use super::{Cache, CacheFault, NOTE, NOTE_BYTES_MAX, Note};

/// The MAC of an entry's machine code.
pub(super) type CodeMac = [u8; MAC_BYTES];

impl Cache {
    /// Returns the note of an entry. Returns `None` if there is no entry, or its note is not
    /// authentic. Its machine code is not looked at.
    ///
    /// # Errors
    /// The file exists, but it cannot be read.
    pub(crate) fn note(&self, sha256: &str) -> Result<Option<Note>, CacheFault> {
        let name = self.name(sha256, NOTE);
        let Some(file) = self.file(&name)? else {
            return Ok(None);
        };
        let note = self.read_note(&name, &file)?;
        // ignored: a note that another version wrote is made again when the plugin is loaded.
        Ok(note.and_then(|(note, _)| serde_json::from_slice(&note).ok()))
    }

    /// Reads the text of a note and the MAC of the machine code that it belongs to. Returns `None`
    /// if they are not authentic.
    pub(super) fn read_note(
        &self,
        name: &str,
        file: &File,
    ) -> Result<Option<(Vec<u8>, CodeMac)>, CacheFault> {
        let mut content = Vec::new();
        let read = file.take(NOTE_BYTES_MAX).read_to_end(&mut content);
        read.map_err(|source| self.fault("read", name, source))?;
        let rest = self.store.authentic(name, &content);
        let parts = rest.and_then(<[u8]>::split_first_chunk);
        Ok(parts.map(|(code_mac, note)| (note.to_vec(), *code_mac)))
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the test tampers with the files of the cache, which needs no guarded folder"
)]
mod tests {
    use super::super::code::CodeUse;
    use super::*;

    #[test]
    fn note_is_read_only_if_it_is_authentic() {
        let keep = tempfile::tempdir().expect("a folder");
        let cache = Cache::for_test(keep.path(), CodeUse::Copied);
        let text = br#"{"contract":"0.1.0","type_info":null}"#;
        let name = cache.name("ab", NOTE);
        let code_mac = [7; MAC_BYTES];
        let written = cache.write(&name, &[&code_mac, text.as_slice()]);
        written.expect("the folder is the user's");
        let read = |name: &str| {
            let file = cache.file(name).expect("readable").expect("it exists");
            cache.read_note(name, &file).expect("readable")
        };
        assert_eq!(read(&name), Some((text.to_vec(), code_mac)));
        // A description without a type is not one of this version.
        assert!(cache.note("ab").expect("readable").is_none());
        assert!(cache.note("cd").expect("readable").is_none());
        let path = cache.store.folder.path_of(&name);
        let sound = std::fs::read(&path).expect("it was written");
        for at in [0, MAC_BYTES, sound.len() - 1] {
            let mut content = sound.clone();
            content[at] ^= 1;
            std::fs::write(&path, content).expect("it can be written");
            assert_eq!(read(&name), None, "byte {at} was changed");
        }
        let other = cache.name("cd", NOTE);
        std::fs::write(cache.store.folder.path_of(&other), &sound).expect("it can be written");
        assert_eq!(read(&other), None, "it belongs to another entry");
        std::fs::write(&path, "x").expect("it can be written");
        assert_eq!(read(&name), None, "the note is torn");
    }
}
