//! The key that authenticates a user's compiled code.
//!
//! The key is random and made when it is first needed. It is stored apart from the code, so a
//! cache that was copied, restored or sent to another user cannot be used there.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};

use sedge_sys::folder::{FileError, Folder};
use sedge_sys::own_folder;
use sedge_sys::random;
use zeroize::Zeroizing;

use super::CacheFaultKind;

/// The name of the key's file.
const FILE: &str = "cache.key";

/// Separates these hashes from all other uses of the key, and this format from later ones.
const FORMAT: &[u8] = b"sedge compiled code 2\0";

const KEY_BYTES: usize = 32;

/// The length of a MAC, in bytes.
pub(super) const MAC_BYTES: usize = blake3::OUT_LEN;

/// The user's secret key. Its `Debug` form does not show it.
pub(super) struct CacheKey(Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey")
    }
}

/// Computes the MAC of a file, piece by piece.
pub(super) struct Mac(blake3::Hasher);

impl CacheKey {
    /// Reads the key from a folder of the user. Creates it if it is missing.
    ///
    /// # Errors
    /// The key cannot be read or created, or other users may read it.
    pub(super) fn open(folder: &Folder) -> Result<Self, CacheFaultKind> {
        if let Some(file) = own_folder::open_file(folder, FILE)? {
            return Self::read(folder, file);
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        random::fill(&mut *key);
        match folder.write_new_private(FILE, &*key) {
            Ok(()) => Ok(Self(key)),
            // Another process created a key meanwhile. Both must use the same key, so this process
            // reads that one.
            Err(error) if error.source.kind() == ErrorKind::AlreadyExists => {
                match own_folder::open_file(folder, FILE)? {
                    Some(file) => Self::read(folder, file),
                    None => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    fn read(folder: &Folder, file: File) -> Result<Self, CacheFaultKind> {
        let path = folder.path_of(FILE);
        own_folder::private_check(&file, &path)?;
        let mut content = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
        let read = file.take(KEY_BYTES as u64 + 1).read_to_end(&mut content);
        read.map_err(|source| FileError::new("read", &path, source))?;
        let key = <[u8; KEY_BYTES]>::try_from(content.as_slice());
        let key = key.map_err(|_| CacheFaultKind::KeyDamaged(path))?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Starts the MAC of the file with this name.
    pub(super) fn hasher(&self, name: &str) -> Mac {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(FORMAT);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        Mac(hasher)
    }
}

impl Mac {
    pub(super) fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// Returns the MAC. `blake3::Hash` compares itself with others in constant time.
    pub(super) fn finalize(&self) -> blake3::Hash {
        self.0.finalize()
    }
}
