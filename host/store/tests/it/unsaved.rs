//! Unsaved models: each is created or changed together with a run, and is deleted with the last trace
//! of it.

use rusqlite::Connection;
use sedge_model::names::ModelName;
use sedge_model::run::{RunKind, RunStatus};
use sedge_store::{
    AuditEntry, AuditFilter, Author, Claim, DataChosen, LogEntry, Scan, StoreError, UnsavedPut,
    UnsavedStart,
};

use crate::fixture::{
    Fixture, ada, delete, model_name, permit, run_id, run_start, step_started, success,
};

fn put(former: Option<&str>, text: &str) -> UnsavedPut {
    UnsavedPut {
        name: model_name("web"),
        type_name: "@test/web".parse().expect("a type's name"),
        former: former.map(str::to_owned),
        text: text.to_owned(),
    }
}

fn start(fixture: &Fixture, n: u64, put: &UnsavedPut) -> Option<Claim> {
    let start = run_start(n, RunKind::Method, "web");
    let started = fixture.store.run_start_unsaved(&start, put);
    started.expect("the id is new")
}

fn text(fixture: &Fixture) -> Option<String> {
    let found = fixture.store.unsaved_get("web").expect("readable");
    found.map(|it| it.text)
}

fn end(fixture: &Fixture, claim: &Claim) {
    let ended = fixture.store.run_end(claim, RunStatus::Succeeded, None);
    ended.expect("the claim is valid");
}

/// Returns the unused models, apart from all runs that have ended.
fn unused(fixture: &Fixture) -> Vec<ModelName> {
    fixture.store.unsaved_unused(u64::MAX).expect("readable")
}

#[test]
fn run_starts_only_with_the_expected_definition() {
    let fixture = Fixture::new();
    start(&fixture, 1, &put(None, "one")).expect("there was none");
    assert_eq!(text(&fixture).as_deref(), Some("one"));
    for (n, put) in [(2, put(None, "two")), (3, put(Some("none"), "two"))] {
        assert_eq!(start(&fixture, n, &put), None, "{put:?}");
        assert_eq!(text(&fixture).as_deref(), Some("one"));
        let run = fixture.store.run_get(&run_id(n));
        assert!(matches!(run, Err(StoreError::RunMissing(_))), "{run:?}");
    }
    start(&fixture, 4, &put(Some("one"), "two")).expect("it is as expected");
    let all = fixture.store.unsaved_list().expect("readable");
    let [model] = &all[..] else {
        panic!("{all:?}");
    };
    let found = (model.name.as_str(), model.type_name.as_str(), &*model.text);
    assert_eq!(found, ("web", "@test/web", "two"));
    assert_eq!(model.by, "ada");
}

#[test]
fn model_is_unused_without_data_and_runs() {
    let fixture = Fixture::new();
    let claim = start(&fixture, 1, &put(None, "one")).expect("there was none");
    assert_eq!(unused(&fixture), []);
    let call = fixture.call(&claim, &[1], "web");
    let written = success(&call, "web", &[("record", "7")]);
    let committed = fixture.store.call_commit(&claim, written, None).wait();
    committed.expect("nothing is fenced");
    end(&fixture, &claim);
    assert_eq!(unused(&fixture), [], "it has data");
    delete(&fixture.store, "web", DataChosen::All);
    assert_eq!(unused(&fixture), [model_name("web")]);
    let before = fixture.store.unsaved_unused(1).expect("readable");
    assert_eq!(before, [], "its run ended later");
    let entry = AuditEntry {
        actor: ada(),
        what: "model-deleted".to_owned(),
        on: String::new(),
        detail: Some("old".to_owned()),
    };
    let deleted = fixture
        .store
        .unsaved_unused_delete(&permit(), u64::MAX, &entry);
    assert_eq!(deleted.expect("nothing is fenced"), [model_name("web")]);
    assert_eq!(text(&fixture), None);
    let on = Some("web".to_owned());
    let of_model = AuditFilter {
        on,
        ..AuditFilter::default()
    };
    let mut details = Vec::new();
    let scanned = fixture.store.audit_scan(&of_model, |record| {
        details.push((record.entry.what, record.entry.detail));
        Ok::<_, StoreError>(Scan::More)
    });
    scanned.expect("readable");
    let expect = ("model-deleted".to_owned(), Some("old".to_owned()));
    assert_eq!(details, [expect]);
}

/// A step of a workflow, or another model, can call an unsaved model.
#[test]
fn model_that_another_run_calls_is_used() {
    let fixture = Fixture::new();
    let claim = start(&fixture, 1, &put(None, "one")).expect("there was none");
    end(&fixture, &claim);
    assert_eq!(unused(&fixture), [model_name("web")]);
    let other = fixture.run(2);
    fixture.call(&other, &[1], "web");
    assert_eq!(unused(&fixture), []);
}

#[test]
fn model_is_deleted_once() {
    let fixture = Fixture::new();
    start(&fixture, 1, &put(None, "one")).expect("there was none");
    let delete = || fixture.store.unsaved_delete(&permit(), &model_name("web"));
    assert!(delete().expect("nothing is fenced"));
    assert!(!delete().expect("nothing is fenced"));
    start(&fixture, 2, &put(None, "two")).expect("the name is free");
    assert_eq!(text(&fixture).as_deref(), Some("two"));
}

/// A step that runs a method directly on a type stores the definition with its start. If another
/// process has changed the definition since, that one stays, and the step starts nevertheless.
#[test]
fn step_stores_the_definition_that_it_runs_with() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    for (n, former, new, expect) in [
        (1, None, "one", "one"),
        (2, Some("one"), "two", "two"),
        (3, Some("one"), "three", "two"),
        (4, None, "four", "two"),
    ] {
        let entry = LogEntry {
            unsaved: Some(UnsavedStart {
                put: put(former, new),
                by: "ada".to_owned(),
            }),
            ..step_started("build/compile", n).into()
        };
        let author = Author::Process(&claim);
        let appended = fixture
            .store
            .run_append(author, 0, |_| Ok::<_, StoreError>(vec![entry]));
        assert_eq!(appended.expect("the claim counts").len(), n as usize + 1);
        assert_eq!(text(&fixture).as_deref(), Some(expect));
    }
}

#[test]
fn unreadable_model_is_a_finding() {
    let fixture = Fixture::new();
    start(&fixture, 1, &put(None, "one")).expect("there was none");
    let connection = Connection::open(fixture.folder().path_of("sedge.db")).expect("opened");
    let broken = connection.execute("UPDATE unsaved_models SET type = 'no type'", []);
    assert_eq!(broken.expect("it can be written"), 1);
    let report = fixture.store.check(false, |_| {}).expect("readable");
    let findings = format!("{:?}", report.findings);
    assert!(findings.contains("an unsaved model: "), "{findings}");
}
