//! The locks of all processes, to be looked at: takes no turn, and changes nothing.

use sedge_sys::folder::Folder;

use crate::error::{Blocker, LockError};
use crate::manager::blocker;
use crate::mode::Resource;
use crate::owner::Owner;
use crate::replica::look;
use crate::session;
use crate::table::LockTable;

/// A lock, or a request for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockStatus {
    /// What is locked.
    pub resource: Resource,
    /// Who has it, or wants it.
    pub who: Blocker,
    /// Whom it waits for; none if it has the lock.
    pub waits_for: Vec<Owner>,
}

/// Returns all locks that the processes have and wait for which share the folder `files`:
/// resource by resource, holders first, then who waits, the next one first. What dead
/// processes left is not in it, for it is in nobody's way.
///
/// # Errors
/// A file cannot be read.
pub fn lock_status(files: &Folder) -> Result<Vec<LockStatus>, LockError> {
    let Some(mut table) = look(files)? else {
        return Ok(Vec::new());
    };
    let mut sessions: Vec<_> = table.entries().map(|it| it.request.owner.session).collect();
    sessions.sort_unstable();
    sessions.dedup();
    for id in sessions {
        if session::is_dead(files, id)? {
            let left = table.of_session(id);
            table.release(&left, 0);
        }
    }
    Ok(listed(&table, files))
}

fn listed(table: &LockTable, files: &Folder) -> Vec<LockStatus> {
    let entries = table.entries().map(|entry| {
        let mut who = blocker(table, entry);
        who.session = session::info(files, who.owner.session);
        let waits_for = table.blockers(entry.id).into_iter();
        LockStatus {
            resource: entry.request.resource.clone(),
            who,
            waits_for: waits_for.map(|it| it.request.owner.clone()).collect(),
        }
    });
    entries.collect()
}
