//! What calls have written and deleted and not committed: visible to the call itself and to
//! those that it calls, to nobody else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_model::call::{StagedChange, StagedWrite, Written};
use sedge_model::names::{DataName, ModelName};

/// What a change costs beside its texts, so that empty ones count too.
const CHANGE_BYTES_OVERHEAD: usize = 64;

/// What one call has staged, and its callers before it.
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
    /// What was committed while the call goes on.
    published: Vec<Written>,
}

/// What calls have staged of one name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StagedName {
    /// It was written after whatever else was done.
    Written(StagedWrite),
    /// All its versions are to go.
    Deleted,
    /// Nothing was written; these versions are to go.
    As(Vec<u64>),
}

impl Staging {
    /// Returns the empty staging of a call of `model`, made by the call that `caller` is of.
    /// A guest decides how much it writes, and all but large files is in memory until the
    /// call ends: it has at most `bytes_max` of it.
    #[must_use]
    pub fn new(model: ModelName, caller: Option<Arc<Staging>>, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            model,
            caller,
            bytes_max,
            staged: Mutex::default(),
        })
    }

    /// Adds a change; false where that would be more than one call may stage.
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

    /// Returns how many bytes it may have.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Returns what this call and its callers have staged of `name` of `model`.
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

    /// Takes out all that this call has staged.
    pub(crate) fn take(&self) -> Vec<StagedChange> {
        let mut staged = self.staged();
        staged.n_bytes = 0;
        std::mem::take(&mut staged.changes)
    }

    /// Notes what was committed while the call goes on.
    pub(crate) fn published(&self, written: &[Written]) {
        self.staged().published.extend_from_slice(written);
    }

    /// Takes out what was committed while the call went on.
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

    /// Returns the content that was staged, or what else was.
    fn told(staging: &Staging, model: &ModelName, name: &str) -> String {
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
    fn a_call_sees_its_own_changes_and_its_callers() {
        let (a, b): (ModelName, ModelName) =
            ("a".parse().expect("a name"), "b".parse().expect("a name"));
        let outer = Staging::new(a.clone(), None, BYTES_MAX);
        let inner = Staging::new(b.clone(), Some(Arc::clone(&outer)), BYTES_MAX);
        let innermost = Staging::new(a.clone(), Some(Arc::clone(&inner)), BYTES_MAX);
        assert!(outer.push(write("x", "1")));
        assert!(outer.push(write("x", "2")));
        assert!(inner.push(write("x", "3")));
        assert_eq!(told(&innermost, &a, "x"), "2");
        assert_eq!(told(&innermost, &b, "x"), "3");
        assert_eq!(told(&outer, &b, "x"), "without []");
        assert!(innermost.push(write("x", "4")));
        assert_eq!(told(&innermost, &a, "x"), "4");
        assert_eq!(told(&outer, &a, "x"), "2");
        assert!(innermost.push(delete("x", Some(7))));
        assert_eq!(told(&innermost, &a, "x"), "4");
        assert!(innermost.push(delete("x", None)));
        assert_eq!(told(&innermost, &a, "x"), "deleted");
        assert!(innermost.push(delete("y", Some(7))));
        assert_eq!(told(&innermost, &a, "y"), "without [7]");
        assert_eq!(outer.take().len(), 2);
        assert_eq!(told(&outer, &a, "x"), "without []");
    }

    #[test]
    fn a_call_cannot_stage_without_end() {
        let staging = Staging::new("a".parse().expect("a name"), None, BYTES_MAX);
        let most = BYTES_MAX - CHANGE_BYTES_OVERHEAD - 1;
        assert!(staging.push(write("x", &"y".repeat(most))));
        assert!(!staging.push(write("x", "")));
        staging.take();
        assert!(
            staging.push(write("x", "")),
            "what was taken counts no more"
        );
    }
}
