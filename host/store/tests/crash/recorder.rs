//! An ordered log of all file operations of a store, through SQLite (`vfs.rs`) and through the
//! store's own code (`disk.rs`). The recorder can also make a chosen call fail.
//!
//! The log is locked during each call, so its order is the order of the calls, also with several
//! threads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::images::Image;

/// A file, identified independently of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(u64);

/// A call that changes the content of the disk or its durability. Paths are relative to the store's
/// folder.
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
    /// A sync that failed. Which of the earlier writes are durable is then unknown.
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
    /// One call fails without any effect.
    Once,
    /// One write fails after half of its bytes were written.
    Half,
    /// One call fails, and every later call, until the disk is healed.
    Gone,
}

/// The call that fails, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// The number of the call, from 1; 0 for none.
    pub(crate) nth: usize,
    pub(crate) fault: Fault,
    /// Whether reads count as calls.
    pub(crate) reads: bool,
}

/// The recorder of a store's file operations.
#[derive(Debug)]
pub(crate) struct Recorder {
    root: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The current files and folders, by path. A folder has no id.
    names: BTreeMap<String, Option<FileId>>,
    n_files: u64,
    log: Vec<Action>,
    plan: Option<Plan>,
    /// The calls since the recorder was armed.
    calls: Vec<CallKind>,
    n_failed: u64,
}

/// Whether testing a failure of a similar call suffices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// A write or a read. There may be many in a row, of which some are tested.
    ReadOrWrite,
    /// Any other call. Each is tested.
    Other,
}

/// What the recorder does with a call.
enum Verdict {
    Do,
    DoHalf,
    Fail,
}

impl Recorder {
    /// Starts with the content of the folder, which is durable.
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

    /// Makes a call fail from here on.
    pub(crate) fn arm(&self, plan: Plan) {
        let mut inner = self.inner();
        (inner.plan, inner.n_failed) = (Some(plan), 0);
        inner.calls.clear();
    }

    /// Lets all calls succeed from here on.
    pub(crate) fn heal(&self) {
        self.inner().plan = None;
    }

    /// Returns the number of failed calls since the recorder was armed.
    pub(crate) fn n_failed(&self) -> u64 {
        self.inner().n_failed
    }

    /// Returns the calls since the recorder was armed.
    pub(crate) fn calls(&self) -> Vec<CallKind> {
        self.inner().calls.clone()
    }

    /// Returns the number of calls in the log.
    pub(crate) fn len(&self) -> usize {
        self.inner().log.len()
    }

    pub(crate) fn log(&self) -> Vec<Action> {
        self.inner().log.clone()
    }

    /// Returns a path relative to the store's folder; `None` if it is outside.
    pub(crate) fn relative(&self, path: &Path) -> Option<String> {
        let path = path.strip_prefix(&self.root).ok()?;
        path.to_str().map(str::to_owned)
    }

    /// Returns the file of this name.
    pub(crate) fn file(&self, path: &str) -> Option<FileId> {
        self.inner().names.get(path).copied().flatten()
    }

    /// Returns an id for a file without a name, which leaves nothing behind.
    pub(crate) fn nameless(&self) -> FileId {
        self.inner().next_file()
    }

    /// Returns whether a file or folder of this name exists.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.inner().names.contains_key(path)
    }

    /// Makes a call and records it, unless it is the one to fail.
    pub(crate) fn call<T, E>(
        &self,
        mut action: Action,
        failed: E,
        real: impl FnOnce(&Action) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut inner = self.inner();
        let kind = match action {
            Action::Write { .. } => CallKind::ReadOrWrite,
            Action::Create { .. }
            | Action::Truncate { .. }
            | Action::Sync { .. }
            | Action::SyncFailed { .. }
            | Action::Rename { .. }
            | Action::Remove { .. }
            | Action::CreateFolder { .. }
            | Action::SyncFolder { .. } => CallKind::Other,
        };
        match inner.verdict(kind) {
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

    /// Creates a file.
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

    /// Reads, unless this read is the call to fail.
    pub(crate) fn read<T, E>(
        &self,
        failed: E,
        real: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut inner = self.inner();
        let counts = inner.plan.is_some_and(|plan| plan.reads);
        let verdict = match counts {
            true => inner.verdict(CallKind::ReadOrWrite),
            false => Verdict::Do,
        };
        // A read has no place in the order of calls.
        drop(inner);
        match verdict {
            Verdict::Do => real(),
            Verdict::DoHalf | Verdict::Fail => Err(failed),
        }
    }

    /// Records a side effect of another call.
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

    fn verdict(&mut self, kind: CallKind) -> Verdict {
        let Some(plan) = self.plan else {
            return Verdict::Do;
        };
        self.calls.push(kind);
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
    /// Returns the id of the `n`th initial file.
    pub(crate) fn first(n: u64) -> Self {
        Self(n)
    }
}
