//! The events of a use case, for a front end that shows progress.

use std::time::Duration;

use sedge_model::call::LogLine;
use sedge_model::lineage::Lineage;
use sedge_model::names::{
    JobName, MethodName, ModelName, RunId, TypeName, TypeVersion, WorkflowName,
};
use sedge_model::run::{
    Actor, GateDeadline, GateDecision, OnTimeout, StepAttempt, StepInstance, StepPath,
};
use sedge_runtime::CachePart;

/// One event.
#[derive(Debug, Clone)]
pub enum Event {
    /// A run was created.
    RunStarted {
        /// The id of the run.
        run: RunId,
    },
    /// A driver continues a run.
    RunResumed {
        /// The id of the run.
        run: RunId,
    },
    /// A user cancels a run: nothing more starts, and its calls are being stopped.
    RunCancelling {
        /// The run.
        run: RunId,
        /// The user.
        by: Actor,
        /// The user's reason.
        reason: Option<String>,
    },
    /// The deadline of a run has passed: nothing more starts, and its calls are being stopped.
    RunDeadlinePassed {
        /// The run.
        run: RunId,
    },
    /// The file of a workflow has changed since a run of it began. The run continues with its own
    /// text.
    WorkflowEdited {
        /// The run.
        run: RunId,
        /// The workflow.
        workflow: WorkflowName,
    },
    /// The steps of a job are done already, because the guard of the job holds.
    JobSatisfied {
        /// The run.
        run: RunId,
        /// The job.
        job: JobName,
    },
    /// A step with `forEach` has its values.
    StepExpanded {
        /// The run.
        run: RunId,
        /// The step.
        step: StepPath,
        /// The number of its instances.
        n_instances: usize,
    },
    /// An attempt at a step began.
    StepStarted {
        /// The run.
        run: RunId,
        /// The attempt.
        step: StepAttempt,
    },
    /// A child run of a nested workflow was created or is resumed. The events of the child have its
    /// id.
    ChildStarted {
        /// The run that the step is part of.
        run: RunId,
        /// The step.
        step: StepAttempt,
        /// The child run.
        child: RunId,
        /// The workflow of the child run.
        workflow: WorkflowName,
    },
    /// An attempt at a step failed, and the next one follows after a pause.
    StepRetried {
        /// The run.
        run: RunId,
        /// The attempt that failed.
        step: StepAttempt,
        /// The error, in one line.
        error: String,
        /// When the next attempt starts: milliseconds since 1970-01-01T00:00:00Z.
        next_at_ms: i64,
    },
    /// A step ended.
    StepEnded {
        /// The run.
        run: RunId,
        /// The last attempt.
        step: StepAttempt,
        /// How long this attempt took. An assert, or a step that failed before it began, took no
        /// time.
        elapsed: Duration,
        /// Whether the step succeeded.
        succeeded: bool,
        /// Whether the run may succeed although the step failed.
        is_allowed: bool,
    },
    /// A step is done already, because its guard holds.
    StepSatisfied {
        /// The run.
        run: RunId,
        /// The step.
        step: StepInstance,
    },
    /// A step is skipped.
    StepSkipped {
        /// The run.
        run: RunId,
        /// The step.
        step: StepInstance,
        /// The reason.
        because: String,
    },
    /// A gate waits for a decision of the user.
    GateOpened {
        /// The run.
        run: RunId,
        /// The gate.
        gate: StepInstance,
        /// The question to show; may be empty.
        prompt: String,
        /// The deadline, if the gate has one.
        deadline: Option<GateDeadline>,
    },
    /// A user decided at a gate while the run is driven.
    GateDecided {
        /// The run.
        run: RunId,
        /// The gate.
        gate: StepInstance,
        /// The decision.
        decision: GateDecision,
        /// The user.
        by: Actor,
    },
    /// The deadline of a gate decided it.
    GateExpired {
        /// The run.
        run: RunId,
        /// The gate.
        gate: StepInstance,
        /// What the deadline means.
        then: OnTimeout,
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
    /// A call began.
    CallStarted {
        /// The call.
        call: Lineage,
        /// The step of the workflow that the call belongs to, if any.
        step: Option<StepInstance>,
        /// The call's model.
        model: ModelName,
        /// The call's method.
        method: MethodName,
    },
    /// A call ended, in whatever way.
    CallEnded {
        /// The call.
        call: Lineage,
        /// The step of the workflow that the call belongs to, if any.
        step: Option<StepInstance>,
    },
    /// A call logged a line.
    Logged {
        /// The call.
        call: Lineage,
        /// The step of the workflow that the call belongs to, if any.
        step: Option<StepInstance>,
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
