//! The threads of a manager: each is blocked in the operating system, and does nothing until
//! something happened.

use std::sync::{Arc, Weak};

use sedge_sys::clock;
use sedge_sys::file_lock::FileLock;
use sedge_sys::folder::FileError;
use sedge_sys::shared_file::SharedFile;
use sedge_sys::thread;
use tokio::sync::oneshot;

use super::LockManager;
use super::state::LOOK_EVERY;
use crate::error::LockError;
use crate::owner::SessionId;
use crate::replica::TABLE_FILE;
use crate::session::Session;

impl LockManager {
    /// Has a thread wait for the turn at the table, and hand it over.
    pub(super) fn turn_begin(
        &self,
    ) -> Result<oneshot::Receiver<Result<SharedFile, FileError>>, LockError> {
        let (send, turn) = oneshot::channel();
        let session = self.session.clone();
        thread::start("lock-turn", move || {
            let turn = session.map(|session| super::threads::turn(&session));
            if let Some(Some(turn)) = turn.map(Result::transpose) {
                // Whoever wanted it may have given up: then the turn ends here.
                let _ = send.send(turn);
            }
        })?;
        Ok(turn)
    }

    /// Has a thread take a turn, in which what is to be released is released.
    pub(super) fn turn_in_thread(self: &Arc<Self>) {
        let manager = Arc::clone(self);
        let started = thread::start("lock-release", move || {
            if let Err(error) = manager.turn_blocking(&|_| ()) {
                tracing::warn!(%error, "failed to release a lock, which will be tried again");
            }
        });
        if let Err(error) = started {
            tracing::warn!(%error, "failed to release a lock, which will be tried again");
        }
    }

    /// Watches sessions for their death, and listens for news of others.
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
            Some(Some(bell)) => {
                thread::start(
                    "lock-bell",
                    move || {
                        while look(&manager, bell.wait(LOOK_EVERY)) {}
                    },
                )?
            }
            Some(None) => clock::ticker(LOOK_EVERY, move || look(&manager, Ok(())))?,
            None => {}
        }
        let Some(session) = &self.session else {
            return Ok(());
        };
        for id in new {
            let (manager, path) = (Arc::downgrade(self), session.path_of_lock(id));
            thread::start("lock-watch", move || {
                // Without a file nothing can be told: its locks stay until they are let go.
                let ended = FileLock::wait_until_free(&path);
                let Some(manager) = manager.upgrade() else {
                    return;
                };
                match ended.map_err(LockError::from) {
                    Ok(true) => told(manager.session_ended(id)),
                    Ok(false) => {}
                    Err(error) => told(Err(error)),
                }
            })?;
        }
        Ok(())
    }

    /// Releases all that a session had which is dead, and removes its files.
    pub(super) fn session_ended(&self, id: SessionId) -> Result<(), LockError> {
        self.turn_blocking(&|state| state.session_ended(id))?;
        if let Some(session) = &self.session {
            session.forget(id);
        }
        Ok(())
    }
}

/// Takes in what others did; false if there is no manager any more.
fn look(manager: &Weak<LockManager>, rung: Result<(), FileError>) -> bool {
    let Some(manager) = manager.upgrade() else {
        return false;
    };
    let own = manager.id;
    told(
        rung.map_err(LockError::from)
            .and_then(|()| manager.turn_blocking(&|state| state.watch_more(own)))
            .and_then(|sessions| manager.watch(sessions)),
    );
    true
}

/// Blocks the thread until it is its turn at the table, and returns it; none where the table
/// was removed.
pub(super) fn turn(session: &Session) -> Result<Option<SharedFile>, FileError> {
    let path = session.files().path_of(TABLE_FILE);
    loop {
        let Some(file) = SharedFile::open(&path, true)? else {
            return Ok(None);
        };
        file.lock()?;
        if file.is_current()? {
            return Ok(Some(file));
        }
    }
}

fn told(result: Result<(), LockError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "failed to look at the locks of other processes");
    }
}
