//! What is appended to the logs of runs: tasks of steps, follow-ups of calls, edits and releases.

use std::collections::BTreeSet;

use rusqlite::Connection;
use sedge_model::names::EnvName;
use sedge_model::run::{Expansion, ExpansionItem, RunEvent, RunStatus, StepError};
use sedge_store::{
    Author, CallEnd, Claim, DirectModel, FollowUp, INLINE_BYTES_MAX, LogEntry, RunEdits, RunRecord,
    StartedTask, StoreError,
};
use serde_json::{Value, json};

use crate::fixture::{
    Fixture, ada, append, assert_fenced, attempt, file_write, permit, run_id, shown, step_path,
    step_started, success,
};
use crate::format::texts;

/// Names of variables that expressions have read.
fn environment() -> BTreeSet<EnvName> {
    ["A", "REGION"].map(|it| it.parse().expect("a name")).into()
}

fn nested(inputs: Value) -> StartedTask {
    StartedTask::Workflow {
        workflow: "nested".to_owned(),
        inputs,
        environment: BTreeSet::new(),
    }
}

fn direct(arguments: Value) -> StartedTask {
    StartedTask::Method {
        model: "web".to_owned(),
        method: "run".parse().expect("a method's name"),
        arguments,
        direct: Some(DirectModel {
            type_name: "@test/web".parse().expect("a type's name"),
            global_arguments: json!({"z": 1, "a": [null, "é"]}),
        }),
        environment: environment(),
    }
}

/// The start of the step that takes an ordinal.
fn started(call: u32, task: StartedTask) -> LogEntry {
    LogEntry {
        task: Some(task),
        ..step_started("build/compile", call).into()
    }
}

fn append_tasks(fixture: &Fixture, claim: &Claim, entries: Vec<LogEntry>) {
    let appended = fixture
        .store
        .run_append(Author::Process(claim), 0, |_| Ok::<_, StoreError>(entries));
    appended.expect("the claim counts");
}

/// Returns the number of files of large content.
fn n_files(fixture: &Fixture) -> u64 {
    fixture.store.status().expect("readable").n_files
}

fn assert_sound(fixture: &Fixture) {
    let report = fixture.store.check(true, |_| {}).expect("readable");
    assert_eq!(report.findings, []);
}

#[test]
fn task_is_read_as_it_was_logged() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let large = json!({"text": "é".repeat(INLINE_BYTES_MAX)});
    let tasks = [
        nested(json!({"n": u64::MAX, "x": 2.5})),
        direct(json!({})),
        direct(large.clone()),
        nested(large),
    ];
    let entries = (1..).zip(tasks.clone());
    let entries = entries.map(|(call, task)| started(call, task)).collect();
    append_tasks(&fixture, &claim, entries);
    for (call, task) in (1..).zip(tasks) {
        let found = fixture.store.step_task(&claim.run, call);
        assert_eq!(found.expect("readable"), Some(task));
    }
    let none = fixture.store.step_task(&claim.run, 9).expect("readable");
    assert_eq!(none, None);
    assert_eq!(n_files(&fixture), 2);
    assert_sound(&fixture);
}

/// Inputs are no part of an event: a run of many steps would read them all to continue.
#[test]
fn events_of_steps_stay_small() {
    const EVENT_BYTES_MAX: usize = 100;
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let inputs = json!({"text": "x".repeat(10_000)});
    append_tasks(&fixture, &claim, vec![started(1, nested(inputs))]);
    let events = texts(&fixture, "SELECT event FROM run_events");
    assert!(
        events.iter().all(|it| it.len() < EVENT_BYTES_MAX),
        "{events:?}"
    );
}

#[test]
fn tasks_are_collected_with_their_run() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.run(1), fixture.run(2));
    let large = || nested(json!("x".repeat(2 * INLINE_BYTES_MAX)));
    for claim in [&one, &two] {
        append_tasks(&fixture, claim, vec![started(1, large())]);
        append(&fixture.store, claim, vec![], Some(RunStatus::Failed)).expect("it counts");
    }
    assert_eq!(n_files(&fixture), 1, "equal content is one file");
    let delete = |n| {
        let deleted = fixture.store.runs_delete(&permit(), &[run_id(n)], &ada());
        assert_eq!(deleted.expect("it has ended"), 1);
    };
    delete(1);
    assert_eq!(n_files(&fixture), 1, "the other run uses it");
    let collected = fixture.store.leftovers_remove(&permit());
    assert_eq!(collected.expect("nothing is fenced"), (0, 0));
    assert_eq!(
        fixture.store.step_task(&two.run, 1).expect("readable"),
        Some(large())
    );
    delete(2);
    assert_eq!(n_files(&fixture), 0);
    assert_eq!(texts(&fixture, "SELECT run FROM step_tasks"), [""; 0]);
}

#[test]
fn missing_file_of_a_task_is_a_finding() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let large = nested(json!("x".repeat(2 * INLINE_BYTES_MAX)));
    append_tasks(&fixture, &claim, vec![started(7, large)]);
    let objects = fixture.folder().path_of("objects");
    std::fs::remove_dir_all(objects).expect("it is there");
    let report = fixture.store.check(false, |_| {}).expect("readable");
    let findings = format!("{:?}", report.findings);
    let expect = "the task of the step `100000000000/7`: the file of its content";
    assert!(findings.contains(expect), "{findings}");
    let error = fixture.store.step_task(&claim.run, 7).expect_err("missing");
    assert!(matches!(error, StoreError::ContentMissing(_)), "{error}");
}

#[test]
fn unreadable_task_is_a_finding() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    append_tasks(&fixture, &claim, vec![started(1, nested(Value::Null))]);
    let connection = Connection::open(fixture.folder().path_of("sedge.db")).expect("opened");
    let broken = connection.execute("UPDATE step_tasks SET task = '{\"teleport\":{}}'", []);
    assert_eq!(broken.expect("it can be written"), 1);
    let report = fixture.store.check(false, |_| {}).expect("readable");
    let findings = format!("{:?}", report.findings);
    assert!(findings.contains("the task of the step: "), "{findings}");
    let error = fixture.store.step_task(&claim.run, 1).expect_err("unknown");
    assert!(matches!(error, StoreError::Unreadable { .. }), "{error}");
}

/// The end of a step, the start of the next one and the end of the run.
#[test]
fn follow_up_is_committed_with_its_call() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let succeeded = RunEvent::StepSucceeded {
        step: attempt("build/compile"),
        call: Some(1),
    };
    let ended = RunEvent::Ended {
        status: RunStatus::Succeeded,
        error: None,
    };
    let task = direct(json!({"n": 1}));
    let follow = FollowUp {
        known: 1,
        entries: vec![succeeded.into(), started(2, task.clone()), ended.into()],
    };
    let end = success(&call, "sink", &[("record", "1")]);
    let committed = fixture.store.call_commit(&claim, end, Some(follow)).wait();
    let committed = committed.expect("the log is the latest");
    assert_eq!(committed.written.len(), 1);
    assert_eq!(
        shown(&committed.events),
        [
            "2 step-succeeded build/compile",
            "3 step-started build/compile 2",
            "4 ended succeeded",
        ]
    );
    let events = fixture.store.run_events_after(&claim.run, 1);
    assert_eq!(events.expect("readable"), committed.events);
    let found = fixture.store.step_task(&claim.run, 2).expect("readable");
    assert_eq!(found, Some(task));
    let run = fixture.store.run_get(&claim.run).expect("it was made");
    assert_eq!(run.status, RunStatus::Succeeded);
    assert!(run.ended_at.is_some());
}

/// A decision of a user came between. Neither the call nor the entries are written, and the call can
/// be committed again, although its file already has the name of its content.
#[test]
fn call_with_an_outdated_follow_up_is_not_committed() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let mut file = fixture.store.file_create();
    file.write(&[7; 2 * INLINE_BYTES_MAX]).expect("written");
    let (content, _passing) = file.finish().expect("written");
    let end = CallEnd {
        changes: vec![file_write("large", content)],
        ..success(&call, "sink", &[])
    };
    let person = fixture.other_process();
    append(&person, &claim, vec![RunEvent::DeadlinePassed], None).expect("appended");
    let follow = |known| FollowUp {
        known,
        entries: vec![started(2, nested(json!(1)))],
    };
    for known in [0, 1, 3] {
        let refused = fixture
            .store
            .call_commit(&claim, end.clone(), Some(follow(known)))
            .wait();
        let error = refused.expect_err("the log has another last event");
        assert!(matches!(error, StoreError::LogMoved(_)), "{error}");
    }
    assert_eq!(fixture.versions("sink", "large"), [0; 0]);
    assert_eq!(fixture.store.run_seq(&claim.run).expect("readable"), 2);
    let found = fixture.store.step_task(&claim.run, 2).expect("readable");
    assert_eq!(found, None);
    let again = fixture
        .store
        .call_commit(&claim, end, Some(follow(2)))
        .wait();
    assert_eq!(again.expect("the log is the latest").written.len(), 1);
    assert_eq!(fixture.versions("sink", "large"), [1]);
    assert_sound(&fixture);
}

/// If the call is refused, its follow-up is not written either.
#[test]
fn follow_up_of_a_refused_call_is_not_written() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let never = fixture.call(&claim, &[1], "sink").child(7);
    let follow = FollowUp {
        known: 1,
        entries: vec![started(2, nested(json!(1)))],
    };
    let end = success(&never, "sink", &[("record", "1")]);
    let refused = fixture.store.call_commit(&claim, end, Some(follow)).wait();
    let error = refused.expect_err("it never began");
    assert!(matches!(error, StoreError::CallNotRunning(_)), "{error}");
    assert_eq!(fixture.events(&claim.run), ["1 started"]);
}

/// If the claim is refused, nothing is edited.
#[test]
fn edits_are_made_with_the_claim() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let inputs = json!({"n": 2});
    let inputs = inputs.as_object().expect("it is an object").clone();
    let edits = RunEdits {
        source: Some("name: deploy # edited\n".to_owned()),
        inputs: Some(inputs.clone()),
    };
    let seen = fixture.store.run_get(&claim.run).expect("it was made");
    let edit = |seen: &RunRecord, known, edits: &RunEdits| {
        let events = [RunEvent::EditsTaken, RunEvent::Resumed];
        fixture
            .store
            .run_claim_edited((seen, known), "session-2", edits, &events)
    };
    let source = || fixture.store.run_source(&claim.run).expect("it was made");
    let found = || fixture.store.run_inputs(&claim.run).expect("it was made");
    let assert_unchanged = || {
        assert_eq!(source().as_deref(), Some("name: deploy\n"));
        assert_eq!(found(), None);
        assert_eq!(fixture.events(&claim.run), ["1 started"]);
        let run = fixture.store.run_get(&claim.run).expect("it was made");
        assert_eq!(run, seen);
    };
    let refused = edit(&seen, 0, &edits).expect_err("it does not know the start");
    assert!(matches!(refused, StoreError::LogMoved(_)), "{refused}");
    assert_unchanged();
    let former = RunRecord {
        claim: seen.claim + 1,
        ..seen.clone()
    };
    assert_fenced(edit(&former, 1, &edits));
    assert_unchanged();
    let claimed = edit(&seen, 1, &edits).expect("the log is the latest");
    assert_eq!(claimed.number, claim.number + 1);
    let events = ["1 started", "2 edits-taken", "3 resumed"];
    assert_eq!(fixture.events(&claim.run), events);
    assert_eq!(
        (source(), found()),
        (edits.source.clone(), Some(inputs.clone()))
    );
    assert_fenced(edit(&seen, 3, &edits));
    // What is not replaced stays.
    let seen = fixture.store.run_get(&claim.run).expect("it was made");
    edit(&seen, 3, &RunEdits::default()).expect("the log is the latest");
    assert_eq!((source(), found()), (edits.source.clone(), Some(inputs)));
}

/// The events of a run stay small, whatever the values are.
#[test]
fn large_values_of_a_step_are_beside_their_event() {
    const N_ITEMS: usize = 1000;
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let expand = |of: &[Value]| {
        let items = of.iter().enumerate().map(|(n, item)| Expansion {
            name: format!("each[{n}]").parse().expect("a name"),
            item: item.clone().into(),
        });
        let event = RunEvent::Expanded {
            step: step_path("build/each"),
            items: items.collect(),
            environment: environment(),
        };
        append_tasks(&fixture, &claim, vec![event.into()]);
        let seq = fixture.store.run_seq(&claim.run).expect("readable");
        let event = fixture.store.run_events_after(&claim.run, seq - 1);
        let event = event.expect("readable").remove(0).event;
        let RunEvent::Expanded {
            items,
            environment: read,
            ..
        } = event
        else {
            panic!("another event: {event:?}");
        };
        assert_eq!(read, environment());
        let stored = fixture.store.step_items(&claim.run, seq).expect("readable");
        assert_eq!(items.len(), of.len());
        (items, stored)
    };
    let small = [json!("a"), json!(null), json!({"key": "k"})];
    let (items, stored) = expand(&small);
    let found: Vec<ExpansionItem> = items.into_iter().map(|it| it.item).collect();
    assert_eq!(
        (found, stored),
        (small.map(ExpansionItem::from).to_vec(), None)
    );
    assert_eq!(n_files(&fixture), 0);
    for n_bytes in [20, 1 << 10] {
        let large = vec![json!({"text": "x".repeat(n_bytes)}); N_ITEMS];
        let (items, stored) = expand(&large);
        assert!(items.iter().all(|it| it.item == ExpansionItem::Stored));
        assert_eq!(stored, Some(large));
    }
    assert_eq!(n_files(&fixture), 1, "the first of them is a row");
    assert_sound(&fixture);
    append(&fixture.store, &claim, vec![], Some(RunStatus::Failed)).expect("it counts");
    let deleted = fixture.store.runs_delete(&permit(), &[claim.run], &ada());
    assert_eq!((deleted.expect("it has ended"), n_files(&fixture)), (1, 0));
    assert_eq!(texts(&fixture, "SELECT run FROM step_items"), [""; 0]);
}

#[test]
fn released_run_has_no_session() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    fixture.store.run_release(&claim).expect("the claim counts");
    let run = fixture.store.run_get(&claim.run).expect("it was made");
    assert_eq!((run.status, run.session.as_str()), (RunStatus::Running, ""));
    assert_eq!(fixture.events(&claim.run), ["1 started", "2 released"]);
    let again = fixture.claimed_again(&claim.run);
    let run = fixture.store.run_get(&claim.run).expect("it was made");
    assert_eq!(run.session, "session-2");
    assert_fenced(fixture.store.run_release(&claim));
    // A run that waits or has ended has no driver that could release it.
    append(&fixture.store, &again, vec![], Some(RunStatus::Suspended)).expect("it counts");
    fixture.store.run_release(&again).expect("the claim counts");
    assert_eq!(fixture.store.run_seq(&claim.run).expect("readable"), 4);
}

#[test]
fn a_claim_can_reset_steps() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let failed = RunEvent::StepFailed {
        step: attempt("a/b"),
        call: Some(1),
        error: StepError::GateExpired,
        is_allowed: false,
    };
    append(
        &fixture.store,
        &claim,
        vec![failed],
        Some(RunStatus::Failed),
    )
    .expect("it counts");
    let seen = fixture.store.run_get(&claim.run).expect("it was made");
    let reset = RunEvent::Reset {
        steps: vec![attempt("a/b").step.path],
    };
    let claimed = fixture
        .store
        .run_claim(&seen, "session-2", &[reset, RunEvent::Resumed]);
    claimed.expect("no other process claimed it");
    let events = fixture.events(&claim.run);
    assert_eq!(events[3..], ["4 reset 1", "5 resumed"]);
}
