//! The only door to files, clock, randomness, environment, network and processes.
//!
//! All other crates get times, files and variables as values or handles from this one. A reader of
//! another crate therefore knows that its code touches the machine only where it calls `sedge_sys`.
//! Lints of the workspace enforce this (`clippy.toml`). Libraries such as SQLite and wasmtime do
//! I/O of their own; `ARCHITECTURE.md` says which.
#![expect(
    clippy::disallowed_methods,
    reason = "the ban points to this crate, which is the only one that may call these methods"
)]

pub mod bell;
pub mod clock;
pub mod command;
pub mod disk;
pub mod editor;
pub mod fault;
pub mod file_lock;
pub mod folder;
pub mod granted;
pub mod host;
pub mod identity;
pub mod input;
pub mod interrupt;
pub mod leased_file;
pub mod leftovers;
pub mod net;
pub mod output_file;
pub mod own_folder;
pub mod owner;
mod platform;
pub mod random;
pub mod refused;
pub mod resources;
pub mod sealed_file;
pub mod shared_file;
pub mod shell;
pub mod source_tree;
pub mod terminal;
pub mod thread;
pub mod tool;
mod users;
pub mod worker;
