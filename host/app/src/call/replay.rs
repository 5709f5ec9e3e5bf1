//! What interrupted attempts at a step had done, so that it is not done again.
//!
//! A step's code is run again from its start. Each nested call that it asks for has a
//! place: its ordinal in its caller. What had ended at that place, either way, is answered
//! from the record; what had been cut off there is run again, with what *it* had done. The
//! first call that differs from the record is live, and so are all that its caller makes
//! after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use sedge_model::call::{CallError, CallStatus, Outcome};
use sedge_model::run::StepPath;
use sedge_store::CallRecord;
use serde_json::Value;

/// The calls that all attempts at a step made below its own call, the later attempts laid
/// over the earlier ones, and a place among them.
#[derive(Clone)]
pub(crate) struct Replay {
    known: Arc<BTreeMap<Place, CallRecord>>,
    at: Place,
}

/// Ordinals from the step's call down.
type Place = Vec<u32>;

/// A call that is asked for.
pub(super) struct Asked<'a> {
    pub(super) target: &'a str,
    pub(super) method: &'a str,
    pub(super) arguments: &'a Value,
}

/// What is known of a call that is asked for.
pub(super) enum Recalled {
    /// Nothing.
    Nothing,
    /// It had ended so.
    Ended(Result<Outcome, CallError>),
    /// It had begun and not ended; this is what it had done.
    CutOff(Replay),
    /// Another call had been made in its place.
    Diverged,
}

impl Replay {
    /// Collects what the attempts at `step` did, from all calls of the run in their order.
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

    /// Returns what is known of this place's `ordinal`th call.
    pub(super) fn recall(&self, ordinal: u32, asked: &Asked<'_>) -> Recalled {
        let mut at = self.at.clone();
        at.push(ordinal);
        let Some(record) = self.known.get(&at) else {
            return Recalled::Nothing;
        };
        let is_same = record.model.as_str() == asked.target
            && record.method.as_str() == asked.method
            && record.arguments == *asked.arguments;
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

/// Adds a call of a later attempt. If it is another one than was made in its place before,
/// what its caller did from there on in earlier attempts counts no more.
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

/// Returns a call's ordinals below the call at the top of its run.
fn place(call: &CallRecord) -> Place {
    let mut place = Place::new();
    let mut lineage = call.lineage.clone();
    while lineage.depth() > 1 {
        let (Some(ordinal), Some(parent)) = (lineage.ordinal(), lineage.parent()) else {
            unreachable!("a call below another one has an ordinal and a parent")
        };
        place.push(ordinal);
        lineage = parent;
    }
    place.reverse();
    place
}

#[cfg(test)]
mod tests {
    use sedge_model::call::{Refusals, Undone};
    use sedge_sys::clock::Timestamp;
    use serde_json::json;

    use super::*;

    /// Makes a run's calls of `1/2 sink ok`: place, model, and how it ended.
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
                undone: Undone::default(),
                refusals: Refusals::default(),
                started_at: Timestamp(0),
                until_commit_us: None,
                waited_us: None,
                n_undone: 0,
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
        let asked = Asked {
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
    fn what_had_ended_is_answered_and_the_rest_is_not() {
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
    fn what_a_call_had_done_that_was_cut_off_counts_too() {
        let calls = [
            "1 top running",
            "1/1 a cancelled",
            "1/1/1 b ok",
            "1/1/2 b running",
        ];
        check(&calls, 1, "a", "cut off, ok \"1/1/1\"");
    }

    /// The second attempt answered `1` from the first, made `2`, and was interrupted too.
    #[test]
    fn attempts_add_up() {
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

    /// The second attempt made another second call, so the first one's third is none of its.
    #[test]
    fn an_attempt_that_diverged_hides_what_earlier_ones_did_from_there_on() {
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
    fn other_steps_have_other_calls() {
        let mut calls = calls(&["1 top running", "1/1 a ok", "2 top ok", "2/1 b ok"]);
        calls[2].step = Some("main/other".to_owned());
        let step = StepPath {
            job: "main".parse().expect("a name"),
            step: "step".parse().expect("a name"),
        };
        assert_eq!(recall(&Replay::of(&step, calls), 1, "a"), "ok \"1/1\"");
    }
}
