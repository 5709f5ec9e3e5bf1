//! Every event in every state of an instance, and in every state of a run.

use std::collections::BTreeSet;

use sedge_model::names::RunId;
use sedge_model::run::{
    GateDecision, OnTimeout, RunEvent, RunStatus, StepAttempt, StepInstance, StepPath,
};

use super::play::{Player, actor, failure, shown, workflow};
use crate::{InstanceState, Plan, PlanStep};

/// The steps of which the table has lines: one for each kind of task.
const TEXT: &str = "\
name: w
jobs:
- name: j
  steps:
  - {name: call, retry: 2, task: {type: model_method, modelIdOrName: m, methodName: r}}
  - {name: once, task: {type: model_method, modelIdOrName: m, methodName: r}}
  - {name: guarded, retry: 2, guard: 1 == 1, task: {type: model_method, modelIdOrName: m, methodName: r}}
  - {name: nested, retry: 2, task: {type: workflow, workflowIdOrName: other}}
  - {name: gate, task: {type: manual_approval}}
  - {name: assert, retry: 2, task: {type: assert, expr: 1 == 1}}
  - {name: each, retry: 2, forEach: {item: it, in: [1]}, task: {type: model_method, modelIdOrName: m, methodName: r}}
";

/// For each step, and each state of its instances that is not an end, the events that are possible.
const TABLE: &[(&str, &str, &str)] = &[
    ("call", "waiting", "started failed skipped"),
    ("call", "running", "succeeded failed retried"),
    (
        "call",
        "interrupted",
        "started succeeded failed retried skipped",
    ),
    ("call", "retrying", "started failed skipped"),
    ("once", "running", "succeeded failed"),
    ("once", "interrupted", "started succeeded failed skipped"),
    ("guarded", "waiting", "guarded failed skipped"),
    ("guarded", "ready", "started failed skipped"),
    (
        "guarded",
        "interrupted",
        "started succeeded failed retried skipped",
    ),
    ("nested", "waiting", "started-child failed skipped"),
    (
        "nested",
        "running-child",
        "succeeded failed retried child-suspended",
    ),
    (
        "nested",
        "interrupted-child",
        "started-child succeeded failed retried skipped",
    ),
    (
        "nested",
        "child-suspended",
        "started-child succeeded failed retried skipped",
    ),
    ("nested", "retrying", "started-child failed skipped"),
    ("gate", "waiting", "failed skipped opened"),
    ("gate", "open", "skipped decided expired"),
    ("assert", "waiting", "succeeded failed retried skipped"),
    ("assert", "retrying", "succeeded failed retried skipped"),
    ("each", "waiting", "failed skipped"),
];

const ENDS: [&str; 5] = ["succeeded", "satisfied", "failed", "rejected", "skipped"];

fn child() -> RunId {
    RunId::from_bits(1)
}

fn state(word: &str, attempt: u32) -> InstanceState {
    let with_child = word.ends_with("-child").then(child);
    match word.trim_end_matches("-child") {
        "waiting" => InstanceState::Waiting,
        "ready" => InstanceState::Ready,
        "running" => InstanceState::Running {
            attempt,
            call: 1,
            interrupted: Vec::new(),
            child: with_child,
        },
        "interrupted" => InstanceState::Interrupted {
            attempt,
            calls: vec![1],
            child: with_child,
        },
        "retrying" => InstanceState::Retrying { attempt, at_ms: 0 },
        "child-suspended" => InstanceState::ChildSuspended {
            attempt,
            calls: vec![1],
            child: child(),
        },
        "open" => InstanceState::Open { deadline: None },
        "succeeded" => InstanceState::Succeeded { call: None },
        "satisfied" => InstanceState::Satisfied,
        "failed" => InstanceState::Failed {
            code: String::new(),
            call: None,
            is_allowed: false,
        },
        "rejected" => InstanceState::Rejected,
        "skipped" => InstanceState::Skipped,
        word => panic!("no state {word}"),
    }
}

/// Returns every event about an instance, each with its word.
fn events(step: &StepPath, attempt: u32) -> Vec<(&'static str, RunEvent)> {
    let instance = StepInstance::of(step.clone());
    let at = StepAttempt {
        step: instance.clone(),
        attempt,
    };
    let started = |child| RunEvent::StepStarted {
        step: at.clone(),
        call: 2,
        child,
    };
    let mut events = vec![
        (
            "guarded",
            RunEvent::Guarded {
                step: instance.clone(),
                is_satisfied: false,
            },
        ),
        ("started", started(None)),
        ("started-child", started(Some(child()))),
        (
            "succeeded",
            RunEvent::StepSucceeded {
                step: at.clone(),
                call: None,
            },
        ),
        (
            "failed",
            RunEvent::StepFailed {
                step: at.clone(),
                call: None,
                error: failure("c"),
                is_allowed: false,
            },
        ),
        (
            "retried",
            RunEvent::StepRetried {
                step: at,
                call: None,
                error: failure("c"),
                next_at_ms: 0,
            },
        ),
    ];
    events.extend(events_without_attempt(instance));
    events
}

fn events_without_attempt(instance: StepInstance) -> Vec<(&'static str, RunEvent)> {
    vec![
        (
            "skipped",
            RunEvent::StepSkipped {
                step: instance.clone(),
                because: String::new(),
            },
        ),
        (
            "child-suspended",
            RunEvent::ChildSuspended {
                step: instance.clone(),
            },
        ),
        (
            "opened",
            RunEvent::GateOpened {
                gate: instance.clone(),
                shown: shown(),
                deadline: None,
            },
        ),
        (
            "decided",
            RunEvent::GateDecided {
                gate: instance.clone(),
                decision: GateDecision::Approved,
                by: actor(),
                comment: None,
                shown: None,
            },
        ),
        (
            "expired",
            RunEvent::GateExpired {
                gate: instance,
                then: OnTimeout::Reject,
            },
        ),
    ]
}

/// Returns the words of the events that are possible.
fn possible(step: &PlanStep, state: &InstanceState, attempt: u32) -> Vec<&'static str> {
    let events = events(&step.path, attempt).into_iter();
    let events = events.filter(|(_, event)| state.after(step, step.is_for_each, event).is_some());
    events.map(|(word, _)| word).collect()
}

#[test]
fn each_state_takes_the_events_of_the_table() {
    let plan = Plan::new(&workflow(TEXT));
    for (name, word, expect) in TABLE {
        let step = plan.steps().find(|it| it.path.step.as_str() == *name);
        let step = step.expect("the step");
        let attempt = if *word == "retrying" { 2 } else { 1 };
        let state = state(word, attempt);
        let found = possible(step, &state, attempt).join(" ");
        assert_eq!(&found, expect, "{name} {word}");
        // Events of another attempt are none of its events.
        let other = possible(step, &state, attempt + 1);
        for of_attempt in ["started", "started-child", "succeeded", "failed", "retried"] {
            assert!(!other.contains(&of_attempt), "{name} {word} {of_attempt}");
        }
    }
    for step in plan.steps() {
        for word in ENDS {
            let found = possible(step, &state(word, 1), 1);
            assert!(found.is_empty(), "{} {word}: {found:?}", step.path);
        }
    }
}

#[test]
fn nested_workflow_starts_again_with_the_same_child_run() {
    let plan = Plan::new(&workflow(TEXT));
    let step = plan.steps().find(|it| it.path.step.as_str() == "nested");
    let step = step.expect("the step");
    let event = RunEvent::StepStarted {
        step: StepAttempt {
            step: StepInstance::of(step.path.clone()),
            attempt: 1,
        },
        call: 2,
        child: Some(RunId::from_bits(2)),
    };
    for word in ["interrupted-child", "child-suspended"] {
        assert_eq!(state(word, 1).after(step, false, &event), None, "{word}");
    }
    let retrying = state("retrying", 1).after(step, false, &event);
    assert!(retrying.is_some(), "another attempt has another child run");
}

/// Returns an event of each kind that is possible at the beginning of a run, or when the gate is
/// open; each with its word.
fn run_events(player: &Player) -> Vec<(&'static str, RunEvent)> {
    let path = |name: &str| {
        let mut steps = player.plan.steps().map(|it| it.path.clone());
        steps.find(|it| it.step.as_str() == name).expect("the step")
    };
    let pick = |step: &str, word: &str| {
        let events = events(&path(step), 1).into_iter();
        let mut events = events.filter(|(it, _)| *it == word);
        events.next().expect("the event")
    };
    vec![
        ("resumed", RunEvent::Resumed),
        ("released", RunEvent::Released),
        ("reset", RunEvent::Reset { steps: Vec::new() }),
        ("edits", RunEvent::EditsTaken),
        (
            "cancel",
            RunEvent::CancelRequested {
                by: actor(),
                reason: None,
            },
        ),
        ("deadline", RunEvent::DeadlinePassed),
        (
            "expanded",
            RunEvent::Expanded {
                step: path("each"),
                items: Vec::new(),
                environment: BTreeSet::new(),
            },
        ),
        pick("guarded", "guarded"),
        pick("call", "started"),
        pick("assert", "succeeded"),
        pick("call", "failed"),
        pick("assert", "retried"),
        pick("call", "skipped"),
        pick("gate", "decided"),
        pick("gate", "expired"),
        ("suspended", RunEvent::Suspended),
        (
            "ended",
            RunEvent::Ended {
                status: RunStatus::Failed,
                error: None,
            },
        ),
    ]
}

#[test]
fn each_state_of_a_run_takes_the_events_of_the_table() {
    let all = "resumed released reset edits cancel deadline expanded guarded started succeeded failed retried skipped decided expired suspended ended";
    let no_driver = "resumed released reset edits cancel deadline skipped decided expired ended";
    let stopping = "resumed released edits cancel deadline expanded guarded succeeded failed retried skipped decided expired suspended ended";
    let late = "resumed released reset edits cancel deadline expanded guarded succeeded failed retried skipped decided expired suspended ended";
    let ended = |status| RunEvent::Ended {
        status,
        error: None,
    };
    let cancel = RunEvent::CancelRequested {
        by: actor(),
        reason: None,
    };
    let check = |before: &[RunEvent], expect: &str| {
        let mut player = Player::new(TEXT);
        player.is_checked = false;
        let gate = player
            .plan
            .steps()
            .find(|it| it.path.step.as_str() == "gate");
        let gate = gate.expect("the gate").path.clone();
        let events = events(&gate, 1).into_iter();
        let opened = events.filter(|(word, _)| *word == "opened");
        for (_, event) in opened {
            player.apply(event);
        }
        for event in before {
            player.apply(event.clone());
        }
        let events = run_events(&player).into_iter();
        let possible = events.filter(|(_, event)| player.state.clone().apply(event).is_ok());
        let words: Vec<&str> = possible.map(|(word, _)| word).collect();
        assert_eq!(words.join(" "), expect, "{before:?}");
    };
    check(&[], all);
    check(&[RunEvent::Suspended], no_driver);
    check(&[RunEvent::Released], no_driver);
    check(&[RunEvent::Suspended, RunEvent::Resumed], all);
    check(&[RunEvent::Released, RunEvent::Resumed], all);
    check(&[cancel], stopping);
    check(&[RunEvent::DeadlinePassed], late);
    check(&[ended(RunStatus::Failed)], "reset edits");
    check(&[ended(RunStatus::Succeeded)], "");
    check(&[ended(RunStatus::Cancelled)], "");
    let reset = RunEvent::Reset { steps: Vec::new() };
    check(&[ended(RunStatus::Failed), reset], no_driver);
}
