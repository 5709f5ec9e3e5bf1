//! The store's access to its own files, recorded.

use std::io;
use std::path::Path;
use std::sync::Arc;

use sedge_sys::disk::{Disk, DiskFile, FileReader, FolderEntry};
use sedge_sys::folder::{FileError, Folder};

use crate::recorder::{Action, FileId, Recorder};

/// `EIO` of errno(3).
const IO_ERROR: i32 = 5;

/// A folder that records all operations on it.
#[derive(Debug)]
pub(crate) struct RecordedDisk {
    pub(crate) folder: Folder,
    pub(crate) recorder: Arc<Recorder>,
}

#[derive(Debug)]
struct RecordedFile {
    real: Box<dyn DiskFile>,
    path: String,
    file: FileId,
    size: u64,
    recorder: Arc<Recorder>,
}

impl Disk for RecordedDisk {
    fn create(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError> {
        let create = || self.folder.create(path);
        let (real, file) = self.recorder.create(path, failed("create", path), create)?;
        Ok(Box::new(RecordedFile {
            real,
            path: path.to_owned(),
            file,
            size: 0,
            recorder: Arc::clone(&self.recorder),
        }))
    }

    fn open(&self, path: &str) -> Result<Option<FileReader>, FileError> {
        let failed = failed("open", path);
        self.recorder.read(failed, || self.folder.open(path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let action = Action::Rename {
            from: from.to_owned(),
            to: to.to_owned(),
        };
        self.recorder.call(action, failed("rename", from), |_| {
            self.folder.rename(from, to)
        })
    }

    fn remove(&self, path: &str) -> Result<(), FileError> {
        let action = Action::Remove {
            path: path.to_owned(),
        };
        self.recorder.call(action, failed("remove", path), |_| {
            Disk::remove(&self.folder, path)
        })
    }

    fn create_folder(&self, path: &str) -> Result<(), FileError> {
        // One call and one entry for each ancestor, as in the operating system.
        for (at, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let path = &path[..at];
            if self.recorder.has(path) {
                continue;
            }
            let action = Action::CreateFolder {
                path: path.to_owned(),
            };
            self.recorder.call(action, failed("create", path), |_| {
                Disk::create_folder(&self.folder, path)
            })?;
        }
        Ok(())
    }

    fn sync_folder(&self, path: &str) -> Result<(), FileError> {
        let action = Action::SyncFolder {
            path: path.to_owned(),
        };
        self.recorder
            .call(action, failed("sync the folder", path), |_| {
                self.folder.sync_folder(path)
            })
    }

    fn entries(&self, path: &str) -> Result<Vec<FolderEntry>, FileError> {
        let failed = failed("list", path);
        self.recorder.read(failed, || self.folder.entries(path))
    }
}

impl DiskFile for RecordedFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let action = Action::Write {
            file: self.file,
            at: self.size,
            bytes: bytes.to_vec(),
        };
        let failed = failed("write", &self.path);
        let write = |action: &Action| -> Result<u64, FileError> {
            let Action::Write { bytes, .. } = action else {
                unreachable!("it is the one above, or half of it")
            };
            self.real.write(bytes)?;
            Ok(bytes.len() as u64)
        };
        self.size += self.recorder.call(action, failed, write)?;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), FileError> {
        let action = Action::Sync { file: self.file };
        let failed = failed("sync", &self.path);
        self.recorder.call(action, failed, |_| self.real.sync())
    }
}

fn failed(operation: &'static str, path: &str) -> FileError {
    FileError::new(
        operation,
        Path::new(path),
        io::Error::from_raw_os_error(IO_ERROR),
    )
}
