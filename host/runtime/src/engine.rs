//! The wasmtime engine of a process, and how it compiles, allocates and interrupts guests.
//!
//! Component-model concurrency is off, because it would make each call a fifth slower, and guests
//! are synchronous. Epochs are the only way to stop a tight loop. Instances come from a pool if the
//! machine has the address space for it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sedge_model::limits::ComponentLimits;
use sedge_sys::clock::{self, Clock};
use sedge_sys::host;
use sedge_sys::net::Resolver;
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use crate::budget::{Admission, BudgetLimits, ProcessBudget};
use crate::cache::{Cache, CodeCache};
use crate::call::CallState;
use crate::compile::ComponentCompiler;
use crate::files;
use crate::http::{self, Client};
use crate::permits::Permits;
use crate::plugin::Plugin;
use crate::{environment, sockets, trap};

/// How often the engine's epoch advances. A guest notices its deadline at most this much later.
const EPOCH_PERIOD: Duration = Duration::from_millis(10);

/// The maximum number of live instances in this process: the size of the pool, and the limit
/// without a pool. Guests choose how many calls they start; a call beyond the limit waits for a
/// while and then fails.
pub(crate) const LIVE_INSTANCES_MAX: u32 = 1000;

/// The default number of guests that execute at once, per core.
const PERMITS_PER_CORE: usize = 4;

/// The maximum size of one linear memory in bytes, whatever a definition allows: the size of a
/// slot of the pool.
pub(crate) const MEMORY_BYTES_MAX: usize = 4 << 30;

/// How much of an instance's memory stays mapped when its slot becomes free, in bytes. A small
/// Rust guest touches about this much, so the next call takes no page faults for it.
const KEEP_RESIDENT_BYTES: usize = 2 << 20;

/// What a process will execute, which decides what its engine reserves at the start.
///
/// Measured on two cores: a pool of instances costs 5 ms once and saves 50 µs per call, so it pays
/// off after a hundred calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Workload {
    /// One call and those that it makes: nothing is reserved.
    #[default]
    OneCall,
    /// Many calls, as in a large workflow or a server: a pool of instances is reserved.
    ManyCalls,
}

/// Where instances get their memory from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool that is reserved when the engine starts. Creating an instance is fast.
    Pool,
    /// From the operating system, one instance at a time. Nothing is reserved.
    OnDemand,
}

/// Whether the engine makes a core dump of a guest that traps.
///
/// The engine has to know before a guest starts. Dumps cost nothing until a guest traps; then the
/// engine copies all of its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoreDumps {
    /// No core dumps.
    Off,
    /// A core dump for each trap, in [`crate::CallReport::core_dump`].
    On,
}

/// The engine cannot be started on this machine.
#[derive(Debug, thiserror::Error)]
#[error("failed to start the WebAssembly engine: {reason}")]
pub struct EngineError {
    reason: String,
}

/// The engine of this process and the state that all plugins share.
pub struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<CallState>,
    /// `None` if this process compiles for itself and stores no code.
    pub(crate) cache: Option<Cache>,
    pub(crate) live: Arc<Semaphore>,
    pub(crate) permits: Permits,
    pub(crate) budget: Arc<ProcessBudget>,
    pub(crate) component_limits: ComponentLimits,
    pub(crate) compiler: ComponentCompiler,
    pub(crate) http: Arc<Client>,
    pub(crate) resolver: Resolver,
    /// The clock that decides when the deadline of a call has passed.
    pub(crate) clock: Clock,
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
    /// Starts the engine. It stores compiled components in `cache`; without a cache, each process
    /// compiles for itself.
    ///
    /// Code in the cache can be used with `dumps` and without, and for every `workload`.
    ///
    /// If the machine lacks the address space for a pool, instances are allocated on demand
    /// whatever the `workload`. [`Runtime::allocation`] returns which way is used, and the log
    /// says so.
    ///
    /// # Errors
    /// The engine supports neither way of allocation on this machine.
    pub fn new(
        cache: Option<CodeCache>,
        workload: Workload,
        dumps: CoreDumps,
    ) -> Result<Self, EngineError> {
        let wanted = match workload {
            Workload::OneCall => Allocation::OnDemand,
            Workload::ManyCalls => Allocation::Pool,
        };
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
        environment::mark_uses(&mut linker).map_err(error)?;
        files::guard(&mut linker).map_err(error)?;
        sockets::guard(&mut linker).map_err(error)?;
        http::link(&mut linker).map_err(error)?;
        crate::host::link(&mut linker).map_err(error)?;
        let weak = engine.weak();
        clock::ticker(EPOCH_PERIOD, move || {
            weak.upgrade().inspect(Engine::increment_epoch).is_some()
        })
        .map_err(|reason| EngineError {
            reason: reason.to_string(),
        })?;
        let cache = cache.map(|cache| cache.for_engine(&engine, workload));
        let live = Arc::new(Semaphore::new(LIVE_INSTANCES_MAX as usize));
        Ok(Self {
            engine,
            linker,
            cache,
            live,
            permits: Permits::new(host::n_cores() * PERMITS_PER_CORE),
            budget: ProcessBudget::new(BudgetLimits {
                memory_bytes: u64::MAX,
                descriptors: u32::MAX,
            }),
            component_limits: ComponentLimits::default(),
            compiler: ComponentCompiler::InProcess,
            http: Arc::default(),
            resolver: Resolver::default(),
            clock: Clock::machine(),
            allocation,
        })
    }

    /// Limits how many guests execute at once. A guest that waits does not count.
    #[must_use]
    pub fn with_concurrency(mut self, n_guests: usize) -> Self {
        self.permits = Permits::new(n_guests);
        self
    }

    /// Limits what all calls use together.
    #[must_use]
    pub fn with_budget(mut self, limits: BudgetLimits) -> Self {
        self.budget = ProcessBudget::new(limits);
        self
    }

    /// Waits until the budget has room for a call with so much memory and so many folders. The
    /// call must have no caller and hold no lock; `budget.rs` says why.
    pub async fn admitted(
        &self,
        plugin: &Plugin,
        memory_bytes: usize,
        n_folders: usize,
    ) -> Admission {
        let known_bytes = plugin.memory_known();
        let admitted = self.budget.admit(memory_bytes, known_bytes, n_folders);
        admitted.await
    }

    /// Sets the limits on components. A component beyond them is refused when it is added.
    #[must_use]
    pub fn with_component_limits(mut self, limits: ComponentLimits) -> Self {
        self.component_limits = limits;
        self
    }

    /// Sets where components are compiled.
    #[must_use]
    pub fn with_compiler(mut self, compiler: ComponentCompiler) -> Self {
        self.compiler = compiler;
        self
    }

    /// Sets what resolves names. Engines that share a resolver share its limit.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Resolver) -> Self {
        self.resolver = resolver;
        self
    }

    /// Sets the clock that decides when the deadline of a call has passed.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Returns where instances get their memory from.
    #[must_use]
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }
}

/// Returns an engine that only compiles. Its code runs in any process of this program, whether it
/// uses a pool or not.
pub(crate) fn for_compiling() -> Result<Engine, wasmtime::Error> {
    Engine::new(&config(Allocation::OnDemand, CoreDumps::Off))
}

fn config(allocation: Allocation, dumps: CoreDumps) -> Config {
    let mut config = Config::new();
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(trap::FRAMES_MAX));
    // The environment must not change what a backtrace shows, and `lines.rs` resolves its lines,
    // not the engine.
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config.coredump_on_trap(dumps == CoreDumps::On);
    config.wasm_component_model_implements(false);
    if allocation == Allocation::Pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    }
    config
}

/// Returns a pool that suits components in all supported languages. It has ample room for what
/// Python and JavaScript components were measured to need.
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
