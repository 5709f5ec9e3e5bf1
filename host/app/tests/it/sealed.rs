//! Sealed fields: their values are stored sealed, read by their own model only, and move with the
//! data.

pub(crate) use sedge_test_artifacts::SEALER as sealer;

use std::fs;
use std::path::Path;

use sedge_app::AppError;
use sedge_app::data::get::data_get;
use sedge_app::data::query::{DataQueryRequest, data_query};
use sedge_app::data::rename::{DataRenameRequest, data_rename};
use sedge_app::data::restore::{DataRestoreRequest, data_restore};
use sedge_app::datastore::backup::{DatastoreBackupRequest, datastore_backup};
use sedge_app::datastore::restore::{DatastoreRestoreRequest, datastore_restore};
use sedge_app::secret::secret_rotate;
use sedge_app::types::Scan;
use serde_json::{Value, json};

use crate::fixture::text::step;
use crate::fixture::{House, words};
use crate::shown::log_of;

const TYPE: &str = "@test/sealer";

/// The value that must not appear anywhere. No argument contains it as a whole.
const CANARY: &str = "canary of the mine";

/// Returns a repository with two models of one type: `vault`, and `other` with these grants.
fn house(grants: &str) -> House {
    let house = House::new();
    house.model("vault", TYPE, "grants: {models: ['*']}\n");
    house.model("other", TYPE, &format!("grants: {{{grants}}}\n"));
    house
}

async fn put(house: &House, name: &str) {
    let arguments = json!({"name": name, "parts": ["canary of", " the mine"]});
    house.value("vault", "put", arguments).await;
}

/// Returns whether a method of `model` sees the password of data of `vault`.
async fn sees(house: &House, model: &str, arguments: Value) -> bool {
    let mut arguments = arguments;
    arguments["model"] = json!("vault");
    let shown = house.value(model, "show", arguments).await;
    let backwards = shown["backwards"].as_str().expect("a text").to_owned();
    let canary: String = CANARY.chars().rev().collect();
    let text = shown["text"].as_str().expect("a text");
    assert!(text.contains("[sealed]"), "the outcome is redacted: {text}");
    backwards.contains(&canary)
}

/// Returns the files below a folder that contain a text.
pub(crate) fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if let Ok(content) = fs::read(&path)
            && content.windows(text.len()).any(|it| it == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn value_is_in_no_file_and_shown_to_no_user() {
    let house = house("models: ['*']");
    let keys = json!([{"id": 1, "value": "second canary, of the pit"}, null]);
    let arguments = json!({"name": "prod", "parts": ["canary of", " the mine"], "keys": keys});
    house.value("vault", "put", arguments).await;
    let expect = json!({"user": "ada", "password": "[sealed]", "keys": "[sealed]"});
    assert_eq!(house.latest("vault", "prod"), expect);
    put(&house, "bare").await;
    let expect = json!({"user": "ada", "password": "[sealed]", "keys": null});
    assert_eq!(house.latest("vault", "bare"), expect, "null is not sealed");
    for text in [CANARY, "Y2FuYXJ5IG9mIHRoZSBtaW5l"] {
        assert_eq!(
            files_with(house.path(), text),
            Vec::<String>::new(),
            "{text}"
        );
    }
    let sealed = files_with(&house.path().join(".sedge/store"), "$sealed");
    assert!(!sealed.is_empty(), "the search would find it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn value_is_read_by_the_methods_of_its_model_only() {
    let house = house("models: ['*']");
    put(&house, "prod").await;
    for arguments in [
        json!({"name": "prod"}),
        json!({"name": "prod", "version": 1}),
        json!({"name": "prod", "bytes": true}),
    ] {
        assert!(sees(&house, "vault", arguments.clone()).await);
        assert!(!sees(&house, "other", arguments).await);
        let log = log_of(&house.repository, None);
        let expect = "`other` may not see the sealed field `/password` of the model `vault`: \
                      no grant allows it";
        let denial = log.iter().find(|it| it.message.starts_with(expect));
        let denial = &denial.expect("the denial is logged").message;
        assert!(denial.contains("data:vault:/password"), "{denial}");
    }
    // What is staged is visible to callees, and sealed for other models.
    let then = |target: &str| {
        let arguments = json!({"model": "vault", "name": "new"});
        let then = json!({"target": target, "method": "show", "arguments": arguments});
        json!({"name": "new", "parts": ["canary of", " the mine"], "then": then})
    };
    let backwards: String = CANARY.chars().rev().collect();
    for (target, expect) in [("vault", true), ("other", false)] {
        let shown = house.value("vault", "put", then(target)).await;
        let shown = shown["backwards"].as_str().expect("a text");
        assert_eq!(shown.contains(&backwards), expect, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn value_is_revealed_where_that_is_granted() {
    let check = async |grant: &str, expect: bool| {
        let house = house(&format!("models: ['*'], reveal: ['{grant}']"));
        put(&house, "prod").await;
        let is_seen = sees(&house, "other", json!({"name": "prod"})).await;
        assert_eq!(is_seen, expect, "{grant}");
    };
    check("data:vault:/password", true).await;
    check("data:*:/*", true).await;
    check("data:vault:/keys", false).await;
    check("data:other:/password", false).await;
    check("argument:/password", false).await;
}

/// A model of another type that takes the name of the model does not get its values.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn value_is_not_read_by_another_type_under_the_same_name() {
    let house = house("models: ['*']");
    put(&house, "prod").await;
    house.model("vault", "@test/reader", "");
    let looked = json!({"model": "vault", "name": "prod", "version": 1});
    let looked = house.value("vault", "look", looked).await;
    for version in ["latest", "version"] {
        assert_eq!(looked[version]["content"]["password"], "[sealed]");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn value_is_redacted_in_all_that_leaves_the_call() {
    let house = house("models: ['*']");
    put(&house, "prod").await;
    let tell = |by: &str| json!({"name": "prod", "by": by});
    let expect = "it is [sealed], really";
    assert_eq!(house.value("vault", "tell", tell("value")).await, expect);
    let (error, run) = house.failure("vault", "tell", tell("argument")).await;
    let error = error.to_string();
    assert!(error.contains("cannot pass to another one"), "{error}");
    assert!(error.contains(expect), "{error}");
    assert_eq!(run.calls.len(), 1, "the nested call has not begun");
    let (error, _) = house.failure("vault", "tell", tell("failure")).await;
    assert!(error.to_string().contains(expect), "{error}");
    house.value("vault", "tell", tell("log")).await;
    let log = log_of(&house.repository, None);
    assert_eq!(log[0].message, expect);
    house.value("vault", "tell", tell("note")).await;
    assert_eq!(house.latest("vault", "note"), json!({"text": expect}));
    house.value("vault", "tell", tell("name")).await;
    house.has_versions("vault", "[sealed]", 1);
    house.value("vault", "tell", tell("file")).await;
    let (_, file) = data_get(&house.cx(), "vault", "file", None).expect("a version");
    let file = file.read_all().expect("it can be read");
    assert_eq!(String::from_utf8_lossy(&file), format!("{expect}\n"));
    assert_eq!(files_with(house.path(), CANARY), Vec::<String>::new());
    // The value is not a secret of the repository, so other calls do not know it.
    let taken = house.value("other", "take", json!({"text": CANARY})).await;
    assert_eq!(taken, CANARY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn value_moves_with_its_data() {
    let house = house("models: ['*']");
    put(&house, "prod").await;
    let rename = async |from: &str, to: &str, forward: bool| {
        let request = DataRenameRequest {
            model: "vault".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            forward,
        };
        let renamed = data_rename(&house.cx(), &request).await;
        renamed.expect("no other call holds a lock");
    };
    rename("prod", "second", true).await;
    for name in ["prod", "second"] {
        assert!(sees(&house, "vault", json!({"name": name})).await, "{name}");
    }
    rename("second", "third", false).await;
    // Other data may take a former name.
    put(&house, "second").await;
    for name in ["second", "third"] {
        assert!(sees(&house, "vault", json!({"name": name})).await, "{name}");
    }
    put(&house, "third").await;
    let request = DataRestoreRequest {
        model: "vault".to_owned(),
        name: "third".to_owned(),
        version: 1,
    };
    let restored = data_restore(&house.cx(), &request).await;
    restored.expect("no other call holds a lock");
    house.has_versions("vault", "third", 3);
    for version in 1..=3 {
        let third = json!({"name": "third", "version": version});
        assert!(sees(&house, "vault", third).await, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn value_is_in_a_backup_and_needs_the_key() {
    let house = house("models: ['*']");
    put(&house, "prod").await;
    let file = house.path().join("backup.tar");
    let request = DatastoreBackupRequest {
        to: file.clone(),
        replace: false,
    };
    let made = datastore_backup(&house.cx(), &request).await;
    made.expect("the folder can be written");
    assert_eq!(files_with(house.path(), CANARY), Vec::<String>::new());
    put(&house, "later").await;
    let request = DatastoreRestoreRequest {
        from: Some(file),
        replace: true,
    };
    let restored = datastore_restore(&house.cx(), &request).await;
    restored.expect("the backup is whole");
    house.has_versions("vault", "later", 0);
    assert!(sees(&house, "vault", json!({"name": "prod"})).await);
    let key = house.path().join(".sedge/secrets/fields.key");
    fs::rename(&key, house.path().join("away")).expect("the test owns it");
    let (error, _) = house
        .failure("vault", "show", json!({"name": "prod"}))
        .await;
    let expect = "the field `/password` of `prod` of `vault` cannot be opened: \
                  it is sealed with a key that this machine does not have";
    assert!(error.to_string().contains(expect), "{error}");
    let expect = json!({"user": "ada", "password": "[sealed]", "keys": null});
    assert_eq!(house.latest("vault", "prod"), expect, "it needs no key");
    fs::rename(house.path().join("away"), &key).expect("the test owns it");
    assert!(sees(&house, "vault", json!({"name": "prod"})).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn former_keys_open_former_versions() {
    let house = house("models: ['*']");
    put(&house, "prod").await;
    let key = house.path().join(".sedge/secrets/fields.key");
    let before = fs::read_to_string(&key).expect("a key");
    let rotated = secret_rotate(&house.cx()).expect("the key can be written");
    assert!(rotated.fields && rotated.secrets == 0);
    let after = fs::read_to_string(&key).expect("two keys");
    assert_eq!(after.lines().count(), before.lines().count() + 1);
    put(&house, "prod").await;
    for version in [1, 2] {
        let prod = json!({"name": "prod", "version": version});
        assert!(sees(&house, "vault", prod).await, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_shows_that_a_field_is_sealed_and_does_not_compare_it() {
    let house = house("models: ['*']");
    put(&house, "prod").await;
    let query = |predicate: &str| {
        let request = DataQueryRequest {
            predicate: predicate.to_owned(),
            select: Some("attributes.password".to_owned()),
            since: None,
            all_versions: false,
        };
        let mut found = Vec::new();
        let queried = data_query(&house.cx(), &request, |it| {
            found.push(serde_json::to_value(it.item).expect("plain data"));
            Ok::<_, AppError>(Scan::More)
        });
        queried.map(|_| found)
    };
    let found = query("attributes.user == 'ada'").expect("a query");
    assert_eq!(found, [json!("[sealed]")]);
    let error = query("attributes.password == 'x'").expect_err("it compares");
    let expect = "a sealed or secret value can be neither compared nor computed with";
    assert!(error.to_string().contains(expect), "{error}");
}

/// A value that could not be kept out of the log is not accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_a_call_may_seal_is_refused() {
    let house = house("models: ['*']");
    let put = |keys: Value| json!({"name": "large", "keys": keys});
    let (error, _) = house
        .failure("vault", "put", put(json!("x".repeat(40_000))))
        .await;
    assert!(
        error.to_string().contains("the limit `sealed-bytes`"),
        "{error}"
    );
    house.has_versions("vault", "large", 0);
    house
        .value("vault", "put", put(json!("x".repeat(30_000))))
        .await;
    house.has_versions("vault", "large", 1);
}

/// The expression that hands the password of `prod` on.
const PASSWORD: &str = "\"${{ data.latest('vault', 'prod').attributes.password }}\"";

/// Returns a repository with the models `vault`, which has data with a password, and `other`, whose
/// token is an expression.
async fn house_with_reader(token: &str, grants: &str) -> House {
    let house = House::new();
    house.model("vault", TYPE, "grants: {models: ['*']}\n");
    let more = format!("globalArguments: {{token: {token}}}\ngrants: {{{grants}}}\n");
    house.model("other", TYPE, &more);
    put(&house, "prod").await;
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expression_hands_a_field_on_to_a_model_that_may_see_it() {
    for token in [PASSWORD.to_owned(), PASSWORD.replace("}}", "}}!")] {
        let house = house_with_reader(&token, "reveal: ['data:vault:/password']").await;
        let shown = house.value("other", "token", json!({})).await;
        let is_text = token != PASSWORD;
        assert_eq!(shown["n_bytes"], CANARY.len() + usize::from(is_text));
        let expect = if is_text { "[sealed]!" } else { "[sealed]" };
        assert_eq!(shown["token"], expect);
        assert_eq!(files_with(house.path(), CANARY), Vec::<String>::new());
    }
    for grants in ["", "reveal: ['data:vault:/keys']"] {
        let house = house_with_reader(PASSWORD, grants).await;
        let (error, _) = house.failure("other", "token", json!({})).await;
        let error = error.to_string();
        let expect = "its argument `/token` has a sealed field: `other` may not see the sealed \
                      field `/password` of the model `vault`";
        assert!(error.contains(expect), "{error}");
        assert!(error.contains("data:vault:/password"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn argument_of_a_step_with_a_field_is_not_recorded() {
    let house = house("");
    put(&house, "prod").await;
    let inputs = format!("{{text: {PASSWORD}}}");
    house.workflow("w", &[step("s", "vault.take", &inputs, "")]);
    house.workflow_run("w").await.expect("it succeeds");
    let call = house.newest().calls.pop().expect("a call");
    assert_eq!(call.arguments, json!({"text": "[sealed]"}));
    assert_eq!(call.outcome.expect("it succeeded").value, "[sealed]");
    assert_eq!(files_with(house.path(), CANARY), Vec::<String>::new());
}

/// A query yields `[sealed]`, which a method would take for the value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_that_selects_a_field_is_refused_in_arguments() {
    let token = r#""${{ data.query('specName == \"login\"', 'attributes.password')[0] }}""#;
    let house = house_with_reader(token, "reveal: ['data:vault:/password']").await;
    let ran = house.run("other", "token", json!({})).await;
    let error = words(&ran.expect_err("it is refused"));
    let expect = "the query selects a sealed field of `prod` of `vault`";
    assert!(error.contains(expect), "{error}");
}

/// The token is a text of at least five characters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn field_is_checked_by_the_schema_of_its_argument() {
    let house = house_with_reader(PASSWORD, "reveal: ['data:vault:/password']").await;
    let short = json!({"name": "prod", "parts": ["abc"]});
    house.value("vault", "put", short).await;
    let (error, _) = house.failure("other", "token", json!({})).await;
    let expect = "/token: the sealed field does not fit the schema of this argument";
    assert!(error.to_string().contains(expect), "{error}");
}
