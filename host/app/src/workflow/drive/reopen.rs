//! Gates whose users decided on something else than what the run continues with: they are opened
//! again.
//!
//! A decision counts for the digest that was shown: the text of the workflow, the inputs, and the
//! definitions and plugins, of the run and of the runs that it is part of. A driver compares the digest
//! of each gate with the present one before anything of the run continues. So it does not matter
//! which command has changed what, or whether a process crashed in between.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sedge_model::run::{StepInstance, StepPath};
use sedge_store::LogEntry;

use super::Drive;
use crate::error::AppError;
use crate::run::gate_log::gate_entries;

/// The step of another run that runs a nested workflow, and the driver of that run.
pub(in crate::workflow) struct StepAbove {
    pub(super) drive: Arc<Drive>,
    pub(super) step: StepInstance,
}

impl Drive {
    /// Opens the gates again that were decided on something else than what the run continues with,
    /// and those that ask for something else. A gate stays decided if nothing behind it is left to
    /// start.
    pub(super) async fn gates_reopen(self: &Arc<Self>) -> Result<(), AppError> {
        let asked = match &*self.state() {
            state if state.is_stopping() || state.run.ended().is_some() => Vec::new(),
            state => state.run.gates_asked(),
        };
        if asked.is_empty() || self.deadline_is_over() {
            return Ok(());
        }
        let log = self.cx.repository.store()?.run_events(self.cx.run())?;
        let now = self.cx.clock().now();
        let mut entries = gate_entries(&log);
        entries.retain(|entry| entry.is_of_users(now));
        let digest = self.digest().await?;
        entries.retain(|entry| entry.digest().is_some_and(|shown| shown != digest));
        if entries.is_empty() {
            return Ok(());
        }
        let mut stale: HashMap<StepPath, Vec<StepInstance>> = HashMap::new();
        for entry in entries {
            let instances = stale.entry(entry.gate.path.clone()).or_default();
            instances.push(entry.gate);
        }
        let has_followers_above = self.has_followers_above();
        let reopened = self.append_made(|state| {
            let open: HashSet<StepInstance> = state.run.gates_open().collect();
            let unstarted_behind = state.run.steps_with_unstarted_behind();
            let mut gates = state.run.gates_asked();
            gates.retain(|gate| {
                stale.get(gate).is_some_and(|instances| {
                    has_followers_above
                        || unstarted_behind.contains(gate)
                        || instances.iter().any(|it| open.contains(it))
                })
            });
            let events = state.run.gates_reopened(&gates).into_iter();
            let events: Vec<LogEntry> = events.map(LogEntry::from).collect();
            (!events.is_empty()).then_some((events, None))
        });
        reopened.await.map(drop)
    }

    /// Returns whether something of a run that this one is part of waits for the end of this one, and
    /// has not started.
    fn has_followers_above(&self) -> bool {
        let Some(StepAbove { drive, step }) = &self.above else {
            return false;
        };
        let has_followers = drive.state().run.has_unstarted_behind(&step.path);
        has_followers || drive.has_followers_above()
    }
}
