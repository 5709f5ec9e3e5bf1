//! Creating and opening a datastore, or refusing a file and leaving it unchanged.

use std::sync::Barrier;

use rusqlite::Connection;
use sedge_model::run::RunKind;
use sedge_store::{RunFilter, Store};

use crate::fixture::{Fixture, Place, run_start};

const FILE: &str = "sedge.db";

/// More than the size of any file in these tests.
const BYTES_MAX: u64 = 1 << 20;

#[test]
fn datastore_is_created_once_and_then_opened() {
    let place = Place::new();
    let store = Store::create(&place.folder).expect("the folder is empty");
    let start = run_start(1, RunKind::Workflow, "deploy");
    store.run_start(&start, &[]).expect("the id is new");
    for again in [Store::create(&place.folder), Store::open(&place.folder)] {
        let run = again.expect("it is there").run_get(&start.id);
        assert_eq!(run.expect("it was made").subject, "deploy");
    }
}

#[test]
fn open_without_a_datastore_is_an_error() {
    let place = Place::new();
    let error = Store::open(&place.folder).expect_err("there is none");
    assert_eq!(place.text_of(&error), "there is no datastore in `FOLDER`");
    assert!(
        !place.folder.has(FILE).expect("looked for"),
        "opening makes no file"
    );
}

#[test]
fn foreign_file_is_refused_and_unchanged() {
    const FOREIGN: &str = "`FOLDER/sedge.db` is not a datastore of Sedge";
    check(|place| bytes(place, b"xyz"), FOREIGN);
    check(|place| bytes(place, &b"no database ".repeat(1000)), FOREIGN);
    check(|place| bytes(place, &[0; 4096]), FOREIGN);
    check(|place| sql(place, "CREATE TABLE t (x)"), FOREIGN);
    check(|place| sql(place, "PRAGMA application_id = 7"), FOREIGN);
}

#[test]
fn newer_schema_is_refused_and_unchanged() {
    check(
        |place| {
            Store::create(&place.folder).expect("the folder is empty");
            sql(place, "PRAGMA user_version = 9");
        },
        "the datastore has schema 9, this Sedge knows schema 8",
    );
}

/// A process that crashes between creating the file and creating the tables leaves an empty file.
#[test]
fn empty_file_of_a_crashed_process_is_completed() {
    for make in [Store::create, Store::open] {
        let place = Place::new();
        bytes(&place, b"");
        let store = make(&place.folder).expect("it is made whole");
        let runs = store.run_list(&RunFilter::default(), 1);
        assert_eq!(runs.expect("the tables are there"), []);
    }
}

/// A process that looked for the application id before another process created the tables, and for
/// tables afterwards, used to refuse the file as foreign. Now a process that finds tables reads the
/// id again.
#[test]
fn concurrent_creation_succeeds() {
    const N_THREADS: u64 = 8;
    const N_ROUNDS: u64 = 20;
    for _ in 0..N_ROUNDS {
        let place = Place::new();
        let start = Barrier::new(N_THREADS as usize);
        std::thread::scope(|scope| {
            for n in 0..N_THREADS {
                let (place, start) = (&place, &start);
                scope.spawn(move || {
                    start.wait();
                    let store = Store::create(&place.folder).expect("made by one, opened by all");
                    let run = run_start(n, RunKind::Workflow, "deploy");
                    store.run_start(&run, &[]).expect("the id is new");
                });
            }
        });
        let store = Store::open(&place.folder).expect("it was made");
        let runs = store.run_list(&RunFilter::default(), 100);
        assert_eq!(runs.expect("they can be read").len(), N_THREADS as usize);
    }
}

/// A process that found the file before its tables were created used to refuse it as foreign. Now
/// it waits for the lock, and looks again.
#[test]
fn open_waits_for_a_concurrent_creation() {
    for n in 0..20 {
        let place = Place::new();
        std::thread::scope(|scope| {
            scope.spawn(|| Store::create(&place.folder).expect("made by one, opened by all"));
            while !place.folder.has(FILE).expect("looked for") {
                std::hint::spin_loop();
            }
            let store = Store::open(&place.folder).expect("the file is there");
            let start = run_start(n, RunKind::Workflow, "deploy");
            store.run_start(&start, &[]).expect("so are its tables");
            store.run_get(&start.id).expect("it was made");
        });
    }
}

#[test]
fn written_run_is_visible_to_another_process() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let other = fixture.other_process();
    assert_eq!(other.run_get(&claim.run).expect("it was made").claim, 1);
}

/// Checks that the file that `prepare` writes is refused with this message, when it is created and
/// when it is opened.
#[track_caller]
fn check(prepare: impl Fn(&Place), expect: &str) {
    let place = Place::new();
    prepare(&place);
    let read = |place: &Place| place.folder.read(FILE, BYTES_MAX).expect("it can be read");
    let before = read(&place);
    let created = Store::create(&place.folder).expect_err("it is refused");
    assert_eq!(place.text_of(&created), expect, "when created");
    // Opening does not read the file; the first use does.
    let opened = Store::open(&place.folder).expect("the file is there");
    let start = run_start(1, RunKind::Workflow, "deploy");
    let read_error = opened.run_get(&start.id).expect_err("it is refused");
    assert_eq!(place.text_of(&read_error), expect, "when first read");
    let write_error = opened.run_start(&start, &[]).expect_err("it is refused");
    assert_eq!(place.text_of(&write_error), expect, "when first written");
    assert_eq!(read(&place), before, "the file stays as it was");
}

fn bytes(place: &Place, content: &[u8]) {
    place
        .folder
        .write(FILE, content)
        .expect("it can be written");
}

fn sql(place: &Place, text: &str) {
    let connection = Connection::open(place.folder.path_of(FILE)).expect("it can be opened");
    connection.execute_batch(text).expect("it is SQL");
}
