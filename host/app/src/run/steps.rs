//! The steps and gates of a run, as its log and its workflow have them.

use std::collections::{HashMap, HashSet};

use sedge_api::problem::call::CallProblem;
use sedge_api::view::run::{StepAttemptView, StepStatusView, StepView};
use sedge_lang::workflow::Workflow;
use sedge_model::lineage::Lineage;
use sedge_model::names::{JobName, RunId};
use sedge_model::run::{
    Actor, EvaluationPlace, Expansion, GateDeadline, GateDecision, GateShown, OnTimeout, RunEvent,
    StepAttempt, StepError, StepInstance, StepPath,
};
use sedge_store::EventRecord;
use sedge_sys::clock::Timestamp;

use crate::run::gate_log::{deadline_view, former_approval_view, gate_entries};
use crate::views::call::step_problem;
use crate::views::time;

/// The run whose steps are shown.
pub(crate) struct StepsOf<'a> {
    pub(crate) run: &'a RunId,
    /// The workflow as the run has it; `None` for a run of one method.
    pub(crate) workflow: Option<&'a Workflow>,
    /// The status of steps that have begun and not ended.
    pub(crate) open: StepStatusView,
}

/// Returns the steps and gates of a run: first those that the run has reached, in that order, then
/// those that have not started, in the order of the file.
pub(crate) fn step_views(of: &StepsOf<'_>, log: &[EventRecord]) -> Vec<StepView> {
    let allowed = of.workflow.into_iter().flat_map(Workflow::steps);
    let allowed = allowed.filter(|step| step.allow_failure);
    let mut steps = Steps {
        root: Lineage::root(of.run.clone()),
        open: of.open,
        allowed: allowed.map(|step| &step.path).collect(),
        views: Vec::new(),
        places: HashMap::new(),
        of_path: HashMap::new(),
        jobs_ended: HashMap::new(),
        evaluation_calls: HashMap::new(),
    };
    for EventRecord { at, event, .. } in log {
        steps.note(*at, event);
    }
    steps.former_approvals(log);
    steps.not_started(of.workflow);
    steps.evaluation_calls_add();
    steps.views.into_iter().flatten().collect()
}

/// The steps that have appeared in the log so far.
struct Steps<'a> {
    root: Lineage,
    open: StepStatusView,
    /// The steps that may fail.
    allowed: HashSet<&'a StepPath>,
    /// A step that was reset is `None` until it appears again.
    views: Vec<Option<StepView>>,
    places: HashMap<StepInstance, usize>,
    /// The places of a step and its expansions.
    of_path: HashMap<StepPath, Vec<usize>>,
    /// The jobs whose guard decided for all their steps.
    jobs_ended: HashMap<JobName, StepStatusView>,
    /// The ordinals of the calls of guards and asserts.
    evaluation_calls: HashMap<StepInstance, Vec<u32>>,
}

impl Steps<'_> {
    fn note(&mut self, at: Timestamp, event: &RunEvent) {
        match event {
            RunEvent::JobGuarded { job, is_satisfied } => self.job_guarded(job, is_satisfied),
            RunEvent::Expanded { step, items, .. } => self.expanded(at, step, items),
            RunEvent::Guarded {
                step,
                is_satisfied: true,
            } => ended(self.get(step), StepStatusView::Satisfied, at),
            RunEvent::StepStarted { step, call, child } => {
                self.started(at, step, *call, child.as_ref());
            }
            RunEvent::StepSucceeded { step, .. } => {
                ended(self.get(&step.step), StepStatusView::Succeeded, at);
            }
            RunEvent::StepFailed {
                step,
                error,
                is_allowed,
                ..
            } => self.failed(at, &step.step, step_problem(error), *is_allowed),
            RunEvent::StepRetried {
                step,
                call,
                error,
                next_at_ms,
            } => {
                let failed = self.failed_attempt(at, step, *call, error);
                self.retried(&step.step, failed, *next_at_ms);
            }
            RunEvent::StepSkipped { step, because } => self.skipped(step, because),
            RunEvent::ChildSuspended { step } => {
                self.get(step).status = StepStatusView::Suspended;
            }
            RunEvent::Reset { steps } => self.forget(steps),
            RunEvent::GateReopened { gate, skipped } => self.reopened(gate, skipped),
            RunEvent::GateOpened {
                gate,
                shown,
                deadline,
            } => self.gate_opened(at, gate, shown, deadline.as_ref()),
            RunEvent::GateDecided {
                gate,
                decision,
                by,
                comment,
                ..
            } => {
                self.decided_by(gate, by, comment.as_ref());
                self.gate_decided(at, gate, *decision);
            }
            RunEvent::GateExpired { gate, then } => self.gate_expired(at, gate, *then),
            RunEvent::EvaluationCalled { place, call } => self.evaluation_called(place, *call),
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Released
            | RunEvent::EditsTaken
            | RunEvent::CancelRequested { .. }
            | RunEvent::DeadlinePassed
            | RunEvent::Guarded {
                is_satisfied: false,
                ..
            }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => {}
        }
    }

    fn failed_attempt(
        &self,
        at: Timestamp,
        step: &StepAttempt,
        call: Option<u32>,
        error: &StepError,
    ) -> StepAttemptView {
        StepAttemptView {
            attempt: step.attempt.into(),
            error: step_problem(error),
            call: call.map(|call| self.root.child(call).to_string()),
            ended_at: time(at),
        }
    }

    fn evaluation_called(&mut self, place: &EvaluationPlace, call: u32) {
        match place {
            EvaluationPlace::Guard(step) | EvaluationPlace::Assert(step) => {
                let calls = self.evaluation_calls.entry(step.clone()).or_default();
                calls.push(call);
            }
            // The guard of a job belongs to no step.
            EvaluationPlace::JobGuard(_) => {}
        }
    }

    fn job_guarded(&mut self, job: &JobName, is_satisfied: &Result<bool, StepError>) {
        let status = match is_satisfied {
            Ok(false) => return,
            Ok(true) => StepStatusView::Satisfied,
            Err(_) => StepStatusView::Skipped,
        };
        self.jobs_ended.insert(job.clone(), status);
    }

    fn expanded(&mut self, at: Timestamp, step: &StepPath, items: &[Expansion]) {
        for item in items {
            self.get(&StepInstance {
                path: step.clone(),
                expansion: Some(item.name.clone()),
            });
        }
        if items.is_empty() {
            let view = self.get(&StepInstance::of(step.clone()));
            ended(view, StepStatusView::Satisfied, at);
        }
    }

    fn started(&mut self, at: Timestamp, step: &StepAttempt, call: u32, child: Option<&RunId>) {
        let (call, open) = (self.root.child(call).to_string(), self.open);
        let view = self.get(&step.step);
        view.status = open;
        view.next_attempt_at = None;
        view.started_at.get_or_insert(time(at));
        match child {
            // The ordinal of a nested workflow is that of no call.
            Some(child) => view.child = Some(child.to_string()),
            None => view.calls.push(call),
        }
    }

    fn decided_by(&mut self, gate: &StepInstance, by: &Actor, comment: Option<&String>) {
        let view = self.get(gate);
        view.decided_by = Some(by.name.clone());
        view.comment = comment.cloned();
    }

    fn gate_decided(&mut self, at: Timestamp, gate: &StepInstance, decision: GateDecision) {
        match decision {
            GateDecision::Approved => ended(self.get(gate), StepStatusView::Approved, at),
            GateDecision::Rejected => self.rejected(gate, StepStatusView::Rejected, at),
        }
    }

    /// Returns the view of a step, which is new if the step has not appeared.
    fn get(&mut self, step: &StepInstance) -> &mut StepView {
        let place = match self.places.get(step) {
            Some(place) => *place,
            None => {
                let place = self.views.len();
                self.views.push(None);
                self.places.insert(step.clone(), place);
                self.of_path
                    .entry(step.path.clone())
                    .or_default()
                    .push(place);
                place
            }
        };
        self.views[place].get_or_insert_with(|| pending(step))
    }

    fn failed(&mut self, at: Timestamp, step: &StepInstance, error: CallProblem, allowed: bool) {
        let is_allowed = allowed || self.allowed.contains(&step.path);
        let view = self.get(step);
        view.error = Some(error);
        view.is_allowed = is_allowed;
        ended(view, StepStatusView::Failed, at);
    }

    fn rejected(&mut self, gate: &StepInstance, status: StepStatusView, at: Timestamp) {
        let is_allowed = self.allowed.contains(&gate.path);
        let view = self.get(gate);
        view.is_allowed = is_allowed;
        ended(view, status, at);
    }

    fn retried(&mut self, step: &StepInstance, failed: StepAttemptView, next_at_ms: i64) {
        let view = self.get(step);
        view.status = StepStatusView::Retrying;
        view.failed_attempts.push(failed);
        let next = u64::try_from(next_at_ms).unwrap_or(0);
        view.next_attempt_at = Some(time(Timestamp(next)));
    }

    /// Notes that a step, or each of its expansions that has not ended, is skipped.
    fn skipped(&mut self, step: &StepInstance, because: &str) {
        let expansions = match step.expansion {
            Some(_) => None,
            None => self.of_path.get(&step.path),
        };
        // ignored: no error is dropped; a step that has not appeared has no places.
        let places = expansions.cloned().unwrap_or_default();
        let mut has_any = false;
        for place in places {
            if let Some(view) = self.views[place].as_mut() {
                has_any = true;
                if view.ended_at.is_none() {
                    skip(view, because);
                }
            }
        }
        if !has_any {
            skip(self.get(step), because);
        }
    }

    fn forget(&mut self, steps: &[StepPath]) {
        for step in steps {
            // ignored: no error is dropped; a step that has not appeared has no places.
            for place in self.of_path.remove(step).unwrap_or_default() {
                self.views[place] = None;
            }
            self.jobs_ended.remove(&step.job);
        }
        let steps: HashSet<&StepPath> = steps.iter().collect();
        self.places
            .retain(|instance, _| !steps.contains(&instance.path));
        self.evaluation_calls
            .retain(|instance, _| !steps.contains(&instance.path));
    }

    /// Adds the calls of guards and asserts to their steps.
    fn evaluation_calls_add(&mut self) {
        for (step, calls) in &self.evaluation_calls {
            let Some(place) = self.places.get(step) else {
                continue;
            };
            if let Some(view) = &mut self.views[*place] {
                let calls = calls.iter();
                let calls = calls.map(|call| self.root.child(*call).to_string());
                view.evaluation_calls = calls.collect();
            }
        }
    }

    fn reopened(&mut self, gate: &StepPath, skipped: &[StepPath]) {
        self.forget(std::slice::from_ref(gate));
        self.forget(skipped);
    }

    fn gate_opened(
        &mut self,
        at: Timestamp,
        gate: &StepInstance,
        shown: &GateShown,
        deadline: Option<&GateDeadline>,
    ) {
        let view = self.get(gate);
        view.status = StepStatusView::Waiting;
        view.started_at = Some(time(at));
        view.prompt = Some(shown.prompt.clone()).filter(|it| !it.is_empty());
        view.digest = Some(shown.digest.clone()).filter(|it| !it.is_empty());
        view.deadline = deadline.map(deadline_view);
    }

    fn gate_expired(&mut self, at: Timestamp, gate: &StepInstance, then: OnTimeout) {
        match then {
            OnTimeout::Continue => ended(self.get(gate), StepStatusView::Expired, at),
            OnTimeout::Reject => self.rejected(gate, StepStatusView::Expired, at),
            OnTimeout::Fail => {
                self.get(gate).error = Some(step_problem(&StepError::GateExpired));
                self.rejected(gate, StepStatusView::Expired, at);
            }
        }
    }

    /// Adds the approvals that count no more.
    fn former_approvals(&mut self, log: &[EventRecord]) {
        let is_reopened =
            |record: &EventRecord| matches!(record.event, RunEvent::GateReopened { .. });
        if !log.iter().any(is_reopened) {
            return;
        }
        for entry in gate_entries(log) {
            if let Some(former) = &entry.former {
                self.get(&entry.gate).former_approval = Some(former_approval_view(former));
            }
        }
    }

    /// Adds the steps that have not appeared.
    fn not_started(&mut self, workflow: Option<&Workflow>) {
        for step in workflow.into_iter().flat_map(Workflow::steps) {
            if self.of_path.contains_key(&step.path) {
                continue;
            }
            let of_job = self.jobs_ended.get(&step.path.job).copied();
            let view = self.get(&StepInstance::of(step.path.clone()));
            match of_job {
                Some(StepStatusView::Skipped) => skip(view, "the guard of its job has no value"),
                Some(status) => view.status = status,
                None => {}
            }
        }
    }
}

/// Returns the view of a step that has not started.
fn pending(step: &StepInstance) -> StepView {
    StepView {
        step: step.to_string(),
        expansion_of: step.expansion.as_ref().map(|_| step.path.to_string()),
        status: StepStatusView::Pending,
        because: None,
        decided_by: None,
        comment: None,
        prompt: None,
        deadline: None,
        digest: None,
        former_approval: None,
        error: None,
        is_allowed: false,
        calls: Vec::new(),
        evaluation_calls: Vec::new(),
        child: None,
        failed_attempts: Vec::new(),
        next_attempt_at: None,
        started_at: None,
        ended_at: None,
        duration_ms: None,
    }
}

/// Notes that a step will not run. A step whose call was under way is not skipped: the run was
/// cancelled, or its deadline passed, and the call was cut off.
fn skip(step: &mut StepView, because: &str) {
    step.next_attempt_at = None;
    match step.status {
        StepStatusView::Running | StepStatusView::Interrupted => {
            step.status = StepStatusView::Interrupted;
        }
        StepStatusView::Pending
        | StepStatusView::Retrying
        | StepStatusView::Suspended
        | StepStatusView::Succeeded
        | StepStatusView::Satisfied
        | StepStatusView::Failed
        | StepStatusView::Skipped
        | StepStatusView::Waiting
        | StepStatusView::Approved
        | StepStatusView::Rejected
        | StepStatusView::Expired => {
            step.status = StepStatusView::Skipped;
            step.because = Some(because.to_owned());
        }
    }
}

fn ended(step: &mut StepView, status: StepStatusView, at: Timestamp) {
    step.status = status;
    step.next_attempt_at = None;
    step.ended_at = Some(time(at));
    step.duration_ms = step
        .started_at
        .map(|started| at.0.saturating_sub(started.ms()));
}

#[cfg(test)]
mod tests;
