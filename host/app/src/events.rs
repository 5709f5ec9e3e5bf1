//! The events of a use case, for a front end that shows progress.
//!
//! An [`EventSink`] is the only place that gives events their numbers and times.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
use sedge_sys::clock::{Clock, Timestamp};

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
    /// The run of a workflow that a call has started was created or is continued. The events of the
    /// run have its id.
    CalledRunStarted {
        /// The call.
        call: Lineage,
        /// The step of the workflow that the call belongs to, if any.
        step: Option<StepInstance>,
        /// The run that the call has started.
        child: RunId,
        /// The workflow of that run.
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
        /// The pause between the failure and the next attempt.
        pause: Duration,
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
    /// A gate is opened again, because what its users decided on has changed.
    GateReopened {
        /// The run.
        run: RunId,
        /// The gate, with all its expansions.
        gate: StepPath,
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
    /// An observation is rolled back and retried alone, because another one has written the same data
    /// beside it.
    ObservationRetried {
        /// The call.
        call: Lineage,
        /// A sentence that names the data, and the call that wrote it.
        reason: String,
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

impl Event {
    /// Returns what the event belongs to.
    #[must_use]
    pub fn place(&self) -> EventPlace<'_> {
        match self {
            Self::RunStarted { run }
            | Self::RunResumed { run }
            | Self::RunCancelling { run, .. }
            | Self::RunDeadlinePassed { run }
            | Self::WorkflowEdited { run, .. }
            | Self::JobSatisfied { run, .. }
            | Self::GateReopened { run, .. }
            | Self::StepExpanded { run, .. } => EventPlace::of_run(run),
            Self::StepStarted { run, step }
            | Self::ChildStarted { run, step, .. }
            | Self::StepRetried { run, step, .. }
            | Self::StepEnded { run, step, .. } => EventPlace::of_step(run, &step.step),
            Self::StepSatisfied { run, step } | Self::StepSkipped { run, step, .. } => {
                EventPlace::of_step(run, step)
            }
            Self::GateOpened { run, gate, .. }
            | Self::GateDecided { run, gate, .. }
            | Self::GateExpired { run, gate, .. } => EventPlace::of_step(run, gate),
            Self::LockWaiting { call, .. }
            | Self::CallRolledBack { call, .. }
            | Self::ObservationRetried { call, .. } => EventPlace::of_call(call, None),
            Self::CallStarted { call, step, .. }
            | Self::CalledRunStarted { call, step, .. }
            | Self::CallEnded { call, step }
            | Self::Logged { call, step, .. } => EventPlace::of_call(call, step.as_ref()),
            Self::LockWaitEnded
            | Self::Progress { .. }
            | Self::DefinitionUpgraded(_)
            | Self::PluginCompiled { .. }
            | Self::CacheUnusable { .. }
            | Self::PluginLogged { .. } => EventPlace::default(),
        }
    }
}

/// What an event belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventPlace<'a> {
    /// The run, if any.
    pub run: Option<&'a RunId>,
    /// The step of the run's workflow, if any.
    pub step: Option<&'a StepInstance>,
    /// The call, if any.
    pub call: Option<&'a Lineage>,
}

impl<'a> EventPlace<'a> {
    fn of_run(run: &'a RunId) -> Self {
        Self {
            run: Some(run),
            ..Self::default()
        }
    }

    fn of_step(run: &'a RunId, step: &'a StepInstance) -> Self {
        Self {
            step: Some(step),
            ..Self::of_run(run)
        }
    }

    /// The lineage of a run without a call has no ordinals.
    fn of_call(call: &'a Lineage, step: Option<&'a StepInstance>) -> Self {
        Self {
            run: Some(call.run()),
            step,
            call: call.ordinal().map(|_| call),
        }
    }
}

/// An event as a front end receives it.
#[derive(Debug, Clone)]
pub struct ReportedEvent {
    /// The number of the event among those of its use case, from 1. Events of several threads can
    /// arrive in another order than that of their numbers.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The event.
    pub event: Event,
}

/// Receives events. It is called from many threads, and must not block for long.
pub trait Events: Send + Sync + 'static {
    /// Receives one event.
    fn event(&self, reported: ReportedEvent);
}

/// Gives events their numbers and times, and passes them on to a receiver. Clones share the
/// numbers.
#[derive(Clone)]
pub struct EventSink {
    receiver: Arc<dyn Events>,
    clock: Clock,
    n_reported: Arc<AtomicU64>,
}

impl EventSink {
    /// Returns a sink that passes events on to `receiver`, with the times of `clock`.
    #[must_use]
    pub fn new(receiver: Arc<dyn Events>, clock: Clock) -> Self {
        Self {
            receiver,
            clock,
            n_reported: Arc::default(),
        }
    }

    /// Reports an event that happens now.
    pub(crate) fn event(&self, event: Event) {
        self.event_at(event, self.clock.now());
    }

    /// Reports an event that happened earlier, for a use case that follows a run of another process.
    pub(crate) fn event_at(&self, event: Event, at: Timestamp) {
        self.receiver.event(ReportedEvent {
            seq: self.n_reported.fetch_add(1, Ordering::Relaxed) + 1,
            at,
            event,
        });
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSink").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use sedge_sys::clock::SettableClock;

    use super::*;

    #[derive(Default)]
    struct Received(Mutex<Vec<ReportedEvent>>);

    impl Events for Received {
        fn event(&self, reported: ReportedEvent) {
            self.0.lock().expect("no panic").push(reported);
        }
    }

    #[test]
    fn events_have_numbers_and_times() {
        let (clock, received) = (SettableClock::at(Timestamp(5)), Arc::<Received>::default());
        let sink = EventSink::new(Arc::clone(&received) as Arc<dyn Events>, clock.handle());
        sink.event(Event::LockWaitEnded);
        clock.advance(Duration::from_secs(1));
        sink.clone().event(Event::LockWaitEnded);
        sink.event_at(Event::LockWaitEnded, Timestamp(7));
        let received = received.0.lock().expect("no panic");
        let stamps: Vec<(u64, u64)> = received.iter().map(|it| (it.seq, it.at.0)).collect();
        assert_eq!(stamps, [(1, 5), (2, 1005), (3, 7)]);
    }

    #[test]
    fn event_has_its_run_and_call() {
        let run: RunId = RunId::from_bits(1);
        let root = Lineage::root(run.clone());
        let call = root.child(1);
        let check = |event: Event, of_call: Option<&Lineage>| {
            let expect = EventPlace {
                run: Some(&run),
                step: None,
                call: of_call,
            };
            assert_eq!(event.place(), expect);
        };
        check(Event::RunStarted { run: run.clone() }, None);
        let ended = |call: &Lineage| Event::CallEnded {
            call: call.clone(),
            step: None,
        };
        check(ended(&call), Some(&call));
        // The wait of a run, before it makes a call.
        check(ended(&root), None);
        assert_eq!(Event::LockWaitEnded.place(), EventPlace::default());
    }
}
