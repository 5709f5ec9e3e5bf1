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
//!
//! The run of a workflow that the code starts has a place, too. The host does not create it again:
//! it answers from the record of the run if that has ended, and otherwise works on it again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_model::call::{CallError, CallStatus, Outcome};
use sedge_model::digest::Digest;
use sedge_model::lineage::Lineage;
use sedge_store::{CallRecord, CalledRun, RunRecord};
use serde_json::Value;

/// The nested calls of all attempts at a step, and a place among them.
///
/// Calls of later attempts replace those of earlier ones.
#[derive(Clone)]
pub(crate) struct Replay {
    known: Arc<BTreeMap<Place, Known>>,
    at: Place,
}

/// What the record has at a place.
#[derive(Clone)]
enum Known {
    Call(Box<CallRecord>),
    /// The run of a workflow.
    Run(Box<CalledRun>),
}

/// The ordinals of a nested call and its callers, from the step's call down.
type Place = Vec<u32>;

/// A nested call that the guest requests.
pub(super) struct NestedRequest<'a> {
    pub(super) target: &'a str,
    pub(super) method: &'a str,
    pub(super) arguments: &'a Value,
}

/// The run of a workflow that the guest requests.
pub(super) struct NestedRunRequest<'a> {
    /// The workflow as the guest wrote it.
    pub(super) workflow: &'a str,
    /// Returns the digest of the request, with the inputs as the workflow of a recorded run has them.
    pub(super) digest: &'a dyn Fn(&RunRecord) -> Digest,
}

/// What the record says about the run of a workflow that the guest requests.
pub(super) enum RecalledRun {
    /// The record has no such run.
    Nothing,
    /// The guest had started this run.
    Known(Box<RunRecord>),
    /// The record of an interrupted attempt has something else at this place.
    Diverged,
    /// Before the call of the guest was rolled back, it had requested something else at this place.
    /// The text says which.
    Differs(String),
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

    /// Returns what the record says about the run of a workflow at the place `ordinal`.
    pub(super) fn recall_run(&self, ordinal: u32, requested: &NestedRunRequest<'_>) -> RecalledRun {
        let Some(known) = &self.known else {
            return RecalledRun::Nothing;
        };
        let mut requests = self.requests();
        requests.made.insert(ordinal);
        if requests.live_from.is_some_and(|first| first <= ordinal) {
            return RecalledRun::Nothing;
        }
        let recalled = known.recall_run(&self.call, ordinal, requested);
        match &recalled {
            RecalledRun::Diverged => requests.live_from = Some(ordinal),
            RecalledRun::Differs(difference) => {
                requests.difference.get_or_insert(difference.clone());
            }
            RecalledRun::Nothing | RecalledRun::Known(_) => {}
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
        let (ordinal, known) = missing;
        Some(format!(
            "it was rolled back and retried, and the retry differed: it did not make its nested call {ordinal} again, of {known}"
        ))
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replay {
    /// Collects the calls below those whose ordinals in the run are `attempts`, and the runs that
    /// they have started, from calls and runs in any order.
    pub(crate) fn of(attempts: &[u32], calls: Vec<CallRecord>, runs: Vec<CalledRun>) -> Self {
        let mut known = BTreeMap::new();
        for one in in_order(calls, runs) {
            let place = place_of(one.lineage());
            let of_run = one.lineage().ordinals().first();
            let is_below = of_run.is_some_and(|ordinal| attempts.contains(ordinal));
            if is_below && !place.is_empty() {
                lay_over(&mut known, place, one);
            }
        }
        Self {
            known: Arc::new(known),
            at: Place::new(),
        }
    }

    /// Adds the calls that were left below `call` when it was rolled back, and the runs that it has
    /// started, to the record of interrupted attempts.
    pub(super) fn after_rollback(
        before: Option<&Self>,
        call: &Lineage,
        left: Vec<CallRecord>,
        runs: Vec<CalledRun>,
    ) -> Self {
        let mut known = match before {
            Some(before) => (*before.known).clone(),
            None => BTreeMap::new(),
        };
        for one in in_order(left, runs) {
            lay_over(&mut known, place_of(one.lineage()), one);
        }
        Self {
            known: Arc::new(known),
            at: place_of(call),
        }
    }

    /// Returns whether the record of the call of this place itself was left when a caller was rolled
    /// back.
    pub(super) fn has_call(&self, call: &Lineage) -> bool {
        match self.known.get(&self.at) {
            Some(Known::Call(record)) => record.lineage == *call,
            Some(Known::Run(_)) | None => false,
        }
    }

    /// Returns what the record says about the `ordinal`th nested call of `call`, whose place this
    /// is.
    fn recall(&self, call: &Lineage, ordinal: u32, requested: &NestedRequest<'_>) -> Recalled {
        let mut at = self.at.clone();
        at.push(ordinal);
        let Some(known) = self.known.get(&at) else {
            let mut below = self.known.range(at.clone()..);
            // The record of a call that was cut off may be gone, and not the runs that it started.
            return match below.next() {
                Some((place, _)) if place.starts_with(&at) => Recalled::CutOff(Self {
                    known: Arc::clone(&self.known),
                    at,
                }),
                Some(_) | None => Recalled::Nothing,
            };
        };
        let record = match known {
            Known::Call(record) if is_same_call(record, requested) => record,
            Known::Call(_) | Known::Run(_) => {
                return match self.is_own_since(call, ordinal) {
                    true => Recalled::Differs(difference(known, ordinal, requested)),
                    false => Recalled::Diverged,
                };
            }
        };
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
    /// Returns what the record says about the run of a workflow at the place `ordinal` of `call`,
    /// whose own place this is.
    fn recall_run(
        &self,
        call: &Lineage,
        ordinal: u32,
        requested: &NestedRunRequest<'_>,
    ) -> RecalledRun {
        let mut at = self.at.clone();
        at.push(ordinal);
        let known = match self.known.get(&at) {
            None => return RecalledRun::Nothing,
            Some(Known::Run(called)) if called.request == (requested.digest)(&called.run) => {
                return RecalledRun::Known(Box::new(called.run.clone()));
            }
            Some(known @ (Known::Call(_) | Known::Run(_))) => known,
        };
        match self.is_own_since(call, ordinal) {
            true => RecalledRun::Differs(run_difference(known, ordinal, requested.workflow)),
            false => RecalledRun::Diverged,
        }
    }

    /// Returns whether `call` itself had called something at the place `ordinal` or later before it
    /// was rolled back.
    fn is_own_since(&self, call: &Lineage, ordinal: u32) -> bool {
        self.own(call).any(|(own, _)| own >= ordinal)
    }

    /// Returns what `call` itself had called before it was rolled back, with the ordinals.
    fn own(&self, call: &Lineage) -> impl Iterator<Item = (u32, &Known)> {
        let depth = self.at.len() + 1;
        let below = self.known.range(self.at.clone()..);
        let below = below.take_while(|(place, _)| place.starts_with(&self.at));
        below
            .filter(move |(place, _)| place.len() == depth)
            .filter_map(|(place, known)| Some((*place.last()?, known)))
            .filter(|(ordinal, known)| *known.lineage() == call.child(*ordinal))
    }

    /// Returns the first nested call that `call` had made before it was rolled back, and that is
    /// not among the ordinals that it `made` since then.
    fn missing(&self, call: &Lineage, made: &BTreeSet<u32>) -> Option<(u32, &Known)> {
        let mut own = self.own(call);
        own.find(|(ordinal, _)| !made.contains(ordinal))
    }
}

impl Known {
    /// Returns the call, or the place of the run.
    fn lineage(&self) -> &Lineage {
        match self {
            Self::Call(record) => &record.lineage,
            Self::Run(called) => &called.place,
        }
    }

    /// Returns whether a later attempt requested the same.
    fn is_same(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Call(before), Self::Call(now)) => {
                before.model == now.model
                    && before.method == now.method
                    && before.arguments == now.arguments
            }
            (Self::Run(before), Self::Run(now)) => before.request == now.request,
            (Self::Call(_), Self::Run(_)) | (Self::Run(_), Self::Call(_)) => false,
        }
    }
}

/// The target, for a message.
impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(record) => write!(f, "`{}.{}`", record.model, record.method),
            Self::Run(called) => write!(f, "the workflow `{}`", called.run.subject),
        }
    }
}

/// Returns calls and runs in the order of their places in the run, each caller before its callees.
fn in_order(calls: Vec<CallRecord>, runs: Vec<CalledRun>) -> Vec<Known> {
    let calls = calls.into_iter().map(|it| Known::Call(Box::new(it)));
    let runs = runs.into_iter().map(|it| Known::Run(Box::new(it)));
    let mut all: Vec<Known> = calls.chain(runs).collect();
    all.sort_by(|one, other| one.lineage().cmp(other.lineage()));
    all
}

fn is_same_call(record: &CallRecord, requested: &NestedRequest<'_>) -> bool {
    record.model.as_str() == requested.target
        && record.method.as_str() == requested.method
        && record.arguments == *requested.arguments
}

fn difference(known: &Known, ordinal: u32, requested: &NestedRequest<'_>) -> String {
    let NestedRequest { target, method, .. } = requested;
    let (before, now) = (known.to_string(), format!("`{target}.{method}`"));
    differing(&before, &now, ordinal, "arguments")
}

fn run_difference(known: &Known, ordinal: u32, workflow: &str) -> String {
    let now = format!("the workflow `{}`", workflow.escape_debug());
    differing(&known.to_string(), &now, ordinal, "inputs")
}

fn differing(before: &str, now: &str, ordinal: u32, given: &str) -> String {
    let how = if before == now {
        format!("its nested call {ordinal}, of {now}, has other {given}")
    } else {
        format!("its nested call {ordinal} is of {now} instead of {before}")
    };
    format!("it was rolled back and retried, and the retry differed: {how}")
}

/// Adds a call or a run of a later attempt.
///
/// If an earlier attempt requested something else at this place, the later calls and runs of the same
/// caller in earlier attempts are dropped.
fn lay_over(known: &mut BTreeMap<Place, Known>, place: Place, later: Known) {
    let is_same = known.get(&place).is_none_or(|it| it.is_same(&later));
    if !is_same && let Some((ordinal, caller)) = place.split_last() {
        known.retain(|other, _| {
            let below_caller = other.strip_prefix(caller);
            below_caller.is_none_or(|rest| rest.first().is_none_or(|first| first < ordinal))
        });
    }
    known.insert(place, later);
}

/// Returns the ordinals of a call, from below the root call of its run.
fn place_of(call: &Lineage) -> Place {
    call.ordinals().iter().skip(1).copied().collect()
}

#[cfg(test)]
mod tests {
    use sedge_model::call::{DiscardedChanges, Refusals};
    use sedge_model::names::RunId;
    use sedge_model::run::{Actor, RunKind, RunStatus};
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
        Replay::of(&[1, 2], calls(texts), Vec::new())
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
        assert_eq!(
            recall(&Replay::of(&[1], calls, Vec::new()), 1, "a"),
            "ok \"1/1\""
        );
    }

    /// A call was rolled back after two of its nested calls had ended, and one was cut off.
    fn rolled_back() -> CallReplay {
        let call: Lineage = "000000000000/1".parse().expect("a lineage");
        let left = calls(&["1/1 a ok", "1/2 a failed", "1/3 b cancelled", "1/3/1 b ok"]);
        let replay = Replay::after_rollback(None, &call, left, Vec::new());
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
        let merged = Replay::after_rollback(Some(&before), &call, left, Vec::new());
        let none = json!({});
        let recalled = merged.recall(&call, 1, &request("b", &none));
        assert!(matches!(recalled, Recalled::Differs(_)));
        let recalled = before.recall(&call, 1, &request("b", &none));
        assert!(matches!(recalled, Recalled::Diverged));
        let recalled = merged.recall(&call, 2, &request("b", &none));
        assert!(matches!(recalled, Recalled::Ended(Ok(_))));
    }

    /// A run of the workflow `w` that a call started, with a digest of this text.
    fn called(place: &str, request: &str) -> CalledRun {
        CalledRun {
            place: format!("000000000000/{place}").parse().expect("a lineage"),
            request: Digest::of(request.as_bytes()),
            run: RunRecord {
                id: RunId::from_bits(7),
                kind: RunKind::Workflow,
                subject: "w".to_owned(),
                method: None,
                exclusive: false,
                status: RunStatus::Running,
                session: String::new(),
                claim: 1,
                by: Actor {
                    name: "ada".to_owned(),
                    uid: None,
                },
                parent: None,
                started_at: Timestamp(0),
                ended_at: None,
            },
        }
    }

    fn recall_run(replay: &CallReplay, ordinal: u32, request: &str) -> String {
        let digest = |_: &RunRecord| Digest::of(request.as_bytes());
        let requested = NestedRunRequest {
            workflow: "w",
            digest: &digest,
        };
        match replay.recall_run(ordinal, &requested) {
            RecalledRun::Nothing => "nothing".to_owned(),
            RecalledRun::Known(run) => run.id.to_string(),
            RecalledRun::Diverged => "diverged".to_owned(),
            RecalledRun::Differs(difference) => difference,
        }
    }

    #[test]
    fn interrupted_attempt_recalls_the_runs_that_it_started() {
        let known = || {
            let calls = calls(&["1 top running", "1/1 a ok"]);
            let runs = vec![called("1/2", "x"), called("1/3/1", "x")];
            let call = "000000000000/9".parse().expect("a lineage");
            CallReplay::new(call, Some(Replay::of(&[1], calls, runs)))
        };
        let run = RunId::from_bits(7).to_string();
        assert_eq!(recall_run(&known(), 2, "x"), run);
        assert_eq!(recall_run(&known(), 4, "x"), "nothing");
        assert_eq!(recall_run(&known(), 1, "x"), "diverged", "it was a call");
        let other = known();
        assert_eq!(recall_run(&other, 2, "y"), "diverged");
        assert_eq!(recall_run(&other, 3, "x"), "nothing", "it runs live");
        let none = json!({});
        let recalled = known().recall(2, &request("a", &none));
        assert!(matches!(recalled, Recalled::Diverged), "it was a run");
        let recalled = known().recall(3, &request("b", &none));
        let Recalled::CutOff(below) = recalled else {
            panic!("the run of the call is left")
        };
        let call = "000000000000/9/3".parse().expect("a lineage");
        assert!(!below.has_call(&call));
        assert_eq!(recall_run(&CallReplay::new(call, Some(below)), 1, "x"), run);
    }

    #[test]
    fn retry_that_requests_another_run_differs() {
        let known = || {
            let call: Lineage = "000000000000/1".parse().expect("a lineage");
            let runs = vec![called("1/1", "x")];
            let replay = Replay::after_rollback(None, &call, Vec::new(), runs);
            CallReplay::new(call, Some(replay))
        };
        let missing = known().difference(true).expect("the run is missing");
        assert!(
            missing.ends_with("it did not make its nested call 1 again, of the workflow `w`"),
            "{missing}"
        );
        let other = recall_run(&known(), 1, "y");
        assert!(
            other.ends_with("its nested call 1, of the workflow `w`, has other inputs"),
            "{other}"
        );
        let same = known();
        assert_eq!(recall_run(&same, 1, "x"), RunId::from_bits(7).to_string());
        assert_eq!(same.difference(true), None);
    }
}
