//! The start of the engine: for a repository, and for a component that belongs to none.

use std::num::NonZeroU32;

use sedge_lang::repository::Config;
use sedge_runtime::{CodeCache, CoreDumps, Runtime, Workload};

use super::{Settings, cache_unusable, process_limits};
use crate::error::AppError;

/// Starts an engine with the settings of the user and those of `sedge.yaml`.
pub(crate) fn engine_start(
    settings: &Settings,
    config: &Config,
    workload: Workload,
) -> Result<Runtime, AppError> {
    let dumps = match settings.core_dumps {
        true => CoreDumps::On,
        false => CoreDumps::Off,
    };
    let cache = CodeCache::open(&settings.compiled_code);
    let cache = cache.map_err(|fault| settings.notices.event(cache_unusable(&fault)));
    // ignored: the fault was reported as an event, and the process compiles for itself.
    let runtime = Runtime::new(cache.ok(), workload, dumps)?;
    let runtime = runtime.with_component_limits(config.component_limits.values());
    let runtime = runtime.with_budget(process_limits::budget(&config.process_limits));
    let runtime = runtime.with_compiler(settings.compiler.clone());
    let runtime = runtime.with_resolver(settings.resolver.clone());
    let runtime = runtime.with_clock(settings.clock.clone());
    let concurrency = settings.concurrency.or(config.concurrency);
    Ok(match concurrency.map(NonZeroU32::get) {
        Some(n) => runtime.with_concurrency(n as usize),
        None => runtime,
    })
}
