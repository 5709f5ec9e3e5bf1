//! Reads the data that a call may read, and stores the files that it writes.

use std::borrow::Cow;
use std::sync::Arc;

use sedge_model::call::{
    BaseVersion, DataKind, DiscardedChanges, NameBase, Refusals, StagedChange, StagedContent,
    StagedWrite, Written,
};
use sedge_model::names::{DataName, ModelName};
use sedge_runtime::{
    BoxFuture, ChangesToCommit, DataAccessError, DataFilter, DataListed, DataPort, FileSink,
    FileSource, GuestQuery, GuestQueryPage, HostError, OpenedFile, PageLimits, RequestFault,
    ResourceVersion, SealDraft, ShownContent, VersionInfo,
};
use sedge_secrets::StreamRedactor;
use sedge_store::{BlobWriter, CallEnd, ContentReader, DataRecord, StoreError};
use serde_json::Value;

use super::CallPorts;
use crate::call::fault::carried;
use crate::call::field_access::SealedSource;
use crate::call::writes::{self, Writes, changed_name};

impl DataPort for CallPorts {
    fn readable(&self, model: &str) -> Result<ModelName, RequestFault<DataAccessError>> {
        if let Err(denial) = self.touched(model, "read") {
            return Err(RequestFault::Guest(DataAccessError::Denied(
                denial.to_string(),
            )));
        }
        let not_found = || RequestFault::Guest(DataAccessError::ModelNotFound(model.to_owned()));
        let name: ModelName = model.parse().map_err(|_| not_found())?;
        if name == self.identity().model {
            return Ok(name);
        }
        match self.cx.repository.has_model(&name) {
            Ok(true) => Ok(name),
            Ok(false) => Err(not_found()),
            Err(error) => Err(RequestFault::Host(carried(error))),
        }
    }

    fn resource(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<ResourceVersion>, RequestFault<DataAccessError>> {
        let store = self.store().map_err(RequestFault::Host)?;
        let found = store.data_open(model, name, version).map_err(failed)?;
        let Some((record, content)) = found else {
            return Ok(None);
        };
        if record.kind == DataKind::File {
            return Ok(None);
        }
        Ok(Some(ResourceVersion {
            content: self.committed_text(&record, content)?,
            info: version_info(record),
        }))
    }

    fn fields_seal(
        &self,
        draft: &SealDraft<'_>,
        content: &mut Value,
    ) -> Result<(), RequestFault<DataAccessError>> {
        self.seal(draft, content)
    }

    fn staged_text(
        &self,
        model: &ModelName,
        write: &StagedWrite,
        text: &str,
    ) -> Result<ShownContent, RequestFault<DataAccessError>> {
        self.shown(&SealedSource::staged(self.identity(), model, write), text)
    }

    fn versions(&self, model: &ModelName, name: &DataName) -> Result<Vec<VersionInfo>, HostError> {
        let versions = self.store()?.data_versions(model, name);
        let versions = versions.map_err(carried)?.into_iter();
        Ok(versions.map(version_info).collect())
    }

    fn latest(&self, name: &DataName) -> Result<NameBase, HostError> {
        let found = self.store()?.data_get(&self.identity().model, name, None);
        Ok(match found.map_err(carried)? {
            Some(record) => NameBase {
                name: record.name,
                version: Some(BaseVersion {
                    version: record.version,
                    by: record.by,
                }),
            },
            None => NameBase {
                name: name.clone(),
                version: None,
            },
        })
    }

    fn latest_of_change(&self, change: &StagedChange) -> Result<NameBase, HostError> {
        match change {
            StagedChange::Write(write) => match writes::varied_name(self.writes.labels(), write) {
                Some(name) => self.latest(&name),
                None => self.latest(&write.name),
            },
            StagedChange::Delete { name, .. } => self.latest(name),
        }
    }

    fn list(
        &self,
        model: &ModelName,
        filter: &DataFilter,
        limits: &PageLimits,
        is_hidden: &dyn Fn(&DataName) -> bool,
    ) -> Result<DataListed, HostError> {
        self.listed(model, filter, limits, is_hidden)
    }

    fn query(
        &self,
        query: &GuestQuery<'_>,
    ) -> Result<GuestQueryPage, RequestFault<DataAccessError>> {
        self.queried(query)
    }

    fn file_create(&self) -> Result<Box<dyn FileSink>, HostError> {
        Ok(Box::new(Sink {
            file: self.store()?.file_create(),
            redactors: self.redactor().streams(),
            writes: Arc::clone(&self.writes),
        }))
    }

    fn file_open(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<OpenedFile>, RequestFault<DataAccessError>> {
        let store = self.store().map_err(RequestFault::Host)?;
        let found = store.data_open(model, name, version).map_err(failed)?;
        let Some((record, content)) = found else {
            return Ok(None);
        };
        if record.kind == DataKind::File {
            return Ok(Some(OpenedFile {
                info: version_info(record),
                source: Box::new(Source(content)),
                hidden: None,
            }));
        }
        let shown = self.committed_text(&record, content)?;
        let mut info = version_info(record);
        info.size = shown.text.len() as u64;
        let text = StagedContent::Text(shown.text);
        Ok(Some(OpenedFile {
            info,
            source: self.staged_open(&text).map_err(RequestFault::Host)?,
            hidden: shown.hidden,
        }))
    }

    fn staged_open(&self, content: &StagedContent) -> Result<Box<dyn FileSource>, HostError> {
        let opened = self.store()?.staged_open(content);
        Ok(Box::new(Source(opened.map_err(carried)?)))
    }

    fn publish(
        &self,
        staged: ChangesToCommit,
    ) -> BoxFuture<Result<Vec<Written>, RequestFault<DataAccessError>>> {
        let ChangesToCommit {
            changes: mut staged,
            bases,
        } = staged;
        self.redactor().changes(&mut staged);
        let bases = writes::bases(self.writes.labels(), &staged, bases);
        let changes = match writes::changes(&self.model, self.writes.labels(), staged) {
            Ok(changes) => changes,
            Err(error) => {
                let denied = DataAccessError::Denied(error.to_string());
                return Box::pin(async move { Err(RequestFault::Guest(denied)) });
            }
        };
        let so_far = CallEnd {
            lineage: self.identity().lineage.clone(),
            step: self.identity().step.clone(),
            model: self.identity().model.clone(),
            origin: self.writes.origin.clone(),
            result: Ok(Value::Null),
            changes,
            bases,
            discarded: DiscardedChanges::default(),
            refusals: Refusals::default(),
            published: Vec::new(),
            log: Vec::new(),
            used: Vec::new(),
            until_commit_us: 0,
            waited_us: 0,
            lock_epoch: self.writes.lock_epoch,
            lock_owner: self.cx.lock_owner(&self.caller.frame),
        };
        let cx = Arc::clone(&self.cx);
        Box::pin(async move {
            let store = cx.repository.store();
            let store = store.map_err(|error| RequestFault::Host(carried(error)))?;
            match store.call_publish(&cx.claim, so_far).await {
                Ok(written) => Ok(written),
                Err(error @ StoreError::NotOwner { .. }) => Err(RequestFault::Guest(
                    DataAccessError::Denied(error.to_string()),
                )),
                Err(error @ StoreError::ChangedMeanwhile { .. }) => {
                    Err(RequestFault::Guest(DataAccessError::ChangedMeanwhile {
                        name: changed_name(&error),
                        reason: error.to_string(),
                    }))
                }
                Err(error) => Err(RequestFault::Host(carried(error))),
            }
        })
    }
}

impl CallPorts {
    /// Returns the content of a committed resource as the call may read it.
    fn committed_text(
        &self,
        record: &DataRecord,
        content: ContentReader,
    ) -> Result<ShownContent, RequestFault<DataAccessError>> {
        let bytes = content.read_all().map_err(failed)?;
        let unreadable = |error| HostError::new(NotText(record.name.clone(), error));
        let text =
            String::from_utf8(bytes).map_err(|error| RequestFault::Host(unreadable(error)))?;
        self.shown(&SealedSource::committed(record), &text)
    }
}

fn failed(error: StoreError) -> RequestFault<DataAccessError> {
    RequestFault::Host(carried(error))
}

/// A resource whose bytes are not UTF-8 text, although its digest matches.
#[derive(Debug, thiserror::Error)]
#[error("the resource `{0}` is no text")]
struct NotText(DataName, #[source] std::string::FromUtf8Error);

/// A file that a call is writing.
struct Sink {
    file: BlobWriter,
    /// Each redacts what the one before it left.
    redactors: Vec<StreamRedactor>,
    writes: Arc<Writes>,
}

impl FileSink for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        let redacted = pushed(&mut self.redactors, bytes);
        self.file.write(&redacted).map_err(carried)
    }

    fn finish(self: Box<Self>) -> Result<StagedContent, HostError> {
        let Self {
            mut file,
            mut redactors,
            writes,
        } = *self;
        // What the first redactor held back passes through the others, and so on.
        while !redactors.is_empty() {
            let held = redactors.remove(0).finish();
            let redacted = pushed(&mut redactors, &held);
            file.write(&redacted).map_err(carried)?;
        }
        let (content, passing) = file.finish().map_err(carried)?;
        if let Some(passing) = passing {
            writes.keep(passing);
        }
        Ok(content)
    }
}

/// Passes bytes through redactors, and returns the output that is final.
fn pushed<'b>(redactors: &mut [StreamRedactor], bytes: &'b [u8]) -> Cow<'b, [u8]> {
    let mut output = Cow::Borrowed(bytes);
    for redactor in redactors {
        output = Cow::Owned(redactor.push(&output).into_owned());
    }
    output
}

/// Content that a call reads.
struct Source(ContentReader);

impl FileSource for Source {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HostError> {
        self.0.read(buffer).map_err(carried)
    }
}

pub(super) fn version_info(record: DataRecord) -> VersionInfo {
    VersionInfo {
        media_type: record.media_type().to_owned(),
        model: record.model,
        name: record.name,
        kind: record.kind,
        spec: record.spec,
        version: Some(record.version),
        created_at_ms: Some(record.created_at.0),
        by: Some(record.by),
        size: record.size,
        tags: record.tags,
    }
}
