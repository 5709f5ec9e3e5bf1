//! Loads machine code into this process. This is the only unsafe code of the crate.

use std::io::{Read, Seek};

use sedge_sys::leased_file::LeasedFile;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::code::FinalCode;

/// A component whose machine code is in memory.
pub(crate) struct LoadedCode {
    /// The component.
    pub(crate) component: Component,
    /// The file that it is mapped from, if that is not a copy. It must live as long as the
    /// component.
    pub(crate) mapped_from: Option<LeasedFile>,
}

/// Maps a compiled component into memory.
///
/// # Errors
/// Another version of the engine compiled it, or the settings differ.
#[expect(
    unsafe_code,
    reason = "there is no other way to run code that was compiled before"
)]
pub(super) fn component(engine: &Engine, code: FinalCode) -> Result<LoadedCode, wasmtime::Error> {
    let path = match &code {
        FinalCode::Leased(leased) => leased.path(),
        FinalCode::Sealed(sealed) => sealed.path(),
    };
    // SAFETY: the file must be an unmodified output of `Engine::precompile_component`, and must
    // not change while it is mapped. Its MAC is authentic, and only this user's processes know the
    // key. It cannot change: it is sealed, or it is under a lease that was taken before its MAC was
    // compared and that the caller keeps as long as the component. The path leads to the open file
    // whatever happens to its name. The engine itself refuses files of other versions, targets and
    // settings.
    let mapped = unsafe { Component::deserialize_file(engine, path) };
    match (mapped, code) {
        (Ok(component), FinalCode::Leased(leased)) => Ok(LoadedCode {
            component,
            mapped_from: Some(leased),
        }),
        (Ok(component), FinalCode::Sealed(_)) => Ok(LoadedCode {
            component,
            mapped_from: None,
        }),
        // Without `/proc` on Linux an open file has no path, and code cannot be executed from a
        // file system that is mounted with `noexec`. The code is copied in both cases.
        (Err(_), FinalCode::Sealed(mut sealed)) => of_copy(engine, &sealed.read()?),
        (Err(_), FinalCode::Leased(leased)) => {
            let (mut file, mut content) = (leased.file(), Vec::new());
            file.rewind()?;
            file.read_to_end(&mut content)?;
            of_copy(engine, &content)
        }
    }
}

fn of_copy(engine: &Engine, code: &[u8]) -> Result<LoadedCode, wasmtime::Error> {
    Ok(LoadedCode {
        component: component_of_code(engine, code)?,
        mapped_from: None,
    })
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
    // either authentic and final (see above), or the output of this process or of its own
    // child, which arrived on a pipe that no other process holds.
    unsafe { Component::deserialize(engine, code) }
}
