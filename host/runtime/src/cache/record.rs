//! Records that the program keeps in the cache to save work: what it knows about files of a repository.
//!
//! A record is authenticated like the entries of compiled code, so that nothing else than the program
//! decides what it shows. It can be removed at any time, and costs only the time to make it again.

use std::io::Read as _;

use sedge_sys::clock::Clock;
use sedge_sys::own_folder;

use super::key::MAC_BYTES;
use super::{CacheFault, CodeCache, MARK_AGE_MAX, RECORD, ms, unwritten};

/// The maximum size of a record, in bytes.
///
/// A user who can write to a repository decides how much there is to record. It is read as a whole.
const RECORD_BYTES_MAX: usize = 16 << 20;

impl CodeCache {
    /// Returns a record. Returns `None` if there is none that is authentic and can be read.
    ///
    /// `stem` is a part of a file name.
    #[must_use]
    pub fn record(&self, stem: &str) -> Option<Vec<u8>> {
        let name = format!("{stem}.{RECORD}");
        let read = || -> std::io::Result<Option<Vec<u8>>> {
            let opened = own_folder::open_file(&self.folder, &name);
            let Some(file) = opened.map_err(std::io::Error::other)? else {
                return Ok(None);
            };
            let mut content = Vec::new();
            let bytes_max = (MAC_BYTES + RECORD_BYTES_MAX) as u64;
            (&file).take(bytes_max).read_to_end(&mut content)?;
            if self.authentic(&name, &content).is_none() {
                return Ok(None);
            }
            let now = Clock::machine().now();
            if now.0.saturating_sub(own_folder::last_used(&file)?.0) > ms(MARK_AGE_MAX) {
                // ignored: a record can be used even if the cache is read-only.
                let _ = own_folder::mark_used(&file, now);
            }
            content.drain(..MAC_BYTES);
            Ok(Some(content))
        };
        match read() {
            Ok(record) => record,
            Err(error) => {
                tracing::debug!(name, %error, "a record of the cache cannot be read");
                None
            }
        }
    }

    /// Writes or replaces a record. One that is too large is not written.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn record_write(&self, stem: &str, content: &[u8]) -> Result<(), CacheFault> {
        if content.len() > RECORD_BYTES_MAX {
            return Ok(());
        }
        let name = format!("{stem}.{RECORD}");
        let mut hasher = self.key.hasher(&name);
        hasher.update(content);
        let mac = hasher.finalize();
        let pieces = [mac.as_slice(), content];
        own_folder::write_file(&self.folder, &name, &pieces).map_err(unwritten)
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the test tampers with the files of the cache, which needs no guarded folder"
)]
mod tests {
    use crate::{CachePlaces, CodeCache};

    #[test]
    fn record_that_is_not_authentic_is_not_used() {
        let keep = tempfile::tempdir().expect("a folder");
        let cache = |key: &str| {
            let places = CachePlaces {
                code: Some(keep.path().join("code")),
                key: Some(keep.path().join(key)),
            };
            CodeCache::open(&places).expect("the folders can be created")
        };
        let file = |stem: &str| keep.path().join("code").join(format!("{stem}.record"));
        let one = cache("key");
        assert_eq!(one.record("a"), None);
        one.record_write("a", b"what is known").expect("written");
        let known = Some(b"what is known".to_vec());
        assert_eq!(one.record("a"), known);
        assert_eq!(cache("key").record("a"), known, "for another process");
        assert_eq!(cache("other").record("a"), None, "with another key");
        assert_eq!(one.damaged().expect("it can be read"), [""; 0]);
        let authentic = std::fs::read(file("a")).expect("it was written");
        std::fs::write(file("b"), &authentic).expect("it can be written");
        assert_eq!(one.record("b"), None, "it is the record of another name");
        assert_eq!(one.damaged().expect("it can be read"), ["b.record"]);
        for at in 0..authentic.len() {
            let mut changed = authentic.clone();
            changed[at] ^= 1;
            std::fs::write(file("a"), &changed).expect("it can be written");
            assert_eq!(one.record("a"), None, "byte {at}");
            std::fs::write(file("a"), &authentic[..at]).expect("it can be written");
            assert_eq!(one.record("a"), None, "{at} bytes");
        }
        std::fs::remove_file(file("a")).expect("it is there");
        std::fs::create_dir(file("a")).expect("it can be made");
        assert_eq!(one.record("a"), None, "it cannot be read");
    }
}
