//! Changes that calls have made and not committed yet. They are visible to the call itself and to
//! its callees only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_model::call::{StagedChange, StagedWrite, Written};
use sedge_model::names::{DataName, ModelName};

/// The cost of each change besides its text, in bytes, so that empty ones count too.
const CHANGE_BYTES_OVERHEAD: usize = 64;

/// The staged changes of one call, with a link to its caller's.
#[derive(Debug)]
pub struct Staging {
    model: ModelName,
    caller: Option<Arc<Staging>>,
    bytes_max: usize,
    staged: Mutex<Staged>,
}

#[derive(Debug, Default)]
struct Staged {
    changes: Vec<StagedChange>,
    n_bytes: usize,
    /// The versions that the call has published while it runs.
    published: Vec<Written>,
}

/// The staged state of one name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StagedName {
    /// The most recent change is this write.
    Written(StagedWrite),
    /// All its versions are deleted.
    Deleted,
    /// It was not written, and these versions are deleted.
    As(Vec<u64>),
}

impl Staging {
    /// Returns the empty staging area of a call of `model`; `caller` is the staging area of its
    /// caller. A guest chooses how much it writes, and all but large files stays in memory until
    /// the call ends, so the area holds at most `bytes_max`.
    #[must_use]
    pub fn new(model: ModelName, caller: Option<Arc<Staging>>, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            model,
            caller,
            bytes_max,
            staged: Mutex::default(),
        })
    }

    /// Adds a change. Returns `false` if that would exceed the limit of the call.
    pub(crate) fn push(&self, change: StagedChange) -> bool {
        let size = match &change {
            StagedChange::Write(write) => {
                write.content.size_in_memory() + write.name.as_str().len()
            }
            StagedChange::Delete { name, .. } => name.as_str().len(),
        };
        let mut staged = self.staged();
        let n_bytes = staged.n_bytes + size + CHANGE_BYTES_OVERHEAD;
        if n_bytes > self.bytes_max {
            return false;
        }
        staged.n_bytes = n_bytes;
        staged.changes.push(change);
        true
    }

    /// Returns the maximum size of the staging area, in bytes.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Returns the state of a name of `model` as this call and its callers have staged it.
    pub(crate) fn of_name(&self, model: &ModelName, name: &DataName) -> StagedName {
        let mut deleted = Vec::new();
        let mut at = Some(self);
        while let Some(staging) = at {
            at = staging.caller.as_deref();
            if staging.model != *model {
                continue;
            }
            for change in staging.staged().changes.iter().rev() {
                match change {
                    StagedChange::Write(write) if write.name == *name => {
                        return StagedName::Written(write.clone());
                    }
                    StagedChange::Delete {
                        name: other,
                        version,
                    } if other == name => match version {
                        Some(version) => deleted.push(*version),
                        None => return StagedName::Deleted,
                    },
                    StagedChange::Write(_) | StagedChange::Delete { .. } => {}
                }
            }
        }
        StagedName::As(deleted)
    }

    /// Takes all staged changes of this call.
    pub(crate) fn take(&self) -> Vec<StagedChange> {
        let mut staged = self.staged();
        staged.n_bytes = 0;
        std::mem::take(&mut staged.changes)
    }

    /// Records versions that the call has published.
    pub(crate) fn published(&self, written: &[Written]) {
        self.staged().published.extend_from_slice(written);
    }

    /// Takes the versions that the call has published.
    pub(crate) fn take_published(&self) -> Vec<Written> {
        std::mem::take(&mut self.staged().published)
    }

    fn staged(&self) -> MutexGuard<'_, Staged> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sedge_model::call::{DataKind, StagedContent};

    use super::*;

    const BYTES_MAX: usize = 64 << 10;

    fn write(name: &str, content: &str) -> StagedChange {
        StagedChange::Write(StagedWrite {
            name: name.parse().expect("a name"),
            kind: DataKind::Resource,
            spec: "s".parse().expect("a name"),
            media_type: None,
            tags: BTreeMap::new(),
            content: StagedContent::Text(content.to_owned()),
        })
    }

    fn delete(name: &str, version: Option<u64>) -> StagedChange {
        StagedChange::Delete {
            name: name.parse().expect("a name"),
            version,
        }
    }

    /// Returns the staged content of a name, or a word for its state.
    fn staged_text(staging: &Staging, model: &ModelName, name: &str) -> String {
        match staging.of_name(model, &name.parse().expect("a name")) {
            StagedName::Written(write) => match write.content {
                StagedContent::Text(text) => text,
                StagedContent::Bytes(_) | StagedContent::File { .. } => "a file".to_owned(),
            },
            StagedName::Deleted => "deleted".to_owned(),
            StagedName::As(deleted) => format!("without {deleted:?}"),
        }
    }

    #[test]
    fn call_reads_its_own_and_its_callers_changes() {
        let (a, b): (ModelName, ModelName) =
            ("a".parse().expect("a name"), "b".parse().expect("a name"));
        let outer = Staging::new(a.clone(), None, BYTES_MAX);
        let inner = Staging::new(b.clone(), Some(Arc::clone(&outer)), BYTES_MAX);
        let innermost = Staging::new(a.clone(), Some(Arc::clone(&inner)), BYTES_MAX);
        assert!(outer.push(write("x", "1")));
        assert!(outer.push(write("x", "2")));
        assert!(inner.push(write("x", "3")));
        assert_eq!(staged_text(&innermost, &a, "x"), "2");
        assert_eq!(staged_text(&innermost, &b, "x"), "3");
        assert_eq!(staged_text(&outer, &b, "x"), "without []");
        assert!(innermost.push(write("x", "4")));
        assert_eq!(staged_text(&innermost, &a, "x"), "4");
        assert_eq!(staged_text(&outer, &a, "x"), "2");
        assert!(innermost.push(delete("x", Some(7))));
        assert_eq!(staged_text(&innermost, &a, "x"), "4");
        assert!(innermost.push(delete("x", None)));
        assert_eq!(staged_text(&innermost, &a, "x"), "deleted");
        assert!(innermost.push(delete("y", Some(7))));
        assert_eq!(staged_text(&innermost, &a, "y"), "without [7]");
        assert_eq!(outer.take().len(), 2);
        assert_eq!(staged_text(&outer, &a, "x"), "without []");
    }

    #[test]
    fn changes_beyond_the_limit_are_refused() {
        let staging = Staging::new("a".parse().expect("a name"), None, BYTES_MAX);
        let most = BYTES_MAX - CHANGE_BYTES_OVERHEAD - 1;
        assert!(staging.push(write("x", &"y".repeat(most))));
        assert!(!staging.push(write("x", "")));
        staging.take();
        assert!(
            staging.push(write("x", "")),
            "changes that were taken do not count"
        );
    }
}
