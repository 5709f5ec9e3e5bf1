//! Retention: deletes versions that have expired or exceed the number to keep, old runs, and files
//! that no row refers to.

use std::collections::{BTreeMap, HashMap, HashSet};

use sedge_lang::diagnostic::SourceFile;
use sedge_lang::workflow::Workflow;
use sedge_model::call::CallStatus;
use sedge_model::digest::{DIGEST_BYTES, Digest};
use sedge_model::lifetime::{Keep, Lifetime, Retention};
use sedge_model::names::{DataName, JobName, ModelName, RunId, SpecName, WorkflowName};
use sedge_model::run::{Actor, ExpansionName, RunEvent, RunStatus, StepInstance, StepPath};

use crate::Store;
use crate::audit::audit_runs_deleted;
use crate::changes::{data_settle, digest_of, version_delete};
use crate::door::{Durability, RowFlow, SqlRow, Tx, TxFault, values};
use crate::error::StoreError;
use crate::format::{StoredWord, read_word};
use crate::names::{DataDeleted, WritePermit};
use crate::run_log::events_after;
use crate::runs::{RunRecord, run_record, word};
use crate::statements;

/// The number of versions, runs or files per transaction. Other processes can write between
/// transactions.
const BATCH: usize = 512;

/// The most scopes whose state is cached.
const ENDED_CACHED_MAX: usize = 10_000;

/// The rules of a collection.
#[derive(Debug, Clone, Default)]
pub struct GcRules {
    /// The current time for computing ages, in milliseconds since 1970.
    pub now_ms: u64,
    /// Retention set by operators, which takes precedence over the rules recorded with a version.
    pub overrides: BTreeMap<ModelName, BTreeMap<SpecName, Retention>>,
    /// Whether the latest version of a name is deleted, too, if it has expired.
    pub with_latest: bool,
}

/// What a collection removed, or would remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcReport {
    /// The deleted versions, by name.
    pub deleted: Vec<DataDeleted>,
    /// The number of removed files of large content, and their bytes.
    pub files: (u64, u64),
    /// The number of removed unfinished files of crashed processes, and their bytes.
    pub unfinished: (u64, u64),
    /// The number of names whose latest version has expired and is kept.
    pub n_latest_kept: u64,
}

/// A version that is to be deleted.
#[derive(Debug, Clone, Copy)]
struct Expired {
    data: i64,
    version: u64,
    file: Option<Digest>,
}

impl Store {
    /// Returns what [`Store::data_gc`] would remove.
    ///
    /// # Errors
    /// The database or the disk fails.
    pub fn data_gc_plan(&self, rules: &GcRules) -> Result<GcReport, StoreError> {
        let (expired, mut report) = self.expired(rules)?;
        let mut n_gone: HashMap<Digest, u64> = HashMap::new();
        for file in expired.iter().filter_map(|expired| expired.file) {
            *n_gone.entry(file).or_default() += 1;
        }
        for (digest, size) in self.blobs.list()? {
            let n_used: u64 = self.door.read("count references", |tx| {
                tx.value(statements::FILE_USES, &values![digest.0.as_slice()])
            })?;
            if n_used == n_gone.get(&digest).copied().unwrap_or(0) {
                report.files.0 += 1;
                report.files.1 += size;
            }
        }
        report.unfinished = sum(&self.blobs.passing_list()?);
        Ok(report)
    }

    /// Deletes the versions that need not be kept, and files without references. The caller must
    /// hold the exclusive lock on the datastore.
    ///
    /// A version and its dependent rows are deleted in one transaction, and files only after that
    /// is durable. If this is interrupted, no needed file is missing, and the next collection
    /// removes the rest.
    ///
    /// # Errors
    /// The database or the disk fails, or [`StoreError::LockLost`].
    pub fn data_gc(&self, permit: &WritePermit, rules: &GcRules) -> Result<GcReport, StoreError> {
        let (expired, mut report) = self.expired(rules)?;
        for batch in expired.chunks(BATCH) {
            self.door
                .write("delete old versions", Durability::PowerLoss, |tx| {
                    permit.check(tx)?;
                    for (at, expired) in batch.iter().enumerate() {
                        version_delete(tx, expired.data, expired.version)?;
                        let next = batch.get(at + 1);
                        if next.is_none_or(|next| next.data != expired.data) {
                            data_settle(tx, expired.data)?;
                        }
                    }
                    Ok(())
                })?;
        }
        report.files = self.sweep(permit)?;
        report.unfinished = self.unfinished_remove()?;
        Ok(report)
    }

    /// Removes the files that no row refers to, and the unfinished files of processes that have
    /// ended. Returns their number and bytes. No version is deleted. The caller must hold the
    /// exclusive lock on the datastore.
    ///
    /// # Errors
    /// The database or the disk fails, or [`StoreError::LockLost`].
    pub fn leftovers_remove(&self, permit: &WritePermit) -> Result<(u64, u64), StoreError> {
        let files = self.sweep(permit)?;
        let unfinished = self.unfinished_remove()?;
        Ok((files.0 + unfinished.0, files.1 + unfinished.1))
    }

    /// Removes unfinished files, and returns their number and total size in bytes. The caller must
    /// hold the exclusive lock on the datastore. Then no process is writing such a file.
    pub(crate) fn unfinished_remove(&self) -> Result<(u64, u64), StoreError> {
        let unfinished = self.blobs.passing_list()?;
        for (path, _) in &unfinished {
            self.blobs.forget(path);
        }
        Ok(sum(&unfinished))
    }

    /// Removes the files that no row refers to, and returns their number and bytes.
    pub(crate) fn sweep(&self, permit: &WritePermit) -> Result<(u64, u64), StoreError> {
        self.unused_remove(permit, &self.blobs.list()?)
    }

    /// Removes those of these files that no row refers to, and returns their number and bytes.
    fn unused_remove(
        &self,
        permit: &WritePermit,
        files: &[(Digest, u64)],
    ) -> Result<(u64, u64), StoreError> {
        let mut swept = (0, 0);
        for batch in files.chunks(BATCH) {
            // No process can commit a reference between the check and the removal.
            let removed =
                self.door
                    .write("remove unused files", Durability::ProcessCrash, |tx| {
                        permit.check(tx)?;
                        let mut removed = (0, 0);
                        for (digest, size) in batch {
                            let key = values![digest.0.as_slice()];
                            if tx
                                .first(statements::FILE_IS_USED, &key, |_| Ok(()))?
                                .is_none()
                            {
                                self.blobs.remove(digest)?;
                                removed.0 += 1;
                                removed.1 += size;
                            }
                        }
                        Ok(removed)
                    })?;
            swept.0 += removed.0;
            swept.1 += removed.1;
        }
        Ok(swept)
    }

    fn expired(&self, rules: &GcRules) -> Result<(Vec<Expired>, GcReport), StoreError> {
        self.door.read("look for old versions", |tx| {
            let mut scan = GcScan::new(rules);
            tx.each(statements::VERSIONS_FOR_GC, &[], |row| {
                scan.visit(tx, row)?;
                Ok(RowFlow::More)
            })?;
            scan.report
                .deleted
                .sort_by(|one, other| (&one.model, &one.name).cmp(&(&other.model, &other.name)));
            Ok((scan.expired, scan.report))
        })
    }

    /// Returns the runs that ended before a time, in milliseconds since 1970, the oldest first.
    /// A run that is a part of another one is not returned: it is kept as long as that one.
    ///
    /// # Errors
    /// The database fails.
    pub fn runs_ended_before(&self, time_ms: u64) -> Result<Vec<RunRecord>, StoreError> {
        self.door.read("look for old runs", |tx| {
            tx.all(statements::RUNS_ENDED_BEFORE, &values![time_ms], run_record)
        })
    }

    /// Deletes runs that have ended, with their events, calls, logs and the runs that are a part of
    /// them. The data that they wrote and the audit are kept. A run that was resumed meanwhile, that
    /// is a part of another run, or of which a call started a run that has not
    /// ended, is kept, too. Each transaction notes in the audit how many runs `by`
    /// has deleted, without those that were a part of them. Returns their number. The caller must hold
    /// the exclusive lock on the datastore.
    ///
    /// # Errors
    /// The database fails, or [`StoreError::LockLost`].
    pub fn runs_delete(
        &self,
        permit: &WritePermit,
        runs: &[RunId],
        by: &Actor,
    ) -> Result<u64, StoreError> {
        let mut n_deleted = 0;
        for batch in runs.chunks(BATCH) {
            let (n, files) = self
                .door
                .write("delete old runs", Durability::PowerLoss, |tx| {
                    permit.check(tx)?;
                    let mut files = Vec::new();
                    let mut n_deleted = 0;
                    for run in batch {
                        if run_delete(tx, run, &mut files)? {
                            n_deleted += 1;
                        }
                    }
                    if n_deleted > 0 {
                        audit_runs_deleted(tx, by, n_deleted)?;
                    }
                    Ok((n_deleted, files))
                })?;
            n_deleted += n;
            self.unused_remove(permit, &files)?;
        }
        Ok(n_deleted)
    }
}

/// Deletes a run that has ended, with the runs that are a part of it. Notes the files of what
/// their steps were started with. Returns false if the run is kept.
fn run_delete(tx: &Tx<'_>, run: &RunId, files: &mut Vec<(Digest, u64)>) -> Result<bool, TxFault> {
    let id = values![run.as_str()];
    let found: Option<RunStatus> = status(tx, statements::RUN_STATUS_GET, &id)?;
    let parent = tx.first(statements::RUN_PARENT, &id, |row| {
        row.get::<Option<String>>(0)
    })?;
    if !found.is_some_and(RunStatus::is_final) || parent.flatten().is_some() {
        return Ok(false);
    }
    let mut all = vec![run.as_str().to_owned()];
    let mut at = 0;
    while let Some(of) = all.get(at) {
        let children = tx.all(statements::RUN_CHILD_IDS, &values![of], |row| row.get(0))?;
        all.extend::<Vec<String>>(children);
        at += 1;
    }
    // A run that a call started may wait for a decision after the run of the call has ended.
    for run in all.iter().skip(1) {
        let unended = tx.first(statements::RUN_OF_CALL_UNENDED, &values![run], |_| Ok(()))?;
        if unended.is_some() {
            return Ok(false);
        }
    }
    // A parent is before its children, and a row of a child refers to it.
    for run in all.iter().rev() {
        let id = values![run];
        files.extend(tx.all(statements::RUN_FILES, &id, |row| {
            Ok((digest_of(row, 0)?, row.get::<u64>(1)?))
        })?);
        for delete in statements::RUN_DELETE {
            tx.execute(delete, &id)?;
        }
    }
    Ok(true)
}

fn sum(files: &[(String, u64)]) -> (u64, u64) {
    let n_bytes = files.iter().map(|(_, size)| size).sum();
    (files.len() as u64, n_bytes)
}

fn status<T: StoredWord>(
    tx: &Tx<'_>,
    statement: &str,
    key: &[crate::door::SqlValue<'_>],
) -> Result<Option<T>, TxFault> {
    tx.first(statement, key, |row| {
        row.text(0, |text| read_word("status", text))?
    })
}

/// A scan over all versions, each name's latest first, that collects the versions to delete.
struct GcScan<'a> {
    rules: &'a GcRules,
    /// The current name, and the number of its versions so far.
    data: Option<(i64, u32)>,
    /// The cached states of runs and parts of runs: whether they have ended.
    ended: HashMap<(String, Scope), bool>,
    expired: Vec<Expired>,
    report: GcReport,
}

impl<'a> GcScan<'a> {
    fn new(rules: &'a GcRules) -> Self {
        Self {
            rules,
            data: None,
            ended: HashMap::new(),
            expired: Vec::new(),
            report: GcReport::default(),
        }
    }

    fn visit(&mut self, tx: &Tx<'_>, row: &SqlRow<'_>) -> Result<(), TxFault> {
        let id: i64 = row.get(0)?;
        let rank = match self.data {
            Some((data, n)) if data == id => n + 1,
            Some(_) | None => 1,
        };
        self.data = Some((id, rank));
        let version = Candidate::read(row)?;
        let (lifetime, keep) = self.retention(&version);
        let is_over = self.is_over(tx, &version, lifetime)?;
        let is_deleted = if rank == 1 {
            self.report.n_latest_kept += u64::from(is_over && !self.rules.with_latest);
            is_over && self.rules.with_latest
        } else {
            is_over || self.is_beyond(&version, rank, keep)
        };
        if is_deleted {
            self.delete(id, version);
        }
        Ok(())
    }

    fn delete(&mut self, data: i64, version: Candidate) {
        self.expired.push(Expired {
            data,
            version: version.version,
            file: version.file,
        });
        match self.report.deleted.last_mut() {
            Some(last) if (&last.model, &last.name) == (&version.model, &version.name) => {
                last.n_versions += 1;
                last.n_bytes += version.size;
            }
            Some(_) | None => self.report.deleted.push(DataDeleted {
                model: version.model,
                name: version.name,
                n_versions: 1,
                n_bytes: version.size,
            }),
        }
    }

    fn retention(&self, version: &Candidate) -> (Lifetime, Option<Keep>) {
        let rule = self.rules.overrides.get(&version.model);
        let rule = rule.and_then(|specs| specs.get(&version.spec));
        let lifetime = rule.and_then(|rule| rule.lifetime);
        let keep = rule.and_then(|rule| rule.keep);
        (lifetime.unwrap_or(version.lifetime), keep.or(version.keep))
    }

    fn is_over(
        &mut self,
        tx: &Tx<'_>,
        version: &Candidate,
        lifetime: Lifetime,
    ) -> Result<bool, TxFault> {
        let scope = match lifetime {
            Lifetime::For(span) => return Ok(self.is_older(version, span.ms())),
            Lifetime::Infinite => return Ok(false),
            Lifetime::Ephemeral => {
                // ignored: an `Option`; `split` always returns a first part.
                let call = version.path.split('/').next().unwrap_or_default();
                Scope::Call(call.to_owned())
            }
            Lifetime::Job => match version.step.as_deref().and_then(|it| it.split_once('/')) {
                Some((job, _)) => Scope::Job(job.to_owned()),
                None => Scope::Run,
            },
            Lifetime::Workflow => Scope::Run,
        };
        let key = (version.run.clone(), scope);
        if let Some(has_ended) = self.ended.get(&key) {
            return Ok(*has_ended);
        }
        let has_ended = has_ended(tx, &key.0, &key.1)?;
        if self.ended.len() >= ENDED_CACHED_MAX {
            self.ended.clear();
        }
        self.ended.insert(key, has_ended);
        Ok(has_ended)
    }

    fn is_beyond(&self, version: &Candidate, rank: u32, keep: Option<Keep>) -> bool {
        match keep {
            Some(Keep::Versions(n)) => rank > n.get(),
            Some(Keep::Age(span)) => self.is_older(version, span.ms()),
            None => false,
        }
    }

    fn is_older(&self, version: &Candidate, age_ms: u64) -> bool {
        version.created_at_ms.saturating_add(age_ms) <= self.rules.now_ms
    }
}

/// The scope that a lifetime without a duration is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scope {
    /// A top-level call of a run.
    Call(String),
    /// A job of a run.
    Job(String),
    /// The run.
    Run,
}

fn has_ended(tx: &Tx<'_>, run: &str, scope: &Scope) -> Result<bool, TxFault> {
    let found: Option<RunStatus> = status(tx, statements::RUN_STATUS_GET, &values![run])?;
    // A run without a record has ended and was deleted.
    if found.is_none_or(RunStatus::is_final) {
        return Ok(true);
    }
    match scope {
        Scope::Run => Ok(false),
        Scope::Call(path) => {
            let call: Option<CallStatus> =
                status(tx, statements::CALL_STATUS_GET, &values![run, path])?;
            Ok(call != Some(CallStatus::Running))
        }
        Scope::Job(job) => job_has_ended(tx, run, job),
    }
}

/// Returns whether every step of a job has ended.
fn job_has_ended(tx: &Tx<'_>, run: &str, job: &str) -> Result<bool, TxFault> {
    let source = tx.first(statements::RUN_SOURCE_NAMED, &values![run], |row| {
        Ok((row.get::<String>(0)?, row.get::<Option<String>>(1)?))
    })?;
    let Some((subject, Some(text))) = source else {
        return Ok(false);
    };
    let name: WorkflowName = word("workflow name", subject)?;
    let file = SourceFile::new(name.file(), text);
    // If this version of Sedge cannot parse the workflow, the data is kept until the run has ended.
    let Ok(workflow) = Workflow::parse(&file) else {
        return Ok(false);
    };
    let run: RunId = word("run id", run.to_owned())?;
    let events = events_after(tx, &run, 0)?;
    let mut ends = StepEnds::default();
    for record in &events {
        ends.note(&record.event);
    }
    let jobs = workflow.jobs.iter();
    let mut steps = jobs
        .filter(|it| it.name.as_str() == job)
        .flat_map(|job| &job.steps);
    Ok(steps.all(|step| ends.has_ended(&step.path)))
}

/// The steps of a run that have ended.
#[derive(Default)]
struct StepEnds<'a> {
    /// The jobs whose guard has ended all their steps.
    jobs: HashSet<&'a JobName>,
    ended: HashMap<&'a StepPath, HashSet<Option<&'a ExpansionName>>>,
    expanded: HashMap<&'a StepPath, Vec<&'a ExpansionName>>,
}

impl<'a> StepEnds<'a> {
    fn note(&mut self, event: &'a RunEvent) {
        if let Some(StepInstance { path, expansion }) = event.step_ended() {
            let ended = self.ended.entry(path).or_default();
            ended.insert(expansion.as_ref());
        } else if let RunEvent::JobGuarded {
            job,
            is_satisfied: Ok(true) | Err(_),
        } = event
        {
            self.jobs.insert(job);
        } else if let RunEvent::Expanded { step, items, .. } = event {
            let names = items.iter().map(|item| &item.name);
            self.expanded.insert(step, names.collect());
        } else if let RunEvent::Reset { steps } = event {
            for step in steps {
                self.jobs.remove(&step.job);
                self.ended.remove(step);
                self.expanded.remove(step);
            }
        } else if let RunEvent::GateReopened { gate, skipped } = event {
            for step in skipped.iter().chain([gate]) {
                self.ended.remove(step);
                self.expanded.remove(step);
            }
        }
    }

    fn has_ended(&self, step: &StepPath) -> bool {
        let ended = self.ended.get(step);
        let has = |expansion| ended.is_some_and(|ended| ended.contains(&expansion));
        let are_all = |names: &Vec<&'a ExpansionName>| names.iter().all(|name| has(Some(*name)));
        self.jobs.contains(&step.job) || has(None) || self.expanded.get(step).is_some_and(are_all)
    }
}

/// A version that may have to be deleted.
struct Candidate {
    model: ModelName,
    name: DataName,
    keep: Option<Keep>,
    version: u64,
    spec: SpecName,
    lifetime: Lifetime,
    created_at_ms: u64,
    run: String,
    path: String,
    step: Option<String>,
    size: u64,
    file: Option<Digest>,
}

impl Candidate {
    /// Reads the columns of [`statements::VERSIONS_FOR_GC`] after the first.
    fn read(row: &SqlRow<'_>) -> Result<Self, TxFault> {
        let keep: Option<String> = row.get(3)?;
        let file: Option<[u8; DIGEST_BYTES]> = row.get(12)?;
        let keep = keep.map(|keep| keep.parse::<Keep>()).transpose();
        Ok(Self {
            model: word("model name", row.get(1)?)?,
            name: word("data name", row.get(2)?)?,
            keep: keep.map_err(|error| StoreError::unreadable("number of versions", error))?,
            version: row.get(4)?,
            spec: word("resource name", row.get(5)?)?,
            lifetime: word("lifetime", row.get(6)?)?,
            created_at_ms: row.get(7)?,
            run: row.get(8)?,
            path: row.get(9)?,
            step: row.get(10)?,
            size: row.get(11)?,
            file: file.map(Digest),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sedge_model::run::{Expansion, StepAttempt};

    use super::*;

    fn path(text: &str) -> StepPath {
        let (job, step) = text.split_once('/').expect("`job/step`");
        StepPath {
            job: job.parse().expect("a job's name"),
            step: step.parse().expect("a step's name"),
        }
    }

    fn succeeded(step: &str, expansion: Option<&str>) -> RunEvent {
        let expansion = expansion.map(|name| name.parse().expect("an expansion's name"));
        let path = path(step);
        RunEvent::StepSucceeded {
            step: StepAttempt {
                step: StepInstance { path, expansion },
                attempt: 1,
            },
            call: None,
        }
    }

    fn expanded(step: &str, names: &[&str]) -> RunEvent {
        let item = |name: &&str| Expansion {
            name: name.parse().expect("an expansion's name"),
            item: serde_json::Value::Null.into(),
        };
        RunEvent::Expanded {
            step: path(step),
            items: names.iter().map(item).collect(),
            environment: BTreeSet::new(),
        }
    }

    /// Returns whether the step `a/s` has ended after these events.
    fn has_ended(events: &[RunEvent]) -> bool {
        let mut ends = StepEnds::default();
        for event in events {
            ends.note(event);
        }
        ends.has_ended(&path("a/s"))
    }

    #[test]
    fn step_has_ended_when_all_its_expansions_have() {
        assert!(!has_ended(&[]));
        assert!(!has_ended(&[succeeded("a/t", None)]));
        assert!(has_ended(&[succeeded("a/s", None)]));
        let two = expanded("a/s", &["x", "y"]);
        let x = succeeded("a/s", Some("x"));
        assert!(!has_ended(&[two.clone(), x.clone()]));
        assert!(has_ended(&[two, x, succeeded("a/s", Some("y"))]));
        assert!(has_ended(&[expanded("a/s", &[])]));
    }

    #[test]
    fn step_has_ended_with_the_guard_of_its_job() {
        let guarded = |is_satisfied| RunEvent::JobGuarded {
            job: "a".parse().expect("a job's name"),
            is_satisfied: Ok(is_satisfied),
        };
        assert!(has_ended(&[guarded(true)]));
        assert!(!has_ended(&[guarded(false)]));
    }

    #[test]
    fn step_that_waits_for_a_gate_again_has_not_ended() {
        let reopened = |skipped: &[&str]| RunEvent::GateReopened {
            gate: path("a/gate"),
            skipped: skipped.iter().map(|it| path(it)).collect(),
        };
        assert!(!has_ended(&[succeeded("a/s", None), reopened(&["a/s"])]));
        assert!(has_ended(&[succeeded("a/s", None), reopened(&[])]));
    }

    #[test]
    fn step_that_was_reset_has_not_ended() {
        let reset = |step| RunEvent::Reset {
            steps: vec![path(step)],
        };
        assert!(!has_ended(&[succeeded("a/s", None), reset("a/s")]));
        assert!(has_ended(&[succeeded("a/s", None), reset("a/t")]));
        assert!(!has_ended(&[expanded("a/s", &[]), reset("a/s")]));
    }
}
