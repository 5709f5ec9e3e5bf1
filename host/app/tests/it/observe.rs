//! Methods of kind `observe`: they run beside each other and beside reads, not beside changes. Two
//! that write the same name lose nothing, because the later one runs again, alone.

use std::fs;
use std::sync::Arc;

use sedge_api::view::model::MethodRunView;
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::types::{CallError, CallStatus};
use sedge_app::{AppError, Event, Repository};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::fixture::text::{after, step};
use crate::fixture::{House, run_in, until, words};
use crate::shown::Recorded;

/// The grants of the models.
const GRANTS: &str = "grants: {commands: [tool]}\n";

/// Returns a repository with the nesters `a` and `b`, which observe, and `go`, whose data they wait
/// for.
fn house() -> House {
    let house = House::new();
    for name in ["a", "b", "go"] {
        house.model(name, "@test/nester", GRANTS);
    }
    house
}

/// Returns the steps as arguments.
fn steps(steps: Value) -> Value {
    json!({ "steps": steps })
}

/// The step that waits until the test lets it go on.
fn awaits(name: &str) -> Value {
    json!({"await": ["go", name]})
}

/// Lets all calls go on that wait for `name`.
async fn lets_go(house: &House, name: &str) {
    let write = steps(json!([{"write": [name, 1]}]));
    house.value("go", "run", write).await;
}

/// A call that runs beside the test.
struct Beside(JoinHandle<Result<MethodRunView, AppError>>);

impl Beside {
    fn begin(house: &House, model: &'static str, method: &'static str, given: Value) -> Self {
        Self::begin_in(house, &house.repository, (model, method), given)
    }

    fn begin_in(
        house: &House,
        process: &Arc<Repository>,
        call: (&'static str, &'static str),
        given: Value,
    ) -> Self {
        let (process, seen) = (Arc::clone(process), Arc::clone(&house.seen));
        Self(tokio::spawn(async move {
            run_in(&process, &seen, call, steps(given)).await
        }))
    }

    async fn end(self) -> Result<MethodRunView, AppError> {
        self.0.await.expect("no panic")
    }

    /// Returns the record of a call that succeeds, and its results.
    async fn succeeds(self, house: &House) -> (Recorded, Value) {
        let ended = self.end().await;
        let view = ended.unwrap_or_else(|error| panic!("{}", words(&error)));
        (house.show(&view.run), view.value)
    }
}

/// Returns the reasons for which observations were retried.
fn retried(house: &House) -> Vec<String> {
    let reason = |event: Event| {
        let Event::ObservationRetried { reason, .. } = event else {
            return None;
        };
        Some(reason)
    };
    house.seen.events().into_iter().filter_map(reason).collect()
}

/// How often the first call of a run was rolled back.
fn n_rollbacks(run: &Recorded) -> u32 {
    run.calls[0].n_rollbacks
}

/// Waits until a call of `model` waits for its lock.
async fn waits_for_lock(house: &House, model: &str) {
    until("a call waits for the lock", || {
        let locks = house.locks();
        locks
            .iter()
            .any(|it| !it.held && it.model.as_deref() == Some(model))
    })
    .await;
}

/// Each one waits for what the other one publishes, so they end only if they run beside each other.
async fn rendezvous(house: &House, other: &Arc<Repository>) {
    let meet = |own: &str, other: &str| json!([{"write": [own, 1]}, "publish", {"await": ["a", other]}, {"write": [own, 2]}]);
    let one = Beside::begin(house, "a", "observe", meet("left", "right"));
    let two = Beside::begin_in(house, other, ("a", "observe"), meet("right", "left"));
    one.succeeds(house).await;
    two.succeeds(house).await;
    house.has_versions("a", "left", 2);
    house.has_versions("a", "right", 2);
    assert_eq!(retried(house), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observations_run_beside_each_other() {
    let house = house();
    rendezvous(&house, &house.repository).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observations_of_two_processes_run_beside_each_other() {
    let house = house();
    let other = house.other_process();
    rendezvous(&house, &other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observation_runs_beside_a_read() {
    let house = house();
    // The read begins first, and ends when the observation has ended.
    let read = Beside::begin(&house, "a", "look", json!([{"await": ["a", "x"]}]));
    until("the read has begun", || house.n_running() == 1).await;
    let write = steps(json!([{"write": ["x", 1]}]));
    house.value("a", "observe", write).await;
    read.succeeds(&house).await;
    // The observation begins first, and ends when the read has ended.
    let observe = json!([{"write": ["y", 1]}, "publish", awaits("end")]);
    let observation = Beside::begin(&house, "a", "observe", observe);
    until("it has published", || house.versions("a", "y") == [1]).await;
    let seen = house
        .value("a", "look", steps(json!([{"read": "y"}])))
        .await;
    assert_eq!(seen, json!([1]));
    lets_go(&house, "end").await;
    observation.succeeds(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observation_and_change_take_turns() {
    let house = house();
    let observe = json!([{"write": ["x", 1]}, "publish", awaits("first"), {"write": ["x", 2]}]);
    let observation = Beside::begin(&house, "a", "observe", observe);
    until("it has published", || house.versions("a", "x") == [1]).await;
    let change = json!([{"read": "x"}, {"write": ["x", 3]}, "publish", awaits("second")]);
    let change = Beside::begin(&house, "a", "run", change);
    waits_for_lock(&house, "a").await;
    lets_go(&house, "first").await;
    observation.succeeds(&house).await;
    until("the change has published", || {
        house.versions("a", "x") == [1, 2, 3]
    })
    .await;
    let observation = Beside::begin(&house, "a", "observe", json!([{"read": "x"}]));
    waits_for_lock(&house, "a").await;
    lets_go(&house, "second").await;
    let (_, results) = change.succeeds(&house).await;
    assert_eq!(results[0], 2, "it began when the observation had ended");
    let (_, results) = observation.succeeds(&house).await;
    assert_eq!(results[0], 3);
}

/// Runs an observation of `a` that stages `x`, and then another one that commits `x` before it.
/// The first one also does what is in `before` and `after`. Returns how it ended.
async fn conflict(house: &House, before: Value, after: Value) -> Result<MethodRunView, AppError> {
    conflict_with(house, &house.repository, before, after).await
}

/// Does the same with the other observation in another process.
async fn conflict_with(
    house: &House,
    other: &Arc<Repository>,
    before: Value,
    after: Value,
) -> Result<MethodRunView, AppError> {
    let list = |value: Value| value.as_array().expect("a list").clone();
    let stages = json!([
        {"write": ["x", 1]},
        {"observe": ["b", [{"write": ["staged", 1]}]]},
        awaits("end"),
    ]);
    let late: Vec<Value> = [before, stages, after].into_iter().flat_map(list).collect();
    let late = Beside::begin(house, "a", "observe", Value::Array(late));
    // The nested call is made after `x` was staged, and it has committed.
    until("it has staged", || house.versions("b", "staged") == [1]).await;
    let early = json!([{"write": ["x", 2]}]);
    let early = Beside::begin_in(house, other, ("a", "observe"), early);
    let (early, _) = early.succeeds(house).await;
    assert_eq!(n_rollbacks(&early), 0);
    lets_go(house, "end").await;
    late.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_observation_is_retried_once_and_its_nested_calls_are_not() {
    let house = house();
    let ended = conflict(&house, json!([{"read": "x"}]), json!([])).await;
    let view = ended.unwrap_or_else(|error| panic!("{}", words(&error)));
    assert_eq!(view.value[0], 2, "the retry has read the newer version");
    let run = house.show(&view.run);
    assert_eq!(n_rollbacks(&run), 1);
    assert_eq!(run.calls.len(), 2, "{:?}", run.calls);
    assert!(
        run.calls
            .iter()
            .all(|it| it.status == CallStatus::Succeeded)
    );
    house.has_versions("a", "x", 2);
    assert_eq!(house.latest("a", "x")["n"], 1);
    house.has_versions("b", "staged", 1);
    let reasons = retried(&house);
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(reasons[0].contains("wrote version 1 of `x`"), "{reasons:?}");
    until("all locks are released", || house.locks().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observations_of_two_processes_lose_nothing() {
    let house = house();
    let other = house.other_process();
    let ended = conflict_with(&house, &other, json!([{"read": "x"}]), json!([])).await;
    let view = ended.unwrap_or_else(|error| panic!("{}", words(&error)));
    assert_eq!(view.value[0], 2, "the retry has read the newer version");
    assert_eq!(n_rollbacks(&house.show(&view.run)), 1);
    house.has_versions("a", "x", 2);
    assert_eq!(house.latest("a", "x")["n"], 1);
}

/// Looking twice is no effect, so a command of an observation does not prevent its retry.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observation_that_ran_a_command_is_retried() {
    let mut house = house();
    let file = house.path().join("looked");
    let pin = "version: 1\ncommands:\n  tool: {program: /bin/sh, arguments: ['-c', ...]}\n";
    house.write("sedge.yaml", pin);
    house.reopen().await;
    let look = json!([{"command": ["tool", ["-c", format!("echo . >> {}", file.display())]]}]);
    let ended = conflict(&house, look, json!([])).await;
    let view = ended.unwrap_or_else(|error| panic!("{}", words(&error)));
    assert_eq!(n_rollbacks(&house.show(&view.run)), 1);
    assert_eq!(fs::read_to_string(&file).expect("it has run"), ".\n.\n");
    house.has_versions("a", "x", 2);
}

/// What was published stays, so a retry would write it twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observation_that_has_published_is_not_retried() {
    let house = house();
    let publishes = json!([{"write": ["kept", 1]}, "publish"]);
    let Err(error) = conflict(&house, publishes, json!([])).await else {
        panic!("its base is an older version")
    };
    let text = words(&error);
    assert!(text.contains("wrote version 1 of `x`"), "{text}");
    assert_eq!(house.latest("a", "x")["n"], 2, "nothing is lost");
    house.has_versions("a", "x", 1);
    house.has_versions("a", "kept", 1);
    assert_eq!(retried(&house), [] as [&str; 0]);
}

/// Publishing is refused like a commit, and the guest learns it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publication_of_the_same_name_is_refused() {
    let house = house();
    let Err(error) = conflict(&house, json!([]), json!(["publish"])).await else {
        panic!("its base is an older version")
    };
    let text = words(&error);
    assert!(text.contains("wrote version 1 of `x`"), "{text}");
    house.has_versions("a", "x", 1);
}

/// The nested calls of the first attempt have ended, so a retry that makes others cannot go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_that_differs_ends_with_the_reason_of_the_first_attempt() {
    let house = house();
    let stamped = json!([{"stamped-observe": ["b", []]}]);
    let Err(error) = conflict(&house, stamped, json!([])).await else {
        panic!("its nested call has another argument")
    };
    let text = words(&error);
    for part in ["wrote version 1 of `x`", "the retry differed"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    house.has_versions("a", "x", 1);
}

/// A conflict with an own nested call is a mistake of the plugin, and would be hidden by a retry.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observation_is_not_retried_because_of_its_own_nested_call() {
    let house = house();
    let nested = json!({"observe": ["a", [{"write": ["x", 1]}]]});
    let stale = json!([{"read": "x"}, nested, {"write": ["x", 2]}]);
    let (error, run) = house.failure("a", "observe", steps(stale)).await;
    assert!(
        matches!(&error, CallError::ChangedMeanwhile { name, .. } if name == "x"),
        "{error:?}"
    );
    assert_eq!(n_rollbacks(&run), 0);
    house.has_versions("a", "x", 1);
    let staged = json!([{"write": ["x", 2]}, nested]);
    let (error, _) = house.failure("a", "observe", steps(staged)).await;
    assert_eq!(error.code(), "staged-by-ancestor");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observation_may_only_look_and_write_what_it_has_seen() {
    let house = house();
    let allowed = json!([
        {"observe": ["b", [{"write": ["x", 1]}, {"look": ["a", []]}]]},
        {"look": ["b", [{"read": "x"}]]},
        {"write": ["y", 1]},
    ]);
    let results = house.value("a", "observe", steps(allowed)).await;
    assert_eq!(results[1], json!([1]));
    house.has_versions("a", "y", 1);
    let check = async |method: &str, given: Value, says: &str| {
        let (error, _) = house.failure("a", method, steps(json!([given]))).await;
        let text = error.to_string();
        assert!(text.contains(says), "{method} {given}: {text}");
    };
    let action = "a method of kind `observe` may not call `run` of `b`, of kind `action`";
    check("observe", json!({"call": ["b", []]}), action).await;
    let delete = "a method of kind `observe` may not call `remove` of `b`, of kind `delete`";
    check("observe", json!({"remove": ["b", []]}), delete).await;
    let through = json!({"observe": ["b", [{"call": ["b", []]}]]});
    check("observe", through, action).await;
    let own = "it is of kind `observe`, not `delete`";
    check("observe", json!({"delete": "y"}), own).await;
    let read = "a method of kind `read` may not call `observe` of `b`, of kind `observe`";
    check("look", json!({"observe": ["b", []]}), read).await;
    check("look", json!({"write": ["y", 2]}), "cannot write").await;
    house.has_versions("a", "y", 1);
}

/// A change may observe its own model: the lock is its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn change_observes_its_own_model() {
    let house = house();
    let given =
        json!([{"observe": ["a", [{"write": ["x", 1]}]]}, {"read": "x"}, {"write": ["x", 2]}]);
    let results = house.value("a", "run", steps(given)).await;
    assert_eq!(results[1], 1);
    house.has_versions("a", "x", 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guard_may_not_observe() {
    let house = house();
    let guard = ", guard: \"model.method('a', 'observe', {'steps': []}) > 0\"";
    house.workflow("w", &[step("s", "sink.run", "{}", guard)]);
    let error = house.workflow_run("w").await.expect_err("it is refused");
    let text = &error.diagnostics()[0].message;
    let says = "runs only methods of kind `read`, and `observe` is of kind `observe`";
    assert!(text.contains(says), "{text}");
    house.has_versions("sink", "record", 0);
}

/// The base is that of the name under which the data is committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_observe_the_same_varied_name_lose_nothing() {
    let house = house();
    let varied = ", dataOutputOverrides: [{specName: note, vary: [stamp]}]";
    let late = "{stamp: 7, steps: [{write: [x, 1]}, {observe: [b, [{write: [staged, 1]}]]}, \
                {await: [go, end]}]}";
    let early = "{stamp: 7, steps: [{await: [b, staged]}, {write: [x, 2]}]}";
    let go = "{steps: [{write: [end, 1]}]}";
    let steps = [
        step("late", "a.observe", late, varied),
        step("early", "a.observe", early, varied),
        step("go", "go.run", go, &after(&["early"], "succeeded")),
    ];
    house.workflow("w", &steps);
    let ended = house.workflow_run("w").await;
    assert!(
        matches!(ended, Ok(WorkflowEnd::Succeeded { .. })),
        "{ended:?}"
    );
    house.has_versions("a", "x-7", 2);
    assert_eq!(house.latest("a", "x-7")["n"], 1);
    assert_eq!(retried(&house).len(), 1, "the later one has run twice");
}
