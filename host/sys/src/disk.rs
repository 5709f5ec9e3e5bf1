//! The files that a store keeps beside its database, behind a trait that tests can replace.
//!
//! [`Folder`] is the implementation for the real disk. Tests use others, which fail a chosen call,
//! or record which writes were synced.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::folder::{FileError, Folder, Opening};
use crate::leftovers::mark_as_held;
use crate::owner::Attributes;

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// Its name, without the path to it.
    pub name: String,
    /// Whether it is a folder. A link is neither a folder nor a file, wherever it leads.
    pub is_folder: bool,
    /// Whether it is a regular file.
    pub is_file: bool,
    /// Its size in bytes, for a file.
    pub size: u64,
}

/// A place that keeps files. Paths are relative and never lead out of it.
///
/// The content of a file is durable once [`DiskFile::sync`] has returned. Names in a folder, new
/// and removed ones, are durable once [`Disk::sync_folder`] has returned.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Creates a file that does not exist yet, for writing.
    ///
    /// # Errors
    /// The name is taken, or the file cannot be created.
    fn create(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError>;

    /// Opens a file for reading; returns `None` if it does not exist.
    ///
    /// # Errors
    /// The file exists and cannot be opened.
    fn open(&self, path: &str) -> Result<Option<FileReader>, FileError>;

    /// Renames a file, replacing any file of the new name.
    ///
    /// # Errors
    /// The file, or the folder of its new name, does not exist.
    fn rename(&self, from: &str, to: &str) -> Result<(), FileError>;

    /// Removes a file. A file that does not exist is no error.
    ///
    /// # Errors
    /// The file exists and cannot be removed.
    fn remove(&self, path: &str) -> Result<(), FileError>;

    /// Creates a folder and its ancestors. A folder that exists is no error.
    ///
    /// # Errors
    /// The folder cannot be created.
    fn create_folder(&self, path: &str) -> Result<(), FileError>;

    /// Makes the names in a folder durable. The empty path is the top folder.
    ///
    /// # Errors
    /// The device fails.
    fn sync_folder(&self, path: &str) -> Result<(), FileError>;

    /// Returns the entries of a folder, sorted by name; no entries if the folder does not exist.
    ///
    /// # Errors
    /// The folder cannot be read.
    fn entries(&self, path: &str) -> Result<Vec<FolderEntry>, FileError>;
}

/// A place that can also keep files which other users may not read.
pub trait PrivateDisk: Disk {
    /// Creates a file as [`Disk::create`] does, with read and write permission for its owner only,
    /// and for the users of a group that shares the folder.
    ///
    /// # Errors
    /// The same as for [`Disk::create`].
    fn create_private(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError>;

    /// Creates a file as [`Disk::create`] does, with read and write permission for its owner only,
    /// even if a group shares the folder.
    ///
    /// # Errors
    /// The same as for [`Disk::create`].
    fn create_sole(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError>;

    /// Opens a file for appending. If it does not exist, it is created as by
    /// [`PrivateDisk::create_private`].
    ///
    /// # Errors
    /// The file can be neither opened nor created.
    fn append_private(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError>;
}

/// A file that is being written.
pub trait DiskFile: fmt::Debug + Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// The device is full or fails.
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError>;

    /// Makes all written bytes durable.
    ///
    /// # Errors
    /// The device fails. Which of the written bytes are durable is then unknown.
    fn sync(&mut self) -> Result<(), FileError>;
}

/// A file that is being read, from its beginning. It stays readable if it is removed meanwhile.
#[derive(Debug)]
pub struct FileReader {
    file: File,
    path: PathBuf,
    size: u64,
    attributes: Attributes,
    is_owner_trusted: bool,
}

/// Whether an ordinary sync ends at the device, which may lose what it has in its cache at a power
/// loss. Files of this crate are synced past that cache; libraries have to be asked for it.
pub const SYNC_ENDS_AT_THE_DEVICE: bool = crate::platform::SYNC_ENDS_AT_THE_DEVICE;

/// The permissions of a file that only its owner may read and write.
const PRIVATE: u32 = 0o600;

/// The permissions of a file that other users may read, as far as the umask allows.
const PUBLIC: u32 = 0o664;

impl FileReader {
    /// Returns the size in bytes that the file had when it was opened.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the path that the file had when it was opened, for error messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether only its owner has any permission on it.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.attributes.is_private()
    }

    /// Returns the number of the user that owns the file, if its folder does not trust that user.
    #[must_use]
    pub fn distrusted_owner(&self) -> Option<u32> {
        (!self.is_owner_trusted).then_some(self.attributes.owner)
    }

    /// Reads into the buffer and returns the number of bytes; 0 at the end.
    ///
    /// # Errors
    /// The device refuses.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FileError> {
        loop {
            match self.file.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(FileError::new("read", &self.path, source)),
                Ok(n) => return Ok(n),
            }
        }
    }

    fn new(file: File, folder: &Folder, path: &str) -> Result<Self, FileError> {
        let metadata = file.metadata();
        let metadata = metadata.map_err(|source| folder.error("open", path, source))?;
        let attributes = Attributes::of(&metadata);
        Ok(Self {
            file,
            path: folder.path_of(path),
            size: metadata.len(),
            attributes,
            is_owner_trusted: folder.trusts(attributes.owner),
        })
    }
}

#[derive(Debug)]
struct FolderFile {
    file: File,
    path: PathBuf,
}

impl DiskFile for FolderFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file
            .write_all(bytes)
            .map_err(|source| FileError::new("write", &self.path, source))
    }

    fn sync(&mut self) -> Result<(), FileError> {
        self.file
            .sync_data()
            .map_err(|source| FileError::new("sync", &self.path, source))
    }
}

impl Folder {
    /// Opens a file for writing. A new file is marked as held until it is closed.
    fn writable(
        &self,
        operation: &'static str,
        path: &str,
        opening: Opening,
    ) -> Result<Box<dyn DiskFile>, FileError> {
        let file = self.open_file(path, opening);
        let file = file.map_err(|source| self.error(operation, path, source))?;
        if let Opening::New(_) | Opening::Sole = opening {
            let held = mark_as_held(&file);
            if !held.map_err(|source| self.error(operation, path, source))? {
                // Another process took it for a leftover before it was marked, and removes it.
                let source = ErrorKind::Interrupted.into();
                return Err(self.error(operation, path, source));
            }
        }
        Ok(Box::new(FolderFile {
            file,
            path: self.path_of(path),
        }))
    }
}

impl PrivateDisk for Folder {
    fn create_private(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError> {
        self.writable("create", path, Opening::New(PRIVATE))
    }

    fn create_sole(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError> {
        self.writable("create", path, Opening::Sole)
    }

    fn append_private(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError> {
        self.writable("open", path, Opening::Append(PRIVATE))
    }
}

impl Disk for Folder {
    fn create(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError> {
        self.writable("create", path, Opening::New(PUBLIC))
    }

    fn open(&self, path: &str) -> Result<Option<FileReader>, FileError> {
        let file = self.open_if_exists("open", path, Opening::Read)?;
        file.map(|file| FileReader::new(file, self, path))
            .transpose()
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let rename = || -> io::Result<()> {
            let (from, to) = (self.place(from)?, self.place(to)?);
            from.dir().rename(from.name, to.dir(), to.name)
        };
        rename().map_err(|source| self.error("rename", from, source))
    }

    fn remove(&self, path: &str) -> Result<(), FileError> {
        Folder::remove(self, path)
    }

    fn create_folder(&self, path: &str) -> Result<(), FileError> {
        Folder::create_folder(self, path)
    }

    fn sync_folder(&self, path: &str) -> Result<(), FileError> {
        // The folder's own descriptor was opened with `O_PATH` and cannot be synced. One that is
        // opened through it can.
        self.dir_at(path)
            .and_then(|folder| folder.open("."))
            .and_then(|folder| folder.sync_all())
            .map_err(|source| self.error("sync the folder", path, source))
    }

    fn entries(&self, path: &str) -> Result<Vec<FolderEntry>, FileError> {
        let error = |source| self.error("list", path, source);
        let found = match self.dir_at(path).and_then(|folder| folder.entries()) {
            Ok(found) => found,
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(error(source)),
        };
        let mut entries = Vec::new();
        for entry in found {
            let entry = entry.map_err(error)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            match entry.metadata() {
                Ok(metadata) => entries.push(FolderEntry {
                    name,
                    is_folder: metadata.is_dir(),
                    is_file: metadata.is_file(),
                    size: metadata.len(),
                }),
                // Another process removed it meanwhile.
                Err(source) if source.kind() == ErrorKind::NotFound => {}
                Err(source) => return Err(error(source)),
            }
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn written_file_stays_readable_after_its_removal() {
        let keep = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(keep.path()).expect("it is there");
        let disk: &dyn Disk = &folder;
        disk.create_folder("a/b").expect("made");
        let mut file = disk.create("a/new").expect("made");
        file.write(b"one").expect("written");
        file.write(b"two").expect("written");
        file.sync().expect("synced");
        disk.create("a/new").expect_err("taken");
        disk.rename("a/new", "a/b/old").expect("renamed");
        disk.sync_folder("a/b").expect("synced");
        disk.sync_folder("").expect("synced");
        assert!(disk.open("a/new").expect("looked for").is_none());
        let mut reader = disk.open("a/b/old").expect("opened").expect("it is there");
        assert_eq!(reader.size(), 6);
        let names = |path: &str| -> Vec<(String, bool, u64)> {
            let entries = disk.entries(path).expect("listed");
            let entry = |it: FolderEntry| {
                (
                    it.name,
                    it.is_folder,
                    if it.is_folder { 0 } else { it.size },
                )
            };
            entries.into_iter().map(entry).collect()
        };
        assert_eq!(names("a"), [("b".to_owned(), true, 0)]);
        assert_eq!(names("a/b"), [("old".to_owned(), false, 6)]);
        assert_eq!(names("no/such"), []);
        disk.remove("a/b/old").expect("removed");
        disk.remove("a/b/old").expect("nothing to remove");
        let mut buffer = [0; 4];
        assert_eq!(reader.read(&mut buffer).expect("read"), 4);
        assert_eq!(&buffer, b"onet");
        disk.open("../x").expect_err("it leads out");
    }

    #[test]
    fn private_file_has_mode_0600_and_can_be_appended_to() {
        let keep = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(keep.path()).expect("it is there");
        let disk: &dyn PrivateDisk = &folder;
        let opened = |path: &str| disk.open(path).expect("opened").expect("it is there");
        disk.create_private("key").expect("made");
        disk.create_private("key").expect_err("taken");
        disk.create("plain").expect("made");
        for text in [b"one", b"two"] {
            let mut log = disk.append_private("log").expect("opened");
            log.write(text).expect("written");
        }
        assert_eq!(opened("log").size(), 6);
        assert!(opened("key").is_private() && opened("log").is_private());
        for (mode, expect) in [(0o600, true), (0o400, true), (0o640, false), (0o601, false)] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(keep.path().join("plain"), mode).expect("it is ours");
            assert_eq!(opened("plain").is_private(), expect);
        }
    }
}
