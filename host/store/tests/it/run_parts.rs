//! What belongs to a run: its options, its child runs, the calls of its steps and its gates.

use std::collections::{BTreeMap, BTreeSet};

use sedge_model::run::{
    AssertSeverity, CheckSkips, Expansion, GateDeadline, GateDecision, OnTimeout, RunEvent,
    RunKind, RunOptions, RunParent, RunStatus, StepInstance,
};
use sedge_store::{RunFilter, RunStart};
use serde_json::json;

use crate::fixture::{
    Fixture, ada, append, called_by, child_start, expansion, gate_opened, permit, run_id,
    run_start, shown_at_gate, step, step_path,
};
use crate::format::texts;

#[test]
fn options_are_read_as_they_were_stored() {
    let fixture = Fixture::new();
    fixture.run(9);
    let full = RunOptions {
        check_skips: CheckSkips {
            all: true,
            names: vec!["small".to_owned()],
            labels: vec!["slow".to_owned()],
        },
        fail_on: Some(AssertSeverity::Medium),
        tags: BTreeMap::from([("team".to_owned(), "é".to_owned())]),
        parent: Some(RunParent::Step {
            run: run_id(9),
            step: expansion("build/each", "each[0]"),
        }),
        deadline_ms: Some(1_800_000_000_000),
        environment: ["REGION".parse().expect("a name")].into(),
    };
    let called = RunOptions {
        parent: Some(called_by(9, &[1, 2])),
        ..RunOptions::default()
    };
    for (n, options) in [(1, RunOptions::default()), (2, full), (3, called)] {
        let start = RunStart {
            options: options.clone(),
            ..run_start(n, RunKind::Workflow, "deploy")
        };
        fixture.store.run_start(&start, &[]).expect("the id is new");
        let found = fixture.store.run_options(&start.id).expect("it was made");
        assert_eq!(found, options);
        let run = fixture.store.run_get(&start.id).expect("it was made");
        assert_eq!(run.by, ada());
        assert_eq!(run.parent, options.parent.map(|it| it.run().clone()));
    }
    let stored = texts(&fixture, "SELECT options FROM run_details");
    assert_eq!(stored.iter().filter(|it| *it == "{}").count(), 2);
    let report = fixture.store.check(true, |_| {}).expect("readable");
    assert_eq!(report.findings, []);
}

/// Starts child runs, each as `(id, parent)`.
fn start_children(fixture: &Fixture, children: &[(u64, u64)]) {
    for (n, parent) in children {
        let start = child_start(*n, *parent);
        let started = fixture.store.run_start(&start, &[RunEvent::Started]);
        started.expect("the id is new");
    }
}

#[test]
fn children_of_a_run_are_listed_oldest_first() {
    let fixture = Fixture::new();
    fixture.run(1);
    fixture.run(2);
    start_children(&fixture, &[(5, 1), (4, 2), (3, 1), (6, 5)]);
    let children = |n| {
        let children = fixture.store.run_children(&run_id(n)).expect("readable");
        children.into_iter().map(|run| run.id).collect::<Vec<_>>()
    };
    assert_eq!(children(1), [run_id(5), run_id(3)]);
    assert_eq!(children(5), [run_id(6)]);
    assert_eq!(children(6), []);
    let roots = RunFilter {
        is_root: true,
        ..RunFilter::default()
    };
    let roots = fixture.store.run_list(&roots, 9).expect("readable");
    let roots: Vec<_> = roots.into_iter().map(|run| run.id).collect();
    assert_eq!(roots, [run_id(2), run_id(1)]);
}

/// A child is deleted with its parent and not before, whatever its status.
#[test]
fn children_are_deleted_with_their_parent() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let start = child_start(2, 1);
    let child = fixture.store.run_start(&start, &[RunEvent::Started]);
    let child = child.expect("the id is new");
    start_children(&fixture, &[(3, 2)]);
    append(&fixture.store, &child, vec![], Some(RunStatus::Failed)).expect("it counts");
    let old = || fixture.store.runs_ended_before(u64::MAX).expect("readable");
    assert_eq!(old(), []);
    let delete = |n| {
        let deleted = fixture.store.runs_delete(&permit(), &[run_id(n)], &ada());
        deleted.expect("nothing is fenced")
    };
    assert_eq!(delete(2), 0);
    append(&fixture.store, &claim, vec![], Some(RunStatus::Failed)).expect("it counts");
    assert_eq!(old().len(), 1);
    assert_eq!(delete(1), 1);
    let left = fixture.store.run_list(&RunFilter::default(), 9);
    assert_eq!(left.expect("readable"), []);
    assert_eq!(texts(&fixture, "SELECT run FROM run_details"), [""; 0]);
}

/// A run that a call started may wait for a decision when the run of the call has ended.
#[test]
fn run_with_an_unended_run_of_a_call_is_not_deleted() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let called = RunStart {
        options: RunOptions {
            parent: Some(called_by(1, &[1, 1])),
            ..RunOptions::default()
        },
        ..run_start(2, RunKind::Workflow, "nested")
    };
    let child = fixture.store.run_start(&called, &[RunEvent::Started]);
    let child = child.expect("the id is new");
    start_children(&fixture, &[(3, 1)]);
    append(&fixture.store, &claim, vec![], Some(RunStatus::Succeeded)).expect("it counts");
    let delete = || {
        let deleted = fixture.store.runs_delete(&permit(), &[run_id(1)], &ada());
        deleted.expect("nothing is fenced")
    };
    assert_eq!(delete(), 0);
    append(&fixture.store, &child, vec![], Some(RunStatus::Failed)).expect("it counts");
    assert_eq!(delete(), 1);
}

#[test]
fn runs_of_calls_are_listed_by_their_places() {
    let fixture = Fixture::new();
    fixture.run(1);
    start_children(&fixture, &[(2, 1)]);
    let paths: [&[u32]; 3] = [&[2, 1], &[1, 10], &[1, 9, 1]];
    for (n, path) in (3..).zip(paths) {
        let start = RunStart {
            options: RunOptions {
                parent: Some(called_by(1, path)),
                ..RunOptions::default()
            },
            ..run_start(n, RunKind::Workflow, "nested")
        };
        fixture.store.run_start(&start, &[]).expect("the id is new");
    }
    let found = fixture.store.runs_of_calls(&run_id(1)).expect("readable");
    let shown = found.iter().map(|it| (it.place.path(), it.run.id.clone()));
    let expect = [("1/9/1", 5), ("1/10", 4), ("2/1", 3)];
    let expect = expect.map(|(path, n)| (path.to_owned(), run_id(n)));
    assert_eq!(shown.collect::<Vec<_>>(), expect);
    assert_eq!(
        fixture.store.runs_of_calls(&run_id(2)).expect("readable"),
        []
    );
}

#[test]
fn calls_of_attempts_are_those_with_the_ordinals_and_below() {
    let fixture = Fixture::new();
    let (claim, other) = (fixture.run(1), fixture.run(2));
    let paths: [&[u32]; 7] = [&[1], &[1, 2], &[1, 10], &[10], &[10, 1], &[11], &[2]];
    for path in paths {
        fixture.call(&claim, path, "sink");
    }
    fixture.call(&other, &[1, 1], "sink");
    let check = |ordinals: &[u32], expect: &[&str]| {
        let calls = fixture.store.calls_of_attempts(&claim.run, ordinals);
        let calls = calls.expect("readable");
        let paths: Vec<String> = calls.iter().map(|call| call.lineage.path()).collect();
        assert_eq!(paths, expect);
    };
    check(&[1], &["1", "1/2", "1/10"]);
    check(&[10], &["10", "10/1"]);
    check(&[11, 1], &["1", "1/2", "1/10", "11"]);
    check(&[3, 100], &[]);
    check(&[], &[]);
}

#[test]
fn one_call_is_found_by_its_path() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let paths: [&[u32]; 4] = [&[1, 2], &[1], &[10], &[1, 20]];
    let calls = paths.map(|path| fixture.call(&claim, path, "sink"));
    for call in &calls {
        let found = fixture.store.call_get(call).expect("readable");
        assert_eq!(found.map(|it| it.lineage).as_ref(), Some(call));
    }
    let never = calls[0].child(1);
    assert_eq!(fixture.store.call_get(&never).expect("readable"), None);
}

#[test]
fn step_of_a_call_is_the_text_of_its_instance() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let mut start = crate::fixture::call_start(&claim, &[1], "sink");
    start.step = Some(expansion("build/each", "each[0]"));
    let begun = fixture.store.call_start(&claim, start).wait();
    begun.expect("the claim counts");
    let calls = fixture.store.call_list(&claim.run).expect("readable");
    assert_eq!(calls[0].step.as_deref(), Some("build/each[0]"));
}

fn opened(gate: StepInstance, deadline: Option<GateDeadline>) -> RunEvent {
    RunEvent::GateOpened {
        gate,
        shown: shown_at_gate(),
        deadline,
    }
}

fn expired(gate: StepInstance) -> RunEvent {
    RunEvent::GateExpired {
        gate,
        then: OnTimeout::Continue,
    }
}

/// Each list of events leaves these gates open.
#[test]
fn gates_are_open_until_an_event_ends_their_wait() {
    let check = |events: Vec<RunEvent>, expect: &[&str]| {
        let fixture = Fixture::new();
        let claim = fixture.run(1);
        let each = |n: u32| expansion("a/each", &format!("each[{n}]"));
        let open = vec![
            gate_opened("a/ask"),
            opened(each(0), None),
            opened(each(1), None),
            gate_opened("b/ask"),
        ];
        append(&fixture.store, &claim, open, None).expect("it counts");
        append(&fixture.store, &claim, events, None).expect("it counts");
        let gates = fixture.store.gates_open().expect("readable");
        let gates: Vec<String> = gates.iter().map(|it| it.gate.to_string()).collect();
        assert_eq!(gates, expect);
    };
    let skipped = |step| RunEvent::StepSkipped {
        step,
        because: "a deadline".to_owned(),
    };
    let each = |n: u32| expansion("a/each", &format!("each[{n}]"));
    check(vec![], &["a/ask", "a/each[0]", "a/each[1]", "b/ask"]);
    check(vec![expired(each(0))], &["a/ask", "a/each[1]", "b/ask"]);
    let decided = RunEvent::GateDecided {
        gate: each(1),
        decision: GateDecision::Rejected,
        by: ada(),
        comment: None,
        shown: None,
    };
    check(vec![decided], &["a/ask", "a/each[0]", "b/ask"]);
    check(
        vec![skipped(each(1)), skipped(step("a/ask"))],
        &["a/each[0]", "b/ask"],
    );
    check(vec![skipped(step("a/each"))], &["a/ask", "b/ask"]);
    let reset = RunEvent::Reset {
        steps: vec![step_path("a/each"), step_path("b/ask")],
    };
    check(vec![reset.clone()], &["a/ask"]);
    // A gate that was reset is opened again, after the others.
    check(vec![reset, gate_opened("b/ask")], &["a/ask", "b/ask"]);
    let reopened = RunEvent::GateReopened {
        gate: step_path("a/each"),
        skipped: Vec::new(),
    };
    check(vec![reopened], &["a/ask", "b/ask"]);
    let cancelled = RunEvent::CancelRequested {
        by: ada(),
        reason: None,
    };
    check(vec![cancelled], &[]);
    check(vec![RunEvent::DeadlinePassed], &[]);
}

#[test]
fn open_gate_has_what_is_shown_and_its_deadline() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let deadline = GateDeadline {
        at_ms: 1_800_000_000_000,
        then: OnTimeout::Fail,
    };
    let events = vec![
        RunEvent::Expanded {
            step: step_path("a/each"),
            items: vec![Expansion {
                name: "each[0]".parse().expect("a name"),
                item: json!({"key": "k"}).into(),
            }],
            environment: BTreeSet::new(),
        },
        opened(expansion("a/each", "each[0]"), Some(deadline)),
    ];
    append(&fixture.store, &claim, events, None).expect("it counts");
    let gates = fixture.store.gates_open().expect("readable");
    assert_eq!(gates.len(), 1);
    assert_eq!(gates[0].gate, expansion("a/each", "each[0]"));
    assert_eq!(gates[0].shown, shown_at_gate());
    assert_eq!(gates[0].deadline, Some(deadline));
}
