//! What a script reaches while it is evaluated for a snapshot: nothing that differs from one build to
//! the next.
//!
//! The clock stands still, random numbers are those of a fixed sequence, and the environment is empty.
//! Every other import traps, so the snapshot depends on the script and on the engine alone.

use wasmtime::component::{Component, Linker, LinkerInstance, Val};
use wasmtime::{Engine, StoreContextMut};

use super::snapshot::BuildState;

/// The time of the wall clock during a build, in seconds since 1970: 2026-01-01.
const BUILD_TIME_SECONDS: u64 = 1_767_225_600;

/// The maximum number of random bytes in one request. The script chooses it.
const RANDOM_BYTES_MAX: u64 = 1 << 20;

/// Returns a linker for the engine of a script.
pub(super) fn sealed_linker(
    engine: &Engine,
    component: &Component,
) -> wasmtime::Result<Linker<BuildState>> {
    let mut linker = Linker::new(engine);
    let component_type = component.component_type();
    let names: Vec<String> = (component_type.imports(engine))
        .map(|(name, _)| name.to_owned())
        .collect();
    for name in names {
        let interface = name.split_once('@').map_or(name.as_str(), |(it, _)| it);
        let interface = interface.to_owned();
        let mut instance = linker.instance(&name)?;
        fixed_define(&interface, &mut instance)?;
    }
    linker.define_unknown_imports_as_traps(component)?;
    Ok(linker)
}

/// Defines the functions of an interface that a script may reach.
fn fixed_define(
    interface: &str,
    instance: &mut LinkerInstance<'_, BuildState>,
) -> wasmtime::Result<()> {
    match interface {
        "wasi:clocks/wall-clock" => {
            always(instance, "now", &datetime(BUILD_TIME_SECONDS, 0))?;
            always(instance, "resolution", &datetime(0, 1_000_000))
        }
        "wasi:clocks/monotonic-clock" => {
            always(instance, "now", &Val::U64(0))?;
            always(instance, "resolution", &Val::U64(1_000_000))
        }
        "wasi:cli/environment" => {
            always(instance, "get-environment", &Val::List(Vec::new()))?;
            always(instance, "get-arguments", &Val::List(Vec::new()))?;
            always(instance, "initial-cwd", &Val::Option(None))
        }
        "wasi:filesystem/preopens" => always(instance, "get-directories", &Val::List(Vec::new())),
        "wasi:random/random" => {
            random_bytes(instance, "get-random-bytes")?;
            random_number(instance, "get-random-u64")
        }
        "wasi:random/insecure" => {
            random_bytes(instance, "get-insecure-random-bytes")?;
            random_number(instance, "get-insecure-random-u64")
        }
        "wasi:random/insecure-seed" => {
            let seed = Val::Tuple(vec![Val::U64(1), Val::U64(2)]);
            always(instance, "insecure-seed", &seed)?;
            always(instance, "get-insecure-seed", &seed)
        }
        _ => Ok(()),
    }
}

/// Defines a function that always returns the same value.
fn always(
    instance: &mut LinkerInstance<'_, BuildState>,
    name: &str,
    value: &Val,
) -> wasmtime::Result<()> {
    let value = value.clone();
    instance.func_new(name, move |_, _, _, results| {
        if let Some(result) = results.first_mut() {
            *result = value.clone();
        }
        Ok(())
    })
}

fn datetime(seconds: u64, nanoseconds: u32) -> Val {
    Val::Record(vec![
        ("seconds".to_owned(), Val::U64(seconds)),
        ("nanoseconds".to_owned(), Val::U32(nanoseconds)),
    ])
}

fn random_bytes(instance: &mut LinkerInstance<'_, BuildState>, name: &str) -> wasmtime::Result<()> {
    instance.func_wrap(
        name,
        |mut store: StoreContextMut<'_, BuildState>, (length,): (u64,)| {
            if length > RANDOM_BYTES_MAX {
                wasmtime::bail!("more than {RANDOM_BYTES_MAX} random bytes were requested at once");
            }
            let state = store.data_mut();
            let bytes: Vec<u8> = (0..length)
                .map(|_| state.random_next().to_le_bytes()[7])
                .collect();
            Ok((bytes,))
        },
    )
}

fn random_number(
    instance: &mut LinkerInstance<'_, BuildState>,
    name: &str,
) -> wasmtime::Result<()> {
    instance.func_wrap(
        name,
        |mut store: StoreContextMut<'_, BuildState>, (): ()| Ok((store.data_mut().random_next(),)),
    )
}
