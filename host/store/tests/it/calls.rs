//! The writes, the log and the result of a call become visible together, or not at all.

use sedge_model::backtrace::StackFrame;
use sedge_model::call::{
    CallError, CallStatus, DiscardedChanges, LimitName, LogLevel, Outcome, Refusals, Written,
};
use sedge_model::lineage::Lineage;
use sedge_store::{CallEnd, CallRecord};
use serde_json::json;

use crate::fixture::{
    Fixture, assert_fenced, call_start, data_name, failure, log_line, log_of, model_name, success,
};
use crate::format::texts;

#[test]
fn call_is_read_as_started_and_as_committed() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let start = call_start(&claim, &[1], "sink");
    let call = fixture.call(&claim, &[1], "sink");
    let read = || {
        let calls = fixture.store.call_list(&claim.run).expect("readable");
        let [call] = <[CallRecord; 1]>::try_from(calls).expect("one call");
        call
    };
    let running = read();
    let expect = CallRecord {
        lineage: call.clone(),
        step: Some("build/compile".to_owned()),
        model: start.model,
        method: start.method,
        status: CallStatus::Running,
        arguments: start.arguments,
        outcome: None,
        error: None,
        discarded: DiscardedChanges::default(),
        refusals: Refusals::default(),
        started_at: running.started_at,
        until_commit_us: None,
        waited_us: None,
        n_rollbacks: 0,
    };
    assert_eq!(running, expect);

    let end = CallEnd {
        result: Ok(json!({"done": true})),
        ..success(&call, "sink", &[("b", "1"), ("a", "2"), ("b", "3")])
    };
    let committed = fixture
        .store
        .call_commit(&claim, end.clone(), None)
        .wait()
        .expect("committed");
    assert_eq!(committed.events, []);
    let written = committed.written;
    let version = |name: &str, version| Written {
        name: data_name(name),
        version,
    };
    assert_eq!(written, [version("b", 1), version("a", 1), version("b", 2)]);
    let outcome = Outcome {
        value: json!({"done": true}),
        written,
    };
    let expect = CallRecord {
        status: CallStatus::Succeeded,
        outcome: Some(outcome),
        until_commit_us: Some(1200),
        waited_us: Some(300),
        ..expect
    };
    assert_eq!(read(), expect);
}

#[test]
fn refusals_of_a_failed_call_are_read_as_they_were_committed() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let mut refusals = Refusals::default();
    let locked = CallError::LockTimeout {
        resource: "the model `sink`".to_owned(),
        holders: vec!["h".to_owned()],
        waited_ms: 5,
    };
    refusals.call("sink", "run", locked);
    refusals.limit(LimitName::StagedBytes, 7);
    refusals.secret_missing(&"TOKEN".parse().expect("a name"));
    let end = CallEnd {
        refusals: refusals.clone(),
        ..failure(&call, "sink")
    };
    let committed = fixture.store.call_commit(&claim, end, None).wait();
    committed.expect("it counts");
    let calls = fixture.store.call_list(&claim.run).expect("readable");
    assert_eq!(calls[0].refusals, refusals);
    let stored = texts(&fixture, "SELECT result FROM calls");
    let stored: serde_json::Value = serde_json::from_str(&stored[0]).expect("it is JSON");
    assert_eq!(stored["kind"], "failed", "the error is as it was before");
    assert_eq!(
        stored["refused"],
        json!([{
            "model": "sink",
            "method": "run",
            "error": {
                "kind": "lock-timeout",
                "resource": "the model `sink`",
                "holders": ["h"],
                "waited_ms": 5,
            },
        }])
    );
    assert_eq!(
        stored["limits"],
        json!([{"name": "staged-bytes", "value": 7}])
    );
    assert_eq!(stored["secrets"], json!(["TOKEN"]));
}

#[test]
fn error_is_read_as_it_was_committed() {
    let check = |error: CallError, status: CallStatus| {
        let fixture = Fixture::new();
        let claim = fixture.run(1);
        let call = fixture.call(&claim, &[1], "sink");
        let end = CallEnd {
            result: Err(error.clone()),
            ..success(&call, "sink", &[])
        };
        fixture
            .store
            .call_commit(&claim, end.clone(), None)
            .wait()
            .expect("committed");
        let calls = fixture.store.call_list(&claim.run).expect("readable");
        assert_eq!(calls[0].error, Some(error));
        assert_eq!(calls[0].outcome, None);
        assert_eq!(calls[0].status, status);
    };
    let failed = failure(&Lineage::root(crate::fixture::run_id(1)), "sink");
    let failed = failed.result.expect_err("it is a failure");
    check(failed, CallStatus::Failed);
    check(CallError::TimedOut { after_ms: 5 }, CallStatus::Failed);
    check(CallError::Cancelled, CallStatus::Cancelled);
    check(
        CallError::Trapped {
            message: "unreachable\n\"quoted\"".to_owned(),
            backtrace: vec![StackFrame {
                function: "f".to_owned(),
                place: None,
            }],
        },
        CallStatus::Failed,
    );
}

#[test]
fn failed_call_leaves_the_latest_version() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let first = fixture.call(&claim, &[1], "sink");
    let end = success(&first, "sink", &[("record", "1")]);
    fixture
        .store
        .call_commit(&claim, end.clone(), None)
        .wait()
        .expect("committed");
    let second = fixture.call(&claim, &[2], "sink");
    let written = fixture
        .store
        .call_commit(&claim, failure(&second, "sink"), None)
        .wait();
    assert_eq!(written.expect("committed").written, []);
    let third = fixture.call(&claim, &[3], "sink");
    let end = success(&third, "sink", &[("record", "3")]);
    fixture
        .store
        .call_commit(&claim, end.clone(), None)
        .wait()
        .expect("committed");
    assert_eq!(fixture.versions("sink", "record"), [1, 2]);
    let (model, name) = (model_name("sink"), data_name("record"));
    let latest = fixture.store.data_text(&model, &name, None);
    let (latest, text) = latest.expect("readable").expect("it was written");
    assert_eq!((text.as_str(), latest.by), ("3", third));
}

/// A failure that keeps its writes commits them, and is still a failure.
#[test]
fn failed_call_can_keep_its_writes() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let end = CallEnd {
        result: failure(&call, "sink").result,
        ..success(&call, "sink", &[("record", "1")])
    };
    fixture
        .store
        .call_commit(&claim, end.clone(), None)
        .wait()
        .expect("committed");
    assert_eq!(fixture.versions("sink", "record"), [1]);
    let calls = fixture.store.call_list(&claim.run).expect("readable");
    assert_eq!(calls[0].status, CallStatus::Failed);
}

#[test]
fn call_cannot_begin_twice() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    fixture.call(&claim, &[1], "sink");
    let again = call_start(&claim, &[1], "other");
    let error = fixture.store.call_start(&claim, again.clone()).wait();
    let error = error.expect_err("it began already");
    assert_eq!(error.to_string(), "the database failed to begin a call");
    let calls = fixture.store.call_list(&claim.run).expect("readable");
    assert_eq!(calls[0].model, model_name("sink"));
}

/// A call that had ended could be committed again, and a call that never began could be committed:
/// its writes became visible, but no record named their call. Both are now refused.
#[test]
fn call_cannot_be_committed_twice_or_before_it_began() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let end = success(&call, "sink", &[("record", "1")]);
    fixture
        .store
        .call_commit(&claim, end.clone(), None)
        .wait()
        .expect("committed");
    let check = |end: &CallEnd, expect: &str| {
        let error = fixture.store.call_commit(&claim, end.clone(), None).wait();
        let error = error.expect_err("there is no such call under way");
        assert_eq!(error.to_string(), expect);
    };
    check(&end, "the call `100000000000/1` is not running");
    let never = call.child(7);
    check(
        &success(&never, "sink", &[("record", "2")]),
        "the call `100000000000/1/7` is not running",
    );
    assert_eq!(fixture.versions("sink", "record"), [1]);
}

#[test]
fn calls_and_logs_are_sorted_by_ordinals() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let paths: [&[u32]; 6] = [&[10], &[1], &[1, 10], &[2], &[1, 2], &[1, 2, 1]];
    for path in paths {
        let call = fixture.call(&claim, path, "sink");
        let message = |n: u32| format!("{} {n}", call.path());
        let lines = (1..=11).map(|n| log_line(LogLevel::Info, &message(n)));
        let end = CallEnd {
            log: lines.collect(),
            ..success(&call, "sink", &[])
        };
        fixture
            .store
            .call_commit(&claim, end.clone(), None)
            .wait()
            .expect("committed");
    }
    let sorted = ["1", "1/2", "1/2/1", "1/10", "2", "10"];
    let calls = fixture.store.call_list(&claim.run).expect("readable");
    let calls: Vec<String> = calls.iter().map(|call| call.lineage.path()).collect();
    assert_eq!(calls, sorted);
    let lines = log_of(&fixture.store, &claim.run).expect("readable");
    let lines: Vec<String> = lines
        .into_iter()
        .map(|record| record.line.message)
        .collect();
    let numbers = |path: &&str| (1..=11).map(|n| format!("{path} {n}")).collect::<Vec<_>>();
    assert_eq!(lines, sorted.iter().flat_map(numbers).collect::<Vec<_>>());
}

#[test]
fn log_line_is_read_as_it_was_written() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let levels = [
        LogLevel::Trace,
        LogLevel::Debug,
        LogLevel::Info,
        LogLevel::Warn,
        LogLevel::Error,
    ];
    let log: Vec<_> = levels
        .iter()
        .map(|level| log_line(*level, "a\n\u{1b}[31m\"'\0☂"))
        .collect();
    let end = CallEnd {
        log: log.clone(),
        ..failure(&call, "sink")
    };
    fixture
        .store
        .call_commit(&claim, end.clone(), None)
        .wait()
        .expect("committed");
    let read = log_of(&fixture.store, &claim.run).expect("readable");
    assert!(read.iter().all(|record| record.lineage == call));
    let read: Vec<_> = read.into_iter().map(|record| record.line).collect();
    assert_eq!(read, log);
}

#[test]
fn calls_and_logs_of_another_run_are_not_shown() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.run(1), fixture.run(2));
    let call = fixture.call(&one, &[1], "sink");
    let end = CallEnd {
        log: vec![log_line(LogLevel::Info, "here")],
        ..success(&call, "sink", &[])
    };
    fixture
        .store
        .call_commit(&one, end.clone(), None)
        .wait()
        .expect("committed");
    assert_eq!(fixture.store.call_list(&two.run).expect("readable"), []);
    assert_eq!(log_of(&fixture.store, &two.run).expect("readable"), []);
}

/// The records of its callees are deleted, and those of other calls are kept.
#[test]
fn rolled_back_call_is_reset_to_its_beginning() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let beside = [&[1, 1, 1][..], &[10], &[10, 1]].map(|path| fixture.call(&claim, path, "sink"));
    let below = fixture.call(&claim, &[1, 1], "other");
    let end = CallEnd {
        log: vec![log_line(LogLevel::Info, "gone")],
        ..failure(&below, "other")
    };
    fixture
        .store
        .call_commit(&claim, end.clone(), None)
        .wait()
        .expect("committed");
    let read = || {
        let calls = fixture.store.call_list(&claim.run).expect("readable");
        let calls = calls.into_iter();
        calls
            .map(|it| (it.lineage, it.n_rollbacks))
            .collect::<Vec<_>>()
    };
    for n in 1..=2 {
        let is_there = fixture
            .store
            .call_roll_back(&claim, &call)
            .expect("rolled back");
        assert!(is_there, "it is under way");
        let expect = [(&call, n), (&beside[1], 0), (&beside[2], 0)];
        assert_eq!(read(), expect.map(|(lineage, n)| (lineage.clone(), n)));
        let log = log_of(&fixture.store, &claim.run).expect("readable");
        assert_eq!(log, []);
        let again = fixture.call(&claim, &[1, 1], "sink");
        assert_eq!(again, below);
    }
    let end = success(&call, "sink", &[("record", "1")]);
    fixture
        .store
        .call_commit(&claim, end.clone(), None)
        .wait()
        .expect("it runs");
    let is_there = fixture.store.call_roll_back(&claim, &beside[1]);
    assert!(is_there.expect("rolled back"), "it is under way");
    // Neither an ended call nor one that never began is running.
    for other in [call.clone(), call.child(99)] {
        let is_there = fixture.store.call_roll_back(&claim, &other);
        assert!(!is_there.expect("looked for"), "{other}");
    }
    assert_eq!(read().last(), Some(&(beside[1].clone(), 1)));
    fixture.claimed_again(&claim.run);
    assert_fenced(fixture.store.call_roll_back(&claim, &call));
}
