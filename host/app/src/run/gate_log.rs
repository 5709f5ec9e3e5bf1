//! The gates of a run, as its log has them: what users were shown, and how each was decided.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sedge_api::view::run::{FormerApprovalView, GateDeadlineView, OnTimeoutView};
use sedge_model::run::{
    Actor, GateDeadline, GateDecision, GateShown, OnTimeout, RunEvent, StepInstance, StepPath,
};
use sedge_store::EventRecord;
use sedge_sys::clock::Timestamp;

use crate::views::time;

/// A gate that a run has opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GateEntry {
    pub(crate) gate: StepInstance,
    pub(crate) opened_at: Timestamp,
    pub(crate) shown: GateShown,
    pub(crate) deadline: Option<GateDeadline>,
    /// The approval that counted before the gate was opened again.
    pub(crate) former: Option<FormerApproval>,
    end: Option<GateEnd>,
}

/// An approval that counts no more, because the gate was opened again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FormerApproval {
    pub(crate) by: Actor,
    pub(crate) at: Timestamp,
    /// The digest of what the user was shown, if it is known.
    pub(crate) digest: Option<String>,
}

/// The end of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GateEnd {
    /// A user decided.
    Decided {
        decision: GateDecision,
        by: Actor,
        at: Timestamp,
        comment: Option<String>,
    },
    /// Its deadline decided. The log may not say so yet.
    Expired { then: OnTimeout, at: Timestamp },
    /// The run was cancelled, or its deadline passed.
    Skipped,
}

impl GateEntry {
    fn opened(
        at: Timestamp,
        gate: &StepInstance,
        shown: &GateShown,
        deadline: Option<GateDeadline>,
    ) -> Self {
        Self {
            gate: gate.clone(),
            opened_at: at,
            shown: shown.clone(),
            deadline,
            former: None,
            end: None,
        }
    }

    /// Returns the end of the gate; `None` if it waits for a decision. A gate whose deadline has
    /// passed has ended, also if no command has written that to the log yet.
    pub(crate) fn end(&self, now: Timestamp) -> Option<GateEnd> {
        if self.end.is_some() {
            return self.end.clone();
        }
        let deadline = self.deadline?;
        (deadline.at_ms <= ms(now)).then(|| GateEnd::Expired {
            then: deadline.then,
            at: deadline_at(&deadline),
        })
    }

    /// Returns whether the gate is open, or a user has approved it.
    pub(crate) fn is_of_users(&self, now: Timestamp) -> bool {
        self.end(now).is_none() || self.is_approved(now)
    }

    /// Returns whether a user has approved the gate.
    pub(crate) fn is_approved(&self, now: Timestamp) -> bool {
        match self.end(now) {
            Some(GateEnd::Decided { decision, .. }) => decision == GateDecision::Approved,
            Some(GateEnd::Expired { .. } | GateEnd::Skipped) | None => false,
        }
    }

    /// Returns whether the gate was rejected: by a user, or by its deadline, which then counts like a
    /// user.
    pub(crate) fn is_rejected(&self, now: Timestamp) -> bool {
        match self.end(now) {
            Some(GateEnd::Decided { decision, .. }) => decision == GateDecision::Rejected,
            Some(GateEnd::Expired { then, .. }) => then == OnTimeout::Reject,
            Some(GateEnd::Skipped) | None => false,
        }
    }

    /// Returns the approval by a user; `None` if there is none.
    fn approval(&self) -> Option<FormerApproval> {
        match &self.end {
            Some(GateEnd::Decided {
                decision: GateDecision::Approved,
                by,
                at,
                ..
            }) => Some(FormerApproval {
                by: by.clone(),
                at: *at,
                digest: self.digest().map(str::to_owned),
            }),
            Some(
                GateEnd::Decided {
                    decision: GateDecision::Rejected,
                    ..
                }
                | GateEnd::Expired { .. }
                | GateEnd::Skipped,
            )
            | None => None,
        }
    }

    /// Returns the digest of what users are shown; `None` if an earlier version of Sedge opened the
    /// gate.
    pub(crate) fn digest(&self) -> Option<&str> {
        Some(self.shown.digest.as_str()).filter(|digest| !digest.is_empty())
    }
}

/// The gates of a log that was read up to some event.
#[derive(Default)]
struct GateLog {
    gates: Vec<GateEntry>,
    /// The places of the gates in `gates`.
    places: HashMap<StepInstance, usize>,
    /// The approvals of gates that are opened again.
    former: HashMap<StepInstance, FormerApproval>,
}

impl GateLog {
    fn opened(&mut self, entry: GateEntry) {
        let former = self.former.get(&entry.gate).cloned();
        self.places.insert(entry.gate.clone(), self.gates.len());
        self.gates.push(GateEntry { former, ..entry });
    }

    fn ended(&mut self, gate: &StepInstance, end: GateEnd) {
        if let Some(place) = self.places.get(gate) {
            self.gates[*place].end = Some(end);
        }
    }

    fn expired(&mut self, at: Timestamp, gate: &StepInstance, then: OnTimeout) {
        let place = self.places.get(gate);
        let deadline = place.and_then(|place| self.gates[*place].deadline);
        let at = deadline.map_or(at, |deadline| deadline_at(&deadline));
        self.ended(gate, GateEnd::Expired { then, at });
    }

    /// Notes that steps begin again, so that former approvals of theirs are no longer of interest.
    fn reset(&mut self, steps: &[StepPath]) {
        let steps = steps.iter().collect();
        self.remove(&steps);
        self.former.retain(|gate, _| !steps.contains(&gate.path));
    }

    /// Notes that a gate is opened again. Its approval is kept, or the one before that.
    fn reopened(&mut self, gate: &StepPath, skipped: &[StepPath]) {
        let steps = skipped.iter().chain([gate]).collect();
        for entry in self.remove(&steps) {
            if let Some(former) = entry.approval().or_else(|| entry.former.clone()) {
                self.former.insert(entry.gate, former);
            }
        }
    }

    /// Removes the gates of these steps, and returns them.
    fn remove(&mut self, steps: &HashSet<&StepPath>) -> Vec<GateEntry> {
        let gates = std::mem::take(&mut self.gates).into_iter();
        let (removed, kept) = gates.partition(|entry| steps.contains(&entry.gate.path));
        self.gates = kept;
        let place = |(place, entry): (usize, &GateEntry)| (entry.gate.clone(), place);
        self.places = self.gates.iter().enumerate().map(place).collect();
        removed
    }
}

/// Returns the gates that a log has opened, in that order.
pub(crate) fn gate_entries(log: &[EventRecord]) -> Vec<GateEntry> {
    let mut gates = GateLog::default();
    for EventRecord { at, event, .. } in log {
        match event {
            RunEvent::GateOpened {
                gate,
                shown,
                deadline,
            } => gates.opened(GateEntry::opened(*at, gate, shown, *deadline)),
            RunEvent::GateDecided {
                gate,
                decision,
                by,
                comment,
                ..
            } => {
                let decided = GateEnd::Decided {
                    decision: *decision,
                    by: by.clone(),
                    at: *at,
                    comment: comment.clone(),
                };
                gates.ended(gate, decided);
            }
            RunEvent::GateExpired { gate, then } => gates.expired(*at, gate, *then),
            RunEvent::StepSkipped { step, .. } => gates.ended(step, GateEnd::Skipped),
            RunEvent::Reset { steps } => gates.reset(steps),
            RunEvent::GateReopened { gate, skipped } => gates.reopened(gate, skipped),
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Released
            | RunEvent::EditsTaken
            | RunEvent::CancelRequested { .. }
            | RunEvent::DeadlinePassed
            | RunEvent::JobGuarded { .. }
            | RunEvent::Expanded { .. }
            | RunEvent::Guarded { .. }
            | RunEvent::EvaluationCalled { .. }
            | RunEvent::StepStarted { .. }
            | RunEvent::StepSucceeded { .. }
            | RunEvent::StepFailed { .. }
            | RunEvent::StepRetried { .. }
            | RunEvent::ChildSuspended { .. }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => {}
        }
    }
    gates.gates
}

/// Returns the events which say that deadlines have decided gates, as far as the log lacks them.
pub(crate) fn gates_overdue(gates: &[GateEntry], now: Timestamp) -> Vec<RunEvent> {
    let expired = overdue(gates, now).map(|(entry, deadline)| RunEvent::GateExpired {
        gate: entry.gate.clone(),
        then: deadline.then,
    });
    expired.collect()
}

/// Returns the gates whose deadline has passed while the log has no decision.
fn overdue(
    gates: &[GateEntry],
    now: Timestamp,
) -> impl Iterator<Item = (&GateEntry, GateDeadline)> {
    gates.iter().filter_map(move |entry| {
        let deadline = entry.deadline.filter(|it| it.at_ms <= ms(now))?;
        entry.end.is_none().then_some((entry, deadline))
    })
}

/// Returns a log with the decisions of deadlines that have passed, as if they had been written when
/// they passed. A command that only reads shows these, and writes nothing.
pub(crate) fn log_as_of(mut log: Vec<EventRecord>, now: Timestamp) -> Vec<EventRecord> {
    let next = log.last().map_or(1, |last| last.seq + 1);
    let gates = gate_entries(&log);
    let overdue = (next..).zip(overdue(&gates, now));
    log.extend(overdue.map(|(seq, (entry, deadline))| EventRecord {
        seq,
        at: deadline_at(&deadline),
        event: RunEvent::GateExpired {
            gate: entry.gate.clone(),
            then: deadline.then,
        },
    }));
    log
}

/// Returns the view of a gate's deadline.
pub(crate) fn deadline_view(deadline: &GateDeadline) -> GateDeadlineView {
    GateDeadlineView {
        at: time(deadline_at(deadline)),
        on_timeout: match deadline.then {
            OnTimeout::Fail => OnTimeoutView::Fail,
            OnTimeout::Reject => OnTimeoutView::Reject,
            OnTimeout::Continue => OnTimeoutView::Continue,
        },
    }
}

/// Returns the view of an approval that counts no more.
pub(crate) fn former_approval_view(former: &FormerApproval) -> FormerApprovalView {
    FormerApprovalView {
        by: former.by.name.clone(),
        at: time(former.at),
        digest: former.digest.clone(),
    }
}

/// Returns a time as events of a run have it, in milliseconds since 1970-01-01T00:00:00Z.
pub(crate) fn ms(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// Returns the pause from a failed attempt to the next one, which begins at `next_at_ms`.
pub(crate) fn pause_before(next_at_ms: i64, failed_at: Timestamp) -> Duration {
    let pause_ms = next_at_ms.saturating_sub(ms(failed_at));
    Duration::from_millis(u64::try_from(pause_ms).unwrap_or(0))
}

fn deadline_at(deadline: &GateDeadline) -> Timestamp {
    Timestamp(u64::try_from(deadline.at_ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(path: &str) -> StepInstance {
        let (job, step) = path.split_once('/').expect("a path");
        StepInstance::of(StepPath {
            job: job.parse().expect("a name"),
            step: step.parse().expect("a name"),
        })
    }

    fn opened(gate: &str, at_ms: Option<i64>) -> RunEvent {
        RunEvent::GateOpened {
            gate: instance(gate),
            shown: GateShown {
                prompt: String::new(),
                digest: "d".to_owned(),
            },
            deadline: at_ms.map(|at_ms| GateDeadline {
                at_ms,
                then: OnTimeout::Reject,
            }),
        }
    }

    fn check(events: Vec<RunEvent>, now: u64, expect: &[&str]) {
        let record = |(n, event)| EventRecord {
            seq: n + 1,
            at: Timestamp(n),
            event,
        };
        let log: Vec<_> = (0_u64..).zip(events).map(record).collect();
        let gates = gate_entries(&log);
        let shown = gates.iter().map(|entry| {
            let end = match entry.end(Timestamp(now)) {
                None => "open".to_owned(),
                Some(GateEnd::Decided { decision, by, .. }) => {
                    format!("{} by {by}", decision.as_str())
                }
                Some(GateEnd::Expired { then, at }) => format!("{} at {}", then.as_str(), at.0),
                Some(GateEnd::Skipped) => "skipped".to_owned(),
            };
            format!("{} {end}", entry.gate)
        });
        assert_eq!(shown.collect::<Vec<_>>(), expect);
    }

    #[test]
    fn gate_that_is_opened_again_has_the_former_approval() {
        let events = [
            opened("j/a", None),
            RunEvent::GateDecided {
                gate: instance("j/a"),
                decision: GateDecision::Approved,
                by: Actor {
                    name: "ann".to_owned(),
                    uid: None,
                },
                comment: None,
                shown: None,
            },
            RunEvent::GateReopened {
                gate: instance("j/a").path,
                skipped: Vec::new(),
            },
            opened("j/a", None),
        ];
        let record = |(n, event)| EventRecord {
            seq: n + 1,
            at: Timestamp(n),
            event,
        };
        let log: Vec<_> = (0_u64..).zip(events).map(record).collect();
        assert_eq!(gate_entries(&log[..3]), []);
        let gates = gate_entries(&log);
        assert_eq!((gates.len(), gates[0].end(Timestamp(9))), (1, None));
        let former = gates[0].former.as_ref().expect("it was approved before");
        let expect = ("ann", Timestamp(1), Some("d"));
        assert_eq!(
            (former.by.name.as_str(), former.at, former.digest.as_deref()),
            expect
        );
    }

    #[test]
    fn gate_is_open_until_a_user_or_its_deadline_decides() {
        let decided = RunEvent::GateDecided {
            gate: instance("j/a"),
            decision: GateDecision::Approved,
            by: Actor {
                name: "ann".to_owned(),
                uid: Some(7),
            },
            comment: None,
            shown: None,
        };
        let log = vec![opened("j/a", Some(50)), opened("j/b", None), decided];
        check(log.clone(), 10, &["j/a approved by ann", "j/b open"]);
        check(log, 90, &["j/a approved by ann", "j/b open"]);
        check(vec![opened("j/a", Some(50))], 49, &["j/a open"]);
        check(vec![opened("j/a", Some(50))], 50, &["j/a reject at 50"]);
    }

    #[test]
    fn deadline_is_written_once() {
        let at = |events: Vec<RunEvent>, now| {
            let record = |event| EventRecord {
                seq: 1,
                at: Timestamp(0),
                event,
            };
            let log: Vec<_> = events.into_iter().map(record).collect();
            gates_overdue(&gate_entries(&log), Timestamp(now)).len()
        };
        let log = vec![opened("j/a", Some(50)), opened("j/b", Some(70))];
        assert_eq!(at(log.clone(), 49), 0);
        assert_eq!(at(log.clone(), 60), 1);
        let mut written = log;
        written.push(RunEvent::GateExpired {
            gate: instance("j/a"),
            then: OnTimeout::Reject,
        });
        assert_eq!(at(written, 60), 0);
    }

    #[test]
    fn gate_of_a_step_that_was_reset_is_forgotten() {
        let reset = RunEvent::Reset {
            steps: vec![instance("j/a").path],
        };
        let log = vec![opened("j/a", None), reset];
        check(log.clone(), 0, &[]);
        check([log, vec![opened("j/a", None)]].concat(), 0, &["j/a open"]);
    }
}
