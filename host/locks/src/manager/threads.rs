//! The threads of a manager: each is blocked in the operating system, and does nothing until
//! something happened.

use std::sync::{Arc, Weak};

use sedge_sys::clock::{self, Moment};
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
                // ignored: the task that wanted it may have given up. Then the turn ends here.
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
            // Without a file nothing is known of it: its locks stay until they are let go.
            let Some(watch) = session.watch(id)? else {
                continue;
            };
            let manager = Arc::downgrade(self);
            thread::start("lock-watch", move || {
                let ended = watch.wait().map_err(LockError::from);
                if let Some(manager) = manager.upgrade() {
                    told(ended.and_then(|()| manager.session_ended(id)));
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

/// Blocks the thread until it is its turn at the table, and returns it; `None` if the table was
/// removed.
pub(super) fn turn(session: &Session) -> Result<Option<SharedFile>, FileError> {
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

/// Has a thread wait for the turn, and blocks this one until then, or until the deadline. `None`
/// within is a table that was removed.
pub(super) fn turn_until(
    session: &Arc<Session>,
    deadline: Moment,
) -> Result<Option<Option<SharedFile>>, LockError> {
    let session = Arc::clone(session);
    let waited = thread::wait_for("lock-turn", deadline, move || turn(&session))?;
    Ok(waited.transpose()?)
}

fn told(result: Result<(), LockError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "failed to look at the locks of other processes");
    }
}
