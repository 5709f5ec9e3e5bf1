//! Large content: files that are named by the digest of their content.
//!
//! A file is written under a temporary name, synced and renamed to its digest, and its folder is
//! synced. Only then may a row refer to it. So a named file is always complete, equal content is
//! stored once, and a file is never written after it got its name.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};

use sedge_model::call::StagedContent;
use sedge_model::digest::Digest;
use sedge_sys::disk::{Disk, DiskFile, FileReader};
use sedge_sys::random;

use crate::error::StoreError;

/// The most bytes of content that are stored in the database.
///
/// Measured: up to about 100 KiB, a row is committed and read faster than a file, with one sync
/// instead of three. From 1 MiB on, a file is much faster.
pub const INLINE_BYTES_MAX: usize = 64 << 10;

const FOLDER: &str = "objects";
const PASSING: &str = "objects/new";

/// How much of a file is read at once, in bytes.
const READ_BYTES: usize = 256 << 10;

/// The files of large content.
#[derive(Debug)]
pub(crate) struct Blobs {
    disk: Arc<dyn Disk>,
    /// The folders that this process has made durable.
    folders: Mutex<BTreeSet<String>>,
}

impl Blobs {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            folders: Mutex::default(),
        }
    }

    /// Renames files to their digests. Each is given by its temporary name and its digest. Once
    /// this returns, they are durable. A file that has got its name before stays as it is: a commit
    /// that was refused can be tried again.
    pub(crate) fn publish(&self, files: &[(String, Digest)]) -> Result<(), StoreError> {
        let mut folders = BTreeSet::new();
        for (passing, digest) in files {
            let folder = folder_of(digest);
            self.folder(&folder)?;
            if let Err(error) = self.disk.rename(passing, &path_of(digest)) {
                let is_gone = error.source.kind() == ErrorKind::NotFound;
                if !is_gone || self.size(digest)?.is_none() {
                    return Err(error.into());
                }
            }
            folders.insert(folder);
        }
        for folder in folders {
            self.disk.sync_folder(&folder)?;
        }
        Ok(())
    }

    /// Writes content to a file with a temporary name, and syncs the file.
    pub(crate) fn write(&self, content: &[u8]) -> Result<(String, Digest), StoreError> {
        let (path, mut file) = self.passing()?;
        let mut write = || -> Result<(), StoreError> {
            file.write(content)?;
            Ok(file.sync()?)
        };
        match write() {
            Ok(()) => Ok((path, Digest::of(content))),
            Err(error) => {
                self.forget(&path);
                Err(error)
            }
        }
    }

    /// Returns the size of the file for this content, in bytes; `None` if it does not exist.
    pub(crate) fn size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        Ok(self.open(digest)?.map(|file| file.size()))
    }

    /// Opens the file for this content; returns `None` if it does not exist.
    pub(crate) fn open(&self, digest: &Digest) -> Result<Option<FileReader>, StoreError> {
        Ok(self.disk.open(&path_of(digest))?)
    }

    pub(crate) fn open_passing(&self, path: &str) -> Result<Option<FileReader>, StoreError> {
        Ok(self.disk.open(path)?)
    }

    pub(crate) fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        Ok(self.disk.remove(&path_of(digest))?)
    }

    /// Removes a file with a temporary name, on a best-effort basis.
    pub(crate) fn forget(&self, passing: &str) {
        // ignored: the next collection removes the file.
        let _ = self.disk.remove(passing);
    }

    /// Returns the files that are named by a digest, sorted, with their sizes.
    pub(crate) fn list(&self) -> Result<Vec<(Digest, u64)>, StoreError> {
        let mut files = Vec::new();
        for folder in self.disk.entries(FOLDER)? {
            if !folder.is_folder || folder.name.len() != 2 {
                continue;
            }
            for file in self.disk.entries(&format!("{FOLDER}/{}", folder.name))? {
                // Other files were not created by Sedge.
                if let Ok(digest) = format!("{}{}", folder.name, file.name).parse() {
                    files.push((digest, file.size));
                }
            }
        }
        Ok(files)
    }

    /// Returns the files with temporary names, with their sizes. They belong to running calls, or
    /// were left by crashed processes.
    pub(crate) fn passing_list(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let entries = self.disk.entries(PASSING)?.into_iter();
        Ok(entries
            .map(|entry| (format!("{PASSING}/{}", entry.name), entry.size))
            .collect())
    }

    fn passing(&self) -> Result<(String, Box<dyn DiskFile>), StoreError> {
        self.disk.create_folder(PASSING)?;
        let path = format!("{PASSING}/{:016x}", random::bits());
        let file = self.disk.create(&path)?;
        Ok((path, file))
    }

    fn folder(&self, folder: &str) -> Result<(), StoreError> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if !folders.contains(folder) {
            self.disk.create_folder(folder)?;
            self.disk.sync_folder(FOLDER)?;
            self.disk.sync_folder("")?;
            folders.insert(folder.to_owned());
        }
        Ok(())
    }
}

fn folder_of(digest: &Digest) -> String {
    format!("{FOLDER}/{}", &digest.to_string()[..2])
}

pub(crate) fn path_of(digest: &Digest) -> String {
    let digits = digest.to_string();
    format!("{FOLDER}/{}/{}", &digits[..2], &digits[2..])
}

/// A file that is being written, and is not data yet. A small file is kept in memory.
///
/// Dropping it removes the unfinished file.
#[derive(Debug)]
pub struct BlobWriter {
    blobs: Arc<Blobs>,
    small: Vec<u8>,
    large: Option<(Passing, Box<dyn DiskFile>)>,
    hasher: blake3::Hasher,
    size: u64,
}

/// A file with a temporary name. Dropping this removes the file unless it was renamed.
#[derive(Debug)]
pub struct Passing {
    blobs: Arc<Blobs>,
    path: String,
}

impl Passing {
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.blobs.forget(&self.path);
    }
}

impl BlobWriter {
    pub(crate) fn new(blobs: &Arc<Blobs>) -> Self {
        Self {
            blobs: Arc::clone(blobs),
            small: Vec::new(),
            large: None,
            hasher: blake3::Hasher::new(),
            size: 0,
        }
    }

    /// Returns the number of bytes so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.size += bytes.len() as u64;
        self.hasher.update(bytes);
        if let Some((_, file)) = &mut self.large {
            return Ok(file.write(bytes)?);
        }
        if self.small.len() + bytes.len() <= INLINE_BYTES_MAX {
            self.small.extend_from_slice(bytes);
            return Ok(());
        }
        let file = self.move_to_disk()?;
        Ok(file.write(bytes)?)
    }

    /// Continues in a file on disk, whatever the size.
    pub(crate) fn move_to_disk(&mut self) -> Result<&mut Box<dyn DiskFile>, StoreError> {
        let (path, mut file) = self.blobs.passing()?;
        let passing = Passing {
            blobs: Arc::clone(&self.blobs),
            path,
        };
        file.write(&std::mem::take(&mut self.small))?;
        let (_, file) = self.large.insert((passing, file));
        Ok(file)
    }

    /// Syncs the file, and returns it as content that a call can stage. Also returns the temporary
    /// file, which must be kept until the call has ended.
    ///
    /// # Errors
    /// The disk fails.
    pub fn finish(self) -> Result<(StagedContent, Option<Passing>), StoreError> {
        if self.large.is_none() {
            return Ok((StagedContent::Bytes(self.small), None));
        }
        let size = self.size;
        let (file, digest) = self.finish_file()?;
        let content = StagedContent::File {
            passing: file.path.clone(),
            size,
            digest,
        };
        Ok((content, Some(file)))
    }

    /// Syncs the file, which is on disk whatever its size.
    pub(crate) fn finish_file(mut self) -> Result<(Passing, Digest), StoreError> {
        if self.large.is_none() {
            self.move_to_disk()?;
        }
        let (passing, mut file) = self.large.expect("it was made just now");
        file.sync()?;
        Ok((passing, Digest(*self.hasher.finalize().as_bytes())))
    }
}

/// A reader of content. At the end, it compares the content with its digest.
#[derive(Debug)]
pub struct ContentReader {
    source: Source,
    digest: Digest,
    hasher: blake3::Hasher,
    size: u64,
}

#[derive(Debug)]
enum Source {
    Memory { bytes: Vec<u8>, at: usize },
    File(FileReader),
}

impl ContentReader {
    pub(crate) fn of_bytes(bytes: Vec<u8>, digest: Digest) -> Self {
        let size = bytes.len() as u64;
        Self::new(Source::Memory { bytes, at: 0 }, digest, size)
    }

    pub(crate) fn of_file(file: FileReader, digest: Digest) -> Self {
        let size = file.size();
        Self::new(Source::File(file), digest, size)
    }

    /// Returns a reader of bytes that are shown in place of stored content.
    #[must_use]
    pub fn of_shown(bytes: Vec<u8>) -> Self {
        let digest = Digest::of(&bytes);
        Self::of_bytes(bytes, digest)
    }

    fn new(source: Source, digest: Digest, size: u64) -> Self {
        let hasher = blake3::Hasher::new();
        Self {
            source,
            digest,
            hasher,
            size,
        }
    }

    /// Returns the size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads into the buffer and returns the number of bytes; 0 at the end.
    ///
    /// # Errors
    /// The disk fails; at the end, [`StoreError::ContentDamaged`].
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        let n = match &mut self.source {
            Source::Memory { bytes, at } => {
                let rest = &bytes[*at..];
                let n = rest.len().min(buffer.len());
                buffer[..n].copy_from_slice(&rest[..n]);
                *at += n;
                n
            }
            Source::File(file) => file.read(buffer)?,
        };
        self.hasher.update(&buffer[..n]);
        if n == 0 && !buffer.is_empty() && self.hasher.finalize().as_bytes() != &self.digest.0 {
            return Err(StoreError::ContentDamaged(self.digest));
        }
        Ok(n)
    }

    /// Reads the rest of the content, which must be known to fit into memory.
    ///
    /// # Errors
    /// The same as for [`ContentReader::read`].
    pub fn read_all(mut self) -> Result<Vec<u8>, StoreError> {
        let mut all = Vec::with_capacity(usize::try_from(self.size).unwrap_or(0));
        self.each(|bytes| {
            all.extend_from_slice(bytes);
            Ok::<_, StoreError>(())
        })?;
        Ok(all)
    }

    /// Passes the rest of the content to `take`, piece by piece.
    ///
    /// # Errors
    /// The same as for [`ContentReader::read`], and the error of `take`.
    pub fn each<E: From<StoreError>>(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut buffer =
            vec![0; READ_BYTES.min(usize::try_from(self.size).unwrap_or(READ_BYTES) + 1)];
        loop {
            match self.read(&mut buffer)? {
                0 => return Ok(()),
                n => take(&buffer[..n])?,
            }
        }
    }
}
