//! The steps that begin again when a user resumes a failed run from some step.

use sedge_model::run::StepPath;

use crate::conditions::StepEnd;
use crate::facts::JobGuardEnd;
use crate::instance::InstanceState;
use crate::plan::{Plan, TermOwner};
use crate::state::RunState;

/// Returns the steps that begin again when a run continues from `from`, in the author's order;
/// `None` if the workflow has no such step.
///
/// These are the step itself, all steps that depend on it, and every other step that failed, or
/// was skipped because of a failure or of the run's deadline. Steps that succeeded stay. Gates that
/// were decided stay decided unless they depend on the step. If the guard of a job decided for its
/// steps, all of them begin again together.
#[must_use]
pub fn steps_to_reset(state: &RunState, from: &StepPath) -> Option<Vec<StepPath>> {
    let from = state.plan.step_index(from)?;
    let mut found = Found::new(state);
    found.add(from, Reach::All);
    found.follow();
    for step in 0..state.plan.n_steps() {
        if found.is_failed(step) {
            found.add(step, Reach::Skipped);
        }
    }
    found.follow();
    let marked = (0..).zip(state.plan.steps());
    let marked = marked.filter(|(at, _)| found.marks[*at as usize].is_some());
    Some(marked.map(|(_, step)| step.path.clone()).collect())
}

/// Which of the steps that depend on a step begin again with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Those that were skipped.
    Skipped,
    /// All.
    All,
}

struct Found<'s> {
    state: &'s RunState,
    plan: &'s Plan,
    /// The steps that begin again.
    marks: Vec<Option<Reach>>,
    /// Steps whose dependents are not marked yet.
    open: Vec<u32>,
}

impl<'s> Found<'s> {
    fn new(state: &'s RunState) -> Self {
        Self {
            state,
            plan: &state.plan,
            marks: vec![None; state.plan.n_steps() as usize],
            open: Vec::new(),
        }
    }

    /// Marks a step, and with it the steps for which the guard of its job decided.
    fn add(&mut self, step: u32, reach: Reach) {
        let job = self.plan.step_at(step).job;
        let is_of_guard = match self.state.facts.guards[job as usize] {
            Some(JobGuardEnd::Satisfied | JobGuardEnd::Failed) => true,
            Some(JobGuardEnd::Passed) | None => false,
        };
        let steps = match is_of_guard {
            true => self.plan.job_at(job).steps.clone(),
            false => step..step + 1,
        };
        for step in steps {
            if self.marks[step as usize] < Some(reach) {
                self.marks[step as usize] = Some(reach);
                self.open.push(step);
            }
        }
    }

    /// Marks what depends on marked steps.
    fn follow(&mut self) {
        while let Some(step) = self.open.pop() {
            let Some(reach) = self.marks[step as usize] else {
                continue;
            };
            let in_plan = self.plan.step_at(step);
            let job = self.plan.job_at(in_plan.job);
            for leaf in in_plan.dependents.iter().chain(&job.dependents) {
                let steps = match self.plan.terms()[*leaf as usize].owner {
                    TermOwner::Step(step) => step..step + 1,
                    TermOwner::Job(job) => self.plan.job_at(job).steps.clone(),
                };
                for step in steps {
                    let is_reached = match reach {
                        Reach::All => true,
                        Reach::Skipped => {
                            self.state.tracker.step_end(step) == Some(StepEnd::Skipped)
                        }
                    };
                    if is_reached {
                        self.add(step, reach);
                    }
                }
            }
        }
    }

    /// Returns whether a step failed, or was skipped although its conditions could hold: because of
    /// the run's deadline, or because the guard of its job has no value.
    fn is_failed(&self, step: u32) -> bool {
        let job = self.plan.step_at(step).job;
        let tracker = &self.state.tracker;
        let is_broken = tracker.is_job_broken(self.plan, job) == Some(true)
            || tracker.is_step_broken(self.plan, step) == Some(true);
        let states = self.state.facts.step(step).states().iter();
        let mut is_failed = states.map(|state| match state {
            InstanceState::Failed { .. } => true,
            InstanceState::Skipped => !is_broken,
            InstanceState::Waiting
            | InstanceState::Ready
            | InstanceState::Running { .. }
            | InstanceState::Interrupted { .. }
            | InstanceState::Retrying { .. }
            | InstanceState::ChildSuspended { .. }
            | InstanceState::Open { .. }
            | InstanceState::Succeeded { .. }
            | InstanceState::Satisfied
            | InstanceState::Rejected => false,
        });
        is_failed.any(|it| it)
    }
}
