//! Follows the log of a run, and those of the runs of its nested workflows, while a process of any
//! kind works on them.
//!
//! The logs are the only source, so the reader and the process that works need not know each other.

use std::collections::HashSet;
use std::time::Duration;

use sedge_api::view::event::RunEventLine;
use sedge_model::names::RunId;
use sedge_model::run::RunEvent;
use sedge_store::EventRecord;

use crate::cx::Cx;
use crate::error::AppError;
use crate::repository::Repository;
use crate::run::event_view::event_line;

/// How often a face that follows a run reads what is new.
pub const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);

/// The state of following a run: how far each log was read.
#[derive(Debug)]
pub struct RunFollower {
    /// The runs, the one that was started first, each with the number of the last event that was
    /// read.
    runs: Vec<(RunId, u64)>,
    known: HashSet<RunId>,
}

impl RunFollower {
    /// Returns the state before any event of a run was read.
    #[must_use]
    pub fn new(run: RunId) -> Self {
        Self {
            known: HashSet::from([run.clone()]),
            runs: vec![(run, 0)],
        }
    }

    /// Returns the events that were not read yet. The events of one run are in their order.
    ///
    /// # Errors
    /// Returns an error if the datastore cannot be read.
    pub fn news(&mut self, cx: &Cx) -> Result<Vec<RunEventLine>, AppError> {
        let mut lines = Vec::new();
        self.read(&cx.repository, |run, record| {
            lines.push(event_line(run, &record));
        })?;
        Ok(lines)
    }

    /// Passes the events that were not read yet to `take`.
    pub(crate) fn read(
        &mut self,
        repository: &Repository,
        mut take: impl FnMut(&RunId, EventRecord),
    ) -> Result<(), AppError> {
        let store = repository.store()?;
        let mut at = 0;
        // Reading the log of a run can add the runs of its nested workflows.
        while let Some((run, seq)) = self.runs.get(at).cloned() {
            for record in store.run_events_after(&run, seq)? {
                self.runs[at].1 = record.seq;
                if let Some(child) = child_of(&record.event)
                    && self.known.insert(child.clone())
                {
                    self.runs.push((child.clone(), 0));
                }
                take(&run, record);
            }
            at += 1;
        }
        Ok(())
    }
}

/// Returns the run of a nested workflow that begins with an event. It may not exist yet.
fn child_of(event: &RunEvent) -> Option<&RunId> {
    match event {
        RunEvent::StepStarted { child, .. } => child.as_ref(),
        RunEvent::Started
        | RunEvent::Resumed
        | RunEvent::Released
        | RunEvent::Reset { .. }
        | RunEvent::EditsTaken
        | RunEvent::CancelRequested { .. }
        | RunEvent::DeadlinePassed
        | RunEvent::JobGuarded { .. }
        | RunEvent::Expanded { .. }
        | RunEvent::Guarded { .. }
        | RunEvent::EvaluationCalled { .. }
        | RunEvent::StepSucceeded { .. }
        | RunEvent::StepFailed { .. }
        | RunEvent::StepRetried { .. }
        | RunEvent::StepSkipped { .. }
        | RunEvent::ChildSuspended { .. }
        | RunEvent::GateOpened { .. }
        | RunEvent::GateDecided { .. }
        | RunEvent::GateExpired { .. }
        | RunEvent::Suspended
        | RunEvent::Ended { .. } => None,
    }
}
