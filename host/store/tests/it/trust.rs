//! A datastore from a cloned repository: anything that Sedge does not make itself is refused before
//! it is executed, and no data is lost.
//!
//! The bug: a trigger in the database of an untrusted repository deleted all data as soon as a call
//! committed, and `datastore check` reported no fault.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rusqlite::Connection;
use sedge_store::{Store, StoreError};

use crate::fixture::{Fixture, Place, run_start, success};

const FILE: &str = "sedge.db";

/// The additions of a hostile schema, and how the error names them.
const ADDITIONS: [(&str, &str); 8] = [
    (
        "CREATE TRIGGER t AFTER INSERT ON run_events BEGIN DELETE FROM data_versions; END",
        "it has the trigger `t`",
    ),
    ("CREATE VIEW v AS SELECT 1", "it has the view `v`"),
    ("CREATE TABLE more (x)", "it has the table `more`"),
    ("CREATE INDEX i ON runs (session)", "it has the index `i`"),
    (
        "CREATE INDEX i ON runs (abs(started_at))",
        "it has the index `i`",
    ),
    (
        "ALTER TABLE data ADD COLUMN more TEXT AS (model || name)",
        "it has the table `data`",
    ),
    ("DROP INDEX runs_by_start", "is missing"),
    ("ANALYZE", "it has the table `sqlite_stat1`"),
];

fn sql(folder: &Path, text: &str) {
    let connection = Connection::open(folder.join(FILE)).expect("it can be opened");
    connection.execute_batch(text).expect("it is SQL");
}

fn n_versions(folder: &Path) -> u64 {
    let connection = Connection::open(folder.join(FILE)).expect("it can be opened");
    let count = connection.query_row("SELECT count(*) FROM data_versions", [], |row| row.get(0));
    count.expect("it is a number")
}

/// Creates a datastore with one version of data.
fn filled() -> Fixture {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let end = success(&call, "sink", &[("record", "1")]);
    fixture
        .store
        .call_commit(&claim, end, None)
        .wait()
        .expect("it counts");
    fixture
}

/// Checks that every operation is refused, and returns the error.
#[track_caller]
fn refused(fixture: &Fixture) -> String {
    let text = |error: StoreError| {
        assert!(
            matches!(error, StoreError::Untrusted { .. }),
            "another error: {error}"
        );
        error.to_string()
    };
    let store = match Store::open(fixture.folder()) {
        Ok(store) => store,
        Err(error) => return text(error),
    };
    let start = run_start(2, sedge_model::run::RunKind::Workflow, "deploy");
    let written = store.run_start(&start, &[]).map(drop);
    let errors = [
        written.expect_err("it was written"),
        store.check(false, |_| {}).expect_err("it was checked"),
        store.is_empty().expect_err("it was read"),
    ];
    let texts = errors.map(text);
    assert!(texts.iter().all(|it| *it == texts[0]), "{texts:?}");
    texts[0].clone()
}

#[test]
fn schema_that_sedge_does_not_make_is_refused() {
    for (statement, expect) in ADDITIONS {
        let fixture = filled();
        let folder = fixture.folder().path();
        sql(folder, statement);
        let words = refused(&fixture);
        assert!(words.contains(expect), "{statement}: {words}");
        assert_eq!(n_versions(folder), 1, "{statement}");
    }
}

/// Each process checks the schema once; a trigger that is added later must not run either.
#[test]
fn trigger_added_later_is_not_run() {
    let fixture = filled();
    assert!(!fixture.store.is_empty().expect("it is read"));
    let (trigger, _) = ADDITIONS[0];
    sql(fixture.folder().path(), trigger);
    fixture.run(2);
    assert_eq!(n_versions(fixture.folder().path()), 1);
    // The next read uses another connection than the one that was checked.
    let other = fixture.other_process();
    let error = other.is_empty().expect_err("it was read");
    assert!(matches!(error, StoreError::Untrusted { .. }), "{error}");
}

#[test]
fn older_schema_is_checked_before_its_migration() {
    let fixtures: [&[u8]; 4] = [
        include_bytes!("../fixtures/schema-2.db"),
        include_bytes!("../fixtures/schema-3.db"),
        include_bytes!("../fixtures/schema-5.db"),
        include_bytes!("../fixtures/schema-6.db"),
    ];
    for (content, version) in fixtures.into_iter().zip([2, 3, 5, 6]) {
        let place = Place::new();
        let folder = place.folder.path().to_owned();
        place.folder.write(FILE, content).expect("written");
        let (trigger, _) = ADDITIONS[0];
        sql(&folder, trigger);
        let store = Store::open(&place.folder).expect("it is there");
        let error = store.is_empty().expect_err("it was read");
        assert!(matches!(error, StoreError::Untrusted { .. }), "{error}");
        let connection = Connection::open(folder.join(FILE)).expect("it can be opened");
        let found: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .expect("it has one");
        assert_eq!(found, version, "it was migrated");
    }
}

/// A wrong version number must not bypass the check.
#[test]
fn wrong_schema_version_is_refused() {
    for version in [2, 3, 4, 5, 6, 7] {
        let fixture = filled();
        let folder = fixture.folder().path();
        sql(folder, &format!("PRAGMA user_version = {version}"));
        let words = refused(&fixture);
        assert!(words.contains("which Sedge does not create"), "{words}");
        assert_eq!(n_versions(folder), 1);
    }
}

#[test]
fn special_files_are_refused() {
    let pipe = |path: &Path| {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.expect("it is installed").success());
    };
    let socket = |path: &Path| drop(UnixListener::bind(path).expect("bound"));
    let folder = |path: &Path| std::fs::create_dir(path).expect("made");
    let makes: [&dyn Fn(&Path); 3] = [&pipe, &socket, &folder];
    let names = ["", "-wal", "-shm", "-journal"].map(|end| format!("{FILE}{end}"));
    let more = ["write.lock", "write.lock.next"].map(str::to_owned);
    for name in names.iter().chain(&more) {
        for make in makes {
            let fixture = closed();
            let path = fixture.folder().path().join(name);
            let kept = fixture.folder().path().join("kept");
            if path.symlink_metadata().is_ok() {
                std::fs::rename(&path, &kept).expect("moved");
            }
            make(&path);
            let words = refused(&fixture);
            assert!(
                words.contains("it is not a regular file"),
                "{name}: {words}"
            );
        }
    }
}

/// SQLite would write through a link to a file of an attacker's choice.
#[test]
fn links_are_refused_and_their_targets_unchanged() {
    for name in ["sedge.db", "sedge.db-wal", "sedge.db-shm", "write.lock"] {
        let fixture = closed();
        let (folder, victims) = (fixture.folder().path(), Place::new());
        let victim = victims.folder.path_of("victim");
        let path = folder.join(name);
        match std::fs::rename(&path, &victim) {
            Ok(()) => {}
            Err(_) => std::fs::write(&victim, "precious").expect("written"),
        }
        let before = std::fs::read(&victim).expect("readable");
        symlink(&victim, &path).expect("linked");
        let words = refused(&fixture);
        assert!(words.contains("a link"), "{name}: {words}");
        assert_eq!(std::fs::read(&victim).expect("readable"), before, "{name}");
    }
    for name in ["objects", "restore"] {
        let fixture = closed();
        let victims = Place::new();
        victims.folder.write("victim", b"x").expect("written");
        symlink(victims.folder.path(), fixture.folder().path().join(name)).expect("linked");
        let words = refused(&fixture);
        assert!(words.contains("it has to be a folder"), "{words}");
        assert!(victims.folder.path_of("victim").exists());
    }
}

/// When SQLite opens a database, it plays back its rollback journal, and then deletes the file that
/// the journal names as its super-journal.
#[test]
fn journal_that_names_another_file_is_refused() {
    let fixture = closed();
    let victims = Place::new();
    victims
        .folder
        .write("victim", b"precious")
        .expect("written");
    let database = std::fs::read(fixture.folder().path_of(FILE)).expect("readable");
    let victim = victims.folder.path_of("victim").display().to_string();
    let journal = journal_naming(&victim, database.len());
    std::fs::write(fixture.folder().path_of("sedge.db-journal"), journal).expect("written");
    let words = refused(&fixture);
    assert!(words.contains("it names another file"), "{words}");
    assert!(victims.folder.path_of("victim").exists(), "it was deleted");
}

/// Returns a rollback journal without pages that names a super-journal.
fn journal_naming(path: &str, n_database_bytes: usize) -> Vec<u8> {
    const MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    const PAGE_BYTES: u32 = 4096;
    const SECTOR_BYTES: u32 = 512;
    let number = |n: usize| u32::try_from(n).expect("it is small");
    let mut journal = MAGIC.to_vec();
    let n_pages = number(n_database_bytes) / PAGE_BYTES;
    for word in [0, 0, n_pages, SECTOR_BYTES, PAGE_BYTES] {
        journal.extend(word.to_be_bytes());
    }
    journal.resize(SECTOR_BYTES as usize, 0);
    journal.extend(((1 << 30) / PAGE_BYTES + 1).to_be_bytes());
    journal.extend(path.as_bytes());
    journal.extend(number(path.len()).to_be_bytes());
    let sum: u32 = path.bytes().map(u32::from).sum();
    journal.extend(sum.to_be_bytes());
    journal.extend(MAGIC);
    journal
}

/// Creates a datastore that no process has open, as in a clone.
fn closed() -> Fixture {
    let place = Place::new();
    let made = filled();
    sql(made.folder().path(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let content = std::fs::read(made.folder().path_of(FILE)).expect("readable");
    place.folder.write(FILE, &content).expect("written");
    // The fixture's store is another one, because this one must not be opened here.
    let elsewhere = Place::new();
    let store = Store::create(&elsewhere.folder).expect("the folder is empty");
    Fixture::of(place, store)
}
