//! Runs one method of one plugin in a fresh store, with limits and a deadline, and reports the
//! outcome.
//!
//! A trap poisons a whole store, so each call has a store of its own, and so does each nested
//! call.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sedge_model::call::{
    CallError, Failure, LimitName, LogLevel, LogLine, Refusals, StagedChange, Undone, Written,
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
use crate::call_secrets::CallSecrets;
use crate::clocks::{CallClock, DayClock};
use crate::convert;
use crate::cpu::CpuMeter;
use crate::engine::{LIVE_INSTANCES_MAX, MEMORY_BYTES_MAX, Runtime};
use crate::files::{CallFolder, Untouchable};
use crate::host::{HostError, JSON_BYTES_MAX, NoOutside, Outside};
use crate::http::{Http, HttpLimits, SenderSpec};
use crate::json;
use crate::limits::{HostUse, Memory, Quotas};
use crate::lines::LineTable;
use crate::output::{CallLog, Channel, Output};
use crate::plugin::{Plugin, PluginError, one_line};
use crate::staging::Staging;
use crate::{sockets, trap};

/// The maximum memory of a plugin that describes itself, in bytes. The largest known interpreter
/// needs a quarter of it to start.
const DESCRIBE_MEMORY_BYTES_MAX: usize = 256 << 20;

/// The maximum size of the log of a plugin that describes itself.
const DESCRIBE_LOG_LINES_MAX: u32 = 1000;
const DESCRIBE_LOG_BYTES_MAX: usize = 1 << 20;

/// How long a call waits for a live instance. The calls that hold an instance may all wait for
/// callees that need one; this timeout resolves that deadlock.
const SLOT_WAIT_MAX: Duration = Duration::from_secs(10);

/// The maximum size of all arguments of one host call, in bytes: four texts of the maximum size.
/// Beyond it the guest traps before the host copies anything.
const HOST_CALL_BYTES_MAX: usize = 16 << 20;

/// The maximum number of handles that a guest holds at once: streams, pollables, calls and others.
pub(crate) const HANDLES_MAX: usize = 25_000;

/// Identifies a call.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The model that is called.
    pub model: ModelName,
    /// The method that is called.
    pub method: MethodName,
    /// The position of the call in the call tree of its run.
    pub lineage: Lineage,
    /// The workflow step that the call belongs to, or `None`.
    pub step: Option<StepPath>,
}

/// The parts of the machine that a call may use.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The effective permissions of the model.
    pub permissions: Arc<Permissions>,
    /// Records which permissions the call has used.
    pub uses: Arc<Uses>,
    /// The granted folders.
    pub folders: Vec<CallFolder>,
    /// Files and folders that the call may not write to, even if a granted folder contains them.
    pub untouchable: Untouchable,
    /// The granted environment variables, as names and values.
    pub variables: Vec<(String, String)>,
}

/// The limits of one call.
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// The maximum size of all memories and tables of the call, in bytes.
    pub memory_bytes: usize,
    /// The moment at which the call's time starts to count.
    pub begin: Moment,
    /// The moment by which the call must have ended: its own deadline or its caller's, whichever
    /// is earlier.
    pub deadline: Moment,
    /// The limits on host calls, data, logs and nested calls.
    pub quotas: Quotas,
    /// The limits of its HTTP requests.
    pub http: HttpLimits,
}

/// The parameters of one call.
pub struct CallSpec {
    /// The call's identity.
    pub identity: Identity,
    /// The kind of the method.
    pub kind: MethodKind,
    /// The arguments of the method: an object that satisfies the method's schema.
    pub arguments: Value,
    /// The model's global arguments: an object that satisfies their schema.
    pub global_arguments: Value,
    /// The parts of the machine that the call may use.
    pub surroundings: Surroundings,
    /// The limits of the call.
    pub limits: CallLimits,
    /// The staging area for its writes.
    pub staging: Arc<Staging>,
    /// The port through which the call reaches the rest of the host.
    pub outside: Arc<dyn Outside>,
    /// The budget that was reserved for it, if the call waited for budget.
    pub admission: Option<Admission>,
}

/// The outcome of a call. None of its changes are committed yet, except those that it published.
#[derive(Debug)]
pub struct CallReport {
    /// The value that the method returned, or the error.
    pub result: Result<Value, CallError>,
    /// The staged changes to commit. Empty if the call failed, unless the failure asks to keep the
    /// writes.
    pub changes: Vec<StagedChange>,
    /// The staged changes that are discarded.
    pub undone: Undone,
    /// What the host refused to the call.
    pub refusals: Refusals,
    /// The versions that the call published while it ran.
    pub published: Vec<Written>,
    /// The log of the call.
    pub log: Vec<LogLine>,
    /// The guest's memory at the time of a trap, if the engine makes core dumps.
    pub core_dump: Option<CoreDump>,
}

/// The memory of a guest that trapped, in the format of the WebAssembly tool conventions
/// (<https://github.com/WebAssembly/tool-conventions/blob/main/Coredump.md>): a core module with
/// all memories, globals and instances of the component, and the stack without locals.
#[derive(Clone)]
pub struct CoreDump(pub Vec<u8>);

impl std::fmt::Debug for CoreDump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CoreDump({} bytes)", self.0.len())
    }
}

impl CallReport {
    /// Returns the report of a call that was refused before any of its code ran.
    #[must_use]
    pub fn refused(error: CallError) -> Self {
        Self {
            result: Err(error),
            changes: Vec::new(),
            undone: Undone::default(),
            refusals: Refusals::default(),
            published: Vec::new(),
            log: Vec::new(),
            core_dump: None,
        }
    }

    /// Returns the report of a call with this result, and takes the changes out of the staging
    /// area.
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
            refusals: Refusals::default(),
            published: staging.take_published(),
            log: Vec::new(),
            core_dump: None,
        }
    }
}

/// The host's data about the call that runs in a store.
pub(crate) struct CallState {
    wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) http: Http,
    pub(crate) memory: Memory,
    pub(crate) budget: Arc<Budget>,
    /// The descriptors that the call holds, by the handles of the files, streams and sockets that
    /// use them.
    pub(crate) descriptors: HashMap<u32, Descriptors>,
    pub(crate) log: Arc<CallLog>,
    pub(crate) outside: Arc<dyn Outside>,
    /// `None` while a plugin describes itself. A description may only log.
    pub(crate) running: Option<Running>,
    /// The guest's panic message and its location, which the guest reports before it traps.
    pub(crate) panicked: Option<(String, Option<String>)>,
    core_dump: Option<CoreDump>,
    /// The limit that caused the host to stop the guest, and its value.
    pub(crate) reached: Option<(LimitName, u64)>,
    pub(crate) cpu: Arc<CpuMeter>,
}

/// The part of a call's state that exists only while a method runs.
pub(crate) struct Running {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) identity: Identity,
    pub(crate) kind: MethodKind,
    pub(crate) surroundings: Surroundings,
    pub(crate) staging: Arc<Staging>,
    pub(crate) deadline: Moment,
    pub(crate) quotas: Quotas,
    pub(crate) host_use: HostUse,
    pub(crate) n_calls: u32,
    /// The limits that the call's log already mentions.
    pub(crate) limits_reported: Vec<LimitName>,
    /// What the host refused to the call, and reported to it.
    pub(crate) refusals: Mutex<Refusals>,
    /// The secrets that the call may use, and their placeholders.
    pub(crate) secrets: Arc<Mutex<CallSecrets>>,
    /// The folders that the guest received, by their handles. Handle numbers are reused, so a
    /// dropped folder may be counted as used by mistake, but a used folder is never missed.
    pub(crate) folders: HashMap<u32, FolderName>,
    /// The escaped forms of file names that are not UTF-8, as the guest received them.
    pub(crate) escaped_names: HashSet<String>,
    pub(crate) n_file_bytes: u64,
    pub(crate) n_files_open: u32,
    /// Nested calls that were started and not awaited. They are cancelled when this call ends.
    pub(crate) started: JoinSet<()>,
}

impl Running {
    /// Returns what was refused to the call so far.
    pub(crate) fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        // By default the builder grants no files, network, environment or arguments.
        let mut wasi = WasiCtx::builder();
        wasi.stdout(outputs[0].clone())
            .stderr(outputs[1].clone())
            .monotonic_clock(CallClock::new())
            .wall_clock(DayClock);
        if let Some(running) = &running {
            running.surroundings.grant_to(&mut wasi)?;
            sockets::grant_to(&mut wasi, &running.surroundings, &outside, &log);
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
    /// Stops what the call has started and not awaited, and returns what the host refused to it.
    async fn end(&mut self) -> Refusals {
        let Some(running) = &mut self.running else {
            return Refusals::default();
        };
        running.started.shutdown().await;
        std::mem::take(&mut *running.refusals())
    }
}

impl CallState {
    /// Logs a denial, and returns the message for the guest.
    pub(crate) fn denied(&self, denial: &Denial) -> String {
        let message = denial.to_string();
        self.log.note(LogLevel::Warn, message.clone());
        message
    }
}

impl Surroundings {
    fn grant_to(&self, wasi: &mut WasiCtxBuilder) -> Result<(), HostError> {
        wasi.envs(&self.variables);
        for folder in &self.folders {
            let added = folder.grant_to(wasi);
            added.map_err(|error| HostError::new(FolderGone(one_line(&error))))?;
        }
        Ok(())
    }
}

/// A granted folder existed when the call was prepared, but cannot be opened now.
#[derive(Debug, thiserror::Error)]
#[error("a folder that was granted cannot be opened: {0}")]
struct FolderGone(String);

impl Runtime {
    /// Runs a method and returns its report. Dropping the future stops the guest.
    ///
    /// # Errors
    /// The host itself failed. Failures of the guest are in the report.
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
        let secrets: Arc<Mutex<CallSecrets>> = Arc::default();
        let sender = SenderSpec {
            limits: limits.http,
            secrets: Arc::clone(&secrets),
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
            host_use: HostUse::default(),
            n_calls: 0,
            limits_reported: Vec::new(),
            refusals: Mutex::default(),
            secrets,
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
        let refusals = store.data_mut().end().await;
        plugin.memory_note(store.data().memory.n_bytes());
        outputs.iter().for_each(Output::finish);
        let result = match ended {
            Ok(result) => with_denial(result?, &store.data().http),
            Err(clock::TimeIsUp) => Err(CallError::TimedOut {
                after_ms: u64::try_from(allowed_ms).unwrap_or(u64::MAX),
            }),
        };
        let mut report = CallReport::new(result, &staging);
        report.refusals = refusals;
        report.core_dump = store.data_mut().core_dump.take();
        report.log = log.take();
        Ok(report)
    }

    /// Takes descriptors for the call's folders, unless its admission has reserved them already.
    fn folders_take(
        &self,
        admitted: Option<Descriptors>,
        surroundings: &Surroundings,
    ) -> Result<Descriptors, CallError> {
        let n_folders = surroundings.folders.len();
        let taken = admitted.map_or_else(|| self.budget.descriptors(n_folders), Ok);
        taken.map_err(|(name, value)| CallError::Limit { name, value })
    }

    /// Returns the parameters of the call's HTTP sender, with default limits.
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
            secrets: Arc::default(),
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
        // The guest yields the thread at each tick, so that other tasks and the timer of the
        // deadline can run. When the deadline expires, the call is dropped at such a point.
        store.epoch_deadline_callback(|mut store| {
            let state = store.data_mut();
            if let Some(max) = state.cpu.reached() {
                state.reached = Some((LimitName::CpuSeconds, max.as_secs()));
                wasmtime::bail!("the guest reached its limit of CPU time");
            }
            Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(tokio::task::yield_now()),
            ))
        });
        store
    }
}

/// The failure code by which a guest reports that the host denied something.
const DENIED: &str = "denied";

/// Appends the denied permission, with the YAML that would grant it, to a guest's failure. The
/// guest cannot do that itself: a denied HTTP request returns only an error code.
fn with_denial(result: Result<Value, CallError>, http: &Http) -> Result<Value, CallError> {
    result.map_err(|error| match (error, http.denied()) {
        (CallError::Failed(mut failure), Some(denial)) if failure.code == DENIED => {
            failure.message = format!("{}\n{denial}", failure.message);
            CallError::Failed(failure)
        }
        (other, _) => other,
    })
}

/// Lets a plugin describe its type. Fails if it has not ended at `latest`.
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
