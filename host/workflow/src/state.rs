//! The state of a run, which is the fold of its events.

use std::sync::Arc;

use sedge_model::names::JobName;
use sedge_model::run::{
    EvaluationPlace, Expansion, RunEvent, RunStatus, StepError, StepInstance, StepPath,
};

use crate::conditions::StepEnd;
use crate::event_text::IllegalEvent;
use crate::facts::{HandItem, InstanceKey, JobGuardEnd, RunFacts};
use crate::instance::InstanceState;
use crate::next::Todo;
use crate::plan::{Plan, StepOrder};
use crate::track::Tracker;

/// The state of a run, according to its log.
#[derive(Debug, Clone)]
pub struct RunState {
    pub(crate) plan: Arc<Plan>,
    pub(crate) facts: RunFacts,
    pub(crate) tracker: Tracker,
}

impl RunState {
    /// Returns the state before the first event.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let facts = RunFacts::new(&plan);
        let tracker = Tracker::new(&plan, &facts);
        Self {
            plan,
            facts,
            tracker,
        }
    }

    /// Folds a log. `plan` is of the text with which the run continues.
    ///
    /// If the run has taken an edited file, events before that which do not fit the steps of the
    /// new file are passed over: only steps that had not ended can differ, and they begin again.
    ///
    /// # Errors
    /// The first event that is not possible after the events before it.
    pub fn fold<'a>(
        plan: Arc<Plan>,
        events: impl IntoIterator<Item = &'a RunEvent>,
    ) -> Result<Self, IllegalEvent> {
        let events: Vec<&RunEvent> = events.into_iter().collect();
        let is_edit = |it: &&RunEvent| matches!(it, RunEvent::EditsTaken);
        let n_before = events.iter().rposition(is_edit).unwrap_or(0);
        let mut state = Self::new(plan);
        for (at, event) in events.into_iter().enumerate() {
            match state.apply(event) {
                Err(error) if at >= n_before || !error.is_of_step() => return Err(error),
                Err(_) => state.call_note(event),
                Ok(()) => {}
            }
        }
        Ok(state)
    }

    /// Notes that the ordinal of a call is used, also if the event is passed over.
    fn call_note(&mut self, event: &RunEvent) {
        if let RunEvent::StepStarted { call, .. } | RunEvent::EvaluationCalled { call, .. } = event
        {
            self.facts.n_calls = self.facts.n_calls.max(*call);
        }
    }

    /// Applies an event.
    ///
    /// # Errors
    /// The event is not possible after the events before it. The state is then unchanged.
    pub fn apply(&mut self, event: &RunEvent) -> Result<(), IllegalEvent> {
        self.expect_possible(event)?;
        match event {
            RunEvent::Started | RunEvent::EditsTaken => {}
            RunEvent::Resumed => {
                self.facts.is_suspended = false;
                self.facts.is_released = false;
                self.interrupt(true);
            }
            RunEvent::Released => {
                self.facts.is_released = true;
                self.interrupt(false);
            }
            RunEvent::Reset { steps } => self.reset(steps),
            RunEvent::GateReopened { gate, skipped } => self.reopen(event, gate, skipped)?,
            RunEvent::CancelRequested { .. } => {
                self.facts.is_cancelling = true;
                self.rebuild();
            }
            RunEvent::DeadlinePassed => {
                self.facts.deadline_passed = true;
                self.rebuild();
            }
            RunEvent::JobGuarded { job, is_satisfied } => {
                self.job_guarded(event, job, is_satisfied)?;
            }
            RunEvent::Expanded { step, items, .. } => self.expanded(event, step, items)?,
            RunEvent::EvaluationCalled { place, call } => {
                self.expect_place(event, place)?;
                self.facts.n_calls = self.facts.n_calls.max(*call);
                let calls = self.facts.evaluations.entry(place.clone()).or_default();
                calls.push(*call);
            }
            RunEvent::StepStarted { step, call, .. } => {
                self.step_event(event, &step.step)?;
                self.facts.n_calls = self.facts.n_calls.max(*call);
            }
            RunEvent::StepSucceeded { step, .. } | RunEvent::StepFailed { step, .. } => {
                self.step_event(event, &step.step)?;
            }
            RunEvent::StepRetried { step, .. } => {
                self.step_event(event, &step.step)?;
                let place = EvaluationPlace::Assert(step.step.clone());
                self.facts.evaluations.remove(&place);
            }
            RunEvent::Guarded { step, .. }
            | RunEvent::StepSkipped { step, .. }
            | RunEvent::ChildSuspended { step }
            | RunEvent::GateOpened { gate: step, .. }
            | RunEvent::GateDecided { gate: step, .. }
            | RunEvent::GateExpired { gate: step, .. } => self.step_event(event, step)?,
            RunEvent::Suspended => self.facts.is_suspended = true,
            RunEvent::Ended { status, .. } => self.facts.ended = Some(*status),
        }
        Ok(())
    }

    /// Marks work as in hand: [`next`](Self::next) passes over it until an event about it is
    /// applied. The start of a method or workflow then counts for the limits `concurrency`.
    pub fn take(&mut self, todo: &Todo) {
        if let Some(item) = self.hand_item(todo) {
            self.facts.hand.insert(item);
            self.tracker.hand_changed(&self.plan, &self.facts, item);
        }
    }

    /// Returns work that was in hand and did not become an event: [`next`](Self::next) yields it
    /// again, unless the run is being stopped.
    pub fn put_back(&mut self, todo: &Todo) {
        if let Some(item) = self.hand_item(todo) {
            self.facts.hand.remove(&item);
            self.tracker.hand_changed(&self.plan, &self.facts, item);
        }
    }

    /// Holds a step back: [`next`](Self::next) passes over the starts of its methods and workflows
    /// until [`release`](Self::release). The driver uses this so that few steps wait for the same
    /// thing at one time. It is no part of the log.
    ///
    /// A cancellation, the deadline of the run, and a reset release all steps.
    pub fn hold(&mut self, step: StepOrder) {
        self.tracker.hold(&self.plan, step.step, true);
    }

    /// Releases a step that was held back.
    pub fn release(&mut self, step: StepOrder) {
        self.tracker.hold(&self.plan, step.step, false);
    }

    /// Makes a step whose child run was suspended ready to start again, because the child run can
    /// continue. A `StepStarted` of the same attempt with the same child run follows. Returns
    /// whether the step was in that state.
    pub fn wake(&mut self, step: &StepInstance) -> bool {
        let Some(key) = self.facts.key(&self.plan, step) else {
            return false;
        };
        let state = self.facts.state(key);
        if !matches!(state, InstanceState::ChildSuspended { .. }) {
            return false;
        }
        if let Some(state) = state.interrupted(true) {
            self.set(key, state);
        }
        true
    }

    fn hand_item(&self, todo: &Todo) -> Option<HandItem> {
        match todo {
            Todo::JobGuard(job) => self.plan.job_index(job).map(HandItem::JobGuard),
            Todo::Expand(step) => {
                let step = StepInstance::of(step.clone());
                let key = self.facts.key(&self.plan, &step);
                key.map(HandItem::Instance)
            }
            Todo::Guard(step) => self.facts.key(&self.plan, step).map(HandItem::Instance),
            Todo::Start { step, .. } => {
                let key = self.facts.key(&self.plan, &step.step);
                key.map(HandItem::Instance)
            }
        }
    }

    /// Checks what an event requires of the run as a whole.
    fn expect_possible(&self, event: &RunEvent) -> Result<(), IllegalEvent> {
        let facts = &self.facts;
        let needs = EventNeeds::of(event);
        if let Some(status) = facts.ended {
            let is_reopening = matches!(event, RunEvent::Reset { .. } | RunEvent::EditsTaken);
            if status != RunStatus::Failed || !is_reopening {
                let why = format!("the run has {}", status_word(status));
                return Err(IllegalEvent::new(event, why));
            }
        }
        let is_reset = matches!(event, RunEvent::Reset { .. });
        let why = if needs.driver && facts.is_suspended {
            "the run is suspended and was not resumed"
        } else if needs.driver && facts.is_released {
            "the run has no driver and was not resumed"
        } else if (needs.going_on || is_reset) && facts.is_cancelling {
            "the run is being cancelled"
        } else if needs.going_on && facts.deadline_passed {
            "the deadline of the run has passed"
        } else {
            return Ok(());
        };
        Err(IllegalEvent::new(event, why))
    }

    fn expect_place(&self, event: &RunEvent, place: &EvaluationPlace) -> Result<(), IllegalEvent> {
        match place {
            EvaluationPlace::JobGuard(job) => self.job_of(event, job).map(drop),
            EvaluationPlace::Guard(step) | EvaluationPlace::Assert(step) => {
                self.key_of(event, step).map(drop)
            }
        }
    }

    fn job_of(&self, event: &RunEvent, job: &JobName) -> Result<u32, IllegalEvent> {
        let index = self.plan.job_index(job);
        index.ok_or_else(|| IllegalEvent::of_step(event, format!("there is no job `{job}`")))
    }

    fn key_of(&self, event: &RunEvent, step: &StepInstance) -> Result<InstanceKey, IllegalEvent> {
        if let Some(key) = self.facts.key(&self.plan, step) {
            return Ok(key);
        }
        let why = match (self.plan.step(&step.path), &step.expansion) {
            (None, _) => format!("the workflow has no step `{}`", step.path),
            (Some(_), None) => format!("`{}` has been expanded", step.path),
            (Some(_), Some(name)) => format!("`{}` has no expansion `{name}`", step.path),
        };
        Err(IllegalEvent::of_step(event, why))
    }

    /// Applies an event about one instance.
    fn step_event(&mut self, event: &RunEvent, step: &StepInstance) -> Result<(), IllegalEvent> {
        let key = self.key_of(event, step)?;
        let is_whole = self.facts.expands_next(&self.plan, key);
        let state = self.facts.state(key);
        let after = state.after(self.plan.step_at(key.step), is_whole, event);
        let Some(after) = after else {
            let why = format!("`{step}` is {}", state.as_str());
            return Err(IllegalEvent::of_step(event, why));
        };
        self.set(key, after);
        Ok(())
    }

    fn set(&mut self, key: InstanceKey, state: InstanceState) {
        self.facts.set(key, state);
        self.facts.hand.remove(&HandItem::Instance(key));
        self.tracker.instance_changed(&self.plan, &self.facts, key);
    }

    fn expanded(
        &mut self,
        event: &RunEvent,
        step: &StepPath,
        items: &[Expansion],
    ) -> Result<(), IllegalEvent> {
        let key = self.key_of(event, &StepInstance::of(step.clone()))?;
        let is_due = self.facts.expands_next(&self.plan, key);
        let state = self.facts.state(key);
        if !is_due || *state != InstanceState::Waiting {
            let why = match is_due {
                true => format!("`{step}` is {}", state.as_str()),
                false => format!("`{step}` has no `forEach`"),
            };
            return Err(IllegalEvent::of_step(event, why));
        }
        let facts = &mut self.facts.steps[key.step as usize];
        if let Err(name) = facts.expand(items) {
            let why = format!("two of them are named `{name}`");
            return Err(IllegalEvent::new(event, why));
        }
        self.facts.hand.remove(&HandItem::Instance(key));
        self.tracker.expanded(&self.plan, &self.facts, key.step);
        Ok(())
    }

    fn job_guarded(
        &mut self,
        event: &RunEvent,
        job: &JobName,
        is_satisfied: &Result<bool, StepError>,
    ) -> Result<(), IllegalEvent> {
        let at = self.job_of(event, job)?;
        if !self.plan.job_at(at).has_guard {
            let why = format!("the job `{job}` has no guard");
            return Err(IllegalEvent::of_step(event, why));
        }
        if self.facts.guards[at as usize].is_some() {
            return Err(IllegalEvent::new(event, "it was evaluated before"));
        }
        if self.tracker.job_end(at).is_some() {
            return Err(IllegalEvent::new(event, "the job has ended"));
        }
        let (end, state) = match is_satisfied {
            Ok(false) => (JobGuardEnd::Passed, None),
            Ok(true) => (JobGuardEnd::Satisfied, Some(InstanceState::Satisfied)),
            Err(_) => (JobGuardEnd::Failed, Some(InstanceState::Skipped)),
        };
        self.facts.guards[at as usize] = Some(end);
        self.facts.hand.remove(&HandItem::JobGuard(at));
        if let Some(state) = state {
            let keys = self.keys_of_job(at);
            let is_new =
                |it: &InstanceState| matches!(it, InstanceState::Waiting | InstanceState::Ready);
            let keys: Vec<InstanceKey> = keys
                .into_iter()
                .filter(|key| is_new(self.facts.state(*key)))
                .collect();
            for key in &keys {
                self.facts.set(*key, state.clone());
                self.facts.hand.remove(&HandItem::Instance(*key));
            }
            for key in keys {
                self.tracker.instance_changed(&self.plan, &self.facts, key);
            }
        }
        self.tracker.refresh_job(&self.plan, &self.facts, at);
        Ok(())
    }

    fn keys_of_job(&self, job: u32) -> Vec<InstanceKey> {
        let steps = self.plan.job_at(job).steps.clone();
        let keys = steps.flat_map(|step| self.facts.step(step).keys(step));
        keys.collect()
    }

    /// Takes account of a driver that is gone.
    fn interrupt(&mut self, with_children: bool) {
        let keys: Vec<InstanceKey> = self.facts.keys().collect();
        for key in keys {
            if let Some(state) = self.facts.state(key).interrupted(with_children) {
                self.facts.set(key, state);
            }
        }
        self.facts.hand.clear();
        self.rebuild();
    }

    /// Forgets what happened to steps. Names of steps that the file no longer has are passed over.
    fn reset(&mut self, steps: &[StepPath]) {
        let mut is_named = vec![false; self.facts.steps.len()];
        for step in steps {
            if let Some(at) = self.plan.step_index(step) {
                is_named[at as usize] = true;
            }
        }
        for (at, job) in self.plan.jobs().iter().enumerate() {
            let named = &mut is_named[job.steps.start as usize..job.steps.end as usize];
            let is_some = named.contains(&true);
            let has_ended_steps = match self.facts.guards[at] {
                Some(JobGuardEnd::Satisfied | JobGuardEnd::Failed) => true,
                Some(JobGuardEnd::Passed) | None => false,
            };
            // What the guard of a job decided for its steps is forgotten as a whole.
            if is_some && has_ended_steps {
                named.fill(true);
            }
            if is_some && !named.contains(&false) {
                self.facts.guards[at] = None;
                let place = EvaluationPlace::JobGuard(job.name.clone());
                self.facts.evaluations.remove(&place);
            }
        }
        for (at, step) in self.facts.steps.iter_mut().enumerate() {
            if is_named[at] {
                step.reset();
            }
        }
        let plan = &self.plan;
        self.facts.evaluations.retain(|place, _| match place {
            EvaluationPlace::JobGuard(_) => true,
            EvaluationPlace::Guard(step) | EvaluationPlace::Assert(step) => {
                let at = plan.step_index(&step.path);
                !at.is_some_and(|at| is_named[at as usize])
            }
        });
        self.facts.ended = None;
        self.facts.deadline_passed = false;
        self.facts.is_released = true;
        self.interrupt(false);
    }

    pub(crate) fn rebuild(&mut self) {
        #[cfg(test)]
        let n_operations = self.tracker.n_operations;
        self.tracker = Tracker::new(&self.plan, &self.facts);
        #[cfg(test)]
        {
            self.tracker.n_operations += n_operations;
        }
    }
}

/// Questions about a state.
impl RunState {
    /// Returns the graph of the workflow.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Returns the state of an instance; `None` if there is no such step or expansion.
    #[must_use]
    pub fn instance(&self, instance: &StepInstance) -> Option<&InstanceState> {
        let key = self.facts.key(&self.plan, instance)?;
        Some(self.facts.state(key))
    }

    /// Returns every instance, in the author's order. A `forEach` step that is not expanded is one
    /// instance.
    pub fn instances(&self) -> impl Iterator<Item = (StepInstance, &InstanceState)> {
        self.facts
            .keys()
            .map(|key| (self.facts.instance(&self.plan, key), self.facts.state(key)))
    }

    /// Returns the instances of one step, in the order of its values.
    pub fn instances_of(
        &self,
        step: &StepPath,
    ) -> impl Iterator<Item = (StepInstance, &InstanceState)> {
        let at = self.plan.step_index(step).into_iter();
        let keys = at.flat_map(|at| self.facts.step(at).keys(at));
        keys.map(|key| (self.facts.instance(&self.plan, key), self.facts.state(key)))
    }

    /// Returns the expansions of a step; `None` if it has no `forEach` or is not expanded.
    #[must_use]
    pub fn expansions(&self, step: &StepPath) -> Option<&[Expansion]> {
        let at = self.plan.step_index(step)?;
        self.facts.step(at).expansions()
    }

    /// Returns the result of a step with all its expansions, if it has ended.
    #[must_use]
    pub fn step_end(&self, step: &StepPath) -> Option<StepEnd> {
        let at = self.plan.step_index(step)?;
        self.tracker.step_end(at)
    }

    /// Returns the result of a job, if it has ended.
    #[must_use]
    pub fn job_end(&self, job: &JobName) -> Option<StepEnd> {
        let at = self.plan.job_index(job)?;
        self.tracker.job_end(at)
    }

    /// Returns the result of a job's guard, if it was evaluated.
    #[must_use]
    pub fn job_guard(&self, job: &JobName) -> Option<JobGuardEnd> {
        let at = self.plan.job_index(job)?;
        self.facts.guards[at as usize]
    }

    /// Returns the gates that wait for a decision, in the author's order.
    pub fn gates_open(&self) -> impl Iterator<Item = StepInstance> {
        let gates = self.tracker.gates.iter();
        gates.map(|key| self.facts.instance(&self.plan, *key))
    }

    /// Returns the calls of an expression so far, oldest first.
    #[must_use]
    pub fn evaluation_calls(&self, place: &EvaluationPlace) -> &[u32] {
        let calls = self.facts.evaluations.get(place);
        calls.map_or(&[], |it| &it[..])
    }

    /// Returns the ordinal that the run's next call gets.
    #[must_use]
    pub fn call_next(&self) -> u32 {
        self.facts.n_calls + 1
    }

    /// Returns whether the run is suspended until it is resumed.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.facts.is_suspended
    }

    /// Returns whether the run has no driver until it is resumed: its driver released it, or steps
    /// of it were reset.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.facts.is_released
    }

    /// Returns whether a user cancels the run. It may still have to end.
    #[must_use]
    pub fn is_cancelling(&self) -> bool {
        self.facts.is_cancelling
    }

    /// Returns whether the deadline of the run has passed. It may still have to end.
    #[must_use]
    pub fn deadline_passed(&self) -> bool {
        self.facts.deadline_passed
    }

    /// Returns the final status of the run, if it has ended.
    #[must_use]
    pub fn ended(&self) -> Option<RunStatus> {
        self.facts.ended
    }
}

/// What an event requires of the run as a whole.
struct EventNeeds {
    /// A driver writes it: the run is neither suspended nor released.
    driver: bool,
    /// Something starts: the run is not being stopped.
    going_on: bool,
}

impl EventNeeds {
    fn of(event: &RunEvent) -> Self {
        let (driver, going_on) = match event {
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Released
            | RunEvent::Reset { .. }
            | RunEvent::EditsTaken
            | RunEvent::CancelRequested { .. }
            | RunEvent::DeadlinePassed
            | RunEvent::StepSkipped { .. }
            | RunEvent::GateDecided { .. }
            | RunEvent::GateExpired { .. }
            | RunEvent::Ended { .. } => (false, false),
            RunEvent::JobGuarded { .. }
            | RunEvent::Expanded { .. }
            | RunEvent::Guarded { .. }
            | RunEvent::StepSucceeded { .. }
            | RunEvent::StepFailed { .. }
            | RunEvent::StepRetried { .. }
            | RunEvent::ChildSuspended { .. }
            | RunEvent::Suspended => (true, false),
            RunEvent::EvaluationCalled { .. }
            | RunEvent::StepStarted { .. }
            | RunEvent::GateOpened { .. }
            | RunEvent::GateReopened { .. } => (true, true),
        };
        Self { driver, going_on }
    }
}

fn status_word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Cancelled => "been cancelled",
        RunStatus::Running
        | RunStatus::Suspended
        | RunStatus::Succeeded
        | RunStatus::Failed
        | RunStatus::Interrupted => status.as_str(),
    }
}
