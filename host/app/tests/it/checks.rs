//! Checks that run before methods: which of them run, what they may do, and what remains of them.

use std::fs;

use sedge_app::model::method_run::{ModelMethodRunRequest, model_method_run};
use sedge_app::types::{CallError, CallStatus};
use sedge_app::{AppError, CheckSkips, ModelError, RunFailed};
use sedge_model::call::CheckFailure;
use serde_json::{Value, json};

use crate::fixture::{House, within, words};
use crate::shown::log_of;

pub(crate) use sedge_test_artifacts::GUARDED as guarded;

/// Returns the checks that failed, each as `NAME: MESSAGE`.
fn failed(error: &CallError) -> Vec<String> {
    let CallError::ChecksFailed { failures } = error else {
        panic!("{error:?}")
    };
    let shown = |it: &CheckFailure| format!("{}: {}", it.check, it.message);
    failures.iter().map(shown).collect()
}

/// Runs `set` with this value. Returns the checks that failed.
async fn set(house: &House, value: u32, skips: CheckSkips) -> Result<Vec<String>, AppError> {
    let arguments = json!({"value": value});
    let request = ModelMethodRunRequest {
        model: "guarded".to_owned(),
        method: "set".to_owned(),
        arguments: arguments.as_object().cloned().unwrap_or_default(),
        check_skips: skips,
        ..ModelMethodRunRequest::default()
    };
    match within(model_method_run(&house.cx(), &request)).await {
        Ok(_) => Ok(Vec::new()),
        Err(AppError::Failed(RunFailed::Call(call))) => Ok(failed(&call.source)),
        Err(other) => Err(other),
    }
}

fn skips(names: &[&str], labels: &[&str]) -> CheckSkips {
    let owned = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect();
    CheckSkips {
        all: false,
        names: owned(names),
        labels: owned(labels),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_failed_checks_are_listed_and_recorded() {
    let house = House::new();
    house.model("guarded", "@test/guarded", "globalArguments: {limit: 3}\n");
    assert_eq!(house.value("guarded", "set", json!({"value": 3})).await, 3);
    house.model("guarded", "@test/guarded", "globalArguments: {limit: 2}\n");
    let (error, run) = house.failure("guarded", "set", json!({"value": 3})).await;
    assert_eq!(
        failed(&error),
        ["small: 3 is more than 2", "changed: it is 3 already"]
    );
    assert_eq!(error.code(), "checks-failed");
    let [call] = &run.calls[..] else {
        panic!("{:?}", run.calls)
    };
    assert_eq!(call.status, CallStatus::Failed);
    assert_eq!(call.error.as_ref(), Some(&error));
    let log = log_of(&house.repository, Some(run.run.id.as_str()));
    let line = log
        .iter()
        .find(|line| line.message.contains("looking for 3"));
    assert!(line.is_some(), "{log:?}");
    // Methods that only look have no checks, and other methods have their own.
    assert_eq!(house.value("guarded", "get", json!({})).await, 3);
    let noted = house.value("guarded", "note", json!({"value": 3})).await;
    assert_eq!(noted, 3, "two checks refuse this value");
    house.value("guarded", "clear", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_skips_what_the_definition_does_not_require() {
    let house = House::new();
    house.model("guarded", "@test/guarded", "globalArguments: {limit: 2}\n");
    let check = async |value: u32, skips: CheckSkips, expect: &[&str]| {
        let failed = set(&house, value, skips).await.expect("a valid request");
        let names: Vec<&str> = failed
            .iter()
            .filter_map(|it| Some(it.split_once(':')?.0))
            .collect();
        assert_eq!(names, expect, "{value}");
    };
    check(3, CheckSkips::default(), &["small"]).await;
    check(3, skips(&["small"], &[]), &[]).await;
    check(3, skips(&["small"], &[]), &["changed"]).await;
    check(3, skips(&["changed"], &["policy"]), &[]).await;
    let all = || CheckSkips {
        all: true,
        ..CheckSkips::default()
    };
    check(3, all(), &[]).await;
    let log = log_of(&house.repository, None);
    let skipped = log
        .iter()
        .filter(|line| line.message.contains("was skipped"));
    assert_eq!(skipped.count(), 3, "{log:?}");
    let more = "globalArguments: {limit: 2}\nchecks: {require: [small]}\n";
    house.model("guarded", "@test/guarded", more);
    check(4, all(), &["small"]).await;
    check(4, skips(&["small"], &[]), &["small"]).await;
    let more = "globalArguments: {limit: 2}\nchecks: {require: [small], skip: [small]}\n";
    house.model("guarded", "@test/guarded", more);
    check(4, CheckSkips::default(), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_check_is_refused_with_the_nearest() {
    let house = House::new();
    let unknown = set(&house, 1, skips(&["smal"], &[])).await;
    let Err(AppError::Model(ModelError::CheckMissing { near, .. })) = unknown else {
        panic!("{unknown:?}")
    };
    assert_eq!(near.as_deref(), Some("small"));
    let unknown = set(&house, 1, skips(&[], &["politics"])).await;
    assert!(matches!(
        unknown,
        Err(AppError::Model(ModelError::CheckMissing { near: None, .. }))
    ));
    house.model("guarded", "@test/guarded", "checks: {skip: [chnged]}\n");
    let unknown = set(&house, 1, CheckSkips::default()).await;
    let unknown = words(&unknown.expect_err("there is no such check"));
    assert!(unknown.contains("no check named `chnged`"), "{unknown}");
}

/// Nothing that a check tries is done, although the model may do all of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_changes_nothing() {
    let house = House::new();
    fs::create_dir(house.path().join("work")).expect("the folder can be written");
    let check = async |mischief: &str, expect: &str| {
        let more = format!(
            "globalArguments: {{mischief: {mischief}}}\n\
             grants:\n  files: [{{name: work, path: work, access: write}}]\n  \
             http: [{{url: \"http://127.0.0.1\"}}]\n  commands: [\"*\"]\n  \
             sockets: [{{to: \"127.0.0.1:9\"}}]\n"
        );
        house.model("guarded", "@test/guarded", &more);
        let (error, run) = house.failure("guarded", "clear", json!({})).await;
        let failed = failed(&error).join("\n");
        assert!(failed.contains(expect), "{mischief}: {failed}");
        assert_eq!(run.calls.len(), 1, "{mischief}");
    };
    let only_reads = "a check only reads";
    check("write", "a method of kind `read` cannot write").await;
    check("publish", "a method of kind `read` cannot write").await;
    check("delete", "a method of kind `read` cannot write").await;
    check("call", only_reads).await;
    check("command", only_reads).await;
    check("post", "behaves:").await;
    check("connect", "behaves:").await;
    check("file", "behaves:").await;
    check("panic", "it could not be decided: the plugin panicked").await;
    check("huge", " [cut]").await;
    let files = fs::read_dir(house.path().join("work")).expect("it is there");
    assert_eq!(files.count(), 0);
    assert_eq!(
        house.value("guarded", "get", json!({})).await,
        Value::Null,
        "no check has written"
    );
}

/// A caller receives the failures of its callee's checks, and can handle them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_run_before_nested_calls() {
    let house = House::new();
    let answer = house
        .answer_of("guarded", "set", json!({"value": 10}))
        .await;
    let answer = answer.to_string();
    assert!(answer.contains("checks-failed"), "{answer}");
    assert!(answer.contains("10 is more than 9"), "{answer}");
}
