//! A snapshot of the whole table, to be stored and restored.

use super::{LockTable, QueuePlace, TableEntry};

/// The complete state of a table. A restored table behaves like the original.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The number of requests that were ever made.
    pub n_requests: u64,
    /// The requests that are not released.
    pub entries: Vec<TableEntry>,
}

impl LockTable {
    /// Returns a snapshot of the table.
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
            if entry.place != QueuePlace::Granted {
                table
                    .waiting
                    .insert((entry.request.owner.clone(), entry.id));
            }
            table.queues.entry(resource).or_default().push(entry);
        }
        table
    }
}
