//! Instances that need a slot of a job's and a step's limit, in order.

use std::collections::BTreeSet;

/// A queue whose first element is found at once, although the limits of some jobs and steps are
/// reached. Each element has a rank, which is unique.
///
/// Each step has a set of its own. A job has the first rank of each of its steps whose limit is not
/// reached, and the queue has the first rank of each job whose limit is not reached.
#[derive(Debug, Clone)]
pub(crate) struct SlotQueue<R> {
    steps: Vec<Lane<R>>,
    jobs: Vec<Lane<R>>,
    first: BTreeSet<R>,
}

/// The elements of one step, or the first elements of the steps of one job.
#[derive(Debug, Clone)]
struct Lane<R> {
    ranks: BTreeSet<R>,
    /// Whether the limit is not reached.
    is_open: bool,
}

impl<R> Lane<R> {
    fn new() -> Self {
        Self {
            ranks: BTreeSet::new(),
            is_open: true,
        }
    }
}

impl<R: Ord + Copy> Lane<R> {
    fn first(&self) -> Option<R> {
        self.ranks.first().copied().filter(|_| self.is_open)
    }
}

/// A step and its job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotOf {
    pub(crate) job: u32,
    pub(crate) step: u32,
}

impl<R: Ord + Copy> SlotQueue<R> {
    pub(crate) fn new(n_jobs: u32, n_steps: u32) -> Self {
        Self {
            steps: (0..n_steps).map(|_| Lane::new()).collect(),
            jobs: (0..n_jobs).map(|_| Lane::new()).collect(),
            first: BTreeSet::new(),
        }
    }

    /// Returns the first element for which there is a slot in its step and its job.
    pub(crate) fn first(&self) -> Option<R> {
        self.first.first().copied()
    }

    pub(crate) fn insert(&mut self, of: SlotOf, rank: R) {
        self.change(of, |step, _| {
            step.ranks.insert(rank);
        });
    }

    pub(crate) fn remove(&mut self, of: SlotOf, rank: R) {
        self.change(of, |step, _| {
            step.ranks.remove(&rank);
        });
    }

    /// Sets whether the limits of the step and of the job are not reached.
    pub(crate) fn set_open(&mut self, of: SlotOf, is_step_open: bool, is_job_open: bool) {
        let (job, step) = (of.job as usize, of.step as usize);
        if self.steps[step].is_open != is_step_open || self.jobs[job].is_open != is_job_open {
            self.change(of, |step, job| {
                step.is_open = is_step_open;
                job.is_open = is_job_open;
            });
        }
    }

    /// Changes the sets of a step and its job, and keeps the first elements right.
    fn change(&mut self, of: SlotOf, change: impl FnOnce(&mut Lane<R>, &mut Lane<R>)) {
        let step = &mut self.steps[of.step as usize];
        let job = &mut self.jobs[of.job as usize];
        if let Some(rank) = job.first() {
            self.first.remove(&rank);
        }
        if let Some(rank) = step.first() {
            job.ranks.remove(&rank);
        }
        change(step, job);
        if let Some(rank) = step.first() {
            job.ranks.insert(rank);
        }
        if let Some(rank) = job.first() {
            self.first.insert(rank);
        }
    }
}
