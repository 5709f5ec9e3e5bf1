//! Why a run failed, according to its record: where the failure began, and which writes were kept
//! or rolled back.

use std::collections::HashSet;

use sedge_api::problem::ErrorCode;
use sedge_api::view::call::VersionsWritten;
use sedge_model::call::{CallError, CallStatus, DiscardedChanges, Refusals};
use sedge_model::lineage::Lineage;
use sedge_model::names::{MethodName, ModelName, RunId};
use sedge_store::CallRecord;

use crate::error::AppError;
use crate::repository::Repository;
use crate::views::call::{KeptVersions, kept_of};

/// The maximum number of failed calls that a report names. A run may have hundreds, and a user
/// needs only the first ones.
const CALLS_NAMED_MAX: usize = 3;

/// The recorded facts about the failure of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureReport {
    /// The first few failed calls that have no failed callee, in order. The failure began in them.
    /// The record does not show whether their callers failed because of them.
    pub origins: Vec<CallFailure>,
    /// The number of such calls.
    pub n_origins: usize,
    /// The first few failed or cancelled calls that kept some of their writes, in order.
    pub kept: Vec<CallFailure>,
    /// The number of such calls.
    pub n_kept: usize,
    /// The first few calls whose changes were rolled back, in order.
    pub rolled_back: Vec<CallFailure>,
    /// The number of such calls.
    pub n_rolled_back: usize,
    /// The first few calls of the run or its steps that were cancelled, in order.
    pub stopped: Vec<CallFailure>,
    /// The number of such calls.
    pub n_stopped: usize,
    /// Set if nothing but locks made the calls fail.
    pub contention: Option<Contention>,
}

/// The kind of lock conflict, if a call failed only because of locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contention {
    /// Other calls held a lock until the deadline.
    LockTimeout,
    /// The call and another call would have waited for each other.
    Deadlock,
}

/// A call that failed or was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// The call.
    pub call: Lineage,
    /// The step that the call belongs to, if any.
    pub step: Option<String>,
    /// The calls from the run down to this one, including this one: `spawn.run`.
    pub chain: Vec<String>,
    /// The model of the call.
    pub model: ModelName,
    /// The method of the call.
    pub method: MethodName,
    /// The error.
    pub error: CallError,
    /// The writes that are visible although the call failed.
    pub kept: VersionsWritten,
    /// The staged changes that were rolled back.
    pub discarded: DiscardedChanges,
    /// The requests that the host refused to the call.
    pub refusals: Refusals,
}

impl Contention {
    /// Returns what blocked a call, if the host's error says that it was a lock.
    pub(crate) fn of(error: &CallError) -> Option<Self> {
        if let CallError::LockTimeout { .. } = error {
            return Some(Self::LockTimeout);
        }
        if let CallError::Deadlock { .. } = error {
            return Some(Self::Deadlock);
        }
        None
    }

    /// Returns what blocked a call, if its record says that it failed because of nothing but locks.
    ///
    /// What the guest says about its failure does not matter. A callee that could not begin because
    /// of a lock counts as the reason, unless the guest made that call again with success.
    fn of_record(call: &CallRecord, has_failed_callee: bool) -> Option<Option<Self>> {
        let error = call.error.as_ref()?;
        if let Some(contention) = Self::of(error) {
            return Some(Some(contention));
        }
        let CallError::Failed(_) = error else {
            return None;
        };
        if !call.refusals.limits.is_empty() || !call.refusals.secrets.is_empty() {
            return None;
        }
        let mut first = None;
        for refused in &call.refusals.calls {
            let contention = Self::of(&refused.error)?;
            first.get_or_insert(contention);
        }
        (first.is_some() || has_failed_callee).then_some(first)
    }

    /// Returns the error code for a failure that has this as its only cause.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::LockTimeout => ErrorCode::LockTimeout,
            Self::Deadlock => ErrorCode::Deadlock,
        }
    }
}

impl FailureReport {
    /// Reads the report for the calls that the run itself made and that `concern` it.
    ///
    /// The failure is known already. If the record cannot be read, the report is empty, and the
    /// failure is reported nevertheless.
    pub(crate) fn read(
        repository: &Repository,
        run: &RunId,
        concern: impl Fn(&CallRecord) -> bool,
    ) -> Box<Self> {
        let recorded = || -> Result<(Vec<CallRecord>, KeptVersions), AppError> {
            let store = repository.store()?;
            Ok((store.call_list(run)?, kept_of(store, run)?))
        };
        Box::new(match recorded() {
            Ok((calls, kept)) => Self::of(&calls, &kept, concern),
            Err(error) => {
                tracing::warn!(%run, %error, "failed to read the calls of a run that failed");
                Self::default()
            }
        })
    }

    /// Finds the failed and the cancelled calls of a run, callers before callees.
    ///
    /// Failures of callees of a call that succeeded are left out, because the caller handled them.
    fn of(
        calls: &[CallRecord],
        kept: &KeptVersions,
        concern: impl Fn(&CallRecord) -> bool,
    ) -> Self {
        let failed = concerned(calls, &concern, |status| status == CallStatus::Failed);
        let unsuccessful = concerned(calls, &concern, |status| {
            matches!(status, CallStatus::Failed | CallStatus::Cancelled)
        });
        let stopped = unsuccessful.iter().copied().filter(|call| {
            // Its nested calls stopped with it.
            call.status == CallStatus::Cancelled && call.lineage.depth() == 1
        });
        // Callees directly follow their caller.
        let has_failed_callee = |at: usize, call: &CallRecord| {
            let next = failed.get(at + 1);
            next.is_some_and(|next| call.lineage.covers(&next.lineage))
        };
        let origins = failed
            .iter()
            .enumerate()
            .filter(|(at, call)| !has_failed_callee(*at, call));
        let record = (calls, kept);
        let (origins, n_origins) = named(record, origins.map(|(_, call)| *call));
        let (stopped, n_stopped) = named(record, stopped);
        let all = || unsuccessful.iter().copied();
        let keepers = all().filter(|call| kept.contains_key(&call.lineage));
        let (keepers, n_kept) = named(record, keepers);
        // The nested calls of a cancelled call stop wherever they are, and what they had staged
        // says nothing.
        let is_shown =
            |call: &&CallRecord| call.status == CallStatus::Failed || call.lineage.depth() == 1;
        let discards = all().filter(|call| !call.discarded.is_empty());
        let (rolled_back, n_rolled_back) = named(record, discards.filter(is_shown));
        let of_each = failed
            .iter()
            .enumerate()
            .map(|(at, call)| Contention::of_record(call, has_failed_callee(at, call)));
        let contention: Option<Vec<_>> = of_each.collect();
        Self {
            origins,
            n_origins,
            kept: keepers,
            n_kept,
            rolled_back,
            n_rolled_back,
            stopped,
            n_stopped,
            contention: contention.and_then(|all| all.into_iter().flatten().next()),
        }
    }
}

/// Returns the calls with one of these statuses that `concern` the run, and those below them whose
/// callers all have such a status. Callers come before callees.
fn concerned(
    calls: &[CallRecord],
    concern: impl Fn(&CallRecord) -> bool,
    has_status: impl Fn(CallStatus) -> bool,
) -> Vec<&CallRecord> {
    let mut found: Vec<&CallRecord> = Vec::new();
    let mut known = HashSet::new();
    for call in calls.iter().filter(|it| has_status(it.status)) {
        let is_meant = match call.lineage.parent() {
            Some(caller) if caller.depth() > 0 => known.contains(&caller),
            Some(_) | None => concern(call),
        };
        if is_meant {
            known.insert(call.lineage.clone());
            found.push(call);
        }
    }
    found
}

/// Returns the first few calls, and how many there are.
fn named<'a>(
    (calls, kept): (&[CallRecord], &KeptVersions),
    some: impl Iterator<Item = &'a CallRecord>,
) -> (Vec<CallFailure>, usize) {
    let mut first = Vec::new();
    let mut n = 0;
    for call in some {
        n += 1;
        let cancelled = (call.status == CallStatus::Cancelled).then_some(&CallError::Cancelled);
        if first.len() < CALLS_NAMED_MAX
            && let Some(error) = call.error.as_ref().or(cancelled)
        {
            first.push(CallFailure {
                call: call.lineage.clone(),
                step: call.step.clone(),
                chain: chain(calls, call),
                model: call.model.clone(),
                method: call.method.clone(),
                error: error.clone(),
                // ignored: a call that is not in the map kept nothing.
                kept: kept.get(&call.lineage).cloned().unwrap_or_default(),
                discarded: call.discarded.clone(),
                refusals: call.refusals.clone(),
            });
        }
    }
    (first, n)
}

/// Returns the calls from the run down to `call`, including `call`.
fn chain(calls: &[CallRecord], call: &CallRecord) -> Vec<String> {
    let above = calls.iter().filter(|it| it.lineage.covers(&call.lineage));
    above
        .map(|it| format!("{}.{}", it.model, it.method))
        .collect()
}

#[cfg(test)]
mod tests {
    use sedge_model::call::MethodFailure;
    use sedge_sys::clock::Timestamp;
    use serde_json::json;

    use super::*;

    /// Makes the calls of a run from texts such as `1/2 sink failed 3`: place, model, result, and
    /// the number of changes that were rolled back.
    fn calls(texts: &[&str]) -> Vec<CallRecord> {
        let call = |text: &&str| {
            let words: Vec<&str> = text.split(' ').collect();
            let [place, model, end, n_discarded] = words[..] else {
                panic!("four words: {text}")
            };
            let status = match end {
                "succeeded" => CallStatus::Succeeded,
                "cancelled" => CallStatus::Cancelled,
                _ => CallStatus::Failed,
            };
            CallRecord {
                lineage: format!("000000000000/{place}").parse().expect("a lineage"),
                step: None,
                model: model.parse().expect("a name"),
                method: "run".parse().expect("a name"),
                status,
                arguments: json!({}),
                outcome: None,
                error: (status == CallStatus::Failed).then(|| error(end)),
                discarded: DiscardedChanges {
                    changes: n_discarded.parse().expect("a number"),
                    names: Vec::new(),
                },
                refusals: refusals(end),
                started_at: Timestamp(0),
                until_commit_us: None,
                waited_us: None,
                n_rollbacks: 0,
            }
        };
        texts.iter().map(call).collect()
    }

    fn locked() -> CallError {
        CallError::LockTimeout {
            resource: "the model `b`".to_owned(),
            holders: Vec::new(),
            waited_ms: 1,
        }
    }

    /// The error of a call whose plugin makes every claim that a plugin can make.
    fn error(end: &str) -> CallError {
        match end.split('/').next().expect("it is not empty") {
            "locked" => locked(),
            "late" => CallError::TimedOut { after_ms: 1 },
            _ => CallError::Failed(MethodFailure {
                code: "lock-timeout".to_owned(),
                message: "the model `b` was locked by others for 1 ms".to_owned(),
                details: Some(json!({"name": "memory-bytes", "value": 1})),
                keep_writes: false,
                backtrace: Vec::new(),
            }),
        }
    }

    fn refusals(end: &str) -> Refusals {
        let mut refusals = Refusals::default();
        if end.contains("refused") {
            refusals.call("b", "run", locked());
        }
        if end.contains("denied") {
            let reason = "no".to_owned();
            refusals.call("c", "run", CallError::Denied { reason });
        }
        refusals
    }

    #[track_caller]
    fn check(texts: &[&str], origins: &[&str], rolled_back: &[&str]) {
        let report = FailureReport::of(&calls(texts), &KeptVersions::new(), |call| {
            call.model.as_str() != "z"
        });
        let chains = |calls: &[CallFailure]| -> Vec<String> {
            calls.iter().map(|call| call.chain.join(" > ")).collect()
        };
        assert_eq!(chains(&report.origins), origins);
        assert_eq!(chains(&report.rolled_back), rolled_back);
    }

    #[test]
    fn failure_began_in_calls_without_a_failed_callee() {
        check(&["1 a failed 0"], &["a.run"], &[]);
        check(
            &[
                "1 a failed 1",
                "1/1 b succeeded 0",
                "1/2 c failed 2",
                "1/2/1 d failed 0",
            ],
            &["a.run > c.run > d.run"],
            &["a.run", "a.run > c.run"],
        );
        check(
            &[
                "1 a failed 0",
                "1/1 b failed 0",
                "1/2 c cancelled 0",
                "1/3 d failed 1",
            ],
            &["a.run > b.run", "a.run > d.run"],
            &["a.run > d.run"],
        );
        let calls = [
            "1 a succeeded 0",
            "1/1 b failed 1",
            "2 c failed 0",
            "2/1 d succeeded 0",
            "2/1/1 e failed 1",
            "3 z failed 1",
        ];
        check(&calls, &["c.run"], &[]);
    }

    #[test]
    fn contention_follows_only_from_the_record_of_the_host() {
        let check = |texts: &[&str], expect: bool| {
            let report = FailureReport::of(&calls(texts), &KeptVersions::new(), |_| true);
            let expect = expect.then_some(Contention::LockTimeout);
            assert_eq!(report.contention, expect, "{texts:?}");
        };
        check(&["1 a failed 0"], false);
        check(&["1 a failed/refused 0"], true);
        check(&["1 a locked 0"], true);
        check(&["1 a failed 0", "1/1 b failed/refused 0"], true);
        check(&["1 a failed 0", "1/1 b failed 0"], false);
        check(&["1 a failed/refused/denied 0"], false);
        check(&["1 a late/refused 0"], false);
        check(&["1 a late 0", "1/1 b failed/refused 0"], false);
        check(
            &["1 a failed 0", "1/1 b failed/refused 0", "1/2 c failed 0"],
            false,
        );
        check(&["1 a failed/refused 0", "2 b failed/refused 0"], true);
        check(&["1 a failed/refused 0", "2 b failed 0"], false);
        check(&[], false);
    }

    #[test]
    fn cancelled_calls_are_named_with_their_changes() {
        let texts = [
            "1 a cancelled 2",
            "1/1 b cancelled 0",
            "2 c succeeded 0",
            "2/1 d cancelled 1",
            "3 e cancelled 0",
        ];
        let report = FailureReport::of(&calls(&texts), &KeptVersions::new(), |_| true);
        let chains = |calls: &[CallFailure]| -> Vec<String> {
            calls.iter().map(|call| call.chain.join(" > ")).collect()
        };
        assert_eq!(chains(&report.stopped), ["a.run", "e.run"]);
        assert_eq!((report.n_stopped, report.n_origins), (2, 0));
        assert_eq!(chains(&report.rolled_back), ["a.run"]);
    }

    #[test]
    fn report_names_the_first_few_calls() {
        let places: Vec<String> = (1..=9).map(|n| format!("1/{n} b failed 1")).collect();
        let mut texts = vec!["1 a failed 0"];
        texts.extend(places.iter().map(String::as_str));
        let report = FailureReport::of(&calls(&texts), &KeptVersions::new(), |_| true);
        assert_eq!(
            (report.origins.len(), report.n_origins),
            (CALLS_NAMED_MAX, 9)
        );
        assert_eq!(
            (report.rolled_back.len(), report.n_rolled_back),
            (CALLS_NAMED_MAX, 9)
        );
    }
}
