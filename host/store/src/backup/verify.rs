//! Reads an archive that was just written, and compares all of it with what was to be in it.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use sedge_model::digest::Digest;
use sedge_sys::disk::FileReader;

use super::{MANIFEST, digest_of, told};
use crate::blobs::path_of;
use crate::door::DATABASE_FILE;
use crate::error::StoreError;

/// Checks that an archive has a manifest, and the database and the files that it was made of.
/// Calls `tell` with how many bytes were read, and reads no further if that fails.
pub(super) fn verify(
    archive: FileReader,
    database: &Digest,
    files: &BTreeMap<Digest, u64>,
    tell: impl FnMut(u64) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut expected = vec![
        (MANIFEST.to_owned(), None),
        (DATABASE_FILE.to_owned(), Some(*database)),
    ];
    expected.extend(files.keys().map(|digest| (path_of(digest), Some(*digest))));
    let path = archive.path().to_owned();
    let differs = |entry: &str| StoreError::BadCopy {
        path: path.clone(),
        entry: entry.to_owned(),
    };
    let mut archive = tar::Archive::new(Told {
        file: archive,
        n_bytes: 0,
        tell,
    });
    let mut entries = archive.entries().map_err(told)?;
    for (name, expect) in expected {
        let entry = entries.next().transpose().map_err(told)?;
        let mut entry = entry.ok_or_else(|| differs(&name))?;
        let is_named = entry.path().map_err(told)? == Path::new(&name);
        let digest = digest_of(&mut entry)?;
        if !is_named || expect.is_some_and(|expect| expect != digest) {
            return Err(differs(&name));
        }
    }
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(differs("another entry")),
    }
}

/// A file that reports how many bytes were read of it.
struct Told<F> {
    file: FileReader,
    n_bytes: u64,
    tell: F,
}

impl<F: FnMut(u64) -> Result<(), StoreError>> Read for Told<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer).map_err(io::Error::other)?;
        self.n_bytes += n as u64;
        (self.tell)(self.n_bytes).map_err(io::Error::other)?;
        Ok(n)
    }
}
