//! The live tree of a workflow's run on a terminal: the jobs that are under way, and below each its
//! steps that run or wait, with the last line that each of them logged.
//!
//! What has ended is printed as a line that stays. So the tree has a bounded number of lines, also
//! for a run with thousands of steps.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sedge_app::types::{
    Lineage, LogLevel, LogLine, Moment, RunId, StepAttempt, StepInstance, pause, stderr_columns,
    stderr_rows, variable,
};
use sedge_app::{Event, Events};

use crate::progress::{Progress, log_text};
use crate::screen::Screen;
use crate::{guest_text, show};

/// How often the tree is drawn.
const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// The largest number of lines of the tree.
///
/// The user sees the lines that ended above it, and the terminal can have few rows.
const LINES_MAX: usize = 16;

/// The largest number of nested calls of one step in the tree.
const CALLS_MAX: usize = 3;

/// The number of rows of a terminal that does not say how many it has.
const ROWS: usize = 24;

/// The variable that names the kind of the terminal. A terminal of the kind `dumb` cannot move the
/// cursor.
const TERMINAL_VARIABLE: &str = "TERM";

/// Shows the events of a workflow's run as a tree, and passes those that stay to the lines.
pub(crate) struct LiveProgress {
    screen: Arc<Screen>,
    lines: Progress,
    tree: Mutex<LiveTree>,
}

/// Erases the tree when the work has ended or was stopped.
struct EraseOnDrop<'l>(&'l LiveProgress);

impl Drop for EraseOnDrop<'_> {
    fn drop(&mut self) {
        *self.0.tree() = LiveTree::default();
        self.0.redraw();
    }
}

impl LiveProgress {
    /// Returns the tree, if stderr is a terminal that can show it.
    pub(crate) fn new(screen: &Arc<Screen>) -> Option<Arc<Self>> {
        let is_dumb = variable(TERMINAL_VARIABLE).is_some_and(|it| it == "dumb");
        if is_dumb || stderr_columns().is_none() {
            return None;
        }
        Some(Arc::new(Self {
            screen: Arc::clone(screen),
            lines: Progress::new(screen),
            tree: Mutex::default(),
        }))
    }

    /// Waits for work, and draws the tree meanwhile.
    pub(crate) async fn shown_while<T>(&self, work: impl Future<Output = T>) -> T {
        let _erase = EraseOnDrop(self);
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                ended = &mut work => return ended,
                () = pause(REDRAW_INTERVAL) => self.redraw(),
            }
        }
    }

    fn redraw(&self) {
        let Some(columns) = stderr_columns() else {
            return;
        };
        let n_rows = stderr_rows().unwrap_or(ROWS);
        let n_max = LINES_MAX.min(n_rows.saturating_sub(2));
        let lines = self.tree().lines(n_max);
        self.screen.stderr_region(&lines, columns);
    }

    fn tree(&self) -> MutexGuard<'_, LiveTree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receives the events for a tree.
pub(crate) struct LiveEvents(pub(crate) Arc<LiveProgress>);

impl Events for LiveEvents {
    fn event(&self, event: Event) {
        let shown = self.0.tree().record(&event);
        if shown == Shown::AsLine {
            self.0.lines.event(event);
        }
    }
}

/// How an event is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// In the tree alone.
    InTree,
    /// As a line that stays, too.
    AsLine,
}

/// The steps that are under way, in the order in which they began.
#[derive(Debug, Default)]
struct LiveTree {
    /// The steps, by a number that counts them.
    steps: BTreeMap<u64, LiveStep>,
    /// The number of each step: by the run and the step.
    numbers: HashMap<(String, String), u64>,
    n_begun: u64,
    /// How many steps of a job have ended: by the run and the job.
    ended: HashMap<(String, String), u64>,
    /// The step whose nested workflow a run is: the run and the step.
    parents: HashMap<String, (String, String)>,
    /// The run of a nested workflow: by the run and the step that it is part of.
    children: HashMap<(String, String), String>,
}

/// A step or gate that is under way.
#[derive(Debug)]
struct LiveStep {
    run: String,
    step: String,
    state: LiveState,
    since: Moment,
    /// The last line that one of its calls logged, behind the model and the method.
    logged: String,
    /// The nested calls that are under way, by their ids: the model and the method, and since when.
    calls: BTreeMap<String, (String, Moment)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum LiveState {
    Running { attempt: u32 },
    Retrying,
    Waiting,
}

impl LiveTree {
    /// Records an event, and returns how it is shown.
    fn record(&mut self, event: &Event) -> Shown {
        match event {
            Event::StepStarted { run, step } => {
                let attempt = step.attempt;
                let state = LiveState::Running { attempt };
                self.begin(&run.to_string(), &step.step.to_string(), state);
                Shown::InTree
            }
            Event::StepRetried { run, step, .. } => {
                let state = LiveState::Retrying;
                self.begin(&run.to_string(), &step.step.to_string(), state);
                Shown::AsLine
            }
            Event::GateOpened { run, gate, .. } => {
                self.begin(&run.to_string(), &gate.to_string(), LiveState::Waiting);
                Shown::AsLine
            }
            Event::StepEnded { run, step, .. } => {
                self.end(&run.to_string(), &step.step.to_string());
                Shown::AsLine
            }
            Event::StepSatisfied { run, step } | Event::StepSkipped { run, step, .. } => {
                self.end(&run.to_string(), &step.to_string());
                Shown::AsLine
            }
            Event::GateDecided { run, gate, .. } | Event::GateExpired { run, gate, .. } => {
                self.end(&run.to_string(), &gate.to_string());
                Shown::AsLine
            }
            Event::ChildStarted {
                run, step, child, ..
            } => self.child_started(run, step, child),
            Event::CallStarted {
                call,
                step: Some(step),
                model,
                method,
            } => self.call_started(call, step, format!("{model}.{method}")),
            Event::CallEnded {
                call,
                step: Some(step),
            } => self.call_ended(call, step),
            Event::Logged {
                call,
                step: Some(step),
                model,
                method,
                line,
            } => self.logged(call, step, &format!("{model}.{method}"), line),
            Event::RunStarted { .. }
            | Event::RunResumed { .. }
            | Event::RunCancelling { .. }
            | Event::RunDeadlinePassed { .. }
            | Event::WorkflowEdited { .. }
            | Event::JobSatisfied { .. }
            | Event::StepExpanded { .. }
            | Event::LockWaiting { .. }
            | Event::LockWaitEnded
            | Event::CallRolledBack { .. }
            | Event::CallStarted { step: None, .. }
            | Event::CallEnded { step: None, .. }
            | Event::Logged { step: None, .. }
            | Event::Progress { .. }
            | Event::DefinitionUpgraded(_)
            | Event::PluginCompiled { .. }
            | Event::CacheUnusable { .. }
            | Event::PluginLogged { .. } => Shown::AsLine,
        }
    }

    /// Records which step has a nested workflow's run.
    fn child_started(&mut self, run: &RunId, step: &StepAttempt, child: &RunId) -> Shown {
        let parent = (run.to_string(), step.step.to_string());
        self.children.insert(parent.clone(), child.to_string());
        self.parents.insert(child.to_string(), parent);
        Shown::AsLine
    }

    /// Adds a nested call to its step. The call of the step itself would repeat the line of the step.
    fn call_started(&mut self, call: &Lineage, step: &StepInstance, of: String) -> Shown {
        let is_nested = call.parent().is_some_and(|it| it.ordinal().is_some());
        if let Some(step) = self.step_of(call, step).filter(|_| is_nested) {
            step.calls.insert(call.to_string(), (of, Moment::now()));
        }
        Shown::InTree
    }

    fn call_ended(&mut self, call: &Lineage, step: &StepInstance) -> Shown {
        if let Some(step) = self.step_of(call, step) {
            step.calls.remove(&call.to_string());
        }
        Shown::InTree
    }

    /// Records the last line of a step, and returns how it is shown: warnings and errors stay.
    fn logged(&mut self, call: &Lineage, step: &StepInstance, of: &str, line: &LogLine) -> Shown {
        let text = log_text(line.level.as_str(), &line.message, "", "");
        if let Some(step) = self.step_of(call, step) {
            step.logged = guest_text::line(&format!("{of}: {text}"));
        }
        match line.level >= LogLevel::Warn {
            true => Shown::AsLine,
            false => Shown::InTree,
        }
    }

    /// Returns the step that a call belongs to, if it is under way.
    fn step_of(&mut self, call: &Lineage, step: &StepInstance) -> Option<&mut LiveStep> {
        self.step(call.run().to_string(), step.to_string())
    }

    /// Returns a step that is under way.
    fn step(&mut self, run: String, step: String) -> Option<&mut LiveStep> {
        let number = self.numbers.get(&(run, step))?;
        self.steps.get_mut(number)
    }

    fn begin(&mut self, run: &str, step: &str, state: LiveState) {
        if let Some(step) = self.step(run.to_owned(), step.to_owned()) {
            step.state = state;
            step.since = Moment::now();
            return;
        }
        self.n_begun += 1;
        let key = (run.to_owned(), step.to_owned());
        self.numbers.insert(key, self.n_begun);
        let step = LiveStep {
            run: run.to_owned(),
            step: step.to_owned(),
            state,
            since: Moment::now(),
            logged: String::new(),
            calls: BTreeMap::new(),
        };
        self.steps.insert(self.n_begun, step);
    }

    fn end(&mut self, run: &str, step: &str) {
        let key = (run.to_owned(), step.to_owned());
        if let Some(number) = self.numbers.remove(&key) {
            self.steps.remove(&number);
        }
        let (job, _) = step.split_once('/').unwrap_or((step, ""));
        let job = (run.to_owned(), job.to_owned());
        *self.ended.entry(job).or_default() += 1;
    }

    /// Returns the tree as at most `n_max` lines.
    fn lines(&self, n_max: usize) -> Vec<String> {
        let mut runs: HashMap<&str, LiveRun> = HashMap::new();
        let mut roots = Vec::new();
        for step in self.steps.values() {
            let run = step.run.as_str();
            let shown = runs.entry(run).or_insert_with(|| {
                if !self.is_below_a_step(run) {
                    roots.push(run);
                }
                LiveRun::default()
            });
            shown.add(step);
        }
        let mut lines = Vec::new();
        for run in roots {
            self.run_lines(&runs, run, 0, &mut lines);
        }
        let n_more = lines.len().saturating_sub(n_max);
        if n_more > 0 {
            lines.truncate(n_max.saturating_sub(1));
            lines.push(format!("… ({} more lines)", n_more + 1));
        }
        lines
    }

    fn is_below_a_step(&self, run: &str) -> bool {
        let parent = self.parents.get(run);
        parent.is_some_and(|parent| self.numbers.contains_key(parent))
    }

    // Nested workflows are at most 16 deep.
    fn run_lines(
        &self,
        runs: &HashMap<&str, LiveRun<'_>>,
        run: &str,
        depth: usize,
        lines: &mut Vec<String>,
    ) {
        let indent = "  ".repeat(depth);
        let jobs = runs.get(run).map_or(&[][..], |run| run.jobs.as_slice());
        for (job, steps) in jobs {
            let key = (run.to_owned(), (*job).to_owned());
            let ended = match self.ended.get(&key) {
                None => String::new(),
                Some(n) => format!(" ({} ended)", show::count(*n, "step")),
            };
            lines.push(format!("{indent}{job}{ended}"));
            for step in steps {
                lines.push(format!("{indent}  {}", step_text(step)));
                for (of, since) in step.calls.values().take(CALLS_MAX) {
                    lines.push(format!("{indent}    {of}: {}", elapsed_text(*since)));
                }
                if let n_more @ 1.. = step.calls.len().saturating_sub(CALLS_MAX) {
                    lines.push(format!(
                        "{indent}    and {}",
                        show::count(n_more, "more call")
                    ));
                }
                let key = (step.run.clone(), step.step.clone());
                if let Some(child) = self.children.get(&key) {
                    self.run_lines(runs, child, depth + 2, lines);
                }
            }
        }
    }
}

/// The jobs of a run that are under way, with their steps.
#[derive(Default)]
struct LiveRun<'t> {
    jobs: Vec<(&'t str, Vec<&'t LiveStep>)>,
    places: HashMap<&'t str, usize>,
}

impl<'t> LiveRun<'t> {
    fn add(&mut self, step: &'t LiveStep) {
        let job = step.parts().0;
        let jobs = &mut self.jobs;
        let place = *self.places.entry(job).or_insert_with(|| {
            jobs.push((job, Vec::new()));
            jobs.len() - 1
        });
        jobs[place].1.push(step);
    }
}

impl LiveStep {
    /// Returns the job and the name of the step in it.
    fn parts(&self) -> (&str, &str) {
        self.step.split_once('/').unwrap_or((&self.step, ""))
    }
}

/// Returns how long ago a moment was, in whole seconds, so that the tree changes once a second.
fn elapsed_text(since: Moment) -> String {
    format!("{} s", since.elapsed().as_secs())
}

fn step_text(step: &LiveStep) -> String {
    let (_, name) = step.parts();
    let time = elapsed_text(step.since);
    let state = match &step.state {
        LiveState::Running { attempt: 0 | 1 } => time,
        LiveState::Running { attempt } => format!("{time}, attempt {attempt}"),
        LiveState::Retrying => "waits for its next attempt".to_owned(),
        LiveState::Waiting => "waits for a decision".to_owned(),
    };
    match step.logged.is_empty() {
        true => format!("{name}: {state}"),
        false => format!("{name}: {state}  {}", step.logged),
    }
}

#[cfg(test)]
mod tests {
    use sedge_app::types::StepPath;

    use super::*;

    const ROOT: &str = "000000000000";
    const CHILD: &str = "000000000001";

    fn run(id: &str) -> RunId {
        id.parse().expect("an id")
    }

    fn instance(path: &str) -> StepInstance {
        let (job, step) = path.split_once('/').expect("a path");
        StepInstance::of(StepPath {
            job: job.parse().expect("a name"),
            step: step.parse().expect("a name"),
        })
    }

    fn attempt(path: &str) -> StepAttempt {
        StepAttempt {
            step: instance(path),
            attempt: 1,
        }
    }

    fn started(id: &str, path: &str) -> Event {
        Event::StepStarted {
            run: run(id),
            step: attempt(path),
        }
    }

    fn ended(id: &str, path: &str) -> Event {
        Event::StepEnded {
            run: run(id),
            step: attempt(path),
            elapsed: Duration::ZERO,
            succeeded: true,
            is_allowed: false,
        }
    }

    fn tree(events: &[Event]) -> LiveTree {
        let mut tree = LiveTree::default();
        for event in events {
            tree.record(event);
        }
        tree
    }

    /// Returns the lines without the time.
    fn shown(tree: &LiveTree, n_max: usize) -> Vec<String> {
        let lines = tree.lines(n_max);
        lines.iter().map(|line| line.replace("0 s", "T")).collect()
    }

    #[test]
    fn steps_under_way_are_below_their_jobs() {
        let mut tree = tree(&[
            started(ROOT, "main/a"),
            started(ROOT, "main/b"),
            started(ROOT, "other/c"),
            ended(ROOT, "main/a"),
        ]);
        assert_eq!(
            shown(&tree, 16),
            ["main (1 step ended)", "  b: T", "other", "  c: T"]
        );
        tree.record(&ended(ROOT, "main/b"));
        tree.record(&ended(ROOT, "other/c"));
        assert!(shown(&tree, 16).is_empty());
    }

    #[test]
    fn nested_workflow_is_below_its_step() {
        let tree = tree(&[
            started(ROOT, "main/n"),
            Event::ChildStarted {
                run: run(ROOT),
                step: attempt("main/n"),
                child: run(CHILD),
                workflow: "w".parse().expect("a name"),
            },
            started(CHILD, "inner/a"),
            Event::GateOpened {
                run: run(CHILD),
                gate: instance("inner/gate"),
                prompt: String::new(),
                deadline: None,
            },
        ]);
        assert_eq!(
            shown(&tree, 16),
            [
                "main",
                "  n: T",
                "    inner",
                "      a: T",
                "      gate: waits for a decision"
            ]
        );
    }

    #[test]
    fn nested_calls_are_below_their_step() {
        let root = Lineage::root(run(ROOT));
        let begun = |call: Lineage| Event::CallStarted {
            call,
            step: Some(instance("main/a")),
            model: "sink".parse().expect("a name"),
            method: "run".parse().expect("a name"),
        };
        let mut events = vec![started(ROOT, "main/a"), begun(root.child(1))];
        events.extend((1..=5).map(|n| begun(root.child(1).child(n))));
        let mut tree = tree(&events);
        let expect = [
            "main",
            "  a: T",
            "    sink.run: T",
            "    sink.run: T",
            "    sink.run: T",
        ];
        assert_eq!(shown(&tree, 16)[..5], expect);
        assert_eq!(shown(&tree, 16)[5], "    and 2 more calls");
        for n in 1..=5 {
            tree.record(&Event::CallEnded {
                call: root.child(1).child(n),
                step: Some(instance("main/a")),
            });
        }
        assert_eq!(shown(&tree, 16), ["main", "  a: T"]);
    }

    #[test]
    fn tree_has_a_bounded_number_of_lines() {
        let events: Vec<Event> = (0..100)
            .map(|n| started(ROOT, &format!("main/s{n}")))
            .collect();
        let tree = tree(&events);
        let lines = shown(&tree, 5);
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[4], "… (97 more lines)");
    }
}
