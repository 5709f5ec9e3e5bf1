//! What a plugin's test sees is what production does: the same guest runs as a component and in a
//! `TestContext` of the Rust SDK, and its errors are the same.

pub(crate) use sedge_test_artifacts::TWIN as twin;

use sedge_sdk::MethodKind;
use sedge_sdk::testing::TestContext;
use serde_json::{Value, json};

use crate::fixture::House;

/// The source of the guest, compiled for this machine.
#[path = "../../../../tests/guests/examples/twin.rs"]
mod source;

async fn house() -> House {
    let mut house = House::new();
    house.plugin_add(twin).await;
    house.model("twin", "@test/twin", "");
    house
}

/// Returns a context that knows what the repository of the test has: the model `sink`.
fn context() -> TestContext {
    let test = TestContext::new(source::model);
    test.on_call("sink", "run", |_| Ok(json!(null)))
        .callee_kind("sink", "run", MethodKind::Action)
        .on_call("twin", "write", |_| Ok(json!(null)));
    test
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_have_the_same_errors_as_in_production() {
    let house = house().await;
    let live = house.value("twin", "mistakes", json!({})).await;
    let tested = context().run("mistakes", &json!({})).expect("it succeeds");
    let live = live.as_array().expect("a list").clone();
    let tested = tested.value.as_array().expect("a list").clone();
    assert!(live.len() > 30, "{live:?}");
    for (live, tested) in live.iter().zip(&tested) {
        assert_eq!(live, tested);
    }
    assert_eq!(live.len(), tested.len());
    let n_errors = live.iter().filter(|it| !it["error"].is_null()).count();
    assert!(n_errors > 30, "most of them are mistakes: {live:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_other_kinds_have_the_same_errors_as_in_production() {
    let house = house().await;
    for method in ["peek", "watch"] {
        let live = house.value("twin", method, json!({})).await;
        let tested = context().run(method, &json!({})).expect("it succeeds");
        assert_eq!(live, tested.value, "{method}");
        let errors = live.as_array().expect("a list");
        assert!(errors.iter().all(|it| !it["error"].is_null()), "{live}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_calls_have_the_same_errors_as_in_production() {
    let house = house().await;
    let test = context();
    let check = async |method: &str, arguments: Value| {
        let live = house.answer_of("twin", method, arguments.clone()).await;
        let error = test.run(method, &arguments).expect_err("it is refused");
        assert_eq!(live["code"], error.code());
        assert_eq!(live["message"], error.to_string());
    };
    check("rum", json!({})).await;
    check("write", json!({})).await;
    check("write", json!({"text": 1})).await;
    check("write", json!({"text": "a", "level": "middle"})).await;
    check("write", json!({"text": "a", "more": 1})).await;
    check("write", json!({"text": "much too long"})).await;
    check("write", json!({"text": "call"})).await;
    check("look", json!({})).await;
}
