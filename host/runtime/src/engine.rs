//! The one engine of a process: how it compiles, allocates and interrupts.
//!
//! Settings that matter: no component-model concurrency (it costs a fifth of a call and
//! guests are synchronous), epochs as the only way to stop a tight loop, and a pool of
//! instances where the machine has the address space for one.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sedge_sys::clock;
use sedge_sys::host;
use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use crate::budget::{Admission, Budget, BudgetLimits};
use crate::cache::{Cache, CodeCache};
use crate::call::CallState;
use crate::compile::Compiler;
use crate::component_limits::ComponentLimits;
use crate::files;
use crate::http::{self, Client};
use crate::permits::Permits;
use crate::plugin::Plugin;
use crate::{bindings, environment, sockets, trap};

/// How often the engine's epoch advances, and so how late a guest notices its deadline at most.
const EPOCH_PERIOD: Duration = Duration::from_millis(10);

/// Instances that may live in this process at once: the size of the pool, and the bound
/// where there is no pool. Guests choose how many calls they start; more of them wait
/// for a while, and fail then.
pub(crate) const LIVE_INSTANCES_MAX: u32 = 1000;

/// Guests that execute at once, for each core, unless told otherwise.
const PERMITS_PER_CORE: usize = 4;

/// The most bytes of one linear memory, whatever a definition allows: the size of a slot.
pub(crate) const MEMORY_BYTES_MAX: usize = 4 << 30;

/// How much of an instance's memory stays mapped when its slot is free: about what a
/// small Rust guest touches, so that the next call takes no page faults for it.
const KEEP_RESIDENT_BYTES: usize = 2 << 20;

/// Where instances get their memory from.
///
/// Measured on two cores: the pool costs 5 ms once and saves 50 µs a call, so it pays from
/// a hundred calls on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool that is reserved at the start: instances come and go fast.
    Pool,
    /// From the operating system, one by one: nothing is reserved.
    OnDemand,
}

/// Whether a guest's memory is kept when it traps, to be written to a file.
///
/// The engine has to know before a guest starts. While they are off they cost nothing; on, a
/// trap costs a copy of all that the guest has in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoreDumps {
    /// It is not.
    Off,
    /// It is, in [`crate::CallReport::core_dump`].
    On,
}

/// The engine cannot be made on this machine.
#[derive(Debug, thiserror::Error)]
#[error("failed to start the WebAssembly engine: {reason}")]
pub struct EngineError {
    reason: String,
}

/// The engine of this process and what all plugins share.
pub struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<CallState>,
    /// `None` if what is compiled is for this process alone.
    pub(crate) cache: Option<Cache>,
    pub(crate) live: Arc<Semaphore>,
    pub(crate) permits: Permits,
    pub(crate) budget: Arc<Budget>,
    pub(crate) component_limits: ComponentLimits,
    pub(crate) compiler: Compiler,
    pub(crate) http: Arc<Client>,
    allocation: Allocation,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("allocation", &self.allocation)
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// Starts the engine. Compiled components are kept in `cache`; without one, each process
    /// compiles for itself.
    ///
    /// Whether they were compiled for an engine with `dumps` or without is all the same.
    ///
    /// A machine without address space for the pool gets instances on demand even if the
    /// pool is `wanted`; which of both it is can be asked, and is logged.
    ///
    /// # Errors
    /// The engine supports this machine in neither way.
    pub fn new(
        cache: Option<CodeCache>,
        wanted: Allocation,
        dumps: CoreDumps,
    ) -> Result<Self, EngineError> {
        let error = |error: wasmtime::Error| EngineError {
            reason: format!("{error:#}"),
        };
        let (engine, allocation) = match Engine::new(&config(wanted, dumps)) {
            Ok(engine) => (engine, wanted),
            Err(reason) => {
                tracing::info!(%reason, "no pool of instances on this machine, allocating on demand");
                let engine = Engine::new(&config(Allocation::OnDemand, dumps)).map_err(error)?;
                (engine, Allocation::OnDemand)
            }
        };
        tracing::debug!(?allocation, "engine started");
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(error)?;
        environment::look_at(&mut linker).map_err(error)?;
        files::guard(&mut linker).map_err(error)?;
        sockets::guard(&mut linker).map_err(error)?;
        http::link(&mut linker).map_err(error)?;
        bindings::Plugin::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)
            .map_err(error)?;
        let weak = engine.weak();
        clock::ticker(EPOCH_PERIOD, move || {
            weak.upgrade().inspect(Engine::increment_epoch).is_some()
        })
        .map_err(|reason| EngineError {
            reason: reason.to_string(),
        })?;
        let cache = cache.map(|cache| cache.for_engine(&engine));
        let live = Arc::new(Semaphore::new(LIVE_INSTANCES_MAX as usize));
        Ok(Self {
            engine,
            linker,
            cache,
            live,
            permits: Permits::new(host::n_cores() * PERMITS_PER_CORE),
            budget: Budget::new(BudgetLimits {
                memory_bytes: u64::MAX,
                descriptors: u32::MAX,
            }),
            component_limits: ComponentLimits::default(),
            compiler: Compiler::InProcess,
            http: Arc::default(),
            allocation,
        })
    }

    /// Has at most so many guests execute at once. One that waits does not execute.
    #[must_use]
    pub fn with_concurrency(mut self, n_guests: usize) -> Self {
        self.permits = Permits::new(n_guests);
        self
    }

    /// Has all calls together use no more than this.
    #[must_use]
    pub fn with_budget(mut self, limits: BudgetLimits) -> Self {
        self.budget = Budget::new(limits);
        self
    }

    /// Waits until a call may begin that has no caller and holds no lock, with so much memory and so
    /// many folders. No other call may wait for this: see `budget.rs`.
    pub async fn admitted(
        &self,
        plugin: &Plugin,
        memory_bytes: usize,
        n_folders: usize,
    ) -> Admission {
        let known_bytes = plugin.memory_known();
        let admitted = self.budget.admitted(memory_bytes, known_bytes, n_folders);
        admitted.await
    }

    /// Refuses plugins that are larger when they are added.
    #[must_use]
    pub fn with_component_limits(mut self, limits: ComponentLimits) -> Self {
        self.component_limits = limits;
        self
    }

    /// Has components compiled in another place than in this process.
    #[must_use]
    pub fn with_compiler(mut self, compiler: Compiler) -> Self {
        self.compiler = compiler;
        self
    }

    /// Returns where instances get their memory from.
    #[must_use]
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }
}

/// Returns an engine that only compiles: for any of this program's processes, however they
/// allocate instances.
pub(crate) fn for_compiling() -> Result<Engine, wasmtime::Error> {
    Engine::new(&config(Allocation::OnDemand, CoreDumps::Off))
}

fn config(allocation: Allocation, dumps: CoreDumps) -> Config {
    let mut config = Config::new();
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(trap::FRAMES_MAX));
    // Not by the environment's word, and not by the engine: see `lines.rs`.
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config.coredump_on_trap(dumps == CoreDumps::On);
    config.wasm_component_model_implements(false);
    if allocation == Allocation::Pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    }
    config
}

/// Room for the components of several languages: what a Python or JavaScript component
/// needs was measured, and is well inside.
fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(LIVE_INSTANCES_MAX);
    pool.total_core_instances(LIVE_INSTANCES_MAX * 8);
    pool.total_memories(LIVE_INSTANCES_MAX * 2);
    pool.total_tables(LIVE_INSTANCES_MAX * 8);
    pool.total_stacks(LIVE_INSTANCES_MAX);
    pool.max_core_instances_per_component(200);
    pool.max_component_instance_size(8 << 20);
    pool.max_core_instance_size(4 << 20);
    pool.max_tables_per_module(10);
    pool.table_elements(50_000);
    pool.max_memory_size(MEMORY_BYTES_MAX);
    pool.linear_memory_keep_resident(KEEP_RESIDENT_BYTES);
    pool.table_keep_resident(1 << 20);
    pool.pagemap_scan(Enabled::Auto);
    pool
}
