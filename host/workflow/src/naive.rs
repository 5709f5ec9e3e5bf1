//! The rule as it is written: what follows is found by looking at every job and step of the file,
//! each time. Tests compare [`RunState`], which is incremental, with it after every event.

use sedge_lang::workflow::{DependencyPart, Job, Step, Workflow};
use sedge_model::names::{JobName, StepName};
use sedge_model::run::{RunEvent, RunStatus, StepInstance, StepPath};

use crate::conditions::{StepEnd, condition_holds};
use crate::facts::{HandItem, InstanceKey, JobGuardEnd};
use crate::instance::InstanceState;
use crate::next::{Next, RunPause, todo};
use crate::state::RunState;

/// A run to which the rule is applied.
pub(crate) struct Naive<'r> {
    pub(crate) workflow: &'r Workflow,
    pub(crate) state: &'r RunState,
}

/// The order of what is ready.
type Order = (i64, i64, bool, usize, u32);

/// Something that is ready.
struct Ready {
    order: Order,
    item: HandItem,
}

impl Naive<'_> {
    pub(crate) fn next(&self, now_ms: i64) -> Next {
        if let Some(status) = self.state.facts.ended {
            return Next::Pause(RunPause::Ended(status));
        }
        if let Some(gate) = self.gate_expired(now_ms) {
            return Next::Append(gate);
        }
        if let Some(step) = self.to_skip() {
            let because = String::new();
            return Next::Append(RunEvent::StepSkipped { step, because });
        }
        if let Some(item) = self.first_ready(now_ms) {
            return Next::Do(todo(&self.state.plan, &self.state.facts, item));
        }
        let pauses = self.pauses();
        if self.is_active() || !pauses.is_empty() {
            let gates = self.deadlines().into_iter().map(|(at_ms, _)| at_ms);
            let later = pauses.into_iter().filter(|at_ms| *at_ms > now_ms);
            let until_ms = later.chain(gates).min();
            return Next::Pause(RunPause::Working { until_ms });
        }
        let waits = self.keys().into_iter().any(|(_, _, key)| {
            let state = self.instance(key);
            matches!(
                state,
                InstanceState::Open { .. } | InstanceState::ChildSuspended { .. }
            )
        });
        if waits && !self.state.facts.is_stopping() {
            return match self.state.facts.is_suspended {
                true => Next::Pause(RunPause::Suspended),
                false => Next::Append(RunEvent::Suspended),
            };
        }
        Next::Append(RunEvent::Ended {
            status: self.status(),
            error: None,
        })
    }

    /// Returns the result of a step; `None` if it may still change.
    pub(crate) fn step_end(&self, path: &StepPath) -> Option<StepEnd> {
        let states = self.states(path);
        let ends: Option<Vec<StepEnd>> = states.iter().map(|it| it.end()).collect();
        let ends = ends?;
        let has = |end| ends.contains(&end);
        Some(if has(StepEnd::Failed) {
            StepEnd::Failed
        } else if has(StepEnd::Skipped) {
            StepEnd::Skipped
        } else if has(StepEnd::Succeeded) {
            StepEnd::Succeeded
        } else {
            StepEnd::Satisfied
        })
    }

    /// Returns the result of a job; `None` if a step of it may still change.
    pub(crate) fn job_end(&self, job: &Job) -> Option<StepEnd> {
        let ends = job.steps.iter().map(|step| self.step_end(&step.path));
        let ends: Option<Vec<StepEnd>> = ends.collect();
        let ends = ends?;
        let guard = self.state.job_guard(&job.name);
        let has_failed = job.steps.iter().any(|step| {
            let mut states = self.states(&step.path).into_iter();
            !step.allow_failure
                && states.any(|it| match it {
                    InstanceState::Failed { is_allowed, .. } => !is_allowed,
                    InstanceState::Rejected => true,
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
                })
        });
        Some(if has_failed || guard == Some(JobGuardEnd::Failed) {
            StepEnd::Failed
        } else if guard == Some(JobGuardEnd::Satisfied) {
            StepEnd::Satisfied
        } else if ends.iter().any(|it| *it != StepEnd::Skipped) {
            StepEnd::Succeeded
        } else {
            StepEnd::Skipped
        })
    }

    fn states(&self, path: &StepPath) -> Vec<&InstanceState> {
        self.state.instances_of(path).map(|(_, it)| it).collect()
    }

    fn instance(&self, key: InstanceKey) -> &InstanceState {
        self.state.facts.state(key)
    }

    /// Returns every instance with its job and its step.
    fn keys(&self) -> Vec<(&Job, &Step, InstanceKey)> {
        let steps = self.workflow.jobs.iter();
        let steps = steps.flat_map(|job| job.steps.iter().map(move |step| (job, step)));
        let keys = (0..).zip(steps).flat_map(|(at, (job, step))| {
            let keys = self.state.facts.step(at).keys(at);
            keys.map(move |key| (job, step, key))
        });
        keys.collect()
    }

    fn is_in_hand(&self, key: InstanceKey) -> bool {
        self.state.facts.hand.contains(&HandItem::Instance(key))
    }

    /// Returns whether the conditions of a job hold; `None` if that may still change.
    fn job_holds(&self, job: &Job) -> Option<bool> {
        let end_of = |name: &JobName| {
            let job = self.workflow.job(name).expect("the job exists");
            self.job_end(job)
        };
        all_hold(&job.depends_on, &end_of)
    }

    /// Returns whether the conditions of a step hold; `None` if that may still change.
    fn step_holds(&self, step: &Step) -> Option<bool> {
        let end_of = |name: &StepName| {
            self.step_end(&StepPath {
                job: step.path.job.clone(),
                step: name.clone(),
            })
        };
        all_hold(&step.depends_on, &end_of)
    }

    fn is_guard_open(&self, job: &Job) -> bool {
        job.guard.is_some() && self.state.job_guard(&job.name).is_none()
    }

    fn may_begin(&self, job: &Job, step: &Step) -> bool {
        let guard = self.state.job_guard(&job.name);
        let is_open = job.guard.is_none() || guard == Some(JobGuardEnd::Passed);
        self.job_holds(job) == Some(true) && is_open && self.begins(step) == Some(true)
    }

    /// Returns whether the conditions of a step hold and the gates that were opened again and that it
    /// waits for were approved; `None` if that may still change.
    fn begins(&self, step: &Step) -> Option<bool> {
        let holds = self.step_holds(step);
        if holds != Some(true) {
            return holds;
        }
        let plan = &self.state.plan;
        let at = plan.step_index(&step.path).expect("the step exists");
        let gates = &self.state.facts.reopened;
        gates.are_passed(at, |gate| self.step_end(&plan.step_at(gate).path))
    }

    fn to_skip(&self) -> Option<StepInstance> {
        let found = self.keys().into_iter().find(|(job, step, key)| {
            let state = self.instance(*key);
            let runs = matches!(state, InstanceState::Running { .. });
            if state.end().is_some() || runs || self.is_in_hand(*key) {
                return false;
            }
            let is_new = matches!(state, InstanceState::Waiting | InstanceState::Ready);
            let guard = self.state.job_guard(&job.name);
            let is_open = job.guard.is_none() || guard == Some(JobGuardEnd::Passed);
            let is_broken = match self.job_holds(job) {
                Some(false) => true,
                Some(true) => is_open && self.begins(step) == Some(false),
                None => false,
            };
            self.state.facts.is_stopping() || (is_new && is_broken)
        });
        let (_, _, key) = found?;
        Some(self.state.facts.instance(&self.state.plan, key))
    }

    fn deadlines(&self) -> Vec<(i64, InstanceKey)> {
        let keys = self.keys().into_iter();
        let keys = keys.filter(|_| !self.state.facts.is_stopping());
        let deadlines = keys.filter_map(|(_, _, key)| {
            let InstanceState::Open { deadline } = self.instance(key) else {
                return None;
            };
            deadline.map(|it| (it.at_ms, key))
        });
        deadlines.collect()
    }

    fn gate_expired(&self, now_ms: i64) -> Option<RunEvent> {
        let (at_ms, key) = self.deadlines().into_iter().min()?;
        let InstanceState::Open {
            deadline: Some(deadline),
        } = self.instance(key)
        else {
            return None;
        };
        (at_ms <= now_ms).then(|| RunEvent::GateExpired {
            gate: self.state.facts.instance(&self.state.plan, key),
            then: deadline.then,
        })
    }

    fn pauses(&self) -> Vec<i64> {
        let keys = self.keys().into_iter();
        let pauses = keys.filter_map(|(_, _, key)| self.pause(key));
        pauses.collect()
    }

    fn pause(&self, key: InstanceKey) -> Option<i64> {
        let InstanceState::Retrying { at_ms, .. } = self.instance(key) else {
            return None;
        };
        let waits = !self.is_in_hand(key) && !self.state.facts.is_stopping();
        waits.then_some(*at_ms)
    }

    fn is_active(&self) -> bool {
        let runs = |key| matches!(self.instance(key), InstanceState::Running { .. });
        let mut keys = self.keys().into_iter();
        let guards = self.workflow.jobs.iter().enumerate().any(|(at, job)| {
            let at = u32::try_from(at).expect("a small index");
            self.is_guard_open(job) && self.state.facts.hand.contains(&HandItem::JobGuard(at))
        });
        guards || keys.any(|(_, _, key)| runs(key) || self.is_in_hand(key))
    }

    /// Returns whether an instance runs, or is about to.
    fn takes_slot_now(&self, step: &Step, key: InstanceKey) -> bool {
        let plan = &self.state.plan;
        let kind = plan.step(&step.path).expect("the step exists").kind;
        let runs = matches!(self.instance(key), InstanceState::Running { .. });
        let starts = self.is_in_hand(key) && self.state.facts.starts_next(plan, key);
        kind.takes_slot() && (runs || starts)
    }

    fn has_slot(&self, job: &Job, step: &Step) -> bool {
        let keys = self.keys();
        let running: Vec<(&JobName, &StepPath)> = keys
            .iter()
            .filter(|(_, step, key)| self.takes_slot_now(step, *key))
            .map(|(job, step, _)| (&job.name, &step.path))
            .collect();
        let of_job = running.iter().filter(|(it, _)| **it == job.name).count();
        let of_step = running.iter().filter(|(_, it)| **it == step.path).count();
        let is_below =
            |n: usize, limit: &Option<sedge_lang::yaml::Located<std::num::NonZeroU32>>| {
                let limit = limit.as_ref().map(|it| it.value.get() as usize);
                limit.is_none_or(|limit| n < limit)
            };
        is_below(running.len(), &self.workflow.concurrency)
            && is_below(of_job, &job.concurrency)
            && is_below(of_step, &step.concurrency)
    }

    fn first_ready(&self, now_ms: i64) -> Option<HandItem> {
        if self.state.facts.is_stopping() {
            return None;
        }
        let weight =
            |it: &Option<sedge_lang::yaml::Located<i64>>| it.as_ref().map_or(0, |it| it.value);
        let mut ready = Vec::new();
        for (at, job) in self.workflow.jobs.iter().enumerate() {
            let index = u32::try_from(at).expect("a small index");
            let item = HandItem::JobGuard(index);
            let is_due = self.is_guard_open(job) && self.job_holds(job) == Some(true);
            let is_left = self.job_end(job).is_none();
            if is_due && is_left && !self.state.facts.hand.contains(&item) {
                let order = (weight(&job.weight), i64::MIN, false, at, 0);
                ready.push(Ready { order, item });
            }
        }
        // Of the retries that are due, only the one that was due first is looked at: of those that
        // need a slot, and of those that need none.
        let mut due: [Option<(i64, InstanceKey, Ready)>; 2] = [None, None];
        for (job, step, key) in self.keys() {
            let kind = self.state.plan.step_at(key.step).kind;
            let starts = self.state.facts.starts_next(&self.state.plan, key);
            let needs_slot = kind.takes_slot() && starts;
            if self.is_in_hand(key) || (needs_slot && !self.has_slot(job, step)) {
                continue;
            }
            let order = (
                weight(&job.weight),
                weight(&step.weight),
                true,
                key.step as usize,
                key.item,
            );
            let item = HandItem::Instance(key);
            let it = Ready { order, item };
            let state = self.instance(key);
            let is_new = matches!(state, InstanceState::Waiting | InstanceState::Ready);
            let is_interrupted = matches!(state, InstanceState::Interrupted { .. });
            if is_interrupted || (is_new && self.may_begin(job, step)) {
                ready.push(it);
            } else if let InstanceState::Retrying { at_ms, .. } = state
                && *at_ms <= now_ms
            {
                let first = &mut due[usize::from(needs_slot)];
                if first.as_ref().is_none_or(|it| (it.0, it.1) > (*at_ms, key)) {
                    *first = Some((*at_ms, key, it));
                }
            }
        }
        ready.extend(due.into_iter().flatten().map(|(_, _, it)| it));
        ready
            .into_iter()
            .min_by_key(|it| it.order)
            .map(|it| it.item)
    }

    fn status(&self) -> RunStatus {
        let facts = &self.state.facts;
        let jobs = self.workflow.jobs.iter();
        let mut ends = jobs.map(|job| self.job_end(job));
        if facts.is_cancelling {
            RunStatus::Cancelled
        } else if facts.deadline_passed || ends.any(|it| it == Some(StepEnd::Failed)) {
            RunStatus::Failed
        } else {
            RunStatus::Succeeded
        }
    }
}

/// Returns whether all parts hold; `None` if that may still change.
fn all_hold<N>(
    parts: &[DependencyPart<N>],
    end_of: &impl Fn(&N) -> Option<StepEnd>,
) -> Option<bool> {
    group_holds(parts, false, end_of)
}

fn part_holds<N>(
    part: &DependencyPart<N>,
    end_of: &impl Fn(&N) -> Option<StepEnd>,
) -> Option<bool> {
    match part {
        DependencyPart::One(on) => end_of(&on.on).map(|end| condition_holds(&on.condition, end)),
        DependencyPart::AnyOf(parts) => group_holds(parts, true, end_of),
        DependencyPart::AllOf(parts) => group_holds(parts, false, end_of),
    }
}

fn group_holds<N>(
    parts: &[DependencyPart<N>],
    decisive: bool,
    end_of: &impl Fn(&N) -> Option<StepEnd>,
) -> Option<bool> {
    let values: Vec<Option<bool>> = parts.iter().map(|it| part_holds(it, end_of)).collect();
    if values.contains(&Some(decisive)) {
        Some(decisive)
    } else if values.contains(&None) {
        None
    } else {
        Some(!decisive)
    }
}
