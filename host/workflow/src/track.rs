//! What follows from the facts of a run, kept up to date with each event: the results of steps and
//! jobs, and the place of each instance in the sets from which [`next`](crate::RunState::next)
//! takes.
//!
//! An event changes the places of the instances that it concerns and of what waits for them. The
//! rule itself is [`Tracker::place_of`]; everything else here only finds out for which instances it
//! has to be asked again.

use std::collections::BTreeSet;

use sedge_model::run::RunStatus;

use crate::conditions::{StepEnd, TermStates};
use crate::facts::{HandItem, InstanceKey, JobGuardEnd, RunFacts};
use crate::instance::InstanceState;
use crate::plan::{Plan, TermOwner};
use crate::queue::SlotQueue;

mod places;

/// The place of something that is ready among all that is ready: a lower rank comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReadyRank {
    job_weight: i64,
    step_weight: i64,
    pub(crate) item: HandItem,
}

/// The place of a retry: the earliest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RetryRank {
    pub(crate) at_ms: i64,
    pub(crate) key: InstanceKey,
}

/// The place of an instance, or of the guard of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrackedPlace {
    /// It has ended, or waits for something that has not ended.
    Nowhere,
    /// It runs, or the driver has it in hand.
    Active {
        /// Whether it counts for the limits `concurrency`.
        takes_slot: bool,
    },
    /// It has to be skipped.
    Skip,
    /// It is ready, and counts for no limit.
    Free,
    /// It is ready, and counts for the limits.
    Slot,
    /// Its next attempt waits until a time.
    Retry { at_ms: i64, takes_slot: bool },
    /// It is an open gate.
    Gate { deadline_ms: Option<i64> },
    /// Its child run is suspended.
    Child,
}

/// What follows from the facts of a run.
#[derive(Debug, Clone)]
pub(crate) struct Tracker {
    terms: TermStates,
    steps: Vec<StepTrack>,
    jobs: Vec<JobTrack>,
    /// How many instances run and count for the limits.
    n_slots: u32,
    /// How many instances are ready to start and count for the limits.
    n_ready: u32,
    /// How many instances run, and how many things the driver has in hand.
    n_active: u32,
    n_jobs_failed: u32,
    pub(crate) skips: BTreeSet<InstanceKey>,
    pub(crate) free: BTreeSet<ReadyRank>,
    pub(crate) slots: SlotQueue<ReadyRank>,
    pub(crate) retries: SlotQueue<RetryRank>,
    pub(crate) retries_free: BTreeSet<RetryRank>,
    /// All retries.
    pub(crate) pauses: BTreeSet<RetryRank>,
    pub(crate) gates: BTreeSet<InstanceKey>,
    pub(crate) deadlines: BTreeSet<(i64, InstanceKey)>,
    pub(crate) children: BTreeSet<InstanceKey>,
    /// How often an instance was looked at, or a term was decided.
    #[cfg(test)]
    pub(crate) n_operations: u64,
}

#[derive(Debug, Clone, Default)]
struct StepTrack {
    places: Vec<Option<TrackedPlace>>,
    n_left: usize,
    n_slots: u32,
    /// Whether the driver holds the step back.
    is_held: bool,
    has_failed: bool,
    /// Whether an instance failed that is not allowed to.
    has_failed_hard: bool,
    has_skipped: bool,
    has_succeeded: bool,
    end: Option<StepEnd>,
}

#[derive(Debug, Clone, Default)]
struct JobTrack {
    guard: Option<TrackedPlace>,
    n_left: u32,
    n_slots: u32,
    has_failed: bool,
    has_succeeded: bool,
    end: Option<StepEnd>,
}

impl Tracker {
    /// Returns all that follows from the facts.
    pub(crate) fn new(plan: &Plan, facts: &RunFacts) -> Self {
        let (n_jobs, n_steps) = (plan.n_jobs(), plan.n_steps());
        let mut tracker = Self {
            terms: TermStates::new(plan),
            steps: vec![StepTrack::default(); n_steps as usize],
            jobs: vec![JobTrack::default(); n_jobs as usize],
            n_slots: 0,
            n_ready: 0,
            n_active: 0,
            n_jobs_failed: 0,
            skips: BTreeSet::new(),
            free: BTreeSet::new(),
            slots: SlotQueue::new(n_jobs, n_steps),
            retries: SlotQueue::new(n_jobs, n_steps),
            retries_free: BTreeSet::new(),
            pauses: BTreeSet::new(),
            gates: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            children: BTreeSet::new(),
            #[cfg(test)]
            n_operations: 0,
        };
        for (at, job) in (0..n_jobs).zip(plan.jobs()) {
            tracker.jobs[at as usize].n_left = job.steps.end - job.steps.start;
        }
        for step in 0..n_steps {
            tracker.count_step(plan, facts, step);
        }
        for step in 0..n_steps {
            if tracker.steps[step as usize].n_left == 0 {
                tracker.step_ended(plan, facts, step);
            }
        }
        for job in 0..n_jobs {
            if tracker.jobs[job as usize].n_left == 0 && tracker.jobs[job as usize].end.is_none() {
                tracker.job_ended(plan, facts, job);
            }
            tracker.refresh_job(plan, facts, job);
        }
        tracker
    }

    /// Returns the result of a step, if it has ended.
    pub(crate) fn step_end(&self, step: u32) -> Option<StepEnd> {
        self.steps[step as usize].end
    }

    /// Returns the result of a job, if it has ended.
    pub(crate) fn job_end(&self, job: u32) -> Option<StepEnd> {
        self.jobs[job as usize].end
    }

    /// Returns whether something runs or is in hand, or is ready and waits until the driver
    /// releases it.
    pub(crate) fn is_active(&self) -> bool {
        self.n_active > 0 || self.n_ready > 0
    }

    /// Returns whether another instance of the run may run.
    pub(crate) fn has_slot(&self, plan: &Plan) -> bool {
        plan.concurrency().is_none_or(|it| self.n_slots < it.get())
    }

    /// Returns the status with which the run ends when nothing of it is left.
    pub(crate) fn final_status(&self, facts: &RunFacts) -> RunStatus {
        if facts.is_cancelling {
            RunStatus::Cancelled
        } else if facts.deadline_passed || self.n_jobs_failed > 0 {
            RunStatus::Failed
        } else {
            RunStatus::Succeeded
        }
    }

    /// Returns whether the conditions of a job do not hold; `None` if that may still change.
    pub(crate) fn is_job_broken(&self, plan: &Plan, job: u32) -> Option<bool> {
        self.terms.value(plan.job_at(job).root).map(|it| !it)
    }

    /// Returns whether the conditions of a step do not hold; `None` if that may still change.
    pub(crate) fn is_step_broken(&self, plan: &Plan, step: u32) -> Option<bool> {
        self.terms.value(plan.step_at(step).root).map(|it| !it)
    }

    /// Returns whether one part of what a job or step waits for can never hold.
    pub(crate) fn is_term_broken(&self, term: u32) -> bool {
        self.terms.value(term) == Some(false)
    }

    /// Returns when the first retry that is not yet due becomes due.
    pub(crate) fn pause_after(&self, now_ms: i64) -> Option<i64> {
        let first = RetryRank {
            at_ms: now_ms.checked_add(1)?,
            key: InstanceKey { step: 0, item: 0 },
        };
        self.pauses.range(first..).next().map(|it| it.at_ms)
    }

    /// Takes account of the changed state of one instance.
    pub(crate) fn instance_changed(&mut self, plan: &Plan, facts: &RunFacts, key: InstanceKey) {
        self.refresh(plan, facts, key);
        let state = facts.state(key);
        let Some(end) = state.end() else {
            return;
        };
        let is_hard = is_hard_failure(plan, key, state);
        let step = &mut self.steps[key.step as usize];
        step.add(end, is_hard);
        step.n_left -= 1;
        if step.n_left == 0 {
            self.step_ended(plan, facts, key.step);
        }
    }

    /// Takes account of the expansions of a step.
    pub(crate) fn expanded(&mut self, plan: &Plan, facts: &RunFacts, step: u32) {
        self.leave_all(plan, step);
        self.count_step(plan, facts, step);
        if self.steps[step as usize].n_left == 0 {
            self.step_ended(plan, facts, step);
        }
        self.refresh_step(plan, facts, step);
    }

    /// Asks again for the place of all that belongs to a job.
    pub(crate) fn refresh_job(&mut self, plan: &Plan, facts: &RunFacts, job: u32) {
        self.refresh_guard(plan, facts, job);
        for step in plan.job_at(job).steps.clone() {
            self.refresh_step(plan, facts, step);
        }
    }

    /// Asks again for the place of something that was taken in hand or put back.
    pub(crate) fn hand_changed(&mut self, plan: &Plan, facts: &RunFacts, item: HandItem) {
        match item {
            HandItem::JobGuard(job) => self.refresh_guard(plan, facts, job),
            HandItem::Instance(key) => self.refresh(plan, facts, key),
        }
    }

    /// Returns the rank of something that is ready.
    pub(crate) fn rank(plan: &Plan, item: HandItem) -> ReadyRank {
        let (job, step_weight) = match item {
            HandItem::JobGuard(job) => (job, i64::MIN),
            HandItem::Instance(key) => {
                let step = plan.step_at(key.step);
                (step.job, step.weight)
            }
        };
        ReadyRank {
            job_weight: plan.job_at(job).weight,
            step_weight,
            item,
        }
    }

    /// Returns where an instance belongs. This is the rule.
    fn place_of(&self, plan: &Plan, facts: &RunFacts, key: InstanceKey) -> TrackedPlace {
        let step = plan.step_at(key.step);
        let takes_slot = step.kind.takes_slot();
        let state = facts.state(key);
        if state.end().is_some() {
            return TrackedPlace::Nowhere;
        }
        if matches!(state, InstanceState::Running { .. }) {
            return TrackedPlace::Active { takes_slot };
        }
        if facts.hand.contains(&HandItem::Instance(key)) {
            let takes_slot = takes_slot && facts.starts_next(plan, key);
            return TrackedPlace::Active { takes_slot };
        }
        if facts.is_stopping() {
            return TrackedPlace::Skip;
        }
        let ready = match takes_slot && facts.starts_next(plan, key) {
            true => TrackedPlace::Slot,
            false => TrackedPlace::Free,
        };
        match state {
            InstanceState::Open { deadline } => TrackedPlace::Gate {
                deadline_ms: deadline.map(|it| it.at_ms),
            },
            InstanceState::ChildSuspended { .. } => TrackedPlace::Child,
            InstanceState::Retrying { at_ms, .. } => TrackedPlace::Retry {
                at_ms: *at_ms,
                takes_slot,
            },
            InstanceState::Interrupted { .. } => ready,
            InstanceState::Waiting | InstanceState::Ready => {
                let of_job = self.terms.value(plan.job_at(step.job).root);
                let is_open = of_job.map(|it| it && self.is_guard_passed(plan, facts, step.job));
                match (of_job, is_open, self.terms.value(step.root)) {
                    (Some(false), _, _) | (Some(true), Some(true), Some(false)) => {
                        TrackedPlace::Skip
                    }
                    (Some(true), Some(true), Some(true)) => {
                        match self.gates_passed(facts, key.step) {
                            Some(true) => ready,
                            Some(false) => TrackedPlace::Skip,
                            None => TrackedPlace::Nowhere,
                        }
                    }
                    (None | Some(true), _, _) => TrackedPlace::Nowhere,
                }
            }
            InstanceState::Running { .. }
            | InstanceState::Succeeded { .. }
            | InstanceState::Satisfied
            | InstanceState::Failed { .. }
            | InstanceState::Rejected
            | InstanceState::Skipped => TrackedPlace::Nowhere,
        }
    }

    /// Returns whether the gates that were opened again and that a step waits for were approved;
    /// `None` if that may still change.
    fn gates_passed(&self, facts: &RunFacts, step: u32) -> Option<bool> {
        facts.reopened.are_passed(step, |gate| self.step_end(gate))
    }

    /// Returns where the guard of a job belongs.
    fn guard_place_of(&self, plan: &Plan, facts: &RunFacts, job: u32) -> TrackedPlace {
        let is_open = plan.job_at(job).has_guard && facts.guards[job as usize].is_none();
        if is_open && facts.hand.contains(&HandItem::JobGuard(job)) {
            return TrackedPlace::Active { takes_slot: false };
        }
        let is_due = is_open
            && self.jobs[job as usize].end.is_none()
            && self.terms.value(plan.job_at(job).root) == Some(true);
        match is_due && !facts.is_stopping() {
            true => TrackedPlace::Free,
            false => TrackedPlace::Nowhere,
        }
    }

    fn is_guard_passed(&self, plan: &Plan, facts: &RunFacts, job: u32) -> bool {
        !plan.job_at(job).has_guard || facts.guards[job as usize] == Some(JobGuardEnd::Passed)
    }

    /// Counts the instances of a step that have ended.
    fn count_step(&mut self, plan: &Plan, facts: &RunFacts, step: u32) {
        let states = facts.step(step).states();
        let mut track = StepTrack {
            places: vec![None; states.len()],
            n_slots: self.steps[step as usize].n_slots,
            is_held: self.steps[step as usize].is_held,
            ..StepTrack::default()
        };
        for (key, state) in facts.step(step).keys(step).zip(states) {
            match state.end() {
                Some(end) => track.add(end, is_hard_failure(plan, key, state)),
                None => track.n_left += 1,
            }
        }
        self.steps[step as usize] = track;
    }

    /// Takes account of the end of a step: of its job, and of the steps that wait for it.
    fn step_ended(&mut self, plan: &Plan, facts: &RunFacts, step: u32) {
        let track = &mut self.steps[step as usize];
        let end = track.result();
        track.end = Some(end);
        let has_failed_hard = track.has_failed_hard;
        let in_plan = plan.step_at(step);
        let job = &mut self.jobs[in_plan.job as usize];
        job.n_left -= 1;
        job.has_failed |= has_failed_hard;
        job.has_succeeded |= end != StepEnd::Skipped;
        let is_job_over = job.n_left == 0;
        for leaf in &in_plan.dependents {
            self.decide(plan, facts, *leaf, end);
        }
        for behind in facts.reopened.behind(step) {
            self.refresh_step(plan, facts, behind);
        }
        if is_job_over {
            self.job_ended(plan, facts, in_plan.job);
        }
    }

    /// Takes account of the end of a job: of the jobs that wait for it.
    fn job_ended(&mut self, plan: &Plan, facts: &RunFacts, job: u32) {
        let track = &mut self.jobs[job as usize];
        let end = match facts.guards[job as usize] {
            Some(JobGuardEnd::Failed) => StepEnd::Failed,
            Some(JobGuardEnd::Satisfied | JobGuardEnd::Passed) | None if track.has_failed => {
                StepEnd::Failed
            }
            Some(JobGuardEnd::Satisfied) => StepEnd::Satisfied,
            Some(JobGuardEnd::Passed) | None if track.has_succeeded => StepEnd::Succeeded,
            Some(JobGuardEnd::Passed) | None => StepEnd::Skipped,
        };
        track.end = Some(end);
        self.n_jobs_failed += u32::from(end == StepEnd::Failed);
        for leaf in &plan.job_at(job).dependents {
            self.decide(plan, facts, *leaf, end);
        }
    }

    fn decide(&mut self, plan: &Plan, facts: &RunFacts, leaf: u32, end: StepEnd) {
        self.count_operation();
        match self.terms.end(plan, leaf, end) {
            Some(TermOwner::Job(job)) => self.refresh_job(plan, facts, job),
            Some(TermOwner::Step(step)) => self.refresh_step(plan, facts, step),
            None => {}
        }
    }

    fn refresh_step(&mut self, plan: &Plan, facts: &RunFacts, step: u32) {
        for key in facts.step(step).keys(step) {
            self.refresh(plan, facts, key);
        }
    }

    /// Asks again for the place of one instance.
    fn refresh(&mut self, plan: &Plan, facts: &RunFacts, key: InstanceKey) {
        self.count_operation();
        let place = self.place_of(plan, facts, key);
        let places = &mut self.steps[key.step as usize].places;
        let before = places[key.item as usize].replace(place);
        if before == Some(place) {
            return;
        }
        if let Some(before) = before {
            self.leave(plan, key, before);
        }
        self.enter(plan, key, place);
    }

    fn refresh_guard(&mut self, plan: &Plan, facts: &RunFacts, job: u32) {
        self.count_operation();
        let place = self.guard_place_of(plan, facts, job);
        let rank = Self::rank(plan, HandItem::JobGuard(job));
        match self.jobs[job as usize].guard.replace(place) {
            Some(TrackedPlace::Active { .. }) => self.n_active -= 1,
            Some(_) | None => {
                self.free.remove(&rank);
            }
        }
        match place {
            TrackedPlace::Active { .. } => self.n_active += 1,
            TrackedPlace::Free => {
                self.free.insert(rank);
            }
            TrackedPlace::Nowhere
            | TrackedPlace::Skip
            | TrackedPlace::Slot
            | TrackedPlace::Retry { .. }
            | TrackedPlace::Gate { .. }
            | TrackedPlace::Child => {}
        }
    }

    #[cfg(test)]
    fn count_operation(&mut self) {
        self.n_operations += 1;
    }

    #[cfg(not(test))]
    fn count_operation(&mut self) {}
}

impl StepTrack {
    fn add(&mut self, end: StepEnd, is_hard_failure: bool) {
        self.has_failed_hard |= is_hard_failure;
        match end {
            StepEnd::Succeeded => self.has_succeeded = true,
            StepEnd::Satisfied => {}
            StepEnd::Failed => self.has_failed = true,
            StepEnd::Skipped => self.has_skipped = true,
        }
    }

    /// Returns the result of a step whose instances have all ended.
    fn result(&self) -> StepEnd {
        if self.has_failed {
            StepEnd::Failed
        } else if self.has_skipped {
            StepEnd::Skipped
        } else if self.has_succeeded {
            StepEnd::Succeeded
        } else {
            StepEnd::Satisfied
        }
    }
}

/// Returns whether an instance failed and is not allowed to.
fn is_hard_failure(plan: &Plan, key: InstanceKey, state: &InstanceState) -> bool {
    match state {
        InstanceState::Failed { is_allowed, .. } => {
            !is_allowed && !plan.step_at(key.step).allow_failure
        }
        InstanceState::Rejected => !plan.step_at(key.step).allow_failure,
        InstanceState::Waiting
        | InstanceState::Ready
        | InstanceState::Running { .. }
        | InstanceState::Interrupted { .. }
        | InstanceState::Retrying { .. }
        | InstanceState::ChildSuspended { .. }
        | InstanceState::Open { .. }
        | InstanceState::Succeeded { .. }
        | InstanceState::Satisfied
        | InstanceState::Skipped => false,
    }
}
