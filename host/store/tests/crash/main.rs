//! The state of a datastore after a disk failure, a power loss, or a kill of its process, at every
//! point of every operation.
//!
//! `operations.rs` has the table of operations, and [`state::find_state`] checks what must hold
//! afterwards. Random choices come from a seed that is printed. To run more rounds than usual, or
//! to repeat the rounds of a seed:
//!
//! ```text
//! SEDGE_CRASH_CALLS=2000 SEDGE_CRASH_IMAGES=100 SEDGE_CRASH_KILLS=20000 \
//!     SEDGE_CRASH_SEED=7 cargo test --release -p sedge-store --test crash -- --nocapture
//! ```

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests use files, processes and the environment"
)]

mod child;
mod dice;
mod disk;
mod disk_rules;
mod failed_then_power_loss;
mod failing;
#[expect(dead_code, reason = "another test uses the rest")]
#[path = "../fixture/mod.rs"]
mod fixture;
mod images;
mod killed;
mod operations;
mod power_loss;
mod process;
mod recorder;
mod rig;
mod setups;
mod state;
mod vfs;
