//! The calls of a run that another process works on, as events: their begins, their ends, and the
//! lines that they logged.

use std::collections::{BTreeMap, HashMap, HashSet};

use sedge_model::call::CallStatus;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_model::run::StepInstance;
use sedge_store::CallRecord;

use crate::error::AppError;
use crate::events::{Event, EventSink};
use crate::repository::Repository;

/// The largest number of steps whose calls are looked at while they run. A face shows fewer, and
/// each look reads the calls of each of them.
const STEPS_MAX: usize = 64;

/// The calls of the attempts that are under way.
#[derive(Debug, Default)]
pub(super) struct WatchedCalls {
    /// The attempts, by their runs and the numbers of their calls.
    open: BTreeMap<(RunId, u32), WatchedAttempt>,
}

/// An attempt at a step.
#[derive(Debug)]
struct WatchedAttempt {
    step: StepInstance,
    /// The calls that were reported as running.
    running: HashSet<Lineage>,
    /// How many lines were reported of each call that has not ended.
    logged: HashMap<Lineage, usize>,
    /// The calls whose ends were reported. A step can have many of them.
    ended: HashSet<Lineage>,
}

impl WatchedCalls {
    /// Notes that an attempt has begun.
    pub(super) fn begun(&mut self, run: &RunId, step: &StepInstance, call: u32) {
        let attempt = WatchedAttempt {
            step: step.clone(),
            running: HashSet::new(),
            logged: HashMap::new(),
            ended: HashSet::new(),
        };
        self.open.insert((run.clone(), call), attempt);
    }

    /// Forgets the attempts of a run that no process works on any more.
    pub(super) fn forget(&mut self, run: &RunId) {
        self.open.retain(|(open, _), _| open != run);
    }

    /// Reports what the calls of an attempt that has ended have logged.
    ///
    /// # Errors
    /// The datastore cannot be read.
    pub(super) fn ended(
        &mut self,
        repository: &Repository,
        events: &EventSink,
        (run, call): (&RunId, Option<u32>),
    ) -> Result<(), AppError> {
        let Some(call) = call else {
            return Ok(());
        };
        match self.open.remove(&(run.clone(), call)) {
            Some(mut attempt) => attempt.report(repository, events, run, call),
            None => Ok(()),
        }
    }

    /// Reports what has changed in the attempts that are under way.
    ///
    /// # Errors
    /// The datastore cannot be read.
    pub(super) fn look(
        &mut self,
        repository: &Repository,
        events: &EventSink,
    ) -> Result<(), AppError> {
        for ((run, call), attempt) in self.open.iter_mut().take(STEPS_MAX) {
            attempt.report(repository, events, run, *call)?;
        }
        Ok(())
    }
}

impl WatchedAttempt {
    fn report(
        &mut self,
        repository: &Repository,
        events: &EventSink,
        run: &RunId,
        call: u32,
    ) -> Result<(), AppError> {
        let store = repository.store()?;
        for record in store.calls_of_attempts(run, &[call])? {
            if self.ended.contains(&record.lineage) {
                continue;
            }
            let is_running = record.status == CallStatus::Running;
            if is_running && self.running.insert(record.lineage.clone()) {
                self.begun(events, &record);
            }
            let n_logged = self.logged.entry(record.lineage.clone()).or_default();
            let lines = store.log_of_call(&record.lineage)?;
            for line in lines.into_iter().skip(*n_logged) {
                *n_logged += 1;
                events.event(Event::Logged {
                    call: record.lineage.clone(),
                    step: Some(self.step.clone()),
                    model: record.model.clone(),
                    method: record.method.clone(),
                    line,
                });
            }
            if is_running {
                continue;
            }
            self.logged.remove(&record.lineage);
            self.ended.insert(record.lineage.clone());
            if self.running.remove(&record.lineage) {
                events.event(Event::CallEnded {
                    call: record.lineage,
                    step: Some(self.step.clone()),
                });
            }
        }
        Ok(())
    }

    fn begun(&self, events: &EventSink, record: &CallRecord) {
        let event = Event::CallStarted {
            call: record.lineage.clone(),
            step: Some(self.step.clone()),
            model: record.model.clone(),
            method: record.method.clone(),
        };
        events.event_at(event, record.started_at);
    }
}
