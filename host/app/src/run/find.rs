//! Finds the run that the user refers to.

use sedge_model::call::CallStatus;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_model::run::{RunKind, RunParent, RunStatus};
use sedge_store::{RunFilter, RunRecord, StoreError};

use crate::error::{AppError, ChildVerb, RunUseError};
use crate::repository::Repository;
use crate::views::time;

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

    /// Finds a run by its id. Without an id, finds the newest run that a user has started: the runs
    /// of nested workflows are part of it.
    pub(crate) fn run_by_id_or_newest(&self, id: Option<&str>) -> Result<RunRecord, AppError> {
        if let Some(id) = id {
            return self.run_by_id(id);
        }
        let filter = RunFilter {
            is_root: true,
            ..RunFilter::default()
        };
        let newest = self.store()?.run_list(&filter, 1)?.pop();
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

    /// Returns the run at the top, with which this one is continued and cancelled: the one that a user
    /// started, or one that a call started which has ended.
    pub(crate) fn run_root(&self, run: &RunRecord) -> Result<RunRecord, AppError> {
        let store = self.store()?;
        let mut root = run.clone();
        while root.parent.is_some()
            && let Some(parent) = store.run_options(&root.id)?.parent
        {
            let above = store.run_get(parent.run())?;
            if let RunParent::Call { place, .. } = &parent
                && self.has_caller_ended(&above, place)?
            {
                break;
            }
            root = above;
        }
        Ok(root)
    }

    /// Returns whether the call that has started a run at `place` has ended for good, so that it will
    /// not continue the run.
    fn has_caller_ended(&self, above: &RunRecord, place: &Lineage) -> Result<bool, AppError> {
        if above.status.is_final() {
            return Ok(true);
        }
        // The run of one method is not resumed, so nothing continues it if its process is gone.
        if above.kind == RunKind::Method && self.run_status(above)? != RunStatus::Running {
            return Ok(true);
        }
        let caller = match place.parent() {
            Some(caller) => self.store()?.call_get(&caller)?,
            None => None,
        };
        Ok(caller.is_some_and(|caller| match caller.status {
            CallStatus::Succeeded | CallStatus::Failed => true,
            // It was cut off, and is made again if its run is resumed.
            CallStatus::Running | CallStatus::Cancelled => false,
        }))
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
        if root.id == run.id {
            return Ok(());
        }
        if root.kind == RunKind::Method {
            return Err(AppError::from(RunUseError::ChildOfMethod {
                run: run.id.clone(),
                root: root.id,
                verb,
            }));
        }
        Err(AppError::from(RunUseError::Child {
            run: run.id.clone(),
            workflow: root.subject.parse()?,
            root: root.id,
            verb,
        }))
    }

    /// Finds the given run of a workflow, whatever its state. Without an id, finds the only run of
    /// the workflow in the `wanted` state, and to restart one, the newest run that has failed.
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
                RunIntent::Resume | RunIntent::Restart => {
                    self.root_check(&run, ChildVerb::Resumed)?;
                }
                RunIntent::Decide => {}
            }
            return Ok(run);
        }
        let subject = Some((RunKind::Workflow, workflow.to_owned()));
        let list = |statuses: &[RunStatus], n_max| {
            let filter = RunFilter {
                subject: subject.clone(),
                statuses: statuses.to_vec(),
                ..RunFilter::default()
            };
            Ok::<_, AppError>(self.store()?.run_list(&filter, n_max)?)
        };
        let mut fitting: Vec<RunRecord> = Vec::new();
        for run in list(&[RunStatus::Suspended, RunStatus::Running], usize::MAX)? {
            // The runs of nested workflows are resumed with the run at the top.
            let is_open = match wanted {
                RunIntent::Resume | RunIntent::Restart => self.run_root(&run)?.id == run.id,
                RunIntent::Decide => true,
            };
            if is_open && wanted.fits(self.run_status(&run)?) {
                fitting.push(run);
            }
        }
        if wanted == RunIntent::Restart
            && let Some(failed) = self.first_root(list(&[RunStatus::Failed], usize::MAX)?)?
        {
            // A run that could go on where it stopped is not passed over.
            fitting.insert(0, failed);
        }
        match &fitting[..] {
            [run] if wanted != RunIntent::Restart || run.status == RunStatus::Failed => {
                Ok(run.clone())
            }
            [] | [_] => Err(self.none_fits(workflow, wanted, list(&[], 1)?.pop())?),
            [_, _, ..] => {
                let runs = fitting.iter();
                let runs = runs.map(|run| (run.id.clone(), time(run.started_at)));
                let runs = runs.collect();
                let workflow = workflow.parse()?;
                Err(AppError::from(RunUseError::SeveralFit {
                    workflow,
                    wanted: wanted.phrase_of_several(),
                    runs,
                }))
            }
        }
    }

    /// Returns the first of these runs that is at the top.
    fn first_root(&self, runs: Vec<RunRecord>) -> Result<Option<RunRecord>, AppError> {
        for run in runs {
            if self.run_root(&run)?.id == run.id {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    /// Returns the error for a workflow without a run in the wanted state.
    fn none_fits(
        &self,
        workflow: &str,
        wanted: RunIntent,
        newest: Option<RunRecord>,
    ) -> Result<AppError, AppError> {
        let latest = match newest {
            Some(run) => Some((run.id.clone(), self.run_status(&run)?)),
            None => {
                // This separates a workflow that never ran from one that does not exist.
                self.workflow(workflow)?;
                None
            }
        };
        Ok(AppError::from(RunUseError::NoneFits {
            workflow: workflow.parse()?,
            wanted: wanted.phrase(),
            latest,
        }))
    }
}

/// The intended operation on the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunIntent {
    /// Resume the run where it stopped.
    Resume,
    /// Begin a failed run again from a step.
    Restart,
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
            Self::Restart => "has failed",
            Self::Decide => "could be approved or rejected",
        }
    }

    fn phrase_of_several(self) -> &'static str {
        match self {
            Self::Resume | Self::Restart => "could be resumed",
            Self::Decide => "could be approved or rejected",
        }
    }
}
