//! What a live tree knows of a run: the steps that are under way, those that have failed, and counts
//! of all others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use sedge_app::Event;
use sedge_app::types::{
    GateDecision, JobName, Lineage, LogLevel, LogLine, Moment, OnTimeout, RunId, StepInstance,
    StepPath,
};

use crate::guest_text;
use crate::progress::log_text;

/// The largest number of failed steps that the tree keeps. It is more than a terminal has rows; the
/// counts have all of them.
const FAILED_KEPT_MAX: usize = 64;

/// How an event is shown besides in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EventShown {
    /// Whether it is a line that stays.
    pub(super) is_line: bool,
    /// The step with `forEach` whose items have all ended with it.
    pub(super) items_ended: Option<StepPlace>,
}

impl EventShown {
    const IN_TREE: Self = Self::new(false);
    const AS_LINE: Self = Self::new(true);

    const fn new(is_line: bool) -> Self {
        Self {
            is_line,
            items_ended: None,
        }
    }
}

/// A step with `forEach` in a run.
pub(super) type StepPlace = (RunId, StepPath);

/// An instance of a step in a run.
type StepKey = (RunId, StepInstance);

/// The steps of a run and of the runs of its nested workflows.
#[derive(Debug, Default)]
pub(super) struct LiveTree {
    /// The steps that are under way and those that have failed, in the order in which they began.
    pub(super) steps: BTreeMap<u64, LiveStep>,
    numbers: HashMap<StepKey, u64>,
    n_begun: u64,
    n_failed_kept: usize,
    /// How the steps of each job have ended, instances counted one by one.
    pub(super) jobs: HashMap<(RunId, JobName), LiveCounts>,
    /// The steps with `forEach`.
    pub(super) expansions: HashMap<StepPlace, LiveExpansion>,
    /// How each step has ended. A step that is run again counts once.
    ended: HashMap<StepKey, LiveEnd>,
    /// The step whose nested workflow a run is.
    parents: HashMap<RunId, StepKey>,
    /// The run of a step's nested workflow, or the runs that its calls have started.
    pub(super) children: HashMap<StepKey, Vec<RunId>>,
}

/// A step or gate that is under way or has failed.
#[derive(Debug)]
pub(super) struct LiveStep {
    pub(super) run: RunId,
    pub(super) step: StepInstance,
    pub(super) state: LiveState,
    since: LiveSince,
    /// The last line that one of its calls logged, behind the model and the method.
    pub(super) logged: String,
    /// The nested calls that are under way, by their ids.
    pub(super) calls: BTreeMap<String, LiveCall>,
}

/// A nested call.
#[derive(Debug)]
pub(super) struct LiveCall {
    /// The model and the method.
    pub(super) of: String,
    since: LiveSince,
}

/// When something began.
#[derive(Debug, Clone, Copy)]
struct LiveSince {
    seen: Moment,
    /// How long before that it began.
    ago: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LiveState {
    Running { attempt: u32 },
    Retrying,
    Waiting,
    Failed { is_allowed: bool, after: Duration },
}

/// How a step has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LiveEnd {
    Succeeded,
    Satisfied,
    Skipped,
    Allowed,
    Failed,
}

/// How many steps have ended in each way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LiveCounts {
    n_succeeded: u64,
    n_satisfied: u64,
    n_skipped: u64,
    n_allowed: u64,
    n_failed: u64,
}

/// A step with `forEach`.
#[derive(Debug, Default)]
pub(super) struct LiveExpansion {
    /// The number of its instances; `None` if an earlier process has expanded it.
    pub(super) n_instances: Option<u64>,
    pub(super) counts: LiveCounts,
    /// Whether the end of its last instance was reported.
    is_reported: bool,
}

impl LiveCounts {
    fn of(&mut self, end: LiveEnd) -> &mut u64 {
        match end {
            LiveEnd::Succeeded => &mut self.n_succeeded,
            LiveEnd::Satisfied => &mut self.n_satisfied,
            LiveEnd::Skipped => &mut self.n_skipped,
            LiveEnd::Allowed => &mut self.n_allowed,
            LiveEnd::Failed => &mut self.n_failed,
        }
    }

    /// Returns how many steps have ended.
    pub(super) fn n_ended(&self) -> u64 {
        self.n_succeeded + self.n_satisfied + self.n_skipped + self.n_allowed + self.n_failed
    }

    /// Returns the counts that are not zero: `12 succeeded`, `1 failed`.
    pub(super) fn parts(&self) -> Vec<String> {
        let counts = [
            (self.n_succeeded, "succeeded"),
            (self.n_satisfied, "satisfied"),
            (self.n_failed, "failed"),
            (self.n_allowed, "failed (allowed)"),
            (self.n_skipped, "skipped"),
        ];
        let counts = counts.into_iter().filter(|(n, _)| *n > 0);
        counts.map(|(n, word)| format!("{n} {word}")).collect()
    }
}

impl LiveSince {
    fn new(ago: Duration) -> Self {
        let seen = Moment::now();
        Self { seen, ago }
    }

    fn elapsed(self) -> Duration {
        self.seen.elapsed() + self.ago
    }
}

impl LiveStep {
    /// Returns how long ago the attempt began, or the wait.
    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Returns whether the step has failed, so that nothing of it is under way.
    pub(super) fn has_failed(&self) -> bool {
        match self.state {
            LiveState::Failed { .. } => true,
            LiveState::Running { .. } | LiveState::Retrying | LiveState::Waiting => false,
        }
    }
}

impl LiveCall {
    /// Returns how long ago the call began.
    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

impl LiveTree {
    /// Records an event that happened some time ago, and returns how it is shown.
    #[expect(
        clippy::too_many_lines,
        reason = "it is one table, of which a half would say less"
    )]
    pub(super) fn record(&mut self, event: &Event, ago: Duration) -> EventShown {
        match event {
            Event::StepStarted { run, step } => {
                let attempt = step.attempt;
                self.begin(run, &step.step, LiveState::Running { attempt }, ago);
                EventShown::IN_TREE
            }
            Event::StepRetried { run, step, .. } => {
                self.begin(run, &step.step, LiveState::Retrying, ago);
                EventShown::AS_LINE
            }
            Event::GateOpened { run, gate, .. } => {
                self.begin(run, gate, LiveState::Waiting, ago);
                EventShown::AS_LINE
            }
            Event::StepEnded {
                run,
                step,
                elapsed,
                succeeded,
                is_allowed,
            } => {
                let end = match (succeeded, is_allowed) {
                    (true, _) => LiveEnd::Succeeded,
                    (false, true) => LiveEnd::Allowed,
                    (false, false) => LiveEnd::Failed,
                };
                self.end(run, &step.step, end, *elapsed)
            }
            Event::StepSatisfied { run, step } => {
                self.end(run, step, LiveEnd::Satisfied, Duration::ZERO)
            }
            Event::StepSkipped { run, step, .. } => {
                self.end(run, step, LiveEnd::Skipped, Duration::ZERO)
            }
            Event::GateDecided {
                run,
                gate,
                decision,
                ..
            } => {
                let end = match decision {
                    GateDecision::Approved => LiveEnd::Succeeded,
                    GateDecision::Rejected => LiveEnd::Failed,
                };
                self.gate_end(run, gate, end)
            }
            Event::GateExpired { run, gate, then } => {
                let end = match then {
                    OnTimeout::Continue => LiveEnd::Succeeded,
                    OnTimeout::Fail | OnTimeout::Reject => LiveEnd::Failed,
                };
                self.gate_end(run, gate, end)
            }
            Event::StepExpanded {
                run,
                step,
                n_instances,
            } => self.expanded(run, step, *n_instances),
            Event::ChildStarted {
                run, step, child, ..
            } => self.child_started(run, &step.step, child),
            Event::CalledRunStarted {
                call,
                step: Some(step),
                child,
                ..
            } => self.child_started(call.run(), step, child),
            Event::CallStarted {
                call,
                step: Some(step),
                model,
                method,
            } => self.call_started(call, step, format!("{model}.{method}"), ago),
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
            | Event::GateReopened { .. }
            | Event::LockWaiting { .. }
            | Event::LockWaitEnded
            | Event::CallRolledBack { .. }
            | Event::ObservationRetried { .. }
            | Event::CalledRunStarted { step: None, .. }
            | Event::CallStarted { step: None, .. }
            | Event::CallEnded { step: None, .. }
            | Event::Logged { step: None, .. }
            | Event::Progress { .. }
            | Event::DefinitionUpgraded(_)
            | Event::PluginCompiled { .. }
            | Event::CacheUnusable { .. }
            | Event::PluginLogged { .. } => EventShown::AS_LINE,
        }
    }

    /// Returns the steps with `forEach` of which some items have ended, and not all. They are not
    /// returned again.
    pub(super) fn items_unreported(&mut self) -> Vec<StepPlace> {
        let mut places = Vec::new();
        for (place, expansion) in &mut self.expansions {
            if expansion.counts.n_ended() > 0
                && !std::mem::replace(&mut expansion.is_reported, true)
            {
                places.push(place.clone());
            }
        }
        places.retain(|(run, path)| !self.is_counted(run, &StepInstance::of(path.clone())));
        places.sort_by_key(|(run, path)| (run.to_string(), path.to_string()));
        places
    }

    /// Returns whether a run belongs to a step that is in the tree.
    pub(super) fn is_below_a_step(&self, run: &RunId) -> bool {
        let parent = self.parents.get(run);
        parent.is_some_and(|parent| self.numbers.contains_key(parent))
    }

    /// Returns whether a step is an item of a `forEach`, or part of the nested workflow of one. Such
    /// steps are counted: there can be thousands of them.
    fn is_counted(&self, run: &RunId, step: &StepInstance) -> bool {
        // Nested workflows are at most 16 deep.
        let mut run = run;
        let mut is_item = step.expansion.is_some();
        while let (false, Some((parent, step))) = (is_item, self.parents.get(run)) {
            is_item = step.expansion.is_some();
            run = parent;
        }
        is_item
    }

    fn expanded(&mut self, run: &RunId, path: &StepPath, n_instances: usize) -> EventShown {
        let expansion = self
            .expansions
            .entry((run.clone(), path.clone()))
            .or_default();
        expansion.n_instances = Some(n_instances as u64);
        EventShown::new(!self.is_counted(run, &StepInstance::of(path.clone())))
    }

    /// Records which step has the run of a nested workflow, or of one that its call has started.
    fn child_started(&mut self, run: &RunId, step: &StepInstance, child: &RunId) -> EventShown {
        let parent = (run.clone(), step.clone());
        let shown = EventShown::new(!self.is_counted(run, step));
        let children = self.children.entry(parent.clone()).or_default();
        if !children.contains(child) {
            children.push(child.clone());
        }
        self.parents.insert(child.clone(), parent);
        shown
    }

    /// Adds a nested call to its step. The call of the step itself would repeat the line of the step.
    fn call_started(
        &mut self,
        call: &Lineage,
        step: &StepInstance,
        of: String,
        ago: Duration,
    ) -> EventShown {
        let is_nested = call.parent().is_some_and(|it| it.ordinal().is_some());
        if let Some(step) = self.step_of(call, step).filter(|_| is_nested) {
            let since = LiveSince::new(ago);
            step.calls.insert(call.to_string(), LiveCall { of, since });
        }
        EventShown::IN_TREE
    }

    fn call_ended(&mut self, call: &Lineage, step: &StepInstance) -> EventShown {
        if let Some(step) = self.step_of(call, step) {
            step.calls.remove(&call.to_string());
        }
        EventShown::IN_TREE
    }

    /// Records the last line of a step, and returns how it is shown: warnings and errors stay.
    fn logged(
        &mut self,
        call: &Lineage,
        step: &StepInstance,
        of: &str,
        line: &LogLine,
    ) -> EventShown {
        if line.level >= LogLevel::Info
            && let Some(step) = self.step_of(call, step)
        {
            let text = log_text(line.level.as_str(), &line.message, "", "");
            step.logged = guest_text::line(&format!("{of}: {text}"));
        }
        EventShown::new(line.level >= LogLevel::Warn)
    }

    /// Returns the step that a call belongs to, if it is in the tree.
    fn step_of(&mut self, call: &Lineage, step: &StepInstance) -> Option<&mut LiveStep> {
        let number = self.numbers.get(&(call.run().clone(), step.clone()))?;
        self.steps.get_mut(number)
    }

    fn begin(&mut self, run: &RunId, step: &StepInstance, state: LiveState, ago: Duration) {
        let key = (run.clone(), step.clone());
        if let Some(end) = self.ended.remove(&key) {
            for counts in self.counts(run, step) {
                *counts.of(end) -= 1;
            }
        }
        let step = self.step_or_insert(&key);
        let had_failed = step.has_failed();
        step.state = state;
        step.since = LiveSince::new(ago);
        if had_failed {
            self.n_failed_kept -= 1;
        }
    }

    /// Returns a step of the tree, which is added to it if it is new.
    fn step_or_insert(&mut self, key: &StepKey) -> &mut LiveStep {
        let number = match self.numbers.get(key) {
            Some(number) => *number,
            None => {
                self.n_begun += 1;
                self.numbers.insert(key.clone(), self.n_begun);
                self.n_begun
            }
        };
        self.steps.entry(number).or_insert_with(|| LiveStep {
            run: key.0.clone(),
            step: key.1.clone(),
            state: LiveState::Running { attempt: 1 },
            since: LiveSince::new(Duration::ZERO),
            logged: String::new(),
            calls: BTreeMap::new(),
        })
    }

    /// Returns the counts that a step belongs to: those of its job, and of its `forEach`.
    fn counts(&mut self, run: &RunId, step: &StepInstance) -> Vec<&mut LiveCounts> {
        let job = self.jobs.entry((run.clone(), step.path.job.clone()));
        let mut counts = vec![job.or_default()];
        if step.expansion.is_some() {
            let place = (run.clone(), step.path.clone());
            counts.push(&mut self.expansions.entry(place).or_default().counts);
        }
        counts
    }

    /// Records the decision of a gate. Each one is a line that stays.
    fn gate_end(&mut self, run: &RunId, gate: &StepInstance, end: LiveEnd) -> EventShown {
        EventShown {
            is_line: true,
            ..self.end(run, gate, end, Duration::ZERO)
        }
    }

    /// Records the end of a step, and returns how it is shown: of items that are counted, those that
    /// have failed.
    fn end(
        &mut self,
        run: &RunId,
        step: &StepInstance,
        end: LiveEnd,
        after: Duration,
    ) -> EventShown {
        let key = (run.clone(), step.clone());
        let former = self.ended.insert(key.clone(), end);
        for counts in self.counts(run, step) {
            if let Some(former) = former {
                *counts.of(former) -= 1;
            }
            *counts.of(end) += 1;
        }
        let is_allowed = end == LiveEnd::Allowed;
        let is_failed = is_allowed || end == LiveEnd::Failed;
        match is_failed {
            true => self.failed(&key, is_allowed, after),
            false => self.remove(&key),
        }
        EventShown {
            is_line: is_failed || !self.is_counted(run, step),
            items_ended: self.items_ended(run, step),
        }
    }

    /// Returns the step with `forEach` that an item belongs to, if all of its items have ended.
    fn items_ended(&mut self, run: &RunId, step: &StepInstance) -> Option<StepPlace> {
        step.expansion.as_ref()?;
        let place = (run.clone(), step.path.clone());
        let is_counted = self.is_counted(run, &StepInstance::of(step.path.clone()));
        let expansion = self.expansions.get_mut(&place)?;
        let is_last = expansion.n_instances == Some(expansion.counts.n_ended());
        if !is_last || std::mem::replace(&mut expansion.is_reported, true) {
            return None;
        }
        Some(place).filter(|_| !is_counted)
    }

    /// Keeps a failed step in the tree, and removes the oldest one if there are too many.
    fn failed(&mut self, key: &StepKey, is_allowed: bool, after: Duration) {
        // An assert that failed is new here, because it has no start.
        let step = self.step_or_insert(key);
        let had_failed = step.has_failed();
        step.state = LiveState::Failed { is_allowed, after };
        step.calls.clear();
        if !had_failed {
            self.n_failed_kept += 1;
        }
        if self.n_failed_kept > FAILED_KEPT_MAX {
            let oldest = self.steps.values().find(|step| step.has_failed());
            let oldest = oldest.map(|step| (step.run.clone(), step.step.clone()));
            if let Some(oldest) = oldest {
                self.remove(&oldest);
            }
        }
    }

    fn remove(&mut self, key: &StepKey) {
        let number = self.numbers.remove(key);
        let removed = number.and_then(|number| self.steps.remove(&number));
        if removed.is_some_and(|step| step.has_failed()) {
            self.n_failed_kept -= 1;
        }
    }

    /// Returns the runs that have steps in the tree and belong to no step of it.
    pub(super) fn roots(&self) -> Vec<RunId> {
        let mut known = HashSet::new();
        let runs = self.steps.values().map(|step| &step.run);
        let runs = runs.filter(|run| known.insert(*run) && !self.is_below_a_step(run));
        runs.cloned().collect()
    }
}
