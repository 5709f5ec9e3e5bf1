//! Reads an archive that was just written, and compares its content with the source.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use sedge_model::digest::Digest;
use sedge_sys::disk::FileReader;

use super::{MANIFEST, archive_error, digest_of};
use crate::blobs::path_of;
use crate::door::DATABASE_FILE;
use crate::error::StoreError;

/// Checks that an archive has a manifest, and the database and the files that it was made from.
/// Calls `report` with the number of bytes read, and stops if that fails.
pub(super) fn verify(
    archive: FileReader,
    database: &Digest,
    files: &BTreeMap<Digest, u64>,
    report: impl FnMut(u64) -> Result<(), StoreError>,
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
    let mut archive = tar::Archive::new(CountedFile {
        file: archive,
        n_bytes: 0,
        report,
    });
    let mut entries = archive.entries().map_err(archive_error)?;
    for (name, expect) in expected {
        let entry = entries.next().transpose().map_err(archive_error)?;
        let mut entry = entry.ok_or_else(|| differs(&name))?;
        let is_named = entry.path().map_err(archive_error)? == Path::new(&name);
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

/// A file that counts the bytes read from it.
struct CountedFile<F> {
    file: FileReader,
    n_bytes: u64,
    report: F,
}

impl<F: FnMut(u64) -> Result<(), StoreError>> Read for CountedFile<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer).map_err(io::Error::other)?;
        self.n_bytes += n as u64;
        (self.report)(self.n_bytes).map_err(io::Error::other)?;
        Ok(n)
    }
}
