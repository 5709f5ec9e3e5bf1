//! A run that writes small resources, call after call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use sedge_model::call::{
    DataKind, DiscardedChanges, Refusals, StagedChange, StagedContent, StagedWrite,
};
use sedge_model::digest::Digest;
use sedge_model::lifetime::Lifetime;
use sedge_model::lineage::Lineage;
use sedge_model::names::{ModelName, RunId};
use sedge_model::run::{Actor, RunKind, RunOptions};
use sedge_store::{CallEnd, CallStart, Change, Claim, Origin, RunStart, Store};
use sedge_sys::folder::Folder;
use serde_json::{Value, json};

use crate::Result;

/// The size of each resource, in bytes.
pub(crate) const RESOURCE_BYTES: usize = 1 << 10;

/// The run, and its datastore.
pub(crate) struct Author {
    pub(crate) store: Arc<Store>,
    pub(crate) claim: Claim,
    n_calls: u32,
    n_written: u64,
}

impl Author {
    /// Begins a run in the datastore of a folder. Both are created if they do not exist.
    pub(crate) fn new(folder: &Path, run: u64) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let store = Store::create(&Folder::open(folder)?)?;
        let start = RunStart {
            id: RunId::from_bits(run),
            kind: RunKind::Method,
            subject: "m0".to_owned(),
            method: Some("record".to_owned()),
            source: None,
            inputs: None,
            exclusive: false,
            session: "bench".to_owned(),
            actor: Actor {
                name: "bench".to_owned(),
                uid: None,
            },
            by_call: None,
            options: RunOptions::default(),
        };
        let claim = store.run_start(&start, &[])?;
        Ok(Self {
            store: Arc::new(store),
            claim,
            n_calls: 0,
            n_written: 0,
        })
    }

    /// Returns the start and the end of the next call.
    pub(crate) fn call(
        &mut self,
        model: &ModelName,
        changes: Vec<Change>,
    ) -> Result<(CallStart, CallEnd)> {
        self.n_calls += 1;
        let root = Lineage::root(self.claim.run.clone());
        let lineage = root.child(1).child(self.n_calls);
        let origin = Origin {
            type_name: Some("@test/filer".parse()?),
            method: "record".parse()?,
            plugin: Digest::of(b"plugin").to_string(),
            definition: Some(Digest::of(b"definition")),
            environment: BTreeSet::new(),
        };
        let start = CallStart {
            lineage: lineage.clone(),
            step: None,
            model: model.clone(),
            method: origin.method.clone(),
            plugin: origin.plugin.clone(),
            arguments: json!({}),
            n_rollbacks: 0,
        };
        let end = CallEnd {
            lineage,
            step: None,
            model: model.clone(),
            origin,
            result: Ok(Value::Null),
            changes,
            bases: Vec::new(),
            discarded: DiscardedChanges::default(),
            refusals: Refusals::default(),
            published: Vec::new(),
            log: Vec::new(),
            used: Vec::new(),
            until_commit_us: 0,
            waited_us: 0,
            lock_epoch: 0,
            lock_owner: None,
        };
        Ok((start, end))
    }

    /// Returns a resource with unique content, which contains the number `n` of its name.
    pub(crate) fn resource(&mut self, name: &str, n: u64, tags: &[(&str, &str)]) -> Result<Change> {
        self.n_written += 1;
        let mut text = format!(r#"{{"n":{n},"written":{},"rest":""#, self.n_written);
        let n_missing = RESOURCE_BYTES - text.len() - r#""}"#.len();
        text.extend(std::iter::repeat_n('x', n_missing));
        text.push_str(r#""}"#);
        let tags = tags.iter();
        let tags = tags.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Ok(Change {
            staged: StagedChange::Write(StagedWrite {
                name: name.parse()?,
                kind: DataKind::Resource,
                spec: "record".parse()?,
                media_type: None,
                lifetime: None,
                keep: None,
                tags: tags.collect::<BTreeMap<_, _>>(),
                content: StagedContent::Text(text),
            }),
            lifetime: Lifetime::Infinite,
            keep: None,
        })
    }
}
