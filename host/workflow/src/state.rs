//! The state of a run, which is the fold of its events.

use std::collections::BTreeMap;

use sedge_model::call::CallError;
use sedge_model::run::{GateDecision, RunEvent, RunStatus, StepPath};

/// The state of a step. A step without events has no state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// Its call is running.
    Running {
        /// The ordinal of the call in the run.
        call: u32,
    },
    /// Its call was running in a process that is gone.
    Interrupted {
        /// The ordinal of that call in the run.
        call: u32,
    },
    /// Its call succeeded, or its gate was approved.
    Succeeded,
    /// Its call ended with this error.
    Failed(CallError),
    /// Its gate was rejected.
    Rejected,
    /// It will not run.
    Skipped,
    /// Its gate waits for a decision.
    Open,
}

impl StepState {
    fn word(&self) -> &'static str {
        match self {
            Self::Running { .. } => "running",
            Self::Interrupted { .. } => "interrupted",
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::Rejected => "rejected",
            Self::Skipped => "skipped",
            Self::Open => "open",
        }
    }
}

/// A log contains an event that is not allowed after the events before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log says that {what}, which is not possible: {why}")]
pub struct IllegalEvent {
    what: String,
    why: String,
}

/// The state of a run, according to its log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunState {
    steps: BTreeMap<StepPath, StepState>,
    n_calls: u32,
    suspended: bool,
    ended: Option<RunStatus>,
}

impl RunState {
    /// Folds a log.
    ///
    /// # Errors
    /// The first event that is not allowed after the events before it.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a RunEvent>) -> Result<Self, IllegalEvent> {
        let mut state = Self::default();
        for event in events {
            state.apply(event)?;
        }
        Ok(state)
    }

    /// Returns the state of a step; `None` if it has no events.
    #[must_use]
    pub fn step(&self, path: &StepPath) -> Option<&StepState> {
        self.steps.get(path)
    }

    /// Returns every step that has events.
    pub fn steps(&self) -> impl Iterator<Item = (&StepPath, &StepState)> {
        self.steps.iter()
    }

    /// Returns the gates that wait for a decision.
    pub fn gates_open(&self) -> impl Iterator<Item = &StepPath> {
        self.steps
            .iter()
            .filter(|(_, state)| **state == StepState::Open)
            .map(|(gate, _)| gate)
    }

    /// Returns the ordinal that the run's next call gets.
    #[must_use]
    pub fn call_next(&self) -> u32 {
        self.n_calls + 1
    }

    /// Returns whether the run is suspended until it is resumed.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// Returns the final status of the run, if it has ended.
    #[must_use]
    pub fn ended(&self) -> Option<RunStatus> {
        self.ended
    }

    /// Applies an event.
    ///
    /// # Errors
    /// The event is not allowed after the events before it. The state is then unchanged.
    pub fn apply(&mut self, event: &RunEvent) -> Result<(), IllegalEvent> {
        if let Some(status) = self.ended {
            return Err(illegal(event, format!("the run has {}", status.as_str())));
        }
        match event {
            RunEvent::Started => {}
            RunEvent::Resumed => {
                self.suspended = false;
                for state in self.steps.values_mut() {
                    if let StepState::Running { call } = *state {
                        *state = StepState::Interrupted { call };
                    }
                }
            }
            RunEvent::StepStarted { step, call } => {
                self.expect(event, step, |state| {
                    matches!(state, None | Some(StepState::Interrupted { .. }))
                })?;
                self.n_calls = self.n_calls.max(*call);
                self.steps
                    .insert(step.clone(), StepState::Running { call: *call });
            }
            RunEvent::StepSucceeded { step } => {
                self.expect(event, step, has_call)?;
                self.steps.insert(step.clone(), StepState::Succeeded);
            }
            RunEvent::StepFailed { step, error } => {
                self.expect(event, step, has_call)?;
                self.steps
                    .insert(step.clone(), StepState::Failed(error.clone()));
            }
            RunEvent::StepSkipped { step, .. } => {
                self.expect(event, step, |state| state.is_none())?;
                self.steps.insert(step.clone(), StepState::Skipped);
            }
            RunEvent::GateOpened { gate } => {
                self.expect(event, gate, |state| state.is_none())?;
                self.steps.insert(gate.clone(), StepState::Open);
            }
            RunEvent::GateDecided { gate, decision, .. } => {
                self.expect(event, gate, |state| matches!(state, Some(StepState::Open)))?;
                let state = match decision {
                    GateDecision::Approved => StepState::Succeeded,
                    GateDecision::Rejected => StepState::Rejected,
                };
                self.steps.insert(gate.clone(), state);
            }
            RunEvent::Suspended => self.suspended = true,
            RunEvent::Ended { status, .. } => self.ended = Some(*status),
        }
        Ok(())
    }

    fn expect(
        &self,
        event: &RunEvent,
        step: &StepPath,
        legal: impl FnOnce(Option<&StepState>) -> bool,
    ) -> Result<(), IllegalEvent> {
        let state = self.steps.get(step);
        if legal(state) {
            return Ok(());
        }
        let word = state.map_or("not started", StepState::word);
        Err(illegal(event, format!("`{step}` is {word}")))
    }
}

/// A call can end while its step is running. The record may also show later that it had ended
/// before its process crashed.
fn has_call(state: Option<&StepState>) -> bool {
    matches!(
        state,
        Some(StepState::Running { .. } | StepState::Interrupted { .. })
    )
}

fn illegal(event: &RunEvent, why: String) -> IllegalEvent {
    let what = match event {
        RunEvent::Started => "the run started".to_owned(),
        RunEvent::Resumed => "the run was resumed".to_owned(),
        RunEvent::StepStarted { step, .. } => format!("`{step}` started"),
        RunEvent::StepSucceeded { step } => format!("`{step}` succeeded"),
        RunEvent::StepFailed { step, .. } => format!("`{step}` failed"),
        RunEvent::StepSkipped { step, .. } => format!("`{step}` was skipped"),
        RunEvent::GateOpened { gate } => format!("the gate `{gate}` opened"),
        RunEvent::GateDecided { gate, decision, .. } => {
            format!("the gate `{gate}` was {}", decision.as_str())
        }
        RunEvent::Suspended => "the run was suspended".to_owned(),
        RunEvent::Ended { status, .. } => format!("the run {}", status.as_str()),
    };
    IllegalEvent { what, why }
}
