//! Decides what a run of a workflow does next.
//!
//! This crate consists of pure functions of a definition and a log of events. [`Plan`] is the
//! static graph of a workflow. [`RunState`] is the fold of a log, and [`RunState::next`] returns
//! what follows from it. Running and resuming a workflow are the same operation, with an empty or a
//! non-empty log. This crate executes nothing itself.
//!
//! The cost of a run is nearly linear in its steps, dependencies and expansions: an event changes
//! only the places of the instances that it concerns, and [`RunState::next`] takes the first of
//! ordered sets.

mod conditions;
mod edits;
mod event_text;
mod facts;
mod instance;
mod next;
mod plan;
mod queue;
mod reopen;
mod reset;
mod retry;
mod state;
mod track;

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;

pub use conditions::StepEnd;
pub use edits::edits_reset;
pub use event_text::IllegalEvent;
pub use facts::JobGuardEnd;
pub use instance::InstanceState;
pub use next::{Next, RunPause, Todo};
pub use plan::{Plan, PlanStep, StepOrder, TaskKind};
pub use reset::steps_to_reset;
pub use retry::RetryPlan;
pub use state::RunState;
