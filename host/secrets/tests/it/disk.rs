//! A disk on which one call fails, or every call from a certain one on. It records the files that
//! survive a power loss.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_sys::disk::{Disk, DiskFile, FileReader, FolderEntry, PrivateDisk};
use sedge_sys::folder::{FileError, Folder};

/// `EIO` of errno(3).
const IO_ERROR: i32 = 5;

/// How a disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// One call fails.
    Once,
    /// One call and all later calls fail, as if the process had been killed there.
    FromThen,
}

/// A folder whose calls are counted.
#[derive(Debug)]
pub(crate) struct FailingDisk {
    folder: Folder,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    n_calls: u64,
    fails_at: u64,
    failure: Failure,
    /// The content of each file when it was last synced.
    synced: BTreeMap<String, Vec<u8>>,
    /// The files that are certain to survive a power loss.
    durable: BTreeMap<String, Vec<u8>>,
}

#[derive(Debug)]
struct FailingFile {
    real: Box<dyn DiskFile>,
    path: String,
    real_path: std::path::PathBuf,
    state: Arc<Mutex<State>>,
}

impl FailingDisk {
    /// Returns a disk whose call number `fails_at` fails, counted from 0.
    pub(crate) fn new(folder: Folder, failure: Failure, fails_at: u64) -> Self {
        let entries = folder.entries("").expect("the folder is ours");
        let content = |name: &str| std::fs::read(folder.path_of(name)).expect("the file is ours");
        let synced: BTreeMap<String, Vec<u8>> = entries
            .iter()
            .map(|it| (it.name.clone(), content(&it.name)))
            .collect();
        let state = Arc::new(Mutex::new(State {
            n_calls: 0,
            fails_at,
            failure,
            durable: synced.clone(),
            synced,
        }));
        Self { folder, state }
    }

    /// Returns whether the failing call was made.
    pub(crate) fn has_failed(&self) -> bool {
        let state = lock(&self.state);
        state.n_calls > state.fails_at
    }

    /// Returns the files that survive a power loss: those that were synced, and no others.
    pub(crate) fn after_power_loss(&self) -> BTreeMap<String, Vec<u8>> {
        lock(&self.state).durable.clone()
    }

    fn call(&self, operation: &'static str, path: &str) -> Result<(), FileError> {
        lock(&self.state).call(operation, path)
    }

    fn file(&self, real: Box<dyn DiskFile>, path: &str) -> Box<dyn DiskFile> {
        Box::new(FailingFile {
            real,
            path: path.to_owned(),
            real_path: self.folder.path_of(path),
            state: Arc::clone(&self.state),
        })
    }
}

impl State {
    fn call(&mut self, operation: &'static str, path: &str) -> Result<(), FileError> {
        let n = self.n_calls;
        self.n_calls += 1;
        let fails = match self.failure {
            Failure::Once => n == self.fails_at,
            Failure::FromThen => n >= self.fails_at,
        };
        if !fails {
            return Ok(());
        }
        let source = io::Error::from_raw_os_error(IO_ERROR);
        Err(FileError::new(operation, Path::new(path), source))
    }
}

impl PrivateDisk for FailingDisk {
    fn create_private(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError> {
        self.call("create", path)?;
        Ok(self.file(self.folder.create_private(path)?, path))
    }

    fn create_sole(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError> {
        self.call("create", path)?;
        Ok(self.file(self.folder.create_sole(path)?, path))
    }

    fn append_private(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError> {
        self.call("open", path)?;
        Ok(self.file(self.folder.append_private(path)?, path))
    }
}

impl Disk for FailingDisk {
    fn create(&self, path: &str) -> Result<Box<dyn DiskFile>, FileError> {
        panic!("`{path}` would be open to others");
    }

    fn open(&self, path: &str) -> Result<Option<FileReader>, FileError> {
        self.call("open", path)?;
        self.folder.open(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        self.call("rename", from)?;
        self.folder.rename(from, to)?;
        let mut state = lock(&self.state);
        let content = state.synced.remove(from).unwrap_or_default();
        state.synced.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), FileError> {
        self.call("remove", path)?;
        Disk::remove(&self.folder, path)?;
        lock(&self.state).synced.remove(path);
        Ok(())
    }

    fn create_folder(&self, path: &str) -> Result<(), FileError> {
        panic!("there is no folder `{path}` among secrets");
    }

    fn sync_folder(&self, path: &str) -> Result<(), FileError> {
        self.call("sync the folder", path)?;
        let mut state = lock(&self.state);
        state.durable = state.synced.clone();
        Ok(())
    }

    fn entries(&self, path: &str) -> Result<Vec<FolderEntry>, FileError> {
        self.call("list", path)?;
        self.folder.entries(path)
    }
}

impl DiskFile for FailingFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let called = lock(&self.state).call("write", &self.path);
        // A failed write may have been done in part.
        let n_bytes = if called.is_ok() {
            bytes.len()
        } else {
            bytes.len() / 2
        };
        self.real.write(&bytes[..n_bytes])?;
        called
    }

    fn sync(&mut self) -> Result<(), FileError> {
        let mut state = lock(&self.state);
        state.call("sync", &self.path)?;
        let content = std::fs::read(&self.real_path).expect("the file is ours");
        if state.durable.contains_key(&self.path) {
            state.durable.insert(self.path.clone(), content.clone());
        }
        state.synced.insert(self.path.clone(), content);
        Ok(())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
