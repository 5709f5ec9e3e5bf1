//! What a running call can reach in the host: nested calls, and data to read.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sedge_model::call::{
    CallError, DataKind, LogLine, Outcome, Refusals, StagedChange, StagedContent, Undone, Written,
};
use sedge_model::names::{CommandName, DataName, ModelName, SecretName};
use sedge_model::permission::effective::{Denial, Use, Uses};
use sedge_model::query::Selection;
use sedge_model::type_info::MethodKind;
use sedge_runtime::{
    BoxFuture, CalleeError, CommandError, CommandRun, DataError, Fault, FileSink, FileSource,
    HostError, Identity, OpenedFile, Outside, ResourceVersion, VersionInfo,
};
use sedge_secrets::{SecretValue, StreamRedactor};
use sedge_store::{
    CallEnd, ContentReader, DataRecord, FileWriter, Scan, Scanned, Store, StoreError,
};
use serde_json::Value;

use super::commands;
use super::door::Door;
use super::replay::{Asked, Recalled, Replay};
use super::writes::{self, Writes};
use super::{CallFault, CallRequest, Caller, call_run};
use crate::error::AppError;
use crate::events::Event;
use crate::frame::BeingUndone;
use crate::run::cx::{ReadyModel, RunCx};

/// The host, as one call sees it.
pub(super) struct CallOutside {
    cx: Arc<RunCx>,
    ours: Ours,
    replay: Mutex<Option<Replay>>,
}

/// The parts that belong to the call itself.
pub(super) struct Ours {
    pub(super) model: Arc<ReadyModel>,
    pub(super) uses: Arc<Uses>,
    pub(super) identity: Identity,
    /// What its callees inherit from it.
    pub(super) caller: Arc<Caller>,
    pub(super) writes: Arc<Writes>,
}

impl CallOutside {
    pub(super) fn new(cx: &Arc<RunCx>, ours: Ours, replay: Option<Replay>) -> Self {
        Self {
            cx: Arc::clone(cx),
            ours,
            replay: Mutex::new(replay),
        }
    }

    fn door(&self) -> Door {
        Door::new(&self.cx.vault)
    }

    fn store(&self) -> Result<&Store, HostError> {
        self.cx.repository.store().map_err(store_fault)
    }

    /// Checks that the call may call or read a model, and records that it uses this permission.
    fn touched(&self, target: &str, touch: &str) -> Result<(), Denial> {
        self.ours.model.permissions.model(target, touch)?;
        self.ours.uses.mark(&Use::Model(target));
        Ok(())
    }

    /// Looks up a nested call in the record of interrupted attempts.
    fn recall(&self, ordinal: u32, asked: &Asked<'_>) -> Recalled {
        let mut replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = replay.as_ref() else {
            return Recalled::Nothing;
        };
        let recalled = known.recall(ordinal, asked);
        if let Recalled::Diverged = recalled {
            let call = self.ours.identity.lineage.child(ordinal);
            tracing::warn!(%call, target = asked.target, "the replay diverged, continuing live");
            *replay = None;
        }
        recalled
    }
}

impl Outside for CallOutside {
    fn call(
        &self,
        ordinal: u32,
        target: String,
        method: String,
        mut arguments: Value,
    ) -> BoxFuture<Result<Outcome, Fault<CalleeError>>> {
        // The callee must not receive a secret only because this call has seen it.
        let door = self.door();
        door.arguments(&mut arguments);
        if let Err(denial) = self.touched(&target, "call") {
            let reason = denial.to_string();
            let refused = CalleeError::refused(CallError::Denied { reason });
            return Box::pin(async { Err(Fault::Guest(refused)) });
        }
        // The replay compares the arguments in the form in which they are recorded.
        let mut recorded = arguments.clone();
        door.value(&mut recorded);
        let asked = Asked {
            target: &target,
            method: &method,
            arguments: &recorded,
        };
        let replay = match self.recall(ordinal, &asked) {
            Recalled::Ended(ended) => {
                let ended = ended.map_err(CalleeError::failed);
                return Box::pin(async { ended.map_err(Fault::Guest) });
            }
            Recalled::CutOff(replay) => Some(replay),
            Recalled::Nothing | Recalled::Diverged => None,
        };
        let (cx, caller) = (Arc::clone(&self.cx), Arc::clone(&self.ours.caller));
        let request = CallRequest {
            frame: self.ours.caller.frame.callee(ordinal),
            step: self.ours.identity.step.clone(),
            target,
            method,
            arguments,
            replay,
        };
        Box::pin(async move {
            call_run(&cx, request, Some(&caller))
                .await
                .map_err(|fault| match fault {
                    CallFault::Refused(error) => Fault::Guest(CalleeError::refused(error)),
                    CallFault::Failed(error) => Fault::Guest(CalleeError::failed(error)),
                    CallFault::App(error) => Fault::Host(Carried::wrap(error)),
                })
        })
    }

    fn readable(&self, model: &str) -> Result<ModelName, Fault<DataError>> {
        if let Err(denial) = self.touched(model, "read") {
            return Err(Fault::Guest(DataError::Denied(denial.to_string())));
        }
        let not_found = || Fault::Guest(DataError::ModelNotFound(model.to_owned()));
        let name: ModelName = model.parse().map_err(|_| not_found())?;
        if name == self.ours.identity.model {
            return Ok(name);
        }
        match self.cx.repository.folder().has(&name.file()) {
            Ok(true) => Ok(name),
            Ok(false) => Err(not_found()),
            Err(error) => Err(Fault::Host(Carried::wrap(error.into()))),
        }
    }

    fn resource(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<ResourceVersion>, HostError> {
        let store = self.store()?;
        let found = store.data_open(model, name, version).map_err(store_fault)?;
        let Some((record, content)) = found else {
            return Ok(None);
        };
        if record.kind == DataKind::File {
            return Ok(None);
        }
        let content = content.read_all().map_err(store_fault)?;
        let unreadable = |error| HostError::new(NotText(record.name.clone(), error));
        Ok(Some(ResourceVersion {
            content: String::from_utf8(content).map_err(unreadable)?,
            info: version_info(record.clone()),
        }))
    }

    fn versions(&self, model: &ModelName, name: &DataName) -> Result<Vec<VersionInfo>, HostError> {
        let versions = self.store()?.data_versions(model, name);
        let versions = versions.map_err(store_fault)?.into_iter();
        Ok(versions.map(version_info).collect())
    }

    fn list(
        &self,
        model: &ModelName,
        prefix: &str,
        after: Option<&str>,
        n_max: usize,
    ) -> Result<Vec<VersionInfo>, HostError> {
        let selection = Selection {
            model: Some(model.to_string()),
            name_prefix: Some(prefix.to_owned()),
            name_after: after.map(str::to_owned),
            latest: Some(true),
            ..Selection::default()
        };
        let mut list = Vec::new();
        let take = |scanned: &Scanned<'_>| {
            if list.len() == n_max {
                return Ok::<_, StoreError>(Scan::Enough);
            }
            list.push(version_info(scanned.record.clone()));
            Ok(Scan::More)
        };
        let scanned = self.store()?.data_scan(&selection, take);
        scanned.map_err(store_fault)?;
        Ok(list)
    }

    fn file_create(&self) -> Result<Box<dyn FileSink>, HostError> {
        Ok(Box::new(Sink {
            file: self.store()?.file_create(),
            redactor: self.door().stream(),
            writes: Arc::clone(&self.ours.writes),
        }))
    }

    fn file_open(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<OpenedFile>, HostError> {
        let found = self.store()?.data_open(model, name, version);
        let found = found.map_err(store_fault)?;
        Ok(found.map(|(record, content)| {
            let source: Box<dyn FileSource> = Box::new(Source(content));
            (version_info(record), source)
        }))
    }

    fn staged_open(&self, content: &StagedContent) -> Result<Box<dyn FileSource>, HostError> {
        let opened = self.store()?.staged_open(content);
        Ok(Box::new(Source(opened.map_err(store_fault)?)))
    }

    fn publish(
        &self,
        mut staged: Vec<StagedChange>,
    ) -> BoxFuture<Result<Vec<Written>, Fault<DataError>>> {
        self.door().changes(&mut staged);
        let ours = &self.ours;
        let so_far = CallEnd {
            lineage: ours.identity.lineage.clone(),
            step: ours.identity.step.clone(),
            model: ours.identity.model.clone(),
            origin: ours.writes.origin.clone(),
            result: Ok(Value::Null),
            changes: writes::changes(&ours.model, staged),
            undone: Undone::default(),
            refusals: Refusals::default(),
            published: Vec::new(),
            log: Vec::new(),
            used: Vec::new(),
            until_commit_us: 0,
            waited_us: 0,
            lock_epoch: ours.writes.lock_epoch,
        };
        let (cx, frame) = (Arc::clone(&self.cx), Arc::clone(&ours.caller.frame));
        Box::pin(async move {
            if let Err(BeingUndone) = frame.publish() {
                // The call is being rolled back: the task that does so drops this future.
                std::future::pending().await
            }
            let store = cx.repository.store();
            let store = store.map_err(|error| Fault::Host(store_fault(error)))?;
            match store.call_publish(&cx.claim, so_far).await {
                Ok(written) => Ok(written),
                Err(error @ StoreError::NotOwner { .. }) => {
                    Err(Fault::Guest(DataError::Denied(error.to_string())))
                }
                Err(error) => Err(Fault::Host(store_fault(error))),
            }
        })
    }

    fn escaping(&self) -> BoxFuture<()> {
        let frame = Arc::clone(&self.ours.caller.frame);
        Box::pin(async move {
            if let Err(BeingUndone) = frame.publish() {
                // The call is being rolled back: the task that does so drops this future.
                std::future::pending().await
            }
        })
    }

    fn secret(&self, name: &SecretName) -> Result<Option<SecretValue>, HostError> {
        let Identity {
            model,
            method,
            lineage,
            ..
        } = &self.ours.identity;
        let by = format!("{model}.{method}, call {lineage}");
        let value = self.cx.vault.get(&self.cx.repository, name, &by);
        value.map_err(store_fault)
    }

    fn command(
        &self,
        name: &CommandName,
        arguments: Vec<String>,
        stdin: Vec<u8>,
    ) -> Result<CommandRun, CommandError> {
        let by = commands::By {
            lineage: self.ours.identity.lineage.clone(),
            only_reads: self.ours.caller.kind == MethodKind::Read,
            writable: Arc::clone(&self.ours.caller.writable),
        };
        let asked = commands::Asked {
            name,
            arguments,
            stdin,
        };
        commands::prepare(&self.cx, by, asked)
    }

    fn logged(&self, line: &mut LogLine) {
        self.door().line(line);
        self.cx.event(Event::Logged {
            model: self.ours.identity.model.clone(),
            method: self.ours.identity.method.clone(),
            line: line.clone(),
        });
    }
}

/// A resource whose bytes are not UTF-8 text, although its digest matches.
#[derive(Debug, thiserror::Error)]
#[error("the resource `{0}` is not text")]
struct NotText(DataName, #[source] std::string::FromUtf8Error);

/// A file that a call is writing.
struct Sink {
    file: FileWriter,
    redactor: StreamRedactor,
    writes: Arc<Writes>,
}

impl FileSink for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        let bytes = self.redactor.push(bytes);
        self.file.write(&bytes).map_err(store_fault)
    }

    fn finish(self: Box<Self>) -> Result<StagedContent, HostError> {
        let Self {
            mut file,
            redactor,
            writes,
        } = *self;
        file.write(&redactor.finish()).map_err(store_fault)?;
        let (content, passing) = file.finish().map_err(store_fault)?;
        if let Some(passing) = passing {
            writes.keep(passing);
        }
        Ok(content)
    }
}

/// Content that a call reads.
struct Source(ContentReader);

impl FileSource for Source {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HostError> {
        self.0.read(buffer).map_err(store_fault)
    }
}

fn version_info(record: DataRecord) -> VersionInfo {
    VersionInfo {
        media_type: record.media_type().to_owned(),
        model: record.model,
        name: record.name,
        kind: record.kind,
        spec: record.spec,
        version: Some(record.version),
        created_at_ms: Some(record.created_at.0),
        size: record.size,
        tags: record.tags,
    }
}

pub(super) fn store_fault(error: impl Into<AppError>) -> HostError {
    Carried::wrap(error.into())
}

/// An error of the host that passes through the guests to the root of the run.
///
/// Each guest in between ends, and the root receives the error unchanged.
pub(super) struct Carried(Mutex<Option<AppError>>, String);

impl Carried {
    fn wrap(error: AppError) -> HostError {
        let text = error.to_string();
        HostError::new(Self(Mutex::new(Some(error)), text))
    }

    pub(super) fn take(&self) -> Option<AppError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

impl std::error::Error for Carried {}
