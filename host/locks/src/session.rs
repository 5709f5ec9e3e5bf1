//! Sessions: the use of a datastore by one process, as other processes see it.
//!
//! A session is alive as long as its process holds the lock on its file. The operating system
//! maintains this lock, so no decision depends on age or process id. A session that ever had to
//! wait also has a bell, which other processes ring when they grant one of its requests.

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

/// The maximum number of bytes that are read of a session's file, which holds a few short names.
const INFO_BYTES_MAX: u64 = 4096;

/// The process of a session, for display. No decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// The user that started the process.
    pub user: String,
    /// The name of the machine.
    pub host: String,
    /// The id of the process on that machine.
    pub pid: u32,
    /// The start of the session, in milliseconds since 1970-01-01T00:00:00Z.
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

/// This process's own session. It ends when this value is dropped, or with the process.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    files: Folder,
    stays: AtomicBool,
    _alive: FileLock,
}

impl Session {
    /// Starts a session among the `files` that the processes of a datastore share.
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

    /// Lets the session's file stay, unlocked, when the session ends, as if the process had been
    /// killed.
    ///
    /// Other processes then release the locks that this one could not release.
    pub(crate) fn stay(&self) {
        self.stays.store(true, Ordering::Relaxed);
    }

    pub(crate) fn files(&self) -> &Folder {
        &self.files
    }

    /// Returns a watch on a session's lock, which is released when the session dies.
    ///
    /// Returns `None` if the session has no file.
    pub(crate) fn watch(&self, id: SessionId) -> Result<Option<LockWatch>, FileError> {
        FileLock::watch(&self.files, &lock_file(id))
    }

    /// Creates this session's bell.
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
            tracing::debug!(%error, "failed to clean up after a process that ended");
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

    /// Returns the other sessions that have a file here and are dead.
    pub(crate) fn dead(&self) -> Result<Vec<SessionId>, FileError> {
        let mut dead = Vec::new();
        for id in sessions(&self.files)? {
            if id != self.id && !is_alive(&self.files, id)? {
                dead.push(id);
            }
        }
        Ok(dead)
    }

    /// Confirms that a session is dead, and keeps it so while the returned file is held.
    ///
    /// Returns `None` if the session is alive or another process is checking it. A process that
    /// has created its file and not yet locked it looks dead. It then waits for the lock, finds
    /// its file removed, and creates another one.
    pub(crate) fn claim(&self, id: SessionId) -> Result<Option<SharedFile>, FileError> {
        let name = lock_file(id);
        let Some(file) = SharedFile::open(&self.files, &name, false)? else {
            return Ok(None);
        };
        let is_dead = file.try_lock()? && file.is_current(&self.files, &name)?;
        Ok(is_dead.then_some(file))
    }

    /// Returns whether no other session is alive.
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

/// Returns whether a session is alive. A session without a file counts as not alive.
///
/// # Errors
/// The session's file cannot be examined.
pub fn is_alive(files: &Folder, id: SessionId) -> Result<bool, FileError> {
    FileLock::is_held(files, &lock_file(id))
}

/// Returns the sessions that have a file and are dead.
///
/// A process that has created its file and not yet locked it looks dead for a moment.
///
/// # Errors
/// The files of the sessions cannot be examined.
pub fn dead_sessions(files: &Folder) -> Result<Vec<SessionId>, FileError> {
    let mut dead = Vec::new();
    for id in sessions(files)? {
        if is_dead(files, id)? {
            dead.push(id);
        }
    }
    Ok(dead)
}

/// Returns the process of a session, or `None` if its file cannot be read.
pub(crate) fn info(files: &Folder, id: SessionId) -> Option<SessionInfo> {
    // ignored: the text is for display, and no decision depends on it.
    let text = files.read_text(&lock_file(id), INFO_BYTES_MAX).ok()??;
    // ignored: as above.
    read_session(&text).ok()
}

/// Returns whether a session is certainly dead. Without a file its state is unknown.
pub(crate) fn is_dead(files: &Folder, id: SessionId) -> Result<bool, FileError> {
    Ok(has_file(files, id)? && !is_alive(files, id)?)
}

/// Returns whether a session has a file. Without one its state is unknown.
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
