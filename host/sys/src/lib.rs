//! The only door to files, clock, randomness, environment, network and processes.
//!
//! Everything else in Sedge is told what it needs to know, so that a reader of any
//! other crate knows: nothing in here touches the machine unless it says `sys`. The
//! lints of the workspace hold this (`clippy.toml`).
#![expect(
    clippy::disallowed_methods,
    reason = "this crate is the door that the ban leads everybody to"
)]

pub mod bell;
pub mod clock;
pub mod command;
pub mod disk;
pub mod fault;
pub mod file_lock;
pub mod folder;
pub mod granted;
pub mod host;
pub mod identity;
pub mod input;
pub mod interrupt;
pub mod leftovers;
pub mod net;
pub mod output_file;
pub mod own_folder;
pub mod owner;
pub mod random;
pub mod resources;
pub mod sealed_file;
pub mod shared_file;
pub mod terminal;
pub mod thread;
pub mod worker;
