//! The record of earlier attempts at a call, so that the host does not repeat their nested calls.
//!
//! There are two reasons for another attempt: the process of a step was interrupted, or a call was
//! rolled back to break a deadlock. The host runs the code again from its start. Each nested call
//! has a place: its ordinal among the calls of its caller. If the call at that place had ended,
//! whether it succeeded or failed, the host answers from the record. If it was cut off, the host
//! runs it again and replays its own nested calls in turn.
//!
//! If the code requests another call than the record has at a place, the reason for the attempt
//! decides. After an interruption, this call and all later calls of the same caller run live. After
//! a rollback, the call of the code ends with the error `deadlock`: the nested calls of this very
//! call are committed, and a user would not expect them beside those of the retry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_model::call::{CallError, CallStatus, Outcome};
use sedge_model::lineage::Lineage;
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
    /// The record of an interrupted attempt has another call at this place.
    Diverged,
    /// Before the call of the guest was rolled back, it had made another call at this place. The
    /// text says which.
    Differs(String),
}

/// The replay of one attempt at a call, and what its guest has requested so far.
pub(super) struct CallReplay {
    call: Lineage,
    known: Option<Replay>,
    requests: Mutex<Requests>,
}

#[derive(Default)]
struct Requests {
    /// The ordinals of the nested calls that the guest has requested.
    made: BTreeSet<u32>,
    /// The ordinal of the first nested call that differs from the record of an interrupted attempt.
    /// It and all later ones run live.
    live_from: Option<u32>,
    /// The first difference from the record of the attempts before a rollback.
    difference: Option<String>,
}

impl CallReplay {
    /// Returns the replay of an attempt at `call`.
    pub(super) fn new(call: Lineage, known: Option<Replay>) -> Self {
        Self {
            call,
            known,
            requests: Mutex::default(),
        }
    }

    /// Returns whether there is a record of earlier attempts.
    pub(super) fn is_needed(&self) -> bool {
        self.known.is_some()
    }

    /// Returns what the record says about the `ordinal`th nested call.
    pub(super) fn recall(&self, ordinal: u32, requested: &NestedRequest<'_>) -> Recalled {
        let Some(known) = &self.known else {
            return Recalled::Nothing;
        };
        let mut requests = self.requests();
        requests.made.insert(ordinal);
        if requests.live_from.is_some_and(|first| first <= ordinal) {
            return Recalled::Nothing;
        }
        let recalled = known.recall(&self.call, ordinal, requested);
        match &recalled {
            Recalled::Diverged => requests.live_from = Some(ordinal),
            Recalled::Differs(difference) => {
                requests.difference.get_or_insert(difference.clone());
            }
            Recalled::Nothing | Recalled::Ended(_) | Recalled::CutOff(_) => {}
        }
        recalled
    }

    /// Returns how the attempt differs from those before the call was rolled back, once its guest
    /// has ended. A guest that succeeds without a nested call that it had made before differs, too.
    pub(super) fn difference(&self, is_success: bool) -> Option<String> {
        let requests = self.requests();
        if requests.difference.is_some() || !is_success {
            return requests.difference.clone();
        }
        let missing = self.known.as_ref()?.missing(&self.call, &requests.made)?;
        let (ordinal, CallRecord { model, method, .. }) = missing;
        Some(format!(
            "it was rolled back and retried, and the retry differed: it did not make its nested call {ordinal} again, of `{model}.{method}`"
        ))
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replay {
    /// Collects the calls below those whose ordinals in the run are `attempts`, from calls of the
    /// run in their order.
    pub(crate) fn of(attempts: &[u32], calls: Vec<CallRecord>) -> Self {
        let mut known = BTreeMap::new();
        for call in calls {
            let place = place_of(&call.lineage);
            let of_run = call.lineage.ordinals().first();
            let is_below = of_run.is_some_and(|ordinal| attempts.contains(ordinal));
            if is_below && !place.is_empty() {
                lay_over(&mut known, place, call);
            }
        }
        Self {
            known: Arc::new(known),
            at: Place::new(),
        }
    }

    /// Adds the calls that were left below `call` when it was rolled back, in their order, to the
    /// record of interrupted attempts.
    pub(super) fn after_rollback(
        before: Option<&Self>,
        call: &Lineage,
        left: Vec<CallRecord>,
    ) -> Self {
        let mut known = match before {
            Some(before) => (*before.known).clone(),
            None => BTreeMap::new(),
        };
        for call in left {
            lay_over(&mut known, place_of(&call.lineage), call);
        }
        Self {
            known: Arc::new(known),
            at: place_of(call),
        }
    }

    /// Returns whether the record of the call of this place itself was left when a caller was rolled
    /// back.
    pub(super) fn has_call(&self, call: &Lineage) -> bool {
        let record = self.known.get(&self.at);
        record.is_some_and(|record| record.lineage == *call)
    }

    /// Returns what the record says about the `ordinal`th nested call of `call`, whose place this
    /// is.
    fn recall(&self, call: &Lineage, ordinal: u32, requested: &NestedRequest<'_>) -> Recalled {
        let mut at = self.at.clone();
        at.push(ordinal);
        let Some(record) = self.known.get(&at) else {
            return Recalled::Nothing;
        };
        let is_same = record.model.as_str() == requested.target
            && record.method.as_str() == requested.method
            && record.arguments == *requested.arguments;
        if !is_same && self.own(call).any(|(own, _)| own >= ordinal) {
            return Recalled::Differs(difference(record, ordinal, requested));
        }
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

impl Replay {
    /// Returns the nested calls that `call` itself had made before it was rolled back, with their
    /// ordinals.
    fn own(&self, call: &Lineage) -> impl Iterator<Item = (u32, &CallRecord)> {
        let depth = self.at.len() + 1;
        let below = self.known.range(self.at.clone()..);
        let below = below.take_while(|(place, _)| place.starts_with(&self.at));
        below
            .filter(move |(place, _)| place.len() == depth)
            .filter_map(|(place, record)| Some((*place.last()?, record)))
            .filter(|(ordinal, record)| record.lineage == call.child(*ordinal))
    }

    /// Returns the first nested call that `call` had made before it was rolled back, and that is
    /// not among the ordinals that it `made` since then.
    fn missing(&self, call: &Lineage, made: &BTreeSet<u32>) -> Option<(u32, &CallRecord)> {
        let mut own = self.own(call);
        own.find(|(ordinal, _)| !made.contains(ordinal))
    }
}

fn difference(record: &CallRecord, ordinal: u32, requested: &NestedRequest<'_>) -> String {
    let NestedRequest { target, method, .. } = requested;
    let (before, now) = (
        format!("{}.{}", record.model, record.method),
        format!("{target}.{method}"),
    );
    let how = if before == now {
        format!("its nested call {ordinal}, of `{now}`, has other arguments")
    } else {
        format!("its nested call {ordinal} is of `{now}` instead of `{before}`")
    };
    format!("it was rolled back and retried, and the retry differed: {how}")
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
fn place_of(call: &Lineage) -> Place {
    call.ordinals().iter().skip(1).copied().collect()
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
        Replay::of(&[1, 2], calls(texts))
    }

    fn recall(replay: &Replay, ordinal: u32, target: &str) -> String {
        let asked = NestedRequest {
            target,
            method: "run",
            arguments: &json!({}),
        };
        // The attempt that replays is the ninth call of the run.
        let call = "000000000000/9".parse().expect("a lineage");
        match replay.recall(&call, ordinal, &asked) {
            Recalled::Nothing => "nothing".to_owned(),
            Recalled::Ended(Ok(outcome)) => format!("ok {}", outcome.value),
            Recalled::Ended(Err(error)) => format!("failed {}", error.code()),
            Recalled::CutOff(below) => format!("cut off, {}", recall(&below, 1, "b")),
            Recalled::Diverged => "diverged".to_owned(),
            Recalled::Differs(difference) => difference,
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
        let calls = calls(&["1 top running", "1/1 a ok", "2 top ok", "2/1 b ok"]);
        assert_eq!(recall(&Replay::of(&[1], calls), 1, "a"), "ok \"1/1\"");
    }

    /// A call was rolled back after two of its nested calls had ended, and one was cut off.
    fn rolled_back() -> CallReplay {
        let call: Lineage = "000000000000/1".parse().expect("a lineage");
        let left = calls(&["1/1 a ok", "1/2 a failed", "1/3 b cancelled", "1/3/1 b ok"]);
        let replay = Replay::after_rollback(None, &call, left);
        CallReplay::new(call, Some(replay))
    }

    fn request<'a>(target: &'a str, arguments: &'a Value) -> NestedRequest<'a> {
        NestedRequest {
            target,
            method: "run",
            arguments,
        }
    }

    #[test]
    fn retry_is_answered_from_the_record() {
        let replay = rolled_back();
        let none = json!({});
        let ended = replay.recall(1, &request("a", &none));
        assert!(matches!(ended, Recalled::Ended(Ok(_))));
        let ended = replay.recall(2, &request("a", &none));
        assert!(matches!(ended, Recalled::Ended(Err(_))));
        let difference = replay.difference(true).expect("the third is missing");
        assert!(
            difference.ends_with("it did not make its nested call 3 again, of `b.run`"),
            "{difference}"
        );
        assert_eq!(replay.difference(false), None, "the failure is its own");
        let Recalled::CutOff(below) = replay.recall(3, &request("b", &none)) else {
            panic!("it was cut off")
        };
        let call = "000000000000/1/3".parse().expect("a lineage");
        assert!(below.has_call(&call));
        let below = CallReplay::new(call, Some(below));
        let ended = below.recall(1, &request("b", &none));
        assert!(matches!(ended, Recalled::Ended(Ok(_))));
        let more = replay.recall(4, &request("c", &none));
        assert!(matches!(more, Recalled::Nothing));
        assert_eq!(replay.difference(true), None);
    }

    #[test]
    fn retry_that_makes_another_call_differs() {
        let check = |target: &str, arguments: Value, expect: &str| {
            let replay = rolled_back();
            let recalled = replay.recall(1, &request(target, &arguments));
            assert!(matches!(recalled, Recalled::Differs(_)));
            let difference = replay.difference(false).expect("it differs");
            assert!(difference.ends_with(expect), "{difference}");
        };
        check(
            "b",
            json!({}),
            "its nested call 1 is of `b.run` instead of `a.run`",
        );
        check(
            "a",
            json!({"at": 1}),
            "its nested call 1, of `a.run`, has other arguments",
        );
    }

    /// The record of an interrupted attempt permits a difference, unless a later nested call of this
    /// attempt was committed.
    #[test]
    fn interrupted_attempt_and_rollback_are_merged() {
        let before = replay(&["1 top running", "1/1 a ok", "1/2 a ok"]);
        let call: Lineage = "000000000000/2".parse().expect("a lineage");
        let left = calls(&["2/2 b ok"]);
        let merged = Replay::after_rollback(Some(&before), &call, left);
        let none = json!({});
        let recalled = merged.recall(&call, 1, &request("b", &none));
        assert!(matches!(recalled, Recalled::Differs(_)));
        let recalled = before.recall(&call, 1, &request("b", &none));
        assert!(matches!(recalled, Recalled::Diverged));
        let recalled = merged.recall(&call, 2, &request("b", &none));
        assert!(matches!(recalled, Recalled::Ended(Ok(_))));
    }
}
