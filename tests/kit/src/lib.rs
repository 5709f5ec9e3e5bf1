//! What tests and benches share: a sealed place to run the real `sedge` in, what it said
//! there, and how to wait for it.
//!
//! The program is run as a person runs it, from a folder, with arguments. Nothing of this
//! machine reaches it: no environment, no home, no terminal. What differs from one time to
//! the next is redacted, so that a snapshot shows the rest to the letter.
#![expect(
    clippy::disallowed_methods,
    reason = "it stands outside of the program, and does what a person's machine does"
)]

mod authority;
mod binary;
mod child;
mod dice;
mod env;
mod output;
mod processes;
mod redact;
mod server;
mod wait;

pub use authority::Authority;
pub use binary::sedge;
pub use child::Child;
pub use dice::{Dice, seed};
pub use env::{CompiledCode, State, TestEnv, compiled_code, told};
pub use output::CommandOutput;
pub use processes::{Process, processes};
pub use server::{GZIP, Server};
pub use wait::{wait_for, wait_until};
