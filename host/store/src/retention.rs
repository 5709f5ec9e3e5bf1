//! What is kept no longer: versions past their lifetime or beyond their number, runs that
//! ended long ago, and files that no row refers to.

use std::collections::{BTreeMap, HashMap, HashSet};

use sedge_model::call::CallStatus;
use sedge_model::diagnostic::SourceFile;
use sedge_model::digest::{DIGEST_BYTES, Digest};
use sedge_model::lifetime::{Keep, Lifetime, Retention};
use sedge_model::names::{DataName, ModelName, RunId, SpecName, WorkflowName};
use sedge_model::run::{RunStatus, StepPath};
use sedge_model::workflow::Workflow;

use crate::Store;
use crate::changes::{data_settle, version_delete};
use crate::door::{Durability, Fault, Next, Row, Tx, values};
use crate::error::StoreError;
use crate::format::{StoredWord, read_word};
use crate::names::{DataDeleted, Permit};
use crate::runs::{RunRecord, events_after, run_record, word};
use crate::statements;

/// How many versions, runs or files go in one transaction. Others write in between.
const BATCH: usize = 512;

/// The most runs and parts of runs of which it is kept at hand whether they have ended.
const ENDED_KEPT: usize = 10_000;

/// By what a collection decides.
#[derive(Debug, Clone, Default)]
pub struct GcRules {
    /// The time by which ages are told, in milliseconds since 1970.
    pub now_ms: u64,
    /// What operators say now about what models write, whatever was said when it was written.
    pub overrides: BTreeMap<ModelName, BTreeMap<SpecName, Retention>>,
    /// Whether the latest version of a name goes too if its lifetime is over.
    pub with_latest: bool,
}

/// What a collection removed, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcReport {
    /// The versions that go, by name.
    pub deleted: Vec<DataDeleted>,
    /// How many files of large content go, and their bytes.
    pub files: (u64, u64),
    /// How many unfinished files of dead processes go, and their bytes.
    pub unfinished: (u64, u64),
    /// How many names are past their lifetime and keep their latest version.
    pub n_latest_kept: u64,
}

/// A version that goes.
#[derive(Debug, Clone, Copy)]
struct Doomed {
    data: i64,
    version: u64,
    file: Option<Digest>,
}

impl Store {
    /// Returns what [`Store::data_gc`] would remove.
    ///
    /// # Errors
    /// The database or the disk refuses.
    pub fn data_gc_plan(&self, rules: &GcRules) -> Result<GcReport, StoreError> {
        let (doomed, mut report) = self.doomed(rules)?;
        let mut n_gone: HashMap<Digest, u64> = HashMap::new();
        for file in doomed.iter().filter_map(|doomed| doomed.file) {
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

    /// Removes what is kept no longer, and files that nothing refers to. Whoever calls this
    /// has the whole datastore locked.
    ///
    /// A version and what refers to it go in one transaction, files after it has been synced:
    /// whenever this stops, nothing is missing, and the next collection does the rest.
    ///
    /// # Errors
    /// The database or the disk refuses, or [`StoreError::LockLost`].
    pub fn data_gc(&self, permit: &Permit, rules: &GcRules) -> Result<GcReport, StoreError> {
        let (doomed, mut report) = self.doomed(rules)?;
        for batch in doomed.chunks(BATCH) {
            self.door
                .write("delete old versions", Durability::PowerCut, |tx| {
                    permit.check(tx)?;
                    for (at, doomed) in batch.iter().enumerate() {
                        version_delete(tx, doomed.data, doomed.version)?;
                        let next = batch.get(at + 1);
                        if next.is_none_or(|next| next.data != doomed.data) {
                            data_settle(tx, doomed.data)?;
                        }
                    }
                    Ok(())
                })?;
        }
        report.files = self.sweep(permit)?;
        report.unfinished = self.unfinished_remove()?;
        Ok(report)
    }

    /// Removes what is unfinished, and returns how many files that were, and their bytes. The
    /// caller has the whole datastore locked, so the processes that wrote them are dead.
    pub(crate) fn unfinished_remove(&self) -> Result<(u64, u64), StoreError> {
        let unfinished = self.blobs.passing_list()?;
        for (path, _) in &unfinished {
            self.blobs.forget(path);
        }
        Ok(sum(&unfinished))
    }

    /// Removes the files that no row refers to, and returns how many, and their bytes.
    pub(crate) fn sweep(&self, permit: &Permit) -> Result<(u64, u64), StoreError> {
        let mut swept = (0, 0);
        for batch in self.blobs.list()?.chunks(BATCH) {
            // Nobody can commit a reference between the look and the removal.
            let removed =
                self.door
                    .write("remove unused files", Durability::ProcessDeath, |tx| {
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

    fn doomed(&self, rules: &GcRules) -> Result<(Vec<Doomed>, GcReport), StoreError> {
        self.door.read("look for old versions", |tx| {
            let mut look = Look::new(rules);
            tx.each(statements::VERSIONS_FOR_GC, &[], |row| {
                look.at(tx, row)?;
                Ok(Next::More)
            })?;
            look.report
                .deleted
                .sort_by(|one, other| (&one.model, &one.name).cmp(&(&other.model, &other.name)));
            Ok((look.doomed, look.report))
        })
    }

    /// Returns the runs that ended before a time, in milliseconds since 1970, the oldest first.
    ///
    /// # Errors
    /// The database refuses.
    pub fn runs_ended_before(&self, time_ms: u64) -> Result<Vec<RunRecord>, StoreError> {
        self.door.read("look for old runs", |tx| {
            tx.all(statements::RUNS_ENDED_BEFORE, &values![time_ms], run_record)
        })
    }

    /// Forgets runs that have ended, with their events, calls and logs; the data that they
    /// wrote stays. One that was taken up again since stays too. Returns how many went.
    ///
    /// # Errors
    /// The database refuses, or [`StoreError::LockLost`].
    pub fn runs_delete(&self, permit: &Permit, runs: &[RunId]) -> Result<u64, StoreError> {
        let mut n_deleted = 0;
        for batch in runs.chunks(BATCH) {
            n_deleted += self
                .door
                .write("delete old runs", Durability::PowerCut, |tx| {
                    permit.check(tx)?;
                    let mut n_deleted = 0;
                    for run in batch {
                        let id = values![run.as_str()];
                        let stands: Option<RunStatus> = status(tx, statements::RUN_STANDS, &id)?;
                        if stands.is_some_and(RunStatus::is_final) {
                            for delete in statements::RUN_DELETE {
                                tx.execute(delete, &id)?;
                            }
                            n_deleted += 1;
                        }
                    }
                    Ok(n_deleted)
                })?;
        }
        Ok(n_deleted)
    }
}

fn sum(files: &[(String, u64)]) -> (u64, u64) {
    let n_bytes = files.iter().map(|(_, size)| size).sum();
    (files.len() as u64, n_bytes)
}

fn status<T: StoredWord>(
    tx: &Tx<'_>,
    statement: &str,
    key: &[crate::door::Value<'_>],
) -> Result<Option<T>, Fault> {
    tx.first(statement, key, |row| {
        row.text(0, |text| read_word("status", text))?
    })
}

/// Goes over all versions, each name's latest first, and notes what is to go.
struct Look<'a> {
    rules: &'a GcRules,
    /// The name that it is at, and how many of its versions it has come by.
    data: Option<(i64, u32)>,
    /// Which runs, and parts of runs, have ended.
    ended: HashMap<(String, Scope), bool>,
    doomed: Vec<Doomed>,
    report: GcReport,
}

impl<'a> Look<'a> {
    fn new(rules: &'a GcRules) -> Self {
        Self {
            rules,
            data: None,
            ended: HashMap::new(),
            doomed: Vec::new(),
            report: GcReport::default(),
        }
    }

    fn at(&mut self, tx: &Tx<'_>, row: &Row<'_>) -> Result<(), Fault> {
        let id: i64 = row.get(0)?;
        let rank = match self.data {
            Some((data, n)) if data == id => n + 1,
            Some(_) | None => 1,
        };
        self.data = Some((id, rank));
        let version = Candidate::read(row)?;
        let (lifetime, keep) = self.retention(&version);
        let is_over = self.is_over(tx, &version, lifetime)?;
        let goes = if rank == 1 {
            self.report.n_latest_kept += u64::from(is_over && !self.rules.with_latest);
            is_over && self.rules.with_latest
        } else {
            is_over || self.is_beyond(&version, rank, keep)
        };
        if goes {
            self.goes(id, version);
        }
        Ok(())
    }

    fn goes(&mut self, data: i64, version: Candidate) {
        self.doomed.push(Doomed {
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
        let said = self.rules.overrides.get(&version.model);
        let said = said.and_then(|specs| specs.get(&version.spec));
        let lifetime = said.and_then(|said| said.lifetime);
        let keep = said.and_then(|said| said.keep);
        (lifetime.unwrap_or(version.lifetime), keep.or(version.keep))
    }

    fn is_over(
        &mut self,
        tx: &Tx<'_>,
        version: &Candidate,
        lifetime: Lifetime,
    ) -> Result<bool, Fault> {
        let scope = match lifetime {
            Lifetime::For(span) => return Ok(self.is_older(version, span.ms())),
            Lifetime::Infinite => return Ok(false),
            Lifetime::Ephemeral => {
                // ignored: there is no error here, only no value.
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
        if self.ended.len() >= ENDED_KEPT {
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

/// Until when something lives that is not kept by the clock.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scope {
    /// A run's own call: a step's, or that of a method's run.
    Call(String),
    /// A job of a run.
    Job(String),
    /// The run.
    Run,
}

fn has_ended(tx: &Tx<'_>, run: &str, scope: &Scope) -> Result<bool, Fault> {
    let stands: Option<RunStatus> = status(tx, statements::RUN_STANDS, &values![run])?;
    // A run that is not on record any more had ended.
    if stands.is_none_or(RunStatus::is_final) {
        return Ok(true);
    }
    match scope {
        Scope::Run => Ok(false),
        Scope::Call(path) => {
            let call: Option<CallStatus> =
                status(tx, statements::CALL_STANDS, &values![run, path])?;
            Ok(call != Some(CallStatus::Running))
        }
        Scope::Job(job) => job_has_ended(tx, run, job),
    }
}

/// Returns whether every step of a job has ended, one way or another.
fn job_has_ended(tx: &Tx<'_>, run: &str, job: &str) -> Result<bool, Fault> {
    let source = tx.first(statements::RUN_SOURCE_NAMED, &values![run], |row| {
        Ok((row.get::<String>(0)?, row.get::<Option<String>>(1)?))
    })?;
    let Some((subject, Some(text))) = source else {
        return Ok(false);
    };
    let name: WorkflowName = word("workflow name", subject)?;
    let file = SourceFile {
        name: name.file(),
        text,
    };
    // What this version of Sedge cannot read any more keeps its data until the run has ended.
    let Ok(workflow) = Workflow::parse(&name, file) else {
        return Ok(false);
    };
    let run: RunId = word("run id", run.to_owned())?;
    let events = events_after(tx, &run, 0)?;
    let ended: HashSet<&StepPath> = events
        .iter()
        .filter_map(|record| record.event.step_ended())
        .collect();
    let jobs = workflow.jobs.iter();
    let mut steps = jobs
        .filter(|it| it.name.as_str() == job)
        .flat_map(|job| &job.steps);
    Ok(steps.all(|step| ended.contains(&step.path)))
}

/// A version that may have to go.
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
    fn read(row: &Row<'_>) -> Result<Self, Fault> {
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
