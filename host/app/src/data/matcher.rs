//! Evaluates a query on the versions that a scan reaches.

use std::collections::HashMap;

use sedge_lang::query::{DataRow, Query, RowFaults, Shown};
use sedge_model::names::RunId;
use sedge_model::run::RunKind;
use sedge_store::{DataRecord, Scanned, Store, StoreError};

use crate::error::AppError;

/// Evaluates a query on one version after the other, and counts its faults.
pub(crate) struct QueryMatcher<'q> {
    query: &'q Query,
    store: &'q Store,
    pub(crate) faults: RowFaults,
    /// The number of versions on which the query was evaluated.
    pub(crate) n_evaluated: u64,
    /// The workflows of the runs that were met, if the query uses them.
    workflows: HashMap<RunId, Option<String>>,
}

impl<'q> QueryMatcher<'q> {
    pub(crate) fn new(query: &'q Query, store: &'q Store) -> Self {
        Self {
            query,
            store,
            faults: RowFaults::default(),
            n_evaluated: 0,
            workflows: HashMap::new(),
        }
    }

    /// Returns the selected parts of a version. Returns `None` if the version does not match, or if
    /// an expression is wrong for it, which is counted.
    pub(crate) fn matched(&mut self, scanned: &Scanned<'_>) -> Result<Option<Shown>, AppError> {
        let record = &scanned.record;
        let texts = RowTexts::of(record);
        let mut row = DataRow {
            model: record.model.as_str(),
            name: record.name.as_str(),
            kind: record.kind.as_str(),
            spec: record.spec.as_str(),
            type_name: record
                .origin
                .type_name
                .as_ref()
                .map_or("", |it| it.as_str()),
            version: record.version,
            is_latest: record.is_latest,
            media_type: record.media_type(),
            size: record.size,
            digest: &texts.digest,
            tags: &record.tags,
            lifetime: &texts.lifetime,
            created_at_ms: record.created_at.0,
            run: record.by.run().as_str(),
            job: job_and_step(record).map(|it| it.0),
            step: job_and_step(record).map(|it| it.1),
            call: &texts.call,
            method: record.origin.method.as_str(),
            plugin: &record.origin.plugin,
            definition: &texts.definition,
            environment: &texts.environment,
            workflow: None,
            content: None,
        };
        // The content is read only if the rest does not exclude the version already.
        if !self.query.selection().admits(&row) {
            return Ok(None);
        }
        let content = match self.query.reads_content() {
            true => scanned.text()?,
            false => None,
        };
        let workflow = self.workflow(record)?;
        row.workflow = workflow.as_deref();
        row.content = content.as_deref();
        self.n_evaluated += 1;
        Ok(self.faults.evaluate(self.query, &row))
    }

    /// Returns the workflow whose step wrote a version, if the query uses it. The record of the run
    /// may be collected already.
    fn workflow(&mut self, record: &DataRecord) -> Result<Option<String>, AppError> {
        if record.step.is_none() || !self.query.reads_workflow() {
            return Ok(None);
        }
        let run = record.by.run();
        if let Some(known) = self.workflows.get(run) {
            return Ok(known.clone());
        }
        let name = match self.store.run_get(run) {
            Ok(it) => (it.kind == RunKind::Workflow).then_some(it.subject),
            Err(StoreError::RunMissing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        self.workflows.insert(run.clone(), name.clone());
        Ok(name)
    }
}

/// Returns the job and the step that wrote a version, if a step of a workflow did.
pub(crate) fn job_and_step(record: &DataRecord) -> Option<(&str, &str)> {
    record.step.as_deref()?.split_once('/')
}

/// The parts of a version that have to be converted to text.
struct RowTexts {
    digest: String,
    lifetime: String,
    call: String,
    definition: String,
    environment: Vec<String>,
}

impl RowTexts {
    fn of(record: &DataRecord) -> Self {
        let definition = record.origin.definition.map(|digest| digest.to_string());
        let environment = record.origin.environment.iter();
        Self {
            digest: record.digest.to_string(),
            lifetime: record.lifetime.to_string(),
            call: record.by.to_string(),
            // ignored: no error is dropped, because this is an `Option`.
            definition: definition.unwrap_or_default(),
            environment: environment.map(ToString::to_string).collect(),
        }
    }
}
