//! A whole table as a list, to be kept and read back.

use super::{Entry, LockTable, Place};

/// All that a table is: what was read back goes on as the original would.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// How many requests there ever were.
    pub n_requests: u64,
    /// Those that are left.
    pub entries: Vec<Entry>,
}

impl LockTable {
    /// Returns the table as a list.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            n_requests: self.n_requests,
            entries: self.entries().cloned().collect(),
        }
    }
}

impl From<Snapshot> for LockTable {
    fn from(snapshot: Snapshot) -> Self {
        let mut table = Self {
            n_requests: snapshot.n_requests,
            ..Self::default()
        };
        for entry in snapshot.entries {
            let resource = entry.request.resource.clone();
            table.resources.insert(entry.id, resource.clone());
            if entry.place != Place::Granted {
                table
                    .waiting
                    .insert((entry.request.owner.clone(), entry.id));
            }
            table.queues.entry(resource).or_default().push(entry);
        }
        table
    }
}
