//! Compiles a component for the parent process, within limits.

use std::convert::Infallible;
use std::io;

/// Compiles the component on stdin with at most `memory_bytes` of memory, writes the result to
/// stdout, and ends the process.
///
/// # Errors
/// Returns an error if the process was not started as the compiler of another process.
pub fn compile_component(memory_bytes: u64) -> io::Result<Infallible> {
    sedge_runtime::compile_serve(memory_bytes)
}
