//! The host's data about the call that runs in a store.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_model::call::{CallError, LimitName, LogLevel, Refusals};
use sedge_model::names::FolderName;
use sedge_model::permission::effective::Denial;
use tokio::task::JoinSet;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::pure::{PURE_LOG_BYTES_MAX, PURE_LOG_LINES_MAX};
use super::report::CoreDump;
use super::{CallIdentity, FirstExecuted, Surroundings};
use crate::budget::{Descriptors, ProcessBudget};
use crate::call_secrets::{ArgumentSecret, CallSecrets};
use crate::clocks::{CallClock, DayClock};
use crate::cpu::CpuMeter;
use crate::engine::MEMORY_BYTES_MAX;
use crate::host::commands::process::Processes;
use crate::host::stop::GraceWanted;
use crate::host::{HostError, Ports};
use crate::http::{Http, SenderSpec};
use crate::limits::{HostUse, Memory};
use crate::output::{CallLog, Channel, GuestOutput};
use crate::plugin::{Plugin, one_line};
use crate::sockets::SocketGuard;
use crate::staging::Staging;

/// The maximum number of handles that a guest holds at once: streams, pollables, calls and others.
pub(crate) const HANDLES_MAX: usize = 25_000;

/// The host's data about the call that runs in a store.
pub(crate) struct CallState {
    wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) http: Http,
    pub(crate) memory: Memory,
    pub(crate) budget: Arc<ProcessBudget>,
    /// The descriptors that the call holds, by the handles of the files, streams and sockets that
    /// use them.
    pub(crate) descriptors: HashMap<u32, Descriptors>,
    pub(crate) log: Arc<CallLog>,
    pub(crate) ports: Ports,
    /// Whether the guest has subscribed to its cancellation.
    pub(crate) grace: GraceWanted,
    /// `None` while a plugin describes itself, upgrades arguments or makes a report: then it may
    /// only log.
    pub(crate) running: Option<Running>,
    /// The guest's panic message and its location, which the guest reports before it traps.
    pub(crate) panicked: Option<(String, Option<String>)>,
    pub(super) core_dump: Option<CoreDump>,
    /// See `CallSpec::first_executed`. It is taken when it is called.
    pub(super) first_executed: Option<FirstExecuted>,
    /// The limit that caused the host to stop the guest, and its value.
    pub(crate) reached: Option<(LimitName, u64)>,
    pub(crate) cpu: Arc<CpuMeter>,
}

/// The part of a call's state that exists only while a method runs.
pub(crate) struct Running {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) identity: Arc<CallIdentity>,
    pub(crate) surroundings: Surroundings,
    pub(crate) staging: Arc<Staging>,
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
    /// The programs that were started. They are killed when this call ends.
    pub(crate) processes: Processes,
}

impl Running {
    /// Returns the state of a call that begins.
    pub(super) fn new(
        plugin: &Arc<Plugin>,
        identity: Arc<CallIdentity>,
        surroundings: Surroundings,
        staging: Arc<Staging>,
    ) -> Self {
        Self {
            plugin: Arc::clone(plugin),
            identity,
            surroundings,
            staging,
            host_use: HostUse::default(),
            n_calls: 0,
            limits_reported: Vec::new(),
            refusals: Mutex::default(),
            secrets: Arc::default(),
            folders: HashMap::new(),
            escaped_names: HashSet::new(),
            n_file_bytes: 0,
            n_files_open: 0,
            started: JoinSet::new(),
            processes: Processes::default(),
        }
    }

    /// Adds the secrets for which the arguments of the call have placeholders.
    pub(super) fn with_arguments(mut self, secrets: Vec<ArgumentSecret>) -> Self {
        self.secrets = Arc::new(Mutex::new(CallSecrets::of_arguments(secrets)));
        self
    }

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
    pub(super) fn new(
        memory_bytes: usize,
        budget: &Arc<ProcessBudget>,
        ports: Ports,
        running: Option<(Running, SenderSpec)>,
    ) -> Result<(Self, [GuestOutput; 2]), HostError> {
        let (running, sender) = running.unzip();
        let resolver = sender.as_ref().map(|sender| sender.resolver.clone());
        let limits = running.as_ref().map(|running| &running.identity.limits);
        let (log_lines, log_bytes) = match limits {
            Some(limits) => (limits.log_lines, limits.log_bytes),
            None => (PURE_LOG_LINES_MAX, PURE_LOG_BYTES_MAX),
        };
        let log = CallLog::new(ports.log.clone(), log_lines, log_bytes);
        let http = match sender {
            Some(sender) => Http::new(sender, &log),
            None => Http::none(&log),
        };
        let cpu = Arc::new(CpuMeter::new(limits.and_then(|limits| limits.cpu_time)));
        let outputs = [Channel::Stdout, Channel::Stderr]
            .map(|channel| GuestOutput::new(Arc::clone(&log), channel));
        // By default the builder grants no files, network, environment or arguments.
        let mut wasi = WasiCtx::builder();
        wasi.stdout(outputs[0].clone())
            .stderr(outputs[1].clone())
            .monotonic_clock(CallClock::new())
            .wall_clock(DayClock);
        if let Some((running, resolver)) = running.as_ref().zip(resolver) {
            running.surroundings.grant_to(&mut wasi)?;
            let guard = SocketGuard {
                identity: Arc::clone(&running.identity),
                effects: ports.effects.clone(),
                log: Arc::clone(&log),
                resolver,
            };
            guard.grant_to(&mut wasi);
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
                ports,
                grace: GraceWanted::default(),
                running,
                panicked: None,
                core_dump: None,
                first_executed: None,
                reached: None,
                cpu,
            },
            outputs,
        ))
    }
}

impl CallState {
    /// Stops what the call has started and not awaited, and returns what the host refused to it.
    pub(super) async fn end(&mut self) -> Refusals {
        let Some(running) = &mut self.running else {
            return Refusals::default();
        };
        running.started.shutdown().await;
        running.processes.end().await;
        std::mem::take(&mut *running.refusals())
    }
}

impl CallState {
    /// Returns whether the call is asked to end.
    pub(crate) fn is_cancelled(&self) -> bool {
        let reason = self.ports.stop.as_ref().and_then(|port| port.reason());
        reason == Some(CallError::Cancelled)
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
