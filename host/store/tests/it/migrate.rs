//! Datastores that older versions of Sedge made.

use rusqlite::Connection;
use sedge_lang::query::Selection;
use sedge_model::lineage::Lineage;
use sedge_model::permission::{EnvPermission, Permission};
use sedge_model::run::{ExpansionItem, RunEvent, RunOptions, RunStatus};
use sedge_store::{CallEnd, DataRecord, Origin, RunFilter, Scan, Store, StoreError};
use serde_json::Value;

use crate::fixture::{Fixture, Place, attempt, data_name, latest, model_name, origin, success};

/// Made by the last Sedge with schema 2: `sink` and `spawn` were run, two runs wait at a gate, and
/// `large` has one version that is larger than a row may be now.
const SCHEMA_2: &[u8] = include_bytes!("../fixtures/schema-2.db");

/// Made by the last Sedge with schema 3: `sink`, `spawn`, `asker` and `files` were run, one run
/// waits at a gate, one failed, one name was renamed and one was deleted.
const SCHEMA_3: &[u8] = include_bytes!("../fixtures/schema-3.db");

/// Made by the first Sedge with schema 4; `format.rs` says what it has.
const SCHEMA_4: &[u8] = include_bytes!("../fixtures/schema-4.db");

/// Made by the last Sedge with schema 5: `w` failed at a step whose failure is allowed and at a
/// rejected gate, another run of it waits at its gates, and `sink` was run.
const SCHEMA_5: &[u8] = include_bytes!("../fixtures/schema-5.db");

/// Made by the last Sedge with schema 6: one run of `w` succeeded after its gate was approved, another
/// one waits at its gate, and each has called `sink` for two values of a `forEach`.
const SCHEMA_6: &[u8] = include_bytes!("../fixtures/schema-6.db");

fn migrated(from: &[u8]) -> Fixture {
    let place = Place::new();
    place.folder.write("sedge.db", from).expect("written");
    let store = Store::open(&place.folder).expect("it is there");
    Fixture::of(place, store)
}

/// Returns a line for each version.
fn lines(all: &[DataRecord]) -> String {
    let lines: Vec<String> = all
        .iter()
        .map(|it| format!("{} {} {}: {} bytes", it.model, it.name, it.version, it.size))
        .collect();
    lines.join("\n")
}

#[test]
fn migration_of_schema_2_keeps_all_data() {
    let fixture = migrated(SCHEMA_2);
    let store = &fixture.store;
    let all = store.data_select(&Selection::default()).expect("readable");
    insta::assert_snapshot!(lines(&all), @"
    large record 2: 61 bytes
    large record 1: 66056 bytes
    sink record 6: 58 bytes
    sink record 5: 58 bytes
    sink record 4: 60 bytes
    sink record 3: 61 bytes
    sink record 2: 61 bytes
    sink record 1: 61 bytes
    spawn calls 1: 99 bytes
    ");
    assert!(all.iter().all(|it| it.origin.type_name.is_none()));
    let (model, name) = (model_name("sink"), data_name("record"));
    let first = store.data_text(&model, &name, Some(1)).expect("readable");
    let (first, text) = first.expect("it was written");
    insta::assert_snapshot!(text, @r#"{"note":"n1 é","run":"rgjw5ac7x5ja","call":"rgjw5ac7x5ja/1"}"#);
    assert_eq!(first.origin.method.as_str(), "run");
    let runs = store
        .run_list(&RunFilter::default(), 100)
        .expect("readable");
    assert_eq!(runs.len(), 8);
    let waiting = runs.iter().filter(|run| run.status == RunStatus::Suspended);
    assert_eq!(waiting.count(), 2);
    assert_eq!(store.gates_open().expect("readable").len(), 2);
    let report = store.check(true, |_| {}).expect("readable");
    assert_eq!(report.findings, []);
    assert_eq!((report.n_versions, report.n_files), (9, 1));
}

#[test]
fn migration_of_schema_3_keeps_all_data() {
    let fixture = migrated(SCHEMA_3);
    let store = &fixture.store;
    let all = store.data_select(&Selection::default()).expect("readable");
    insta::assert_snapshot!(lines(&all), @"
    files blob2 1: 300 bytes
    files record 1: 7 bytes
    sink record 3: 60 bytes
    sink record 2: 62 bytes
    sink record 1: 60 bytes
    spawn calls 1: 89 bytes
    ");
    let runs = store
        .run_list(&RunFilter::default(), 100)
        .expect("readable");
    assert_eq!(runs.len(), 7);
    assert_eq!(store.gates_open().expect("readable").len(), 1);
    let forwards = store.data_forwards(&model_name("files")).expect("readable");
    assert_eq!(forwards, [(data_name("small"), data_name("blob2"))]);
    // Former uses are unknown.
    let uses = store.permission_uses(&model_name("asker"));
    assert_eq!(uses.expect("readable").len(), 0);
    let report = store.check(true, |_| {}).expect("readable");
    assert_eq!(report.findings, []);
}

#[test]
fn migration_of_schema_4_keeps_all_data() {
    let fixture = migrated(SCHEMA_4);
    let store = &fixture.store;
    let report = store.check(true, |_| {}).expect("readable");
    assert_eq!(report.findings, []);
    let runs = store
        .run_list(&RunFilter::default(), 100)
        .expect("readable");
    assert!(!runs.is_empty());
    // No run of the older version had inputs.
    for run in runs {
        assert_eq!(store.run_inputs(&run.id).expect("readable"), None);
    }
}

/// The events are those of format 1, and the ends of steps got the ordinals of their calls.
#[test]
fn migration_of_schema_5_keeps_all_runs() {
    let fixture = migrated(SCHEMA_5);
    let store = &fixture.store;
    let report = store.check(true, |_| {}).expect("readable");
    assert_eq!(report.findings, []);
    let runs = store
        .run_list(&RunFilter::default(), 100)
        .expect("readable");
    let lines: Vec<String> = runs
        .iter()
        .map(|run| {
            assert_eq!((run.by.uid, &run.parent), (None, &None));
            let options = store.run_options(&run.id).expect("readable");
            assert_eq!(options, RunOptions::default());
            let inputs = store.run_inputs(&run.id).expect("readable");
            let inputs = inputs.map(Value::Object).unwrap_or_default();
            format!("{} {} {inputs}", run.subject, run.status.as_str())
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    sink succeeded null
    w suspended {"note":"second"}
    w failed {"note":"n1 é"}
    "#);
    insta::assert_snapshot!(fixture.events(&runs[2].id).join("\n"), @"
    1 started
    2 step-started m/ok 1
    3 step-started m/bad 2
    4 gate-opened m/gate
    5 gate-opened m/other
    6 step-failed m/bad quota
    7 step-skipped m/after the step `bad` did not end as `succeeded`
    8 step-succeeded m/ok
    9 suspended
    10 gate-decided m/gate rejected
    11 gate-decided m/other approved
    12 ended failed
    ");
    let events = store.run_events(&runs[1].id).expect("readable");
    let mut ended = Vec::new();
    for record in events {
        if let RunEvent::StepSucceeded { step, call } | RunEvent::StepFailed { step, call, .. } =
            record.event
        {
            ended.push((step, call));
        }
    }
    let expect = [(attempt("m/bad"), Some(2)), (attempt("m/ok"), Some(1))];
    assert_eq!(ended, expect);
    assert_eq!(store.step_task(&runs[1].id, 1).expect("readable"), None);
    let gates = store.gates_open().expect("readable");
    let names: Vec<String> = gates.iter().map(|it| it.gate.to_string()).collect();
    assert_eq!(names, ["m/gate", "m/other"]);
    assert!(gates.iter().all(|it| it.shown.digest.is_empty()));
}

#[test]
fn migration_of_schema_6_keeps_values_in_events() {
    let fixture = migrated(SCHEMA_6);
    let store = &fixture.store;
    let report = store.check(true, |_| {}).expect("readable");
    assert_eq!(report.findings, []);
    let runs = store
        .run_list(&RunFilter::default(), 100)
        .expect("readable");
    let states: Vec<&str> = runs.iter().map(|run| run.status.as_str()).collect();
    assert_eq!(states, ["suspended", "succeeded"]);
    let events = store.run_events(&runs[0].id).expect("readable");
    let RunEvent::Expanded { items, .. } = &events[1].event else {
        panic!("another event: {:?}", events[1].event);
    };
    let values: Vec<ExpansionItem> = items.iter().map(|it| it.item.clone()).collect();
    assert_eq!(values, ["a", "b"].map(|it| Value::from(it).into()));
    assert_eq!(store.step_items(&runs[0].id, 2).expect("readable"), None);
    assert!(store.step_task(&runs[0].id, 1).expect("readable").is_some());
    let mut written = Vec::new();
    let scanned = store.data_snapshot(|snapshot| {
        let call = Lineage::root(runs[1].id.clone()).child(3);
        snapshot.scan_below(&call, |scanned| {
            written.push(scanned.record.version);
            Ok::<_, StoreError>(Scan::More)
        })
    });
    scanned.expect("readable");
    assert_eq!(written, [3]);
}

#[test]
fn migrated_datastore_can_be_written() {
    check_next_write(SCHEMA_6, &[1, 2, 3, 4, 5, 6], 1);
    check_next_write(SCHEMA_5, &[1, 2, 3, 4], 1);
    check_next_write(SCHEMA_2, &[1, 2, 3, 4, 5, 6, 7], 3);
    check_next_write(SCHEMA_3, &[1, 2, 3, 4], 4);
}

/// Checks that `sink` has these versions after another one, and that there are `n_names` names.
#[track_caller]
fn check_next_write(from: &[u8], versions: &[u64], n_names: usize) {
    let fixture = migrated(from);
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let used = Permission::Env(EnvPermission {
        name: "HOME".parse().expect("a name"),
    });
    let end = success(&call, "sink", &[("record", "7")]);
    // The valid lock table is that of the last process that used the datastore.
    let epoch = fixture.store.lock_epoch().expect("readable");
    let end = CallEnd {
        lock_epoch: epoch.expect("it was noted"),
        used: vec![used],
        origin: Origin {
            type_name: Some("@sedge/sink".parse().expect("a type's name")),
            ..origin()
        },
        ..end
    };
    fixture
        .store
        .call_commit(&claim, end, None)
        .wait()
        .expect("committed");
    assert_eq!(fixture.versions("sink", "record"), versions);
    let list = fixture.store.data_select(&latest(None)).expect("readable");
    assert_eq!(list.len(), n_names);
    let uses = fixture.store.permission_uses(&model_name("sink"));
    assert_eq!(uses.expect("readable").len(), 1);
}

/// The first process that opens it migrates it, and no other process sees it partly migrated.
#[test]
fn concurrent_migration_succeeds() {
    const N_THREADS: usize = 8;
    let place = Place::new();
    place.folder.write("sedge.db", SCHEMA_2).expect("written");
    std::thread::scope(|scope| {
        for _ in 0..N_THREADS {
            scope.spawn(|| {
                let store = Store::open(&place.folder).expect("it is there");
                let list = store.data_select(&latest(None)).expect("migrated");
                assert_eq!(list.len(), 3);
            });
        }
    });
}

#[test]
fn unreleased_schema_is_refused() {
    let place = Place::new();
    place.folder.write("sedge.db", SCHEMA_2).expect("written");
    let connection = Connection::open(place.folder.path_of("sedge.db")).expect("opened");
    connection
        .pragma_update(None, "user_version", 1)
        .expect("set");
    drop(connection);
    let store = Store::open(&place.folder).expect("it is there");
    let error = store.status().expect_err("it is too old");
    assert_eq!(
        error.to_string(),
        "the datastore has schema 1, this Sedge knows schema 8"
    );
}
