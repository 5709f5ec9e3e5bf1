//! JSON in rows is read as it was written, and written again as it was read.
//!
//! Older and newer versions of Sedge read the same file, so a change of a type in the program must
//! not change the text on disk by accident.

use rusqlite::Connection;
use sedge_model::run::{GateShown, RunEvent};
use sedge_store::{CallEnd, Store};

use crate::fixture::{Fixture, Place, append, attempt, step, success};

/// Made by the first Sedge with schema 4: calls that succeeded and failed in many ways, a workflow
/// that was approved and rejected, and one that waits at its gates.
const SCHEMA_4: &[u8] = include_bytes!("../fixtures/schema-4.db");

/// Events of format 1, as every version of Sedge with schema 4 or 5 writes them.
const EVENTS_1: [&str; 25] = [
    r#"{"event":"started"}"#,
    r#"{"event":"resumed"}"#,
    r#"{"event":"step-started","step":{"job":"j","step":"s"},"call":7}"#,
    r#"{"event":"step-succeeded","step":{"job":"j","step":"s"}}"#,
    r#"{"event":"step-skipped","step":{"job":"j","step":"s"},"because":"the step `a` failed"}"#,
    r#"{"event":"gate-opened","gate":{"job":"j","step":"g"}}"#,
    r#"{"event":"gate-decided","gate":{"job":"j","step":"g"},"decision":"approved","by":"ada","comment":"\"é\""}"#,
    r#"{"event":"gate-decided","gate":{"job":"j","step":"g"},"decision":"rejected","by":"ada","comment":null}"#,
    r#"{"event":"suspended"}"#,
    r#"{"event":"ended","status":"cancelled"}"#,
    r#"{"event":"ended","status":"failed","error":{"call":{"kind":"timed-out","after_ms":1000}}}"#,
    r#"{"event":"ended","status":"failed","error":{"host":{"code":"disk_full","message":"no"}}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"not-found","target":"model","name":"m"}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"not-found","target":"method","name":"m"}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"invalid-input","violations":[{"path":"/a","message":"no"}]}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"denied","reason":"no grant"}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"lock-timeout","resource":"the model `m`","holders":["h"],"waited_ms":5}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"deadlock","ours":["a","b"],"theirs":["c"]}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"deadlock","ours":["a","b"],"theirs":["c"],"difference":"no"}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"changed-meanwhile","name":"n","reason":"no"}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"cycle","names":["a","a"]}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"trapped","message":"no","backtrace":[{"function":"f","place":{"file":"a.rs","line":1,"column":2}},{"function":"g"}]}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"checks-failed","failures":[{"check":"small","message":"no"}]}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"timed-out","after_ms":1000}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"cancelled"}}"#,
];

/// Events of format 2 that differ from those of format 1.
const EVENTS_2: [&str; 31] = [
    r#"{"event":"released"}"#,
    r#"{"event":"reset","steps":[{"job":"j","step":"s"},{"job":"j","step":"t"}]}"#,
    r#"{"event":"edits-taken"}"#,
    r#"{"event":"cancel-requested","by":"ada","uid":1000,"reason":"wrong"}"#,
    r#"{"event":"cancel-requested","by":"ada","reason":null}"#,
    r#"{"event":"deadline-passed"}"#,
    r#"{"event":"job-guarded","job":"j","outcome":{"satisfied":true}}"#,
    r#"{"event":"job-guarded","job":"j","outcome":{"failed":{"kind":"expression","message":"no"}}}"#,
    r#"{"event":"expanded","step":{"job":"j","step":"s"},"items":[{"name":"s[0]","item":{"b":1,"a":[2.5,null]}},{"name":"é","item":18446744073709551615}]}"#,
    r#"{"event":"expanded","step":{"job":"j","step":"s"},"items":[{"name":"s[0]"},{"name":"s[1]"}]}"#,
    r#"{"event":"expanded","step":{"job":"j","step":"s"},"items":[],"environment":["A","REGION"]}"#,
    r#"{"event":"guarded","step":{"job":"j","step":"s"},"satisfied":false}"#,
    r#"{"event":"evaluation-called","place":{"job-guard":"j"},"call":3}"#,
    r#"{"event":"evaluation-called","place":{"guard":{"job":"j","step":"s","as":"s[0]"}},"call":3}"#,
    r#"{"event":"evaluation-called","place":{"assert":{"job":"j","step":"s"}},"call":3}"#,
    r#"{"event":"step-started","step":{"job":"j","step":"s","as":"s[0]","attempt":2},"call":7,"child":"900000000000"}"#,
    r#"{"event":"step-succeeded","step":{"job":"j","step":"s","attempt":2},"call":7}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"call":7,"error":{"kind":"timed-out","after_ms":1000}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"assert-failed","message":"no","severity":"low"},"allowed":true}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"workflow-failed","run":"900000000000","status":"cancelled"}}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"gate-expired"}}"#,
    r#"{"event":"step-retried","step":{"job":"j","step":"s"},"call":7,"error":{"kind":"cancelled"},"next_at_ms":1700000000000}"#,
    r#"{"event":"step-failed","step":{"job":"j","step":"s"},"error":{"kind":"cancelled","lock_lost":true}}"#,
    r#"{"event":"step-skipped","step":{"job":"j","step":"s","as":"s[0]"},"because":"the run was cancelled"}"#,
    r#"{"event":"child-suspended","step":{"job":"j","step":"s"}}"#,
    r#"{"event":"gate-opened","gate":{"job":"j","step":"g"},"shown":{"prompt":"go?","digest":"d"}}"#,
    r#"{"event":"gate-opened","gate":{"job":"j","step":"g"},"shown":{"prompt":"","digest":"d"},"deadline":{"at_ms":1700000000000,"then":"continue"}}"#,
    r#"{"event":"gate-decided","gate":{"job":"j","step":"g"},"decision":"approved","by":"ada","uid":0,"comment":null,"shown":"d"}"#,
    r#"{"event":"gate-expired","gate":{"job":"j","step":"g"},"then":"fail"}"#,
    r#"{"event":"gate-reopened","gate":{"job":"j","step":"g"}}"#,
    r#"{"event":"gate-reopened","gate":{"job":"j","step":"g"},"skipped":[{"job":"j","step":"s"}]}"#,
];

/// The names of limits on disk.
const LIMITS: [&str; 16] = [
    "memory-bytes",
    "cpu-seconds",
    "call-depth",
    "calls-per-run",
    "calls-per-call",
    "parallel-calls",
    "parallel-commands",
    "host-calls",
    "host-bytes",
    "json-bytes",
    "staged-bytes",
    "file-bytes",
    "open-files",
    "handles",
    "live-instances",
    "sealed-bytes",
];

fn database(fixture: &Fixture) -> Connection {
    Connection::open(fixture.folder().path_of("sedge.db")).expect("it is there")
}

pub(crate) fn texts(fixture: &Fixture, sql: &str) -> Vec<String> {
    let connection = database(fixture);
    let mut statement = connection.prepare(sql).expect("it is SQL");
    let rows = statement.query_map([], |row| row.get(0)).expect("a query");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// Replaces the only event of run 1 by a text, reads it, appends it to run 2, and returns the text
/// that was written.
fn written_again(text: &str) -> String {
    let fixture = Fixture::new();
    let (one, two) = (fixture.run(1), fixture.run(2));
    let changed = database(&fixture).execute(
        "UPDATE run_events SET event = ?1 WHERE run = ?2",
        [text, one.run.as_str()],
    );
    assert_eq!(changed.expect("it is SQL"), 1);
    let mut events = fixture.store.run_events(&one.run).expect("readable");
    let event = events.pop().expect("there is one").event;
    append(&fixture.store, &two, vec![event], None).expect("it counts");
    let sql = format!(
        "SELECT event FROM run_events WHERE run = '{}' AND seq = 2",
        two.run
    );
    texts(&fixture, &sql).pop().expect("it was written")
}

#[test]
fn event_text_is_unchanged_by_reading_and_writing() {
    for text in EVENTS_1.iter().chain(&EVENTS_2) {
        assert_eq!(written_again(text), **text);
    }
    for name in LIMITS {
        let error = format!(r#"{{"kind":"limit","name":"{name}","value":3}}"#);
        let text =
            format!(r#"{{"event":"step-failed","step":{{"job":"j","step":"s"}},"error":{error}}}"#);
        assert_eq!(written_again(&text), text);
    }
}

/// Versions before any release wrote a guest's functions as text.
#[test]
fn function_without_a_place_is_read_from_text() {
    let event = |backtrace: &str| {
        format!(
            r#"{{"event":"step-failed","step":{{"job":"j","step":"s"}},"error":{{"kind":"trapped","message":"no","backtrace":[{backtrace}]}}}}"#
        )
    };
    let again = written_again(&event(r#""f""#));
    assert_eq!(again, event(r#"{"function":"f"}"#));
}

/// An event of format 1 has the first attempt, no expansion, no number of a user and nothing that
/// was shown.
#[test]
fn event_of_format_1_has_the_default_of_what_it_lacks() {
    let read = |text: &str| {
        let fixture = Fixture::new();
        let claim = fixture.run(1);
        let changed = database(&fixture).execute("UPDATE run_events SET event = ?1", [text]);
        assert_eq!(changed.expect("it is SQL"), 1);
        let mut events = fixture.store.run_events(&claim.run).expect("readable");
        events.pop().expect("there is one").event
    };
    assert_eq!(
        read(EVENTS_1[3]),
        RunEvent::StepSucceeded {
            step: attempt("j/s"),
            call: None,
        }
    );
    assert_eq!(
        read(EVENTS_1[5]),
        RunEvent::GateOpened {
            gate: step("j/g"),
            shown: GateShown {
                prompt: String::new(),
                digest: String::new(),
            },
            deadline: None,
        }
    );
    let RunEvent::GateDecided { by, shown, .. } = read(EVENTS_1[6]) else {
        panic!("it is a decision");
    };
    assert_eq!((by.name.as_str(), by.uid, shown), ("ada", None, None));
}

#[test]
fn unknown_event_is_an_error() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let event = r#"{"event":"teleported"}"#;
    let changed = database(&fixture).execute("UPDATE run_events SET event = ?1", [event]);
    assert_eq!(changed.expect("it is SQL"), 1);
    let error = fixture.store.run_events(&claim.run).expect_err("unknown");
    assert!(error.to_string().contains("run event"), "{error}");
}

#[test]
fn schema_4_is_read_and_written_unchanged() {
    let place = Place::new();
    place.folder.write("sedge.db", SCHEMA_4).expect("written");
    let store = Store::open(&place.folder).expect("it is there");
    let old = Fixture::of(place, store);
    let report = old.store.check(true, |_| {}).expect("readable");
    assert_eq!(report.findings, []);
    let events = texts(&old, "SELECT event FROM run_events ORDER BY run, seq");
    assert_eq!(events.len(), 21);
    for text in &events {
        assert_eq!(written_again(text), *text);
    }
    let new = Fixture::new();
    let claim = new.run(1);
    let mut nth = 0;
    let runs = texts(&old, "SELECT DISTINCT run FROM calls ORDER BY run");
    for run in &runs {
        let run = run.parse().expect("a run's name");
        for call in old.store.call_list(&run).expect("readable") {
            nth += 1;
            let lineage = new.call(&claim, &[nth], "sink");
            let result = match (call.outcome, call.error) {
                (Some(outcome), None) => Ok(outcome.value),
                (None, Some(error)) => Err(error),
                other => panic!("it has not ended: {other:?}"),
            };
            let end = CallEnd {
                result,
                discarded: call.discarded,
                ..success(&lineage, "sink", &[])
            };
            let committed = new.store.call_commit(&claim, end, None).wait();
            committed.expect("it counts");
        }
    }
    let results = |fixture: &Fixture| {
        let sql = "SELECT result FROM calls ORDER BY run, length(path), path";
        let results = texts(fixture, sql);
        // The versions that a call wrote are not written again here.
        let cut = |text: &String| match text.split_once(r#","written":"#) {
            Some((value, _)) => value.to_owned(),
            None => text.clone(),
        };
        let mut results: Vec<String> = results.iter().map(cut).collect();
        results.sort();
        results
    };
    assert_eq!(nth, 18);
    assert_eq!(results(&new), results(&old));
}
