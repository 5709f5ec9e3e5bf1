//! Guests that trap, hang, or exhaust resources: each ends only its own call and leaves nothing
//! behind, and the record says what it did.

use std::sync::Arc;

use sedge_api::problem::{ErrorCode, Explain};
use sedge_api::view::run::LogLevelView;
use sedge_app::types::{CallError, CallStatus, RunStatus};
use sedge_app::{Event, Repository};
use sedge_sys::clock::Moment;
use serde_json::{Value, json};

use crate::fixture::{House, list_of, n_calls, recorded_calls};
use crate::shown::log_of;

/// A definition of `hostile` with low limits.
const LIMITS: &str = "limits: {wallTimeSeconds: 1, memoryMebibytes: 32}\n";

/// Runs a method of `hostile` that fails, checks that only a record is left of the call, and
/// returns the error.
async fn fails(method: &str, arguments: Value) -> CallError {
    let house = House::new();
    house.model("hostile", "@test/hostile", LIMITS);
    let (error, run) = house.failure("hostile", method, arguments).await;
    let recorded = recorded_calls(&run);
    let expect = vec![format!("1 hostile.{method} failed")];
    assert_eq!(recorded, (RunStatus::Failed, expect), "{error:?}");
    assert_eq!(
        run.calls[0].error.as_ref(),
        Some(&error),
        "the record says the same"
    );
    assert_eq!(run.calls[0].outcome, None);
    let data = list_of(&house.repository, None);
    assert_eq!(data, [], "{method} left something");

    // The lock is free and the host works, for this process and for others.
    house.value("hostile", "sleep", json!({"ms": 0})).await;
    house.value("sink", "run", json!({})).await;
    house.has_versions("hostile", "mark", 1);
    error
}

/// Runs a method of `hostile` that succeeds although a call inside of it may fail.
async fn succeeds(method: &str, arguments: Value) -> Value {
    let house = House::new();
    let value = house.value("hostile", method, arguments).await;
    house.has_versions("hostile", "mark", 1);
    house.has_versions("hostile", "blob", 0);
    value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trap_is_reported_with_its_place_and_the_last_words() {
    let error = fails("trap", json!({"words": "goodbye"})).await;
    let CallError::Trapped { message, backtrace } = &error else {
        panic!("{error:?}")
    };
    assert!(message.contains("unreachable"), "{message}");
    assert!(
        message.ends_with("the last line that the plugin printed to stderr: goodbye"),
        "{message}"
    );
    let named = |name: &str| backtrace.iter().any(|frame| frame.function.contains(name));
    assert!(named("hostile::trap"), "{backtrace:#?}");
    assert!(named("sedge_sdk::"), "{backtrace:#?}");

    let error = fails("trap", json!({})).await;
    assert!(!error.to_string().contains("last line"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panic_is_reported_with_its_message_and_place() {
    let error = fails("panic", json!({"message": "no way out"})).await;
    let CallError::Failed(failure) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(failure.code, "panic");
    assert!(failure.message.ends_with(": no way out"), "{failure:?}");
    assert!(failure.message.contains("hostile.rs:"), "{failure:?}");
    let functions = failure
        .backtrace
        .iter()
        .map(|frame| frame.function.as_str());
    assert!(
        functions.clone().any(|it| it == "hostile::panic"),
        "{failure:?}"
    );
}

/// The guest chooses the message and its length.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_of_a_panic_is_cut() {
    let message = "é".repeat(1 << 20);
    let error = fails("panic", json!({"message": message})).await;
    assert!(
        error.to_string().len() < 10_000,
        "{} bytes",
        error.to_string().len()
    );
    let long = json!({"code": message, "message": message});
    let error = fails("fail", long).await;
    assert!(
        error.to_string().len() < 10_000,
        "{} bytes",
        error.to_string().len()
    );
    assert!(error.code().len() < 1_000, "{} bytes", error.code().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_loop_is_stopped_in_time() {
    let since = Moment::now();
    let error = fails("spin", json!({})).await;
    println!(
        "a guest with one second was gone after {:?}",
        since.elapsed()
    );
    let CallError::TimedOut { after_ms } = error else {
        panic!("{error:?}")
    };
    assert!((900..=1000).contains(&after_ms), "{after_ms}");
    assert!(since.elapsed().as_millis() >= 900);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_sleep_is_stopped_in_time() {
    let error = fails("sleep", json!({"ms": 3_600_000})).await;
    assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
}

/// The callee has the time that its caller has left, and ends with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callee_ends_at_the_deadline_of_its_caller() {
    for method in ["spin", "sleep"] {
        let house = House::new();
        house.model("hostile", "@test/hostile", LIMITS);
        house.model("other", "@test/hostile", "");
        let arguments = match method {
            "spin" => json!({}),
            _ => json!({"ms": 3_600_000}),
        };
        let ask = json!({"target": "other", "method": method, "arguments": arguments});
        // Both have the same deadline, so either may reach it first.
        match house.run("hostile", "swallow", ask).await {
            Ok(report) => assert_eq!(report.value["code"], "timed-out"),
            Err(error) => assert_eq!(error.code(), ErrorCode::CallFailed, "{error:?}"),
        }
        let run = house.newest();
        assert_eq!(
            n_calls(&run, CallStatus::Running),
            0,
            "{:?}",
            recorded_calls(&run)
        );
        house.has_versions("other", "mark", 0);
        house.value("other", "sleep", json!({"ms": 0})).await;
    }
}

/// The calls that a callee started are tasks of their own. The end of the run waits for them too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_a_callee_end_at_the_deadline_of_its_caller() {
    let house = House::new();
    house.model("hostile", "@test/hostile", LIMITS);
    house.model("other", "@test/hostile", "");
    let started = json!({"count": 20, "parallel": true, "target": "other", "method": "spin"});
    let ask = json!({"target": "spawn", "method": "run", "arguments": started});
    // As above, either may reach the deadline first.
    let _ = house.run("hostile", "swallow", ask).await;
    let run = house.newest();
    assert_eq!(
        n_calls(&run, CallStatus::Running),
        0,
        "{:?}",
        recorded_calls(&run)
    );
    house.has_versions("other", "mark", 0);
    house.value("other", "sleep", json!({"ms": 0})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_memory_reaches_the_limit() {
    let error = fails("memory", json!({})).await;
    assert_eq!(
        error.to_string(),
        "the limit `memory-bytes` of 32 MiB was reached"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stack_overflow_is_a_trap() {
    let error = fails("stack", json!({})).await;
    let CallError::Trapped { message, backtrace } = &error else {
        panic!("{error:?}")
    };
    // The compiler decides which of the two stacks overflows first.
    let says = ["call stack exhausted", "out of bounds memory access"];
    assert!(says.iter().any(|says| message.contains(says)), "{message}");
    assert!((10..=32).contains(&backtrace.len()), "{}", backtrace.len());
    let function = &backtrace[0].function;
    assert!(function.contains("hostile::descend"), "{backtrace:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exit_is_a_trap() {
    let error = fails("exit", json!({})).await;
    let says = "instead of returning";
    assert!(
        matches!(&error, CallError::Trapped { message, .. } if message.contains(says)),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_json_result_is_a_failure() {
    let house = House::new();
    let (error, run) = house.failure("raw", "run", json!({})).await;
    let CallError::Failed(failure) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(failure.code, "invalid-result");
    assert_eq!(recorded_calls(&run).1, ["1 raw.run failed"]);
}

/// A text that exceeds the contract's limit is reported to the guest. A text that exceeds the
/// engine's limit for one host call is not even copied, and ends the call. The engine has no error
/// type for that, only a message: this test fails if the message changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_texts_of_a_guest_are_refused() {
    assert_eq!(succeeds("big", json!({"bytes": 5 << 20})).await, "limit");
    let house = House::new();
    let arguments = json!({"bytes": 17 << 20});
    let (error, run) = house.failure("hostile", "big", arguments).await;
    let expect = "the limit `json-bytes` of 4 MiB was reached";
    assert_eq!(error.to_string(), expect);
    assert_eq!(recorded_calls(&run).1, ["1 hostile.big failed"]);
    house.has_versions("hostile", "mark", 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undeclared_resource_is_not_written() {
    assert_eq!(succeeds("undeclared", json!({})).await, "undeclared");
    let value = succeeds("badcontent", json!({})).await;
    assert_eq!(value["code"], "invalid-content");
    assert_eq!(value["violations"][0]["path"], "/method", "{value}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn printed_lines_become_log_lines() {
    let house = House::new();
    house.value("hostile", "print", json!({"lines": 3})).await;
    let records = log_of(&house.repository, None);
    let lines: Vec<(LogLevelView, String)> = records
        .into_iter()
        .map(|record| (record.level, record.message))
        .collect();
    let expect: Vec<(LogLevelView, String)> = (1..=3)
        .flat_map(|line| {
            [
                (LogLevelView::Info, format!("stdout line {line}")),
                (LogLevelView::Warn, format!("stderr line {line}")),
            ]
        })
        .collect();
    assert_eq!(lines, expect);
    let texts: Vec<String> = expect.into_iter().map(|(_, text)| text).collect();
    assert_eq!(
        house.seen.lines(),
        texts,
        "and as events while the call runs"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_log_is_cut() {
    for method in ["log", "print"] {
        let house = House::new();
        house
            .value("hostile", method, json!({"lines": 100_000}))
            .await;
        let records = log_of(&house.repository, None);
        let n_bytes: usize = records.iter().map(|it| it.message.len()).sum();
        assert!(n_bytes < 1 << 20, "{method}: {n_bytes} bytes");
        assert!(records.len() < 40_000, "{method}: {} lines", records.len());
        let last = records.last().expect("a line");
        assert_eq!(last.level, LogLevelView::Warn);
        assert!(last.message.contains("the log of this call is full"));
        assert_eq!(house.seen.lines().len(), records.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_sees_nothing_of_the_machine() {
    let value = succeeds("environment", json!({})).await;
    assert_eq!(value["variables"], json!({}));
    assert_eq!(value["arguments"], json!([]));
    assert_ne!(value["root"], "ok");
    assert_ne!(value["tcp"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failure_keeps_writes_only_on_request() {
    let failure = |keep: bool| json!({"code": "no", "message": "not today", "keep": keep});
    let error = fails("fail", failure(false)).await;
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("no", "not today")
    );

    let house = House::new();
    let (error, run) = house.failure("hostile", "fail", failure(true)).await;
    assert_eq!(error.code(), "no");
    assert_eq!(
        recorded_calls(&run),
        (RunStatus::Failed, vec!["1 hostile.fail failed".to_owned()])
    );
    house.has_versions("hostile", "mark", 1);
}

/// The third call is refused, so `spawn` fails. The results of the first two calls stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_caller_does_not_roll_back_its_callees() {
    let house = House::new();
    house.model("spawn", "@sedge/spawn", "limits: {callsPerCall: 2}\n");
    let (_, run) = house.failure("spawn", "run", json!({"count": 3})).await;
    let expect = [
        "1 spawn.run failed",
        "1/1 sink.run succeeded",
        "1/2 sink.run succeeded",
    ];
    assert_eq!(recorded_calls(&run).1, expect);
    house.has_versions("sink", "record", 2);
}

/// Changes that were committed before the deadline stay. Calls in progress leave nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_caller_keeps_the_commits_of_its_callees() {
    for parallel in [false, true] {
        let house = House::new();
        house.model("spawn", "@sedge/spawn", "limits: {wallTimeSeconds: 1}\n");
        // All calls together take longer than the limit on any machine.
        let preset = "methods: {sleep: {arguments: {ms: 5}}}\n";
        house.model("other", "@test/hostile", preset);
        let arguments = json!({
            "count": 10_000, "parallel": parallel, "target": "other", "method": "sleep",
        });
        let since = Moment::now();
        let (error, run) = house.failure("spawn", "run", arguments).await;
        assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
        assert_eq!(n_calls(&run, CallStatus::Running), 0);
        let n_succeeded = n_calls(&run, CallStatus::Succeeded);
        let elapsed = since.elapsed();
        println!("{n_succeeded} calls, stopped after {elapsed:?}, parallel: {parallel}");
        house.has_versions("other", "mark", n_succeeded as u64);
        house.has_versions("spawn", "calls", 0);
        house.value("other", "sleep", json!({})).await;
    }
}

/// A call is stopped if its caller ends without waiting for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abandoned_call_is_cancelled() {
    let house = House::new();
    house.model("other", "@test/hostile", "");
    for round in 1..=20 {
        for (method, arguments) in [("sleep", json!({"ms": 3_600_000})), ("spin", json!({}))] {
            let ask = json!({"target": "other", "method": method, "arguments": arguments});
            house.value("hostile", "abandon", ask).await;
            let run = house.newest();
            assert_eq!(run.status, RunStatus::Succeeded);
            for call in &run.calls[1..] {
                assert_eq!(
                    call.status,
                    CallStatus::Cancelled,
                    "{:?}",
                    recorded_calls(&run)
                );
                assert_eq!(call.error, Some(CallError::Cancelled));
            }
            house.has_versions("other", "mark", 0);
        }
        let ask = json!({"target": "sink", "method": "run"});
        house.value("hostile", "abandon", ask).await;
        assert_eq!(n_calls(&house.newest(), CallStatus::Running), 0);
        house.has_versions("hostile", "mark", 3 * round);
    }
    let run = house.other_process();
    assert_eq!(sink_versions(&run), house.versions("sink", "record").len());
}

fn sink_versions(repository: &Arc<Repository>) -> usize {
    let data = list_of(repository, Some("sink"));
    data.first()
        .map_or(0, |it| usize::try_from(it.version).expect("few"))
}

/// Dropping the future of a run cancels it: the record says so, and the lock is free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_run_is_cancelled() {
    let house = House::new();
    house.model("other", "@test/hostile", "");
    let sleep = json!({"target": "other", "method": "sleep", "arguments": {"ms": 3_600_000}});
    let begun = crate::fixture::until("the callee has begun", || {
        let begun = house
            .seen
            .events()
            .iter()
            .any(|event| matches!(event, Event::RunStarted { .. }));
        begun && house.newest().calls.len() == 2
    });
    tokio::select! {
        ran = house.run("hostile", "swallow", sleep) => panic!("{ran:?}"),
        () = begun => {}
    }
    let ended = || recorded_calls(&house.newest()).0 == RunStatus::Cancelled;
    crate::fixture::until("the end of the run is recorded", ended).await;
    let (_, calls) = recorded_calls(&house.newest());
    assert_eq!(
        calls,
        ["1 hostile.swallow cancelled", "1/1 other.sleep cancelled"]
    );
    house.value("hostile", "sleep", json!({"ms": 0})).await;
    house.value("other", "sleep", json!({"ms": 0})).await;
}
