//! Why a run failed, as its record tells it: where it began, and what was undone.

use std::collections::HashSet;

use sedge_model::call::{CallError, CallStatus, Undone};
use sedge_model::lineage::Lineage;
use sedge_model::names::{MethodName, ModelName, RunId};
use sedge_store::CallRecord;

use crate::error::AppError;
use crate::repository::Repository;

/// The most failed calls that a report names; of hundreds, a person wants the first few.
const CALLS_TOLD: usize = 3;

/// What the record of a run tells of its failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureReport {
    /// The calls that failed and that made none which failed, in order, the first few. They
    /// are where it began; whether their callers failed for them is for these to say.
    pub origins: Vec<FailedCall>,
    /// How many there are.
    pub n_origins: usize,
    /// The calls of which something was undone, in order, the first few.
    pub undone: Vec<FailedCall>,
    /// How many there are.
    pub n_undone: usize,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCall {
    /// Which call.
    pub call: Lineage,
    /// The step that it is part of, if any.
    pub step: Option<String>,
    /// The calls from the run down to this one, this one too: `spawn.run`.
    pub chain: Vec<String>,
    /// Its model.
    pub model: ModelName,
    /// Its method.
    pub method: MethodName,
    /// What went wrong.
    pub error: CallError,
    /// What it had staged and was thrown away.
    pub undone: Undone,
}

impl FailureReport {
    /// Reads what the record tells of the calls that the run itself made and that
    /// `concern` it. The failure is known by then: a record that cannot be read takes
    /// nothing from it.
    pub(crate) fn read(
        repository: &Repository,
        run: &RunId,
        concern: impl Fn(&CallRecord) -> bool,
    ) -> Box<Self> {
        let calls = repository
            .store()
            .and_then(|store| store.call_list(run).map_err(AppError::from));
        Box::new(match calls {
            Ok(calls) => Self::of(&calls, concern),
            Err(error) => {
                tracing::warn!(%run, %error, "failed to read the calls of a run that failed");
                Self::default()
            }
        })
    }

    /// Finds what failed among a run's calls, callers before callees. What failed below a
    /// call that succeeded has been dealt with there.
    fn of(calls: &[CallRecord], concern: impl Fn(&CallRecord) -> bool) -> Self {
        let mut failed: Vec<&CallRecord> = Vec::new();
        let mut known = HashSet::new();
        for call in calls.iter().filter(|it| it.status == CallStatus::Failed) {
            let is_meant = match call.lineage.parent() {
                Some(caller) if caller.depth() > 0 => known.contains(&caller),
                Some(_) | None => concern(call),
            };
            if is_meant {
                known.insert(call.lineage.clone());
                failed.push(call);
            }
        }
        // Callees come right behind their caller.
        let origins = failed.iter().enumerate().filter(|(at, call)| {
            let next = failed.get(at + 1);
            next.is_none_or(|next| !call.lineage.covers(&next.lineage))
        });
        let (origins, n_origins) = told(calls, origins.map(|(_, call)| *call));
        let (undone, n_undone) = told(
            calls,
            failed
                .iter()
                .copied()
                .filter(|call| !call.undone.is_empty()),
        );
        Self {
            origins,
            n_origins,
            undone,
            n_undone,
        }
    }
}

/// Returns the first few, and how many there are.
fn told<'a>(
    calls: &[CallRecord],
    some: impl Iterator<Item = &'a CallRecord>,
) -> (Vec<FailedCall>, usize) {
    let mut first = Vec::new();
    let mut n = 0;
    for call in some {
        n += 1;
        if first.len() < CALLS_TOLD
            && let Some(error) = &call.error
        {
            first.push(FailedCall {
                call: call.lineage.clone(),
                step: call.step.clone(),
                chain: chain(calls, call),
                model: call.model.clone(),
                method: call.method.clone(),
                error: error.clone(),
                undone: call.undone.clone(),
            });
        }
    }
    (first, n)
}

/// Returns the calls from the run down to one, this one too.
fn chain(calls: &[CallRecord], call: &CallRecord) -> Vec<String> {
    let above = calls.iter().filter(|it| it.lineage.covers(&call.lineage));
    above
        .map(|it| format!("{}.{}", it.model, it.method))
        .collect()
}

#[cfg(test)]
mod tests {
    use sedge_sys::clock::Timestamp;
    use serde_json::json;

    use super::*;

    /// Makes a run's calls of `1/2 sink failed 3`: place, model, how it ended, what was undone.
    fn calls(texts: &[&str]) -> Vec<CallRecord> {
        let call = |text: &&str| {
            let words: Vec<&str> = text.split(' ').collect();
            let [place, model, end, n_undone] = words[..] else {
                panic!("four words: {text}")
            };
            let status = match end {
                "failed" => CallStatus::Failed,
                "cancelled" => CallStatus::Cancelled,
                _ => CallStatus::Succeeded,
            };
            CallRecord {
                lineage: format!("000000000000/{place}").parse().expect("a lineage"),
                step: None,
                model: model.parse().expect("a name"),
                method: "run".parse().expect("a name"),
                status,
                arguments: json!({}),
                outcome: None,
                error: (status == CallStatus::Failed).then_some(CallError::Cancelled),
                undone: Undone {
                    changes: n_undone.parse().expect("a number"),
                    names: Vec::new(),
                },
                started_at: Timestamp(0),
                until_commit_us: None,
                waited_us: None,
                n_undone: 0,
            }
        };
        texts.iter().map(call).collect()
    }

    #[track_caller]
    fn check(texts: &[&str], origins: &[&str], undone: &[&str]) {
        let report = FailureReport::of(&calls(texts), |call| call.model.as_str() != "z");
        let told = |calls: &[FailedCall]| -> Vec<String> {
            calls.iter().map(|call| call.chain.join(" > ")).collect()
        };
        assert_eq!(told(&report.origins), origins);
        assert_eq!(told(&report.undone), undone);
    }

    #[test]
    fn a_failure_began_where_nothing_below_failed() {
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
    fn of_many_calls_the_first_few_are_told() {
        let places: Vec<String> = (1..=9).map(|n| format!("1/{n} b failed 1")).collect();
        let mut texts = vec!["1 a failed 0"];
        texts.extend(places.iter().map(String::as_str));
        let report = FailureReport::of(&calls(&texts), |_| true);
        assert_eq!((report.origins.len(), report.n_origins), (CALLS_TOLD, 9));
        assert_eq!((report.undone.len(), report.n_undone), (CALLS_TOLD, 9));
    }
}
