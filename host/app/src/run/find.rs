//! Finds the run that the user refers to.

use sedge_model::names::RunId;
use sedge_model::run::{RunKind, RunStatus};
use sedge_store::{RunFilter, RunRecord};

use crate::error::{AppError, RunUseError};
use crate::repository::Repository;

impl Repository {
    /// Finds a run by its id, or by the beginning of its id if that is unique.
    pub(crate) fn run_by_id(&self, id: &str) -> Result<RunRecord, AppError> {
        let filter = RunFilter {
            id_prefix: Some(id.to_owned()),
            ..RunFilter::default()
        };
        let mut runs = self.store()?.run_list(&filter, 2)?;
        match (runs.pop(), runs.pop()) {
            (Some(run), None) if !id.is_empty() => Ok(run),
            (Some(_), Some(_)) if !id.is_empty() => {
                Err(AppError::from(RunUseError::Ambiguous(id.to_owned())))
            }
            (_, _) => Err(AppError::from(RunUseError::Missing(id.to_owned()))),
        }
    }

    /// Finds a run by its id. Without an id, finds the newest run.
    pub(crate) fn run_by_id_or_newest(&self, id: Option<&str>) -> Result<RunRecord, AppError> {
        if let Some(id) = id {
            return self.run_by_id(id);
        }
        let newest = self.store()?.run_list(&RunFilter::default(), 1)?.pop();
        newest.ok_or(AppError::from(RunUseError::NoneYet))
    }

    /// Finds the given run of a workflow, whatever its state. Without an id, finds the only run of
    /// the workflow in the `wanted` state.
    pub(crate) fn run_of_workflow(
        &self,
        workflow: &str,
        named: Option<&str>,
        wanted: RunIntent,
    ) -> Result<RunRecord, AppError> {
        let workflow = self.workflow_name(workflow)?;
        let workflow = workflow.as_str();
        if let Some(id) = named {
            let run = self.run_by_id(id)?;
            if run.kind != RunKind::Workflow || run.subject != workflow {
                let is = format!("is not one of the workflow `{workflow}`");
                return Err(AppError::from(RunUseError::State { run: run.id, is }));
            }
            return Ok(run);
        }
        let subject = Some((RunKind::Workflow, workflow.to_owned()));
        let list = |status, n_max| {
            let subject = subject.clone();
            let filter = RunFilter {
                subject,
                status,
                ..RunFilter::default()
            };
            Ok::<_, AppError>(self.store()?.run_list(&filter, n_max)?)
        };
        let mut fitting: Vec<RunRecord> = Vec::new();
        for status in [RunStatus::Suspended, RunStatus::Running] {
            for run in list(Some(status), usize::MAX)? {
                if wanted.fits(self.run_status(&run)?) {
                    fitting.push(run);
                }
            }
        }
        match &fitting[..] {
            [run] => Ok(run.clone()),
            [] => {
                let latest = match list(None, 1)?.pop() {
                    Some(run) => Some((run.id.clone(), self.run_status(&run)?)),
                    None => {
                        // This separates a workflow that never ran from one that does not exist.
                        self.workflow(workflow)?;
                        None
                    }
                };
                let workflow = workflow.parse()?;
                Err(AppError::from(RunUseError::NoneFits {
                    workflow,
                    wanted: wanted.phrase(),
                    latest,
                }))
            }
            [_, _, ..] => {
                let runs: Vec<RunId> = fitting.iter().map(|run| run.id.clone()).collect();
                let workflow = workflow.parse()?;
                Err(AppError::from(RunUseError::SeveralFit {
                    workflow,
                    wanted: wanted.phrase(),
                    runs,
                }))
            }
        }
    }
}

/// The intended operation on the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunIntent {
    /// Resume the run.
    Resume,
    /// Decide one of the run's gates.
    Decide,
}

impl RunIntent {
    fn fits(self, status: RunStatus) -> bool {
        match status {
            RunStatus::Suspended => true,
            RunStatus::Interrupted => true,
            RunStatus::Running => self == Self::Decide,
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => false,
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            Self::Resume => "could be resumed",
            Self::Decide => "could be approved or rejected",
        }
    }
}
