//! What calls have written and not committed: visible to the call itself and to those
//! that it calls, to nobody else.

use std::sync::{Arc, Mutex, PoisonError};

use sedge_model::call::StagedWrite;
use sedge_model::names::{DataName, ModelName};

/// The most bytes that one call may stage. A guest decides how much it writes, and all of
/// it is in memory until the call ends.
pub(crate) const STAGED_BYTES_MAX: usize = 64 << 20;

/// What one call has staged, and its callers before it.
#[derive(Debug)]
pub struct Staging {
    model: ModelName,
    caller: Option<Arc<Staging>>,
    staged: Mutex<Staged>,
}

#[derive(Debug, Default)]
struct Staged {
    writes: Vec<StagedWrite>,
    n_bytes: usize,
}

impl Staging {
    /// Returns the empty staging of a call of `model`, made by the call that `caller` is of.
    #[must_use]
    pub fn new(model: ModelName, caller: Option<Arc<Staging>>) -> Arc<Self> {
        Arc::new(Self {
            model,
            caller,
            staged: Mutex::default(),
        })
    }

    /// Adds a write; false where that would be more than one call may stage.
    pub(crate) fn push(&self, write: StagedWrite) -> bool {
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        let n_bytes = staged.n_bytes + write.content.len() + write.name.as_str().len();
        if n_bytes > STAGED_BYTES_MAX {
            return false;
        }
        staged.n_bytes = n_bytes;
        staged.writes.push(write);
        true
    }

    /// Returns the newest write of `name` of `model` by this call or one of its callers.
    pub(crate) fn latest(&self, model: &ModelName, name: &DataName) -> Option<StagedWrite> {
        let own = (self.model == *model).then(|| {
            let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
            staged
                .writes
                .iter()
                .rev()
                .find(|write| write.name == *name)
                .cloned()
        });
        own.flatten()
            .or_else(|| self.caller.as_ref()?.latest(model, name))
    }

    /// Takes out all that this call has staged.
    pub(crate) fn take(&self) -> Vec<StagedWrite> {
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *staged).writes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(name: &str, content: &str) -> StagedWrite {
        StagedWrite {
            name: name.parse().expect("a name"),
            spec: "s".parse().expect("a name"),
            content: content.to_owned(),
        }
    }

    #[test]
    fn a_call_sees_its_own_writes_and_its_callers() {
        let (a, b): (ModelName, ModelName) =
            ("a".parse().expect("a name"), "b".parse().expect("a name"));
        let x: DataName = "x".parse().expect("a name");
        let outer = Staging::new(a.clone(), None);
        let inner = Staging::new(b.clone(), Some(Arc::clone(&outer)));
        let innermost = Staging::new(a.clone(), Some(Arc::clone(&inner)));
        assert!(outer.push(write("x", "1")));
        assert!(outer.push(write("x", "2")));
        assert!(inner.push(write("x", "3")));
        let check = |staging: &Staging, model: &ModelName, expect: Option<&str>| {
            assert_eq!(
                staging
                    .latest(model, &x)
                    .map(|write| write.content)
                    .as_deref(),
                expect
            );
        };
        check(&innermost, &a, Some("2"));
        check(&innermost, &b, Some("3"));
        check(&outer, &b, None);
        assert!(innermost.push(write("x", "4")));
        check(&innermost, &a, Some("4"));
        check(&outer, &a, Some("2"));
        assert_eq!(outer.take().len(), 2);
        check(&innermost, &a, Some("4"));
        check(&outer, &a, None);
    }

    #[test]
    fn a_call_cannot_stage_without_end() {
        let staging = Staging::new("a".parse().expect("a name"), None);
        assert!(staging.push(write("x", &"y".repeat(STAGED_BYTES_MAX - 1))));
        assert!(!staging.push(write("x", "")));
    }
}
