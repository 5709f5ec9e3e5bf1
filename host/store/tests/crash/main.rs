//! What is left of a datastore when its disk fails, when the power is cut, and when its
//! process is killed: each at any point of each operation.
//!
//! Operations are in the table in `operations.rs`, what must hold afterwards is said by
//! [`state::whole`]. Where is cut is drawn from a seed that is printed. More than the usual
//! number of rounds, and the rounds of another time again:
//!
//! ```text
//! SEDGE_CRASH_CALLS=2000 SEDGE_CRASH_IMAGES=100 SEDGE_CRASH_KILLS=20000 \
//!     SEDGE_CRASH_SEED=7 cargo test --release -p sedge-store --test crash -- --nocapture
//! ```

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "files, processes and the environment are what is tested"
)]

mod child;
mod crash;
mod dice;
mod disk;
mod disk_rules;
mod failed_then_cut;
mod failing;
#[expect(dead_code, reason = "another test uses the rest")]
#[path = "../fixture/mod.rs"]
mod fixture;
mod images;
mod killed;
mod operations;
mod process;
mod recorder;
mod rig;
mod state;
mod vfs;
