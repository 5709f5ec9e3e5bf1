//! Runs: their logs, the right to append to them, and how they are listed.

use sedge_model::call::CallError;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_model::run::{Actor, GateDecision, RunError, RunEvent, RunKind, RunStatus, StepError};
use sedge_store::{Author, LogEntry, RunFilter, RunRecord, RunStart, Scan, StoreError};
use sedge_sys::clock::Timestamp;

use crate::fixture::{
    Fixture, ada, append, assert_fenced, attempt, call_start, gate_opened, permit, run_id,
    run_start, shown, step, step_started, success,
};
use crate::format::texts;

/// Why `decide` refused to append.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("not like this")]
    Decided,
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn gate_decided(gate: &str) -> RunEvent {
    RunEvent::GateDecided {
        gate: step(gate),
        decision: GateDecision::Approved,
        by: Actor {
            name: "grace".to_owned(),
            uid: None,
        },
        comment: Some("looks `good` \"to\" me".to_owned()),
        shown: Some("d1".to_owned()),
    }
}

#[test]
fn run_is_read_as_it_was_created() {
    let fixture = Fixture::new();
    let start = run_start(1, RunKind::Method, "sink");
    let claim = fixture.store.run_start(&start, &[]).expect("the id is new");
    let run = fixture.store.run_get(&start.id).expect("it was made");
    let expect = RunRecord {
        id: start.id.clone(),
        kind: RunKind::Method,
        exclusive: false,
        subject: "sink".to_owned(),
        method: Some("run".to_owned()),
        status: RunStatus::Running,
        session: "session-1".to_owned(),
        claim: claim.number,
        by: ada(),
        parent: None,
        started_at: run.started_at,
        ended_at: None,
    };
    assert_eq!(run, expect);
    assert_eq!(fixture.store.run_source(&start.id).expect("made"), None);
    let workflow = fixture.run(2);
    let source = fixture.store.run_source(&workflow.run).expect("made");
    assert_eq!(source.as_deref(), Some("name: deploy\n"));
}

#[test]
fn inputs_of_a_run_are_read_as_written_and_deleted_with_it() {
    let fixture = Fixture::new();
    let inputs = serde_json::json!({"z": [1, 2.5, null], "a": {"é": "\"x\""}, "n": u64::MAX});
    let inputs = inputs.as_object().expect("it is an object").clone();
    for (n, inputs) in [
        (1, Some(inputs)),
        (2, Some(serde_json::Map::new())),
        (3, None),
    ] {
        let start = RunStart {
            inputs: inputs.clone(),
            ..run_start(n, RunKind::Workflow, "deploy")
        };
        let claim = fixture.store.run_start(&start, &[RunEvent::Started]);
        let claim = claim.expect("the id is new");
        let found = fixture.store.run_inputs(&start.id).expect("it was made");
        assert_eq!(found, inputs);
        let ended = RunEvent::Ended {
            status: RunStatus::Succeeded,
            error: None,
        };
        append(&fixture.store, &claim, vec![ended], None).expect("the claim counts");
    }
    let report = fixture.store.check(true, |_| {}).expect("readable");
    assert_eq!(report.findings, []);
    let ids = [run_id(1), run_id(2), run_id(3)];
    let n_deleted = fixture.store.runs_delete(&permit(), &ids, &ada());
    assert_eq!(n_deleted.expect("they have ended"), 3);
    let error = fixture
        .store
        .run_inputs(&run_id(1))
        .expect_err("it is gone");
    assert!(matches!(error, StoreError::RunMissing(_)), "{error}");
    let rows = texts(&fixture, "SELECT inputs FROM run_inputs");
    assert_eq!(rows, [""; 0]);
}

#[test]
fn unknown_run_is_missing() {
    let fixture = Fixture::new();
    let error = fixture.store.run_get(&run_id(9)).expect_err("none");
    assert_eq!(error.to_string(), "no run with the id `900000000000`");
    let error = fixture.store.run_source(&run_id(9)).expect_err("none");
    assert!(matches!(error, StoreError::RunMissing(_)), "{error}");
    assert_eq!(fixture.events(&run_id(9)), [""; 0]);
}

#[test]
fn run_id_cannot_be_used_twice() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let again = run_start(1, RunKind::Method, "sink");
    let events = [RunEvent::Resumed];
    let error = fixture.store.run_start(&again, &events).expect_err("taken");
    assert_eq!(error.to_string(), "the database failed to create a run");
    assert_eq!(fixture.events(&claim.run), ["1 started"]);
}

#[test]
fn event_is_read_as_it_was_written() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let events = vec![
        RunEvent::Resumed,
        step_started("build/compile", 7),
        RunEvent::StepSucceeded {
            step: attempt("build/compile"),
            call: Some(7),
        },
        RunEvent::StepFailed {
            step: attempt("build/link"),
            call: None,
            error: StepError::Call(CallError::TimedOut { after_ms: 30_000 }),
            is_allowed: false,
        },
        RunEvent::StepSkipped {
            step: step("ship/upload"),
            because: "link".to_owned(),
        },
        gate_opened("ship/ask"),
        gate_decided("ship/ask"),
        RunEvent::Suspended,
        RunEvent::Ended {
            status: RunStatus::Failed,
            error: None,
        },
    ];
    append(&fixture.store, &claim, events.clone(), None).expect("the claim counts");
    let read = fixture.store.run_events(&claim.run).expect("readable");
    let numbers: Vec<u64> = read.iter().map(|record| record.seq).collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    let read: Vec<RunEvent> = read
        .into_iter()
        .skip(1)
        .map(|record| record.event)
        .collect();
    assert_eq!(read, events);
}

#[test]
fn append_passes_new_events_to_decide() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let person = fixture.other_process();
    append(&person, &claim, vec![gate_opened("a/ask")], None).expect("appended");
    let mut news = Vec::new();
    let appended = fixture
        .store
        .run_append(Author::Person(&claim.run), 1, |events| {
            news = shown(events);
            Ok::<_, StoreError>(vec![gate_decided("a/ask").into()])
        });
    assert_eq!(news, ["2 gate-opened a/ask"]);
    let expect = ["2 gate-opened a/ask", "3 gate-decided a/ask approved"];
    assert_eq!(shown(&appended.expect("decided")), expect);
}

#[test]
fn refused_append_changes_nothing() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let refused = fixture
        .store
        .run_append(Author::Process(&claim), 0, |_| Err(Refusal::Decided));
    assert!(matches!(refused, Err(Refusal::Decided)), "{refused:?}");
    assert_eq!(fixture.events(&claim.run), ["1 started"]);
    let run = fixture.store.run_get(&claim.run).expect("it was made");
    assert_eq!(run.status, RunStatus::Running);
}

#[test]
fn panic_in_decide_appends_nothing() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    std::thread::scope(|scope| {
        let panicking = scope.spawn(|| {
            fixture
                .store
                .run_append(Author::Person(&claim.run), 0, |_| {
                    if true {
                        panic!("on purpose");
                    }
                    Ok::<_, StoreError>(vec![RunEvent::Suspended.into()])
                })
        });
        assert!(panicking.join().is_err(), "it panicked");
    });
    append(&fixture.store, &claim, vec![RunEvent::Resumed], None).expect("the lock is free");
    assert_eq!(fixture.events(&claim.run), ["1 started", "2 resumed"]);
}

#[test]
fn status_is_set_with_its_event() {
    let check = |status: Option<RunStatus>, expect: RunStatus, ended: bool| {
        let fixture = Fixture::new();
        let claim = fixture.run(1);
        append(&fixture.store, &claim, vec![gate_opened("a/ask")], status).expect("appended");
        let run = fixture.store.run_get(&claim.run).expect("it was made");
        assert_eq!((run.status, run.ended_at.is_some()), (expect, ended));
    };
    check(None, RunStatus::Running, false);
    check(Some(RunStatus::Suspended), RunStatus::Suspended, false);
    check(Some(RunStatus::Succeeded), RunStatus::Succeeded, true);
    check(Some(RunStatus::Failed), RunStatus::Failed, true);
    check(Some(RunStatus::Cancelled), RunStatus::Cancelled, true);
}

#[test]
fn method_run_can_be_ended() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let ended = fixture.store.run_end(&claim, RunStatus::Succeeded, None);
    ended.expect("the claim counts");
    let run = fixture.store.run_get(&claim.run).expect("it was made");
    assert_eq!(run.status, RunStatus::Succeeded);
    assert!(run.ended_at.is_some());
}

#[test]
fn only_one_of_two_concurrent_claims_succeeds() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    append(&fixture.store, &claim, vec![], Some(RunStatus::Suspended)).expect("suspended");
    let seen = fixture.store.run_get(&claim.run).expect("it was made");
    let other = fixture.other_process();
    let won = other.run_claim(&seen, "session-2", &[RunEvent::Resumed]);
    assert_eq!(won.expect("no other process claimed it").number, 2);
    let lost = fixture
        .store
        .run_claim(&seen, "session-3", &[RunEvent::Resumed]);
    assert_fenced(lost);
    let run = fixture.store.run_get(&claim.run).expect("it was made");
    assert_eq!(run.session, "session-2");
    assert_eq!(run.status, RunStatus::Running);
    assert_eq!(
        fixture.events(&claim.run),
        ["1 started", "2 suspended", "3 resumed"]
    );
}

/// A decision of a gate between reading the run and claiming it does not matter. The end of the run
/// does, and makes the claim fail.
#[test]
fn claim_with_an_outdated_record_is_refused() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let seen = fixture.store.run_get(&claim.run).expect("it was made");
    let ended = fixture.store.run_end(&claim, RunStatus::Succeeded, None);
    ended.expect("the claim counts");
    let late = fixture
        .store
        .run_claim(&seen, "session-2", &[RunEvent::Resumed]);
    assert_fenced(late);
}

/// `ended_at` of a failed run was kept when the run was resumed, so that the run was shown as both
/// running and ended. The claim now clears it.
#[test]
fn resumed_run_has_no_end_time() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    append(&fixture.store, &claim, vec![], Some(RunStatus::Failed)).expect("failed");
    let seen = fixture.store.run_get(&claim.run).expect("it was made");
    assert!(seen.ended_at.is_some());
    let again = fixture
        .store
        .run_claim(&seen, "session-2", &[RunEvent::Resumed]);
    again.expect("no other process claimed it");
    let run = fixture.store.run_get(&claim.run).expect("it was made");
    assert_eq!((run.status, run.ended_at), (RunStatus::Running, None));
}

#[test]
fn outdated_claim_is_refused_everywhere() {
    let fixture = Fixture::new();
    let old = fixture.run(1);
    let call = fixture.call(&old, &[1], "sink");
    let seen = fixture.store.run_get(&old.run).expect("it was made");
    let other = fixture.other_process();
    let new = other.run_claim(&seen, "session-2", &[RunEvent::Resumed]);
    let new = new.expect("no other process claimed it");

    let mut asked = false;
    let appended = fixture.store.run_append(Author::Process(&old), 0, |_| {
        asked = true;
        Ok::<_, StoreError>(vec![LogEntry::from(RunEvent::Suspended)])
    });
    assert_fenced(appended);
    assert!(!asked, "`decide` is not called for an outdated claim");
    assert_fenced(fixture.store.run_end(&old, RunStatus::Succeeded, None));
    let start = call_start(&old, &[2], "sink");
    assert_fenced(fixture.store.call_start(&old, start.clone()).wait());
    let end = success(&call, "sink", &[("record", "1")]);
    assert_fenced(fixture.store.call_commit(&old, end.clone(), None).wait());

    assert_eq!(fixture.events(&old.run), ["1 started", "2 resumed"]);
    assert_eq!(fixture.versions("sink", "record"), [0; 0]);
    let calls = fixture.store.call_list(&old.run).expect("readable");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].outcome, None);
    let run = fixture.store.run_get(&old.run).expect("it was made");
    assert_eq!(run.status, RunStatus::Running);
    other
        .call_commit(&new, end.clone(), None)
        .wait()
        .expect("the new claim counts");
}

#[test]
fn runs_are_listed_newest_first_and_by_filter() {
    let fixture = Fixture::new();
    for (n, kind, subject) in [
        (1, RunKind::Workflow, "deploy"),
        (2, RunKind::Method, "sink"),
        // Its id begins with `11`.
        (33, RunKind::Workflow, "sink"),
        (4, RunKind::Method, "sink"),
    ] {
        let start = run_start(n, kind, subject);
        let claim = fixture.store.run_start(&start, &[]).expect("a new id");
        if n == 1 {
            let ended = fixture.store.run_end(&claim, RunStatus::Failed, None);
            ended.expect("the claim counts");
        }
    }
    let check = |filter: RunFilter, n_max: usize, expect: &[u64]| {
        let runs = fixture.store.run_list(&filter, n_max).expect("readable");
        let ids: Vec<_> = runs.into_iter().map(|run| run.id).collect();
        let expect: Vec<_> = expect.iter().map(|n| run_id(*n)).collect();
        assert_eq!(ids, expect, "{filter:?}");
    };
    let subject = |kind, name: &str| RunFilter {
        subject: Some((kind, name.to_owned())),
        ..RunFilter::default()
    };
    let prefix = |text: &str| RunFilter {
        id_prefix: Some(text.to_owned()),
        ..RunFilter::default()
    };
    let status = |status| RunFilter {
        statuses: vec![status],
        ..RunFilter::default()
    };
    check(RunFilter::default(), usize::MAX, &[4, 33, 2, 1]);
    check(RunFilter::default(), 2, &[4, 33]);
    check(RunFilter::default(), 0, &[]);
    check(subject(RunKind::Method, "sink"), 9, &[4, 2]);
    check(subject(RunKind::Workflow, "sink"), 9, &[33]);
    check(subject(RunKind::Workflow, "sin"), 9, &[]);
    check(status(RunStatus::Failed), 9, &[1]);
    check(status(RunStatus::Running), 9, &[4, 33, 2]);
    let ended_or_running = RunFilter {
        statuses: vec![RunStatus::Failed, RunStatus::Running],
        of: Some("deploy".to_owned()),
        ..RunFilter::default()
    };
    check(ended_or_running, 9, &[1]);
    check(prefix("1"), 9, &[33, 1]);
    check(prefix("11"), 9, &[33]);
    check(prefix("%"), 9, &[]);
    check(prefix("_"), 9, &[]);
    check(prefix(""), 9, &[4, 33, 2, 1]);
    let of = |text: &str| RunFilter {
        of: Some(text.to_owned()),
        ..RunFilter::default()
    };
    check(of("sink"), 9, &[4, 33, 2]);
    check(of("sink.run"), 9, &[4, 2]);
    check(of("deploy"), 9, &[1]);
    check(of("deploy.run"), 9, &[]);
    check(of("sink.ru"), 9, &[]);
    let since = |since| RunFilter {
        since: Some(since),
        ..RunFilter::default()
    };
    let run = fixture.store.run_get(&run_id(1)).expect("it was made");
    check(since(run.started_at), 9, &[4, 33, 2, 1]);
    check(since(Timestamp(u64::MAX)), 9, &[]);
}

#[test]
fn a_scan_reads_no_more_runs_than_are_wanted() {
    let fixture = Fixture::new();
    for n in 1..=5 {
        fixture.run(n);
    }
    let mut taken = Vec::new();
    let scanned = fixture.store.run_scan(&RunFilter::default(), |run| {
        taken.push(run.id);
        Ok::<_, StoreError>(if taken.len() == 2 {
            Scan::Enough
        } else {
            Scan::More
        })
    });
    scanned.expect("readable");
    assert_eq!(taken, [run_id(5), run_id(4)]);
    let refused = fixture
        .store
        .run_scan(&RunFilter::default(), |_| Err(Refusal::Decided));
    assert!(matches!(refused, Err(Refusal::Decided)), "{refused:?}");
}

#[test]
fn a_methods_run_that_failed_says_why() {
    let fixture = Fixture::new();
    let check = |n: u64, error: &RunError| {
        let start = run_start(n, RunKind::Method, "sink");
        let claim = fixture.store.run_start(&start, &[]).expect("a new id");
        let ended = fixture
            .store
            .run_end(&claim, RunStatus::Failed, Some(error));
        ended.expect("the claim counts");
        let events = fixture.store.run_events(&start.id).expect("readable");
        let [event] = &events[..] else {
            panic!("one event: {events:?}")
        };
        let expect = RunEvent::Ended {
            status: RunStatus::Failed,
            error: Some(Box::new(error.clone())),
        };
        assert_eq!(event.event, expect);
    };
    check(1, &RunError::Call(CallError::TimedOut { after_ms: 5 }));
    check(
        2,
        &RunError::Host {
            code: "disk_full".to_owned(),
            message: "the disk is full".to_owned(),
        },
    );
}

#[test]
fn open_gates_are_the_undecided_ones() {
    let fixture = Fixture::new();
    let check = |expect: &[(u64, &str)]| {
        let open = fixture.store.gates_open().expect("readable");
        let open: Vec<_> = open
            .into_iter()
            .map(|it| (it.run.id, it.gate.to_string()))
            .collect();
        let expect: Vec<_> = expect
            .iter()
            .map(|(n, gate)| (run_id(*n), (*gate).to_owned()))
            .collect();
        assert_eq!(open, expect);
    };
    check(&[]);
    let (one, two, three) = (fixture.run(1), fixture.run(2), fixture.run(3));
    let append = |claim, events, status| {
        append(&fixture.store, claim, events, status).expect("the claim counts");
    };
    append(&one, vec![gate_opened("a/ask")], Some(RunStatus::Suspended));
    append(&two, vec![gate_opened("a/ask"), gate_opened("b/ask")], None);
    append(
        &three,
        vec![gate_opened("a/ask")],
        Some(RunStatus::Suspended),
    );
    check(&[(1, "a/ask"), (2, "a/ask"), (2, "b/ask"), (3, "a/ask")]);
    append(&two, vec![gate_decided("a/ask")], None);
    check(&[(1, "a/ask"), (2, "b/ask"), (3, "a/ask")]);
    append(&three, vec![], Some(RunStatus::Cancelled));
    check(&[(1, "a/ask"), (2, "b/ask")]);
}

#[test]
fn runs_of_commands_are_found_by_the_calls_above_them() {
    let fixture = Fixture::new();
    let root = Lineage::root(fixture.run(1).run);
    let calls = [
        root.child(1),
        root.child(12).child(1),
        Lineage::root(run_id(2)).child(1),
        root.child(120).child(1),
    ];
    for (n, call) in (2..).zip(&calls) {
        let mut start = run_start(n, RunKind::Workflow, "deploy");
        start.actor = start.actor.below_call(&call.to_string());
        start.by_call = Some(call.clone());
        let started = fixture.store.run_start(&start, &[RunEvent::Started]);
        started.expect("the id is new");
    }
    // Such a name is no longer enough.
    let mut named = run_start(9, RunKind::Workflow, "deploy");
    named.actor = named.actor.below_call(&root.child(1).to_string());
    let named = fixture.store.run_start(&named, &[RunEvent::Started]);
    let named = named.expect("the id is new");
    let check = |above: &Lineage, expect: &[u64]| {
        let found = fixture.store.runs_of_commands(above);
        let found: Vec<RunId> = found
            .expect("readable")
            .into_iter()
            .map(|it| it.id)
            .collect();
        let expect: Vec<RunId> = expect.iter().copied().map(run_id).collect();
        assert_eq!(found, expect, "{above}");
    };
    check(&root, &[2, 3, 5]);
    check(&root.child(12), &[3]);
    check(&root.child(1), &[]);
    check(&Lineage::root(run_id(2)), &[4]);
    check(&Lineage::root(named.run), &[]);
}
