//! Data of guests: files, labels, lists, deletion, publication, and retention.

pub(crate) use sedge_test_artifacts::FILER as filer;

use sedge_api::problem::{ErrorCode, Explain};
use sedge_api::view::data::{DataCollection, DataKindView, DataQueryItem, DataVersionView};
use sedge_app::data::delete::{self, Chosen, data_delete};
use sedge_app::data::gc::{self, data_gc};
use sedge_app::data::get::data_get;
use sedge_app::data::prune;
use sedge_app::data::query::{self, data_query};
use sedge_app::data::rename::{self, data_rename};
use sedge_app::datastore::check::datastore_check;
use sedge_app::types::{CallError, LimitName, RunStatus, Scan};
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_app::{AppError, RunFailed};
use serde_json::{Value, json};

use crate::fixture::text::{gate, step};
use crate::fixture::{House, list_of, versions_of};

/// More bytes than the database stores itself.
const LARGE: u64 = 200_000;

/// Returns the latest version of a name.
fn latest(house: &House, name: &str) -> DataVersionView {
    let found = data_get(&house.cx(), "files", name, None);
    found.expect("it was written").0
}

/// Checks that no content is missing, damaged or left over.
#[track_caller]
fn is_sound(house: &House) {
    let checked = datastore_check(&house.cx(), true, |_| {}).expect("nothing is damaged");
    assert!(checked.leftovers.is_empty(), "{:?}", checked.leftovers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_and_large_files_are_read_as_written() {
    let house = House::new();
    for bytes in [0, 1, 65_536, 65_537, LARGE] {
        let ask = json!({"bytes": bytes, "chunk": 50_000, "seed": bytes});
        let wrote = house.value("files", "write", ask).await;
        let read = house.value("files", "read", json!({})).await;
        assert_eq!(read["size"], bytes);
        assert_eq!(read["sum"], wrote["digest"], "{bytes} bytes");
        assert_eq!(read["media_type"], "application/octet-stream");
        let record = latest(&house, "blob");
        assert_eq!((record.kind, record.size), (DataKindView::File, bytes));
    }
    is_sound(&house);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_ends_the_lines_of_a_file_of_lines() {
    let house = House::new();
    let ask = json!({"lines": true, "count": 3, "media_type": "text/csv; charset=utf-8"});
    house.value("files", "write", ask).await;
    let read = house.value("files", "read", json!({})).await;
    assert_eq!(
        (&read["lines"], &read["first"]),
        (&json!(3), &json!("0: line 0\n0: line 1\n"))
    );
    assert_eq!(read["media_type"], "text/csv; charset=utf-8");
    let (_, content) = data_get(&house.cx(), "files", "blob", None).expect("written");
    let text = content.read_all().expect("readable");
    assert_eq!(text, b"0: line 0\n0: line 1\n0: line 2\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfinished_or_failed_file_leaves_nothing() {
    let house = House::new();
    for ask in [
        json!({"bytes": LARGE, "finish": false}),
        json!({"bytes": LARGE, "finish": false, "drop": true}),
    ] {
        house.value("files", "write", ask).await;
    }
    let ask = json!({"bytes": LARGE, "fail": true});
    let (error, _) = house.failure("files", "write", ask).await;
    assert_eq!(error.code(), "told-to-fail");
    assert_eq!(list_of(&house.repository, Some("files")), []);
    // There are no files left in the folder of the datastore.
    is_sound(&house);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_name_or_media_type_is_refused() {
    let house = House::new();
    for (ask, expect) in [
        (json!({"media_type": "text"}), "invalid-name"),
        (json!({"media_type": "a/b\nc: d"}), "invalid-name"),
        (json!({"name": "a\nb"}), "invalid-name"),
        (json!({"spec": "record"}), "undeclared"),
        (json!({"tags": {"": "x"}}), "invalid-name"),
        (json!({"tags": {"a": "\u{7}"}}), "invalid-name"),
    ] {
        let (error, _) = house.failure("files", "write", ask.clone()).await;
        assert_eq!(error.code(), expect, "{ask}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_come_from_model_spec_operator_and_write() {
    let house = House::new();
    house.model(
        "files",
        "@test/filer",
        "tags: {env: dev, team: a, kind: model}\n\
         dataOutputOverrides:\n  - {specName: short, lifetime: 2h, tags: {team: b}}\n",
    );
    let ask = json!({"spec": "short", "tags": {"env": "prod"}});
    house.value("files", "record", ask).await;
    let record = latest(&house, "short");
    let tags: Vec<(&str, &str)> = record
        .tags
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(tags, [("env", "prod"), ("kind", "short"), ("team", "b")]);
    assert_eq!(record.lifetime.to_string(), "2h");
    assert_eq!(record.written_by.method, "record");
    assert!(record.written_by.definition.is_some());
    let read = house
        .value("files", "versions", json!({"name": "short"}))
        .await;
    assert_eq!(
        read[0]["tags"],
        json!({"env": "prod", "kind": "short", "team": "b"})
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schema_violation_is_refused_or_logged() {
    let house = House::new();
    let (error, _) = house
        .failure("files", "record", json!({"invalid": true}))
        .await;
    assert_eq!(error.code(), "invalid-content");
    assert_eq!(list_of(&house.repository, Some("files")), []);
    let ask = json!({"spec": "lax", "invalid": true});
    house.value("files", "record", ask).await;
    let lines = house.seen.lines();
    let warning = "`lax` does not fit the schema of `lax`: ";
    assert!(
        lines.iter().any(|line| line.starts_with(warning)),
        "{lines:?}"
    );
    house.has_versions("files", "lax", 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_listed_with_their_latest_version() {
    let house = House::new();
    for name in ["a/1", "a/2", "b", " a"] {
        house
            .value("files", "record", json!({"name": name, "count": 2}))
            .await;
    }
    let names = |list: Value| -> Vec<String> {
        let list = list.as_array().expect("a list").clone();
        let name = |it: &Value| format!("{} {}", it["name"], it["version"]);
        list.iter().map(name).collect()
    };
    let list = house.value("files", "list", json!({"prefix": "a/"})).await;
    assert_eq!(names(list), ["\"a/1\" 2", "\"a/2\" 2"]);
    let list = house.value("files", "list", json!({})).await;
    assert_eq!(names(list).len(), 4);
    let (error, _) = house
        .failure("files", "list", json!({"model": "none"}))
        .await;
    assert_eq!(error.code(), "model-not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_delete_method_deletes() {
    let house = House::new();
    house.value("files", "record", json!({"count": 3})).await;
    let ask = json!({"name": "record", "version": 3});
    let answer = house.value("files", "delete_wrongly", ask.clone()).await;
    assert_eq!(answer, "denied");
    house.has_versions("files", "record", 3);
    house.value("files", "delete", ask).await;
    house.has_versions("files", "record", 2);
    // The number of a deleted version is not used again.
    house.value("files", "record", json!({})).await;
    assert_eq!(house.versions("files", "record"), [1, 2, 4]);
    house
        .value("files", "delete", json!({"name": "record"}))
        .await;
    assert_eq!(house.versions("files", "record"), [0; 0]);
    is_sound(&house);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_data_stays_if_the_call_fails() {
    for (then, n_versions) in [("succeed", 2), ("fail", 1), ("panic", 1)] {
        let house = House::new();
        let ran = house.run("files", "publish", json!({"then": then})).await;
        assert_eq!(ran.is_ok(), then == "succeed");
        house.has_versions("files", "record", n_versions);
        if let Ok(report) = ran {
            let written: Vec<u64> = report.written.first.iter().map(|it| it.version).collect();
            assert_eq!(written, [1, 2]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn name_belongs_to_the_type_that_wrote_it_first() {
    let house = House::new();
    house
        .value("files", "record", json!({"name": "mark"}))
        .await;
    house.model("files", "@test/hostile", "");
    let other = house.other_process();
    let request = ("files", "sleep");
    let ran = crate::fixture::run_in(&other, &house.seen, request, json!({"ms": 0})).await;
    let Err(AppError::Failed(RunFailed::Call(failed))) = ran else {
        panic!("{ran:?}")
    };
    let CallError::Denied { reason } = &failed.source else {
        panic!("{failed:?}")
    };
    assert!(
        reason.contains("belongs to the type `@test/filer`"),
        "{reason}"
    );
    house.has_versions("files", "mark", 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn former_name_leads_to_the_current_name() {
    let house = House::new();
    house.value("files", "record", json!({"count": 2})).await;
    let rename = |from: &str, to: &str, forward: bool| rename::DataRenameRequest {
        model: "files".to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        forward,
    };
    let request = rename("record", "new", true);
    let renamed = data_rename(&house.cx(), &request).await;
    renamed.expect("no other call holds a lock");
    house.value("files", "record", json!({})).await;
    house.has_versions("files", "record", 3);
    house.has_versions("files", "new", 3);
    assert_eq!(latest(&house, "record").name.as_str(), "new");
    assert_eq!(list_of(&house.repository, Some("files")).len(), 1);
    let again = data_rename(&house.cx(), &request).await;
    assert_eq!(
        again.expect_err("it has another name").code(),
        ErrorCode::DataRenamed
    );
    for version in [None, Some(1)] {
        let request = delete::DataDeleteRequest {
            model: "files".to_owned(),
            chosen: Chosen::Name("record".to_owned(), version),
            dry_run: false,
        };
        let deleted = data_delete(&house.cx(), &request).await;
        let error = deleted.expect_err("it has another name");
        assert_eq!(error.code(), ErrorCode::DataRenamed);
    }
    house.has_versions("files", "new", 3);
    house
        .value("files", "record", json!({"name": "other"}))
        .await;
    let request = rename("other", "record", true);
    let taken = data_rename(&house.cx(), &request).await;
    assert_eq!(
        taken.expect_err("it leads elsewhere").code(),
        ErrorCode::NameTaken
    );
    let request = rename("new", "record", false);
    let back = data_rename(&house.cx(), &request).await;
    back.expect("it had this name");
    house.has_versions("files", "record", 3);
    house.has_versions("files", "new", 0);
    is_sound(&house);
}

async fn collect(house: &House, with_latest: bool) -> Vec<String> {
    let request = |dry_run| gc::DataGcRequest {
        dry_run,
        with_latest,
    };
    let plan = data_gc(&house.cx(), request(true)).await;
    let report = data_gc(&house.cx(), request(false)).await;
    let report = report.expect("no other call holds a lock");
    let planned = DataCollection {
        dry_run: false,
        ..plan.expect("readable")
    };
    assert_eq!(planned, report, "the collection does what its plan says");
    is_sound(house);
    let removed = report.deleted.iter();
    let mut removed: Vec<String> = removed
        .map(|it| format!("{} {}", it.name, it.versions))
        .collect();
    if report.files.count > 0 {
        removed.push(format!("{} files", report.files.count));
    }
    removed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collection_keeps_retained_versions_and_the_latest() {
    let house = House::new();
    house
        .value("files", "record", json!({"spec": "short", "count": 5}))
        .await;
    house.value("files", "record", json!({"count": 5})).await;
    let ask = json!({"bytes": LARGE, "times": 2, "name": "same"});
    house.value("files", "write", ask).await;
    assert_eq!(collect(&house, false).await, ["short 2"]);
    assert_eq!(house.versions("files", "short"), [3, 4, 5]);
    // The current rules of the operator apply to data that was written before.
    house.model(
        "files",
        "@test/filer",
        "dataOutputOverrides:\n  - {specName: record, garbageCollection: 2}\n",
    );
    assert_eq!(collect(&house, false).await, ["record 3"]);
    house
        .value("files", "delete", json!({"name": "same", "version": 1}))
        .await;
    assert_eq!(
        collect(&house, false).await,
        [""; 0],
        "the other one has that file"
    );
    house
        .value("files", "delete", json!({"name": "same"}))
        .await;
    assert_eq!(collect(&house, false).await, ["1 files"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_a_run_expires_when_the_run_has_ended() {
    let house = House::new();
    let write = |spec: &str| {
        let inputs = format!("{{spec: {spec}, count: 2}}");
        step(&format!("write-{spec}"), "files.record", &inputs, "")
    };
    let steps = ["scratch", "jobly", "flowly"].map(write);
    let mut steps = steps.to_vec();
    steps.push(gate("sure", ""));
    house.workflow("keep", &steps);
    house.workflow_run("keep").await.expect("it waits");
    assert_eq!(house.newest().run.status, RunStatus::Suspended);
    assert_eq!(
        collect(&house, false).await,
        ["scratch 1"],
        "its step has ended"
    );
    assert_eq!(collect(&house, true).await, ["scratch 1"]);
    let decide = GateRequest {
        workflow: "keep".to_owned(),
        gate: "sure".to_owned(),
        run: None,
        comment: None,
        shown: None,
    };
    workflow_approve(&house.cx().with_actor(crate::fixture::ada()), &decide).expect("it is open");
    assert_eq!(house.newest().run.status, RunStatus::Succeeded);
    assert_eq!(collect(&house, false).await, ["flowly 1", "jobly 1"]);
    assert_eq!(collect(&house, true).await, ["flowly 1", "jobly 1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_a_deleted_model_is_pruned() {
    let house = House::new();
    house.value("files", "record", json!({"count": 3})).await;
    house.value("sink", "run", json!({})).await;
    std::fs::remove_file(house.path().join("models/files.yaml")).expect("it was there");
    for dry_run in [true, false] {
        let request = prune::DataPruneRequest {
            dry_run,
            ..prune::DataPruneRequest::default()
        };
        let pruned = prune::data_prune(&house.cx(), &request).await;
        let pruned = pruned.expect("no call is under way");
        assert_eq!(pruned.doubt, None, "one of two is gone");
        let removed: Vec<_> = pruned
            .models
            .iter()
            .map(|it| (it.model.as_str(), it.names, it.versions))
            .collect();
        assert_eq!(removed, [("files", 1, 3)]);
    }
    assert_eq!(list_of(&house.repository, None).len(), 1);
    is_sound(&house);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_reads_the_content_of_data() {
    let house = House::new();
    house.value("files", "record", json!({"count": 3})).await;
    let ask = json!({"name": "other", "count": 2, "tags": {"env": "prod"}});
    house.value("files", "record", ask).await;
    house.value("files", "write", json!({"bytes": 10})).await;
    let check = |predicate: &str, all_versions: bool, expect: &[&str]| {
        let request = query::DataQueryRequest {
            predicate: predicate.to_owned(),
            select: Some("name + ' ' + string(version)".to_owned()),
            since: None,
            all_versions,
        };
        let mut found = Vec::new();
        let queried = data_query(&house.cx(), &request, |found_one| {
            let DataQueryItem::Selected(value) = found_one.item else {
                panic!("it was selected");
            };
            found.push(value.as_str().expect("a text").to_owned());
            Ok::<_, AppError>(Scan::More)
        });
        queried.expect("a query");
        assert_eq!(found, expect, "{predicate}");
    };
    check("attributes.n >= 1", false, &["other 2", "record 3"]);
    check(
        "attributes.n >= 1 && name != 'other'",
        true,
        &["record 3", "record 2"],
    );
    check("tags.env == 'prod'", true, &["other 2", "other 1"]);
    check("kind == 'file' && size == 10", false, &["blob 1"]);
    check(
        "method == 'record' && version == 1",
        false,
        &["other 1", "record 1"],
    );
    check("model == 'none'", true, &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_is_deleted_by_version_name_prefix_and_all() {
    let house = House::new();
    for name in ["a/1", "a/2", "b"] {
        house
            .value("files", "record", json!({"name": name, "count": 2}))
            .await;
    }
    let delete = async |chosen: Chosen, dry_run: bool| {
        let request = delete::DataDeleteRequest {
            model: "files".to_owned(),
            chosen,
            dry_run,
        };
        let deleted = data_delete(&house.cx(), &request).await;
        let deleted = deleted.map(|report| report.deleted);
        deleted.map(|it| {
            it.iter()
                .map(|it| format!("{} {}", it.name, it.versions))
                .collect::<Vec<_>>()
        })
    };
    let version = |n| Chosen::Name("b".to_owned(), Some(n));
    assert_eq!(delete(version(1), true).await.expect("there"), ["b 1"]);
    assert_eq!(delete(version(1), false).await.expect("there"), ["b 1"]);
    assert_eq!(house.versions("files", "b"), [2]);
    let error = delete(version(1), false).await.expect_err("it is gone");
    assert_eq!(error.code(), ErrorCode::VersionMissing);
    let error = delete(Chosen::Prefix(String::new()), false).await;
    assert_eq!(
        error.expect_err("all begin so").code(),
        ErrorCode::PrefixEmpty
    );
    let prefix = || Chosen::Prefix("a/".to_owned());
    assert_eq!(
        delete(prefix(), false).await.expect("there"),
        ["a/1 2", "a/2 2"]
    );
    assert_eq!(delete(prefix(), false).await.expect("there"), [""; 0]);
    assert_eq!(delete(Chosen::All, false).await.expect("there"), ["b 1"]);
    is_sound(&house);
}

/// Up to 64 files may be open. Then the call reaches a limit, and the host does not run out of
/// descriptors.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn number_of_open_files_is_limited() {
    let house = House::new();
    let ask = json!({"bytes": 1, "times": 64, "finish": false});
    house.value("files", "write", ask).await;
    let ask = json!({"bytes": 1, "times": 65, "finish": false});
    let (error, _) = house.failure("files", "write", ask).await;
    assert_eq!(error.code(), "limit");
    let name = LimitName::OpenFiles.as_str();
    assert!(error.to_string().contains(name), "{error}");
}

/// A reader keeps the content that it opened, even if the data is deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_content_stays_readable_after_deletion() {
    let house = House::new();
    house.value("files", "write", json!({"bytes": LARGE})).await;
    let found = data_get(&house.cx(), "files", "blob", None);
    let (record, mut content) = found.expect("it was written");
    let mut first = [0; 1000];
    assert_eq!(content.read(&mut first).expect("readable"), first.len());
    house.value("files", "delete", json!({})).await;
    assert_eq!(collect(&house, false).await, ["1 files"]);
    let rest = content.read_all().expect("readable");
    assert_eq!((first.len() + rest.len()) as u64, record.size);
    let versions = versions_of(&house.repository, "files", "blob");
    assert!(versions.is_err(), "it is gone for others");
}
