//! Each limit that an operator can set stops the guest, and the error names it.

use sedge_api::view::run::LogLineView;
use sedge_app::types::{CallError, CallStatus, LimitName};
use serde_json::{Value, json};

use crate::fixture::{House, list_of, n_calls};
use crate::shown::log_of;

/// Returns a repository in which `hostile` has these limits.
fn limited(limits: &str) -> House {
    let house = House::new();
    house.model(
        "hostile",
        "@test/hostile",
        &format!("limits: {{{limits}}}\n"),
    );
    house
}

/// Runs a method of `hostile` that reaches a limit, and checks that it leaves nothing behind.
async fn reaches(limits: &str, method: &str, arguments: Value, expect: (LimitName, u64)) {
    let house = limited(limits);
    let (error, run) = house.failure("hostile", method, arguments).await;
    let (name, value) = expect;
    assert_eq!(error, CallError::Limit { name, value });
    assert_eq!(run.calls[0].error, Some(error), "the record says the same");
    assert_eq!(list_of(&house.repository, None), []);
    // The host continues to work.
    house.value("sink", "run", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cpu_time_is_limited() {
    let expect = (LimitName::CpuSeconds, 1);
    reaches("cpuSeconds: 1", "spin", json!({}), expect).await;
}

/// The time of a callee does not count for its caller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_does_not_count_as_cpu_time() {
    let house = limited("cpuSeconds: 1");
    house.model("other", "@test/hostile", "limits: {cpuSeconds: 2}\n");
    house.value("hostile", "sleep", json!({"ms": 1500})).await;
    let answer = house.answer_of("other", "spin", json!({})).await;
    assert_eq!(answer["code"], "limit", "{answer}");
    assert_eq!(
        answer["details"],
        json!({"name": "cpu-seconds", "value": 2})
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_calls_are_limited() {
    let lines = json!({"lines": 1000});
    let expect = (LimitName::HostCalls, 100);
    reaches("hostCalls: 100", "log", lines, expect).await;
    let bytes = json!({"bytes": 2 << 20});
    let expect = (LimitName::HostBytes, 1 << 20);
    reaches("hostMebibytes: 1", "big", bytes, expect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staged_data_is_limited() {
    let house = limited("stagedMebibytes: 1");
    let value = house
        .value("hostile", "big", json!({"bytes": 2 << 20}))
        .await;
    assert_eq!(value, "limit");
    house.has_versions("hostile", "blob", 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_a_run_are_limited() {
    let house = House::new();
    house.model("sink", "@sedge/sink", "limits: {callsPerRun: 3}\n");
    let (error, run) = house.failure("spawn", "run", json!({"count": 5})).await;
    let says = "the first with limit: the limit `calls-per-run` of 3 was reached";
    assert!(error.to_string().ends_with(says), "{error}");
    // `spawn` is the first call.
    assert_eq!(n_calls(&run, CallStatus::Succeeded), 2);
    house.has_versions("sink", "record", 2);
    // The next run has its own count.
    house.value("sink", "run", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_calls_of_a_call_are_limited() {
    let house = House::new();
    house.model("spawn", "@sedge/spawn", "limits: {parallelCalls: 2}\n");
    // No call has ended when the last one starts, on any machine.
    let preset = "methods: {sleep: {arguments: {ms: 2000}}}\n";
    house.model("other", "@test/hostile", preset);
    let calls = json!({"count": 5, "parallel": true, "target": "other", "method": "sleep"});
    let (error, run) = house.failure("spawn", "run", calls).await;
    let says =
        "3 of 5 calls failed, the first with limit: the limit `parallel-calls` of 2 was reached";
    assert_eq!(error.to_string(), says);
    assert_eq!(n_calls(&run, CallStatus::Succeeded), 2);
    // Calls that have ended do not count.
    let calls = json!({"count": 5, "target": "sink"});
    house.value("spawn", "run", calls).await;
}

fn logged(house: &House) -> Vec<LogLineView> {
    log_of(&house.repository, None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_is_cut_at_the_limit_of_the_operator() {
    let house = limited("logLines: 3");
    house.value("hostile", "log", json!({"lines": 10})).await;
    let lines = logged(&house);
    let lines: Vec<&str> = lines.iter().map(|it| it.message.as_str()).collect();
    let full = "the log of this call is full (the limit `logLines` of 3), the rest is dropped";
    assert_eq!(lines, ["line 1", "line 2", "line 3", full]);

    let house = limited("logKibibytes: 1");
    house.value("hostile", "log", json!({"lines": 100})).await;
    let lines = logged(&house);
    assert!((5..50).contains(&lines.len()), "{}", lines.len());
    let last = &lines.last().expect("a line").message;
    assert!(last.contains("the limit `logKibibytes` of 1"), "{last}");
}

/// A call for which the process has no memory left is refused at once, both as a root and as a
/// callee. The memory is available again for the next call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_of_all_calls_of_a_process_is_limited() {
    let mut house = House::new();
    house.write(
        "sedge.yaml",
        "version: 1\nprocessLimits: {memoryMebibytes: 64}\n",
    );
    house.model("other", "@test/hostile", "");
    house.reopen().await;
    let (error, _) = house.failure("hostile", "memory", json!({})).await;
    let expect = CallError::Limit {
        name: LimitName::ProcessMemory,
        value: 64 << 20,
    };
    assert_eq!(error, expect);
    let answer = house
        .answer_of("other", "memory", json!({}))
        .await
        .to_string();
    assert!(answer.contains("process-memory"), "{answer}");
    assert_eq!(house.value("hostile", "sleep", json!({"ms": 0})).await, 0);
}

/// Calls that together may need more memory than the limit take turns, and nested calls do not
/// wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_wait_until_the_process_has_memory() {
    let mut house = House::new();
    house.write(
        "sedge.yaml",
        "version: 1\nprocessLimits: {memoryMebibytes: 100}\n",
    );
    for n in 0..8 {
        let limits = "limits: {memoryMebibytes: 60}\n";
        house.model(&format!("big-{n}"), "@test/hostile", limits);
    }
    house.reopen().await;
    let one = async |n: usize| {
        let (error, _) = house
            .failure(&format!("big-{n}"), "memory", json!({}))
            .await;
        error
    };
    let errors = futures::future::join_all((0..8).map(one)).await;
    let expect = CallError::Limit {
        name: LimitName::MemoryBytes,
        value: 60 << 20,
    };
    assert!(errors.iter().all(|error| *error == expect), "{errors:?}");
}
