//! The commit of a step's call: one transaction has the call's changes and its end, the end of its
//! step, and the start of those steps that follow and need no result.

use std::sync::Arc;

use sedge_model::call::{CallError, Written};
use sedge_model::run::StepError;
use sedge_runtime::BoxFuture;
use sedge_store::{CallEnd, Committed, PreparedEnd, StoreError, WriteSequence};

use super::Drive;
use super::step::StepStart;
use super::submit::SubmitEnd;
use crate::call::StepEnding;
use crate::error::AppError;

/// The end of a step's call.
pub(super) struct MethodEnding {
    pub(super) drive: Arc<Drive>,
    pub(super) start: Arc<StepStart>,
}

impl StepEnding for MethodEnding {
    fn commit(
        self: Arc<Self>,
        end: CallEnd,
    ) -> BoxFuture<Result<Result<Vec<Written>, StoreError>, AppError>> {
        Box::pin(async move {
            let ended = match &end.result {
                Ok(_) => Ok(()),
                Err(error) => Err(StepError::Call(error.clone())),
            };
            // The content is written before the state of the run is locked, and only once.
            let end = match self.drive.cx.repository.store()?.call_end_prepare(end) {
                Ok(end) => end,
                Err(error) => return Ok(Err(error)),
            };
            loop {
                match self.submit(&end, &ended).await? {
                    SubmitEnd::Done(committed) => return Ok(Ok(committed.written)),
                    SubmitEnd::Moved => {}
                    SubmitEnd::Refused(error) => return Ok(Err(error)),
                }
            }
        })
    }
}

impl MethodEnding {
    async fn submit(
        &self,
        end: &PreparedEnd,
        ended: &Result<(), StepError>,
    ) -> Result<SubmitEnd<Committed>, AppError> {
        let (drive, start) = (&self.drive, &self.start);
        let step = &start.prepared.step;
        let store = drive.cx.repository.store()?;
        // A call that was cancelled is not the end of its step: see `Drive::method_run`.
        let is_end = !matches!(ended, Err(StepError::Call(CallError::Cancelled)));
        if is_end {
            let event = drive.end_event(step, Some(start.call), ended);
            let write = |follow, sequence: &WriteSequence| {
                store.call_commit_queue(&drive.cx.claim, end, follow, sequence)
            };
            let submitted = drive.submit_end((step, start.call), event.into(), write);
            if let Some(submitted) = submitted.await? {
                return Ok(submitted);
            }
        }
        // The step has ended otherwise: only the record of the call is left.
        let committed = store.call_commit_prepared(&drive.cx.claim, end);
        Ok(match committed.await {
            Ok(committed) => SubmitEnd::Done(committed),
            Err(error) => SubmitEnd::Refused(error),
        })
    }
}
