//! The record of a call in the datastore: its begin, its end, and what it changed.

use std::sync::Arc;
use std::time::Duration;

use sedge_lang::schema::TooManySecrets;
use sedge_lang::type_info::MethodKind;
use sedge_model::call::{CallError, DiscardedChanges, LogLine, Outcome, Refusals, Written};
use sedge_model::lineage::Lineage;
use sedge_model::names::ModelName;
use sedge_model::permission::effective::Uses;
use sedge_model::run::StepInstance;
use sedge_runtime::CallReport;
use sedge_store::{CallEnd, CallStart, LockOwner, Origin, StoreError};
use sedge_sys::clock::Moment;
use serde_json::Value;

use super::fault::AttemptFault;
use super::frame::{CallFrame, Rollback};
use super::redactor::CallRedactor;
use super::replay::{CallReplay, Replay};
use super::writes::{self, Writes, changed_name};
use super::{CallFault, CallRequest, ReadyCall, StepEnding, micros};
use crate::error::AppError;
use crate::events::Event;
use crate::run::cx::{ReadyModel, RunCx};
use crate::secret::argument::{is_mark, marks_hide};

/// The text that a record has in place of a sensitive argument.
pub(super) const SENSITIVE_SHOWN: &str = "[sensitive]";

/// The record of a call.
///
/// If it is dropped before the call has ended, the call was cut off: a task of its own then records
/// the call as cancelled, and holds the call's frame, and so its locks, until that is done. A
/// caller waits for the frame before it ends itself.
pub(super) struct Record<'a> {
    cx: &'a Arc<RunCx>,
    frame: &'a Arc<CallFrame>,
    model: ModelName,
    step: Option<StepInstance>,
    ending: Option<Arc<dyn StepEnding>>,
    origin: Origin,
    uses: Arc<Uses>,
    since: Moment,
    /// How long the call waited for locks, in all attempts.
    waited: Duration,
    stage: Stage,
    /// What earlier attempts at the call did.
    replay: Option<Replay>,
    /// Whether the record of the call was left when a caller was rolled back.
    is_left: bool,
    /// Whether the commit was refused because the lock of the call is no longer valid.
    has_lost_lock: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing is recorded yet.
    Ready,
    /// The beginning is being recorded. If the call is cut off now, its record may exist or not.
    Beginning,
    /// The beginning is recorded.
    Begun,
    /// The end is being recorded. If the call is cut off now, it may have ended or not.
    Ending,
    /// The end is recorded.
    Ended,
}

impl<'a> Record<'a> {
    /// Returns the record of a call that has not begun; the host works on it since `since`.
    pub(super) fn new(
        cx: &'a Arc<RunCx>,
        request: &'a CallRequest,
        ready: &ReadyCall,
        since: Moment,
    ) -> Self {
        let replay = request.replay.clone();
        let is_left = replay
            .as_ref()
            .is_some_and(|replay| replay.has_call(request.frame.lineage()));
        if is_left {
            request.frame.keep_callees();
        }
        request.frame.counted();
        Self {
            cx,
            frame: &request.frame,
            model: ready.model.definition.name.clone(),
            step: request.step.clone(),
            ending: request.terms.ending.clone(),
            origin: writes::origin(ready, &request.terms.labels),
            uses: Arc::clone(&ready.uses),
            since,
            waited: Duration::ZERO,
            stage: Stage::Ready,
            replay,
            is_left,
            has_lost_lock: false,
        }
    }

    pub(super) async fn begin(
        &mut self,
        request: &CallRequest,
        ready: &ReadyCall,
    ) -> Result<(), AppError> {
        if self.stage == Stage::Begun {
            return Ok(());
        }
        let store = self.cx.repository.store()?;
        self.stage = Stage::Beginning;
        let started = if self.is_left {
            store.call_restart(&self.cx.claim, self.frame.lineage())
        } else {
            store.call_start(&self.cx.claim, self.start(request, ready))
        };
        let started = started.await;
        self.stage = if started.is_ok() {
            Stage::Begun
        } else {
            Stage::Ready
        };
        started?;
        self.cx.event(Event::CallStarted {
            call: self.frame.lineage().clone(),
            step: self.step.clone(),
            model: self.model.clone(),
            method: ready.method.clone(),
        });
        Ok(())
    }

    fn start(&self, request: &CallRequest, ready: &ReadyCall) -> CallStart {
        CallStart {
            lineage: self.frame.lineage().clone(),
            step: request.step.clone(),
            model: self.model.clone(),
            method: ready.method.clone(),
            plugin: ready.model.plugin.description().sha256.clone(),
            arguments: arguments_recorded(self.cx, Some(&ready.model), request),
            n_rollbacks: self.frame.n_rollbacks(),
        }
    }

    /// Returns the replay for the attempt that begins now.
    pub(super) fn replay(&self) -> CallReplay {
        CallReplay::new(self.frame.lineage().clone(), self.replay.clone())
    }

    /// Measures how long the call waits for its locks.
    pub(super) async fn waited<T>(&mut self, lock: impl Future<Output = T>) -> T {
        let since = Moment::now();
        let locked = lock.await;
        self.waited += since.elapsed();
        locked
    }

    /// Resets the record to the beginning of the call. If nested calls have had visible effects, the
    /// records of all that have ended are kept, and answer the retry.
    pub(super) fn roll_back(&mut self) -> Result<(), AppError> {
        let keeps_callees = self.frame.keeps_callees();
        if !keeps_callees {
            self.cx.calls_uncounted(self.frame.uncounted_below());
        }
        if self.stage == Stage::Ready {
            return Ok(());
        }
        let store = self.cx.repository.store()?;
        let (claim, call) = (&self.cx.claim, self.frame.lineage());
        let locked_as = self.frame.lock_lineage();
        if keeps_callees || locked_as != call {
            // `call_roll_back` removes only the fences of calls that it deletes.
            store.fences_forget(locked_as)?;
        }
        let is_recorded = if keeps_callees {
            let left = store.call_roll_back_kept(claim, call)?;
            let is_recorded = left.is_some();
            // ignored: an `Option`; a call without a record has no callees either.
            let left = left.unwrap_or_default();
            let mut runs = store.runs_of_calls(call.run())?;
            runs.retain(|it| call.covers(&it.place));
            let before = self.replay.as_ref();
            self.replay = Some(Replay::after_rollback(before, call, left, runs));
            is_recorded
        } else {
            store.call_roll_back(claim, call)?
        };
        self.stage = if is_recorded {
            Stage::Begun
        } else {
            Stage::Ready
        };
        Ok(())
    }

    pub(super) async fn commit(
        &mut self,
        report: CallReport,
        ready: &ReadyCall,
        writes: &Writes,
    ) -> Result<Outcome, AttemptFault> {
        let discarded = DiscardedChanges::of(&report.changes);
        let mut end = self.end(report.result.clone());
        end.bases = writes::bases(writes.labels(), &report.changes, report.bases);
        match writes::changes(&ready.model, writes.labels(), report.changes) {
            Ok(changes) => end.changes = changes,
            Err(error) => return Ok(self.end_refused(error, report.log, discarded).await?),
        }
        end.discarded = report.discarded;
        end.refusals = report.refusals;
        end.published = report.published;
        end.log = report.log.clone();
        end.lock_epoch = writes.lock_epoch;
        let written = match self.end_commit(end).await? {
            Err(error @ (StoreError::NotOwner { .. } | StoreError::ChangedMeanwhile { .. })) => {
                if self.is_retried(ready.kind, &error) {
                    return Err(AttemptFault::RolledBack);
                }
                let ended = self.end_refused(refused(&error), report.log, discarded);
                return Ok(ended.await?);
            }
            other => {
                self.has_lost_lock = matches!(
                    other,
                    Err(StoreError::LockLost(_) | StoreError::CallerLockLost { .. })
                );
                other?
            }
        };
        self.ended();
        match report.result {
            Ok(value) => Ok(Outcome { value, written }),
            Err(error) => Err(CallFault::Failed(error).into()),
        }
    }

    /// Rolls the call back if it is an observation whose changes were refused because of another one
    /// beside it. Returns whether it is retried.
    ///
    /// Data that a callee has changed is no reason: the retry would be answered from the record of
    /// the callee, and so hide the mistake of the plugin.
    fn is_retried(&mut self, kind: MethodKind, error: &StoreError) -> bool {
        let StoreError::ChangedMeanwhile { by, .. } = error else {
            return false;
        };
        let is_own = |by: &Lineage| self.frame.lineage().covers(by);
        if kind != MethodKind::Observe || by.as_ref().is_some_and(is_own) {
            return false;
        }
        let (call, reason) = (self.frame.lineage().clone(), error.to_string());
        match self
            .frame
            .roll_back_alone(changed_name(error), reason.clone())
        {
            Rollback::Refused => return false,
            Rollback::UnderWay => {}
            Rollback::Begun => self.cx.event(Event::ObservationRetried { call, reason }),
        }
        self.stage = Stage::Begun;
        true
    }

    /// Records that the call failed, because its changes cannot be committed.
    async fn end_refused(
        &mut self,
        error: CallError,
        log: Vec<LogLine>,
        discarded: DiscardedChanges,
    ) -> Result<Outcome, CallFault> {
        let mut end = self.end(Err(error.clone()));
        end.discarded = discarded;
        end.log = log;
        self.end_commit(end).await??;
        self.ended();
        Err(CallFault::Failed(error))
    }

    /// Records how the call ended, if it had begun, was rolled back, and could not begin again.
    pub(super) async fn settle(
        &mut self,
        ended: Result<Outcome, CallFault>,
    ) -> Result<Outcome, CallFault> {
        match ended {
            Err(CallFault::Refused(error)) if self.stage == Stage::Begun => {
                let end = self.end(Err(error.clone()));
                self.end_commit(end).await??;
                self.ended();
                Err(CallFault::Failed(error))
            }
            ended => ended,
        }
    }

    /// Commits the end of the call; the end of a step's call together with what follows from it.
    async fn end_commit(
        &mut self,
        end: CallEnd,
    ) -> Result<Result<Vec<Written>, StoreError>, AppError> {
        self.stage = Stage::Ending;
        if let Some(ending) = &self.ending {
            return Arc::clone(ending).commit(end).await;
        }
        let store = self.cx.repository.store()?;
        let committed = store.call_commit(&self.cx.claim, end, None).await;
        Ok(committed.map(|it| it.written))
    }

    fn ended(&mut self) {
        self.stage = Stage::Ended;
        self.frame.recorded();
    }

    /// Returns the end of a call that changes nothing. Recording such an end needs no lock.
    fn end(&self, result: Result<Value, CallError>) -> CallEnd {
        CallEnd {
            lineage: self.frame.lineage().clone(),
            step: self.step.clone(),
            model: self.model.clone(),
            origin: self.origin.clone(),
            result,
            changes: Vec::new(),
            bases: Vec::new(),
            discarded: DiscardedChanges::default(),
            refusals: Refusals::default(),
            published: Vec::new(),
            log: Vec::new(),
            used: self.uses.used(),
            until_commit_us: micros(self.since.elapsed()),
            waited_us: micros(self.waited),
            lock_epoch: 0,
            lock_owner: self.cx.lock_owner(self.frame),
        }
    }

    /// Counts the call no more, because it will be made again.
    fn uncount(&self) {
        self.frame.uncounted();
        self.cx.calls_uncounted(1);
    }

    /// Hands the record to a task that records the call as cancelled.
    fn cut_off(&self) {
        let (cx, frame) = (Arc::clone(self.cx), Arc::clone(self.frame));
        let end = self.end(Err(match self.has_lost_lock {
            true => CallError::LockLost,
            false => CallError::Cancelled,
        }));
        let call = frame.lineage().clone();
        let has_begun = self.cx.repository.background().spawn(async move {
            if let Err(error) = note_cancelled(&cx, end).await {
                let call = frame.lineage();
                tracing::warn!(%call, %error, "failed to note that a call was cancelled");
            }
            drop(frame);
        });
        if !has_begun {
            tracing::warn!(%call, "a call was cut off at the end of the process, and appears as interrupted");
        }
    }
}

async fn note_cancelled(cx: &RunCx, mut end: CallEnd) -> Result<(), AppError> {
    let store = cx.repository.store()?;
    let owner = end.lock_owner.clone().unwrap_or_else(|| LockOwner {
        lineage: end.lineage.clone(),
        claim: cx.claim.number,
        under: None,
    });
    // The lock of a caller may have been released by force, too. The record of each says so.
    if store.fenced(&owner)?.is_some() {
        end.result = Err(CallError::LockLost);
    }
    match store.call_commit(&cx.claim, end, None).await {
        // The call was cut off just after it was committed, or before it began.
        Err(StoreError::CallNotRunning(_)) => Ok(()),
        other => Ok(other.map(drop)?),
    }
}

/// Returns the error of a call whose changes the store refused.
fn refused(error: &StoreError) -> CallError {
    let reason = error.to_string();
    match changed_name(error) {
        name if name.is_empty() => CallError::Denied { reason },
        name => CallError::ChangedMeanwhile { name, reason },
    }
}

/// Returns the arguments of a call as its record has them: without the values of secrets, and
/// without values that the schema of the method marks as sensitive. The guest receives the values.
pub(super) fn arguments_recorded(
    cx: &RunCx,
    model: Option<&ReadyModel>,
    request: &CallRequest,
) -> Value {
    arguments_recorded_as(cx, model, &request.method, request.arguments.clone())
}

/// Returns the arguments of a method as the record of a call has them: see [`arguments_recorded`].
pub(crate) fn arguments_recorded_as(
    cx: &RunCx,
    model: Option<&ReadyModel>,
    method: &str,
    mut arguments: Value,
) -> Value {
    if let Some(model) = model {
        sensitive_hide(model, method, &mut arguments);
    }
    // The user may have typed the value of a secret into the arguments.
    marks_hide(&mut arguments);
    CallRedactor::new(&cx.vault).value(&mut arguments);
    arguments
}

/// Replaces the values of sensitive arguments. The mark of a secret stays, because it shows the name
/// of the secret and not its value.
fn sensitive_hide(model: &ReadyModel, method: &str, arguments: &mut Value) {
    let Some(schema) = model.plugin.arguments_schema(method) else {
        return;
    };
    let places = schema
        .secrets(arguments)
        .unwrap_or_else(|TooManySecrets| vec![String::new()]);
    for place in places {
        if let Some(value) = arguments.pointer_mut(&place)
            && !is_mark(value)
        {
            *value = Value::String(SENSITIVE_SHOWN.to_owned());
        }
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if self.stage != Stage::Ready {
            self.cx.event(Event::CallEnded {
                call: self.frame.lineage().clone(),
                step: self.step.clone(),
            });
        }
        // If a caller is being rolled back, the call will be made again.
        let is_repeated = self.frame.is_rolled_back_above();
        match self.stage {
            Stage::Ready | Stage::Beginning | Stage::Begun if is_repeated => self.uncount(),
            Stage::Ready | Stage::Ended => {}
            Stage::Beginning | Stage::Begun | Stage::Ending => self.cut_off(),
        }
    }
}
