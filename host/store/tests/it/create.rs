//! Making and opening: a datastore, or a refusal that leaves the file as it was.

use std::sync::Barrier;

use rusqlite::Connection;
use sedge_model::run::RunKind;
use sedge_store::{RunFilter, Store};

use crate::fixture::{Fixture, Place, run_start};

const FILE: &str = "sedge.db";

/// More than any file of these tests has.
const BYTES_MAX: u64 = 1 << 20;

#[test]
fn a_datastore_is_made_once_and_opened_ever_after() {
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
fn a_folder_without_a_datastore_has_none_to_open() {
    let place = Place::new();
    let error = Store::open(&place.folder).expect_err("there is none");
    assert_eq!(place.words(&error), "there is no datastore in `FOLDER`");
    assert!(
        !place.folder.has(FILE).expect("looked for"),
        "opening makes no file"
    );
}

#[test]
fn a_file_of_another_kind_is_refused_and_stays_as_it_was() {
    const FOREIGN: &str = "`FOLDER/sedge.db` is not a datastore of Sedge";
    check(|place| bytes(place, b"xyz"), FOREIGN);
    check(|place| bytes(place, &b"no database ".repeat(1000)), FOREIGN);
    check(|place| bytes(place, &[0; 4096]), FOREIGN);
    check(|place| sql(place, "CREATE TABLE t (x)"), FOREIGN);
    check(|place| sql(place, "PRAGMA application_id = 7"), FOREIGN);
}

#[test]
fn a_datastore_of_another_version_is_refused_and_stays_as_it_was() {
    check(
        |place| {
            Store::create(&place.folder).expect("the folder is empty");
            sql(place, "PRAGMA user_version = 5");
        },
        "the datastore has schema 5, this Sedge knows schema 4",
    );
}

/// A process that dies between making the file and making the tables leaves an empty one.
#[test]
fn what_a_dead_process_left_is_made_whole() {
    for make in [Store::create, Store::open] {
        let place = Place::new();
        bytes(&place, b"");
        let store = make(&place.folder).expect("it is made whole");
        let runs = store.run_list(&RunFilter::default(), 1);
        assert_eq!(runs.expect("the tables are there"), []);
    }
}

/// Who looked for the mark of a datastore before its tables were made, and at its tables
/// after that, was told that it is none of Sedge's: a process failed that came at a bad
/// moment. Now who finds tables looks for the mark once more.
#[test]
fn many_may_make_it_at_once() {
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

/// Who found the file between its making and that of its tables was told that it is no
/// datastore of Sedge. Now they wait for their turn, and look again.
#[test]
fn who_comes_while_it_is_made_waits() {
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
fn what_is_written_survives_its_handle() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let other = fixture.other_process();
    assert_eq!(other.run_get(&claim.run).expect("it was made").claim, 1);
}

/// Both ways to a datastore must refuse what `prepare` makes, with these words.
#[track_caller]
fn check(prepare: impl Fn(&Place), expect: &str) {
    let place = Place::new();
    prepare(&place);
    let read = |place: &Place| place.folder.read(FILE, BYTES_MAX).expect("it can be read");
    let before = read(&place);
    let created = Store::create(&place.folder).expect_err("it is refused");
    assert_eq!(place.words(&created), expect, "when created");
    // Opening is cheap: the file is looked into when it is first used.
    let opened = Store::open(&place.folder).expect("the file is there");
    let start = run_start(1, RunKind::Workflow, "deploy");
    let read_error = opened.run_get(&start.id).expect_err("it is refused");
    assert_eq!(place.words(&read_error), expect, "when first read");
    let write_error = opened.run_start(&start, &[]).expect_err("it is refused");
    assert_eq!(place.words(&write_error), expect, "when first written");
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
