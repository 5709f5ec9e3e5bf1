//! Definitions of models that a method reads.

use std::fs;

use sedge_app::secret::put::secret_put;
use sedge_app::types::SecretValue;
use serde_json::{Value, json};

use crate::fixture::{House, run_in};

/// Returns a repository with the model `seeker`, which has these grants.
fn house(grants: &str) -> House {
    let house = House::new();
    house.model("seeker", "@test/seeker", &format!("grants: {{{grants}}}\n"));
    house
}

/// Returns the names of the definitions that `seeker` lists.
async fn names(house: &House, arguments: Value) -> Vec<String> {
    let listed = house.value("seeker", "models", arguments).await;
    let listed = listed.as_array().expect("a list").iter();
    let name = |it: &Value| it["name"].as_str().map(str::to_owned);
    listed
        .map(|it| name(it).unwrap_or_else(|| it.to_string()))
        .collect()
}

async fn model(house: &House, name: &str) -> Value {
    house.value("seeker", "model", json!({"name": name})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definition_is_returned_as_it_is_written() {
    let house = house("models: [other]");
    let id = "5d4a6b0e-0000-4000-8000-000000000000";
    house.model(
        "other",
        "@test/seeker",
        &format!(
            "id: {id}\ntypeVersion: 2026.12.01.1\ndescription: The other one\n\
             tags: {{stage: prod, region: \"${{{{ self.name }}}}\"}}\n\
             globalArguments: {{region: \"${{{{ env.REGION }}}}\", more: {{a: [1, null, \"x\"]}}}}\n"
        ),
    );
    let expect = json!({
        "name": "other",
        "id": id,
        "type": "@test/seeker",
        "type_version": "2026.12.01.1",
        "description": "The other one",
        "tags": {"stage": "prod", "region": "${{ self.name }}"},
        "global_arguments": {"region": "${{ env.REGION }}", "more": {"a": [1, null, "x"]}},
    });
    assert_eq!(model(&house, "other").await, expect);
    let listed = house
        .value("seeker", "models", json!({"prefix": "o"}))
        .await;
    assert_eq!(listed, json!([expect]));
    let own = model(&house, "seeker").await;
    assert_eq!(own["global_arguments"], json!({}), "{own}");
    assert_eq!(own["id"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_readable_definitions_are_listed() {
    assert_eq!(names(&house(""), json!({})).await, ["seeker"]);
    let some = house("models: [sink, nowhere, a]");
    assert_eq!(names(&some, json!({})).await, ["a", "seeker", "sink"]);
    let all = house("models: ['*']");
    let every = names(&all, json!({})).await;
    assert_eq!(every.len(), 15, "{every:?}");
    assert_eq!(
        names(&all, json!({"prefix": "s"})).await,
        ["seeker", "sink", "sink-two", "spawn"]
    );
    let counters = json!({"of_type": "@test/counter"});
    assert_eq!(names(&all, counters).await, ["counter", "one", "two"]);
    all.model("sink", "@sedge/sink", "tags: {stage: prod, team: a}\n");
    all.model("sink-two", "@sedge/sink", "tags: {stage: prod}\n");
    let tagged = |tags: Value| json!({"tags": tags});
    assert_eq!(
        names(&all, tagged(json!({"stage": "prod"}))).await,
        ["sink", "sink-two"]
    );
    let both = json!({"stage": "prod", "team": "a"});
    assert_eq!(names(&all, tagged(both)).await, ["sink"]);
    assert_eq!(names(&all, tagged(json!({"stage": "dev"}))).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definition_that_may_not_be_read_is_denied() {
    let house = house("models: [sink]");
    let id = "5d4a6b0e-0000-4000-8000-000000000000";
    house.model("files", "@test/filer", &format!("id: {id}\n"));
    for name in ["files", "nowhere", id, "", "../models/sink"] {
        let (error, _) = house
            .failure("seeker", "model", json!({"name": name}))
            .await;
        assert_eq!(error.code(), "denied", "{name}: {error}");
        assert!(
            error.to_string().contains("may not read the model"),
            "{error}"
        );
    }
    let all = self::house("models: ['*']");
    all.model("files", "@test/filer", &format!("id: {id}\n"));
    assert_eq!(model(&all, id).await["name"], "files");
    for name in ["nowhere", "", "../models/sink"] {
        let (error, _) = all.failure("seeker", "model", json!({"name": name})).await;
        assert_eq!(error.code(), "not-found", "{name}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_of_a_definition_are_hidden() {
    let house = house("models: ['*']");
    let name = "TOKEN".parse().expect("a name");
    let value = SecretValue::new(b"value-of-the-token".to_vec()).expect("it is not empty");
    secret_put(&house.cx(), &name, &value, true).expect("it can be put");
    house.model(
        "literal",
        "@test/seeker",
        "description: it is value-of-the-token, really\n\
         globalArguments: {region: value-of-the-token, password: written-down, \
         more: {key: {secret: TOKEN}, list: [{secret: OTHER}]}}\n",
    );
    house.model(
        "reference",
        "@test/seeker",
        "globalArguments: {password: {secret: TOKEN}}\n",
    );
    house.model(
        "expression",
        "@test/seeker",
        "globalArguments: {password: \"${{ vault.get('main', 'TOKEN') }}\"}\n",
    );
    let literal = model(&house, "literal").await;
    let expect = json!({
        "region": "[secret TOKEN]",
        "password": "[sensitive]",
        "more": {"key": "[secret TOKEN]", "list": ["[secret OTHER]"]},
    });
    assert_eq!(literal["global_arguments"], expect);
    assert_eq!(literal["description"], "it is [secret TOKEN], really");
    let reference = model(&house, "reference").await;
    assert_eq!(
        reference["global_arguments"],
        json!({"password": "[secret TOKEN]"})
    );
    let expression = model(&house, "expression").await;
    let expect = json!({"password": "${{ vault.get('main', 'TOKEN') }}"});
    assert_eq!(expression["global_arguments"], expect);
    let listed = house.value("seeker", "models", json!({})).await.to_string();
    for secret in ["value-of-the-token", "written-down"] {
        assert!(!listed.contains(secret), "{listed}");
    }
}

/// The schema says which values are sensitive, so without one there are no arguments.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn global_arguments_of_an_unknown_type_are_left_out() {
    let house = house("models: ['*']");
    house.model(
        "strange",
        "@nobody/has-it",
        "globalArguments: {password: written-down}\n",
    );
    let strange = model(&house, "strange").await;
    assert_eq!(strange["type"], "@nobody/has-it");
    assert_eq!(strange["global_arguments"], Value::Null);
    // The type has upgrades that may give the arguments other names.
    let arguments = "globalArguments: {max: 3}\n";
    house.model("old", "@test/guarded", arguments);
    assert_eq!(model(&house, "old").await["global_arguments"], Value::Null);
    let current = format!("typeVersion: 2026.11.30.1\n{arguments}").replace("max", "limit");
    house.model("new", "@test/guarded", &current);
    let new = model(&house, "new").await;
    assert_eq!(new["global_arguments"], json!({"limit": 3}), "{new}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_definition_is_an_error() {
    let house = house("models: ['*']");
    house.write("models/broken.yaml", "name: broken\ntype: [\n");
    house.write("models/twin.yaml", "name: sink\ntype: \"@sedge/sink\"\n");
    let listed = house
        .value("seeker", "models", json!({"of_type": "@sedge/sink"}))
        .await;
    let listed = listed.as_array().expect("a list");
    let reason = |it: &Value| it["reason"].as_str().unwrap_or_default().to_owned();
    assert_eq!(listed[0]["unreadable"], "broken", "{listed:?}");
    assert!(
        reason(&listed[0]).starts_with("models/broken.yaml:"),
        "{listed:?}"
    );
    assert_eq!(listed[1]["unreadable"], "sink", "{listed:?}");
    assert!(
        reason(&listed[1]).contains("another file defines the model `sink`"),
        "{listed:?}"
    );
    assert_eq!(listed[2]["unreadable"], "sink", "{listed:?}");
    assert_eq!(listed[3]["name"], "sink-two", "{listed:?}");
    assert_eq!(listed.len(), 4);
    for (name, words) in [("broken", "models/broken.yaml:"), ("sink", "")] {
        let ran = house.run("seeker", "model", json!({"name": name})).await;
        if name == "sink" && ran.is_ok() {
            // The look-up by name finds the file that is named like the model first.
            continue;
        }
        let (error, _) = house
            .failure("seeker", "model", json!({"name": name}))
            .await;
        assert_eq!(error.code(), "unreadable", "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    // A fault in the file of a model that may not be read is not shown.
    let other = self::house("models: [sink]");
    other.write("models/broken.yaml", "name: broken\ntype: [\n");
    assert_eq!(names(&other, json!({})).await, ["seeker", "sink"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_definitions_make_up_the_list() {
    let house = house("models: ['*']");
    let expect = names(&house, json!({})).await;
    for count_max in [0, 1, 4, 1000] {
        let (mut all, mut after) = (Vec::new(), Value::Null);
        loop {
            let arguments = json!({"after": after, "count_max": count_max});
            let page = house.value("seeker", "models_page", arguments).await;
            let models = page["models"].as_array().expect("a list");
            assert!(models.len() <= count_max.max(1), "{page}");
            all.extend(
                models
                    .iter()
                    .filter_map(|it| it.as_str().map(str::to_owned)),
            );
            assert!(all.len() <= expect.len(), "the list ends");
            after = page["next"].clone();
            if after.is_null() {
                break;
            }
        }
        assert_eq!(all, expect, "{count_max}");
    }
}

/// Each page of a call looked at all files again. Two files with one name at the end of a page also
/// showed that: the next page began after the name, so the fault of the second file was left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_one_call_continue_with_the_files_of_the_first() {
    let house = house("models: ['*']");
    for file in ["twin-a", "twin-b"] {
        house.write(
            &format!("models/{file}.yaml"),
            "name: m\ntype: \"@sedge/sink\"\n",
        );
    }
    let page = async |arguments: Value| house.value("seeker", "models_page", arguments).await;
    let expect = page(json!({"count_max": 1000})).await["models"].clone();
    let names = expect.as_array().expect("a list");
    assert_eq!(names.iter().filter(|it| *it == "m").count(), 2, "{expect}");
    for count_max in [1, 2, 3, 5] {
        let all = page(json!({"count_max": count_max, "more_pages": 100})).await;
        assert_eq!(all, json!({"models": expect, "next": null}), "{count_max}");
    }
    let some = page(json!({"count_max": 2, "more_pages": 1})).await;
    assert_eq!(some["models"], json!(names[..4]));
    assert_eq!(some["next"], names[3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definition_is_read_again_each_time() {
    let house = house("models: [sink]");
    assert_eq!(model(&house, "sink").await["description"], Value::Null);
    house.replace(
        "models/sink.yaml",
        "name: sink\ntype: \"@sedge/sink\"\ndescription: new\n",
    );
    assert_eq!(model(&house, "sink").await["description"], "new");
    fs::remove_file(house.path().join("models/sink.yaml")).expect("it was there");
    let process = house.other_process();
    let ran = run_in(&process, &house.seen, ("seeker", "models"), json!({})).await;
    assert_eq!(ran.expect("it ends").value[0]["name"], "seeker");
}
