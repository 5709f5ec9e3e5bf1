//! Shared by tests and benchmarks: a sealed environment in which the real `sedge` runs, its output,
//! and how to wait for it.
//!
//! The program runs as a user runs it, from a folder, with arguments. It is isolated from this
//! machine: it gets no environment, no home and no terminal. Values that differ each time are
//! redacted, so that a snapshot can contain everything else literally.
#![expect(
    clippy::disallowed_methods,
    reason = "it runs the program from outside, as the user's machine does"
)]

mod authority;
mod binary;
mod child;
mod contract;
mod dice;
mod env;
mod output;
mod processes;
mod redact;
mod server;
mod typescript;
mod wait;

pub use authority::Authority;
pub use binary::sedge;
pub use child::Child;
pub use dice::{Dice, seed};
pub use env::{CompiledCode, State, TestEnv, compiled_code, number_from_env};
pub use output::CommandOutput;
pub use processes::{Process, processes};
pub use server::{GZIP, Reply, Server};
pub use typescript::{KeptComponent, TypeScriptComponent, TypeScriptProject, node_modules};
pub use wait::{wait_for, wait_until};
