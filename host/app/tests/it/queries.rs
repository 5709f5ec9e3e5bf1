//! Queries and lists of data that a method makes: which data they find, and their limits.

pub(crate) use sedge_test_artifacts::SEEKER as seeker;

use std::fs;

use sedge_api::view::data::DataQueryItem;
use sedge_app::AppError;
use sedge_app::data::query::{DataQueryRequest, data_query};
use sedge_app::types::{CallError, LimitName, Scan};
use serde_json::{Value, json};

use crate::fixture::{House, run_in, within};

/// Returns a repository with the model `seeker`, which has these grants, and with data of it, of
/// `files` and of `sink`.
async fn house(grants: &str) -> House {
    let house = House::new();
    house.model("seeker", "@test/seeker", &format!("grants: {{{grants}}}\n"));
    house.value("sink", "run", json!({"note": "one"})).await;
    house.value("sink", "run", json!({"note": "two"})).await;
    for (name, n, tags) in [
        ("a", 1, json!({"room": "attic"})),
        ("b", 3, json!({"room": "attic", "stage": "prod"})),
        ("c", 2, json!({})),
    ] {
        let arguments = json!({"name": name, "count": n, "tags": tags});
        house.value("files", "record", arguments).await;
    }
    house.value("seeker", "fill", json!({"name": "own"})).await;
    house
}

/// Returns the versions that a query of `seeker` finds: `model/name@version`.
async fn found(house: &House, predicate: &str) -> Vec<String> {
    let found = house
        .value("seeker", "find", json!({"predicate": predicate}))
        .await;
    versions(&found)
}

fn versions(found: &Value) -> Vec<String> {
    let found = found.as_array().expect("a list").iter();
    let text = |it: &Value| it.as_str().expect("a text").to_owned();
    found
        .map(|it| format!("{}/{}@{}", text(&it[0]), text(&it[1]), it[2]))
        .collect()
}

/// Returns what `sedge data query` finds.
fn oracle(house: &House, predicate: &str, select: Option<&str>, all: bool) -> Vec<Value> {
    let request = DataQueryRequest {
        predicate: predicate.to_owned(),
        select: select.map(str::to_owned),
        since: None,
        all_versions: all,
    };
    let mut found = Vec::new();
    let queried = data_query(&house.cx(), &request, |it| {
        let value = match it.item {
            DataQueryItem::Selected(value) => value,
            DataQueryItem::Version(_) => Value::Null,
        };
        let version = it.version;
        found.push(json!([version.model, version.name, version.version, value]));
        Ok::<_, AppError>(Scan::More)
    });
    queried.expect("a query");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_finds_the_data_of_readable_models_only() {
    let all = [
        "files/a@1",
        "files/b@3",
        "files/c@2",
        "seeker/own@1",
        "sink/record@2",
    ];
    let check = async |grants: &str, expect: &[&str]| {
        let house = house(grants).await;
        assert_eq!(found(&house, "true").await, expect, "{grants}");
        // The data of a model that may not be read is not counted either.
        let page = json!({"predicate": "size >= 0", "count_max": 1000});
        let page = house.value("seeker", "page", page).await;
        assert_eq!(page["looked"], expect.len(), "{page}");
        let none = json!({"predicate": "attributes.n < 0", "count_max": 1000});
        let none = house.value("seeker", "page", none).await;
        assert_eq!(none["looked"], expect.len(), "{none}");
    };
    check("models: ['*']", &all).await;
    check("models: [sink]", &all[3..]).await;
    check("models: [files, nowhere]", &all[..4]).await;
    check("", &all[3..4]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_for_a_model_that_may_not_be_read_is_denied() {
    let house = house("models: [sink]").await;
    for predicate in [
        "model == 'files'",
        "modelName == \"files\" && name == 'a'",
        "model == 'nowhere'",
    ] {
        let (error, _) = house
            .failure("seeker", "find", json!({"predicate": predicate}))
            .await;
        assert_eq!(error.code(), "denied", "{error}");
        let text = error.to_string();
        assert!(text.contains("may not read the model `"), "{text}");
        assert!(text.contains("models:\n  - sink\n  - "), "{text}");
    }
    assert_eq!(found(&house, "model == 'sink'").await, ["sink/record@2"]);
    assert_eq!(found(&house, "model != 'sink'").await, ["seeker/own@1"]);
    let either = "model == 'files' || model == 'sink'";
    assert_eq!(found(&house, either).await, ["sink/record@2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_does_not_find_the_data_of_a_model_that_is_gone() {
    let house = house("models: ['*']").await;
    fs::remove_file(house.path().join("models/files.yaml")).expect("it was there");
    assert_eq!(
        found(&house, "true").await,
        ["seeker/own@1", "sink/record@2"]
    );
    let arguments = json!({"predicate": "model == 'files'"});
    let (error, _) = house.failure("seeker", "find", arguments).await;
    assert_eq!(error.code(), "model-not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_finds_the_same_as_the_command() {
    let house = house("models: ['*']").await;
    let select = "{'n': attributes.n, 'tags': tags, 'method': method, 'by': call}";
    for predicate in [
        "true",
        "spec == 'record'",
        "name.startsWith('a') || tags.room == 'attic'",
        "tags.room == 'attic' && tags.stage == 'prod'",
        "version < 3",
        "latest",
        "!latest",
        "version == 2",
        "type == '@test/filer' && attributes.n > 0",
        "attributes.note == 'two'",
        "kind == 'file'",
        "createdAt <= now && method == 'record'",
        "name > 'b' && model == 'files'",
        "name == 'b' && name == 'c'",
        "name.startsWith('own')",
        "size < 1000 && lifetime == 'infinite'",
    ] {
        for all_versions in [false, true] {
            for select in [None, Some(select)] {
                let arguments = json!({
                    "predicate": predicate, "select": select, "all_versions": all_versions,
                });
                let found = house.value("seeker", "find", arguments).await;
                let expect = oracle(&house, predicate, select, all_versions);
                assert_eq!(found, Value::Array(expect), "{predicate} {all_versions}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_query_make_up_its_result() {
    let house = house("models: ['*']").await;
    for predicate in ["true", "name != 'a'", "name.startsWith('b')", "version > 1"] {
        let whole = json!({"predicate": predicate, "all_versions": true});
        let whole = house.value("seeker", "find", whole).await;
        for count_max in [0, 1, 2, 3, 7] {
            let (mut all, mut after, mut n_pages) = (Vec::new(), Value::Null, 0);
            loop {
                let arguments = json!({
                    "predicate": predicate, "all_versions": true, "after": after,
                    "count_max": count_max,
                });
                let page = house.value("seeker", "page", arguments).await;
                let matches = page["matches"].as_array().expect("a list");
                assert!(matches.len() <= count_max.max(1), "{page}");
                all.extend(matches.clone());
                after = page["next"].clone();
                n_pages += 1;
                assert!(n_pages < 100, "the results end");
                if after.is_null() {
                    break;
                }
            }
            let expect = versions(&whole);
            assert_eq!(
                versions(&Value::Array(all)),
                expect,
                "{predicate} {count_max}"
            );
        }
    }
}

/// A plugin may pass any place as the end of the page before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_of_a_query_begins_at_any_place() {
    let house = house("models: [sink]").await;
    let check = async |after: Value, expect: &[&str]| {
        let arguments = json!({"predicate": "true", "after": after, "count_max": 9});
        let page = house.value("seeker", "page", arguments).await;
        assert_eq!(versions(&page["matches"]), expect, "{after}");
    };
    check(json!(["", "", 0]), &["seeker/own@1", "sink/record@2"]).await;
    check(json!(["seeker", "", 0]), &["seeker/own@1", "sink/record@2"]).await;
    check(json!(["seeker", "own", 1]), &["sink/record@2"]).await;
    check(
        json!(["seeker", "own", u64::MAX]),
        &["seeker/own@1", "sink/record@2"],
    )
    .await;
    check(json!(["sink", "record", 3]), &["sink/record@2"]).await;
    check(json!(["sink", "\u{10ffff}", 1]), &[]).await;
    // A place in the data of another model gives no access to it.
    check(json!(["files", "a", 9]), &["seeker/own@1", "sink/record@2"]).await;
    check(
        json!(["../sink\0", "a\nb", 9]),
        &["seeker/own@1", "sink/record@2"],
    )
    .await;
    check(json!(["zzz", "", 0]), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_field_stays_sealed_in_a_query() {
    let house = house("models: ['*']").await;
    house.value("seeker", "seal", json!({})).await;
    let select = "[attributes.user, attributes.password, content]";
    let arguments = json!({"predicate": "spec == 'login'", "select": select});
    let found = house.value("seeker", "find", arguments).await;
    assert_eq!(found[0][3][0], "ada", "{found}");
    assert_eq!(found[0][3][1], "[sealed]", "{found}");
    assert!(!found.to_string().contains("xyzzy"), "{found}");
    let seen = found[0][3][2].as_str().expect("a text");
    assert!(
        seen.contains("[sealed]") && !seen.contains("$sealed"),
        "{seen}"
    );
    let guess = "spec == 'login' && attributes.password == 'xyzzy'";
    let page = json!({"predicate": guess, "count_max": 9});
    let n_found = match house.run("seeker", "page", page).await {
        Ok(ran) => ran.value["matches"].as_array().map_or(0, Vec::len),
        // The predicate may be wrong for each version, too.
        Err(_) => 0,
    };
    assert_eq!(n_found, 0, "a sealed value cannot be guessed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_of_a_query_is_an_error_of_its_own() {
    let house = house("models: ['*']").await;
    let check = async |predicate: &str, select: Option<&str>, expect: [&str; 2]| {
        let arguments = json!({"predicate": predicate, "select": select});
        let (error, _) = house.failure("seeker", "find", arguments).await;
        assert_eq!(error.code(), "invalid-query", "{error}");
        let CallError::Failed(failure) = &error else {
            panic!("{error:?}");
        };
        let details = failure.details.as_ref().expect("they name the place");
        assert_eq!(details["expression"], expect[0], "{error}");
        let at = format!("{}:{}", details["line"], details["column"]);
        let text = error.to_string();
        assert!(text.contains(&format!(" at {at}: ")), "{text}");
        assert!(text.contains(expect[1]), "{text}");
    };
    check("spec ==", None, ["predicate", ""]).await;
    let unknown = "spec == 'a' &&\n nmae == 'b'";
    check(
        unknown,
        None,
        ["predicate", "2:2: there is no variable `nmae`"],
    )
    .await;
    check("1 + 1", None, ["predicate", "never true or false"]).await;
    check(
        "true",
        Some("nmae"),
        ["select", "1:1: there is no variable `nmae`"],
    )
    .await;
    let wrong = "model == 'files' && size(attributes.n) > 1";
    check(
        wrong,
        None,
        ["predicate", "is wrong for each of the 3 versions"],
    )
    .await;
    let select = "size(attributes.n)";
    let of_files = "model == 'files'";
    check(
        of_files,
        Some(select),
        ["select", "is wrong for each of the 3 versions"],
    )
    .await;
    let long = format!("name == '{}'", "x".repeat(5000));
    check(&long, None, ["predicate", "more than 4096"]).await;
    let deep = format!("{}latest{}", "(".repeat(2000), ")".repeat(2000));
    check(&deep, None, ["predicate", "nested too deep"]).await;

    // An expression that is wrong for some versions only is no error: they do not match.
    let some = json!({"predicate": "size(attributes.n) > 1 || spec == 'note'", "count_max": 9});
    let page = house.value("seeker", "page", some).await;
    assert_eq!(versions(&page["matches"]), ["seeker/own@1"], "{page}");
    assert_eq!(page["faults"]["count"], 3, "{page}");
    assert_eq!(
        page["faults"]["version"],
        json!(["files", "a", 1]),
        "{page}"
    );
}

/// The budget of an evaluation is smaller for a plugin than for a user: other tasks wait for a plugin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn costly_predicate_is_wrong_and_not_slow() {
    let house = house("").await;
    let fill = json!({"name": "large", "items": 5000});
    house.value("seeker", "fill", fill).await;
    let costly = "attributes.items.exists(a, attributes.items.exists(b, a + b == -1))";
    let arguments = json!({"predicate": costly, "count_max": 9});
    let page = house.value("seeker", "page", arguments).await;
    assert_eq!(page["faults"]["count"], 1, "{page}");
    assert_eq!(page["faults"]["version"], json!(["seeker", "large", 1]));
    let message = page["faults"]["message"].as_str().expect("a text");
    assert!(message.contains("too much work"), "{message}");
    // One visit of the content is within the budget.
    let once = "attributes.items.exists(a, a == 4999)";
    assert_eq!(found(&house, once).await, ["seeker/large@1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_of_queries_counts_as_time_of_the_call() {
    let house = house("").await;
    let fill = json!({"name": "large", "items": 5000});
    house.value("seeker", "fill", fill).await;
    let costly = "attributes.items.exists(a, attributes.items.exists(b, a + b == -1))";
    let arguments = json!({"predicate": costly});
    let check = async |limits: &str| {
        house.model("seeker", "@test/seeker", &format!("limits: {{{limits}}}\n"));
        let process = house.other_process();
        let failed = house.failure_in(&process, "seeker", "find_for_ever", arguments.clone());
        within(failed).await.0
    };
    let error = check("cpuSeconds: 1, wallTimeSeconds: 50").await;
    let CallError::Limit { name, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(name, LimitName::CpuSeconds);
    let error = check("wallTimeSeconds: 1").await;
    assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
    // What the host returns counts as data between the call and the host.
    let fill = json!({"name": "wide", "names": 2, "bytes": 600_000});
    house.model("seeker", "@test/seeker", "");
    let process = house.other_process();
    let filled = run_in(&process, &house.seen, ("seeker", "fill"), fill);
    filled.await.expect("it can be written");
    house.model("seeker", "@test/seeker", "limits: {hostMebibytes: 1}\n");
    let select = json!({"predicate": "name.startsWith('wide')", "select": "attributes.text"});
    let process = house.other_process();
    let (error, _) = house.failure_in(&process, "seeker", "find", select).await;
    let CallError::Limit { name, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(name, LimitName::HostBytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_of_a_query_has_a_limited_size() {
    let house = house("").await;
    for name in ["w", "x"] {
        let fill = json!({"name": name, "names": 4, "bytes": 1_000_000});
        house.value("seeker", "fill", fill).await;
    }
    let page = |after: Value| {
        json!({
            "predicate": "spec == 'note'", "select": "content", "after": after, "count_max": 1000,
        })
    };
    let (mut names, mut after, mut n_pages) = (Vec::new(), Value::Null, 0);
    loop {
        let page = house.value("seeker", "page", page(after)).await;
        let matches = page["matches"].as_array().expect("a list");
        let sizes = matches.iter().map(|it| it[3].as_u64().expect("a size"));
        assert!(sizes.sum::<u64>() <= 4 << 20, "{page}");
        names.extend(versions(&page["matches"]));
        after = page["next"].clone();
        n_pages += 1;
        assert!(n_pages < 20, "the results end");
        if after.is_null() {
            break;
        }
    }
    assert_eq!(names.len(), 9, "{names:?}");
    assert!(n_pages >= 2, "{n_pages}");
    // A single value that is larger than a page costs too much, so it is an error, and no endless row
    // of empty pages.
    let five = "[content, content, content, content, content]";
    let large = json!({"predicate": "name == 'w0'", "select": five});
    let (error, _) = house.failure("seeker", "find", large).await;
    let text = error.to_string();
    assert!(text.contains("it takes too much work"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_names_take_several_pages() {
    let house = house("").await;
    house
        .value("seeker", "fill", json!({"name": "n", "names": 3000}))
        .await;
    let n_found = found(&house, "name.startsWith('n')").await.len();
    assert_eq!(n_found, 3000);
    let none = found(&house, "name.startsWith('n') && attributes.text == 'y'").await;
    assert_eq!(none, Vec::<String>::new());
    let listed = house.value("seeker", "list", json!({"spec": "note"})).await;
    assert_eq!(listed["listed"].as_array().expect("a list").len(), 3001);
    let none = house
        .value("seeker", "list", json!({"spec": "login"}))
        .await;
    assert_eq!(none["listed"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn list_is_filtered_by_name_spec_and_tags() {
    let house = house("models: [files]").await;
    house
        .value("files", "record", json!({"spec": "short", "name": "ab"}))
        .await;
    let check = async |more: Value, expect: &[&str]| {
        let mut arguments = json!({"model": "files"});
        let members = arguments.as_object_mut().expect("it is one");
        members.extend(more.as_object().expect("it is one").clone());
        let listed = house.value("seeker", "list", arguments).await;
        assert_eq!(listed["listed"], json!(expect), "{more}");
        let pages = listed["pages"].as_array().expect("a list").iter();
        let paged = pages.flat_map(|it| it.as_array().expect("a page").iter());
        let paged: Vec<&Value> = paged.map(|it| &it[0]).collect();
        assert_eq!(json!(paged), json!(expect), "{more}");
    };
    for count_max in [1, 2, 1000] {
        check(json!({"count_max": count_max}), &["a", "ab", "b", "c"]).await;
        check(json!({"prefix": "a", "count_max": count_max}), &["a", "ab"]).await;
        check(
            json!({"spec": "record", "count_max": count_max}),
            &["a", "b", "c"],
        )
        .await;
        let attic = json!({"tags": {"room": "attic"}, "count_max": count_max});
        check(attic, &["a", "b"]).await;
    }
    check(json!({"tags": {"room": "attic", "stage": "prod"}}), &["b"]).await;
    check(json!({"tags": {"kind": "short"}}), &["ab"]).await;
    check(json!({"tags": {"kind": "short"}, "spec": "record"}), &[]).await;
    check(json!({"prefix": "\u{10ffff}"}), &[]).await;
    let denied = json!({"model": "sink"});
    let (error, _) = house.failure("seeker", "list", denied).await;
    assert_eq!(error.code(), "denied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn list_has_what_the_call_has_staged() {
    let house = house("").await;
    house
        .value("seeker", "fill", json!({"name": "n", "names": 3}))
        .await;
    house.value("seeker", "fill", json!({"name": "n1"})).await;
    let arguments = json!({
        "stage": ["m", "n0", "z"], "delete": [["n1", 2], ["n2", 0], ["own", 1]], "count_max": 2,
    });
    let listed = house.value("seeker", "list", arguments).await;
    let expect = json!([[["m", null], ["n0", null]], [["n1", 1], ["z", null]],]);
    let pages = listed["pages"].as_array().expect("a list").iter();
    let pages: Vec<&Value> = pages.filter(|it| **it != json!([])).collect();
    assert_eq!(json!(pages), expect, "{listed}");
    assert_eq!(listed["listed"], json!(["m", "n0", "n1", "z"]));
    // A query finds committed versions only.
    assert_eq!(listed["found"], json!(["n0", "n1", "n2", "own"]));
    assert_eq!(
        found(&house, "true").await,
        ["seeker/m@1", "seeker/n0@2", "seeker/n1@1", "seeker/z@1"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn list_filters_what_is_staged_by_its_own_tags() {
    let house = house("").await;
    let tagged =
        |key: &str, spec: &str| json!({"stage": ["m"], "tags": {key: "seeker"}, "spec": spec});
    let listed = house.value("seeker", "list", tagged("by", "note")).await;
    assert_eq!(listed["listed"], json!(["m", "own"]));
    let listed = house.value("seeker", "list", tagged("other", "note")).await;
    assert_eq!(listed["listed"], json!([]));
    let listed = house.value("seeker", "list", tagged("by", "login")).await;
    assert_eq!(listed["listed"], json!([]));
}

/// The caller is a `hostile` with the name `sink`, which has staged `mark`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn list_has_what_a_caller_has_staged() {
    let house = house("models: [sink]").await;
    house.model("sink", "@test/hostile", "");
    let arguments = json!({"model": "sink"});
    let ask = json!({"target": "seeker", "method": "list", "arguments": arguments});
    let process = house.other_process();
    let ran = run_in(&process, &house.seen, ("sink", "swallow"), ask).await;
    let answer = ran.expect("it ends").value;
    assert_eq!(
        answer["value"]["pages"],
        json!([[["mark", null], ["record", 2]]]),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_reads_data_and_definitions() {
    let house = house("models: [sink]").await;
    let (error, _) = house.failure("seeker", "checked", json!({})).await;
    let text = error.to_string();
    assert!(text.contains("seeker is one of 2, with 2 names"), "{text}");
}
