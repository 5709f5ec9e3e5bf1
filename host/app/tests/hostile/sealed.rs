//! Attacks on sealed fields: forged, read by another model, and copied.

use serde_json::{Value, json};

use crate::fixture::House;
use crate::harness::{Attack, Scene, call};

const TYPE: &str = "@test/sealer";

/// The value that no attack may see.
const CANARY: &str = "canary of the pit";

/// Makes the model whose data all attacks target.
pub(crate) fn prepare(house: &House) {
    house.model("sealed-victim", TYPE, "");
}

/// Writes the data that all attacks target, and returns what a user sees of it.
async fn victim(scene: &Scene) -> String {
    let parts = json!({"name": "prod", "parts": ["canary of", " the pit"]});
    let wrote = call(&scene.repository, "sealed-victim", "put", parts).await;
    assert_eq!(wrote, "returned null");
    scene.house.latest("sealed-victim", "prod").to_string()
}

/// A method of the attack's model, after the victim has written its data.
fn against(name: &str, method: &'static str, arguments: Value, ends: &str) -> Attack {
    let run = async move |scene: Scene| {
        let shown = victim(&scene).await;
        assert!(shown.contains("[sealed]") && !shown.contains(CANARY));
        let ended = call(&scene.repository, &scene.model, method, arguments).await;
        let backwards: String = CANARY.chars().rev().collect();
        assert!(!ended.contains(CANARY) && !ended.contains(&backwards));
        ended
    };
    Attack::other(name, run, ends)
        .of(TYPE)
        .with("grants: {models: ['*']}")
}

pub(crate) fn attacks() -> Vec<Attack> {
    let sealed = json!({"$sealed": {"key": "0011223344556677", "value": "AAECAwQF"}});
    let reserved = "the key `$sealed` is reserved";
    let forge = |name: &str, content: Value| {
        let arguments = json!({"name": "forged", "spec": "note", "content": content});
        Attack::call(name, (TYPE, "forge"), arguments, reserved)
    };
    let login = json!({"user": "ada", "password": sealed, "keys": null});
    let victim = json!({"model": "sealed-victim", "name": "prod"});
    let copied = json!({"model": "sealed-victim", "name": "prod", "to": "mine"});
    vec![
        forge("a sealed value of its own making", json!({"text": sealed})),
        forge(
            "a sealed value of its own making, deep inside",
            json!({"text": [[{"a": [1, {"b": sealed}]}]]}),
        ),
        forge(
            "a sealed value beside other members",
            json!({"text": {"$sealed": 1, "more": 2}}),
        ),
        Attack::call(
            "a sealed value of its own making in a sensitive field",
            (TYPE, "forge"),
            json!({"name": "forged", "spec": "login", "content": login}),
            reserved,
        ),
        against(
            "a sealed field of another model",
            "show",
            victim.clone(),
            "[sealed]",
        ),
        against(
            "the bytes of a sealed field of another model",
            "show",
            json!({"model": "sealed-victim", "name": "prod", "bytes": true}),
            "[sealed]",
        ),
        against(
            "a sealed field that is copied to a sensitive field of its own",
            "copy",
            copied,
            "returned null",
        )
        .leaving(&["mine"]),
    ]
}
