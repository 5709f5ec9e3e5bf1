//! Fuzz targets: functions that take any bytes and check that no code panics and that invariants
//! hold. There is one for each place where untrusted text enters or leaves.
//!
//! The tests run each target on the files in `corpus/` and on mutations of them, for a few seconds
//! by default:
//!
//! ```text
//! SEDGE_FUZZ_SECONDS=600 cargo test --release --workspace -- fuzz
//! ```
//!
//! `tests/host` is different: its inputs are programs of a guest, which call the host's functions
//! in any order with any arguments. The programs in `corpus/host/` are text, and others are
//! derived from them.
//!
//! The inputs follow from a seed, which is printed; `SEDGE_FUZZ_SEED` sets it. The script `run`
//! runs the same functions with coverage feedback. Add an input that breaks a target to `corpus/`,
//! under a name that says what it broke.

mod definition;
mod expression;
mod inputs;
mod query;
mod redactor;
mod stored_json;
mod template;
mod workflow;
mod yaml;

pub use definition::definition;
pub use expression::expression;
pub use inputs::inputs;
pub use query::query;
pub use redactor::redactor;
pub use stored_json::stored_json;
pub use template::template;
pub use workflow::workflow;
pub use yaml::yaml;

#[cfg(test)]
mod tests;
