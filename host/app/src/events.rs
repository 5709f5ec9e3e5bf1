//! What happens while a use case runs, for whoever shows progress.

use std::time::Duration;

use sedge_model::call::LogLine;
use sedge_model::names::{MethodName, ModelName, RunId};
use sedge_model::run::StepPath;

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
    /// A call logged a line.
    Logged {
        /// The call's model.
        model: ModelName,
        /// The call's method.
        method: MethodName,
        /// The line.
        line: LogLine,
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
