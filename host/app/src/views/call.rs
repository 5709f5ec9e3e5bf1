//! Views of calls, and of the errors for which they have no outcome.

use std::collections::BTreeMap;

use sedge_api::problem::call::{
    CallProblem, ChangesRolledBack, CheckFailureView, FrameView, LimitReached, VersionWritten,
    ViolationView,
};
use sedge_api::problem::{Help, UseCase};
use sedge_api::view::call::{
    CallStatusView, CallView, CalledRunView, OutcomeView, VersionsWritten,
};
use sedge_model::backtrace::StackFrame;
use sedge_model::call::{CallError, CallStatus, CheckFailure, DiscardedChanges, Written};
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_model::run::StepError;
use sedge_model::violation::Violation;
use sedge_store::{CallRecord, Store, StoreError};

use crate::views::time;

/// Returns the view of a call's error.
///
/// A plugin chooses the codes of its failures, so these have the prefix `plugin/`.
pub(crate) fn call_problem(error: &CallError) -> CallProblem {
    let mut problem = CallProblem {
        code: error.code().to_owned(),
        message: error.to_string(),
        backtrace: error.backtrace().iter().map(frame_view).collect(),
        ..CallProblem::default()
    };
    match error {
        CallError::Failed(failure) => {
            problem.code = format!("plugin/{}", failure.code);
            problem.details.clone_from(&failure.details);
        }
        CallError::InvalidInput { violations } => {
            problem.message = "the arguments do not fit the method's schema".to_owned();
            problem.violations = violations.iter().map(violation_view).collect();
        }
        CallError::Limit { name, value } => {
            problem.limit = Some(LimitReached {
                name: name.as_str().to_owned(),
                value: *value,
            });
        }
        CallError::LockTimeout {
            holders, waited_ms, ..
        } => {
            problem.holders.clone_from(holders);
            problem.waited_ms = Some(*waited_ms);
        }
        CallError::ChecksFailed { failures } => {
            problem.message = match failures.len() {
                1 => "a check failed, so the method did not run".to_owned(),
                n => format!("{n} checks failed, so the method did not run"),
            };
            problem.checks = failures.iter().map(check_failure_view).collect();
        }
        CallError::NotFound { .. }
        | CallError::Denied { .. }
        | CallError::Deadlock { .. }
        | CallError::ChangedMeanwhile { .. }
        | CallError::Cycle { .. }
        | CallError::Trapped { .. }
        | CallError::TimedOut { .. }
        | CallError::Cancelled
        | CallError::LockLost => {}
    }
    problem
}

/// Returns the view of the error of a step.
pub(crate) fn step_problem(error: &StepError) -> CallProblem {
    match error.of_call() {
        Some(error) => call_problem(error),
        None => CallProblem {
            code: error.code().to_owned(),
            message: error.to_string(),
            ..CallProblem::default()
        },
    }
}

fn violation_view(violation: &Violation) -> ViolationView {
    ViolationView {
        path: violation.path.clone(),
        message: violation.message.clone(),
    }
}

fn check_failure_view(failure: &CheckFailure) -> CheckFailureView {
    CheckFailureView {
        check: failure.check.clone(),
        message: failure.message.clone(),
    }
}

fn frame_view(frame: &StackFrame) -> FrameView {
    FrameView {
        function: frame.function.clone(),
        place: frame.place.as_ref().map(ToString::to_string),
    }
}

/// Returns the view of a version that a call wrote.
pub(crate) fn version_written(written: &Written) -> VersionWritten {
    VersionWritten {
        name: written.name.to_string(),
        version: written.version,
    }
}

/// Returns the view of the versions that a call wrote: a limited number of them, and the command
/// that lists all.
pub(crate) fn versions_written<'a>(
    call: &Lineage,
    written: impl IntoIterator<Item = &'a Written>,
) -> VersionsWritten {
    let mut versions = VersionsWritten::default();
    written
        .into_iter()
        .for_each(|it| versions.push(version_written(it)));
    with_help(call, &mut versions);
    versions
}

/// Adds the command that lists all versions, if the view does not have all.
fn with_help(call: &Lineage, versions: &mut VersionsWritten) {
    if versions.last.is_some() {
        let predicate = format!("run == '{}' && call == '{call}'", call.run());
        versions.all = Some(
            Help::command("list all that it wrote", UseCase::DataQuery)
                .with("predicate", predicate)
                .with("allVersions", sedge_api::problem::Argument::on()),
        );
    }
}

/// Returns the view of a call's changes that were rolled back. Returns `None` if there are none.
pub(crate) fn changes_rolled_back(discarded: &DiscardedChanges) -> Option<ChangesRolledBack> {
    (!discarded.is_empty()).then(|| ChangesRolledBack {
        changes: discarded.changes,
        names: discarded.names.iter().map(ToString::to_string).collect(),
    })
}

/// The versions that were kept by calls which did not succeed.
pub(crate) type KeptVersions = BTreeMap<Lineage, VersionsWritten>;

/// The runs of workflows that calls have started, by the calls.
pub(crate) type CalledRuns = BTreeMap<Lineage, Vec<CalledRunView>>;

/// Reads the versions that were kept by those calls of a run which did not succeed.
pub(crate) fn kept_of(store: &Store, run: &RunId) -> Result<KeptVersions, StoreError> {
    let mut kept = KeptVersions::new();
    store.kept_scan(run, |call, written| {
        kept.entry(call)
            .or_default()
            .push(version_written(&written));
    })?;
    for (call, versions) in &mut kept {
        with_help(call, versions);
    }
    Ok(kept)
}

/// Returns the calls of a run as a tree.
///
/// `calls` lists each caller before its callees. `open` is the status of calls that have no end on
/// record.
pub(crate) fn call_views(
    calls: Vec<CallRecord>,
    mut kept: KeptVersions,
    mut runs: CalledRuns,
    open: CallStatusView,
) -> Vec<CallView> {
    let mut roots = Vec::new();
    // The chain of calls from the run down to the previous call.
    let mut above: Vec<(Lineage, CallView)> = Vec::new();
    let end = |above: &mut Vec<(Lineage, CallView)>, roots: &mut Vec<CallView>| {
        if let Some((_, ended)) = above.pop() {
            match above.last_mut() {
                Some((_, caller)) => caller.calls.push(ended),
                None => roots.push(ended),
            }
        }
    };
    for call in calls {
        while above
            .last()
            .is_some_and(|(last, _)| !last.covers(&call.lineage))
        {
            end(&mut above, &mut roots);
        }
        let kept = kept.remove(&call.lineage);
        // ignored: an `Option`; most calls have started no run.
        let runs = runs.remove(&call.lineage).unwrap_or_default();
        let lineage = call.lineage.clone();
        let mut view = call_view(call, kept, open);
        view.runs = runs;
        above.push((lineage, view));
    }
    while !above.is_empty() {
        end(&mut above, &mut roots);
    }
    roots
}

fn call_view(call: CallRecord, kept: Option<VersionsWritten>, open: CallStatusView) -> CallView {
    let lineage = &call.lineage;
    CallView {
        call: lineage.to_string(),
        status: match call.status {
            CallStatus::Running => open,
            CallStatus::Succeeded => CallStatusView::Succeeded,
            CallStatus::Failed => CallStatusView::Failed,
            CallStatus::Cancelled => CallStatusView::Cancelled,
        },
        outcome: call.outcome.map(|outcome| OutcomeView {
            written: versions_written(lineage, &outcome.written),
            value: outcome.value,
        }),
        error: call.error.as_ref().map(call_problem),
        kept,
        rolled_back: changes_rolled_back(&call.discarded),
        step: call.step,
        model: call.model.to_string(),
        method: call.method.to_string(),
        arguments: call.arguments,
        retries: call.n_rollbacks,
        started_at: time(call.started_at),
        until_commit_ms: call.until_commit_us.map(ms),
        waited_ms: call.waited_us.map(ms),
        calls: Vec::new(),
        runs: Vec::new(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact for calls of up to 285 years"
)]
fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use sedge_model::call::{LimitName, MethodFailure, Refusals};
    use sedge_sys::clock::Timestamp;
    use serde_json::json;

    use super::*;

    fn record(place: &str) -> CallRecord {
        CallRecord {
            lineage: format!("000000000000/{place}").parse().expect("a lineage"),
            step: None,
            model: "m".parse().expect("a name"),
            method: "run".parse().expect("a name"),
            status: CallStatus::Running,
            arguments: json!({}),
            outcome: None,
            error: None,
            discarded: DiscardedChanges::default(),
            refusals: Refusals::default(),
            started_at: Timestamp(0),
            until_commit_us: Some(310),
            waited_us: None,
            n_rollbacks: 0,
        }
    }

    fn drawn(calls: &[CallView]) -> String {
        let one = |call: &CallView| {
            let place = &call.call["000000000000/".len()..];
            match &call.calls[..] {
                [] => place.to_owned(),
                below => format!("{place}({})", drawn(below)),
            }
        };
        calls.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn calls_are_a_tree() {
        let check = |places: &[&str], expect: &str| {
            let calls = places.iter().map(|place| record(place)).collect();
            let open = CallStatusView::Interrupted;
            let views = call_views(calls, KeptVersions::new(), CalledRuns::new(), open);
            assert_eq!(drawn(&views), expect);
        };
        check(&[], "");
        check(&["1"], "1");
        check(
            &["1", "1/1", "1/1/1", "1/2", "2", "2/10", "2/11", "3"],
            "1(1/1(1/1/1) 1/2) 2(2/10 2/11) 3",
        );
    }

    #[test]
    fn code_of_a_plugin_is_never_a_code_of_the_host() {
        let check = |error: CallError, expect: &str| {
            assert_eq!(call_problem(&error).code, expect);
        };
        let failure = |code: &str| MethodFailure {
            code: code.to_owned(),
            message: "no".to_owned(),
            details: None,
            keep_writes: false,
            backtrace: Vec::new(),
        };
        check(CallError::Cancelled, "cancelled");
        check(CallError::LockLost, "lock-lost");
        check(CallError::Failed(failure("cancelled")), "plugin/cancelled");
        let limit = CallError::Limit {
            name: LimitName::CallDepth,
            value: 7,
        };
        assert!(call_problem(&limit).limit.is_some());
        assert!(
            call_problem(&CallError::Failed(failure("limit")))
                .limit
                .is_none()
        );
    }
}
