//! `sedge` is killed (`kill -9`) at a random point, or after each event of a run's log. Afterwards
//! nothing is incomplete, no lock is held, and a workflow can be resumed.
//!
//! Each round of the random kills starts a real process, kills it, and checks the repository. The point of the kill
//! comes from a seed that is printed. The default is 40 rounds:
//!
//! ```text
//! SEDGE_CRASH_ROUNDS=2000 SEDGE_CRASH_SEED=7 cargo test --release --workspace -- crash
//! ```
//!
//! With `SEDGE_CRASH_STEPS=15`, the kills after each event are those of a workflow with 15 steps
//! instead of a small one; and the runs with a failure in each step, and those that two processes
//! resume at once, are killed after each event instead of some of them. `tests/long` runs all long forms.

#![cfg(test)]

mod every_event;
mod fixture;
mod killed;
mod methods;
mod workflows;
