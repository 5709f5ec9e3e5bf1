//! Gates that are decided again, because what their users decided on has changed.
//!
//! A gate is opened again while steps behind it have ended, and these do not run again. So a step that
//! has not started can have conditions that hold although the gate is open. Such a step waits for the
//! gate, too, and is skipped if the gate is not approved.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sedge_lang::workflow::Condition;
use sedge_model::run::{EvaluationPlace, RunEvent, StepPath};

use crate::conditions::{StepEnd, condition_holds};
use crate::event_text::IllegalEvent;
use crate::facts::{HandItem, JobGuardEnd};
use crate::instance::InstanceState;
use crate::plan::{Plan, TaskKind, TermOwner};
use crate::state::RunState;

/// The gates that were opened again, and the steps that wait for them beside their own conditions.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReopenedGates {
    /// The gates that a step waits for.
    before: BTreeMap<u32, BTreeSet<u32>>,
    /// The steps that wait for a gate.
    behind: BTreeMap<u32, BTreeSet<u32>>,
}

impl ReopenedGates {
    fn add(&mut self, gate: u32, step: u32) {
        self.before.entry(step).or_default().insert(gate);
        self.behind.entry(gate).or_default().insert(step);
    }

    /// Returns the steps that wait for a gate.
    pub(crate) fn behind(&self, gate: u32) -> impl Iterator<Item = u32> {
        self.behind.get(&gate).into_iter().flatten().copied()
    }

    /// Returns the gates that a step waits for.
    pub(crate) fn before(&self, step: u32) -> impl Iterator<Item = u32> {
        self.before.get(&step).into_iter().flatten().copied()
    }

    /// Returns whether all gates that a step waits for were approved; `None` if that may still
    /// change. `end_of` returns the result of a gate.
    pub(crate) fn are_passed(
        &self,
        step: u32,
        end_of: impl Fn(u32) -> Option<StepEnd>,
    ) -> Option<bool> {
        let mut is_open = false;
        for gate in self.before(step) {
            match end_of(gate) {
                Some(end) if is_passed(end) => {}
                Some(_) => return Some(false),
                None => is_open = true,
            }
        }
        (!is_open).then_some(true)
    }
}

/// Returns whether what waits for a gate may run after this result of it.
pub(crate) fn is_passed(end: StepEnd) -> bool {
    condition_holds(&Condition::Succeeded, end)
}

/// Questions about gates that may have to be opened again.
impl RunState {
    /// Returns the gates that users were asked to decide, in the author's order: those that are open,
    /// and those that have succeeded. A gate of which a part was rejected, failed or skipped is left
    /// out.
    #[must_use]
    pub fn gates_asked(&self) -> Vec<StepPath> {
        let steps = (0..).zip(self.plan.steps());
        let gates = steps.filter(|(_, step)| step.kind == TaskKind::Gate);
        let asked = gates.filter(|(at, _)| {
            let states = self.facts.step(*at).states();
            states.iter().all(|it| is_asked(it).is_some())
                && states.iter().any(|it| is_asked(it) == Some(true))
        });
        asked.map(|(_, step)| step.path.clone()).collect()
    }

    /// Returns whether something that depends on a step, directly or through other steps, has not
    /// started.
    #[must_use]
    pub fn has_unstarted_behind(&self, step: &StepPath) -> bool {
        let Some(step) = self.plan.step_index(step) else {
            return false;
        };
        let mut seen = BTreeSet::from([step]);
        let mut open = vec![step];
        while let Some(step) = open.pop() {
            for next in self.followers(step, true) {
                if !seen.insert(next) {
                    continue;
                }
                if self.is_unstarted(next) {
                    return true;
                }
                open.push(next);
            }
        }
        false
    }

    /// Returns the steps behind which something has not started: those for which
    /// [`Self::has_unstarted_behind`] holds. It takes as long as one question about one step.
    #[must_use]
    pub fn steps_with_unstarted_behind(&self) -> HashSet<StepPath> {
        let before = StepsBefore::new(&self.plan);
        let mut is_found = vec![false; self.plan.n_steps() as usize];
        let mut is_job_left = vec![false; self.plan.n_jobs() as usize];
        let mut is_job_found = is_job_left.clone();
        let mut open: Vec<u32> = (0..self.plan.n_steps()).collect();
        open.retain(|step| self.is_unstarted(*step));
        while let Some(step) = open.pop() {
            let job = self.plan.step_at(step).job as usize;
            let mut earlier = before.steps[step as usize].clone();
            if !std::mem::replace(&mut is_job_left[job], true) {
                for job in &before.jobs[job] {
                    if !std::mem::replace(&mut is_job_found[*job as usize], true) {
                        earlier.extend(self.plan.job_at(*job).steps.clone());
                    }
                }
            }
            for step in earlier {
                if !std::mem::replace(&mut is_found[step as usize], true) {
                    open.push(step);
                }
            }
        }
        let steps = self.plan.steps().zip(is_found);
        let found = steps.filter(|(_, is_found)| *is_found);
        found.map(|(step, _)| step.path.clone()).collect()
    }

    /// Returns whether an instance of a step has not started.
    fn is_unstarted(&self, step: u32) -> bool {
        let mut states = self.facts.step(step).states().iter();
        states.any(|it| matches!(it, InstanceState::Waiting | InstanceState::Ready))
    }

    /// Returns the events that open gates again, one for each gate.
    ///
    /// A step that was skipped because of several of them is named by the event of the first.
    #[must_use]
    pub fn gates_reopened(&self, gates: &[StepPath]) -> Vec<RunEvent> {
        let mut walk = SkippedWalk::default();
        let events = gates.iter().map(|gate| {
            let at = self.plan.step_index(gate);
            let skipped = at.map(|at| self.skipped_behind(at, &mut walk));
            // The workflow has the gate, because a state has only steps of its workflow.
            let skipped = skipped.into_iter().flatten();
            RunEvent::GateReopened {
                gate: gate.clone(),
                skipped: skipped
                    .map(|at| self.plan.step_at(at).path.clone())
                    .collect(),
            }
        });
        events.collect()
    }

    /// Returns the steps that depend on a step, and if `with_job` those of the jobs that depend on its
    /// job.
    fn followers(&self, step: u32, with_job: bool) -> Vec<u32> {
        let in_plan = self.plan.step_at(step);
        let of_job = &self.plan.job_at(in_plan.job).dependents;
        let of_job = of_job.iter().filter(|_| with_job);
        let leaves = in_plan.dependents.iter().chain(of_job);
        let steps = leaves.flat_map(|leaf| match self.plan.terms()[*leaf as usize].owner {
            TermOwner::Step(step) => step..step + 1,
            TermOwner::Job(job) => self.plan.job_at(job).steps.clone(),
        });
        steps.collect()
    }

    /// Returns the steps that were skipped because of the result of a step, in the author's order,
    /// without those that the walk has found before.
    fn skipped_behind(&self, step: u32, walk: &mut SkippedWalk) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        let mut open = vec![step];
        while let Some(step) = open.pop() {
            let is_new_job = walk.jobs.insert(self.plan.step_at(step).job);
            for next in self.followers(step, is_new_job) {
                let is_of_guard = match self.facts.guards[self.plan.step_at(next).job as usize] {
                    Some(JobGuardEnd::Satisfied | JobGuardEnd::Failed) => true,
                    Some(JobGuardEnd::Passed) | None => false,
                };
                let is_skipped = self.tracker.step_end(next) == Some(StepEnd::Skipped);
                if is_skipped && !is_of_guard && walk.steps.insert(next) {
                    found.insert(next);
                    open.push(next);
                }
            }
        }
        found
    }

    /// Returns the steps that have not ended and that are behind a gate only through steps that have
    /// ended. Nothing else makes them wait for the gate.
    ///
    /// What waits for the job of the gate waits for the gate, because the job has not ended.
    fn behind_ended(&self, gate: u32) -> BTreeSet<u32> {
        let job_of_gate = self.plan.step_at(gate).job;
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::from([gate]);
        let mut open = vec![gate];
        while let Some(step) = open.pop() {
            let is_gate = step == gate;
            let with_job = is_gate || self.plan.step_at(step).job != job_of_gate;
            for next in self.followers(step, with_job) {
                if self.tracker.step_end(next).is_none() {
                    if !is_gate {
                        found.insert(next);
                    }
                } else if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        found
    }

    /// Opens a gate again.
    pub(crate) fn reopen(
        &mut self,
        event: &RunEvent,
        gate: &StepPath,
        skipped: &[StepPath],
    ) -> Result<(), IllegalEvent> {
        let at = self.plan.step_index(gate);
        let at = at.filter(|at| self.plan.step_at(*at).kind == TaskKind::Gate);
        let Some(at) = at else {
            return Err(IllegalEvent::of_step(
                event,
                format!("the workflow has no gate `{gate}`"),
            ));
        };
        let mut again = HashSet::from([at]);
        again.extend(skipped.iter().filter_map(|it| self.plan.step_index(it)));
        for step in &again {
            self.facts.steps[*step as usize].reset();
        }
        let plan = &self.plan;
        let begins_again =
            |path: &StepPath| plan.step_index(path).is_some_and(|at| again.contains(&at));
        self.facts.evaluations.retain(|place, _| match place {
            EvaluationPlace::JobGuard(_) => true,
            EvaluationPlace::Guard(step) | EvaluationPlace::Assert(step) => {
                !begins_again(&step.path)
            }
        });
        self.facts.hand.retain(|item| match item {
            HandItem::JobGuard(_) => true,
            HandItem::Instance(key) => !again.contains(&key.step),
        });
        self.rebuild();
        for step in self.behind_ended(at) {
            self.facts.reopened.add(at, step);
        }
        self.rebuild();
        Ok(())
    }
}

/// What each step and each job waits for.
struct StepsBefore {
    /// The steps that a step names in its dependencies.
    steps: Vec<Vec<u32>>,
    /// The jobs that a job names in its dependencies.
    jobs: Vec<Vec<u32>>,
}

impl StepsBefore {
    fn new(plan: &Plan) -> Self {
        let mut before = Self {
            steps: vec![Vec::new(); plan.n_steps() as usize],
            jobs: vec![Vec::new(); plan.n_jobs() as usize],
        };
        let steps = (0..).zip(plan.steps().map(|it| &it.dependents));
        let jobs = (0..).zip(plan.jobs().iter().map(|it| &it.dependents));
        for (at, dependents) in steps.chain(jobs) {
            for leaf in dependents {
                match plan.terms()[*leaf as usize].owner {
                    TermOwner::Step(step) => before.steps[step as usize].push(at),
                    TermOwner::Job(job) => before.jobs[job as usize].push(at),
                }
            }
        }
        before
    }
}

/// What a search for skipped steps has looked at.
#[derive(Default)]
struct SkippedWalk {
    /// The steps that it has found.
    steps: HashSet<u32>,
    /// The jobs whose following jobs it has looked at.
    jobs: HashSet<u32>,
}

/// Returns whether users were asked for a decision that counts; `None` if a gate in this state is not
/// opened again.
fn is_asked(state: &InstanceState) -> Option<bool> {
    match state {
        InstanceState::Open { .. } | InstanceState::Succeeded { .. } => Some(true),
        InstanceState::Waiting | InstanceState::Ready => Some(false),
        InstanceState::Running { .. }
        | InstanceState::Interrupted { .. }
        | InstanceState::Retrying { .. }
        | InstanceState::ChildSuspended { .. }
        | InstanceState::Satisfied
        | InstanceState::Failed { .. }
        | InstanceState::Rejected
        | InstanceState::Skipped => None,
    }
}
