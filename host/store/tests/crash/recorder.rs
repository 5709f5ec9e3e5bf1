//! One ordered log of what a store does to its files, through both of its doors: SQLite's
//! (`vfs.rs`) and its own (`disk.rs`). It also makes the call fail that it is told to.
//!
//! Each call is made while the log is locked, so its order is the order of the calls, also
//! where several threads make them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::images::Image;

/// A file, whatever its name is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(u64);

/// A call that changes what is on disk, or what of it survives a power cut. Paths are
/// relative to the store's folder.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Create {
        path: String,
        file: FileId,
    },
    Write {
        file: FileId,
        at: u64,
        bytes: Vec<u8>,
    },
    Truncate {
        file: FileId,
        size: u64,
    },
    Sync {
        file: FileId,
    },
    /// A sync that failed: nothing is known of what was written before it.
    SyncFailed {
        file: FileId,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        path: String,
    },
    CreateFolder {
        path: String,
    },
    SyncFolder {
        path: String,
    },
}

/// How a disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One call does nothing, and fails.
    Once,
    /// It fails when it has written half of its bytes.
    Half,
    /// It fails, and so does every call after it, until the disk is healed.
    Gone,
}

/// Which call fails, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Counted from 1; 0 for none.
    pub(crate) nth: usize,
    pub(crate) fault: Fault,
    /// Whether reading is a call too.
    pub(crate) reads: bool,
}

/// Where all that a store does is noted.
#[derive(Debug)]
pub(crate) struct Recorder {
    root: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// What is there now, by path; a folder has no id.
    names: BTreeMap<String, Option<FileId>>,
    n_files: u64,
    log: Vec<Action>,
    plan: Option<Plan>,
    /// The calls since it was armed.
    calls: Vec<Likeness>,
    n_failed: u64,
}

/// Whether one like a call can stand for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// A write or a read, of which there may be many in a row.
    OfMany,
    /// Every other call.
    OfItsOwn,
}

/// What a call is to do.
enum Verdict {
    Do,
    DoHalf,
    Fail,
}

impl Recorder {
    /// Begins with what is in the folder, all of which survives a power cut.
    pub(crate) fn new(root: &Path, start: &Image) -> Self {
        let files = start.file_ids();
        let inner = Inner {
            n_files: files.len() as u64,
            names: files,
            log: Vec::new(),
            plan: None,
            calls: Vec::new(),
            n_failed: 0,
        };
        Self {
            root: root.to_owned(),
            inner: Mutex::new(inner),
        }
    }

    /// From here on, a call is to fail.
    pub(crate) fn arm(&self, plan: Plan) {
        let mut inner = self.inner();
        (inner.plan, inner.n_failed) = (Some(plan), 0);
        inner.calls.clear();
    }

    /// From here on, no call fails any more.
    pub(crate) fn heal(&self) {
        self.inner().plan = None;
    }

    /// Returns how many calls failed since it was armed.
    pub(crate) fn n_failed(&self) -> u64 {
        self.inner().n_failed
    }

    /// Returns the calls that were made since it was armed.
    pub(crate) fn calls(&self) -> Vec<Likeness> {
        self.inner().calls.clone()
    }

    /// Returns how many calls the log has.
    pub(crate) fn len(&self) -> usize {
        self.inner().log.len()
    }

    pub(crate) fn log(&self) -> Vec<Action> {
        self.inner().log.clone()
    }

    /// Returns a path as the log has it; none of what is not in the store's folder.
    pub(crate) fn relative(&self, path: &Path) -> Option<String> {
        let path = path.strip_prefix(&self.root).ok()?;
        path.to_str().map(str::to_owned)
    }

    /// Returns the file that has this name.
    pub(crate) fn file(&self, path: &str) -> Option<FileId> {
        self.inner().names.get(path).copied().flatten()
    }

    /// Returns an id for a file that has no name, and leaves nothing behind.
    pub(crate) fn nameless(&self) -> FileId {
        self.inner().next_file()
    }

    /// Returns whether there is a file or folder of this name.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.inner().names.contains_key(path)
    }

    /// Makes a call and notes it, unless it is the one that is to fail.
    pub(crate) fn call<T, E>(
        &self,
        mut action: Action,
        failed: E,
        real: impl FnOnce(&Action) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut inner = self.inner();
        let likeness = match action {
            Action::Write { .. } => Likeness::OfMany,
            Action::Create { .. }
            | Action::Truncate { .. }
            | Action::Sync { .. }
            | Action::SyncFailed { .. }
            | Action::Rename { .. }
            | Action::Remove { .. }
            | Action::CreateFolder { .. }
            | Action::SyncFolder { .. } => Likeness::OfItsOwn,
        };
        match inner.verdict(likeness) {
            Verdict::Do => {
                let done = real(&action)?;
                inner.note(action);
                Ok(done)
            }
            Verdict::DoHalf => {
                if let Action::Write { bytes, .. } = &mut action {
                    bytes.truncate(bytes.len() / 2);
                    real(&action)?;
                    inner.note(action);
                }
                Err(failed)
            }
            Verdict::Fail => {
                if let Action::Sync { file } = action {
                    inner.note(Action::SyncFailed { file });
                }
                Err(failed)
            }
        }
    }

    /// Makes a file.
    pub(crate) fn create<T, E>(
        &self,
        path: &str,
        failed: E,
        real: impl FnOnce() -> Result<T, E>,
    ) -> Result<(T, FileId), E> {
        let file = self.nameless();
        let path = path.to_owned();
        let made = self.call(Action::Create { path, file }, failed, |_| real())?;
        Ok((made, file))
    }

    /// Reads, unless reading is what is to fail.
    pub(crate) fn read<T, E>(
        &self,
        failed: E,
        real: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut inner = self.inner();
        let counts = inner.plan.is_some_and(|plan| plan.reads);
        let verdict = match counts {
            true => inner.verdict(Likeness::OfMany),
            false => Verdict::Do,
        };
        // Reading needs no place in the order of calls.
        drop(inner);
        match verdict {
            Verdict::Do => real(),
            Verdict::DoHalf | Verdict::Fail => Err(failed),
        }
    }

    /// Notes what another call did besides.
    pub(crate) fn note(&self, action: Action) {
        self.inner().note(action);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn next_file(&mut self) -> FileId {
        self.n_files += 1;
        FileId(self.n_files)
    }

    fn verdict(&mut self, likeness: Likeness) -> Verdict {
        let Some(plan) = self.plan else {
            return Verdict::Do;
        };
        self.calls.push(likeness);
        let n = self.calls.len();
        let (is_it, is_after) = (n == plan.nth, plan.nth > 0 && n > plan.nth);
        let verdict = match plan.fault {
            Fault::Once if is_it => Verdict::Fail,
            Fault::Half if is_it => Verdict::DoHalf,
            Fault::Gone if is_it || is_after => Verdict::Fail,
            Fault::Once | Fault::Half | Fault::Gone => Verdict::Do,
        };
        self.n_failed += u64::from(!matches!(verdict, Verdict::Do));
        verdict
    }

    fn note(&mut self, action: Action) {
        match &action {
            Action::Create { path, file } => {
                self.names.insert(path.clone(), Some(*file));
            }
            Action::CreateFolder { path } => {
                self.names.insert(path.clone(), None);
            }
            Action::Rename { from, to } => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
            }
            Action::Remove { path } => {
                self.names.remove(path);
            }
            Action::Write { .. }
            | Action::Truncate { .. }
            | Action::Sync { .. }
            | Action::SyncFailed { .. }
            | Action::SyncFolder { .. } => {}
        }
        self.log.push(action);
    }
}

impl FileId {
    /// Returns the id of the `n`th file of those that are there at the beginning.
    pub(crate) fn first(n: u64) -> Self {
        Self(n)
    }
}
