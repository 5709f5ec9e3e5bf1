//! Reads how long the data of a model is kept: the keys `resources` and `dataOutputOverrides`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use sedge_model::lifetime::Retention;
use sedge_model::names::SpecName;

use crate::diagnostic::DiagnosticCode;
use crate::yaml::node::Node;
use crate::yaml::{Faults, KeySet, Keys, Located, read};

/// The keys of one spec in `resources`.
pub(crate) const RESOURCE_KEYS: KeySet = KeySet {
    of: "a resource",
    keys: &["lifetime", "garbageCollection", "tags"],
    foreign: RETENTION_FOREIGN,
};

/// The keys of one item of `dataOutputOverrides`.
pub(crate) const OVERRIDE_KEYS: KeySet = KeySet {
    of: "an item of `dataOutputOverrides`",
    keys: &["specName", "lifetime", "garbageCollection", "tags"],
    foreign: &[
        ("spec", "write `specName: SPEC`"),
        ("name", "write `specName: SPEC`"),
        (
            "vary",
            "`vary` belongs to `dataOutputOverrides` of a workflow's step",
        ),
        ("ttl", "write `lifetime: 30d`"),
        ("keep", "write `garbageCollection: 10`"),
    ],
};

const RETENTION_FOREIGN: &[(&str, &str)] = &[
    ("ttl", "write `lifetime: 30d`"),
    ("keep", "write `garbageCollection: 10`"),
    ("schema", "the plugin describes the schema of a resource"),
];

/// The retention of each spec that was read so far.
#[derive(Debug, Default)]
pub(super) struct RetentionReader(BTreeMap<SpecName, Retention>);

impl RetentionReader {
    /// Reads `resources`.
    pub(super) fn resources(&mut self, node: &Node, faults: &mut Faults) {
        // Every member is added where it is read, so the list of them is not needed.
        let _ = read::map(node, faults, |member, faults| {
            let spec = member.key.value.parse::<SpecName>();
            let retention = Keys::read(&member.value, &RESOURCE_KEYS, faults)
                .map(|keys| retention_of_keys(keys, faults));
            let spec = spec.map_err(|error| {
                let span = member.key.span.clone();
                faults.add(DiagnosticCode::InvalidName, span, error.to_string());
            });
            let value = spec.ok()?;
            let span = member.key.span.clone();
            self.insert(Located { value, span }, retention?, faults);
            Some(())
        });
    }

    /// Reads `dataOutputOverrides`.
    pub(super) fn overrides(&mut self, node: &Node, faults: &mut Faults) {
        // Every item is added where it is read, so the list of them is not needed.
        let _ = read::list(node, faults, |item, faults| {
            let keys = Keys::read(item, &OVERRIDE_KEYS, faults)?;
            let spec = keys.required("specName", faults);
            let spec = spec.and_then(|it| read::parsed(it, faults));
            let retention = retention_of_keys(keys, faults);
            self.insert(spec?, retention, faults);
            Some(())
        });
    }

    fn insert(&mut self, spec: Located<SpecName>, retention: Retention, faults: &mut Faults) {
        let message = format!("`{}` is overridden twice", spec.value);
        match self.0.entry(spec.value) {
            Entry::Vacant(free) => {
                free.insert(retention);
            }
            Entry::Occupied(_) => faults.add(DiagnosticCode::DuplicateName, spec.span, message),
        }
    }

    pub(super) fn finish(self) -> BTreeMap<SpecName, Retention> {
        self.0
    }
}

/// Reads how long the data of one spec is kept, and its tags.
pub(crate) fn retention_of_keys(keys: Keys<'_>, faults: &mut Faults) -> Retention {
    let lifetime = keys.get("lifetime");
    let lifetime = lifetime.and_then(|it| read::parsed(it, faults));
    let keep = keys.get("garbageCollection");
    let keep = keep.and_then(|it| read::parsed(it, faults));
    let tags = keys.get("tags").and_then(|it| read::tags(it, faults));
    Retention {
        lifetime: lifetime.map(|it| it.value),
        keep: keep.map(|it| it.value),
        tags: tags.map(|it| it.value).unwrap_or_default(),
    }
}
