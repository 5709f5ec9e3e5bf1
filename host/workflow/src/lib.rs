//! Decides what a workflow's run does next.
//!
//! Pure functions of a definition and a log of events: [`RunState`] is the fold of the
//! log, [`next`] says what follows from it. Running a workflow and resuming it are the
//! same thing, with a log that is empty or not. This crate runs nothing itself.

mod next;
mod state;

pub use next::{Next, next};
pub use state::{IllegalEvent, RunState, StepState};
