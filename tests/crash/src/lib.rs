//! `sedge` is killed (`kill -9`) at a random point. Afterwards nothing is incomplete, no lock is
//! held, and a workflow can be resumed.
//!
//! Each round starts a real process, kills it, and checks the repository. The point of the kill
//! comes from a seed that is printed. The default is 40 rounds:
//!
//! ```text
//! SEDGE_CRASH_ROUNDS=2000 SEDGE_CRASH_SEED=7 cargo test --release --workspace -- crash
//! ```

#![cfg(test)]

mod fixture;
mod methods;
mod workflows;
