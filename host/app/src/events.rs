//! What happens while a use case runs, for whoever shows progress.

use std::time::Duration;

use sedge_model::call::LogLine;
use sedge_model::lineage::Lineage;
use sedge_model::names::{MethodName, ModelName, RunId, TypeName};
use sedge_model::run::StepPath;
use sedge_runtime::CachePart;

/// One thing that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A run was made or taken up again.
    RunStarted {
        /// Its id.
        run: RunId,
    },
    /// A step began.
    StepStarted {
        /// Which step.
        step: StepPath,
    },
    /// A step ended.
    StepEnded {
        /// Which step.
        step: StepPath,
        /// How long it took.
        elapsed: Duration,
        /// Whether it succeeded.
        succeeded: bool,
    },
    /// A step will not run.
    StepSkipped {
        /// Which step.
        step: StepPath,
        /// Why not.
        because: String,
    },
    /// A gate waits for a person.
    GateOpened {
        /// Which gate.
        gate: StepPath,
        /// What to ask; may be empty.
        prompt: String,
    },
    /// A call has waited for a lock for a while. Comes again as long as it does.
    LockWaiting {
        /// The call, or the run.
        call: Lineage,
        /// What it wants to lock.
        resource: String,
        /// Who has it, or is in front: the call, its chain from the run down, its process.
        blockers: Vec<String>,
        /// For how long it has waited.
        waited: Duration,
        /// How many more calls of this process wait for locks, behind it or elsewhere.
        n_others: usize,
    },
    /// Nobody waits for a lock any more.
    LockWaitEnded,
    /// A call and others waited for each other. Nothing that it did can be seen from outside,
    /// so it is undone and starts anew.
    CallUndone {
        /// The call.
        call: Lineage,
        /// Who would have waited, from the run down.
        ours: Vec<String>,
        /// The same of the one that waits for it.
        theirs: Vec<String>,
    },
    /// A call logged a line.
    Logged {
        /// The call's model.
        model: ModelName,
        /// The call's method.
        method: MethodName,
        /// The line.
        line: LogLine,
    },
    /// How far something is that takes a while.
    Progress {
        /// How much is done.
        done: u64,
        /// Of how much; none if that is not known.
        of: Option<u64>,
        /// What is counted: `byte`, `version`.
        unit: &'static str,
    },
    /// A plugin had to be compiled before it could be called.
    PluginCompiled {
        /// Its type.
        type_name: TypeName,
        /// How long that took.
        elapsed: Duration,
    },
    /// The cache of compiled code cannot be used, or not for what is at hand: what is compiled
    /// is for this process alone.
    CacheUnusable {
        /// Which of the folders that a person can choose this is about.
        part: CachePart,
        /// What is wrong with it.
        reason: String,
    },
    /// A plugin logged a line while it described itself.
    PluginLogged {
        /// The line.
        line: LogLine,
    },
}

/// Where events go. Called from many threads, and must not block for long.
pub trait Events: Send + Sync + 'static {
    /// Takes one event.
    fn event(&self, event: Event);
}
