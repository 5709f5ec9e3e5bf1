//! From a backup to a datastore: everything is looked at before anything is changed.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::OpenFlags;
use sedge_model::digest::Digest;
use sedge_sys::clock::Timestamp;
use sedge_sys::disk::{Disk, FileReader};
use sedge_sys::folder::Folder;

use super::{FORMAT, MANIFEST, Manifest, RestoreReport, copy_whole, files_of};
use crate::Store;
use crate::blobs::{Passing, path_of};
use crate::door::{self, DATABASE_FILE, Fault, values};
use crate::error::StoreError;
use crate::medium::Medium;
use crate::names::Permit;
use crate::schema::SCHEMA_VERSION;
use crate::statements;

/// Where the database of a backup is looked at.
const FOLDER: &str = "restore";

/// The most bytes of the entry that says what a backup is.
const MANIFEST_BYTES_MAX: u64 = 1 << 16;

/// How much is read from an archive at once.
const READ_BYTES: usize = 256 << 10;

impl Store {
    /// Puts the content of a backup in place of what the datastore has. Whoever calls this has
    /// the whole datastore locked. It happens in one transaction, which survives a power cut:
    /// whenever this stops, the datastore is as it was or as the backup has it. Calls
    /// `progress` with how many bytes were read, and of how many.
    ///
    /// # Errors
    /// [`StoreError::BadBackup`], [`StoreError::Schema`] if a newer Sedge made it, or the disk
    /// refuses: nothing was changed.
    pub fn restore(
        &self,
        permit: &Permit,
        from: &Path,
        progress: impl FnMut(u64, u64),
    ) -> Result<RestoreReport, StoreError> {
        let medium = self.door.medium();
        let place = Place::new(medium)?;
        let mut archive = Unpacking {
            store: self,
            from,
            place: &place,
            files: BTreeSet::new(),
            passing: Vec::new(),
        };
        let manifest = archive.read(progress)?;
        let bad = |reason: String| StoreError::BadBackup {
            path: from.to_owned(),
            reason,
        };
        let mut connection = door::connect(&place.medium, OpenFlags::empty())?;
        let referred =
            files_of(&connection).map_err(|fault| fault.into_error("read the backup"))?;
        if let Some(missing) = referred.difference(&archive.files).next() {
            return Err(bad(format!("the content `{missing}` is not in it")));
        }
        // The locks that count are those of now, not those of then.
        let count = |connection: &mut rusqlite::Connection| -> Result<(u64, u64), Fault> {
            let epoch = crate::locks::text(permit.lock_epoch);
            connection.execute(statements::EPOCH_SET, [epoch])?;
            let count = |sql: &str| connection.query_row(sql, [], |row| row.get(0));
            Ok((
                count("SELECT count(*) FROM data_versions")?,
                count("SELECT count(*) FROM runs")?,
            ))
        };
        let (n_versions, n_runs) =
            count(&mut connection).map_err(|fault| fault.into_error("read the backup"))?;
        self.blobs.publish(&archive.named())?;
        self.door.write(
            "look who has locked",
            door::Durability::ProcessDeath,
            |tx| permit.check(tx),
        )?;
        self.door.maintain("restore the backup", |target| {
            copy_whole(&connection, target)
        })?;
        drop(connection);
        self.sweep(permit)?;
        Ok(RestoreReport {
            created_at: Timestamp(manifest.created_at_ms),
            n_versions,
            n_runs,
            n_files: referred.len() as u64,
        })
    }

    /// Returns whether there is neither data nor any run.
    ///
    /// # Errors
    /// The database refuses.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        self.door.read("look what there is", |tx| {
            let is_none = |sql| {
                tx.first(sql, &values![], |_| Ok(()))
                    .map(|row| row.is_none())
            };
            Ok(is_none("SELECT 1 FROM runs LIMIT 1")? && is_none("SELECT 1 FROM data LIMIT 1")?)
        })
    }
}

/// A folder for the database of a backup, which is empty before and after.
struct Place<'a> {
    disk: &'a dyn Disk,
    medium: Medium,
}

impl<'a> Place<'a> {
    fn new(medium: &'a Medium) -> Result<Self, StoreError> {
        medium.disk.create_folder(FOLDER)?;
        let place = Self {
            disk: &*medium.disk,
            medium: Medium {
                path: medium.path.join(FOLDER),
                folder: Arc::new(medium.folder.inner(FOLDER)?),
                ..medium.clone()
            },
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
        // ignored: if this fails, the next restore does it.
        let _ = self.clear();
    }
}

/// An archive that is being read.
struct Unpacking<'a> {
    store: &'a Store,
    from: &'a Path,
    place: &'a Place<'a>,
    /// What content it has.
    files: BTreeSet<Digest>,
    /// The files that were made of it, with passing names.
    passing: Vec<(Passing, Digest)>,
}

impl Unpacking<'_> {
    fn bad(&self, reason: impl ToString) -> StoreError {
        StoreError::BadBackup {
            path: self.from.to_owned(),
            reason: reason.to_string(),
        }
    }

    fn named(&self) -> Vec<(String, Digest)> {
        let passing = self.passing.iter();
        passing
            .map(|(passing, digest)| (passing.path().to_owned(), *digest))
            .collect()
    }

    fn read(&mut self, mut progress: impl FnMut(u64, u64)) -> Result<Manifest, StoreError> {
        let file = self.open()?;
        let n_all = file.size();
        let mut n_read = 0;
        let stream = Told {
            file,
            tell: |n| {
                n_read += n;
                progress(n_read, n_all);
            },
        };
        let mut archive = tar::Archive::new(stream);
        let mut entries = archive.entries().map_err(|error| self.bad(error))?;
        let mut next = || entries.next().transpose();
        let first = next().map_err(|_| self.bad("it is no archive"))?;
        let mut first = first.ok_or_else(|| self.bad("it is empty"))?;
        let manifest = self.manifest(&mut first)?;
        let database = next().map_err(|error| self.bad(error))?;
        let mut database = database.ok_or_else(|| self.bad("it has no database"))?;
        self.database(&mut database, &manifest)?;
        while let Some(mut entry) = next().map_err(|error| self.bad(error))? {
            self.file(&mut entry)?;
        }
        if self.files.len() as u64 != manifest.files {
            let (found, expect) = (self.files.len(), manifest.files);
            return Err(self.bad(format!("it has {found} files instead of {expect}")));
        }
        Ok(manifest)
    }

    fn open(&self) -> Result<FileReader, StoreError> {
        let parent = match self.from.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        let name = self.from.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| self.bad("its name is no file's"))?;
        let file = Disk::open(&Folder::open(&parent)?, name)?;
        file.ok_or_else(|| self.bad("there is no such file"))
    }

    fn manifest(&self, entry: &mut tar::Entry<'_, impl Read>) -> Result<Manifest, StoreError> {
        let unknown = || self.bad("it does not begin with what a backup of Sedge begins with");
        if entry.path().map_err(|_| unknown())?.as_ref() != Path::new(MANIFEST) {
            return Err(unknown());
        }
        let mut text = Vec::new();
        let read = entry.take(MANIFEST_BYTES_MAX).read_to_end(&mut text);
        read.map_err(|error| self.bad(error))?;
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
        let path = entry.path().map_err(|error| self.bad(error))?;
        if path.as_ref() != Path::new(DATABASE_FILE) {
            return Err(self.bad("it has no database"));
        }
        let path = format!("{FOLDER}/{DATABASE_FILE}");
        let mut file = self.place.disk.create(&path)?;
        let mut hasher = blake3::Hasher::new();
        self.each(entry, |bytes| {
            hasher.update(bytes);
            Ok(file.write(bytes)?)
        })?;
        if hasher.finalize().as_bytes() != &manifest.database_digest.0 {
            return Err(self.bad("its database is damaged"));
        }
        Ok(())
    }

    fn file(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), StoreError> {
        let path = entry.path().map_err(|error| self.bad(error))?.into_owned();
        let mut file = self.store.file_create();
        file.never_small()?;
        self.each(entry, |bytes| file.write(bytes))?;
        let (passing, digest) = file.finish_file()?;
        if path != Path::new(&path_of(&digest)) {
            let path = path.display();
            return Err(self.bad(format!("its file `{path}` is damaged")));
        }
        self.files.insert(digest);
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
            match entry.read(&mut buffer).map_err(|error| self.bad(error))? {
                0 => return Ok(()),
                n => take(&buffer[..n])?,
            }
        }
    }
}

/// A file that tells how much was read of it.
struct Told<F> {
    file: FileReader,
    tell: F,
}

impl<F: FnMut(u64)> Read for Told<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer).map_err(io::Error::other)?;
        (self.tell)(n as u64);
        Ok(n)
    }
}
