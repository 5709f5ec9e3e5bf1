//! Tests that compute the steps that a user sees from the events of a run, with and without its
//! workflow.

use std::collections::BTreeSet;

use sedge_lang::diagnostic::SourceFile;
use sedge_model::call::CallError;
use sedge_model::run::Actor;
use serde_json::Value;

use super::*;

const WORKFLOW: &str = "\
name: w
jobs:
  - name: j
    steps:
      - {name: a, task: {type: manual_approval}}
      - {name: b, allowFailure: true, task: {type: manual_approval}}
      - {name: c, task: {type: manual_approval}}
  - name: k
    steps:
      - {name: d, task: {type: manual_approval}}
";

fn instance(text: &str) -> StepInstance {
    let (path, expansion) = match text.split_once('#') {
        Some((path, name)) => (path, Some(name.parse().expect("a name"))),
        None => (text, None),
    };
    let (job, step) = path.split_once('/').expect("a path");
    StepInstance {
        path: StepPath {
            job: job.parse().expect("a name"),
            step: step.parse().expect("a name"),
        },
        expansion,
    }
}

fn attempt(text: &str, attempt: u32) -> StepAttempt {
    StepAttempt {
        step: instance(text),
        attempt,
    }
}

fn started(step: &str, call: u32) -> RunEvent {
    RunEvent::StepStarted {
        step: attempt(step, 1),
        call,
        child: None,
    }
}

fn succeeded(step: &str) -> RunEvent {
    RunEvent::StepSucceeded {
        step: attempt(step, 1),
        call: None,
    }
}

fn step_failed(step: &str) -> RunEvent {
    RunEvent::StepFailed {
        step: attempt(step, 1),
        call: None,
        error: StepError::Call(CallError::Cancelled),
        is_allowed: false,
    }
}

fn skipped(step: &str) -> RunEvent {
    RunEvent::StepSkipped {
        step: instance(step),
        because: "`b` failed".to_owned(),
    }
}

fn opened(gate: &str) -> RunEvent {
    RunEvent::GateOpened {
        gate: instance(gate),
        shown: GateShown {
            prompt: "go on?".to_owned(),
            digest: String::new(),
        },
        deadline: None,
    }
}

fn views(events: Vec<RunEvent>, workflow: Option<&Workflow>) -> Vec<StepView> {
    let record = |(n, event)| EventRecord {
        seq: n + 1,
        at: Timestamp(n * 10),
        event,
    };
    let log: Vec<_> = (0_u64..).zip(events).map(record).collect();
    let of = StepsOf {
        run: &"000000000000".parse().expect("an id"),
        workflow,
        open: StepStatusView::Interrupted,
    };
    step_views(&of, &log)
}

fn shown(step: &StepView) -> String {
    let code = step.error.as_ref().map_or("", |error| &error.code);
    let allowed = if step.is_allowed { " allowed" } else { "" };
    let (name, status, took) = (&step.step, step.status.as_str(), step.duration_ms);
    let text = format!("{name} {status} {:?} {took:?} {code}{allowed}", step.calls);
    text.trim_end().to_owned()
}

fn check(events: Vec<RunEvent>, expect: &[&str]) {
    let steps = views(events, None);
    assert_eq!(steps.iter().map(shown).collect::<Vec<_>>(), expect);
}

fn check_in_workflow(events: Vec<RunEvent>, expect: &[&str]) {
    let workflow = Workflow::parse(&SourceFile::new("w.yaml", WORKFLOW)).expect("no faults");
    let steps = views(events, Some(&workflow));
    let shown = steps.iter().map(|step| {
        let allowed = if step.is_allowed { " allowed" } else { "" };
        format!("{} {}{allowed}", step.step, step.status.as_str())
    });
    assert_eq!(shown.collect::<Vec<_>>(), expect);
}

#[test]
fn step_has_the_status_of_its_last_event() {
    check(vec![RunEvent::Started], &[]);
    check(
        vec![
            started("j/a", 1),
            started("j/b", 2),
            RunEvent::Resumed,
            started("j/a", 3),
            succeeded("j/a"),
            step_failed("j/b"),
            skipped("j/c"),
            opened("j/g"),
            started("j/d", 4),
        ],
        &[
            r#"j/a succeeded ["000000000000/1", "000000000000/3"] Some(40)"#,
            r#"j/b failed ["000000000000/2"] Some(40) cancelled"#,
            "j/c skipped [] None",
            "j/g waiting [] None",
            r#"j/d interrupted ["000000000000/4"] None"#,
        ],
    );
}

#[test]
fn steps_that_have_not_started_follow_in_the_order_of_the_file() {
    check_in_workflow(
        vec![started("j/b", 1), step_failed("j/b")],
        &[
            "j/b failed allowed",
            "j/a pending",
            "j/c pending",
            "k/d pending",
        ],
    );
}

#[test]
fn guard_of_a_job_satisfies_its_steps() {
    let guarded = RunEvent::JobGuarded {
        job: "k".parse().expect("a name"),
        is_satisfied: Ok(true),
    };
    check_in_workflow(
        vec![guarded],
        &["j/a pending", "j/b pending", "j/c pending", "k/d satisfied"],
    );
}

#[test]
fn expansions_are_steps_of_their_own() {
    let expanded = |names: &[&str]| RunEvent::Expanded {
        step: instance("j/a").path,
        items: names
            .iter()
            .map(|name| Expansion {
                name: name.parse().expect("a name"),
                item: Value::Null.into(),
            })
            .collect(),
        environment: BTreeSet::new(),
    };
    check_in_workflow(
        vec![expanded(&["x", "y"]), started("j/a#x", 1), skipped("j/a")],
        &[
            "j/x interrupted",
            "j/y skipped",
            "j/b pending",
            "j/c pending",
            "k/d pending",
        ],
    );
    check_in_workflow(
        vec![expanded(&[])],
        &["j/a satisfied", "j/b pending", "j/c pending", "k/d pending"],
    );
}

/// A step whose call was cut off by `run cancel` was shown as skipped, above the writes of the call.
#[test]
fn step_that_ran_is_not_shown_as_skipped() {
    let log = vec![started("j/a", 1), skipped("j/a"), skipped("j/b")];
    let steps = views(log, None);
    assert_eq!(
        shown(&steps[0]),
        r#"j/a interrupted ["000000000000/1"] None"#
    );
    assert_eq!(steps[0].because, None);
    assert_eq!(shown(&steps[1]), "j/b skipped [] None");
    assert!(steps[1].because.is_some());
}

#[test]
fn attempts_that_failed_are_kept() {
    let retried = RunEvent::StepRetried {
        step: attempt("j/a", 1),
        call: Some(1),
        error: StepError::Call(CallError::Cancelled),
        next_at_ms: 500,
    };
    let steps = views(vec![started("j/a", 1), retried.clone()], None);
    assert_eq!(shown(&steps[0]), r#"j/a retrying ["000000000000/1"] None"#);
    assert_eq!(steps[0].next_attempt_at.map(|at| at.ms()), Some(500));
    let log = vec![
        started("j/a", 1),
        retried,
        started("j/a", 2),
        succeeded("j/a"),
    ];
    let steps = views(log, None);
    let calls = r#"["000000000000/1", "000000000000/2"]"#;
    assert_eq!(shown(&steps[0]), format!("j/a succeeded {calls} Some(30)"));
    assert_eq!(steps[0].failed_attempts.len(), 1);
    assert_eq!(steps[0].next_attempt_at, None);
}

#[test]
fn gate_says_who_or_what_decided_it() {
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
    let steps = views(vec![opened("j/a"), decided], None);
    assert_eq!(shown(&steps[0]), "j/a approved [] Some(10)");
    assert_eq!(steps[0].decided_by.as_deref(), Some("ann"));
    assert_eq!(steps[0].prompt.as_deref(), Some("go on?"));
    let expired = |then| RunEvent::GateExpired {
        gate: instance("j/a"),
        then,
    };
    let fails = vec![opened("j/a"), expired(OnTimeout::Fail)];
    check(fails, &["j/a expired [] Some(10) gate-expired"]);
    let goes_on = vec![opened("j/a"), expired(OnTimeout::Continue)];
    check(goes_on, &["j/a expired [] Some(10)"]);
}

#[test]
fn step_that_was_reset_begins_again() {
    let reset = RunEvent::Reset {
        steps: vec![instance("j/a").path],
    };
    let log = vec![started("j/a", 1), step_failed("j/a"), reset];
    check(log.clone(), &[]);
    check(
        [log, vec![started("j/a", 2)]].concat(),
        &[r#"j/a interrupted ["000000000000/2"] None"#],
    );
}

#[test]
fn nested_workflow_names_its_run() {
    let event = RunEvent::StepStarted {
        step: attempt("j/a", 1),
        call: 1,
        child: Some("111111111111".parse().expect("an id")),
    };
    let suspended = RunEvent::ChildSuspended {
        step: instance("j/a"),
    };
    let steps = views(vec![event, suspended], None);
    assert_eq!(shown(&steps[0]), "j/a suspended [] None");
    assert_eq!(steps[0].child.as_deref(), Some("111111111111"));
}

/// The calls were in no step of the tree that `run show` draws.
#[test]
fn step_has_the_calls_of_its_guard_until_it_is_reset() {
    let called = |step: &str, call: u32| RunEvent::EvaluationCalled {
        place: EvaluationPlace::Guard(instance(step)),
        call,
    };
    let of_job = RunEvent::EvaluationCalled {
        place: EvaluationPlace::JobGuard("j".parse().expect("a name")),
        call: 1,
    };
    let mut log = vec![
        of_job,
        called("j/a", 2),
        called("j/a", 3),
        started("j/a", 4),
    ];
    let calls = |log: &[RunEvent]| views(log.to_vec(), None)[0].evaluation_calls.clone();
    assert_eq!(calls(&log), ["000000000000/2", "000000000000/3"]);
    log.extend([
        step_failed("j/a"),
        RunEvent::Reset {
            steps: vec![instance("j/a").path],
        },
        called("j/a", 5),
        started("j/a", 6),
    ]);
    assert_eq!(calls(&log), ["000000000000/5"]);
}
