//! The static graph of a workflow, with indices instead of names.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::Range;

use sedge_lang::workflow::{Condition, DependencyPart, Job, Step, Task, Workflow};
use sedge_model::names::{JobName, StepName};
use sedge_model::run::{AssertSeverity, StepPath};

use crate::retry::RetryPlan;

/// The static graph of a workflow. It is made once for all runs of the same text.
#[derive(Debug)]
pub struct Plan {
    steps: Vec<PlanStep>,
    jobs: Vec<PlanJob>,
    step_at: HashMap<StepPath, u32>,
    job_at: HashMap<JobName, u32>,
    /// The conditions of all jobs and steps.
    terms: Vec<Term>,
    concurrency: Option<NonZeroU32>,
}

/// The place of a step among those that may start: a lower one comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepOrder {
    job_weight: i64,
    step_weight: i64,
    pub(crate) step: u32,
}

/// A step of the graph.
#[derive(Debug)]
pub struct PlanStep {
    /// Its place in the file.
    pub path: StepPath,
    /// The kind of its task.
    pub kind: TaskKind,
    /// Whether it is executed for each of several values.
    pub is_for_each: bool,
    /// Whether it has a guard.
    pub has_guard: bool,
    /// Whether the run may succeed although the step failed.
    pub allow_failure: bool,
    /// What happens after a failed attempt; `None` if there is one attempt.
    pub retry: Option<RetryPlan>,
    /// The deadline of one attempt, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The severity of an assert.
    pub severity: Option<AssertSeverity>,
    /// How many of its expansions may run at one time.
    pub concurrency: Option<NonZeroU32>,
    /// Its place among the steps that are ready: a lower number comes first.
    pub weight: i64,
    /// Its job.
    pub(crate) job: u32,
    /// What it waits for, as it is written.
    pub(crate) depends_on: Vec<DependencyPart<StepName>>,
    /// The term of all that it waits for.
    pub(crate) root: u32,
    /// The term of each part of `depends_on`.
    pub(crate) parts: Vec<u32>,
    /// The terms that its end decides.
    pub(crate) dependents: Vec<u32>,
}

/// The kind of a step's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskKind {
    /// It runs a method of a model.
    Method,
    /// It runs a workflow.
    Workflow,
    /// It waits for a user's decision.
    Gate,
    /// It checks a condition.
    Assert,
}

impl TaskKind {
    /// Returns whether instances of this kind count for the limits `concurrency`.
    #[must_use]
    pub fn takes_slot(self) -> bool {
        match self {
            Self::Method | Self::Workflow => true,
            Self::Gate | Self::Assert => false,
        }
    }
}

/// A job of the graph.
#[derive(Debug)]
pub(crate) struct PlanJob {
    pub(crate) name: JobName,
    pub(crate) has_guard: bool,
    pub(crate) weight: i64,
    pub(crate) concurrency: Option<NonZeroU32>,
    /// Its steps.
    pub(crate) steps: Range<u32>,
    /// What it waits for, as it is written.
    pub(crate) depends_on: Vec<DependencyPart<JobName>>,
    /// The term of all that it waits for.
    pub(crate) root: u32,
    /// The term of each part of `depends_on`.
    pub(crate) parts: Vec<u32>,
    /// The terms that its end decides.
    pub(crate) dependents: Vec<u32>,
}

/// A part of what a job or step waits for.
#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) kind: TermKind,
    /// The group that the term is part of; `None` for a root.
    pub(crate) parent: Option<u32>,
    /// The job or step that waits.
    pub(crate) owner: TermOwner,
}

/// The kind of a term.
#[derive(Debug)]
pub(crate) enum TermKind {
    /// A condition on one job or step.
    One(Condition),
    /// A group of which one part has to hold. It has at least one part.
    AnyOf { n_parts: u32 },
    /// A group of which all parts have to hold.
    AllOf { n_parts: u32 },
}

/// The job or step that waits for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TermOwner {
    Job(u32),
    Step(u32),
}

impl Plan {
    /// Makes the graph of a workflow.
    #[must_use]
    pub fn new(workflow: &Workflow) -> Self {
        let mut plan = Self {
            steps: Vec::new(),
            jobs: Vec::new(),
            step_at: HashMap::new(),
            job_at: HashMap::new(),
            terms: Vec::new(),
            concurrency: workflow.concurrency.as_ref().map(|it| it.value),
        };
        for job in &workflow.jobs {
            plan.add_job(job);
        }
        let jobs = &workflow.jobs;
        for (at, job) in (0..).zip(jobs) {
            let owner = TermOwner::Job(at);
            let root = plan.add_root(owner, &job.depends_on, &|plan, on| plan.job_index(on));
            (plan.jobs[at as usize].root, plan.jobs[at as usize].parts) = root;
        }
        let steps = jobs.iter().flat_map(|job| &job.steps);
        for (at, step) in (0..).zip(steps) {
            let owner = TermOwner::Step(at);
            let root = plan.add_root(owner, &step.depends_on, &|plan, on| {
                plan.step_index(&StepPath {
                    job: step.path.job.clone(),
                    step: on.clone(),
                })
            });
            (plan.steps[at as usize].root, plan.steps[at as usize].parts) = root;
        }
        plan
    }

    /// Returns the step with a path.
    #[must_use]
    pub fn step(&self, path: &StepPath) -> Option<&PlanStep> {
        self.step_index(path).map(|at| self.step_at(at))
    }

    /// Returns the place of a step among those that may start.
    #[must_use]
    pub fn order(&self, path: &StepPath) -> Option<StepOrder> {
        let step = self.step_index(path)?;
        let planned = self.step_at(step);
        Some(StepOrder {
            job_weight: self.job_at(planned.job).weight,
            step_weight: planned.weight,
            step,
        })
    }

    /// Returns every step, in the author's order.
    pub fn steps(&self) -> impl Iterator<Item = &PlanStep> {
        self.steps.iter()
    }

    /// Returns the index of a step.
    pub(crate) fn step_index(&self, path: &StepPath) -> Option<u32> {
        self.step_at.get(path).copied()
    }

    /// Returns the index of a job.
    pub(crate) fn job_index(&self, name: &JobName) -> Option<u32> {
        self.job_at.get(name).copied()
    }

    pub(crate) fn step_at(&self, at: u32) -> &PlanStep {
        &self.steps[at as usize]
    }

    pub(crate) fn job_at(&self, at: u32) -> &PlanJob {
        &self.jobs[at as usize]
    }

    pub(crate) fn jobs(&self) -> &[PlanJob] {
        &self.jobs
    }

    pub(crate) fn n_steps(&self) -> u32 {
        index(self.steps.len())
    }

    pub(crate) fn n_jobs(&self) -> u32 {
        index(self.jobs.len())
    }

    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Returns how many instances of the whole run may run at one time.
    pub(crate) fn concurrency(&self) -> Option<NonZeroU32> {
        self.concurrency
    }

    fn add_job(&mut self, job: &Job) {
        let at = index(self.jobs.len());
        let first = self.n_steps();
        for step in &job.steps {
            self.step_at.insert(step.path.clone(), self.n_steps());
            self.steps.push(PlanStep::new(step, at));
        }
        self.job_at.insert(job.name.clone(), at);
        self.jobs.push(PlanJob {
            name: job.name.clone(),
            has_guard: job.guard.is_some(),
            weight: job.weight.as_ref().map_or(0, |it| it.value),
            concurrency: job.concurrency.as_ref().map(|it| it.value),
            steps: first..self.n_steps(),
            depends_on: job.depends_on.clone(),
            root: 0,
            parts: Vec::new(),
            dependents: Vec::new(),
        });
    }

    /// Adds the terms of a job or step. Returns the root, and the term of each part.
    fn add_root<N>(
        &mut self,
        owner: TermOwner,
        parts: &[DependencyPart<N>],
        index_of: &impl Fn(&Self, &N) -> Option<u32>,
    ) -> (u32, Vec<u32>) {
        let kind = TermKind::AllOf {
            n_parts: index(parts.len()),
        };
        let root = self.add_term(owner, None, kind);
        let tops = parts
            .iter()
            .map(|part| self.add_part(owner, root, part, index_of));
        let tops: Vec<u32> = tops.collect();
        (root, tops)
    }

    /// Adds the term of a part. The depth of groups is limited when the file is read.
    fn add_part<N>(
        &mut self,
        owner: TermOwner,
        parent: u32,
        part: &DependencyPart<N>,
        index_of: &impl Fn(&Self, &N) -> Option<u32>,
    ) -> u32 {
        let (group, parts) = match part {
            DependencyPart::One(on) => {
                let kind = TermKind::One(on.condition.clone());
                let leaf = self.add_term(owner, Some(parent), kind);
                let at = index_of(self, &on.on)
                    .expect("every dependency of a workflow names something that exists");
                match owner {
                    TermOwner::Job(_) => self.jobs[at as usize].dependents.push(leaf),
                    TermOwner::Step(_) => self.steps[at as usize].dependents.push(leaf),
                }
                return leaf;
            }
            DependencyPart::AnyOf(parts) => {
                let n_parts = index(parts.len());
                (TermKind::AnyOf { n_parts }, parts)
            }
            DependencyPart::AllOf(parts) => {
                let n_parts = index(parts.len());
                (TermKind::AllOf { n_parts }, parts)
            }
        };
        let group = self.add_term(owner, Some(parent), group);
        for part in parts {
            self.add_part(owner, group, part, index_of);
        }
        group
    }

    fn add_term(&mut self, owner: TermOwner, parent: Option<u32>, kind: TermKind) -> u32 {
        let at = index(self.terms.len());
        self.terms.push(Term {
            kind,
            parent,
            owner,
        });
        at
    }
}

impl PlanStep {
    fn new(step: &Step, job: u32) -> Self {
        let (kind, severity) = match &step.task {
            Task::ModelMethod { .. } => (TaskKind::Method, None),
            Task::Workflow { .. } => (TaskKind::Workflow, None),
            Task::ManualApproval { .. } => (TaskKind::Gate, None),
            Task::Assert { severity, .. } => (TaskKind::Assert, Some(*severity)),
        };
        Self {
            path: step.path.clone(),
            kind,
            is_for_each: step.for_each.is_some(),
            has_guard: step.guard.is_some(),
            allow_failure: step.allow_failure,
            retry: step.retry.as_ref().map(|it| RetryPlan::new(&it.value)),
            timeout_ms: step.timeout.as_ref().map(|it| it.value.ms()),
            severity,
            concurrency: step.concurrency.as_ref().map(|it| it.value),
            weight: step.weight.as_ref().map_or(0, |it| it.value),
            job,
            depends_on: step.depends_on.clone(),
            root: 0,
            parts: Vec::new(),
            dependents: Vec::new(),
        }
    }
}

/// Returns a length as an index.
fn index(n: usize) -> u32 {
    u32::try_from(n).expect("a file has fewer than 2^32 parts")
}
