//! Backups of the whole datastore in one file, and their restoration.
//!
//! A backup is a tar archive of `sedge-backup.json`, which identifies it; `sedge.db`, a snapshot of
//! the database; and `objects/…`, the files that the database refers to. A new backup is checked
//! before it gets its name, and a backup is checked completely before it is restored.

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
use crate::door::{self, DATABASE_FILE, Tx, TxFault};
use crate::error::StoreError;
use crate::health::first_fault;
use crate::medium::Medium;
use crate::schema::SCHEMA_VERSION;
use crate::statements;

/// The name of the entry that identifies a backup. It is the first entry.
const MANIFEST: &str = "sedge-backup.json";

/// The version of the archive's format. A reader refuses a newer one.
const FORMAT: u32 = 1;

/// How much of a file is read at once, in bytes.
const READ_BYTES: usize = 256 << 10;

/// The number of pages of a database that are copied between two checks for a stop request: 4 MiB.
const PAGES_AT_ONCE: i32 = 1024;

/// The number of SQLite instructions between two checks for a stop request: well under a
/// millisecond.
const INSTRUCTIONS_AT_ONCE: i32 = 10_000;

/// The metadata of a backup.
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

/// The size of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupReport {
    /// Bytes of the archive.
    pub n_bytes: u64,
    /// Versions of data.
    pub n_versions: u64,
    /// Files of large content.
    pub n_files: u64,
}

/// The content of a restored backup.
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
    /// Writes a backup to the file `name` of a folder, replacing an existing one. The backup is a
    /// snapshot, whatever is written meanwhile; the caller must prevent collections. Once this
    /// returns, the backup was checked as a restore checks it, and is durable. After an error or a
    /// stop there is no new file. Calls `progress` with the number of bytes that were written and
    /// read back, and the total.
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
        // As long as this file is open, another backup does not take it, or the copy of the
        // database, for leftovers of a killed process.
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
            // ignored: the first error is the one to report, and may be why the removal fails, too.
            let _ = to.disk.remove(&copying.partial);
            match stop.is_requested() {
                true => StoreError::Stopped,
                false => error,
            }
        })
    }
}

/// A backup in progress.
struct Copying<'a> {
    store: &'a Store,
    to: &'a Medium,
    /// The temporary name of the copy of the database.
    copy: String,
    /// The temporary name of the archive.
    partial: String,
    stop: &'a Stop,
}

impl Copying<'_> {
    /// Copies a snapshot of the database, and checks the copy.
    fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let Self {
            store, to, stop, ..
        } = self;
        store.door.look("copy the database", |source| {
            let mut target = open_plain(to, &self.copy)?;
            copy_database(source, &mut target, stop)?;
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

    /// Writes the archive to `file`, which has the temporary name, and reads it back.
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
        let mut file = archive.into_inner().map_err(archive_error)?;
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

/// A snapshot of the database and its references.
struct Snapshot {
    /// The files of large content, with their sizes.
    files: BTreeMap<Digest, u64>,
    n_versions: u64,
}

/// Copies one database over another atomically. If it is stopped, the target is unchanged.
fn copy_database(source: &Connection, target: &mut Connection, stop: &Stop) -> Result<(), TxFault> {
    // The pages are copied in pieces, all from the snapshot of this transaction.
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

/// Interrupts every statement of a connection when the work is to stop.
fn stop_with(connection: &mut Connection, stop: &Stop) -> Result<(), rusqlite::Error> {
    let stop = stop.clone();
    connection.progress_handler(INSTRUCTIONS_AT_ONCE, Some(move || stop.is_requested()))
}

/// Returns the digests of the files that a database refers to.
fn files_of(connection: &Connection) -> Result<BTreeSet<Digest>, TxFault> {
    let mut statement = connection.prepare(statements::FILES)?;
    let digests = statement.query_map([], |row| row.get::<_, [u8; DIGEST_BYTES]>(0))?;
    Ok(digests
        .map(|digest| digest.map(Digest))
        .collect::<Result<_, _>>()?)
}

/// Opens a temporary database that no other process uses and that need not be durable.
fn open_plain(medium: &Medium, name: &str) -> Result<Connection, TxFault> {
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
        match content.read(&mut buffer).map_err(archive_error)? {
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
        .map_err(archive_error)
}

/// The content of an entry.
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

/// A file that counts the bytes written to it, and stops if the callback fails.
struct Counted<F> {
    file: Box<dyn DiskFile>,
    n_bytes: u64,
    report: F,
}

impl<F: FnMut(u64) -> Result<(), StoreError>> Counted<F> {
    fn new(file: Box<dyn DiskFile>, report: F) -> Self {
        let n_bytes = 0;
        Self {
            file,
            n_bytes,
            report,
        }
    }
}

impl<F: FnMut(u64) -> Result<(), StoreError>> Write for Counted<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(io::Error::other)?;
        self.n_bytes += bytes.len() as u64;
        (self.report)(self.n_bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the original error of this crate if the archive library wrapped one.
fn archive_error(error: io::Error) -> StoreError {
    let error = match error.downcast::<StoreError>() {
        Ok(error) => return error,
        Err(error) => error,
    };
    match error.downcast::<sedge_sys::folder::FileError>() {
        Ok(error) => error.into(),
        Err(error) => StoreError::unreadable("file of a backup", error),
    }
}
