//! A call and its own callees change the same data.
//!
//! A caller staged a name, its nested call on the same model committed the same name, and then the
//! caller committed its older value: the latest version had lost the update of the callee. Now a
//! callee cannot stage what a caller has staged, and a call cannot commit a name that has changed
//! since it read it.

pub(crate) use sedge_test_artifacts::NESTER as nester;

use sedge_app::data::rename::{DataRenameRequest, data_rename};
use sedge_app::types::{CallError, CallStatus};
use serde_json::{Value, json};

use crate::fixture::{House, n_calls, within};

/// Returns a repository with two nesters, `a` and `b`.
fn house() -> House {
    let house = House::new();
    for name in ["a", "b"] {
        house.model(name, "@test/nester", "");
    }
    house
}

/// Checks that steps of `a` fail with this error, and that nothing but `n_versions` versions of `x`
/// remains.
async fn check_refused(house: &House, steps: Value, code: &str, n_versions: u64) -> String {
    let method = match steps.to_string().contains("delete") {
        true => "remove",
        false => "run",
    };
    let (error, run) = house.failure("a", method, json!({ "steps": steps })).await;
    assert_eq!(error.code(), code, "{steps}: {error}");
    house.has_versions("a", "x", n_versions);
    assert_eq!(n_calls(&run, CallStatus::Running), 0);
    // Calls are named by their ids: `RUN/1` and so on.
    error.to_string().replace(&run.run.id.to_string(), "RUN")
}

async fn succeeds(house: &House, steps: Value) -> Value {
    house.value("a", "run", json!({ "steps": steps })).await
}

/// The callee learns which call has staged the name, and what that call has to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callee_cannot_write_what_its_caller_has_staged() {
    let house = house();
    let write = json!({"call": ["a", [{"write": ["x", 2]}]]});
    let staged = json!([{"write": ["x", 1]}, write]);
    let text = check_refused(&house, staged, "staged-by-ancestor", 0).await;
    for part in ["`x` is staged by the call `RUN/1`", "`publish`"] {
        assert!(text.contains(part), "{text}");
    }
    // The same, with a model in between.
    let through = json!([{"write": ["x", 1]}, {"call": ["b", [write]]}]);
    check_refused(&house, through, "staged-by-ancestor", 0).await;
    let published =
        json!([{"write": ["x", 1]}, "publish", write, {"read": "x"}, {"write": ["x", 3]}]);
    let results = succeeds(&house, published).await;
    assert_eq!(results[3], 2);
    house.has_versions("a", "x", 3);
    assert_eq!(house.latest("a", "x")["n"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_cannot_commit_what_its_callee_has_changed() {
    let house = house();
    let write = json!({"call": ["a", [{"write": ["x", 2]}]]});
    let stale = json!([{"read": "x"}, write, {"write": ["x", 3]}]);
    let text = check_refused(&house, stale.clone(), "changed-meanwhile", 1).await;
    assert!(
        text.contains("the call `RUN/1/1` wrote version 1 of `x`"),
        "{text}"
    );
    check_refused(&house, stale, "changed-meanwhile", 2).await;
    // The same, with a model in between.
    let through = json!([{"read": "x"}, {"call": ["b", [write]]}, {"write": ["x", 3]}]);
    let text = check_refused(&house, through, "changed-meanwhile", 3).await;
    assert!(text.contains("the call `RUN/1/1/1` wrote"), "{text}");
    let fresh = json!([{"read": "x"}, write, {"read": "x"}, {"write": ["x", 3]}]);
    succeeds(&house, fresh).await;
    house.has_versions("a", "x", 5);
    // A call that has not read the name builds on nothing.
    succeeds(&house, json!([write, {"write": ["x", 4]}])).await;
    house.has_versions("a", "x", 7);
    // Other names do not matter.
    succeeds(&house, json!([{"read": "x"}, write, {"write": ["y", 1]}])).await;
    house.has_versions("a", "x", 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publish_is_refused_like_a_commit_and_sets_the_base() {
    let house = house();
    let write = json!({"call": ["a", [{"write": ["x", 2]}]]});
    let stale = json!([{"read": "x"}, write, {"write": ["x", 3]}, "publish"]);
    check_refused(&house, stale, "changed-meanwhile", 1).await;
    let after = json!([{"write": ["x", 3]}, "publish", write, {"write": ["x", 4]}]);
    check_refused(&house, after, "changed-meanwhile", 3).await;
    let twice = json!([{"call": ["b", []]}, {"write": ["x", 3]}, "publish", {"write": ["x", 4]}]);
    succeeds(&house, twice).await;
    house.has_versions("a", "x", 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletions_follow_the_same_rules() {
    let house = house();
    let write = json!({"call": ["a", [{"write": ["x", 1]}]]});
    succeeds(&house, json!([{"write": ["x", 0]}])).await;
    let staged = json!([{"delete": "x"}, write]);
    check_refused(&house, staged, "staged-by-ancestor", 1).await;
    let deletes = json!([{"write": ["x", 2]}, {"remove": ["a", [{"delete": "x"}]]}]);
    check_refused(&house, deletes, "staged-by-ancestor", 1).await;
    let stale = json!([{"read": "x"}, write, {"delete": "x"}]);
    check_refused(&house, stale, "changed-meanwhile", 2).await;
    let gone = json!([{"read": "x"}, {"remove": ["a", [{"delete": "x"}]]}, {"write": ["x", 5]}]);
    let text = check_refused(&house, gone, "changed-meanwhile", 0).await;
    assert!(text.contains("`x` was deleted"), "{text}");
}

/// A former name leads to the same data.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_followed_after_a_rename() {
    let house = house();
    succeeds(&house, json!([{"write": ["old", 0]}])).await;
    let request = DataRenameRequest {
        model: "a".to_owned(),
        from: "old".to_owned(),
        to: "x".to_owned(),
        forward: true,
    };
    let renamed = within(data_rename(&house.cx(), &request)).await;
    renamed.expect("it is there");
    let write = |name: &str| json!({"call": ["a", [{"write": [name, 1]}]]});
    let staged = json!([{"write": ["old", 2]}, write("x")]);
    let text = check_refused(&house, staged, "staged-by-ancestor", 1).await;
    assert!(text.contains("`x` is staged"), "{text}");
    let staged = json!([{"write": ["x", 2]}, write("old")]);
    check_refused(&house, staged, "staged-by-ancestor", 1).await;
    let stale = json!([{"read": "old"}, write("x"), {"write": ["old", 2]}]);
    check_refused(&house, stale, "changed-meanwhile", 2).await;
    let stale = json!([{"read": "x"}, write("old"), {"write": ["old", 2]}]);
    check_refused(&house, stale, "changed-meanwhile", 3).await;
}

/// The error of the commit is the host's own, and its record says what was discarded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_commit_is_recorded() {
    let house = house();
    let write = json!({"call": ["a", [{"write": ["x", 2]}]]});
    let steps = json!([{"read": "x"}, write, {"write": ["x", 3]}, {"write": ["y", 3]}]);
    let (error, run) = house.failure("a", "run", json!({ "steps": steps })).await;
    assert!(
        matches!(&error, CallError::ChangedMeanwhile { name, .. } if name == "x"),
        "{error:?}"
    );
    let call = &run.calls[0];
    assert_eq!(call.error.as_ref(), Some(&error));
    assert_eq!(call.discarded.changes, 2);
    assert_eq!(house.versions("a", "y"), Vec::<u64>::new());
}
