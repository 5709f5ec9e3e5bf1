//! Finds the run that the user refers to.

use sedge_model::names::RunId;
use sedge_model::run::{RunKind, RunStatus};
use sedge_store::{RunFilter, RunRecord, StoreError};

use crate::error::{AppError, ChildVerb, RunUseError};
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

    /// Returns a run; `None` if the datastore does not have it.
    pub(crate) fn run_if_present(&self, id: &RunId) -> Result<Option<RunRecord>, AppError> {
        match self.store()?.run_get(id) {
            Ok(run) => Ok(Some(run)),
            Err(StoreError::RunMissing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the run at the top: the one that a user started.
    pub(crate) fn run_root(&self, run: &RunRecord) -> Result<RunRecord, AppError> {
        let mut root = run.clone();
        while let Some(parent) = &root.parent {
            root = self.store()?.run_get(parent)?;
        }
        Ok(root)
    }

    /// Refuses to do something with a run that is part of another run.
    ///
    /// # Errors
    /// The run is part of another run. The error names the run at the top.
    pub(crate) fn root_check(&self, run: &RunRecord, verb: ChildVerb) -> Result<(), AppError> {
        if run.parent.is_none() {
            return Ok(());
        }
        let root = self.run_root(run)?;
        Err(AppError::from(RunUseError::Child {
            run: run.id.clone(),
            workflow: root.subject.parse()?,
            root: root.id,
            verb,
        }))
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
            match wanted {
                RunIntent::Resume => self.root_check(&run, ChildVerb::Resumed)?,
                RunIntent::Decide => {}
            }
            return Ok(run);
        }
        let subject = Some((RunKind::Workflow, workflow.to_owned()));
        let list = |statuses: &[RunStatus], n_max| {
            let filter = RunFilter {
                subject: subject.clone(),
                statuses: statuses.to_vec(),
                // The runs of nested workflows are resumed with the run at the top.
                is_root: wanted == RunIntent::Resume,
                ..RunFilter::default()
            };
            Ok::<_, AppError>(self.store()?.run_list(&filter, n_max)?)
        };
        let mut fitting: Vec<RunRecord> = Vec::new();
        for run in list(&[RunStatus::Suspended, RunStatus::Running], usize::MAX)? {
            if wanted.fits(self.run_status(&run)?) {
                fitting.push(run);
            }
        }
        match &fitting[..] {
            [run] => Ok(run.clone()),
            [] => {
                let latest = match list(&[], 1)?.pop() {
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
