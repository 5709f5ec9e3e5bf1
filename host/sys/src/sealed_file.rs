//! A copy of a file that no process can change.
//!
//! The content that is checked during the copy is the content that is used afterwards. The original
//! can be replaced, truncated or overwritten meanwhile without any effect on the copy.
//!
//! On Linux the copy is in sealed memory, which its own process cannot change either. On macOS it is
//! a file without a name, of which this process keeps only a descriptor for reading.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use crate::platform::{DESCRIPTOR_FOLDER, MemoryFile};

/// How much is copied at once, in bytes. It fits into the processor's cache, so `each` reads it
/// from there.
const CHUNK_BYTES: usize = 128 << 10;

/// A file without a name whose content is final.
#[derive(Debug)]
pub struct SealedFile {
    file: File,
    size: u64,
}

impl SealedFile {
    /// Copies the rest of `from`, at most `bytes_max`. Each piece is passed to `each` before it is
    /// written.
    ///
    /// # Errors
    /// The input cannot be read or is larger, or the machine has no memory for the copy.
    pub fn copy(
        from: &mut impl Read,
        bytes_max: u64,
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<Self> {
        let mut copy = MemoryFile::create()?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut size = 0;
        loop {
            let n_read = match from.read(&mut chunk) {
                Ok(0) => break,
                Ok(n_read) => n_read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            size += n_read as u64;
            if size > bytes_max {
                let message = format!("it has more than {bytes_max} bytes");
                return Err(io::Error::new(ErrorKind::FileTooLarge, message));
            }
            each(&chunk[..n_read]);
            copy.write(&chunk[..n_read])?;
        }
        let file = copy.seal()?;
        Ok(Self { file, size })
    }

    /// Returns a path that leads to the copy as long as it is open. The path works only in this
    /// process, and on Linux only if `/proc` is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("{DESCRIPTOR_FOLDER}/{}", self.file.as_raw_fd()))
    }

    /// Reads the whole copy.
    ///
    /// # Errors
    /// The machine has no memory for it.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut content = Vec::with_capacity(usize::try_from(self.size).unwrap_or(0));
        self.file.rewind()?;
        self.file.read_to_end(&mut content)?;
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn copy_is_complete_and_cannot_be_changed() {
        let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut seen = Vec::new();
        let each = |piece: &[u8]| seen.extend_from_slice(piece);
        let mut copy =
            SealedFile::copy(&mut content.as_slice(), 2 << 20, each).expect("there is memory");
        assert_eq!(seen, content);
        assert_eq!(copy.read().expect("it is in memory"), content);
        assert_eq!(std::fs::read(copy.path()).expect("a path"), content);
        (&copy.file).write_all(b"x").expect_err("it is sealed");
        copy.file.set_len(1).expect_err("it is sealed");
        let opened = File::options().write(true).open(copy.path());
        let written = opened.and_then(|mut file| file.write_all(b"x"));
        written.expect_err("it is sealed for every descriptor");
    }

    #[test]
    fn input_over_the_limit_is_not_copied() {
        let error = SealedFile::copy(&mut &b"123"[..], 2, |_| ()).expect_err("too large");
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    }
}
