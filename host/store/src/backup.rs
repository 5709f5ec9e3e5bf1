//! A copy of the whole datastore in one file, and the way back.
//!
//! A backup is a tar archive: `sedge-backup.json` says what it is, `sedge.db` is the database
//! as it was at one moment, and `objects/…` are the files that it refers to, each once. What
//! is in it is compared with its digests when it is restored, before anything is changed.

mod read;

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use sedge_model::digest::{DIGEST_BYTES, Digest};
use sedge_sys::clock::Timestamp;
use sedge_sys::disk::{Disk, DiskFile, FileReader};
use sedge_sys::random;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::blobs::{ContentReader, path_of};
use crate::door::{DATABASE_FILE, Fault};
use crate::error::StoreError;
use crate::medium::Medium;
use crate::schema::SCHEMA_VERSION;

/// The name of the entry that says what a backup is; it comes first.
const MANIFEST: &str = "sedge-backup.json";

/// The version of the archive's form. A reader refuses a newer one.
const FORMAT: u32 = 1;

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    format: u32,
    /// The version of the database's schema.
    schema: i64,
    /// Milliseconds since 1970.
    created_at_ms: u64,
    database_digest: Digest,
    files: u64,
}

/// What a backup has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupReport {
    /// Bytes of the archive.
    pub n_bytes: u64,
    /// Versions of data.
    pub n_versions: u64,
    /// Files of large content.
    pub n_files: u64,
}

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreReport {
    /// When the backup was made.
    pub created_at: Timestamp,
    /// Versions of data.
    pub n_versions: u64,
    /// Runs.
    pub n_runs: u64,
    /// Files of large content.
    pub n_files: u64,
}

impl Store {
    /// Writes a backup to the file `name` of a folder, in place of what was there. It is of one
    /// moment, however much is written meanwhile; whoever calls this sees to it that nothing
    /// is collected. Once this returns, it survives a power cut; if it fails, there is no new
    /// file. Calls `progress` with how many bytes were written, and of how many.
    ///
    /// # Errors
    /// The datastore cannot be read, or the file not be written.
    pub fn backup(
        &self,
        to: &Medium,
        name: &str,
        progress: impl FnMut(u64, u64),
    ) -> Result<BackupReport, StoreError> {
        let bits = random::bits();
        let (copy, partial) = (
            format!("{name}.{bits:016x}.db.tmp"),
            format!("{name}.{bits:016x}.tmp"),
        );
        let written = self
            .snapshot(to, &copy)
            .and_then(|snapshot| self.archive(to, &snapshot, (&copy, &partial), progress));
        // Whatever was made on the way is not wanted any more.
        let removed = to.disk.remove(&copy);
        let written = written.and_then(|report| {
            removed?;
            to.disk.rename(&partial, name)?;
            to.disk.sync_folder("")?;
            Ok(report)
        });
        if written.is_err() {
            // ignored: the first error is the one that counts, and may be why this fails too.
            let _ = to.disk.remove(&partial);
        }
        written
    }

    /// Copies the database, as it is at one moment.
    fn snapshot(&self, to: &Medium, copy: &str) -> Result<Snapshot, StoreError> {
        self.door.look("copy the database", |source| {
            let mut target = open_plain(to, copy)?;
            copy_whole(source, &mut target)?;
            let files = files_of(&target)?;
            let n_versions =
                target.query_row("SELECT count(*) FROM data_versions", [], |row| row.get(0))?;
            Ok(Snapshot { files, n_versions })
        })
    }

    fn archive(
        &self,
        to: &Medium,
        snapshot: &Snapshot,
        (copy, partial): (&str, &str),
        mut progress: impl FnMut(u64, u64),
    ) -> Result<BackupReport, StoreError> {
        let missing = |digest: &Digest| StoreError::ContentMissing(*digest);
        let mut sizes = Vec::with_capacity(snapshot.files.len());
        for digest in &snapshot.files {
            sizes.push(self.blobs.size(digest)?.ok_or_else(|| missing(digest))?);
        }
        let database = opened(&*to.disk, copy)?;
        let n_all = sizes.iter().sum::<u64>() + database.size();
        let manifest = Manifest {
            format: FORMAT,
            schema: SCHEMA_VERSION,
            created_at_ms: self.door.medium().clock.now().0,
            database_digest: digest_of(opened(&*to.disk, copy)?)?,
            files: snapshot.files.len() as u64,
        };
        let text = serde_json::to_vec_pretty(&manifest).expect("it has a form in JSON");
        let file = Counted::new(to.disk.create(partial)?, |n_bytes| progress(n_bytes, n_all));
        let mut archive = tar::Builder::new(file);
        add(&mut archive, MANIFEST, text.len() as u64, &*text)?;
        let size = database.size();
        add(&mut archive, DATABASE_FILE, size, Stream::File(database))?;
        for (digest, size) in snapshot.files.iter().zip(sizes) {
            let file = self.blobs.open(digest)?.ok_or_else(|| missing(digest))?;
            let content = ContentReader::of_file(file, *digest);
            add(
                &mut archive,
                &path_of(digest),
                size,
                Stream::Content(Box::new(content)),
            )?;
        }
        let mut file = archive.into_inner().map_err(told)?;
        file.file.sync()?;
        Ok(BackupReport {
            n_bytes: file.n_bytes,
            n_versions: snapshot.n_versions,
            n_files: manifest.files,
        })
    }
}

/// The database as it was, and what it refers to.
struct Snapshot {
    files: BTreeSet<Digest>,
    n_versions: u64,
}

/// Copies one database over another, as a whole. Nobody sees it half done.
fn copy_whole(source: &Connection, target: &mut Connection) -> Result<(), Fault> {
    let copy = Backup::new(source, target)?;
    // All pages at once: the source is read as it is at one moment.
    match copy.step(-1)? {
        StepResult::Done => Ok(()),
        StepResult::More | StepResult::Busy | StepResult::Locked | _ => Err(StoreError::Busy {
            operation: "copy the database",
        }
        .into()),
    }
}

/// Returns the digests of the files that a database refers to.
fn files_of(connection: &Connection) -> Result<BTreeSet<Digest>, Fault> {
    let mut statement =
        connection.prepare("SELECT DISTINCT digest FROM data_versions WHERE content IS NULL")?;
    let digests = statement.query_map([], |row| row.get::<_, [u8; DIGEST_BYTES]>(0))?;
    Ok(digests
        .map(|digest| digest.map(Digest))
        .collect::<Result<_, _>>()?)
}

/// Opens a file as a database that nobody else has, and that need not survive anything.
fn open_plain(medium: &Medium, name: &str) -> Result<Connection, Fault> {
    let path = medium.path.join(name);
    let connection = match &medium.vfs {
        None => Connection::open(path)?,
        Some(vfs) => {
            Connection::open_with_flags_and_vfs(path, rusqlite::OpenFlags::default(), vfs.as_str())?
        }
    };
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY")?;
    Ok(connection)
}

fn opened(disk: &dyn Disk, path: &str) -> Result<FileReader, StoreError> {
    let missing = || StoreError::unreadable("copy of the database", "it has gone");
    disk.open(path)?.ok_or_else(missing)
}

fn digest_of(mut file: FileReader) -> Result<Digest, StoreError> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest(*hasher.finalize().as_bytes())),
            n => hasher.update(&buffer[..n]),
        };
    }
}

fn add<W: Write>(
    archive: &mut tar::Builder<W>,
    path: &str,
    size: u64,
    content: impl Read,
) -> Result<(), StoreError> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    archive
        .append_data(&mut header, path, content)
        .map_err(told)
}

/// What goes into an archive.
enum Stream {
    File(FileReader),
    Content(Box<ContentReader>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer).map_err(io::Error::other),
            Self::Content(content) => content.read(buffer).map_err(io::Error::other),
        }
    }
}

/// A file that tells how far it is.
struct Counted<F> {
    file: Box<dyn DiskFile>,
    n_bytes: u64,
    tell: F,
}

impl<F: FnMut(u64)> Counted<F> {
    fn new(file: Box<dyn DiskFile>, tell: F) -> Self {
        let n_bytes = 0;
        Self {
            file,
            n_bytes,
            tell,
        }
    }
}

impl<F: FnMut(u64)> Write for Counted<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(io::Error::other)?;
        self.n_bytes += bytes.len() as u64;
        (self.tell)(self.n_bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the error that went through the archive: one of ours, if it was ours before.
fn told(error: io::Error) -> StoreError {
    let error = match error.downcast::<StoreError>() {
        Ok(error) => return error,
        Err(error) => error,
    };
    match error.downcast::<sedge_sys::folder::FileError>() {
        Ok(error) => error.into(),
        Err(error) => StoreError::unreadable("file of a backup", error),
    }
}
