//! A copy of the whole datastore in one file, and the way back.
//!
//! A backup is a tar archive: `sedge-backup.json` says what it is, `sedge.db` is the database
//! as it was at one moment, and `objects/…` are the files that it refers to, each once. A copy
//! is checked before it is called a backup, and everything in a backup before it is restored.

mod read;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use sedge_model::digest::{DIGEST_BYTES, Digest};
use sedge_sys::clock::Timestamp;
use sedge_sys::disk::{Disk, DiskFile, FileReader};
use sedge_sys::random;
use sedge_sys::thread::Stop;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::blobs::{ContentReader, path_of};
use crate::door::{self, DATABASE_FILE, Fault, Tx};
use crate::error::StoreError;
use crate::health::first_fault;
use crate::medium::Medium;
use crate::schema::SCHEMA_VERSION;

/// The name of the entry that says what a backup is; it comes first.
const MANIFEST: &str = "sedge-backup.json";

/// The version of the archive's form. A reader refuses a newer one.
const FORMAT: u32 = 1;

/// How much of a file is read at once.
const READ_BYTES: usize = 256 << 10;

/// How many pages of a database are copied before it is asked whether to stop: 4 MiB.
const PAGES_AT_ONCE: i32 = 1024;

/// How many instructions of SQLite are executed before it is asked whether to stop: well under
/// a millisecond.
const INSTRUCTIONS_AT_ONCE: i32 = 10_000;

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    format: u32,
    /// The version of the database's schema.
    schema: i64,
    /// Milliseconds since 1970.
    created_at_ms: u64,
    database_digest: String,
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
    /// moment, however much is written meanwhile; the caller sees to it that nothing is collected.
    /// Before this returns, the copy was checked as a restore does, and survives a power cut; if
    /// it fails, or is stopped, there is no new file. Calls `progress` with how many bytes were
    /// written and read again, and of how many.
    ///
    /// # Errors
    /// The datastore is damaged ([`StoreError::Damaged`]) or cannot be read, or the file cannot be
    /// written.
    pub fn backup(
        &self,
        to: &Medium,
        name: &str,
        stop: &Stop,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<BackupReport, StoreError> {
        let bits = random::bits();
        let copying = Copying {
            store: self,
            to,
            copy: format!("{name}.{bits:016x}.db.tmp"),
            partial: format!("{name}.{bits:016x}.tmp"),
            stop,
        };
        // As long as this file is open, the next backup does not take it, and the copy beside it,
        // for what a killed process left.
        let file = to.disk.create(&copying.partial)?;
        let written = copying
            .snapshot()
            .and_then(|snapshot| copying.archive(snapshot, file, &mut progress));
        let removed = to.disk.remove(&copying.copy);
        let written = written.and_then(|(report, file)| {
            removed?;
            to.disk.rename(&copying.partial, name)?;
            to.disk.sync_folder("")?;
            drop(file);
            Ok(report)
        });
        written.map_err(|error| {
            // ignored: the first error is the one that counts, and may be why this fails too.
            let _ = to.disk.remove(&copying.partial);
            match stop.is_requested() {
                true => StoreError::Stopped,
                false => error,
            }
        })
    }
}

/// A backup that is being made.
struct Copying<'a> {
    store: &'a Store,
    to: &'a Medium,
    /// The passing name of the copy of the database.
    copy: String,
    /// The passing name of the archive.
    partial: String,
    stop: &'a Stop,
}

impl Copying<'_> {
    /// Copies the database, as it is at one moment, and checks the copy.
    fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let Self {
            store, to, stop, ..
        } = self;
        store.door.look("copy the database", |source| {
            let mut target = open_plain(to, &self.copy)?;
            copy_whole(source, &mut target, stop)?;
            stop_with(&mut target, stop)?;
            door::check_schema(&to.path.join(&self.copy), &target, SCHEMA_VERSION)?;
            let mut files = BTreeMap::new();
            for digest in files_of(&target)? {
                let size = store.blobs.size(&digest)?;
                files.insert(digest, size.ok_or(StoreError::ContentMissing(digest))?);
            }
            let tx = Tx::new(&target, &to.clock);
            if let Some(fault) = first_fault(&target, &tx, &files)? {
                return Err(StoreError::Damaged(fault).into());
            }
            let n_versions =
                target.query_row("SELECT count(*) FROM data_versions", [], |row| row.get(0))?;
            Ok(Snapshot { files, n_versions })
        })
    }

    /// Writes the archive to `file`, which has the passing name, and reads it again.
    fn archive(
        &self,
        snapshot: Snapshot,
        file: Box<dyn DiskFile>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(BackupReport, Box<dyn DiskFile>), StoreError> {
        let disk = &*self.to.disk;
        let database = opened(disk, &self.copy)?;
        let n_all = 2 * (snapshot.files.values().sum::<u64>() + database.size());
        let database_digest = digest_of(&mut Stream::File(opened(disk, &self.copy)?))?;
        let manifest = Manifest {
            format: FORMAT,
            schema: SCHEMA_VERSION,
            created_at_ms: self.store.door.medium().clock.now().0,
            database_digest: database_digest.to_string(),
            files: snapshot.files.len() as u64,
        };
        let text = serde_json::to_vec_pretty(&manifest).expect("it has a form in JSON");
        let file = Counted::new(file, |n_bytes| {
            progress(n_bytes, n_all);
            not_stopped(self.stop)
        });
        let mut archive = tar::Builder::new(file);
        add(&mut archive, MANIFEST, text.len() as u64, &*text)?;
        let size = database.size();
        add(&mut archive, DATABASE_FILE, size, Stream::File(database))?;
        for (digest, size) in &snapshot.files {
            let file = self.store.blobs.open(digest)?;
            let file = file.ok_or(StoreError::ContentMissing(*digest))?;
            let content = Stream::Content(Box::new(ContentReader::of_file(file, *digest)));
            add(&mut archive, &path_of(digest), *size, content)?;
        }
        let mut file = archive.into_inner().map_err(told)?;
        file.file.sync()?;
        let (n_bytes, file) = (file.n_bytes, file.file);
        let written = opened(disk, &self.partial)?;
        verify::verify(written, &database_digest, &snapshot.files, |n_read| {
            progress(n_bytes + n_read, n_all);
            not_stopped(self.stop)
        })?;
        let report = BackupReport {
            n_bytes,
            n_versions: snapshot.n_versions,
            n_files: manifest.files,
        };
        Ok((report, file))
    }
}

/// The database as it was, and what it refers to.
struct Snapshot {
    /// Files of large content, with their sizes.
    files: BTreeMap<Digest, u64>,
    n_versions: u64,
}

/// Copies one database over another, as a whole: nothing of it is visible before all of it is,
/// and nothing if this is stopped.
fn copy_whole(source: &Connection, target: &mut Connection, stop: &Stop) -> Result<(), Fault> {
    // Of one moment: pages are copied in pieces, from the snapshot that this reads.
    let source = source.unchecked_transaction()?;
    source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let copy = Backup::new(&source, target)?;
    loop {
        not_stopped(stop)?;
        match copy.step(PAGES_AT_ONCE)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            StepResult::Busy | StepResult::Locked | _ => {
                return Err(StoreError::Busy {
                    operation: "copy the database",
                }
                .into());
            }
        }
    }
}

fn not_stopped(stop: &Stop) -> Result<(), StoreError> {
    match stop.is_requested() {
        true => Err(StoreError::Stopped),
        false => Ok(()),
    }
}

/// Has every statement of a connection end when the work is to stop.
fn stop_with(connection: &mut Connection, stop: &Stop) -> Result<(), rusqlite::Error> {
    let stop = stop.clone();
    connection.progress_handler(INSTRUCTIONS_AT_ONCE, Some(move || stop.is_requested()))
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
    door::harden(&connection)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY")?;
    Ok(connection)
}

fn opened(disk: &dyn Disk, path: &str) -> Result<FileReader, StoreError> {
    let missing = || StoreError::unreadable("copy of the database", "it has gone");
    disk.open(path)?.ok_or_else(missing)
}

fn digest_of(content: &mut impl Read) -> Result<Digest, StoreError> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match content.read(&mut buffer).map_err(told)? {
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

/// A file that reports how many bytes it has, and is written no further if that fails.
struct Counted<F> {
    file: Box<dyn DiskFile>,
    n_bytes: u64,
    tell: F,
}

impl<F: FnMut(u64) -> Result<(), StoreError>> Counted<F> {
    fn new(file: Box<dyn DiskFile>, tell: F) -> Self {
        let n_bytes = 0;
        Self {
            file,
            n_bytes,
            tell,
        }
    }
}

impl<F: FnMut(u64) -> Result<(), StoreError>> Write for Counted<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(io::Error::other)?;
        self.n_bytes += bytes.len() as u64;
        (self.tell)(self.n_bytes).map_err(io::Error::other)?;
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
