//! Follows the log of a run, and those of the runs of its nested workflows and of the runs that its
//! calls start, while a process of any kind works on them.
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
    /// The runs, the one that was started first.
    runs: Vec<FollowedRun>,
    known: HashSet<RunId>,
}

#[derive(Debug)]
struct FollowedRun {
    id: RunId,
    /// The number of the last event that was read.
    seq: u64,
    /// Whether that event is the end of the run, so that its calls have started all their runs.
    has_ended: bool,
}

impl FollowedRun {
    fn new(id: RunId) -> Self {
        Self {
            id,
            seq: 0,
            has_ended: false,
        }
    }
}

impl RunFollower {
    /// Returns the state before any event of a run was read.
    #[must_use]
    pub fn new(run: RunId) -> Self {
        Self {
            known: HashSet::from([run.clone()]),
            runs: vec![FollowedRun::new(run)],
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
        // A run can add the runs of its nested workflows, and those that its calls have started.
        while let Some(followed) = self.runs.get(at) {
            let (run, seq, has_ended) = (followed.id.clone(), followed.seq, followed.has_ended);
            for record in store.run_events_after(&run, seq)? {
                let followed = &mut self.runs[at];
                followed.seq = record.seq;
                followed.has_ended = matches!(record.event, RunEvent::Ended { .. });
                if let Some((_, child)) = record.event.child_run() {
                    self.add(child);
                }
                take(&run, record);
            }
            if !has_ended {
                for called in store.runs_of_calls(&run)? {
                    self.add(&called.run.id);
                }
            }
            at += 1;
        }
        Ok(())
    }

    fn add(&mut self, run: &RunId) {
        if self.known.insert(run.clone()) {
            self.runs.push(FollowedRun::new(run.clone()));
        }
    }
}
