//! Draws a live tree in a bounded number of lines.
//!
//! Each job, and each step with `forEach`, shows the same number of its steps at most: as many as fit
//! on the terminal. Failed steps take up to half of them; the rest is counted.

use std::collections::HashMap;

use sedge_app::types::{JobName, RunId, StepPath};

use super::tree::{LiveCounts, LiveState, LiveStep, LiveTree};
use crate::{guest_text, show};

/// The largest number of nested calls of one step.
const CALLS_MAX: usize = 3;

/// The fewest columns that a name gets.
const NAME_COLUMNS_MIN: usize = 16;

/// The jobs of a run that have steps in the tree.
#[derive(Default)]
struct RunRows<'t> {
    jobs: Vec<JobRows<'t>>,
    places: HashMap<&'t JobName, usize>,
}

/// A job, with its steps in the order in which they began.
struct JobRows<'t> {
    job: &'t JobName,
    steps: Vec<&'t LiveStep>,
    /// The items of each step with `forEach`.
    expansions: Vec<(&'t StepPath, Vec<&'t LiveStep>)>,
    places: HashMap<&'t StepPath, usize>,
}

/// The lines that are being made.
struct TreeLines<'t> {
    tree: &'t LiveTree,
    runs: HashMap<&'t RunId, RunRows<'t>>,
    columns: usize,
    /// How many steps of a job, and how many items of a `forEach`, are shown.
    n_steps_max: usize,
    lines: Vec<String>,
}

/// Returns the tree as at most `n_max` lines for a terminal of a width.
pub(super) fn lines(tree: &LiveTree, n_max: usize, columns: usize) -> Vec<String> {
    let mut runs: HashMap<&RunId, RunRows> = HashMap::new();
    for step in tree.steps.values() {
        runs.entry(&step.run).or_default().add(step);
    }
    let roots = tree.roots();
    let mut drawn = TreeLines {
        tree,
        runs,
        columns,
        n_steps_max: 0,
        lines: Vec::new(),
    };
    // The largest number of steps per job with which the lines fit.
    let (mut fits, mut too_many) = (1, n_max.max(1) + 1);
    while fits + 1 < too_many {
        let middle = usize::midpoint(fits, too_many);
        drawn.draw(&roots, middle);
        match drawn.lines.len() <= n_max {
            true => fits = middle,
            false => too_many = middle,
        }
    }
    drawn.draw(&roots, fits);
    let mut lines = drawn.lines;
    let n_more = lines.len().saturating_sub(n_max);
    if n_more > 0 {
        lines.truncate(n_max.saturating_sub(1));
        lines.push(format!("… ({} more lines)", n_more + 1));
    }
    lines
}

impl<'t> RunRows<'t> {
    fn add(&mut self, step: &'t LiveStep) {
        let path = &step.step.path;
        let jobs = &mut self.jobs;
        let place = *self.places.entry(&path.job).or_insert_with(|| {
            jobs.push(JobRows {
                job: &path.job,
                steps: Vec::new(),
                expansions: Vec::new(),
                places: HashMap::new(),
            });
            jobs.len() - 1
        });
        let job = &mut jobs[place];
        if step.step.expansion.is_none() {
            job.steps.push(step);
            return;
        }
        let expansions = &mut job.expansions;
        let place = *job.places.entry(path).or_insert_with(|| {
            expansions.push((path, Vec::new()));
            expansions.len() - 1
        });
        expansions[place].1.push(step);
    }
}

impl<'t> TreeLines<'t> {
    fn draw(&mut self, roots: &[RunId], n_steps_max: usize) {
        self.lines.clear();
        self.n_steps_max = n_steps_max;
        for run in roots {
            self.run(run, 0);
        }
    }

    // Nested workflows are at most 16 deep.
    fn run(&mut self, run: &RunId, depth: usize) {
        let Some((run, rows)) = self.runs.remove_entry(run) else {
            return;
        };
        for job in &rows.jobs {
            self.job(run, job, depth);
        }
        self.runs.insert(run, rows);
    }

    fn job(&mut self, run: &'t RunId, job: &JobRows<'t>, depth: usize) {
        let of_items = job.expansions.iter().flat_map(|(_, items)| items);
        let counts = self.tree.jobs.get(&(run.clone(), job.job.clone()));
        let steps = job.steps.iter().chain(of_items).copied();
        let counts = counts_text(steps, counts, None);
        let name = self.name(job.job.as_str());
        self.push(depth, &format!("{name}{counts}"));
        self.steps(&job.steps, depth + 1);
        for (path, items) in &job.expansions {
            let expansion = self.tree.expansions.get(&(run.clone(), (*path).clone()));
            let counts = expansion.map(|it| &it.counts);
            let n_instances = expansion.and_then(|it| it.n_instances);
            let counts = counts_text(items.iter().copied(), counts, n_instances);
            let name = self.name(path.step.as_str());
            self.push(depth + 1, &format!("{name}{counts}"));
            self.steps(items, depth + 2);
        }
    }

    /// Draws some of the steps, and the number of the others.
    fn steps(&mut self, steps: &[&'t LiveStep], depth: usize) {
        let (failed, open): (Vec<_>, Vec<_>) =
            steps.iter().copied().partition(|step| step.has_failed());
        let n_failed = failed.len().min(
            self.n_steps_max
                .saturating_sub(open.len())
                .max(self.n_steps_max / 2),
        );
        let n_open = open.len().min(self.n_steps_max - n_failed);
        // The newest failures; the others are in the lines above the tree.
        for &step in &failed[failed.len() - n_failed..] {
            self.step(step, depth);
        }
        for &step in &open[..n_open] {
            self.step(step, depth);
        }
        let n_more = open.len() - n_open;
        if n_more > 0 {
            self.push(depth, &format!("… and {n_more} more"));
        }
    }

    fn step(&mut self, step: &'t LiveStep, depth: usize) {
        let state = state_text(step);
        let name = match &step.step.expansion {
            Some(expansion) => self.name(&expansion.to_string()),
            None => self.name(step.step.path.step.as_str()),
        };
        let logged = match step.logged.as_str() {
            "" => String::new(),
            logged => format!("  {logged}"),
        };
        self.push(depth, &format!("{name}: {state}{logged}"));
        let n_calls = CALLS_MAX.min(self.n_steps_max);
        for call in step.calls.values().take(n_calls) {
            let elapsed = call.elapsed().as_secs();
            self.push(depth + 1, &format!("{}: {elapsed} s", call.of));
        }
        if let n_more @ 1.. = step.calls.len().saturating_sub(n_calls) {
            let more = show::count(n_more, "more call");
            self.push(depth + 1, &format!("… and {more}"));
        }
        let key = (step.run.clone(), step.step.clone());
        let tree = self.tree;
        for child in tree.children.get(&key).into_iter().flatten() {
            self.run(child, depth + 1);
        }
    }

    /// Returns a name that leaves room for what follows it.
    fn name(&self, name: &str) -> String {
        let columns = (self.columns / 2).max(NAME_COLUMNS_MIN);
        guest_text::shortened(&guest_text::line(name), columns)
    }

    fn push(&mut self, depth: usize, text: &str) {
        self.lines.push(format!("{:1$}{text}", "", 2 * depth));
    }
}

/// Returns the state of a step, with its time in whole seconds, so that the tree changes once a
/// second.
fn state_text(step: &LiveStep) -> String {
    let seconds = step.elapsed().as_secs();
    match &step.state {
        LiveState::Running { attempt: 0 | 1 } => format!("{seconds} s"),
        LiveState::Running { attempt } => format!("{seconds} s, attempt {attempt}"),
        LiveState::Retrying => "waits for its next attempt".to_owned(),
        LiveState::Waiting => format!("waits for a decision, {seconds} s"),
        LiveState::Failed { is_allowed, after } => {
            let word = if *is_allowed {
                "failed (allowed)"
            } else {
                "failed"
            };
            match after.is_zero() {
                true => word.to_owned(),
                false => format!("{word} after {}", show::duration(*after)),
            }
        }
    }
}

/// Returns how many steps are in which state, behind the name of their job or `forEach`. Returns
/// nothing if none has ended and none is queued: the steps below the name say the rest.
fn counts_text<'t>(
    steps: impl Iterator<Item = &'t LiveStep>,
    counts: Option<&LiveCounts>,
    n_instances: Option<u64>,
) -> String {
    let (mut n_running, mut n_waiting) = (0_u64, 0_u64);
    for step in steps {
        match step.state {
            LiveState::Running { .. } | LiveState::Retrying => n_running += 1,
            LiveState::Waiting => n_waiting += 1,
            LiveState::Failed { .. } => {}
        }
    }
    let n_ended = counts.map_or(0, LiveCounts::n_ended);
    let n_begun = n_running + n_waiting + n_ended;
    let n_queued = n_instances.map_or(0, |n| n.saturating_sub(n_begun));
    if n_ended == 0 && n_queued == 0 {
        return String::new();
    }
    let mut parts = Vec::new();
    for (n, word) in [(n_running, "running"), (n_waiting, "waiting")] {
        if n > 0 {
            parts.push(format!("{n} {word}"));
        }
    }
    parts.extend(counts.map(LiveCounts::parts).into_iter().flatten());
    if n_queued > 0 {
        parts.push(format!("{n_queued} queued"));
    }
    format!(" ({})", parts.join(", "))
}
