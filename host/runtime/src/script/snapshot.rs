//! Evaluates a script in its engine, and makes a component of the memory that results.
//!
//! There are two instances. The first one compiles the script to bytecode. It is dropped, because the
//! parser leaves garbage in its memory. The second one loads the bytecode and runs the top level of the
//! modules. Its memory becomes that of the new component.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde::{Deserialize, Serialize};
use wasmtime::component::{Component, ComponentType, Instance, Lift, Linker, WasmList};
use wasmtime::{Engine, ResourceLimiter, Store, Trap};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use super::imports::sealed_linker;
use crate::cache::component_of_code;
use crate::plugin::one_line;

/// The maximum memory of a script while it is evaluated, in bytes: as much as a plugin may need to
/// describe itself.
pub(super) const SCRIPT_MEMORY_BYTES_MAX: usize = crate::call::pure::PURE_MEMORY_BYTES_MAX;

/// The maximum number of elements of a table. The engine's have some thousands.
const TABLE_ELEMENTS_MAX: usize = 1 << 20;

/// Why a script has no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Unevaluated {
    /// The engine reports a fault of the script.
    Script {
        /// The error of the script.
        message: String,
        /// Its frames, innermost first: `run at plugin.js:3:7`.
        stack: Vec<String>,
    },
    /// It needs more than [`SCRIPT_MEMORY_BYTES_MAX`].
    Memory,
    /// The engine trapped, for example in a function of the host that is not available.
    Trapped(String),
    /// The component is not an engine for scripts.
    Engine(String),
}

/// A finished component.
#[derive(Debug)]
pub(super) struct ScriptSnapshot {
    pub(super) component: Vec<u8>,
    /// What the script logged: a level, a space, and the text.
    pub(super) log: Vec<String>,
}

/// The state of an engine during a build.
pub(super) struct BuildState {
    random: u64,
    memory_bytes_max: usize,
    is_memory_exceeded: bool,
}

impl BuildState {
    fn new() -> Self {
        Self {
            random: 0,
            memory_bytes_max: SCRIPT_MEMORY_BYTES_MAX,
            is_memory_exceeded: false,
        }
    }

    /// Returns the next number of a fixed sequence (SplitMix64).
    pub(super) fn random_next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl ResourceLimiter for BuildState {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let is_granted = desired <= self.memory_bytes_max;
        self.is_memory_exceeded |= !is_granted;
        Ok(is_granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }
}

/// An error of the engine's own functions.
#[derive(ComponentType, Lift)]
#[component(record)]
struct BuildError {
    message: String,
    stack: Vec<String>,
}

/// Returns the engine with functions that read its memory, which is what is executed.
///
/// # Errors
/// The component has a shape of which no snapshot can be made.
pub(super) fn instrumented(engine: &[u8]) -> Result<Vec<u8>, String> {
    let instrumented = wizer().instrument_component(engine);
    let (_, bytes) = instrumented.map_err(|error| one_line(&error))?;
    Ok(bytes)
}

/// Evaluates a script. `code` is the machine code of the instrumented engine.
pub(super) fn evaluate(
    engine: &Engine,
    component: &[u8],
    code: &[u8],
    script: &str,
) -> Result<ScriptSnapshot, Unevaluated> {
    let not_engine = |error: wasmtime::Error| Unevaluated::Engine(one_line(&error));
    let instrumented = component_of_code(engine, code).map_err(not_engine)?;
    let linker = sealed_linker(engine, &instrumented).map_err(not_engine)?;
    let bytecode = {
        let mut compiler = EngineInstance::new(&linker, &instrumented)?;
        compiler.call::<_, Vec<u8>>("compile", (script,))?
    };
    let mut loaded = EngineInstance::new(&linker, &instrumented)?;
    let log = loaded.call::<_, Vec<String>>("load", (&bytecode[..],))?;
    // The functions that read the memory need a page more each.
    loaded.store.data_mut().memory_bytes_max = usize::MAX;
    let wizer = wizer();
    let (cx, _) = wizer.instrument_component(component).map_err(not_engine)?;
    // Nothing of it waits: the engine is called synchronously.
    let snapshot = pin!(wizer.snapshot_component(&cx, &mut loaded))
        .poll(&mut Context::from_waker(Waker::noop()));
    match snapshot {
        Poll::Ready(component) => Ok(ScriptSnapshot {
            component: component.map_err(not_engine)?,
            log,
        }),
        Poll::Pending => Err(Unevaluated::Engine("its snapshot waits".to_owned())),
    }
}

fn wizer() -> Wizer {
    let mut wizer = Wizer::new();
    // Otherwise the core function of that name would be removed, to which the component refers.
    wizer.keep_init_func(true);
    wizer
}

/// An instance of the engine.
struct EngineInstance {
    store: Store<BuildState>,
    instance: Instance,
}

impl EngineInstance {
    fn new(linker: &Linker<BuildState>, component: &Component) -> Result<Self, Unevaluated> {
        let mut store = Store::new(linker.engine(), BuildState::new());
        store.limiter(|state| state);
        // The process that waits for the snapshot ends this one at the deadline.
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = linker.instantiate(&mut store, component);
        let instance = instance.map_err(|error| Unevaluated::Engine(one_line(&error)))?;
        Ok(Self { store, instance })
    }

    /// Calls one of the two functions that build a plugin.
    fn call<Params, T>(&mut self, name: &str, params: Params) -> Result<T, Unevaluated>
    where
        Params: wasmtime::component::ComponentNamedList + wasmtime::component::Lower,
        T: ComponentType + Lift + 'static,
        Result<T, BuildError>: ComponentType + Lift,
    {
        let function = self
            .instance
            .get_typed_func::<Params, (Result<T, BuildError>,)>(&mut self.store, name);
        let function = function
            .map_err(|error| Unevaluated::Engine(format!("`{name}`: {}", one_line(&error))))?;
        let returned = function.call(&mut self.store, params);
        if self.store.data().is_memory_exceeded && !matches!(returned, Ok((Ok(_),))) {
            return Err(Unevaluated::Memory);
        }
        match returned {
            Ok((Ok(value),)) => Ok(value),
            Ok((Err(BuildError { message, stack }),)) => {
                Err(Unevaluated::Script { message, stack })
            }
            Err(error) => Err(Unevaluated::Trapped(trap_text(&error))),
        }
    }

    /// Calls a function that the instrumentation has added.
    fn accessor<T>(&mut self, interface: &str, function: &str) -> T
    where
        T: ComponentType + Lift + 'static,
    {
        let export = self
            .instance
            .get_export_index(&mut self.store, None, interface)
            .and_then(|interface| {
                self.instance
                    .get_export_index(&mut self.store, Some(&interface), function)
            })
            .expect("the instrumented engine exports it");
        let function = self
            .instance
            .get_typed_func::<(), (T,)>(&mut self.store, export)
            .expect("the instrumented engine exports it with this type");
        let (value,) = function
            .call(&mut self.store, ())
            .expect("it reads a variable or grows the memory by a page");
        value
    }
}

impl ComponentInstanceState for EngineInstance {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        let list: WasmList<u8> = self.accessor(instance, func);
        contents(list.as_le_slice(&self.store));
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.accessor(instance, func)
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.accessor(instance, func)
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.accessor::<f32>(instance, func).to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.accessor::<f64>(instance, func).to_bits()
    }
}

/// Returns what a trap says, without the frames of the engine.
fn trap_text(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    }
}
