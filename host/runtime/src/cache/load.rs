//! Loads machine code into this process. This is the only unsafe code of the crate.

use sedge_sys::sealed_file::SealedFile;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Maps a compiled component into memory.
///
/// The caller has checked that this program compiled it.
///
/// # Errors
/// Another version of the engine compiled it, or the settings differ.
#[expect(
    unsafe_code,
    reason = "there is no other way to run code that was compiled before"
)]
pub(super) fn component(
    engine: &Engine,
    mut code: SealedFile,
) -> Result<Component, wasmtime::Error> {
    // SAFETY: the file must be an unmodified output of `Engine::precompile_component`, and must
    // not change while it is mapped. The cache compared its MAC while it copied the file into a
    // `SealedFile`, which nothing can change; only this user's processes know the key. The engine
    // itself refuses files of other versions, targets and settings.
    let mapped = unsafe { Component::deserialize_file(engine, code.path()) };
    match mapped {
        Ok(component) => Ok(component),
        // Without `/proc` on Linux the sealed file has no path, so the code is copied once more.
        Err(_) => component_of_code(engine, &code.read()?),
    }
}

/// Copies a compiled component into memory.
///
/// The caller has got the code from the cache or from the compiler of this program.
///
/// # Errors
/// Another version of the engine compiled it, or the settings differ.
#[expect(
    unsafe_code,
    reason = "there is no other way to run code that was compiled before"
)]
pub(crate) fn component_of_code(
    engine: &Engine,
    code: &[u8],
) -> Result<Component, wasmtime::Error> {
    // SAFETY: the bytes must be an unmodified output of `Engine::precompile_component`. They are
    // either the content of a sealed file (see above), or the output of this process or of its own
    // child, which arrived on a pipe that no other process holds.
    unsafe { Component::deserialize(engine, code) }
}
