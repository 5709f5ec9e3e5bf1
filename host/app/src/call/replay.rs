//! The record of interrupted attempts at a step, so that the host does not repeat their calls.
//!
//! The host runs a step's code again from its start. Each nested call has a place: its ordinal
//! among the calls of its caller. If the call at that place had ended, whether it succeeded or
//! failed, the host answers from the record. If it was cut off, the host runs it again and replays
//! its own nested calls in turn. The first call that differs from the record runs live, and so do
//! all later calls of the same caller.

use std::collections::BTreeMap;
use std::sync::Arc;

use sedge_model::call::{CallError, CallStatus, Outcome};
use sedge_model::run::StepPath;
use sedge_store::CallRecord;
use serde_json::Value;

/// The nested calls of all attempts at a step, and a place among them.
///
/// Calls of later attempts replace those of earlier ones.
#[derive(Clone)]
pub(crate) struct Replay {
    known: Arc<BTreeMap<Place, CallRecord>>,
    at: Place,
}

/// The ordinals of a nested call and its callers, from the step's call down.
type Place = Vec<u32>;

/// A nested call that the guest requests.
pub(super) struct NestedRequest<'a> {
    pub(super) target: &'a str,
    pub(super) method: &'a str,
    pub(super) arguments: &'a Value,
}

/// What the record says about a nested call that the guest requests.
pub(super) enum Recalled {
    /// The record has no such call.
    Nothing,
    /// The call had ended with this result.
    Ended(Result<Outcome, CallError>),
    /// The call had begun and not ended. Its own nested calls are in this replay.
    CutOff(Replay),
    /// The record has another call at this place.
    Diverged,
}

impl Replay {
    /// Collects the calls of all attempts at `step`, from all calls of the run in their order.
    pub(crate) fn of(step: &StepPath, calls: Vec<CallRecord>) -> Self {
        let step = step.to_string();
        let is_attempt = |call: &&CallRecord| {
            call.lineage.depth() == 1 && call.step.as_deref() == Some(step.as_str())
        };
        let attempts = calls.iter().filter(is_attempt);
        let attempts: Vec<_> = attempts.map(|call| call.lineage.clone()).collect();
        let mut known = BTreeMap::new();
        for call in calls {
            let place = place(&call);
            let is_below = attempts.iter().any(|attempt| attempt.covers(&call.lineage));
            if is_below && !place.is_empty() {
                lay_over(&mut known, place, call);
            }
        }
        Self {
            known: Arc::new(known),
            at: Place::new(),
        }
    }

    /// Returns what the record says about the `ordinal`th call of this place.
    pub(super) fn recall(&self, ordinal: u32, requested: &NestedRequest<'_>) -> Recalled {
        let mut at = self.at.clone();
        at.push(ordinal);
        let Some(record) = self.known.get(&at) else {
            return Recalled::Nothing;
        };
        let is_same = record.model.as_str() == requested.target
            && record.method.as_str() == requested.method
            && record.arguments == *requested.arguments;
        if !is_same {
            return Recalled::Diverged;
        }
        match (record.status, &record.outcome, &record.error) {
            (CallStatus::Succeeded, Some(outcome), _) => Recalled::Ended(Ok(outcome.clone())),
            (CallStatus::Failed, _, Some(error)) => Recalled::Ended(Err(error.clone())),
            (
                CallStatus::Succeeded
                | CallStatus::Failed
                | CallStatus::Running
                | CallStatus::Cancelled,
                ..,
            ) => Recalled::CutOff(Self {
                known: Arc::clone(&self.known),
                at,
            }),
        }
    }
}

/// Adds a call of a later attempt.
///
/// If an earlier attempt made another call at this place, the later calls of the same caller in
/// earlier attempts are dropped.
fn lay_over(known: &mut BTreeMap<Place, CallRecord>, place: Place, call: CallRecord) {
    let before = known.get(&place);
    let is_same = before.is_none_or(|before| {
        before.model == call.model
            && before.method == call.method
            && before.arguments == call.arguments
    });
    if !is_same && let Some((ordinal, caller)) = place.split_last() {
        known.retain(|other, _| {
            let below_caller = other.strip_prefix(caller);
            below_caller.is_none_or(|rest| rest.first().is_none_or(|first| first < ordinal))
        });
    }
    known.insert(place, call);
}

/// Returns the ordinals of a call, from below the root call of its run.
fn place(call: &CallRecord) -> Place {
    call.lineage.ordinals().iter().skip(1).copied().collect()
}

#[cfg(test)]
mod tests {
    use sedge_model::call::{DiscardedChanges, Refusals};
    use sedge_sys::clock::Timestamp;
    use serde_json::json;

    use super::*;

    /// Makes the calls of a run from texts such as `1/2 sink ok`: place, model, and result.
    fn calls(texts: &[&str]) -> Vec<CallRecord> {
        let call = |text: &&str| {
            let words: Vec<&str> = text.split(' ').collect();
            let [place, model, end] = words[..] else {
                panic!("three words: {text}")
            };
            let (status, outcome, error) = match end {
                "ok" => {
                    let value = json!(place);
                    let written = Vec::new();
                    (
                        CallStatus::Succeeded,
                        Some(Outcome { value, written }),
                        None,
                    )
                }
                "failed" => {
                    let error = CallError::TimedOut { after_ms: 1 };
                    (CallStatus::Failed, None, Some(error))
                }
                "cancelled" => (CallStatus::Cancelled, None, Some(CallError::Cancelled)),
                _ => (CallStatus::Running, None, None),
            };
            CallRecord {
                lineage: format!("000000000000/{place}").parse().expect("a lineage"),
                step: (!place.contains('/')).then(|| "main/step".to_owned()),
                model: model.parse().expect("a name"),
                method: "run".parse().expect("a name"),
                status,
                arguments: json!({}),
                outcome,
                error,
                discarded: DiscardedChanges::default(),
                refusals: Refusals::default(),
                started_at: Timestamp(0),
                until_commit_us: None,
                waited_us: None,
                n_rollbacks: 0,
            }
        };
        texts.iter().map(call).collect()
    }

    fn replay(texts: &[&str]) -> Replay {
        let step = StepPath {
            job: "main".parse().expect("a name"),
            step: "step".parse().expect("a name"),
        };
        Replay::of(&step, calls(texts))
    }

    fn recall(replay: &Replay, ordinal: u32, target: &str) -> String {
        let asked = NestedRequest {
            target,
            method: "run",
            arguments: &json!({}),
        };
        match replay.recall(ordinal, &asked) {
            Recalled::Nothing => "nothing".to_owned(),
            Recalled::Ended(Ok(outcome)) => format!("ok {}", outcome.value),
            Recalled::Ended(Err(error)) => format!("failed {}", error.code()),
            Recalled::CutOff(below) => format!("cut off, {}", recall(&below, 1, "b")),
            Recalled::Diverged => "diverged".to_owned(),
        }
    }

    #[track_caller]
    fn check(texts: &[&str], ordinal: u32, target: &str, expect: &str) {
        assert_eq!(recall(&replay(texts), ordinal, target), expect);
    }

    #[test]
    fn ended_call_is_replayed_and_other_calls_are_not() {
        let calls = [
            "1 top running",
            "1/1 a ok",
            "1/2 a failed",
            "1/4 a running",
            "1/5 a ok",
        ];
        check(&calls, 1, "a", "ok \"1/1\"");
        check(&calls, 2, "a", "failed timed-out");
        check(&calls, 3, "a", "nothing");
        check(&calls, 4, "a", "cut off, nothing");
        check(&calls, 5, "a", "ok \"1/5\"");
        check(&calls, 5, "b", "diverged");
    }

    #[test]
    fn calls_below_a_cut_off_call_are_replayed() {
        let calls = [
            "1 top running",
            "1/1 a cancelled",
            "1/1/1 b ok",
            "1/1/2 b running",
        ];
        check(&calls, 1, "a", "cut off, ok \"1/1/1\"");
    }

    /// The second attempt replayed call `1` of the first, made call `2`, and was interrupted too.
    #[test]
    fn attempts_are_merged() {
        let calls = ["1 top running", "1/1 a ok", "2 top running", "2/2 a ok"];
        check(&calls, 1, "a", "ok \"1/1\"");
        check(&calls, 2, "a", "ok \"2/2\"");
        let calls = [
            "1 top running",
            "1/1 a running",
            "1/1/1 b ok",
            "2 top running",
            "2/1 a running",
        ];
        check(&calls, 1, "a", "cut off, ok \"1/1/1\"");
    }

    /// The second attempt made a different second call, so the third call of the first is dropped.
    #[test]
    fn diverged_attempt_replaces_later_calls_of_earlier_attempts() {
        let calls = [
            "1 top running",
            "1/1 a ok",
            "1/2 a ok",
            "1/3 a ok",
            "1/3/1 b ok",
            "2 top running",
            "2/2 b ok",
        ];
        check(&calls, 1, "a", "ok \"1/1\"");
        check(&calls, 2, "b", "ok \"2/2\"");
        check(&calls, 3, "a", "nothing");
    }

    #[test]
    fn calls_of_other_steps_are_ignored() {
        let mut calls = calls(&["1 top running", "1/1 a ok", "2 top ok", "2/1 b ok"]);
        calls[2].step = Some("main/other".to_owned());
        let step = StepPath {
            job: "main".parse().expect("a name"),
            step: "step".parse().expect("a name"),
        };
        assert_eq!(recall(&Replay::of(&step, calls), 1, "a"), "ok \"1/1\"");
    }
}
