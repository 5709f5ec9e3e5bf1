//! What is left when `sedge` is killed (`kill -9`) at any point: nothing half done, no lock
//! held, and a workflow that can be resumed as if nothing had happened.
//!
//! Each round lets a real process get some way, kills it, and looks. Where it is killed is
//! drawn from a seed that is printed. 40 rounds are run unless told otherwise:
//!
//! ```text
//! SEDGE_CRASH_ROUNDS=2000 SEDGE_CRASH_SEED=7 cargo test --release --workspace -- crash
//! ```

#![cfg(test)]

mod fixture;
mod methods;
mod workflows;
