//! Decides what a run of a workflow does next.
//!
//! This crate consists of pure functions of a definition and a log of events: [`RunState`] is the
//! fold of the log, and [`next`] returns what follows from it. Running and resuming a workflow are
//! the same operation, with an empty or a non-empty log. This crate executes nothing itself.

mod next;
mod state;

pub use next::{Next, RunAction, RunPause, StepCall, next};
pub use state::{IllegalEvent, RunState, StepState};
