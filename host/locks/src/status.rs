//! The status of all locks, for display. Reading it takes no table lock and changes nothing.

use sedge_sys::folder::Folder;

use crate::error::{Blocker, LockError};
use crate::manager::blocker;
use crate::mode::Resource;
use crate::owner::Owner;
use crate::replica::read_unlocked;
use crate::session;
use crate::table::LockTable;

/// A granted or waiting request, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockStatus {
    /// The resource of the request.
    pub resource: Resource,
    /// The owner that holds the resource or waits for it.
    pub who: Blocker,
    /// The owners that the request waits for; empty if it is granted.
    pub waits_for: Vec<Owner>,
}

/// Returns the locks and requests of all processes that share the folder `files`.
///
/// The list is ordered by resource. For each resource, the holders come first, then the waiters,
/// the next one to be granted first. Requests of dead processes are left out, because they block
/// no other request.
///
/// # Errors
/// A file cannot be read.
pub fn lock_status(files: &Folder) -> Result<Vec<LockStatus>, LockError> {
    let Some(mut table) = read_unlocked(files)? else {
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
