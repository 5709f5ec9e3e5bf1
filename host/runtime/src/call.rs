//! Runs one method or one check of one plugin in a fresh store, with limits and a deadline, and
//! reports the outcome.
//!
//! A trap poisons a whole store, so each call has a store of its own, and so does each nested
//! call.

mod describe;
mod make_report;
pub(crate) mod pure;
mod report;
mod state;
mod upgrade;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sedge_lang::type_info::MethodKind;
use sedge_model::call::{CallError, LimitName, MethodFailure};
use sedge_model::limits::ModelLimits;
use sedge_model::lineage::Lineage;
use sedge_model::names::{CheckName, MethodName, ModelName};
use sedge_model::permission::effective::{Permissions, Uses};
use sedge_model::run::StepInstance;
use sedge_sys::clock::{self, Moment};
use serde_json::Value;
use wasmtime::{Store, UpdateDeadline, WasmCoreDump};

pub(crate) use self::describe::describe;
pub use self::make_report::{ReportDocument, ReportError};
pub use self::report::{CallReport, CoreDump};
pub(crate) use self::state::{CallState, HANDLES_MAX, Running};
pub use self::upgrade::UpgradeError;
use crate::bindings::exports::sedge::model::model as guest;
use crate::budget::{Admission, Descriptors};
use crate::call_secrets::ArgumentSecret;
use crate::convert;
use crate::engine::{LIVE_INSTANCES_MAX, Runtime};
use crate::files::{CallFolder, Untouchable};
use crate::host::stop::until_stopped;
use crate::host::{HostError, JSON_BYTES_MAX, Ports};
use crate::http::{Http, SenderSpec};
use crate::json;
use crate::output::GuestOutput;
use crate::plugin::Plugin;
use crate::staging::Staging;
use crate::trap;

/// How long a call waits for a live instance. The calls that hold an instance may all wait for
/// callees that need one; this timeout resolves that deadlock.
const SLOT_WAIT_MAX: Duration = Duration::from_secs(10);

/// The maximum size of all arguments of one host call, in bytes: four texts of the maximum size.
/// Beyond it the guest traps before the host copies anything.
const HOST_CALL_BYTES_MAX: usize = 16 << 20;

/// The identity of a call, what it may use, and its limits.
///
/// Nothing of this changes while the call runs, so all parts of the host that serve the call share
/// one of them.
#[derive(Debug)]
pub struct CallIdentity {
    /// The model that is called.
    pub model: ModelName,
    /// The id of its definition in lower case, or its name.
    pub model_id: String,
    /// The tags of its definition.
    pub tags: BTreeMap<String, String>,
    /// The method that is called.
    pub method: MethodName,
    /// The kind of the method.
    pub kind: MethodKind,
    /// The position of the call in the call tree of its run.
    pub lineage: Lineage,
    /// The workflow step that the call belongs to, or `None`.
    pub step: Option<StepInstance>,
    /// The effective permissions of the model.
    pub permissions: Arc<Permissions>,
    /// Records which permissions the call has used.
    pub uses: Arc<Uses>,
    /// The moment at which the call's time starts to count.
    pub begin: Moment,
    /// The moment by which the call must have ended: its own deadline or its caller's, whichever
    /// is earlier.
    pub deadline: Moment,
    /// The limits of the call.
    pub limits: ModelLimits,
}

/// The parts of the machine that a call may use.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The granted folders.
    pub folders: Vec<CallFolder>,
    /// Files and folders that the call may not write to, even if a granted folder contains them.
    pub untouchable: Untouchable,
    /// The granted environment variables, as names and values.
    pub variables: Vec<(String, String)>,
}

/// Which code of a plugin a call runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallPart {
    /// The method that is called.
    Method,
    /// A check that decides whether the method may run. Its result is null, or the failure
    /// [`CHECK_FAILED`].
    Check(CheckName),
}

/// The code of the failure of a check. The message is the one that the check returned.
pub const CHECK_FAILED: &str = "check-failed";

/// The parameters of one call.
pub struct CallSpec {
    /// The call's identity.
    pub identity: Arc<CallIdentity>,
    /// Which code of the plugin runs.
    pub part: CallPart,
    /// The arguments of the method: an object that satisfies the method's schema.
    pub arguments: Arc<Value>,
    /// The model's global arguments: an object that satisfies their schema.
    pub global_arguments: Arc<Value>,
    /// The parts of the machine that the call may use.
    pub surroundings: Surroundings,
    /// The staging area for its writes.
    pub staging: Arc<Staging>,
    /// The ports through which the call reaches the rest of the host.
    pub ports: Ports,
    /// The secrets for which the arguments have placeholders.
    pub secrets: Vec<ArgumentSecret>,
    /// The budget that was reserved for it, if the call waited for budget.
    pub admission: Option<Admission>,
    /// Called when the code of the call first executes: until then, the call waits for others.
    pub first_executed: Option<FirstExecuted>,
}

/// See [`CallSpec::first_executed`]. It must not block.
pub type FirstExecuted = Arc<dyn Fn() + Send + Sync>;

impl Runtime {
    /// Runs a method or a check and returns its report. Dropping the future stops the guest. If
    /// the port [`StopPort`](crate::StopPort) stops it, the report says so, and has the log of the
    /// call until then.
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
            part,
            arguments,
            global_arguments,
            surroundings,
            staging,
            ports,
            secrets,
            admission,
            first_executed,
        } = spec;
        let (_memory, admitted) = admission.map_or((None, None), Admission::parts);
        let _folders = match self.folders_take(admitted, &surroundings) {
            Ok(folders) => folders,
            Err(limit) => return Ok(CallReport::refused(limit)),
        };
        let (begin, deadline) = (identity.begin, identity.deadline);
        let memory_bytes = usize::try_from(identity.limits.memory_bytes).unwrap_or(usize::MAX);
        let invocation = guest::Invocation {
            method: identity.method.to_string(),
            arguments: arguments.to_string(),
            global_arguments: global_arguments.to_string(),
        };
        let running = Running::new(plugin, identity, surroundings, Arc::clone(&staging));
        let running = running.with_arguments(secrets);
        let sender = SenderSpec {
            client: Arc::clone(&self.http),
            resolver: self.resolver.clone(),
            identity: Arc::clone(&running.identity),
            effects: ports.effects.clone(),
            secrets: Arc::clone(&running.secrets),
            budget: Arc::clone(&self.budget),
        };
        let running = Some((running, sender));
        let stop = ports.stop.clone();
        let (mut state, outputs) = CallState::new(memory_bytes, &self.budget, ports, running)?;
        state.first_executed = first_executed;
        let log = Arc::clone(&state.log);
        let grace = state.grace.clone();
        let mut store = self.store(state);
        let allowed_ms = begin.until(deadline).as_millis();
        let invoke = self.invoke(&mut store, plugin, part, invocation);
        let invoke = self.clock.until(deadline, invoke);
        let ended = until_stopped(stop.as_ref(), &grace, invoke).await;
        let refusals = store.data_mut().end().await;
        plugin.memory_note(store.data().memory.n_bytes());
        outputs.iter().for_each(GuestOutput::finish);
        let result = match ended {
            Ok(Ok(result)) => with_denial(result?, &store.data().http),
            Err(stopped) => Err(stopped),
            Ok(Err(clock::DeadlinePassed)) => Err(CallError::TimedOut {
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

    async fn invoke(
        &self,
        store: &mut Store<CallState>,
        plugin: &Plugin,
        part: CallPart,
        invocation: guest::Invocation,
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
        let first_executed = store.data_mut().first_executed.take();
        let call = async {
            // This is polled only while the call has a permit to execute.
            if let Some(first_executed) = first_executed {
                first_executed();
            }
            let instance = plugin.instance.instantiate_async(&mut *store).await?;
            let exports = instance.sedge_model_model();
            match part {
                CallPart::Method => exports.call_invoke(&mut *store, &invocation).await,
                CallPart::Check(check) => {
                    let request = guest::CheckRequest {
                        check: check.into(),
                        call: invocation,
                    };
                    let checked = exports.call_check(&mut *store, &request).await?;
                    Ok(convert::check_result_from_guest(checked))
                }
            }
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
            Ok(Err(failure)) => {
                let mut failure = convert::failure_from_guest(failure);
                if !failure.backtrace.is_empty() {
                    let lines = plugin.lines(self.cache.as_ref());
                    failure.backtrace = lines.script_frames(failure.backtrace);
                }
                Err(CallError::Failed(failure))
            }
            Ok(Ok(text)) if text.len() > JSON_BYTES_MAX => Err(CallError::Limit {
                name: LimitName::JsonBytes,
                value: JSON_BYTES_MAX as u64,
            }),
            Ok(Ok(text)) => json::parse(&text).map_err(|reason| {
                CallError::Failed(MethodFailure {
                    code: "invalid-result".to_owned(),
                    message: format!("the plugin returned no usable value: {reason}"),
                    details: None,
                    keep_writes: false,
                    backtrace: Vec::new(),
                })
            }),
        })
    }

    pub(super) fn store(&self, state: CallState) -> Store<CallState> {
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
