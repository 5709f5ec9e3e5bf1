//! A run of a workflow as expressions see it: `inputs`, `run`, `steps` and `jobs`.

use std::collections::{BTreeMap, BTreeSet};

use sedge_lang::query::Selection;
use sedge_model::call::CallError;
use sedge_model::names::{JobName, RunId, StepName};
use sedge_model::run::StepPath;
use sedge_store::{CallRecord, RunRecord, Store};
use sedge_sys::clock::Timestamp;
use sedge_workflow::StepState;
use serde_json::{Map, Value, json};

use super::evaluator::Evaluator;
use crate::error::AppError;
use crate::views::time;
use crate::workflow::gates::fold;

/// The values of the variables that a run has.
#[derive(Debug, Clone)]
pub(crate) struct RunValues {
    /// The inputs that the run began with.
    pub(crate) inputs: Map<String, Value>,
    /// `run`.
    pub(crate) run: Value,
    /// `steps`, by their names.
    pub(crate) steps: Value,
    /// `jobs`, by their names.
    pub(crate) jobs: Value,
}

impl RunValues {
    /// Reads a run as it is now, for an expression of a job. The evaluator must be one that reads
    /// data.
    ///
    /// A step can be found by its name, and by its path. If several jobs have a step of this name,
    /// the name means the step of the expression's own job.
    ///
    /// # Errors
    /// Returns an error if the datastore cannot be read.
    pub(crate) fn read(
        evaluator: &Evaluator<'_>,
        run: &RunRecord,
        own: Option<&JobName>,
    ) -> Result<Self, AppError> {
        let store = evaluator.source.repository.store()?;
        let log = store.run_events(&run.id)?;
        let state = fold(&run.id, &log)?;
        let calls = calls_of_steps(store, run)?;
        let of_own = state.steps().filter(|(path, _)| own == Some(&path.job));
        let own_names: BTreeSet<&StepName> = of_own.map(|(path, _)| &path.step).collect();
        let mut steps = Map::new();
        let mut jobs: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (path, step) in state.steps() {
            let status = status(step);
            let job = jobs.entry(path.job.to_string()).or_default();
            job.push(status);
            let value = step_value(evaluator, run, path, step, calls.get(path))?;
            let name = path.step.to_string();
            if own == Some(&path.job) || !own_names.contains(&path.step) {
                steps.insert(name, value.clone());
            }
            steps.insert(path.to_string(), value);
        }
        let jobs = jobs.into_iter();
        let jobs = jobs.map(|(name, steps)| (name, json!({"status": job_status(&steps)})));
        Ok(Self {
            // ignored: there is no error here, only no value.
            inputs: store.run_inputs(&run.id)?.unwrap_or_default(),
            run: run_value(&run.id, &run.subject, run.started_at),
            steps: Value::Object(steps),
            jobs: Value::Object(jobs.collect()),
        })
    }
}

/// Returns what `run` is.
pub(crate) fn run_value(id: &RunId, workflow: &str, started_at: Timestamp) -> Value {
    json!({
        "id": id.as_str(),
        "workflowId": null,
        "workflowName": workflow,
        "startedAt": time(started_at).to_string(),
        "tags": {},
    })
}

/// Returns the last call of each step.
fn calls_of_steps(
    store: &Store,
    run: &RunRecord,
) -> Result<BTreeMap<StepPath, CallRecord>, AppError> {
    let mut calls = BTreeMap::new();
    for call in store.call_list(&run.id)? {
        let path = call.step.as_deref().and_then(step_path);
        if let Some(path) = path.filter(|_| call.lineage.depth() == 1) {
            calls.insert(path, call);
        }
    }
    Ok(calls)
}

fn step_path(text: &str) -> Option<StepPath> {
    let (job, step) = text.split_once('/')?;
    Some(StepPath {
        // ignored: the store wrote the path, and a name that is not valid here has no call to show.
        job: job.parse().ok()?,
        // ignored: see above.
        step: step.parse().ok()?,
    })
}

fn step_value(
    evaluator: &Evaluator<'_>,
    run: &RunRecord,
    path: &StepPath,
    state: &StepState,
    call: Option<&CallRecord>,
) -> Result<Value, AppError> {
    let outcome = call.and_then(|it| it.outcome.as_ref());
    let outputs = outcome.map_or(Value::Null, |it| it.value.clone());
    let error = match state {
        StepState::Failed(error) => error_value(error),
        StepState::Running { .. }
        | StepState::Interrupted { .. }
        | StepState::Succeeded
        | StepState::Rejected
        | StepState::Skipped
        | StepState::Open => Value::Null,
    };
    let of_run = Selection {
        run: Some(run.id.to_string()),
        ..Selection::default()
    };
    let path = path.to_string();
    let data = evaluator.records_of(&of_run, |it| it.step.as_deref() == Some(&*path));
    Ok(json!({
        "status": status(state),
        "outputs": outputs,
        "data": data?,
        "error": error,
    }))
}

fn error_value(error: &CallError) -> Value {
    json!({"code": error.code(), "message": error.to_string()})
}

/// Returns the status of a step as expressions compare it.
fn status(state: &StepState) -> &'static str {
    match state {
        StepState::Running { .. } => "running",
        StepState::Interrupted { .. } => "interrupted",
        StepState::Succeeded => "succeeded",
        StepState::Failed(_) | StepState::Rejected => "failed",
        StepState::Skipped => "skipped",
        StepState::Open => "suspended",
    }
}

/// Returns the status of a job by those of its steps that have one.
fn job_status(steps: &[&str]) -> &'static str {
    let has = |status: &str| steps.contains(&status);
    if has("failed") {
        "failed"
    } else if has("running") || has("interrupted") {
        "running"
    } else if has("suspended") {
        "suspended"
    } else if steps.iter().all(|it| *it == "skipped") {
        "skipped"
    } else {
        "succeeded"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_has_the_status_of_its_steps() {
        let check = |steps: &[&str], expect: &str| assert_eq!(job_status(steps), expect);
        check(&["succeeded", "skipped"], "succeeded");
        check(&["skipped", "skipped"], "skipped");
        check(&["succeeded", "failed", "running"], "failed");
        check(&["succeeded", "running"], "running");
        check(&["succeeded", "suspended"], "suspended");
    }

    #[test]
    fn path_of_a_step_has_two_parts() {
        let path = step_path("build/compile").expect("a path");
        assert_eq!(
            (path.job.as_str(), path.step.as_str()),
            ("build", "compile")
        );
        assert_eq!(step_path("build"), None);
    }
}
