//! Restores a backup. Everything is checked before anything is changed.
//!
//! A backup may come from an untrusted source, so its database is checked like that of a cloned
//! repository, including every invariant. The former database is kept until the new one is in place
//! and has been checked there.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use sedge_model::digest::Digest;
use sedge_sys::clock::Timestamp;
use sedge_sys::disk::Disk;
use sedge_sys::input::Input;
use sedge_sys::thread::Stop;

use super::{
    FORMAT, MANIFEST, Manifest, READ_BYTES, RestoreReport, archive_error, copy_database, files_of,
    not_stopped, open_plain, stop_with,
};
use crate::Store;
use crate::blobs::{Passing, path_of};
use crate::door::{self, DATABASE_FILE, Tx, TxFault, values};
use crate::error::StoreError;
use crate::health::first_fault;
use crate::medium::Medium;
use crate::names::WritePermit;
use crate::schema::SCHEMA_VERSION;
use crate::statements;

/// The folder in which the database of a backup is checked.
const FOLDER: &str = "restore";

/// The file of the database that a backup replaces. It is kept until the new database has passed
/// the check.
const FORMER_FILE: &str = "former.db";

/// The most characters of the reason for refusing a backup, which may quote untrusted text.
const REASON_CHARS_MAX: usize = 400;

/// The most bytes of the metadata entry.
const MANIFEST_BYTES_MAX: u64 = 1 << 16;

impl Store {
    /// Replaces the content of the datastore by that of a backup. The caller must hold the
    /// exclusive lock on the datastore. Everything is checked first, and the replacement is one
    /// durable transaction: an interruption leaves either the former or the new datastore. Calls
    /// `progress` with the number of bytes read, and the total if the size of the input is known.
    ///
    /// # Errors
    /// [`StoreError::BadBackup`], [`StoreError::Schema`] if a newer Sedge made it,
    /// [`StoreError::Stopped`], or the disk fails. Nothing is then changed.
    pub fn restore(
        &self,
        permit: &WritePermit,
        from: Input,
        stop: &Stop,
        progress: impl FnMut(u64, Option<u64>),
    ) -> Result<RestoreReport, StoreError> {
        self.door
            .read("find the holder of the lock", |tx| permit.check(tx))?;
        // A killed restore may have left files.
        self.unfinished_remove()?;
        let place = Place::new(self.door.medium())?;
        let mut archive = Unpacking {
            store: self,
            path: from.path().to_owned(),
            place: &place,
            stop,
            files: BTreeMap::new(),
            passing: Vec::new(),
        };
        let manifest = archive.read(from, progress)?;
        let connection = archive.database_checked()?;
        // The valid lock table is the current one, not the one in the backup.
        let epoch = crate::locks::text(permit.lock_epoch);
        let report = set_epoch_and_count(&connection, &epoch)
            .map_err(|fault| archive.of_database(fault.into_error("read the backup")))?;
        let former = Former::keep(self, &place.medium, stop)?;
        self.blobs.publish(&archive.named())?;
        self.door.write(
            "find the holder of the lock",
            door::Durability::ProcessCrash,
            |tx| permit.check(tx),
        )?;
        self.replace_by(&connection, stop)?;
        if let Err(error) = self.check_restored(&report) {
            former.restore(self)?;
            return Err(error);
        }
        drop(connection);
        self.sweep(permit)?;
        Ok(RestoreReport {
            created_at: Timestamp(manifest.created_at_ms),
            ..report
        })
    }

    /// Replaces the datastore's database in one transaction.
    fn replace_by(&self, connection: &Connection, stop: &Stop) -> Result<(), StoreError> {
        self.door.maintain("restore the backup", |target| {
            copy_database(connection, target, stop)
        })
    }

    /// Checks that the database in place is the one that was checked before.
    fn check_restored(&self, report: &RestoreReport) -> Result<(), StoreError> {
        self.door.look("check the restored database", |connection| {
            let medium = self.door.medium();
            door::check_schema(&medium.path.join(DATABASE_FILE), connection, SCHEMA_VERSION)?;
            let word: String =
                connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            let [n_versions, n_runs] = counts(connection)?;
            if word != "ok" || (n_versions, n_runs) != (report.n_versions, report.n_runs) {
                return Err(StoreError::Damaged(format!("the restored database: {word}")).into());
            }
            Ok(())
        })
    }

    /// Returns whether the datastore has neither data nor runs.
    ///
    /// # Errors
    /// The database fails.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        self.door
            .read("check whether the datastore is empty", |tx| {
                let is_none = |sql| {
                    tx.first(sql, &values![], |_| Ok(()))
                        .map(|row| row.is_none())
                };
                Ok(
                    is_none("SELECT 1 FROM runs LIMIT 1")?
                        && is_none("SELECT 1 FROM data LIMIT 1")?,
                )
            })
    }
}

fn set_epoch_and_count(connection: &Connection, epoch: &str) -> Result<RestoreReport, TxFault> {
    connection.execute(statements::EPOCH_SET, [epoch])?;
    let [n_versions, n_runs] = counts(connection)?;
    Ok(RestoreReport {
        created_at: Timestamp(0),
        n_versions,
        n_runs,
        n_files: files_of(connection)?.len() as u64,
    })
}

/// Returns the numbers of versions and runs.
fn counts(connection: &Connection) -> Result<[u64; 2], TxFault> {
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get(0));
    Ok([
        count("SELECT count(*) FROM data_versions")?,
        count("SELECT count(*) FROM runs")?,
    ])
}

/// A copy of the former database.
struct Former(Connection);

impl Former {
    fn keep(store: &Store, place: &Medium, stop: &Stop) -> Result<Self, StoreError> {
        store.door.look("keep the former database", |source| {
            if place.vfs.is_none() {
                // SQLite would create it readable for other users if the umask allows.
                place.folder.write_new_private(FORMER_FILE, b"")?;
            }
            let mut kept = open_plain(place, FORMER_FILE)?;
            copy_database(source, &mut kept, stop)?;
            Ok(Self(kept))
        })
    }

    fn restore(&self, store: &Store) -> Result<(), StoreError> {
        store.replace_by(&self.0, &Stop::default())
    }
}

/// A folder for the database of a backup, which is empty before and after a restore.
struct Place<'a> {
    disk: &'a dyn Disk,
    medium: Medium,
}

impl<'a> Place<'a> {
    fn new(medium: &'a Medium) -> Result<Self, StoreError> {
        medium.disk.create_folder(FOLDER)?;
        let place = Self {
            disk: &*medium.disk,
            medium: medium.below(FOLDER)?,
        };
        place.clear()?;
        Ok(place)
    }

    fn clear(&self) -> Result<(), StoreError> {
        for entry in self.disk.entries(FOLDER)? {
            self.disk.remove(&format!("{FOLDER}/{}", entry.name))?;
        }
        Ok(())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // ignored: the next restore clears the folder.
        let _ = self.clear();
    }
}

/// An archive that is being read.
struct Unpacking<'a> {
    store: &'a Store,
    path: PathBuf,
    place: &'a Place<'a>,
    stop: &'a Stop,
    /// The large content of the archive, with sizes.
    files: BTreeMap<Digest, u64>,
    /// The files that were unpacked from it, with temporary names.
    passing: Vec<(Passing, Digest)>,
}

impl Unpacking<'_> {
    fn bad(&self, reason: impl ToString) -> StoreError {
        StoreError::BadBackup {
            path: self.path.clone(),
            reason: door::shown(&reason.to_string(), REASON_CHARS_MAX),
        }
    }

    /// Returns the original error of this crate if the archive library wrapped one, and refuses the
    /// backup otherwise.
    fn archive_error(&self, error: io::Error) -> StoreError {
        let error = archive_error(error);
        if let StoreError::Unreadable { reason, .. } = &error {
            return self.bad(reason);
        }
        error
    }

    fn named(&self) -> Vec<(String, Digest)> {
        let passing = self.passing.iter();
        passing
            .map(|(passing, digest)| (passing.path().to_owned(), *digest))
            .collect()
    }

    fn read(
        &mut self,
        from: Input,
        progress: impl FnMut(u64, Option<u64>),
    ) -> Result<Manifest, StoreError> {
        let mut archive = tar::Archive::new(CountedInput {
            size: from.size(),
            input: from,
            stop: self.stop,
            n_bytes: 0,
            report: progress,
        });
        // Entries are read raw: without the extensions that allow names of any length, and sparse
        // files of any size.
        let mut entries = archive
            .entries()
            .map_err(|error| self.archive_error(error))?
            .raw(true);
        let mut next = || entries.next().transpose();
        let first = next().map_err(|error| {
            let error = self.archive_error(error);
            let is_bad = matches!(error, StoreError::BadBackup { .. });
            if is_bad {
                self.bad("it is no archive")
            } else {
                error
            }
        })?;
        let mut first = first.ok_or_else(|| self.bad("it is empty"))?;
        let manifest = self.manifest(&mut first)?;
        let database = next().map_err(|error| self.archive_error(error))?;
        let mut database = database.ok_or_else(|| self.bad("it has no database"))?;
        self.database(&mut database, &manifest)?;
        while let Some(mut entry) = next().map_err(|error| self.archive_error(error))? {
            self.file(&mut entry)?;
        }
        if self.files.len() as u64 != manifest.files {
            let (found, expect) = (self.files.len(), manifest.files);
            return Err(self.bad(format!("it has {found} files instead of {expect}")));
        }
        Ok(manifest)
    }

    /// Opens the database of the backup, migrates it if it is older, and checks all invariants.
    fn database_checked(&self) -> Result<Connection, StoreError> {
        let check = || -> Result<Connection, StoreError> {
            let mut connection = door::connect(&self.place.medium, OpenFlags::empty())?;
            let check = |connection: &mut Connection| -> Result<Option<String>, TxFault> {
                stop_with(connection, self.stop)?;
                let tx = Tx::new(connection, &self.place.medium.clock);
                first_fault(connection, &tx, &self.files)
            };
            let fault = check(&mut connection);
            match fault.map_err(|fault| fault.into_error("check the backup"))? {
                Some(fault) => Err(self.bad(fault)),
                None => Ok(connection),
            }
        };
        check().map_err(|error| self.of_database(error))
    }

    /// Returns the error for the backup if its database caused the error.
    fn of_database(&self, error: StoreError) -> StoreError {
        if self.stop.is_requested() {
            return StoreError::Stopped;
        }
        if let StoreError::Untrusted { reason, .. } = &error {
            return self.bad(format!("its database: {reason}"));
        }
        if matches!(error, StoreError::Foreign(_) | StoreError::Missing(_)) {
            return self.bad("its database is not one of Sedge");
        }
        let StoreError::Database { source, .. } = &error else {
            return error;
        };
        // Errors of the disk or the machine are not the backup's fault.
        let is_of_backup = matches!(
            source.sqlite_error_code(),
            None | Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
        );
        match is_of_backup {
            true => self.bad(format!("its database cannot be read: {source}")),
            false => error,
        }
    }

    /// Returns the name of an entry, which must be a plain file.
    fn name(&self, entry: &tar::Entry<'_, impl Read>) -> Result<PathBuf, StoreError> {
        let path = entry.path().map_err(|error| self.bad(error))?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(self.bad(format!(
                "its entry `{}` is not a regular file",
                path.display()
            )));
        }
        Ok(path.into_owned())
    }

    fn manifest(&self, entry: &mut tar::Entry<'_, impl Read>) -> Result<Manifest, StoreError> {
        let unknown = || self.bad("it does not begin like a backup of Sedge");
        if self.name(entry).map_err(|_| unknown())? != Path::new(MANIFEST) {
            return Err(unknown());
        }
        let mut text = Vec::new();
        let read = entry.take(MANIFEST_BYTES_MAX).read_to_end(&mut text);
        read.map_err(|error| self.archive_error(error))?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| unknown())?;
        if manifest.format > FORMAT {
            return Err(self.bad("a newer Sedge made it"));
        }
        if manifest.schema > SCHEMA_VERSION {
            return Err(StoreError::Schema {
                found: manifest.schema,
                known: SCHEMA_VERSION,
            });
        }
        Ok(manifest)
    }

    fn database(
        &self,
        entry: &mut tar::Entry<'_, impl Read>,
        manifest: &Manifest,
    ) -> Result<(), StoreError> {
        if self.name(entry)? != Path::new(DATABASE_FILE) {
            return Err(self.bad("it has no database"));
        }
        let path = format!("{FOLDER}/{DATABASE_FILE}");
        let mut file = self.place.disk.create(&path)?;
        let mut hasher = blake3::Hasher::new();
        self.each(entry, |bytes| {
            hasher.update(bytes);
            Ok(file.write(bytes)?)
        })?;
        let digest = Digest(*hasher.finalize().as_bytes());
        if digest.to_string() != manifest.database_digest {
            return Err(self.bad("its database is damaged"));
        }
        Ok(())
    }

    fn file(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), StoreError> {
        let path = self.name(entry)?;
        let mut file = self.store.file_create();
        file.move_to_disk()?;
        self.each(entry, |bytes| file.write(bytes))?;
        let size = file.size();
        let (passing, digest) = file.finish_file()?;
        if path != Path::new(&path_of(&digest)) {
            let path = path.display();
            return Err(self.bad(format!("its file `{path}` is damaged")));
        }
        self.files.insert(digest, size);
        self.passing.push((passing, digest));
        Ok(())
    }

    fn each(
        &self,
        entry: &mut impl Read,
        mut take: impl FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            not_stopped(self.stop)?;
            match entry
                .read(&mut buffer)
                .map_err(|error| self.archive_error(error))?
            {
                0 => return Ok(()),
                n => take(&buffer[..n])?,
            }
        }
    }
}

/// An input that counts the bytes read from it.
struct CountedInput<'a, F> {
    input: Input,
    size: Option<u64>,
    stop: &'a Stop,
    n_bytes: u64,
    report: F,
}

impl<F: FnMut(u64, Option<u64>)> Read for CountedInput<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer, self.stop);
        let n = match read {
            Err(_) if self.stop.is_requested() => Err(io::Error::other(StoreError::Stopped)),
            read => read.map_err(io::Error::other),
        }?;
        self.n_bytes += n as u64;
        (self.report)(self.n_bytes, self.size);
        Ok(n)
    }
}
