//! Functions that take any bytes and hold that nothing panics and that what was promised
//! holds: one for each door through which text from strangers comes, or leaves.
//!
//! The tests run each on the files in `corpus/` and on mutations of them, for a few seconds
//! unless told otherwise:
//!
//! ```text
//! SEDGE_FUZZ_SECONDS=600 cargo test --release --workspace -- fuzz
//! ```
//!
//! `tests/host` is another kind: programs of a guest, which call the host's functions in any order
//! and with any arguments. They are text in `corpus/host/`, and drawn from that.
//!
//! What is tried follows from a number, which is shown; `SEDGE_FUZZ_SEED` sets it. The script
//! `run` has the same functions guided by what code they reach. An input that breaks one
//! belongs into `corpus/`, under a name that says what it broke.

mod query;
mod redactor;
mod stored_json;

pub use query::query;
pub use redactor::redactor;
pub use stored_json::stored_json;

#[cfg(test)]
mod tests;
