//! The one place with unsafe code: mapping machine code into this process.

use std::path::Path;

use wasmtime::Engine;
use wasmtime::component::Component;

/// Maps a compiled component into memory.
///
/// The caller has checked that the file holds what this program once wrote there.
///
/// # Errors
/// The file is of another version of the engine, or for other settings.
#[expect(
    unsafe_code,
    reason = "there is no other way to run code that was compiled before"
)]
pub(super) fn component(engine: &Engine, path: &Path) -> Result<Component, wasmtime::Error> {
    // SAFETY: the file must be an unmodified output of `Engine::precompile_component`. Its
    // digest was compared just now with that of the output, and the folder is the
    // operator's own: who can write there can replace this program's repository as well.
    // The engine itself refuses files of other versions, targets and settings.
    unsafe { Component::deserialize_file(engine, path) }
}
