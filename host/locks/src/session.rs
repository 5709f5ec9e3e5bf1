//! A process's time with a datastore, as other processes see it.
//!
//! A session is alive as long as the lock on its file is held, which is the operating
//! system's word: nothing is decided by age or by process id. Beside that file it has a
//! bell, if it ever had to wait, by which others tell it that its turn may have come.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use sedge_sys::bell::{self, Bell};
use sedge_sys::file_lock::{FileLock, LockWatch};
use sedge_sys::folder::{FileError, Folder};
use sedge_sys::shared_file::SharedFile;
use sedge_sys::{clock::Timestamp, host, random};

use crate::format::{read_session, write_session};
use crate::joined::pass_prefix;
use crate::owner::SessionId;

/// The most bytes that are read of a session's file; it holds a name or two.
const INFO_BYTES_MAX: u64 = 4096;

/// Who a session is, for people. Nothing is decided by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Who started the process.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The number of the process there.
    pub pid: u32,
    /// When it began, in milliseconds since 1970-01-01T00:00:00Z.
    pub since: u64,
}

impl fmt::Display for SessionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            user, host, pid, ..
        } = self;
        write!(f, "{user}@{host}, process {pid}")
    }
}

/// This process's own session. It ends when this is dropped, or with the process.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    files: Folder,
    stays: AtomicBool,
    _alive: FileLock,
}

impl Session {
    /// Begins a session among the `files` that the processes of a datastore share, and
    /// removes what is left of processes that died before they had anything locked.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn begin(files: Folder) -> Result<Self, FileError> {
        let id = SessionId::from_bits(random::bits());
        let info = SessionInfo {
            user: host::user(),
            host: host::host_name(),
            pid: host::process_id(),
            since: Timestamp::now().0,
        };
        let alive = FileLock::create(&files, &lock_file(id), &write_session(&info))?;
        Ok(Self {
            id,
            files,
            stays: AtomicBool::new(false),
            _alive: alive,
        })
    }

    /// Returns the session's number.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Leaves the session's file behind when it ends, unlocked, as if its process had been
    /// killed: others then see to what it could not release.
    pub(crate) fn stay(&self) {
        self.stays.store(true, Ordering::Relaxed);
    }

    pub(crate) fn files(&self) -> &Folder {
        &self.files
    }

    /// Returns the lock of a session, which is free once that is dead; `None` if it has no file.
    pub(crate) fn watch(&self, id: SessionId) -> Result<Option<LockWatch>, FileError> {
        FileLock::watch(&self.files, &lock_file(id))
    }

    /// Makes this session's bell.
    pub(crate) fn bell(&self) -> Result<Bell, FileError> {
        Bell::create(&self.files, &bell_file(self.id))
    }

    /// Rings the bell of another session.
    pub(crate) fn ring(&self, id: SessionId) {
        bell::ring(&self.files, &bell_file(id));
    }

    /// Removes the files of a session that has ended.
    pub(crate) fn forget(&self, id: SessionId) {
        let prefix = pass_prefix(id);
        let failed = |error: FileError| {
            tracing::debug!(%error, "failed to tidy up after a process that ended");
        };
        let names = self.files.files(".").unwrap_or_else(|error| {
            failed(error);
            Vec::new()
        });
        let passes = names.into_iter().filter(|name| name.starts_with(&prefix));
        for file in passes.chain([bell_file(id), lock_file(id)]) {
            if let Err(error) = self.files.remove(&file) {
                failed(error);
            }
        }
    }

    /// Returns the other sessions that have a file here and are not alive.
    pub(crate) fn dead(&self) -> Result<Vec<SessionId>, FileError> {
        let mut dead = Vec::new();
        for id in sessions(&self.files)? {
            if id != self.id && !is_alive(&self.files, id)? {
                dead.push(id);
            }
        }
        Ok(dead)
    }

    /// Makes sure that a session is dead, as long as what is returned is kept; none where it
    /// is alive, or somebody else is looking. A process that has made its file and not yet
    /// taken its lock looks dead: it waits then, finds its file gone, and makes another.
    pub(crate) fn claim(&self, id: SessionId) -> Result<Option<SharedFile>, FileError> {
        let name = lock_file(id);
        let Some(file) = SharedFile::open(&self.files, &name, false)? else {
            return Ok(None);
        };
        let is_dead = file.try_lock()? && file.is_current(&self.files, &name)?;
        Ok(is_dead.then_some(file))
    }

    /// Returns whether any other session is alive.
    pub(crate) fn is_alone(&self) -> Result<bool, FileError> {
        for id in sessions(&self.files)? {
            if id != self.id && is_alive(&self.files, id)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.stays.load(Ordering::Relaxed) {
            self.forget(self.id);
        }
    }
}

/// Returns whether a session is alive. One without a file is not.
///
/// # Errors
/// Its file cannot be looked at.
pub fn is_alive(files: &Folder, id: SessionId) -> Result<bool, FileError> {
    FileLock::is_held(files, &lock_file(id))
}

/// Returns which process a session is, if its file tells.
pub(crate) fn info(files: &Folder, id: SessionId) -> Option<SessionInfo> {
    // ignored: it is for people, and nothing is decided by it.
    let text = files.read_text(&lock_file(id), INFO_BYTES_MAX).ok()??;
    // ignored: as above.
    read_session(&text).ok()
}

/// Returns whether a session is certainly dead. Without a file nothing can be told of it.
pub(crate) fn is_dead(files: &Folder, id: SessionId) -> Result<bool, FileError> {
    Ok(has_file(files, id)? && !is_alive(files, id)?)
}

/// Returns whether a session has its file. Without one nothing is known of it.
pub(crate) fn has_file(files: &Folder, id: SessionId) -> Result<bool, FileError> {
    files.has(&lock_file(id))
}

fn sessions(files: &Folder) -> Result<Vec<SessionId>, FileError> {
    let names = files.files(".")?;
    let id = |name: &String| {
        let id = name.strip_prefix("session-")?.strip_suffix(".lock")?;
        // ignored: a text that is no number, and no I/O error.
        id.parse().ok()
    };
    Ok(names.iter().filter_map(id).collect())
}

fn lock_file(id: SessionId) -> String {
    format!("session-{id}.lock")
}

fn bell_file(id: SessionId) -> String {
    format!("session-{id}.bell")
}
