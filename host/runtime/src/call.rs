//! Runs one method of one plugin: a fresh store, limits, a deadline, and what is left
//! of it afterwards.
//!
//! A trap poisons a whole store, so every call has its own, and every nested call too.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sedge_model::call::{
    CallError, Failure, LimitName, LogLevel, LogLine, StagedChange, Undone, Written,
};
use sedge_model::lineage::Lineage;
use sedge_model::names::{FolderName, MethodName, ModelName};
use sedge_model::permission::effective::{Denial, Permissions, Uses};
use sedge_model::run::StepPath;
use sedge_model::type_info::{MethodKind, TypeInfo};
use sedge_sys::clock::{self, Moment};
use serde_json::Value;
use tokio::task::JoinSet;
use wasmtime::{Store, UpdateDeadline, WasmCoreDump};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::bindings::PluginPre;
use crate::bindings::exports::sedge::model::model as guest;
use crate::budget::{Admission, Budget, Descriptors};
use crate::clocks::{CallClock, DayClock};
use crate::convert;
use crate::cpu::CpuMeter;
use crate::engine::{LIVE_INSTANCES_MAX, MEMORY_BYTES_MAX, Runtime};
use crate::files::{CallFolder, Untouchable};
use crate::handed::Handed;
use crate::host::{HostError, JSON_BYTES_MAX, NoOutside, Outside};
use crate::http::{Http, HttpLimits, SenderSpec};
use crate::json;
use crate::limits::{Asked, Memory, Quotas};
use crate::lines::LineTable;
use crate::output::{CallLog, Channel, Output};
use crate::plugin::{Plugin, PluginError, one_line};
use crate::staging::Staging;
use crate::{sockets, trap};

/// The memory that a plugin may use to describe itself. The heaviest known interpreter
/// starts up in a quarter of it.
const DESCRIBE_MEMORY_BYTES_MAX: usize = 256 << 20;

/// What of the log of a plugin that describes itself is kept.
const DESCRIBE_LOG_LINES_MAX: u32 = 1000;
const DESCRIBE_LOG_BYTES_MAX: usize = 1 << 20;

/// How long a call waits for a place among the living instances. Those who have one may
/// all wait for callees that have none: then nothing would ever move, and this ends it.
const SLOT_WAIT_MAX: Duration = Duration::from_secs(10);

/// The most bytes that a guest may pass in one host call, all arguments together: four
/// texts of the most that a text may have. Beyond it the guest traps before anything is
/// copied.
const HOST_CALL_BYTES_MAX: usize = 16 << 20;

/// The most handles that a guest may hold at once, of streams, pollables and calls.
pub(crate) const HANDLES_MAX: usize = 25_000;

/// Who a call is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The model whose method runs.
    pub model: ModelName,
    /// The method.
    pub method: MethodName,
    /// The call's place below its run.
    pub lineage: Lineage,
    /// The workflow step that it is part of, if any.
    pub step: Option<StepPath>,
}

/// What of the machine a call gets.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// What its model may do.
    pub permissions: Arc<Permissions>,
    /// What of it the call uses, marked as it does.
    pub uses: Arc<Uses>,
    /// The folders among it.
    pub folders: Vec<CallFolder>,
    /// What the call may not write to, though it has a name in one of these folders.
    pub untouchable: Untouchable,
    /// The variables of the environment among it, with their values.
    pub variables: Vec<(String, String)>,
}

/// How far a call may go.
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// Bytes of all its memories and tables.
    pub memory_bytes: usize,
    /// From when its time counts.
    pub begin: Moment,
    /// When it must have ended: by its own allowance, or by its caller's.
    pub deadline: Moment,
    /// How much it may do besides.
    pub quotas: Quotas,
    /// How far its HTTP requests may go.
    pub http: HttpLimits,
}

/// One call to be run.
pub struct CallSpec {
    /// Who it is.
    pub identity: Identity,
    /// What kind of method it runs.
    pub kind: MethodKind,
    /// What the method is given: an object that fits its schema.
    pub arguments: Value,
    /// What every method is given: an object that fits its schema.
    pub global_arguments: Value,
    /// What of the machine it gets.
    pub surroundings: Surroundings,
    /// How far it may go.
    pub limits: CallLimits,
    /// Where its writes are staged.
    pub staging: Arc<Staging>,
    /// What it reaches the rest of the world by.
    pub outside: Arc<dyn Outside>,
    /// That it may begin, if it is a call that waits for that.
    pub admission: Option<Admission>,
}

/// What is left of a call: nothing of it is visible to anybody yet.
#[derive(Debug)]
pub struct CallReport {
    /// What the method returned, or what went wrong.
    pub result: Result<Value, CallError>,
    /// What is to become visible: all that was staged if the call succeeded or wants its
    /// writes kept, else nothing.
    pub changes: Vec<StagedChange>,
    /// What was staged and does not become visible.
    pub undone: Undone,
    /// What became visible while the call went on.
    pub published: Vec<Written>,
    /// What was logged.
    pub log: Vec<LogLine>,
    /// What the guest had in memory when it trapped, if the engine keeps that.
    pub core_dump: Option<CoreDump>,
}

/// What a guest had in memory when it trapped, in the form of the WebAssembly tool
/// conventions (<https://github.com/WebAssembly/tool-conventions/blob/main/Coredump.md>): a
/// core module with all memories, globals and instances of its component, and the stack
/// without locals.
#[derive(Clone)]
pub struct CoreDump(pub Vec<u8>);

impl std::fmt::Debug for CoreDump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CoreDump({} bytes)", self.0.len())
    }
}

impl CallReport {
    /// Returns the report of a call of which nothing ran.
    #[must_use]
    pub fn refused(error: CallError) -> Self {
        Self {
            result: Err(error),
            changes: Vec::new(),
            undone: Undone::default(),
            published: Vec::new(),
            log: Vec::new(),
            core_dump: None,
        }
    }

    /// Returns the report of a call that ended so, with what that leaves of what it staged.
    fn new(result: Result<Value, CallError>, staging: &Staging) -> Self {
        let keep = match &result {
            Ok(_) => true,
            Err(CallError::Failed(failure)) => failure.keep_writes,
            Err(_) => false,
        };
        let staged = staging.take();
        let (changes, undone) = if keep {
            (staged, Undone::default())
        } else {
            (Vec::new(), Undone::of(&staged))
        };
        Self {
            result,
            changes,
            undone,
            published: staging.take_published(),
            log: Vec::new(),
            core_dump: None,
        }
    }
}

/// What a store knows about the call that runs in it.
pub(crate) struct CallState {
    wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) http: Http,
    pub(crate) memory: Memory,
    pub(crate) budget: Arc<Budget>,
    /// Those that it holds, by the handles of what it was given.
    pub(crate) descriptors: HashMap<u32, Descriptors>,
    pub(crate) log: Arc<CallLog>,
    pub(crate) outside: Arc<dyn Outside>,
    /// None while a plugin describes itself: then it may do nothing but log.
    pub(crate) running: Option<Running>,
    /// The guest's own word on why it is about to trap, and where.
    pub(crate) panicked: Option<(String, Option<String>)>,
    core_dump: Option<CoreDump>,
    /// The limit for which the guest is being stopped, and its value.
    pub(crate) reached: Option<(LimitName, u64)>,
    pub(crate) cpu: Arc<CpuMeter>,
}

/// The part of a call's state that only a method has.
pub(crate) struct Running {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) identity: Identity,
    pub(crate) kind: MethodKind,
    pub(crate) surroundings: Surroundings,
    pub(crate) staging: Arc<Staging>,
    pub(crate) deadline: Moment,
    pub(crate) quotas: Quotas,
    pub(crate) asked: Asked,
    pub(crate) n_calls: u32,
    /// The limits that people have been told of.
    pub(crate) limits_told: Vec<LimitName>,
    /// The secrets that it may use.
    pub(crate) handed: Arc<Mutex<Handed>>,
    /// By which handles it was given which folders. One that it dropped may stand for something
    /// else later: then a folder counts as used that it let go of, and never the other way round.
    pub(crate) folders: HashMap<u32, FolderName>,
    /// What stands for names of its folders that are not UTF-8, as it was told.
    pub(crate) escaped_names: HashSet<String>,
    pub(crate) n_file_bytes: u64,
    pub(crate) n_files_open: u32,
    /// Calls that were started and not waited for. They end with this call.
    pub(crate) started: JoinSet<()>,
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl CallState {
    fn new(
        memory_bytes: usize,
        budget: &Arc<Budget>,
        outside: Arc<dyn Outside>,
        running: Option<(Running, SenderSpec)>,
    ) -> Result<(Self, [Output; 2]), HostError> {
        let (running, sender) = running.unzip();
        let quotas = running.as_ref().map(|running| &running.quotas);
        let log = match quotas {
            Some(quotas) => CallLog::new(Arc::clone(&outside), quotas.log_lines, quotas.log_bytes),
            None => CallLog::new(
                Arc::clone(&outside),
                DESCRIBE_LOG_LINES_MAX,
                DESCRIBE_LOG_BYTES_MAX,
            ),
        };
        let http = match sender {
            Some(sender) => Http::new(sender, &log),
            None => Http::none(&log),
        };
        let cpu = Arc::new(CpuMeter::new(quotas.and_then(|quotas| quotas.cpu)));
        let outputs = [Channel::Stdout, Channel::Stderr]
            .map(|channel| Output::new(Arc::clone(&log), channel));
        // No files, network, environment or arguments: the builder's own start.
        let mut wasi = WasiCtx::builder();
        wasi.stdout(outputs[0].clone())
            .stderr(outputs[1].clone())
            .monotonic_clock(CallClock::new())
            .wall_clock(DayClock);
        if let Some(running) = &running {
            running.surroundings.hand_over(&mut wasi)?;
            sockets::hand_over(&mut wasi, &running.surroundings, &outside, &log);
        }
        let wasi = wasi.build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        let memory = Memory::new(memory_bytes.min(MEMORY_BYTES_MAX), budget);
        Ok((
            Self {
                wasi,
                table,
                http,
                memory,
                budget: Arc::clone(budget),
                descriptors: HashMap::new(),
                log,
                outside,
                running,
                panicked: None,
                core_dump: None,
                reached: None,
                cpu,
            },
            outputs,
        ))
    }
}

impl CallState {
    /// Notes in the call's log that something was denied, and returns what to tell the guest.
    pub(crate) fn denied(&self, denial: &Denial) -> String {
        let message = denial.to_string();
        self.log.note(LogLevel::Warn, message.clone());
        message
    }
}

impl Surroundings {
    fn hand_over(&self, wasi: &mut WasiCtxBuilder) -> Result<(), HostError> {
        wasi.envs(&self.variables);
        for folder in &self.folders {
            let handed_over = folder.hand_over(wasi);
            handed_over.map_err(|error| HostError::new(FolderGone(one_line(&error))))?;
        }
        Ok(())
    }
}

/// A folder was there a moment before, and cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("a folder that was granted cannot be opened: {0}")]
struct FolderGone(String);

impl Runtime {
    /// Runs a method and returns what is left of it. Dropping the future stops the guest.
    ///
    /// # Errors
    /// The host itself failed. Whatever a guest does is in the report.
    pub async fn call(
        &self,
        plugin: &Arc<Plugin>,
        spec: CallSpec,
    ) -> Result<CallReport, HostError> {
        let CallSpec {
            identity,
            kind,
            arguments,
            global_arguments,
            surroundings,
            limits,
            staging,
            outside,
            admission,
        } = spec;
        let (_memory, admitted) = admission.map_or((None, None), Admission::parts);
        let _folders = match self.folders_take(admitted, &surroundings) {
            Ok(folders) => folders,
            Err(limit) => return Ok(CallReport::refused(limit)),
        };
        let deadline = limits.deadline;
        let invocation = guest::Invocation {
            method: identity.method.to_string(),
            arguments: arguments.to_string(),
            global_arguments: global_arguments.to_string(),
        };
        let handed: Arc<Mutex<Handed>> = Arc::default();
        let sender = SenderSpec {
            limits: limits.http,
            handed: Arc::clone(&handed),
            ..self.sender(&identity, &surroundings, Arc::clone(&outside))
        };
        let running = Running {
            plugin: Arc::clone(plugin),
            identity,
            kind,
            surroundings,
            staging: Arc::clone(&staging),
            deadline,
            quotas: limits.quotas,
            asked: Asked::default(),
            n_calls: 0,
            limits_told: Vec::new(),
            handed,
            folders: HashMap::new(),
            escaped_names: HashSet::new(),
            n_file_bytes: 0,
            n_files_open: 0,
            started: JoinSet::new(),
        };
        let running = Some((running, sender));
        let (state, outputs) = CallState::new(limits.memory_bytes, &self.budget, outside, running)?;
        let log = Arc::clone(&state.log);
        let mut store = self.store(state);
        let allowed_ms = limits.begin.until(deadline).as_millis();
        let invoke = self.invoke(&mut store, plugin, &invocation);
        let ended = clock::until(deadline, invoke).await;
        if let Some(running) = &mut store.data_mut().running {
            running.started.shutdown().await;
        }
        plugin.memory_note(store.data().memory.n_bytes());
        outputs.iter().for_each(Output::finish);
        let result = match ended {
            Ok(result) => with_denial(result?, &store.data().http),
            Err(clock::TimeIsUp) => Err(CallError::TimedOut {
                after_ms: u64::try_from(allowed_ms).unwrap_or(u64::MAX),
            }),
        };
        let mut report = CallReport::new(result, &staging);
        report.core_dump = store.data_mut().core_dump.take();
        report.log = log.take();
        Ok(report)
    }

    /// Takes the descriptors of a call's folders, unless it was admitted with them.
    fn folders_take(
        &self,
        admitted: Option<Descriptors>,
        surroundings: &Surroundings,
    ) -> Result<Descriptors, CallError> {
        let n_folders = surroundings.folders.len();
        let taken = admitted.map_or_else(|| self.budget.descriptors(n_folders), Ok);
        taken.map_err(|(name, value)| CallError::Limit { name, value })
    }

    /// Returns what sends the requests of a call, with the limits that hold unless others are set.
    fn sender(
        &self,
        identity: &Identity,
        surroundings: &Surroundings,
        outside: Arc<dyn Outside>,
    ) -> SenderSpec {
        SenderSpec {
            client: Arc::clone(&self.http),
            model: identity.model.clone(),
            permissions: Arc::clone(&surroundings.permissions),
            uses: Arc::clone(&surroundings.uses),
            limits: HttpLimits::default(),
            outside,
            handed: Arc::default(),
            budget: Arc::clone(&self.budget),
        }
    }

    async fn invoke(
        &self,
        store: &mut Store<CallState>,
        plugin: &Plugin,
        invocation: &guest::Invocation,
    ) -> Result<Result<Value, CallError>, HostError> {
        let slot = clock::until(Moment::now().after(SLOT_WAIT_MAX), self.live.acquire()).await;
        let Ok(Ok(_slot)) = slot else {
            let value = u64::from(LIVE_INSTANCES_MAX);
            return Ok(Err(CallError::Limit {
                name: LimitName::LiveInstances,
                value,
            }));
        };
        let cpu = Arc::clone(&store.data().cpu);
        let call = async {
            let instance = plugin.instance.instantiate_async(&mut *store).await?;
            instance
                .sedge_model_model()
                .call_invoke(&mut *store, invocation)
                .await
        };
        Ok(match self.permits.run(cpu.run(call)).await {
            Err(error) => {
                if let Some(dump) = error.downcast_ref::<WasmCoreDump>() {
                    let name = format!("{}.wasm", plugin.description().sha256);
                    let dump = CoreDump(dump.serialize(&mut *store, &name));
                    store.data_mut().core_dump = Some(dump);
                }
                Err(trap::explain(
                    &error,
                    store.data(),
                    plugin.lines(self.cache.as_ref()),
                )?)
            }
            Ok(Err(failure)) => Err(CallError::Failed(convert::failure_from_guest(failure))),
            Ok(Ok(text)) if text.len() > JSON_BYTES_MAX => Err(CallError::Limit {
                name: LimitName::JsonBytes,
                value: JSON_BYTES_MAX as u64,
            }),
            Ok(Ok(text)) => json::parse(&text).map_err(|reason| {
                CallError::Failed(Failure {
                    code: "invalid-result".to_owned(),
                    message: format!("the plugin returned no usable value: {reason}"),
                    details: None,
                    keep_writes: false,
                    backtrace: Vec::new(),
                })
            }),
        })
    }

    fn store(&self, state: CallState) -> Store<CallState> {
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(HOST_CALL_BYTES_MAX);
        store.set_epoch_deadline(1);
        // Let go of the thread at every tick: then the deadline's timer gets its turn, and
        // so do other calls. The deadline itself drops this call at such a point.
        store.epoch_deadline_callback(|mut store| {
            let state = store.data_mut();
            if let Some(max) = state.cpu.reached() {
                state.reached = Some((LimitName::CpuSeconds, max.as_secs()));
                wasmtime::bail!("the guest has executed for as long as it may");
            }
            Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(tokio::task::yield_now()),
            ))
        });
        store
    }
}

/// The code of a failure that passes on that the host denied something.
const DENIED: &str = "denied";

/// Adds to a failure what it cannot know: of a request that was denied, a guest is not told
/// which lines would grant it.
fn with_denial(result: Result<Value, CallError>, http: &Http) -> Result<Value, CallError> {
    result.map_err(|error| match (error, http.denied()) {
        (CallError::Failed(mut failure), Some(denial)) if failure.code == DENIED => {
            failure.message = format!("{}\n{denial}", failure.message);
            CallError::Failed(failure)
        }
        (other, _) => other,
    })
}

/// Has a plugin describe its type, until a moment at the latest.
pub(crate) async fn describe(
    runtime: &Runtime,
    instance: &PluginPre<CallState>,
    lines: &LineTable,
    logged: Arc<dyn Fn(&LogLine) + Send + Sync>,
    latest: Moment,
) -> Result<TypeInfo, PluginError> {
    let (state, outputs) = CallState::new(
        DESCRIBE_MEMORY_BYTES_MAX,
        &runtime.budget,
        Arc::new(NoOutside::new(logged)),
        None,
    )?;
    let mut store = runtime.store(state);
    let describe = async {
        let instance = instance.instantiate_async(&mut store).await?;
        instance.sedge_model_model().call_describe(&mut store).await
    };
    let described = clock::until(latest, describe).await;
    outputs.iter().for_each(Output::finish);
    match described {
        Ok(Ok(info)) => convert::type_info_from_guest(info),
        Ok(Err(error)) => Err(PluginError::Describe(trap::explain(
            &error,
            store.data(),
            lines,
        )?)),
        Err(clock::TimeIsUp) => Err(PluginError::Describe(CallError::TimedOut {
            after_ms: u64::try_from(runtime.component_limits.describe.as_millis())
                .unwrap_or(u64::MAX),
        })),
    }
}
