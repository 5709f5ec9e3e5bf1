//! A run of a workflow as expressions see it: `inputs`, `run`, `steps` and `jobs`.

use std::collections::{BTreeMap, BTreeSet};

use sedge_lang::expr::{Expr, Reference};
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

/// The results of steps that expressions use.
///
/// A run can have many steps with much data, so only what is used is read.
#[derive(Debug, Clone)]
pub(crate) struct ResultsUsed {
    is_any: bool,
    /// The names and paths of the steps whose data is used; `None` means all steps.
    data_of: Option<BTreeSet<String>>,
}

impl ResultsUsed {
    /// Returns the results that expressions use.
    pub(crate) fn of<'x>(exprs: impl IntoIterator<Item = &'x Expr>) -> Self {
        let mut used = Self {
            is_any: false,
            data_of: Some(BTreeSet::new()),
        };
        for expr in exprs {
            used.is_any |= expr.uses("steps") || expr.uses("jobs");
            if !expr.names_all_members("steps") {
                used.data_of = None;
            }
            if let Some(names) = &mut used.data_of {
                // A step without a named member is used as a whole.
                let is_data = |it: &Reference| {
                    let member = it.member.as_ref();
                    member.is_none_or(|(member, _)| member == "data")
                };
                let references = expr.references("steps").into_iter();
                names.extend(references.filter(is_data).map(|it| it.name));
            }
        }
        used
    }

    /// Returns whether any result of a step or a job is used.
    pub(crate) fn is_any(&self) -> bool {
        self.is_any
    }

    /// Returns whether the data of any step is used.
    fn has_data(&self) -> bool {
        self.data_of.as_ref().is_none_or(|names| !names.is_empty())
    }

    /// Returns whether the data of the step with a path is used.
    fn has_data_of(&self, path: &str) -> bool {
        let name = path.split_once('/').map_or(path, |(_, step)| step);
        let mut names = self.data_of.iter();
        self.data_of.is_none() || names.any(|it| it.contains(path) || it.contains(name))
    }
}

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
    /// the name means the step of the expression's own job. The member `data` of a step has a value
    /// only if it is among the results `used`.
    ///
    /// # Errors
    /// Returns an error if the datastore cannot be read.
    pub(crate) fn read(
        evaluator: &Evaluator<'_>,
        run: &RunRecord,
        own: Option<&JobName>,
        used: &ResultsUsed,
    ) -> Result<Self, AppError> {
        let store = evaluator.source.repository.store()?;
        let log = store.run_events(&run.id)?;
        let state = fold(&run.id, &log)?;
        let calls = calls_of_steps(store, run)?;
        let mut data = match used.has_data() {
            true => evaluator.records_by_step(&run.id, |path| used.has_data_of(path))?,
            false => None,
        };
        let of_own = state.steps().filter(|(path, _)| own == Some(&path.job));
        let own_names: BTreeSet<&StepName> = of_own.map(|(path, _)| &path.step).collect();
        let mut steps = Map::new();
        let mut jobs: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (path, step) in state.steps() {
            let status = status(step);
            let job = jobs.entry(path.job.to_string()).or_default();
            job.push(status);
            let data = match &mut data {
                Some(by_step) if used.has_data_of(&path.to_string()) => {
                    let records = by_step.remove(&path.to_string());
                    records.map_or_else(|| json!([]), Value::Array)
                }
                Some(_) | None => Value::Null,
            };
            let value = step_value(step, calls.get(path), &data);
            let name = path.step.to_string();
            if own == Some(&path.job) || !own_names.contains(&path.step) {
                steps.insert(name, value.clone());
            }
            steps.insert(path.to_string(), value);
        }
        let jobs = jobs.into_iter();
        let jobs = jobs.map(|(name, steps)| (name, json!({"status": job_status(&steps)})));
        Ok(Self {
            // ignored: no error is dropped, because this is an `Option`.
            inputs: store.run_inputs(&run.id)?.unwrap_or_default(),
            run: run_value(&run.id, &run.subject, run.started_at),
            steps: Value::Object(steps),
            jobs: Value::Object(jobs.collect()),
        })
    }
}

/// Returns the value of `run`.
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

fn step_value(state: &StepState, call: Option<&CallRecord>, data: &Value) -> Value {
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
    json!({
        "status": status(state),
        "outputs": outputs,
        "data": data,
        "error": error,
    })
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
    use sedge_lang::expr::TextPlace;
    use sedge_lang::scope::trial_scope;

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
    fn data_is_read_of_the_steps_that_are_used() {
        let check = |text: &str, expect: [bool; 2]| {
            let scope = trial_scope(&["steps", "jobs"]);
            let place = TextPlace::of_text("expression", text);
            let expr = Expr::compile(text, &place, &scope).expect(text);
            let used = ResultsUsed::of([&expr]);
            assert_eq!(["main/a", "main/b"].map(|it| used.has_data_of(it)), expect);
            assert_eq!(used.has_data(), expect.contains(&true), "{text}");
        };
        check("inputs.a", [false, false]);
        check("steps.a.status", [false, false]);
        check("steps.a.data[0].name", [true, false]);
        check("steps['main/b']", [false, true]);
        check("steps[inputs.a].data", [true, true]);
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
