//! The events of a use case, for a front end that shows progress.

use std::time::Duration;

use sedge_model::call::LogLine;
use sedge_model::lineage::Lineage;
use sedge_model::names::{MethodName, ModelName, RunId, TypeName, TypeVersion};
use sedge_model::run::StepPath;
use sedge_runtime::CachePart;

/// One event.
#[derive(Debug, Clone)]
pub enum Event {
    /// A run was created or resumed.
    RunStarted {
        /// The id of the run.
        run: RunId,
    },
    /// A step began.
    StepStarted {
        /// The step.
        step: StepPath,
    },
    /// A step ended.
    StepEnded {
        /// The step.
        step: StepPath,
        /// How long the step took.
        elapsed: Duration,
        /// Whether the step succeeded.
        succeeded: bool,
    },
    /// A step is skipped.
    StepSkipped {
        /// The step.
        step: StepPath,
        /// The reason.
        because: String,
    },
    /// A gate waits for a decision of the user.
    GateOpened {
        /// The gate.
        gate: StepPath,
        /// The question to show; may be empty.
        prompt: String,
    },
    /// A call has waited for a lock for a while. The event is repeated while it waits.
    LockWaiting {
        /// The call, or the run.
        call: Lineage,
        /// The resource that it requests a lock on.
        resource: String,
        /// The holders of the lock, or the waiters ahead in the queue: the call, its chain from the
        /// run down, and its process.
        blockers: Vec<String>,
        /// How long it has waited.
        waited: Duration,
        /// How many more calls of this process wait for locks, in this queue or in others.
        n_others: usize,
    },
    /// No call waits for a lock any more.
    LockWaitEnded,
    /// A call is rolled back and retried, because it and others waited for each other. It has had
    /// no visible side effect.
    CallRolledBack {
        /// The call.
        call: Lineage,
        /// The calls on this side of the cycle, from the run down.
        ours: Vec<String>,
        /// The calls on the other side of the cycle, from the run down.
        theirs: Vec<String>,
    },
    /// A call logged a line.
    Logged {
        /// The step of the workflow that the call belongs to, if any.
        step: Option<StepPath>,
        /// The call's model.
        model: ModelName,
        /// The call's method.
        method: MethodName,
        /// The line.
        line: LogLine,
    },
    /// The progress of an operation that takes a while.
    Progress {
        /// How many units are done.
        done: u64,
        /// How many units there are in total; `None` if that is not known.
        of: Option<u64>,
        /// The unit: `byte`, `version`.
        unit: &'static str,
    },
    /// The definition of a model was written for an earlier version of its type. The model is used
    /// with upgraded arguments, and its file stays as it is.
    DefinitionUpgraded(DefinitionUpgrade),
    /// A plugin had to be compiled before it could be called.
    PluginCompiled {
        /// The type of the plugin.
        type_name: TypeName,
        /// How long the compilation took.
        elapsed: Duration,
    },
    /// The cache of compiled code cannot be used, or cannot store one plugin. This process then
    /// compiles for itself alone.
    CacheUnusable {
        /// The folder of the cache that this is about; the user can choose each.
        part: CachePart,
        /// The reason.
        reason: String,
    },
    /// A plugin logged a line while it described itself.
    PluginLogged {
        /// The line.
        line: LogLine,
    },
}

/// The upgrade of a definition in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionUpgrade {
    /// The model.
    pub model: ModelName,
    /// Its type.
    pub type_name: TypeName,
    /// The version that the definition names, if it names one.
    pub from: Option<TypeVersion>,
    /// The version of the type.
    pub to: TypeVersion,
}

/// Receives events. It is called from many threads, and must not block for long.
pub trait Events: Send + Sync + 'static {
    /// Receives one event.
    fn event(&self, event: Event);
}
