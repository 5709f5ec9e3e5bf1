//! Compiles a component for the process that started this one, within limits.

use std::convert::Infallible;
use std::io;

/// Compiles the component that comes on stdin, with at most so much memory, writes the result to
/// stdout and ends the process.
///
/// # Errors
/// The process was not started as the compiler of another one.
pub fn compile_component(memory_bytes: u64) -> io::Result<Infallible> {
    sedge_runtime::compile_serve(memory_bytes)
}
