//! The state of one instance of a step, and which event may follow which state.

use sedge_model::names::RunId;
use sedge_model::run::{GateDeadline, GateDecision, OnTimeout, RunEvent, StepError};

use crate::conditions::StepEnd;
use crate::plan::{PlanStep, TaskKind};

/// The state of an instance: of a step without `forEach`, of one expansion, or of a `forEach` step
/// as a whole before it is expanded.
///
/// A state has no values: inputs, results and the texts of errors are in the log and in the records
/// of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceState {
    /// Nothing has happened to it yet.
    Waiting,
    /// Its guard said that it has to run.
    Ready,
    /// Its call or child run is running.
    Running {
        /// The attempt.
        attempt: u32,
        /// The ordinal of the call in the run.
        call: u32,
        /// The ordinals of the calls of the same attempt that were interrupted, oldest first.
        interrupted: Vec<u32>,
        /// The child run of a nested workflow.
        child: Option<RunId>,
    },
    /// It was running, and its driver is gone.
    Interrupted {
        /// The attempt.
        attempt: u32,
        /// The ordinals of the calls of this attempt so far, oldest first.
        calls: Vec<u32>,
        /// The child run of a nested workflow.
        child: Option<RunId>,
    },
    /// An attempt failed, and the next one waits.
    Retrying {
        /// The number of the next attempt.
        attempt: u32,
        /// When it starts: milliseconds since 1970-01-01T00:00:00Z.
        at_ms: i64,
    },
    /// The child run of a nested workflow waits for a decision.
    ChildSuspended {
        /// The attempt.
        attempt: u32,
        /// The ordinals of the calls of this attempt so far, oldest first.
        calls: Vec<u32>,
        /// The child run.
        child: RunId,
    },
    /// A gate waits for a decision.
    Open {
        /// The deadline, if it has one.
        deadline: Option<GateDeadline>,
    },
    /// Its call succeeded, or its gate was approved, or its assert holds.
    Succeeded {
        /// The ordinal of the call with the result; `None` for a gate and an assert.
        call: Option<u32>,
    },
    /// Its guard, or the guard of its job, said that it is done already.
    Satisfied,
    /// It failed, and there is no further attempt.
    Failed {
        /// The code of the error.
        code: String,
        /// The ordinal of the call that failed, if one began.
        call: Option<u32>,
        /// Whether the failure of an assert is below the severity that counts.
        is_allowed: bool,
    },
    /// Its gate was rejected.
    Rejected,
    /// It will not run.
    Skipped,
}

impl InstanceState {
    /// Returns the state as a word for people.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "not started",
            Self::Ready => "ready",
            Self::Running { .. } => "running",
            Self::Interrupted { .. } => "interrupted",
            Self::Retrying { .. } => "waiting for its next attempt",
            Self::ChildSuspended { .. } => "suspended",
            Self::Open { .. } => "open",
            Self::Succeeded { .. } => "succeeded",
            Self::Satisfied => "satisfied",
            Self::Failed { .. } => "failed",
            Self::Rejected => "rejected",
            Self::Skipped => "skipped",
        }
    }

    /// Returns the result; `None` if the instance has not ended. A rejected gate has failed.
    #[must_use]
    pub fn end(&self) -> Option<StepEnd> {
        match self {
            Self::Waiting
            | Self::Ready
            | Self::Running { .. }
            | Self::Interrupted { .. }
            | Self::Retrying { .. }
            | Self::ChildSuspended { .. }
            | Self::Open { .. } => None,
            Self::Succeeded { .. } => Some(StepEnd::Succeeded),
            Self::Satisfied => Some(StepEnd::Satisfied),
            Self::Failed { .. } | Self::Rejected => Some(StepEnd::Failed),
            Self::Skipped => Some(StepEnd::Skipped),
        }
    }

    /// Returns the attempt that is running and the ordinal of its call; `None` if none is.
    #[must_use]
    pub fn running(&self) -> Option<(u32, u32)> {
        match self {
            Self::Running { attempt, call, .. } => Some((*attempt, *call)),
            Self::Waiting
            | Self::Ready
            | Self::Interrupted { .. }
            | Self::Retrying { .. }
            | Self::ChildSuspended { .. }
            | Self::Open { .. }
            | Self::Succeeded { .. }
            | Self::Satisfied
            | Self::Failed { .. }
            | Self::Rejected
            | Self::Skipped => None,
        }
    }

    /// Returns the child run of a nested workflow that has not ended.
    #[must_use]
    pub fn child(&self) -> Option<&RunId> {
        match self {
            Self::Running { child, .. } | Self::Interrupted { child, .. } => child.as_ref(),
            Self::ChildSuspended { child, .. } => Some(child),
            Self::Waiting
            | Self::Ready
            | Self::Retrying { .. }
            | Self::Open { .. }
            | Self::Succeeded { .. }
            | Self::Satisfied
            | Self::Failed { .. }
            | Self::Rejected
            | Self::Skipped => None,
        }
    }

    /// Returns the number of the attempt that runs or starts next, and the calls that it has had.
    pub(crate) fn attempt(&self) -> (u32, Vec<u32>) {
        match self {
            Self::Running {
                attempt,
                call,
                interrupted,
                ..
            } => (*attempt, [&interrupted[..], &[*call]].concat()),
            Self::Interrupted { attempt, calls, .. }
            | Self::ChildSuspended { attempt, calls, .. } => (*attempt, calls.clone()),
            Self::Retrying { attempt, .. } => (*attempt, Vec::new()),
            Self::Waiting
            | Self::Ready
            | Self::Open { .. }
            | Self::Succeeded { .. }
            | Self::Satisfied
            | Self::Failed { .. }
            | Self::Rejected
            | Self::Skipped => (1, Vec::new()),
        }
    }

    /// Returns the state after the driver is gone; `None` if that changes nothing.
    pub(crate) fn interrupted(&self, with_children: bool) -> Option<Self> {
        let (attempt, calls) = self.attempt();
        match self {
            Self::Running { child, .. } => Some(Self::Interrupted {
                attempt,
                calls,
                child: child.clone(),
            }),
            Self::ChildSuspended { child, .. } if with_children => Some(Self::Interrupted {
                attempt,
                calls,
                child: Some(child.clone()),
            }),
            Self::ChildSuspended { .. }
            | Self::Waiting
            | Self::Ready
            | Self::Interrupted { .. }
            | Self::Retrying { .. }
            | Self::Open { .. }
            | Self::Succeeded { .. }
            | Self::Satisfied
            | Self::Failed { .. }
            | Self::Rejected
            | Self::Skipped => None,
        }
    }

    /// Returns whether an attempt can start now.
    fn can_start(&self, step: &PlanStep) -> bool {
        match self {
            Self::Waiting => !step.has_guard,
            Self::Ready | Self::Interrupted { .. } | Self::Retrying { .. } => true,
            Self::Running { .. }
            | Self::ChildSuspended { .. }
            | Self::Open { .. }
            | Self::Succeeded { .. }
            | Self::Satisfied
            | Self::Failed { .. }
            | Self::Rejected
            | Self::Skipped => false,
        }
    }

    /// Returns whether an attempt is under way: its call or child run began and has no result.
    fn is_under_way(&self) -> bool {
        matches!(
            self,
            Self::Running { .. } | Self::Interrupted { .. } | Self::ChildSuspended { .. }
        )
    }

    /// Returns the state after an event about this instance of `step`; `None` if the event is not
    /// possible in this state. `is_whole` says whether the step is a `forEach` step that is not
    /// expanded: then it can only fail or be skipped.
    pub(crate) fn after(&self, step: &PlanStep, is_whole: bool, event: &RunEvent) -> Option<Self> {
        match event {
            RunEvent::StepFailed { .. } => self.after_attempt(step, event),
            RunEvent::StepSkipped { .. } => {
                let is_legal = self.end().is_none() && !matches!(self, Self::Running { .. });
                is_legal.then_some(Self::Skipped)
            }
            RunEvent::Guarded { is_satisfied, .. } => {
                let is_legal = *self == Self::Waiting && step.has_guard && !is_whole;
                is_legal.then_some(match is_satisfied {
                    true => Self::Satisfied,
                    false => Self::Ready,
                })
            }
            RunEvent::StepStarted { .. } | RunEvent::GateOpened { .. } if is_whole => None,
            RunEvent::StepStarted { .. } => self.after_start(step, event),
            RunEvent::StepSucceeded { .. } | RunEvent::StepRetried { .. } if is_whole => None,
            RunEvent::StepSucceeded { .. } | RunEvent::StepRetried { .. } => {
                self.after_attempt(step, event)
            }
            RunEvent::GateOpened { deadline, .. } => {
                let is_legal = step.kind == TaskKind::Gate && self.can_start(step);
                is_legal.then_some(Self::Open {
                    deadline: *deadline,
                })
            }
            RunEvent::GateDecided { decision, .. } => self.is_open().then_some(match decision {
                GateDecision::Approved => Self::Succeeded { call: None },
                GateDecision::Rejected => Self::Rejected,
            }),
            RunEvent::GateExpired { then, .. } => self.is_open().then(|| expired(*then)),
            RunEvent::ChildSuspended { .. } => self.after_child_suspended(),
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Released
            | RunEvent::Reset { .. }
            | RunEvent::EditsTaken
            | RunEvent::CancelRequested { .. }
            | RunEvent::DeadlinePassed
            | RunEvent::JobGuarded { .. }
            | RunEvent::Expanded { .. }
            | RunEvent::EvaluationCalled { .. }
            | RunEvent::GateReopened { .. }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => None,
        }
    }

    /// Returns the state after the start of an attempt.
    fn after_start(&self, step: &PlanStep, event: &RunEvent) -> Option<Self> {
        let RunEvent::StepStarted {
            step: at,
            call,
            child,
        } = event
        else {
            return None;
        };
        let (attempt, interrupted) = self.attempt();
        let can_start = self.can_start(step) || matches!(self, Self::ChildSuspended { .. });
        let is_same_child = self.child().is_none_or(|it| Some(it) == child.as_ref());
        let is_legal = step.kind.takes_slot()
            && can_start
            && at.attempt == attempt
            && child.is_some() == (step.kind == TaskKind::Workflow)
            && is_same_child;
        is_legal.then(|| Self::Running {
            attempt,
            call: *call,
            interrupted,
            child: child.clone(),
        })
    }

    /// Returns the state after the end of an attempt.
    fn after_attempt(&self, step: &PlanStep, event: &RunEvent) -> Option<Self> {
        let (attempt, _) = self.attempt();
        // An assert has no event for its start.
        let is_assert_ready = step.kind == TaskKind::Assert && self.can_start(step);
        let has_result = self.is_under_way() || is_assert_ready;
        match event {
            RunEvent::StepSucceeded { step: at, call } => {
                let is_legal = has_result && at.attempt == attempt;
                is_legal.then_some(Self::Succeeded { call: *call })
            }
            RunEvent::StepRetried {
                step: at,
                next_at_ms,
                ..
            } => {
                let is_legal = has_result && at.attempt == attempt && step.retry.is_some();
                is_legal.then_some(Self::Retrying {
                    attempt: attempt + 1,
                    at_ms: *next_at_ms,
                })
            }
            RunEvent::StepFailed {
                step: at,
                call,
                error,
                is_allowed,
            } => {
                // An expression may fail before an attempt starts: of the guard, of `forEach`, of
                // the inputs, or of the prompt of a gate.
                let is_before = *self == Self::Waiting || self.can_start(step);
                let is_legal = (has_result || is_before) && at.attempt == attempt;
                is_legal.then(|| Self::Failed {
                    code: error.code().to_owned(),
                    call: *call,
                    is_allowed: *is_allowed,
                })
            }
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Released
            | RunEvent::Reset { .. }
            | RunEvent::EditsTaken
            | RunEvent::CancelRequested { .. }
            | RunEvent::DeadlinePassed
            | RunEvent::JobGuarded { .. }
            | RunEvent::Expanded { .. }
            | RunEvent::Guarded { .. }
            | RunEvent::EvaluationCalled { .. }
            | RunEvent::StepStarted { .. }
            | RunEvent::StepSkipped { .. }
            | RunEvent::ChildSuspended { .. }
            | RunEvent::GateOpened { .. }
            | RunEvent::GateDecided { .. }
            | RunEvent::GateExpired { .. }
            | RunEvent::GateReopened { .. }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => None,
        }
    }

    fn after_child_suspended(&self) -> Option<Self> {
        let Self::Running {
            child: Some(child), ..
        } = self
        else {
            return None;
        };
        let (attempt, calls) = self.attempt();
        Some(Self::ChildSuspended {
            attempt,
            calls,
            child: child.clone(),
        })
    }

    fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// Returns the state of a gate whose deadline has passed.
fn expired(then: OnTimeout) -> InstanceState {
    match then {
        OnTimeout::Fail => InstanceState::Failed {
            code: StepError::GateExpired.code().to_owned(),
            call: None,
            is_allowed: false,
        },
        OnTimeout::Reject => InstanceState::Rejected,
        OnTimeout::Continue => InstanceState::Succeeded { call: None },
    }
}
