//! The record of a call in the datastore: its begin, its end, and what it changed.

use std::sync::Arc;
use std::time::Duration;

use sedge_model::call::{CallError, DiscardedChanges, Outcome, Refusals};
use sedge_model::names::ModelName;
use sedge_model::permission::effective::Uses;
use sedge_model::run::StepPath;
use sedge_runtime::CallReport;
use sedge_store::{CallEnd, CallStart, Origin, StoreError};
use sedge_sys::clock::Moment;
use serde_json::Value;

use super::frame::CallFrame;
use super::redactor::CallRedactor;
use super::writes::{self, Writes};
use super::{CallFault, CallRequest, ReadyCall, micros};
use crate::error::AppError;
use crate::run::cx::RunCx;
use crate::secret::argument::marks_hide;

/// The record of a call.
///
/// Dropping it records the call as cancelled, if the call had begun and has not ended.
pub(super) struct Record<'a> {
    cx: &'a RunCx,
    frame: &'a CallFrame,
    model: ModelName,
    step: Option<StepPath>,
    origin: Origin,
    uses: Arc<Uses>,
    since: Moment,
    /// How long the call waited for locks, in all attempts.
    waited: Duration,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing is recorded yet.
    Ready,
    /// The beginning is being recorded. If the call is cut off now, its record may exist or not.
    Beginning,
    /// The beginning is recorded.
    Begun,
    /// The end is recorded.
    Ended,
}

impl<'a> Record<'a> {
    /// Returns the record of a call that has not begun; the host works on it since `since`.
    pub(super) fn new(
        cx: &'a RunCx,
        request: &'a CallRequest,
        ready: &ReadyCall,
        since: Moment,
    ) -> Self {
        Self {
            cx,
            frame: &request.frame,
            model: ready.model.definition.name.clone(),
            step: request.step.clone(),
            origin: writes::origin(&ready.model, &ready.method),
            uses: Arc::clone(&ready.uses),
            since,
            waited: Duration::ZERO,
            stage: Stage::Ready,
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
        // The user may have typed the value of a secret into the arguments.
        let mut arguments = request.arguments.clone();
        marks_hide(&mut arguments);
        CallRedactor::new(&self.cx.vault).value(&mut arguments);
        let start = CallStart {
            lineage: self.frame.lineage().clone(),
            step: request.step.clone(),
            model: self.model.clone(),
            method: ready.method.clone(),
            plugin: ready.model.plugin.description().sha256.clone(),
            arguments,
            n_rollbacks: self.frame.n_rollbacks(),
        };
        let store = self.cx.repository.store()?;
        self.stage = Stage::Beginning;
        let started = store.call_start(&self.cx.claim, start).await;
        self.stage = if started.is_ok() {
            Stage::Begun
        } else {
            Stage::Ready
        };
        Ok(started?)
    }

    /// Measures how long the call waits for its locks.
    pub(super) async fn waited<T>(&mut self, lock: impl Future<Output = T>) -> T {
        let since = Moment::now();
        let locked = lock.await;
        self.waited += since.elapsed();
        locked
    }

    pub(super) fn roll_back(&mut self) -> Result<(), AppError> {
        if self.stage != Stage::Ready {
            let store = self.cx.repository.store()?;
            let is_recorded = store.call_roll_back(&self.cx.claim, self.frame.lineage())?;
            self.stage = if is_recorded {
                Stage::Begun
            } else {
                Stage::Ready
            };
        }
        Ok(())
    }

    pub(super) async fn commit(
        &mut self,
        report: CallReport,
        ready: &ReadyCall,
        writes: &Writes,
    ) -> Result<Outcome, CallFault> {
        let mut end = self.end(report.result.clone());
        end.changes = writes::changes(&ready.model, report.changes);
        end.discarded = report.discarded;
        end.refusals = report.refusals;
        end.published = report.published;
        end.log = report.log.clone();
        end.lock_epoch = writes.lock_epoch;
        let store = self.cx.repository.store()?;
        let written = match store.call_commit(&self.cx.claim, end).await {
            Err(error @ StoreError::NotOwner { .. }) => {
                let reason = error.to_string();
                let denied = CallError::Denied { reason };
                let mut end = self.end(Err(denied.clone()));
                end.log = report.log;
                store.call_commit(&self.cx.claim, end).await?;
                self.stage = Stage::Ended;
                return Err(CallFault::Failed(denied));
            }
            other => other?,
        };
        self.stage = Stage::Ended;
        match report.result {
            Ok(value) => Ok(Outcome { value, written }),
            Err(error) => Err(CallFault::Failed(error)),
        }
    }

    /// Records how the call ended, if it had begun, was rolled back, and could not begin again.
    pub(super) async fn settle(
        &mut self,
        ended: Result<Outcome, CallFault>,
    ) -> Result<Outcome, CallFault> {
        match ended {
            Err(CallFault::Refused(error)) if self.stage == Stage::Begun => {
                let store = self.cx.repository.store()?;
                let end = self.end(Err(error.clone()));
                store.call_commit(&self.cx.claim, end).await?;
                self.stage = Stage::Ended;
                Err(CallFault::Failed(error))
            }
            ended => ended,
        }
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
            discarded: DiscardedChanges::default(),
            refusals: Refusals::default(),
            published: Vec::new(),
            log: Vec::new(),
            used: self.uses.used(),
            until_commit_us: micros(self.since.elapsed()),
            waited_us: micros(self.waited),
            lock_epoch: 0,
        }
    }

    fn note_cancelled(&self) -> Result<(), AppError> {
        let end = self.end(Err(CallError::Cancelled));
        let store = self.cx.repository.store()?;
        match store.call_commit(&self.cx.claim, end).wait() {
            // The call was cut off just after it was committed, or before it began.
            Err(StoreError::CallNotRunning(_)) => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        // If a caller is being rolled back, the record of this call is about to be deleted.
        let has_ended = match self.stage {
            Stage::Ready | Stage::Ended => true,
            Stage::Beginning | Stage::Begun => false,
        };
        if has_ended || self.frame.is_rolled_back_above() {
            return;
        }
        if let Err(error) = self.note_cancelled() {
            tracing::warn!(call = %self.frame.lineage(), %error, "failed to note that a call was cancelled");
        }
    }
}
