//! Changes that calls have made and not committed yet. They are visible to the call itself and to
//! its callees only.
//!
//! A staging area also protects the call against its own callees, which may change the same data
//! while the call holds the lock of its model:
//!
//! - A call may not stage a name that one of its callers has staged, or a call that has started the run
//!   of this call.
//! - For each name that a call reads or stages, the area has the *base*: the latest version at that
//!   time. The store compares it when the changes are committed.
//!
//! Only callees can change the data of the call's model, so a call looks no base up before it starts
//! its first nested call, run or command. Beside an observation, other observations can change the
//! data as well, so it shares its data from the beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_model::call::{BaseVersion, NameBase, StagedChange, StagedWrite, Written};
use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, ModelName};

use crate::host::ChangesToCommit;

/// The cost of each change and of each base besides its text, in bytes, so that empty ones count
/// too.
const CHANGE_BYTES_OVERHEAD: usize = 64;

/// The staged changes of one call, with a link to its caller's.
#[derive(Debug)]
pub struct Staging {
    model: ModelName,
    call: Lineage,
    above: StagingAbove,
    bytes_max: usize,
    staged: Mutex<Staged>,
}

/// The staging area above that of a call.
#[derive(Debug, Clone)]
pub enum StagingAbove {
    /// There is none.
    Nothing,
    /// That of the caller. The call sees what is staged there.
    Caller(Arc<Staging>),
    /// That of the call that has started the run of this call, or a run above it. The call does not see
    /// what is staged there.
    RunOf(Arc<Staging>),
}

#[derive(Debug, Default)]
struct Staged {
    changes: Vec<StagedChange>,
    n_bytes: usize,
    /// The versions that the call has published while it runs.
    published: Vec<Written>,
    /// Whether other calls may change the data of the model by now.
    is_shared: bool,
    /// The bases, by the current names of the data.
    bases: BTreeMap<DataName, Option<BaseVersion>>,
    n_base_bytes: usize,
    /// The names that are staged, as the call has written them, with the current names.
    current: BTreeMap<DataName, DataName>,
    /// The names that the call has read or staged before the data was shared, whose bases are looked
    /// up then, and whether they are staged.
    unresolved: BTreeMap<DataName, bool>,
    /// The callers whose staged changes the call has seen.
    seen_of: BTreeSet<Lineage>,
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

/// What is staged of one name, without the content.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StagedHead<T> {
    /// The most recent change is a write, of which this is known.
    Written(T),
    /// All its versions are deleted.
    Deleted,
    /// It was not written, and these versions are deleted.
    Without(Vec<u64>),
}

/// The staging area of a call has no room left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StagingFull;

impl Staging {
    /// Returns the empty staging area of a call of `model`. A guest chooses how much it writes, and all
    /// but large files stays in memory until the call ends, so the area holds at most `bytes_max`.
    #[must_use]
    pub fn new(
        model: ModelName,
        call: Lineage,
        above: StagingAbove,
        bytes_max: usize,
    ) -> Arc<Self> {
        let staging = Self {
            model,
            call,
            above,
            bytes_max,
            staged: Mutex::default(),
        };
        if staging.ancestors().any(|it| it.model == staging.model) {
            staging.share();
        }
        Arc::new(staging)
    }

    /// Declares that other calls may change the data of the model from now on: callees, or other
    /// observations. Names that were read or staged before need a base: see `Staging::unresolved`.
    pub fn share(&self) {
        self.staged().is_shared = true;
    }

    /// Returns whether other calls may change the data of the model by now.
    pub(crate) fn is_shared(&self) -> bool {
        self.staged().is_shared
    }

    /// Takes the names whose bases have to be looked up before the data is shared, and whether they
    /// are staged.
    pub(crate) fn unresolved(&self) -> BTreeMap<DataName, bool> {
        std::mem::take(&mut self.staged().unresolved)
    }

    /// Records the base of a name that [`Staging::unresolved`] returned.
    pub(crate) fn resolved(&self, name: DataName, is_staged: bool, base: NameBase) {
        let mut staged = self.staged();
        if is_staged {
            staged.current.insert(name, base.name.clone());
        }
        staged.bases.entry(base.name).or_insert(base.version);
    }

    /// Adds a change. Returns an error if that would exceed the limit of the call.
    pub(crate) fn push(&self, change: StagedChange) -> Result<(), StagingFull> {
        let size = match &change {
            StagedChange::Write(write) => {
                write.content.size_in_memory() + write.name.as_str().len()
            }
            StagedChange::Delete { name, .. } => name.as_str().len(),
        };
        let mut staged = self.staged();
        let n_bytes = staged.n_bytes + size + CHANGE_BYTES_OVERHEAD;
        if n_bytes + staged.n_base_bytes > self.bytes_max {
            return Err(StagingFull);
        }
        staged.n_bytes = n_bytes;
        if !staged.is_shared {
            let name = name_of(&change).clone();
            if staged.bases.contains_key(&name) {
                staged.current.insert(name.clone(), name);
            } else {
                staged.unresolved.insert(name, true);
            }
        }
        staged.changes.push(change);
        Ok(())
    }

    /// Records the base of a name that the call stages as `name`, unless it has one.
    pub(crate) fn base_first(&self, name: DataName, base: NameBase) -> Result<(), StagingFull> {
        let mut staged = self.staged();
        staged.current.insert(name, base.name.clone());
        if staged.bases.contains_key(&base.name) {
            return Ok(());
        }
        self.base_insert(&mut staged, base)
    }

    /// Records the base of a name that the call has read.
    pub(crate) fn base_read(&self, base: NameBase) -> Result<(), StagingFull> {
        self.base_insert(&mut self.staged(), base)
    }

    /// Records that the call has read a name without learning its latest version. Its base is looked
    /// up when the data is shared.
    pub(crate) fn base_read_later(&self, name: DataName) -> Result<(), StagingFull> {
        let mut staged = self.staged();
        if staged.bases.contains_key(&name) || staged.unresolved.contains_key(&name) {
            return Ok(());
        }
        self.base_count(&mut staged, &name)?;
        staged.unresolved.insert(name, false);
        Ok(())
    }

    fn base_insert(&self, staged: &mut Staged, base: NameBase) -> Result<(), StagingFull> {
        if !staged.bases.contains_key(&base.name) {
            self.base_count(staged, &base.name)?;
        }
        staged.bases.insert(base.name, base.version);
        Ok(())
    }

    fn base_count(&self, staged: &mut Staged, name: &DataName) -> Result<(), StagingFull> {
        let n_bytes = staged.n_base_bytes + name.as_str().len() + CHANGE_BYTES_OVERHEAD;
        if n_bytes + staged.n_bytes > self.bytes_max {
            return Err(StagingFull);
        }
        staged.n_base_bytes = n_bytes;
        Ok(())
    }

    /// Returns the ancestor that has staged `name` of this call's model and not published it. `name`
    /// is the current name of the data.
    pub(crate) fn staged_by_ancestor(&self, name: &DataName) -> Option<Lineage> {
        let own = self.ancestors().filter(|it| it.model == self.model);
        let mut own = own.filter(|it| it.staged().current.values().any(|it| it == name));
        let ancestor = own.next()?.call.clone();
        self.seen(&ancestor);
        Some(ancestor)
    }

    /// Returns the maximum size of the staging area, in bytes.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Returns the state of a name of `model` as this call and its callers have staged it.
    pub(crate) fn of_name(&self, model: &ModelName, name: &DataName) -> StagedName {
        let mut deleted = Vec::new();
        for staging in std::iter::once(self).chain(self.callers()) {
            if staging.model != *model {
                continue;
            }
            let n_deleted = deleted.len();
            let found = staging.staged().of_name(name, &mut deleted);
            if found.is_some() || deleted.len() > n_deleted {
                self.seen(&staging.call);
            }
            if let Some(found) = found {
                return found;
            }
        }
        StagedName::As(deleted)
    }

    /// Returns what this call and its callers have staged of the wanted names of `model`. `read` returns
    /// what to know of a write.
    pub(crate) fn heads<T>(
        &self,
        model: &ModelName,
        wanted: impl Fn(&DataName) -> bool,
        read: impl Fn(&StagedWrite) -> T,
    ) -> BTreeMap<DataName, StagedHead<T>> {
        let mut heads = BTreeMap::new();
        for staging in std::iter::once(self).chain(self.callers()) {
            if staging.model != *model {
                continue;
            }
            let mut is_seen = false;
            for change in staging.staged().changes.iter().rev() {
                let name = name_of(change);
                if wanted(name) {
                    is_seen = true;
                    head_add(&mut heads, name, change, &read);
                }
            }
            if is_seen {
                self.seen(&staging.call);
            }
        }
        heads
    }

    /// Records that this call has seen what one of its callers has staged. A check of a call sees
    /// it for that call.
    fn seen(&self, caller: &Lineage) {
        let own = std::iter::once(self).chain(self.callers());
        for staging in own.take_while(|it| it.call == self.call) {
            if *caller != self.call {
                staging.staged().seen_of.insert(caller.clone());
            }
        }
    }

    /// Takes all staged changes of this call, with the bases of their names.
    pub(crate) fn take_all(&self) -> ChangesToCommit {
        let mut staged = self.staged();
        let bases = staged.bases_of();
        let changes = staged.take();
        ChangesToCommit { changes, bases }
    }

    /// Records versions that the call has published. They are the new bases of their names.
    pub(crate) fn published(&self, written: &[Written]) {
        let mut staged = self.staged();
        for Written { name, version } in written {
            let base = BaseVersion {
                version: *version,
                by: self.call.clone(),
            };
            // Each entry has cost the guest a commit, so this needs no limit of its own.
            staged.bases.insert(name.clone(), Some(base));
        }
        staged.published.extend_from_slice(written);
    }

    /// Takes the versions that the call has published.
    pub(crate) fn take_published(&self) -> Vec<Written> {
        std::mem::take(&mut self.staged().published)
    }

    /// Takes the callers whose staged changes the call has seen.
    pub(crate) fn take_seen(&self) -> Vec<Lineage> {
        std::mem::take(&mut self.staged().seen_of)
            .into_iter()
            .collect()
    }

    /// Returns the staging areas of the callers in the run of the call, from the nearest one up.
    fn callers(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(self.above.caller(), |it| it.above.caller())
    }

    /// Returns the staging areas of the callers, and of the calls above the run of the call.
    fn ancestors(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(self.above.any(), |it| it.above.any())
    }

    fn staged(&self) -> MutexGuard<'_, Staged> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StagingAbove {
    fn caller(&self) -> Option<&Staging> {
        match self {
            Self::Caller(caller) => Some(caller),
            Self::RunOf(_) | Self::Nothing => None,
        }
    }

    fn any(&self) -> Option<&Staging> {
        match self {
            Self::Caller(above) | Self::RunOf(above) => Some(above),
            Self::Nothing => None,
        }
    }
}

impl Staged {
    /// Returns the bases of the changed names. Returns none of them if no other call could change
    /// the data.
    fn bases_of(&self) -> Vec<NameBase> {
        if !self.is_shared {
            return Vec::new();
        }
        let names = self.changes.iter().map(name_of);
        let names: BTreeSet<&DataName> = names
            .map(|name| self.current.get(name).unwrap_or(name))
            .collect();
        let known = names.into_iter().filter_map(|name| {
            let version = self.bases.get(name)?.clone();
            let name = name.clone();
            Some(NameBase { name, version })
        });
        known.collect()
    }

    fn take(&mut self) -> Vec<StagedChange> {
        self.n_bytes = 0;
        self.current.clear();
        self.unresolved.clear();
        std::mem::take(&mut self.changes)
    }

    /// Returns the staged state of a name, and adds the versions of it that are deleted.
    fn of_name(&self, name: &DataName, deleted: &mut Vec<u64>) -> Option<StagedName> {
        for change in self.changes.iter().rev() {
            match change {
                StagedChange::Write(write) if write.name == *name => {
                    return Some(StagedName::Written(write.clone()));
                }
                StagedChange::Delete {
                    name: other,
                    version,
                } if other == name => match version {
                    Some(version) => deleted.push(*version),
                    None => return Some(StagedName::Deleted),
                },
                StagedChange::Write(_) | StagedChange::Delete { .. } => {}
            }
        }
        None
    }
}

/// Adds a change to what is known of a name, unless a later change has settled that.
fn head_add<T>(
    heads: &mut BTreeMap<DataName, StagedHead<T>>,
    name: &DataName,
    change: &StagedChange,
    read: impl Fn(&StagedWrite) -> T,
) {
    let known = heads.get_mut(name);
    let settled = match (change, known) {
        (_, Some(StagedHead::Written(_) | StagedHead::Deleted)) => return,
        (StagedChange::Write(write), _) => StagedHead::Written(read(write)),
        (StagedChange::Delete { version: None, .. }, _) => StagedHead::Deleted,
        (
            StagedChange::Delete {
                version: Some(version),
                ..
            },
            Some(StagedHead::Without(deleted)),
        ) => {
            deleted.push(*version);
            return;
        }
        (
            StagedChange::Delete {
                version: Some(version),
                ..
            },
            None,
        ) => StagedHead::Without(vec![*version]),
    };
    heads.insert(name.clone(), settled);
}

/// Returns the name that a change is about, as the call has written it.
pub(crate) fn name_of(change: &StagedChange) -> &DataName {
    match change {
        StagedChange::Write(write) => &write.name,
        StagedChange::Delete { name, .. } => name,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sedge_model::call::{DataKind, StagedContent};

    use super::*;

    const BYTES_MAX: usize = 64 << 10;

    /// Returns the staging area of the call with these ordinals.
    fn staging(model: &ModelName, path: &str, caller: Option<&Arc<Staging>>) -> Arc<Staging> {
        let call = format!("000000000000/{path}").parse().expect("a call");
        let above = match caller {
            Some(caller) => StagingAbove::Caller(Arc::clone(caller)),
            None => StagingAbove::Nothing,
        };
        Staging::new(model.clone(), call, above, BYTES_MAX)
    }

    fn name(text: &str) -> DataName {
        text.parse().expect("a name")
    }

    fn base(text: &str, version: u64) -> NameBase {
        NameBase {
            name: name(text),
            version: (version > 0).then(|| BaseVersion {
                version,
                by: "000000000000/9".parse().expect("a call"),
            }),
        }
    }

    fn write(name: &str, content: &str) -> StagedChange {
        StagedChange::Write(StagedWrite {
            name: name.parse().expect("a name"),
            kind: DataKind::Resource,
            spec: "s".parse().expect("a name"),
            media_type: None,
            lifetime: None,
            keep: None,
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
    fn heads_are_the_most_recent_changes_of_the_call_and_its_callers() {
        let model: ModelName = "sink".parse().expect("a name");
        let above = staging(&model, "1", None);
        let own = staging(&model, "1/1", Some(&above));
        for change in [
            write("a", "1"),
            write("a", "22"),
            write("b", "1"),
            delete("c", Some(1)),
            delete("e", None),
            write("z", "1"),
        ] {
            above.push(change).expect("there is room");
        }
        for change in [
            delete("b", None),
            delete("c", Some(3)),
            write("d", "1"),
            delete("d", Some(2)),
            write("e", "333"),
        ] {
            own.push(change).expect("there is room");
        }
        let size = |write: &StagedWrite| write.content.size();
        let heads = own.heads(&model, |name| name.as_str() < "z", size);
        let heads: Vec<(&str, &StagedHead<u64>)> = heads
            .iter()
            .map(|(name, head)| (name.as_str(), head))
            .collect();
        assert_eq!(
            heads,
            [
                ("a", &StagedHead::Written(2)),
                ("b", &StagedHead::Deleted),
                ("c", &StagedHead::Without(vec![3, 1])),
                ("d", &StagedHead::Written(1)),
                ("e", &StagedHead::Written(3)),
            ]
        );
        assert_eq!(own.take_seen(), ["000000000000/1".parse().expect("a call")]);
        let other: ModelName = "other".parse().expect("a name");
        assert!(own.heads(&other, |_| true, size).is_empty());
    }

    #[test]
    fn call_reads_its_own_and_its_callers_changes() {
        let (a, b): (ModelName, ModelName) =
            ("a".parse().expect("a name"), "b".parse().expect("a name"));
        let outer = staging(&a, "1", None);
        let inner = staging(&b, "1/1", Some(&outer));
        let innermost = staging(&a, "1/1/1", Some(&inner));
        assert_eq!(outer.push(write("x", "1")), Ok(()));
        assert_eq!(outer.push(write("x", "2")), Ok(()));
        assert_eq!(inner.push(write("x", "3")), Ok(()));
        assert_eq!(staged_text(&innermost, &a, "x"), "2");
        assert_eq!(staged_text(&innermost, &b, "x"), "3");
        assert_eq!(staged_text(&outer, &b, "x"), "without []");
        assert_eq!(innermost.push(write("x", "4")), Ok(()));
        assert_eq!(staged_text(&innermost, &a, "x"), "4");
        assert_eq!(staged_text(&outer, &a, "x"), "2");
        assert_eq!(innermost.push(delete("x", Some(7))), Ok(()));
        assert_eq!(staged_text(&innermost, &a, "x"), "4");
        assert_eq!(innermost.push(delete("x", None)), Ok(()));
        assert_eq!(staged_text(&innermost, &a, "x"), "deleted");
        assert_eq!(innermost.push(delete("y", Some(7))), Ok(()));
        assert_eq!(staged_text(&innermost, &a, "y"), "without [7]");
        assert_eq!(outer.take_all().changes.len(), 2);
        assert_eq!(staged_text(&outer, &a, "x"), "without []");
    }

    #[test]
    fn changes_beyond_the_limit_are_refused() {
        let staging = staging(&"a".parse().expect("a name"), "1", None);
        let most = BYTES_MAX - CHANGE_BYTES_OVERHEAD - 1;
        assert_eq!(staging.push(write("x", &"y".repeat(most))), Ok(()));
        assert_eq!(staging.push(write("x", "")), Err(StagingFull));
        assert_eq!(staging.base_read(base("x", 1)), Err(StagingFull));
        staging.take_all();
        assert_eq!(
            staging.push(write("x", "")),
            Ok(()),
            "changes that were taken do not count"
        );
    }

    #[test]
    fn call_may_not_stage_what_a_caller_has_staged() {
        let (a, b): (ModelName, ModelName) =
            ("a".parse().expect("a name"), "b".parse().expect("a name"));
        let outer = staging(&a, "1", None);
        let inner = staging(&b, "1/1", Some(&outer));
        let innermost = staging(&a, "1/1/1", Some(&inner));
        assert!(innermost.is_shared() && !inner.is_shared() && !outer.is_shared());
        assert_eq!(outer.push(write("old", "1")), Ok(()));
        assert_eq!(outer.base_read_later(name("z")), Ok(()));
        let unresolved = outer.unresolved();
        assert_eq!(unresolved, [(name("old"), true), (name("z"), false)].into());
        outer.share();
        // The data was renamed.
        outer.resolved(name("old"), true, base("x", 3));
        outer.resolved(name("z"), false, base("z", 0));
        assert_eq!(innermost.staged_by_ancestor(&name("z")), None);
        let by = Some(outer.call.clone());
        assert_eq!(innermost.staged_by_ancestor(&name("x")), by);
        assert_eq!(innermost.take_seen(), std::slice::from_ref(&outer.call));
        assert_eq!(innermost.staged_by_ancestor(&name("y")), None);
        assert_eq!(
            inner.staged_by_ancestor(&name("x")),
            None,
            "it is another model"
        );
        outer.take_all();
        assert_eq!(innermost.staged_by_ancestor(&name("x")), None);
    }

    /// The call of a run that another call has started does not see what that call has staged.
    #[test]
    fn call_may_not_stage_what_a_call_above_its_run_has_staged() {
        let (a, b): (ModelName, ModelName) =
            ("a".parse().expect("a name"), "b".parse().expect("a name"));
        let outer = staging(&a, "1", None);
        outer.share();
        assert_eq!(outer.base_first(name("x"), base("x", 0)), Ok(()));
        assert_eq!(outer.push(write("x", "1")), Ok(()));
        let call = "000000000001/1".parse().expect("a call");
        let above = StagingAbove::RunOf(Arc::clone(&outer));
        let inner = Staging::new(b, call, above, BYTES_MAX);
        let innermost = staging(&a, "1/1", Some(&inner));
        assert!(innermost.is_shared());
        assert_eq!(
            innermost.of_name(&a, &name("x")),
            StagedName::As(Vec::new())
        );
        assert_eq!(innermost.take_seen(), [] as [Lineage; 0]);
        let by = Some(outer.call.clone());
        assert_eq!(innermost.staged_by_ancestor(&name("x")), by);
        outer.take_all();
        assert_eq!(innermost.staged_by_ancestor(&name("x")), None);
    }

    #[test]
    fn base_is_the_version_of_the_last_read_or_the_first_write() {
        let call = staging(&"a".parse().expect("a name"), "1", None);
        let stage = || {
            assert_eq!(call.push(write("x", "1")), Ok(()));
            assert_eq!(call.push(write("y", "1")), Ok(()));
        };
        stage();
        assert_eq!(call.take_all().bases, [], "no other call ran");
        stage();
        call.share();
        for (it, is_staged) in call.unresolved() {
            let base = base(it.as_str(), 1);
            call.resolved(it, is_staged, base);
        }
        assert_eq!(call.base_first(name("x"), base("x", 2)), Ok(()));
        assert_eq!(call.base_read(base("y", 2)), Ok(()));
        assert_eq!(call.take_all().bases, [base("x", 1), base("y", 2)]);
        let written = Written {
            name: name("x"),
            version: 4,
        };
        call.published(&[written]);
        stage();
        let [x, y] = &call.take_all().bases[..] else {
            panic!("two names")
        };
        assert_eq!(x.version.as_ref().expect("it was published").version, 4);
        assert_eq!(*y, base("y", 2));
    }

    #[test]
    fn call_that_sees_staged_changes_of_its_caller_is_noted() {
        let a: ModelName = "a".parse().expect("a name");
        let outer = staging(&a, "1", None);
        let inner = staging(&"b".parse().expect("a name"), "1/1", Some(&outer));
        let check = staging(&"b".parse().expect("a name"), "1/1", Some(&inner));
        assert_eq!(outer.push(write("x", "1")), Ok(()));
        drop(inner.of_name(&a, &name("y")));
        assert_eq!(inner.take_seen(), []);
        drop(check.of_name(&a, &name("x")));
        assert_eq!(inner.take_seen(), std::slice::from_ref(&outer.call));
        drop(outer.of_name(&a, &name("x")));
        assert_eq!(outer.take_seen(), []);
    }
}
