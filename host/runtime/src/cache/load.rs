//! The one place of this crate with unsafe code: making machine code part of this process.

use sedge_sys::sealed_file::SealedFile;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Maps a compiled component into memory.
///
/// The caller has checked that this program made it.
///
/// # Errors
/// It is of another version of the engine, or for other settings.
#[expect(
    unsafe_code,
    reason = "there is no other way to run code that was compiled before"
)]
pub(super) fn component(
    engine: &Engine,
    mut code: SealedFile,
) -> Result<Component, wasmtime::Error> {
    // SAFETY: the file must be an unmodified output of `Engine::precompile_component`, and
    // must not change. Its MAC, by a key that only this user's processes know, was compared
    // while it was copied into sealed memory, where nothing can change it. The engine itself
    // refuses files of other versions, targets and settings.
    let mapped = unsafe { Component::deserialize_file(engine, code.path()) };
    match mapped {
        Ok(component) => Ok(component),
        // Without `/proc` there is no path to it, and it is copied once more.
        Err(_) => component_of_code(engine, &code.read()?),
    }
}

/// Copies a compiled component into memory.
///
/// The caller knows that this program made it: it came out of the cache, or of its compiler.
///
/// # Errors
/// It is of another version of the engine, or for other settings.
#[expect(
    unsafe_code,
    reason = "there is no other way to run code that was compiled before"
)]
pub(crate) fn component_of_code(
    engine: &Engine,
    code: &[u8],
) -> Result<Component, wasmtime::Error> {
    // SAFETY: the bytes must be an unmodified output of `Engine::precompile_component`. They
    // are the content of a sealed file, see above, or what this process or its own child has
    // just compiled: that came over a pipe that no other process holds.
    unsafe { Component::deserialize(engine, code) }
}
