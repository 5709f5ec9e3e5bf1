//! A call without the host around it: wasmtime with stubs for the contract's imports, and the
//! engine settings of `host/runtime/src/engine.rs`.

use std::time::Instant;

use wasmtime::component::{Component, HasSelf, Linker, Resource};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};

use crate::Result;
use crate::bindings::exports::sedge::model::model::Invocation;
use crate::bindings::sedge::model::{context, data, types};
use crate::bindings::{Plugin, PluginPre};
use crate::disk::Disk;
use crate::figures::Figures;
use crate::stubs;
use crate::subjects::{BARE_FLOOR, BARE_INSTANTIATE, BARE_INVOKE, BARE_INVOKE_ON_DEMAND};

/// The component `sink` in its own engine.
pub(crate) struct Bare {
    engine: Engine,
    plugin: PluginPre<Stubs>,
}

/// The state of the stubs.
struct Stubs {
    wasi: WasiCtx,
    table: ResourceTable,
}

/// The component in an engine with a pool, and in one without.
pub(crate) struct Both {
    pool: Bare,
    on_demand: Bare,
}

impl Bare {
    /// Compiles the component for both allocation strategies.
    pub(crate) fn both() -> Result<Both> {
        Ok(Both {
            pool: Self::new(Some(pool()), true)?,
            on_demand: Self::new(None, true)?,
        })
    }

    /// Compiles the component without epoch interruption, which is unsafe for untrusted code.
    pub(crate) fn without_epochs() -> Result<Self> {
        Self::new(Some(pool()), false)
    }

    fn new(pool: Option<PoolingAllocationConfig>, epochs: bool) -> Result<Self> {
        let mut config = Config::new();
        config.concurrency_support(false);
        config.epoch_interruption(epochs);
        config.wasm_component_model_implements(false);
        if let Some(pool) = pool {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        let engine = Engine::new(&config)?;
        let component = Component::from_file(&engine, sedge_test_artifacts::SINK)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        stubs::define(&engine, &component, &mut linker)?;
        context::add_to_linker::<_, HasSelf<Stubs>>(&mut linker, |stubs| stubs)?;
        // This function is all that the method uses of the interface.
        linker.instance("sedge:model/data@0.4.0")?.func_wrap_async(
            "write-resource",
            |_, _: (String, String, String, data::ResourceOptions)| {
                Box::new(async { Ok((Ok::<(), data::DataError>(()),)) })
            },
        )?;
        let plugin = PluginPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self { engine, plugin })
    }

    async fn instantiate(&self) -> Result<(Store<Stubs>, Plugin)> {
        let stubs = Stubs {
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, stubs);
        // Nothing advances the epoch here.
        store.set_epoch_deadline(1);
        let plugin = self.plugin.instantiate_async(&mut store).await?;
        Ok((store, plugin))
    }

    pub(crate) async fn invoke(&self) -> Result<()> {
        let (mut store, plugin) = self.instantiate().await?;
        let invocation = Invocation {
            method: "run".to_owned(),
            arguments: "{}".to_owned(),
            global_arguments: "{}".to_owned(),
        };
        let invoked = plugin
            .sedge_model_model()
            .call_invoke(&mut store, &invocation)
            .await?;
        invoked.map_err(|failure| failure.message)?;
        Ok(())
    }
}

impl Both {
    /// Makes a call in the engine with a pool.
    pub(crate) async fn invoke(&self) -> Result<()> {
        self.pool.invoke().await
    }
}

/// Takes a sample of each baseline of a call.
pub(crate) async fn sample(both: &Both, disk: &mut Disk, figures: &mut Figures) -> Result<()> {
    // Other work ran before. Without this call, the first row would include the cost of refilling
    // the processor's caches.
    both.pool.invoke().await?;
    let since = Instant::now();
    drop(both.pool.instantiate().await?);
    let since = figures.lap(BARE_INSTANTIATE, since);
    both.pool.invoke().await?;
    let since = figures.lap(BARE_INVOKE, since);
    both.on_demand.invoke().await?;
    let since = figures.lap(BARE_INVOKE_ON_DEMAND, since);
    both.pool.invoke().await?;
    disk.commit()?;
    figures.lap(BARE_FLOOR, since);
    Ok(())
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(100);
    pool.total_core_instances(800);
    pool.total_memories(200);
    pool.total_tables(800);
    pool.total_stacks(100);
    pool.max_core_instances_per_component(200);
    pool.max_component_instance_size(8 << 20);
    pool.max_core_instance_size(4 << 20);
    pool.max_tables_per_module(10);
    pool.table_elements(50_000);
    pool.max_memory_size(4 << 30);
    pool.linear_memory_keep_resident(2 << 20);
    pool.table_keep_resident(1 << 20);
    pool.pagemap_scan(Enabled::Auto);
    pool
}

impl WasiView for Stubs {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl types::Host for Stubs {}

type Granted<T> = std::result::Result<T, String>;

impl context::Host for Stubs {
    async fn who(&mut self) -> wasmtime::Result<context::Identity> {
        Ok(context::Identity {
            model: "sink".to_owned(),
            model_id: "sink".to_owned(),
            type_: "@sedge/sink".to_owned(),
            type_version: "2026.11.23.1".to_owned(),
            tags: Vec::new(),
            method: "run".to_owned(),
            run: "k3v9q2x8w1mz".to_owned(),
            call: "k3v9q2x8w1mz/1/2".to_owned(),
            step: None,
        })
    }

    async fn deadline_left_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(u64::MAX)
    }

    async fn cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(false)
    }

    async fn subscribe_cancellation(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        Err(wasmtime::format_err!("nothing is cancelled"))
    }

    async fn folder(&mut self, _: String) -> wasmtime::Result<Granted<String>> {
        Ok(Err("there are none".to_owned()))
    }

    async fn variable(&mut self, _: String) -> wasmtime::Result<Granted<Option<String>>> {
        Ok(Err("there are none".to_owned()))
    }
}
