//! The parts of a nested call and of a process's start, each measured separately through the public
//! functions of its crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sedge_app::Repository;
use sedge_lang::type_info::MethodKind;
use sedge_locks::manager::{AcquireRequest, LockManager};
use sedge_locks::mode::{Mode, Resource};
use sedge_locks::session::Session;
use sedge_model::call::{DiscardedChanges, Refusals, StagedChange};
use sedge_model::lifetime::Lifetime;
use sedge_model::limits::ModelLimits;
use sedge_model::lineage::Lineage;
use sedge_model::names::{ModelName, RunId};
use sedge_model::permission::effective::{Permissions, Uses};
use sedge_model::permission::grants::Grants;
use sedge_model::run::{Actor, RunKind, RunOptions};
use sedge_runtime::{
    CachePlaces, CallIdentity, CallPart, CallReport, CallSpec, CodeCache, CoreDumps, Plugin,
    PluginError, Ports, Runtime, Staging, StagingAbove, Surroundings, Untouchable, Workload,
};
use sedge_store::{CallEnd, CallStart, Change, Claim, Origin, RunStart, Store};
use sedge_sys::clock::Moment;
use sedge_sys::folder::Folder;
use serde_json::json;

use crate::Result;
use crate::figures::Figures;
use crate::subjects::{
    PART_CALL, PART_COMMIT, PART_LOCK, PART_START, START_ENGINE, START_ENGINE_POOL, START_PLUGIN,
    START_REPOSITORY, START_STORE,
};

/// A deadline that no operation here reaches.
const AMPLE: Duration = Duration::from_secs(60);

/// The open parts of the host, each independent of the others.
pub(crate) struct Parts {
    folder: PathBuf,
    locks: Arc<LockManager>,
    store: Store,
    claim: Claim,
    n_calls: u32,
    runtime: Runtime,
    plugin: Arc<Plugin>,
    model: ModelName,
    permissions: Arc<Permissions>,
}

impl Parts {
    pub(crate) async fn new(folder: &Path) -> Result<Self> {
        for name in ["locks", "store"] {
            std::fs::create_dir(folder.join(name))?;
        }
        let store = Store::create(&Folder::open(&folder.join("store"))?)?;
        let start = RunStart {
            id: RunId::from_bits(1),
            kind: RunKind::Method,
            subject: "sink".to_owned(),
            method: Some("run".to_owned()),
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
        let runtime = runtime_in(folder, Workload::ManyCalls)?;
        let session = Session::begin(Folder::open(&folder.join("locks"))?)?;
        let component = std::fs::read(sedge_test_artifacts::SINK)?;
        let plugin = runtime.plugin_add(&component, |_| ()).await?.plugin;
        let model: ModelName = "sink".parse()?;
        let (nothing, type_name) = (Grants::default(), "@sedge/sink".parse()?);
        let permissions = Permissions::new(
            model.clone(),
            type_name,
            Vec::new(),
            &nothing,
            nothing.clone(),
        );
        Ok(Self {
            folder: folder.to_owned(),
            locks: LockManager::shared(Arc::new(session), Duration::from_secs(600))?,
            store,
            claim,
            n_calls: 0,
            runtime,
            plugin,
            model,
            permissions: Arc::new(permissions),
        })
    }

    /// Takes a sample of each part of a nested call.
    pub(crate) async fn sample(&mut self, figures: &mut Figures) -> Result<()> {
        self.n_calls += 1;
        let root = Lineage::root(self.claim.run.clone());
        let lineage = root.child(1).child(self.n_calls);

        let since = Instant::now();
        let ask = AcquireRequest {
            lineage: &lineage,
            under: None,
            what: "sink.run",
            wants: &[
                (Resource::Datastore, Mode::IX),
                (Resource::Model(self.model.clone()), Mode::X),
            ],
            deadline: Moment::now().after(AMPLE),
        };
        drop(self.locks.acquire(ask).await?);
        let since = figures.lap(PART_LOCK, since);

        let start = self.start(&lineage)?;
        self.store.call_start(&self.claim, start).wait()?;
        let since = figures.lap(PART_START, since);

        let report = self.call(&lineage).await?;
        let since = figures.lap(PART_CALL, since);

        let end = CallEnd {
            lineage,
            step: None,
            model: self.model.clone(),
            origin: Origin {
                type_name: Some(self.plugin.type_info().name.clone()),
                method: "run".parse()?,
                plugin: self.plugin.description().sha256.clone(),
                definition: None,
                environment: BTreeSet::new(),
            },
            result: report.result,
            changes: report.changes.into_iter().map(kept).collect(),
            bases: Vec::new(),
            discarded: DiscardedChanges::default(),
            refusals: Refusals::default(),
            published: Vec::new(),
            log: report.log,
            used: Vec::new(),
            until_commit_us: 0,
            waited_us: 0,
            lock_epoch: 0,
            lock_owner: None,
        };
        self.store.call_commit(&self.claim, end, None).wait()?;
        figures.lap(PART_COMMIT, since);
        Ok(())
    }

    /// Takes a sample of each part of a process's start, with warm caches.
    pub(crate) async fn sample_start(&self, figures: &mut Figures) -> Result<()> {
        let since = Instant::now();
        drop(Repository::open(&self.folder.join("repo"))?);
        let since = figures.lap(START_REPOSITORY, since);

        let store = Store::open(&Folder::open(&self.folder.join("store"))?)?;
        store.data_get(&self.model, &"record".parse()?, None)?;
        let since = figures.lap(START_STORE, since);
        drop(store);

        drop(runtime_in(&self.folder, Workload::ManyCalls)?);
        let since = figures.lap(START_ENGINE_POOL, since);
        let runtime = runtime_in(&self.folder, Workload::OneCall)?;
        let since = figures.lap(START_ENGINE, since);
        let sha256 = &self.plugin.description().sha256;
        let gone = async || Err(PluginError::CoreModule);
        drop(runtime.plugin_load(sha256, gone).await?);
        figures.lap(START_PLUGIN, since);
        Ok(())
    }

    fn start(&self, lineage: &Lineage) -> Result<CallStart> {
        Ok(CallStart {
            lineage: lineage.clone(),
            step: None,
            model: self.model.clone(),
            method: "run".parse()?,
            plugin: self.plugin.description().sha256.clone(),
            arguments: json!({}),
            n_rollbacks: 0,
        })
    }

    async fn call(&self, lineage: &Lineage) -> Result<CallReport> {
        let staging = Staging::new(
            self.model.clone(),
            lineage.clone(),
            StagingAbove::Nothing,
            64 << 20,
        );
        let spec = CallSpec {
            identity: Arc::new(CallIdentity {
                model: self.model.clone(),
                model_id: self.model.to_string(),
                tags: BTreeMap::new(),
                method: "run".parse()?,
                lineage: lineage.clone(),
                kind: MethodKind::Action,
                step: None,
                permissions: Arc::clone(&self.permissions),
                uses: Arc::new(Uses::new(Arc::clone(&self.permissions))),
                begin: Moment::now(),
                deadline: Moment::now().after(AMPLE),
                limits: ModelLimits::default(),
            }),
            part: CallPart::Method,
            secrets: Vec::new(),
            arguments: Arc::new(json!({})),
            global_arguments: Arc::new(json!({})),
            surroundings: Surroundings {
                folders: Vec::new(),
                untouchable: Untouchable::default(),
                variables: Vec::new(),
            },
            staging,
            admission: None,
            first_executed: None,
            ports: Ports::default(),
        };
        let report = self.runtime.call(&self.plugin, spec).await?;
        if report.result.is_err() || report.changes.len() != 1 {
            return Err(format!("`sink` did not write one record: {:?}", report.result).into());
        }
        Ok(report)
    }
}

/// Starts an engine whose compiled code is stored in a folder.
fn runtime_in(folder: &Path, workload: Workload) -> Result<Runtime> {
    let places = CachePlaces {
        code: Some(folder.join("code")),
        key: Some(folder.join("key")),
    };
    let cache = CodeCache::open(&places)?;
    Ok(Runtime::new(Some(cache), workload, CoreDumps::Off)?)
}

/// Returns a change to data that is kept forever.
fn kept(staged: StagedChange) -> Change {
    Change {
        staged,
        lifetime: Lifetime::Infinite,
        keep: None,
    }
}
