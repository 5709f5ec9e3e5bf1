//! Runs, and the processes that work on them. Their logs are in `run_log`.

use std::fmt::Display;
use std::str::FromStr;

use sedge_model::digest::Digest;
use sedge_model::lineage::Lineage;
use sedge_model::names::{NameError, RunId};
use sedge_model::run::{Actor, RunError, RunEvent, RunKind, RunOptions, RunParent, RunStatus};
use sedge_sys::clock::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Store;
use crate::audit::{audit_resume, audit_start};
use crate::data::Scan;
use crate::door::{Durability, SqlRow, SqlValue, Tx, TxFault, values};
use crate::error::StoreError;
use crate::format::{StoredOptions, StoredWord, read_word};
use crate::run_log::{RunEdits, events_insert, last_seq, status_set};
use crate::statements;

/// A run to be created.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// Its id, which was not used before.
    pub id: RunId,
    /// Its kind.
    pub kind: RunKind,
    /// The name of the model or workflow.
    pub subject: String,
    /// The method, for a run of kind [`RunKind::Method`].
    pub method: Option<String>,
    /// The content of the workflow's file. The run uses it even if the file changes later.
    pub source: Option<String>,
    /// The inputs of a workflow's run, with the defaults; `None` if its workflow declares none, and
    /// for a method's run. They must not contain values of secrets, and sensitive ones must be
    /// sealed.
    pub inputs: Option<Map<String, Value>>,
    /// Whether the run locks the whole datastore while a process works on it.
    pub exclusive: bool,
    /// The process that will work on it.
    pub session: String,
    /// The user who requested it.
    pub actor: Actor,
    /// The call whose command requested it; `None` if no command of a call did.
    pub by_call: Option<Lineage>,
    /// What else it was asked to do. A run with a parent is a part of that run.
    pub options: RunOptions,
}

/// The right to work on a run. The next process that claims the run gets a higher number, and from
/// then on nothing more is accepted under this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The run.
    pub run: RunId,
    /// Counts the processes that claimed the run.
    pub number: u64,
}

/// The process that claims a run.
#[derive(Debug, Clone, Copy)]
pub struct RunClaimant<'a> {
    /// The id of the process.
    pub session: &'a str,
    /// The user who resumes the run, for the audit; `None` if the run continues as a part of another
    /// run.
    pub user: Option<&'a Actor>,
}

impl<'a> From<&'a str> for RunClaimant<'a> {
    fn from(session: &'a str) -> Self {
        Self {
            session,
            user: None,
        }
    }
}

/// The record of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// Its kind.
    pub kind: RunKind,
    /// The name of the model or workflow.
    pub subject: String,
    /// The method, for a run of kind [`RunKind::Method`].
    pub method: Option<String>,
    /// Whether the run locks the whole datastore while a process works on it.
    pub exclusive: bool,
    /// Its status after its last event. The process of a `running` run may be gone.
    pub status: RunStatus,
    /// The process that works on it, if it is running; empty if its driver has released it, so that
    /// it is interrupted.
    pub session: String,
    /// See [`Claim`].
    pub claim: u64,
    /// The user who requested it.
    pub by: Actor,
    /// The run that it is a part of, if any: a nested workflow's run has one.
    pub parent: Option<RunId>,
    /// When it was created.
    pub started_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
}

/// A run of a workflow that a call has started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalledRun {
    /// The call, and the ordinal of the run among what the call has called.
    pub place: Lineage,
    /// The digest of what the guest requested.
    pub request: Digest,
    /// The run.
    pub run: RunRecord,
}

/// A filter for runs.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only those of this kind and subject.
    pub subject: Option<(RunKind, String)>,
    /// Only those of a model or workflow of this name, or of a method: `MODEL.METHOD`.
    pub of: Option<String>,
    /// Only those with one of these statuses, as stored; all runs if there are none.
    /// [`RunStatus::Interrupted`] is never stored.
    pub statuses: Vec<RunStatus>,
    /// Only those that were made then or later.
    pub since: Option<Timestamp>,
    /// Only those whose id begins so.
    pub id_prefix: Option<String>,
    /// Only those that are not a part of another run.
    pub is_root: bool,
}

impl Store {
    /// Creates a running run with its first events, and notes in the audit who started it, unless
    /// it is a part of another run. It is durable.
    ///
    /// # Errors
    /// The id is taken, or the database fails.
    pub fn run_start(&self, start: &RunStart, events: &[RunEvent]) -> Result<Claim, StoreError> {
        self.door
            .write("create a run", Durability::PowerLoss, |tx| {
                run_insert(tx, start, events)
            })
    }

    /// Claims a run, and appends events: all former claims become invalid. If a user resumes the run,
    /// the audit says so. It is durable.
    ///
    /// `seen` is the record on which the caller based its decision to claim the run.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if another process has claimed the run since then.
    pub fn run_claim<'a>(
        &self,
        seen: &RunRecord,
        claimant: impl Into<RunClaimant<'a>>,
        events: &[RunEvent],
    ) -> Result<Claim, StoreError> {
        let claimant = claimant.into();
        self.door.write("claim a run", Durability::PowerLoss, |tx| {
            let claim = claim_take(tx, seen, claimant)?;
            events_insert(tx, &seen.id, events)?;
            Ok(claim)
        })
    }

    /// Claims a run as [`Store::run_claim`] does, and changes its workflow or its inputs, in one
    /// transaction. It is durable.
    ///
    /// `known` is the number of the last event on which the caller based its decision.
    ///
    /// # Errors
    /// Nothing is written after an error: [`StoreError::Fenced`] if another process has claimed the
    /// run since then; [`StoreError::LogMoved`] if `known` is not the last event of the log.
    pub fn run_claim_edited<'a>(
        &self,
        (seen, known): (&RunRecord, u64),
        claimant: impl Into<RunClaimant<'a>>,
        edits: &RunEdits,
        events: &[RunEvent],
    ) -> Result<Claim, StoreError> {
        let claimant = claimant.into();
        self.door
            .write("claim a run and edit it", Durability::PowerLoss, |tx| {
                let claim = claim_take(tx, seen, claimant)?;
                if last_seq(tx, &seen.id)? != known {
                    return Err(StoreError::LogMoved(seen.id.clone()).into());
                }
                edits.write(tx, &seen.id)?;
                events_insert(tx, &seen.id, events)?;
                Ok(claim)
            })
    }

    /// Ends a run of one method. It becomes durable with the next durable transaction.
    ///
    /// The call's own commit is what counts; if this is lost, so is the run's process, and the
    /// call's record says how it ended. `error` is written to the run's log if the call's record
    /// says of no failure: a call that could not begin has no record.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the claim is no longer valid.
    pub fn run_end(
        &self,
        claim: &Claim,
        status: RunStatus,
        error: Option<&RunError>,
    ) -> Result<(), StoreError> {
        self.door
            .write("end a run", Durability::ProcessCrash, |tx| {
                claim_check(tx, claim)?;
                if let Some(error) = error {
                    end_explain(tx, &claim.run, status, error)?;
                }
                status_set(tx, &claim.run, status)
            })
    }

    /// Returns one run.
    ///
    /// # Errors
    /// [`StoreError::RunMissing`].
    pub fn run_get(&self, id: &RunId) -> Result<RunRecord, StoreError> {
        self.door.read("read a run", |tx| {
            tx.first(statements::RUN_GET, &values![id.as_str()], run_record)?
                .ok_or_else(|| StoreError::RunMissing(id.clone()).into())
        })
    }

    /// Returns the content of the workflow's file when the run was created; `None` for a method's
    /// run.
    ///
    /// # Errors
    /// [`StoreError::RunMissing`].
    pub fn run_source(&self, id: &RunId) -> Result<Option<String>, StoreError> {
        self.door.read("read a run", |tx| {
            tx.first(statements::RUN_SOURCE, &values![id.as_str()], |row| {
                row.get(0)
            })?
            .ok_or_else(|| StoreError::RunMissing(id.clone()).into())
        })
    }

    /// Returns the inputs that a run was created with; `None` if its workflow declared none, and
    /// for a method's run. Sensitive ones are sealed.
    ///
    /// # Errors
    /// [`StoreError::RunMissing`].
    pub fn run_inputs(&self, id: &RunId) -> Result<Option<Map<String, Value>>, StoreError> {
        self.door.read("read a run", |tx| {
            let text = tx.first(statements::RUN_INPUTS, &values![id.as_str()], |row| {
                row.get::<Option<String>>(0)
            })?;
            match text {
                Some(text) => text.map(|text| run_inputs(&text)).transpose(),
                None => Err(StoreError::RunMissing(id.clone()).into()),
            }
        })
    }

    /// Returns what a run was asked to do besides its workflow and inputs. Those of a run that an
    /// older version of Sedge created are the default.
    ///
    /// # Errors
    /// [`StoreError::RunMissing`].
    pub fn run_options(&self, id: &RunId) -> Result<RunOptions, StoreError> {
        self.door.read("read a run", |tx| {
            tx.first(statements::RUN_OPTIONS, &values![id.as_str()], run_options)?
                .ok_or_else(|| StoreError::RunMissing(id.clone()).into())
        })
    }

    /// Returns the runs that are a part of this one, the oldest first, without their own parts.
    ///
    /// # Errors
    /// The database fails.
    pub fn run_children(&self, id: &RunId) -> Result<Vec<RunRecord>, StoreError> {
        self.door.read("list the parts of a run", |tx| {
            tx.all(statements::RUN_CHILDREN, &values![id.as_str()], run_record)
        })
    }

    /// Returns the runs that calls of this run have started, in the order of their places. Those of
    /// its steps are not among them.
    ///
    /// # Errors
    /// The database fails.
    pub fn runs_of_calls(&self, id: &RunId) -> Result<Vec<CalledRun>, StoreError> {
        let mut found = self.door.read("list the runs that calls started", |tx| {
            let all = tx.all(statements::RUNS_OF_CALLS, &values![id.as_str()], called_run)?;
            Ok(all.into_iter().flatten().collect::<Vec<_>>())
        })?;
        found.sort_by(|one, other| one.place.cmp(&other.place));
        Ok(found)
    }

    /// Returns the runs that commands of calls below `above` have started and that have not ended, in
    /// the order of their starts.
    ///
    /// # Errors
    /// The database fails.
    pub fn runs_of_commands(&self, above: &Lineage) -> Result<Vec<RunRecord>, StoreError> {
        // `0` is the character after `/`.
        let (first, end) = (format!("{above}/"), format!("{above}0"));
        let given = values![&first, &end];
        self.door.read("list the runs that commands started", |tx| {
            tx.all(statements::RUNS_OF_COMMANDS, &given, run_record)
        })
    }

    /// Returns the newest runs that match the filter, newest first, at most `n_max`.
    ///
    /// # Errors
    /// The database fails.
    pub fn run_list(&self, filter: &RunFilter, n_max: usize) -> Result<Vec<RunRecord>, StoreError> {
        let (sql, mut given) = statements::runs_selected(filter);
        given.push(SqlValue::from(n_max as u64));
        let sql = format!("{sql} LIMIT ?{}", given.len());
        self.door
            .read("list runs", |tx| tx.all(&sql, &given, run_record))
    }

    /// Hands over the runs that pass the filter, newest first, as long as `take` wants more. No
    /// more of them are read than it takes. They are as they were when the first one was handed
    /// over.
    ///
    /// # Errors
    /// The database fails, or whatever `take` fails with.
    pub fn run_scan<E: From<StoreError>>(
        &self,
        filter: &RunFilter,
        mut take: impl FnMut(RunRecord) -> Result<Scan, E>,
    ) -> Result<(), E> {
        let (sql, given) = statements::runs_selected(filter);
        let mut failure = None;
        let scanned = self.door.read("list runs", |tx| {
            tx.each(&sql, &given, |row| {
                Ok(Scan::flow(take(run_record(row)?), &mut failure))
            })
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(scanned?),
        }
    }
}

/// Claims a run that is as it was seen.
fn claim_take(tx: &Tx<'_>, seen: &RunRecord, claimant: RunClaimant<'_>) -> Result<Claim, TxFault> {
    let RunClaimant { session, user } = claimant;
    let claimed = values![session, seen.id.as_str(), seen.claim, seen.status.stored()];
    if tx.execute(statements::RUN_CLAIM, &claimed)? == 0 {
        return Err(StoreError::Fenced(seen.id.clone()).into());
    }
    if let Some(user) = user {
        audit_resume(tx, seen, user)?;
    }
    Ok(Claim {
        run: seen.id.clone(),
        number: seen.claim + 1,
    })
}

/// Refuses a run that does not exist.
pub(crate) fn run_check(tx: &Tx<'_>, run: &RunId) -> Result<(), TxFault> {
    match claim_number(tx, run)? {
        Some(_) => Ok(()),
        None => Err(StoreError::RunMissing(run.clone()).into()),
    }
}

/// Refuses a claim that is no longer valid.
pub(crate) fn claim_check(tx: &Tx<'_>, claim: &Claim) -> Result<(), TxFault> {
    if claim_number(tx, &claim.run)? == Some(claim.number) {
        Ok(())
    } else {
        Err(StoreError::Fenced(claim.run.clone()).into())
    }
}

fn claim_number(tx: &Tx<'_>, run: &RunId) -> Result<Option<u64>, TxFault> {
    tx.first(
        statements::RUN_CLAIM_NUMBER,
        &values![run.as_str()],
        |row| row.get(0),
    )
}

/// Creates a running run with its first events.
pub(crate) fn run_insert(
    tx: &Tx<'_>,
    start: &RunStart,
    events: &[RunEvent],
) -> Result<Claim, TxFault> {
    let by_call = start.by_call.as_ref().map(ToString::to_string);
    let run = values![
        start.id.as_str(),
        start.kind.stored(),
        &start.subject,
        start.method.as_ref(),
        start.source.as_ref(),
        start.exclusive,
        &start.session,
        &start.actor.name,
        tx.now().0,
        by_call.as_ref(),
    ];
    tx.execute(statements::RUN_INSERT, &run)?;
    let options = StoredOptions::from(&start.options);
    let options = serde_json::to_string(&options).expect("options have a form in JSON");
    let parent = start.options.parent.as_ref().map(|it| it.run().as_str());
    let details = values![start.id.as_str(), start.actor.uid, parent, &options];
    tx.execute(statements::RUN_DETAILS_INSERT, &details)?;
    audit_start(tx, start)?;
    if let Some(inputs) = &start.inputs {
        let text = inputs_text(inputs);
        tx.execute(
            statements::RUN_INPUTS_INSERT,
            &values![start.id.as_str(), &text],
        )?;
    }
    events_insert(tx, &start.id, events)?;
    Ok(Claim {
        run: start.id.clone(),
        number: 1,
    })
}

/// Parses a text that the store wrote: a name, a digest, a lifetime.
pub(crate) fn word<T>(what: &'static str, text: String) -> Result<T, TxFault>
where
    T: FromStr,
    T::Err: Display,
{
    let parsed = text.parse();
    parsed.map_err(|error: T::Err| StoreError::unreadable(what, error).into())
}

/// Reads the inputs of a run, which the store wrote.
pub(crate) fn run_inputs(text: &str) -> Result<Map<String, Value>, TxFault> {
    json("inputs of a run", text)
}

/// Returns the stored form of the inputs of a run.
pub(crate) fn inputs_text(inputs: &Map<String, Value>) -> String {
    serde_json::to_string(inputs).expect("a JSON value is text")
}

/// Reads the columns `parent` and `options` of a run. A run of an older version of Sedge has none.
pub(crate) fn run_options(row: &SqlRow<'_>) -> Result<RunOptions, TxFault> {
    let parent = row.get::<Option<String>>(0)?;
    let parent = parent.map(|run| word("run id", run)).transpose()?;
    let stored = match row.get::<Option<String>>(1)? {
        Some(text) => json("options of a run", &text)?,
        None => StoredOptions::default(),
    };
    let options = stored.into_options(parent);
    options.map_err(|error| StoreError::unreadable("options of a run", error).into())
}

/// Returns a function that makes the error for a stored value with an invalid name.
pub(crate) fn unreadable(what: &'static str) -> impl FnOnce(NameError) -> TxFault {
    move |error| StoreError::unreadable(what, error).into()
}

/// Reads JSON that the store wrote.
pub(crate) fn json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, TxFault> {
    serde_json::from_str(text).map_err(|error| StoreError::unreadable(what, error).into())
}

pub(crate) fn run_record(row: &SqlRow<'_>) -> Result<RunRecord, TxFault> {
    let parent = row.get::<Option<String>>(12)?;
    Ok(RunRecord {
        id: word("run id", row.get(0)?)?,
        kind: row.text(1, |text| read_word("run kind", text))??,
        subject: row.get(2)?,
        method: row.get(3)?,
        status: row.text(4, |text| read_word("run status", text))??,
        session: row.get(5)?,
        claim: row.get(6)?,
        by: Actor {
            name: row.get(7)?,
            uid: row.get(11)?,
        },
        parent: parent.map(|run| word("run id", run)).transpose()?,
        started_at: Timestamp(row.get(8)?),
        ended_at: row.get::<Option<u64>>(9)?.map(Timestamp),
        exclusive: row.get(10)?,
    })
}

/// Reads a run that a call has started, with its options in the last column. Returns `None` if a
/// step has started it.
fn called_run(row: &SqlRow<'_>) -> Result<Option<CalledRun>, TxFault> {
    let run = run_record(row)?;
    let stored: StoredOptions = json("options of a run", &row.get::<String>(13)?)?;
    let options = stored.into_options(run.parent.clone());
    let options = options.map_err(|error| StoreError::unreadable("options of a run", error))?;
    match options.parent {
        Some(RunParent::Call { place, request }) => Ok(Some(CalledRun {
            place,
            request,
            run,
        })),
        // A label of the run may look like the key.
        Some(RunParent::Step { .. }) | None => Ok(None),
    }
}

fn end_explain(
    tx: &Tx<'_>,
    run: &RunId,
    status: RunStatus,
    error: &RunError,
) -> Result<(), TxFault> {
    let is_known = tx.first(statements::RUN_CALL_FAILED, &values![run.as_str()], |_| {
        Ok(())
    })?;
    if is_known.is_some() {
        return Ok(());
    }
    let error = Some(Box::new(error.clone()));
    events_insert(tx, run, &[RunEvent::Ended { status, error }])
}
