//! The threads of a manager. Each blocks in the operating system until an event occurs.

use std::sync::{Arc, Weak};

use sedge_sys::clock::{self, Moment};
use sedge_sys::folder::FileError;
use sedge_sys::shared_file::SharedFile;
use sedge_sys::thread;
use tokio::sync::oneshot;

use super::LockManager;
use super::state::POLL_INTERVAL;
use crate::error::LockError;
use crate::owner::SessionId;
use crate::replica::TABLE_FILE;
use crate::session::Session;

impl LockManager {
    /// Starts a thread that waits for the table lock and hands it over.
    pub(super) fn table_lock_begin(
        &self,
    ) -> Result<oneshot::Receiver<Result<SharedFile, FileError>>, LockError> {
        let (send, locked) = oneshot::channel();
        let session = self.session.clone();
        thread::start("lock-table", move || {
            let locked = session.map(|session| super::threads::table_lock(&session));
            if let Some(Some(locked)) = locked.map(Result::transpose) {
                // ignored: the task that wanted the table lock may have given up. Then the lock
                // is released here.
                let _ = send.send(locked);
            }
        })?;
        Ok(locked)
    }

    /// Starts a thread that takes the table lock and releases the pending locks.
    pub(super) fn release_in_thread(self: &Arc<Self>) {
        let manager = Arc::clone(self);
        let started = thread::start("lock-release", move || {
            if let Err(error) = manager.with_table_blocking(&|_| ()) {
                tracing::warn!(%error, "failed to release a lock, which will be tried again");
            }
        });
        if let Err(error) = started {
            tracing::warn!(%error, "failed to release a lock, which will be tried again");
        }
    }

    /// Watches sessions for their death, and listens for changes by other processes.
    pub(super) fn watch(self: &Arc<Self>, sessions: Vec<SessionId>) -> Result<(), LockError> {
        let mut state = self.state();
        let to_listen = state.to_listen.take();
        let new: Vec<SessionId> = sessions
            .into_iter()
            .filter(|id| state.watched.insert(*id))
            .collect();
        drop(state);
        let manager = Arc::downgrade(self);
        match to_listen {
            Some(Some(bell)) => thread::start("lock-bell", move || {
                while changes_read(&manager, bell.wait(POLL_INTERVAL)) {}
            })?,
            Some(None) => clock::ticker(POLL_INTERVAL, move || changes_read(&manager, Ok(())))?,
            None => {}
        }
        let Some(session) = &self.session else {
            return Ok(());
        };
        for id in new {
            // Without a file the state of the session is unknown, so its locks stay until it
            // releases them.
            let Some(watch) = session.watch(id)? else {
                continue;
            };
            let manager = Arc::downgrade(self);
            thread::start("lock-watch", move || {
                let ended = watch.wait().map_err(LockError::from);
                if let Some(manager) = manager.upgrade() {
                    report(ended.and_then(|()| manager.session_ended(id)));
                }
            })?;
        }
        Ok(())
    }

    /// Releases all requests of a dead session, and removes its files.
    pub(super) fn session_ended(&self, id: SessionId) -> Result<(), LockError> {
        self.with_table_blocking(&|state| state.session_ended(id))?;
        if let Some(session) = &self.session {
            session.forget(id);
        }
        Ok(())
    }
}

/// Reads the changes of other processes; returns false if the manager was dropped.
fn changes_read(manager: &Weak<LockManager>, rung: Result<(), FileError>) -> bool {
    let Some(manager) = manager.upgrade() else {
        return false;
    };
    let own = manager.id;
    report(
        rung.map_err(LockError::from)
            .and_then(|()| manager.with_table_blocking(&|state| state.watch_more(own)))
            .and_then(|sessions| manager.watch(sessions)),
    );
    true
}

/// Blocks the thread until it has the table lock.
///
/// Returns `None` if the table was removed.
pub(super) fn table_lock(session: &Session) -> Result<Option<SharedFile>, FileError> {
    loop {
        let Some(file) = SharedFile::open(session.files(), TABLE_FILE, true)? else {
            return Ok(None);
        };
        file.lock()?;
        if file.is_current(session.files(), TABLE_FILE)? {
            return Ok(Some(file));
        }
    }
}

/// Starts a thread that waits for the table lock, and blocks until it has it or the deadline.
///
/// The outer `None` means that the deadline has passed. The inner `None` means that the table was
/// removed.
pub(super) fn table_lock_until(
    session: &Arc<Session>,
    deadline: Moment,
) -> Result<Option<Option<SharedFile>>, LockError> {
    let session = Arc::clone(session);
    let waited = thread::wait_for("lock-table", deadline, move || table_lock(&session))?;
    Ok(waited.transpose()?)
}

fn report(result: Result<(), LockError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "failed to read the locks of other processes");
    }
}
