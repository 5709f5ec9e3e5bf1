//! The work on a run of a workflow was interrupted: by an error of the host, or because the process
//! was requested to end.

use sedge_api::problem::{Details, ErrorCode, Explain, Help, Place, PlacedFault, UseCase};
use sedge_model::names::{RunId, WorkflowName};
use sedge_store::StoreError;

use super::failed::{RunFailed, chain_text, changes_notes, run_shown};
use super::{AppError, DatastoreError, ProcessError};
use crate::call::failure::FailureReport;
use crate::run::error::{resume_help, run_details};

/// An error that interrupted the work on a run of a workflow, or the request to this process to
/// end. The run can be resumed.
#[derive(Debug, thiserror::Error)]
#[error("the run `{run}` of the workflow `{workflow}` was interrupted")]
pub struct RunInterrupted {
    /// The workflow.
    pub workflow: WorkflowName,
    /// The run.
    pub run: RunId,
    /// The error.
    pub source: AppError,
    /// The calls that were stopped, and the writes that were kept or rolled back.
    pub report: Box<FailureReport>,
}

impl RunInterrupted {
    /// Wraps an error that ended the work on a run, so that the user learns that the run was
    /// interrupted. If another process has taken over the run, the error is returned unchanged: that
    /// process continues the run.
    pub(crate) fn wrap(
        workflow: &WorkflowName,
        run: &RunId,
        source: AppError,
        report: Box<FailureReport>,
    ) -> AppError {
        if let AppError::Datastore(DatastoreError::Store(StoreError::Fenced(_))) = &source {
            return source;
        }
        let interrupted = Self {
            workflow: workflow.clone(),
            run: run.clone(),
            source,
            report,
        };
        RunFailed::Interrupted(Box::new(interrupted)).into()
    }

    /// Returns the error that interrupted the run, without the note that it did: the run is part of
    /// another one, and a user resumes that one.
    pub(crate) fn unwrap(run: &RunId, error: AppError) -> AppError {
        let AppError::Failed(RunFailed::Interrupted(interrupted)) = error else {
            return error;
        };
        match interrupted.run == *run {
            true => interrupted.source,
            false => RunFailed::Interrupted(interrupted).into(),
        }
    }
}

impl RunInterrupted {
    /// Returns whether the only reason is that this process was requested to end.
    fn is_by_request(&self) -> bool {
        matches!(self.source, AppError::Process(ProcessError::Interrupted))
    }
}

impl Explain for RunInterrupted {
    fn code(&self) -> ErrorCode {
        self.source.code()
    }

    fn message(&self) -> String {
        match self.is_by_request() {
            true => self.to_string(),
            false => self.source.message(),
        }
    }

    fn causes(&self) -> Vec<String> {
        self.source.causes()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.source.notes();
        if !self.is_by_request() {
            notes.push(format!(
                "the run `{}` of the workflow `{}` was interrupted by this; the steps that have \
                 ended are not run again",
                self.run, self.workflow
            ));
        }
        notes.extend(stopped_note(&self.report));
        notes.extend(changes_notes(&self.report));
        notes
    }

    fn place(&self) -> Option<Place> {
        self.source.place()
    }

    fn faults(&self) -> Vec<PlacedFault> {
        self.source.faults()
    }

    fn help(&self) -> Vec<Help> {
        if !self.is_by_request() {
            let mut help = self.source.help();
            help.push(resume_help(&self.workflow, &self.run));
            return help;
        }
        vec![
            Help::command("resume it where it stopped", UseCase::WorkflowResume)
                .with("name", self.workflow.as_str())
                .with("run", self.run.as_str()),
            run_shown("see what the run has done", &self.run, &self.report),
        ]
    }

    fn details(&self) -> Option<Details> {
        Some(
            self.source
                .details()
                .unwrap_or_else(|| run_details(&self.run)),
        )
    }
}

/// Returns the sentence about the calls that were stopped; `None` if there are none.
fn stopped_note(report: &FailureReport) -> Option<String> {
    let named: Vec<String> = report.stopped.iter().map(chain_text).collect();
    let more = report.n_stopped - report.stopped.len();
    let named = named.join(", ");
    match (report.n_stopped, more) {
        (0, _) => None,
        (1, _) => Some(format!("this call was cancelled: {named}")),
        (_, 0) => Some(format!("these calls were cancelled: {named}")),
        (_, more) => Some(format!(
            "these calls were cancelled: {named}, and {more} more"
        )),
    }
}
