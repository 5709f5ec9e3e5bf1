//! Gates that wait for a decision.

use std::collections::{BTreeMap, HashMap};

use sedge_model::run::{ExpansionName, GateDeadline, GateShown, RunEvent, StepInstance, StepPath};
use sedge_sys::clock::Timestamp;

use crate::Store;
use crate::door::values;
use crate::error::StoreError;
use crate::run_log::{EventRecord, event_record};
use crate::runs::{RunRecord, run_record};
use crate::statements;

/// A gate that waits for a decision. Its deadline may have passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRecord {
    /// The run.
    pub run: RunRecord,
    /// The gate.
    pub gate: StepInstance,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What a user sees. Both texts are empty if a version of Sedge opened it that did not record
    /// them.
    pub shown: GateShown,
    /// Its deadline, if it has one.
    pub deadline: Option<GateDeadline>,
}

impl Store {
    /// Returns the gates that wait for a user: those of the oldest run first, in the order in which
    /// they were opened. A gate of a run that is being cancelled waits for no user.
    ///
    /// # Errors
    /// The database fails.
    pub fn gates_open(&self) -> Result<Vec<GateRecord>, StoreError> {
        self.door.read("list open gates", |tx| {
            let mut gates = Vec::new();
            for run in tx.all(statements::RUNS_WITH_GATES, &[], run_record)? {
                let of_run = values![run.id.as_str()];
                let events = tx.all(statements::RUN_EVENTS_OF_GATES, &of_run, event_record)?;
                let mut open = OpenGates::default();
                for event in &events {
                    open.note(event);
                }
                gates.extend(open.into_records(&run));
            }
            Ok(gates)
        })
    }
}

/// The open gates of a run.
#[derive(Default)]
struct OpenGates<'a> {
    /// The open gates, by the number of the event that opened each.
    open: BTreeMap<u64, OpenGate<'a>>,
    /// The numbers of these events, by step and expansion.
    opened: HashMap<&'a StepPath, HashMap<Option<&'a ExpansionName>, u64>>,
}

struct OpenGate<'a> {
    gate: &'a StepInstance,
    opened_at: Timestamp,
    shown: &'a GateShown,
    deadline: Option<GateDeadline>,
}

impl<'a> OpenGates<'a> {
    fn note(&mut self, record: &'a EventRecord) {
        match &record.event {
            RunEvent::GateOpened {
                gate,
                shown,
                deadline,
            } => {
                self.close(gate);
                let instances = self.opened.entry(&gate.path).or_default();
                instances.insert(gate.expansion.as_ref(), record.seq);
                let open = OpenGate {
                    gate,
                    opened_at: record.at,
                    shown,
                    deadline: *deadline,
                };
                self.open.insert(record.seq, open);
            }
            RunEvent::GateDecided { gate, .. } | RunEvent::GateExpired { gate, .. } => {
                self.close(gate);
            }
            RunEvent::StepSkipped { step, .. } => match step.expansion {
                Some(_) => self.close(step),
                None => self.close_all_of(&step.path),
            },
            RunEvent::Reset { steps } => {
                for step in steps {
                    self.close_all_of(step);
                }
            }
            RunEvent::GateReopened { gate, .. } => self.close_all_of(gate),
            RunEvent::CancelRequested { .. }
            | RunEvent::DeadlinePassed
            | RunEvent::Ended { .. } => {
                self.open.clear();
                self.opened.clear();
            }
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Released
            | RunEvent::EditsTaken
            | RunEvent::JobGuarded { .. }
            | RunEvent::Expanded { .. }
            | RunEvent::Guarded { .. }
            | RunEvent::EvaluationCalled { .. }
            | RunEvent::StepStarted { .. }
            | RunEvent::StepSucceeded { .. }
            | RunEvent::StepFailed { .. }
            | RunEvent::StepRetried { .. }
            | RunEvent::ChildSuspended { .. }
            | RunEvent::Suspended => {}
        }
    }

    fn close(&mut self, gate: &'a StepInstance) {
        let instances = self.opened.get_mut(&gate.path);
        let seq = instances.and_then(|it| it.remove(&gate.expansion.as_ref()));
        if let Some(seq) = seq {
            self.open.remove(&seq);
        }
    }

    /// Closes all instances of a step.
    fn close_all_of(&mut self, step: &'a StepPath) {
        for (_, seq) in self.opened.remove(step).into_iter().flatten() {
            self.open.remove(&seq);
        }
    }

    fn into_records(self, run: &RunRecord) -> impl Iterator<Item = GateRecord> {
        self.open.into_values().map(|open| GateRecord {
            run: run.clone(),
            gate: open.gate.clone(),
            opened_at: open.opened_at,
            shown: open.shown.clone(),
            deadline: open.deadline,
        })
    }
}
