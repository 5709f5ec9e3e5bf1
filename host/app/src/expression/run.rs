//! A run of a workflow as expressions see it: `inputs`, `run`, `steps` and `jobs`.
//!
//! The statuses come from the state of the run, which its driver has; the values come from the
//! records of the calls. Only what an expression uses is read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sedge_lang::expr::{Expr, Reference};
use sedge_lang::workflow::Workflow;
use sedge_model::lineage::Lineage;
use sedge_model::names::{FileId, JobName, RunId, StepName};
use sedge_model::run::{RunEvent, StepError, StepInstance, StepPath};
use sedge_store::CalledRun;
use sedge_sys::clock::Timestamp;
use sedge_workflow::{InstanceState, Plan, RunState, StepEnd};
use serde_json::{Map, Value, json};

use super::data::RecordsOfSteps;
use super::evaluator::Evaluator;
use crate::error::AppError;
use crate::views::time;

/// The results of steps and jobs that expressions use.
#[derive(Debug, Clone)]
pub(crate) struct ResultsUsed {
    is_any: bool,
    /// The names and paths of the steps that are used; `None` means all steps.
    steps: Option<BTreeSet<String>>,
    /// The names and paths of the steps whose data is used; `None` means all steps.
    data_of: Option<BTreeSet<String>>,
    /// The names of the jobs that are used; `None` means all jobs.
    jobs: Option<BTreeSet<String>>,
}

impl ResultsUsed {
    /// Returns the results that expressions use.
    pub(crate) fn of<'x>(exprs: impl IntoIterator<Item = &'x Expr>) -> Self {
        let mut used = Self {
            is_any: false,
            steps: Some(BTreeSet::new()),
            data_of: Some(BTreeSet::new()),
            jobs: Some(BTreeSet::new()),
        };
        for expr in exprs {
            used.is_any |= expr.uses("steps") || expr.uses("jobs");
            if !expr.names_all_members("jobs") {
                used.jobs = None;
            }
            if let Some(names) = &mut used.jobs {
                names.extend(expr.references("jobs").into_iter().map(|it| it.name));
            }
            if !expr.names_all_members("steps") {
                used.steps = None;
                used.data_of = None;
            }
            let references = expr.references("steps");
            if let Some(names) = &mut used.data_of {
                // A step without a named member is used as a whole.
                let is_data = |it: &&Reference| {
                    let member = it.member.as_ref();
                    member.is_none_or(|(member, _)| member == "data")
                };
                names.extend(references.iter().filter(is_data).map(|it| it.name.clone()));
            }
            if let Some(names) = &mut used.steps {
                names.extend(references.into_iter().map(|it| it.name));
            }
        }
        used
    }

    /// Returns whether any result of a step or a job is used.
    pub(crate) fn is_any(&self) -> bool {
        self.is_any
    }

    fn has(names: Option<&BTreeSet<String>>, path: &StepPath) -> bool {
        names.is_none_or(|names| {
            names.contains(path.step.as_str()) || names.contains(&path.to_string())
        })
    }

    fn has_job(&self, name: &JobName) -> bool {
        let names = self.jobs.as_ref();
        names.is_none_or(|names| names.contains(name.as_str()))
    }

    /// Returns whether the data of the step with a path is used.
    fn has_data_of(&self, path: &StepPath) -> bool {
        Self::has(self.data_of.as_ref(), path)
    }
}

/// The errors of the steps of a run that failed. The state of the run has only their codes.
pub(crate) type StepErrors = HashMap<StepInstance, StepError>;

/// The calls and child runs of each step of a run since it began the last time: those that may have
/// written data.
#[derive(Debug, Default)]
pub(crate) struct StepWriters(HashMap<StepInstance, Writers>);

/// The calls and child runs of one instance of a step.
#[derive(Debug, Clone, Default)]
struct Writers {
    /// The ordinals of the calls, oldest first.
    calls: Vec<u32>,
    /// The runs of its nested workflow, oldest first.
    children: Vec<RunId>,
}

impl StepWriters {
    /// Notes what an event says. The events have to come in their order.
    pub(crate) fn note(&mut self, event: &RunEvent) {
        match event {
            RunEvent::StepStarted { step, call, child } => {
                let writers = self.0.entry(step.step.clone()).or_default();
                writers.calls.push(*call);
                if let Some(child) = child
                    && !writers.children.contains(child)
                {
                    writers.children.push(child.clone());
                }
            }
            RunEvent::Reset { steps } => self.0.retain(|step, _| !steps.contains(&step.path)),
            RunEvent::GateReopened { skipped, .. } => {
                self.0.retain(|step, _| !skipped.contains(&step.path));
            }
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Released
            | RunEvent::EditsTaken
            | RunEvent::CancelRequested { .. }
            | RunEvent::DeadlinePassed
            | RunEvent::JobGuarded { .. }
            | RunEvent::Expanded { .. }
            | RunEvent::Guarded { .. }
            | RunEvent::EvaluationCalled { .. }
            | RunEvent::StepSucceeded { .. }
            | RunEvent::StepFailed { .. }
            | RunEvent::StepRetried { .. }
            | RunEvent::StepSkipped { .. }
            | RunEvent::ChildSuspended { .. }
            | RunEvent::GateOpened { .. }
            | RunEvent::GateDecided { .. }
            | RunEvent::GateExpired { .. }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => {}
        }
    }
}

/// A run with its state.
pub(crate) struct RunStates<'r> {
    pub(crate) workflow: &'r Workflow,
    pub(crate) plan: &'r Plan,
    pub(crate) state: &'r RunState,
    pub(crate) errors: &'r StepErrors,
    pub(crate) written: &'r StepWriters,
}

/// What the state of a run says about the steps and jobs that expressions use.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunResults {
    steps: Vec<(StepPath, StepResults)>,
    jobs: Vec<(JobName, &'static str)>,
}

/// What the state of a run says about one step.
#[derive(Debug, Clone)]
enum StepResults {
    /// The step has no `forEach`.
    One(Box<StepResult>),
    /// The instances of a step with `forEach`, in the order of its values.
    Each(Vec<StepResult>),
}

/// What the state of a run says about one instance.
#[derive(Debug, Clone)]
struct StepResult {
    step: StepInstance,
    status: &'static str,
    /// The ordinal of the call that has the outcome.
    call: Option<u32>,
    error: Option<StepError>,
    /// What may have written data of the instance, if that is used.
    writers: Writers,
}

impl RunResults {
    /// Collects what expressions of the job `own` use. A step that has not begun has no result.
    pub(crate) fn collect(of: &RunStates<'_>, own: Option<&JobName>, used: &ResultsUsed) -> Self {
        let RunStates {
            workflow,
            plan,
            state,
            errors,
            written,
        } = of;
        if !used.is_any() {
            return Self::default();
        }
        let one = |step: StepInstance| {
            let found = state.instance(&step)?;
            Some(StepResult {
                status: status(found)?,
                call: call_of(found),
                error: errors.get(&step).cloned(),
                writers: match used.has_data_of(&step.path) {
                    // ignored: an instance without calls has written nothing.
                    true => written.0.get(&step).cloned().unwrap_or_default(),
                    false => Writers::default(),
                },
                step,
            })
        };
        let steps = steps_used(workflow, plan, own, used).into_iter();
        let steps = steps.filter_map(|path| {
            let is_for_each = plan.step(&path)?.is_for_each;
            let results = match (is_for_each, state.expansions(&path)) {
                (true, Some(expansions)) => {
                    let instances = expansions.iter().map(|it| StepInstance {
                        path: path.clone(),
                        expansion: Some(it.name.clone()),
                    });
                    StepResults::Each(instances.filter_map(one).collect())
                }
                (true, None) => match state.step_end(&path) {
                    // The step was skipped, or it failed before it had values.
                    Some(_) => StepResults::Each(Vec::new()),
                    None => return None,
                },
                (false, _) => StepResults::One(Box::new(one(StepInstance::of(path.clone()))?)),
            };
            Some((path, results))
        });
        let jobs = workflow.jobs.iter().filter(|it| used.has_job(&it.name));
        let jobs = jobs.map(|job| (job.name.clone(), job_status(state, &job.name)));
        Self {
            steps: steps.collect(),
            jobs: jobs.collect(),
        }
    }
}

/// Returns the paths of the steps that expressions of the job `own` use. A name alone means the step
/// of that job, or else the steps of this name of all jobs.
fn steps_used(
    workflow: &Workflow,
    plan: &Plan,
    own: Option<&JobName>,
    used: &ResultsUsed,
) -> Vec<StepPath> {
    let Some(names) = &used.steps else {
        return workflow.steps().map(|it| it.path.clone()).collect();
    };
    let known = |job: &JobName, step: &StepName| {
        let path = StepPath {
            job: job.clone(),
            step: step.clone(),
        };
        plan.step(&path).map(|_| path)
    };
    let mut paths = Vec::new();
    for name in names {
        if let Some((job, step)) = name.split_once('/') {
            // ignored: a text that is not a valid name is the name of no step.
            let path = job.parse().ok().zip(step.parse().ok());
            paths.extend(path.and_then(|(job, step)| known(&job, &step)));
            continue;
        }
        // ignored: see above.
        let Some(step) = name.parse::<StepName>().ok() else {
            continue;
        };
        if let Some(path) = own.and_then(|own| known(own, &step)) {
            paths.push(path);
        } else {
            let jobs = workflow.jobs.iter();
            paths.extend(jobs.filter_map(|job| known(&job.name, &step)));
        }
    }
    paths.sort();
    paths.dedup();
    paths
}

/// The values of `steps` and `jobs`.
#[derive(Debug, Clone)]
pub(crate) struct RunValues {
    /// `steps`, by their names and paths.
    pub(crate) steps: Value,
    /// `jobs`, by their names.
    pub(crate) jobs: Value,
}

impl RunValues {
    /// Reads the values of results, for an expression of a job. The evaluator must be one that
    /// reads data.
    ///
    /// A step can be found by its name, and by its path. If several jobs have a step of this name,
    /// the name means the step of the expression's own job. The member `data` of a step has a value
    /// only if it is among the results `used`.
    ///
    /// # Errors
    /// Returns an error if the datastore cannot be read.
    pub(crate) fn read(
        evaluator: &Evaluator<'_>,
        run: &RunId,
        results: &RunResults,
        own: Option<&JobName>,
        used: &ResultsUsed,
    ) -> Result<Self, AppError> {
        let own_names: BTreeSet<&StepName> = {
            let of_own = results.steps.iter();
            let of_own = of_own.filter(|(path, _)| own == Some(&path.job));
            of_own.map(|(path, _)| &path.step).collect()
        };
        let mut data = RecordsRead::default();
        let value = |of: &StepResult, data: &mut RecordsRead| -> Result<Value, AppError> {
            let records = match used.has_data_of(&of.step.path) {
                true => records_of(evaluator, run, &of.writers, data)?,
                false => None,
            };
            step_value(
                evaluator,
                run,
                of,
                records.map_or(Value::Null, Value::Array),
            )
        };
        let mut steps = Map::new();
        for (path, found) in &results.steps {
            let value = match found {
                StepResults::One(one) => value(one, &mut data)?,
                StepResults::Each(each) => {
                    let each = each.iter().map(|it| value(it, &mut data));
                    Value::Array(each.collect::<Result<_, _>>()?)
                }
            };
            if own == Some(&path.job) || !own_names.contains(&path.step) {
                steps.insert(path.step.to_string(), value.clone());
            }
            steps.insert(path.to_string(), value);
        }
        let jobs = results.jobs.iter();
        let jobs = jobs.map(|(name, status)| (name.to_string(), json!({"status": status})));
        Ok(Self {
            steps: Value::Object(steps),
            jobs: Value::Object(jobs.collect()),
        })
    }
}

/// What was read for the data of steps.
#[derive(Default)]
struct RecordsRead {
    records: RecordsOfSteps,
    /// The runs that calls of the run have started; `None` until they are needed.
    called_runs: Option<Vec<CalledRun>>,
}

/// Returns the records that a step wrote, in the order of their commits; `None` if the records of the
/// steps that are used are too large together to be held in memory. Those of the runs that the step or
/// its call has started are among them.
///
/// Only these records are read, however many the run has written.
fn records_of(
    evaluator: &Evaluator<'_>,
    run: &RunId,
    writers: &Writers,
    data: &mut RecordsRead,
) -> Result<Option<Vec<Value>>, AppError> {
    let root = Lineage::root(run.clone());
    let mut calls: Vec<Lineage> = writers.calls.iter().map(|it| root.child(*it)).collect();
    let store = evaluator.source.repository.store()?;
    let mut runs = writers.children.clone();
    if !calls.is_empty() {
        let called_runs = match &mut data.called_runs {
            Some(known) => known,
            None => data.called_runs.insert(store.runs_of_calls(run)?),
        };
        let has_started = |it: &&CalledRun| {
            let ordinal = it.place.ordinals().first();
            ordinal.is_some_and(|ordinal| writers.calls.contains(ordinal))
        };
        let started = called_runs.iter().filter(has_started);
        runs.extend(started.map(|it| it.run.id.clone()));
    }
    while let Some(child) = runs.pop() {
        let below = store.run_children(&child)?;
        runs.extend(below.into_iter().map(|it| it.id));
        calls.push(Lineage::root(child));
    }
    evaluator.records_below(&calls, &mut data.records)
}

/// Returns the value of `run`. `workflow` is the name of the workflow, with its id if its file gives
/// one.
pub(crate) fn run_value(
    id: &RunId,
    workflow: (&str, Option<&FileId>),
    started_at: Timestamp,
    tags: &BTreeMap<String, String>,
) -> Value {
    json!({
        "id": id.as_str(),
        "workflowId": workflow.1.map(FileId::as_str),
        "workflowName": workflow.0,
        "startedAt": time(started_at).to_string(),
        "tags": tags,
    })
}

fn step_value(
    evaluator: &Evaluator<'_>,
    run: &RunId,
    of: &StepResult,
    data: Value,
) -> Result<Value, AppError> {
    let record = match of.call {
        Some(call) => {
            let store = evaluator.source.repository.store()?;
            store.call_get(&Lineage::root(run.clone()).child(call))?
        }
        None => None,
    };
    let outcome = record.and_then(|it| it.outcome);
    let error = of.error.as_ref().map_or(
        Value::Null,
        |error| json!({"code": error.code(), "message": error.to_string()}),
    );
    Ok(json!({
        "status": of.status,
        "outputs": outcome.map_or(Value::Null, |it| it.value),
        "data": data,
        "error": error,
    }))
}

/// Returns the status of an instance as expressions compare it; `None` if it has not begun.
fn status(state: &InstanceState) -> Option<&'static str> {
    Some(match state {
        InstanceState::Waiting | InstanceState::Ready => return None,
        InstanceState::Running { .. } => "running",
        InstanceState::Interrupted { .. } => "interrupted",
        InstanceState::Retrying { .. } => "retrying",
        InstanceState::ChildSuspended { .. } | InstanceState::Open { .. } => "suspended",
        InstanceState::Succeeded { .. } => "succeeded",
        InstanceState::Satisfied => "satisfied",
        InstanceState::Failed { .. } | InstanceState::Rejected => "failed",
        InstanceState::Skipped => "skipped",
    })
}

/// Returns the ordinal of the call that has the outcome of an instance.
fn call_of(state: &InstanceState) -> Option<u32> {
    match state {
        InstanceState::Succeeded { call } => *call,
        InstanceState::Waiting
        | InstanceState::Ready
        | InstanceState::Running { .. }
        | InstanceState::Interrupted { .. }
        | InstanceState::Retrying { .. }
        | InstanceState::ChildSuspended { .. }
        | InstanceState::Open { .. }
        | InstanceState::Satisfied
        | InstanceState::Failed { .. }
        | InstanceState::Rejected
        | InstanceState::Skipped => None,
    }
}

/// Returns the status of a job as expressions compare it.
fn job_status(state: &RunState, job: &JobName) -> &'static str {
    match state.job_end(job) {
        Some(StepEnd::Succeeded) => "succeeded",
        Some(StepEnd::Satisfied) => "satisfied",
        Some(StepEnd::Failed) => "failed",
        Some(StepEnd::Skipped) => "skipped",
        None => "running",
    }
}

#[cfg(test)]
mod tests {
    use sedge_lang::expr::TextPlace;
    use sedge_lang::scope::trial_scope;

    use super::*;

    fn path(text: &str) -> StepPath {
        let (job, step) = text.split_once('/').expect("a path");
        StepPath {
            job: job.parse().expect("a name"),
            step: step.parse().expect("a name"),
        }
    }

    #[test]
    fn results_are_read_of_the_steps_that_are_used() {
        let check = |text: &str, steps: [bool; 2], data: [bool; 2]| {
            let scope = trial_scope(&["steps", "jobs"]);
            let place = TextPlace::of_text("expression", text);
            let expr = Expr::compile(text, &place, &scope).expect(text);
            let used = ResultsUsed::of([&expr]);
            let paths = ["main/a", "main/b"].map(path);
            let names = used.steps.as_ref();
            let is_used = |path: &StepPath| ResultsUsed::has(names, path);
            assert_eq!(paths.each_ref().map(is_used), steps, "{text}");
            assert_eq!(paths.map(|it| used.has_data_of(&it)), data, "{text}");
        };
        check("inputs.a", [false, false], [false, false]);
        check("steps.a.status", [true, false], [false, false]);
        check("steps.a.data[0].name", [true, false], [true, false]);
        check("steps['main/b']", [false, true], [false, true]);
        check("steps[inputs.a].data", [true, true], [true, true]);
    }

    #[test]
    fn statuses_are_read_of_the_jobs_that_are_used() {
        let expr = |text: &str| {
            let place = TextPlace::of_text("expression", text);
            Expr::compile(text, &place, &trial_scope(&["steps", "jobs"])).expect(text)
        };
        let job: JobName = "a".parse().expect("a name");
        assert!(ResultsUsed::of([&expr("jobs.a.status")]).has_job(&job));
        assert!(!ResultsUsed::of([&expr("jobs.b.status")]).has_job(&job));
        assert!(ResultsUsed::of([&expr("jobs[inputs.a].status")]).has_job(&job));
    }
}
