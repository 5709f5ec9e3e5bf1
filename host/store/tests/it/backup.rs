//! Backups are checked when they are made, and again before a restore replaces anything.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sedge_model::run::{RunEvent, RunStatus};
use sedge_store::{Author, DataChosen, LogEntry, RestoreReport, StartedTask, Store, StoreError};
use sedge_sys::input::Input;
use sedge_sys::thread::Stop;
use serde_json::Value;

use crate::fixture::{
    Fixture, Place, ada, data_name, delete, model_name, permit, run_id, step_started, success,
};

const BACKUP: &str = "backup.tar";

/// A datastore with a resource and a large file, and a folder for backups.
struct Scene {
    fixture: Fixture,
    backups: Place,
}

impl Scene {
    fn new() -> Self {
        let fixture = Fixture::new();
        let set = fixture
            .store
            .lock_epoch_set(None, 1)
            .expect("it can be set");
        assert!(set, "it was empty");
        let claim = fixture.run(1);
        let call = fixture.call(&claim, &[1], "sink");
        let large = format!("\"{}\"", "x".repeat(100_000));
        let writes = [("record", "{\"n\":1}"), ("large", large.as_str())];
        let end = success(&call, "sink", &writes);
        let committed = fixture.store.call_commit(&claim, end, None).wait();
        committed.expect("it counts");
        let backups = Place::new();
        Self { fixture, backups }
    }

    fn path(&self) -> PathBuf {
        self.backups.folder.path_of(BACKUP)
    }

    fn back_up(&self, stop: &Stop) -> Result<(), StoreError> {
        let to = sedge_store::Medium::new(&self.backups.folder)?;
        let made = self.fixture.store.backup(&to, BACKUP, stop, |_, _| {});
        made.map(drop)
    }

    fn restore(&self, from: Input) -> Result<RestoreReport, StoreError> {
        let store = &self.fixture.store;
        store.restore(&permit(), from, &Stop::default(), |_, _| {})
    }

    /// Makes a backup, changes its database by `change`, and corrects the digests.
    fn tampered(&self, change: impl Fn(&Path)) {
        self.back_up(&Stop::default()).expect("it is sound");
        let mut entries = entries(&self.path());
        let database = self.backups.folder.path_of("tampered.db");
        std::fs::write(&database, &entries[1].1).expect("written");
        change(&database);
        entries[1].1 = std::fs::read(&database).expect("readable");
        let digest = sedge_model::digest::Digest::of(&entries[1].1);
        let mut manifest: Value = serde_json::from_slice(&entries[0].1).expect("JSON");
        manifest["databaseDigest"] = digest.to_string().into();
        entries[0].1 = serde_json::to_vec(&manifest).expect("JSON");
        let file = std::fs::File::create(self.path()).expect("made");
        let mut archive = tar::Builder::new(file);
        for (path, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            let added = archive.append_data(&mut header, path, &*content);
            added.expect("written");
        }
        archive.finish().expect("written");
    }

    /// Returns a line for each version of the datastore.
    fn state(&self) -> Vec<String> {
        let store = &self.fixture.store;
        let all = store.data_select(&sedge_lang::query::Selection::default());
        let all = all.expect("readable");
        all.iter()
            .map(|it| format!("{} {} {}", it.model, it.name, it.version))
            .collect()
    }
}

fn entries(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let file = std::fs::File::open(path).expect("it was made");
    let mut archive = tar::Archive::new(file);
    let entries = archive.entries().expect("an archive");
    entries
        .map(|entry| {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("readable");
            (path, content)
        })
        .collect()
}

fn sql(path: &Path, text: &str) {
    let connection = Connection::open(path).expect("it can be opened");
    connection.execute_batch(text).expect("it is SQL");
}

/// Changes a database, and leaves it as a single file.
fn changed(path: &Path, text: &str) {
    sql(path, &format!("PRAGMA journal_mode = DELETE; {text}"));
}

/// A disk can return other bytes than were written. A backup is read back before it counts.
#[test]
fn backup_that_does_not_read_back_is_refused() {
    let scene = Scene::new();
    let to = sedge_store::Medium::new(&scene.backups.folder).expect("a descriptor is left");
    // The archive has a temporary name. Its database begins after the manifest, which has one
    // block of 512 bytes besides its header.
    let spoil = || {
        for entry in std::fs::read_dir(scene.backups.folder.path()).expect("readable") {
            let path = entry.expect("readable").path();
            let name = path.to_string_lossy().into_owned();
            if name.ends_with(".tmp") && !name.ends_with(".db.tmp") {
                let file = std::fs::OpenOptions::new().write(true).open(&path);
                let file = file.expect("it is ours");
                if file.metadata().expect("it is there").len() > 8192 {
                    file.write_all_at(b"spoiled", 4096).expect("written");
                }
            }
        }
    };
    let made = scene
        .fixture
        .store
        .backup(&to, BACKUP, &Stop::default(), |_, _| spoil());
    let error = made.expect_err("it does not read back");
    assert!(matches!(error, StoreError::BadCopy { .. }), "{error}");
    let left: Vec<_> = std::fs::read_dir(scene.backups.folder.path())
        .expect("readable")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn backup_is_restored_from_file_link_and_pipe() {
    let scene = Scene::new();
    scene.back_up(&Stop::default()).expect("it is sound");
    let before = scene.state();
    let link = scene.backups.folder.path_of("link");
    // One link leads out of its folder.
    std::os::unix::fs::symlink(scene.path(), &link).expect("linked");
    let elsewhere = Place::new();
    let far = elsewhere.folder.path_of("far");
    std::os::unix::fs::symlink(&link, &far).expect("linked");
    let pipe = elsewhere.folder.path_of("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("it is installed").success());
    for path in [&scene.path(), &link, &far, &pipe] {
        delete(&scene.fixture.store, "sink", DataChosen::All);
        assert_ne!(scene.state(), before);
        let report = std::thread::scope(|scope| {
            if *path == pipe {
                let archive = std::fs::read(scene.path()).expect("readable");
                let pipe = &pipe;
                scope.spawn(move || std::fs::write(pipe, archive).expect("it is read"));
            }
            scene.restore(Input::named(path).expect("it is there"))
        });
        let report = report.expect("it is sound");
        assert_eq!(
            (report.n_versions, report.n_runs, report.n_files),
            (2, 1, 1)
        );
        assert_eq!(scene.state(), before, "{}", path.display());
    }
}

/// Whatever is wrong with a backup, the datastore stays unchanged.
#[test]
fn invalid_backup_is_refused_and_changes_nothing() {
    let trigger =
        "CREATE TRIGGER t AFTER INSERT ON run_events BEGIN DELETE FROM data_versions; END";
    let changes = [
        (trigger, "it has the trigger `t`"),
        ("CREATE VIEW v AS SELECT 1", "it has the view `v`"),
        ("PRAGMA application_id = 7", "is not one of Sedge"),
        ("UPDATE data SET latest = 7", "is not the newest one"),
        ("DELETE FROM contents", "its content is missing"),
        (
            "UPDATE contents SET bytes = zeroblob(length(bytes))",
            "its content is damaged",
        ),
        (
            "UPDATE data_versions SET digest = zeroblob(32) WHERE content IS NULL",
            "is missing",
        ),
        ("UPDATE data_versions SET size = size + 1", "content"),
        ("UPDATE run_events SET event = '{}'", "an event: "),
        ("UPDATE run_events SET seq = 9", "has a gap"),
        (
            "UPDATE data_versions SET tags = 'nonsense'",
            "cannot be read",
        ),
        (
            "PRAGMA foreign_keys = OFF; UPDATE runs SET id = 'no id'",
            "refers to a row of `runs`",
        ),
    ];
    for (change, expect) in changes {
        let scene = Scene::new();
        scene.tampered(|path| changed(path, change));
        refused(&scene, change, expect);
    }
    let scene = Scene::new();
    scene.tampered(|path| {
        let mut content = std::fs::read(path).expect("readable");
        content[3 * 4096..5 * 4096].fill(0xff);
        std::fs::write(path, content).expect("written");
    });
    refused(&scene, "two pages that are damaged", "");
}

#[track_caller]
fn refused(scene: &Scene, change: &str, expect: &str) {
    let before = scene.state();
    let from = Input::named(&scene.path()).expect("it is there");
    let error = scene.restore(from).expect_err(change);
    assert!(
        matches!(error, StoreError::BadBackup { .. }),
        "{change}: {error:?}"
    );
    assert!(error.to_string().contains(expect), "{change}: {error}");
    assert_eq!(scene.state(), before, "{change}");
    let report = scene.fixture.store.check(true, |_| {}).expect("readable");
    let faults: Vec<_> = report.findings.iter().filter(|it| it.is_fault).collect();
    assert!(faults.is_empty(), "{change}: {faults:?}");
    let left = std::fs::read_dir(scene.fixture.folder().path_of("restore"));
    assert_eq!(left.expect("it was made").count(), 0, "{change}");
}

/// An archive may claim any size for a file that has a few bytes.
#[test]
fn backup_with_special_entries_is_refused() {
    let kinds = [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Directory,
        tar::EntryType::Fifo,
        tar::EntryType::GNUSparse,
        tar::EntryType::GNULongName,
        tar::EntryType::XHeader,
    ];
    for kind in kinds {
        let scene = Scene::new();
        scene.back_up(&Stop::default()).expect("it is sound");
        let content = entries(&scene.path());
        let file = std::fs::File::create(scene.path()).expect("made");
        let mut archive = tar::Builder::new(file);
        for (path, content) in content {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_cksum();
            let added = archive.append_data(&mut header, path, &*content);
            added.expect("written");
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_path("more").expect("it is short");
        header.set_size(0);
        header.set_cksum();
        archive.append(&header, &b""[..]).expect("written");
        archive.finish().expect("written");
        drop(archive);
        refused(&scene, &format!("{kind:?}"), "is not a regular file");
    }
}

#[test]
fn next_restore_removes_files_of_a_killed_one() {
    let scene = Scene::new();
    scene.back_up(&Stop::default()).expect("it is sound");
    let folder = scene.fixture.folder();
    let left = ["objects/new/0123456789abcdef", "restore/former.db"];
    folder.create_folder("restore").expect("made");
    for name in left {
        std::fs::write(folder.path_of(name), "left").expect("written");
    }
    let from = Input::named(&scene.path()).expect("it is there");
    scene.restore(from).expect("it is sound");
    for name in left {
        assert!(!folder.path_of(name).exists(), "{name}");
    }
}

/// A damaged datastore must not produce a backup that cannot be restored.
#[test]
fn backup_of_a_damaged_datastore_is_refused() {
    for (damage, expect) in [
        ("UPDATE data SET latest = 7", "is not the newest"),
        ("CREATE VIEW v AS SELECT 1", "it has the view `v`"),
    ] {
        let scene = Scene::new();
        // The open connection was checked before.
        assert!(!scene.fixture.store.is_empty().expect("readable"));
        sql(&scene.fixture.folder().path_of("sedge.db"), damage);
        let error = scene.back_up(&Stop::default()).expect_err("it is damaged");
        assert!(error.to_string().contains(expect), "{error}");
        assert_eq!(n_files(&scene), 0);
    }
}

#[test]
fn stopped_backup_leaves_no_file() {
    let scene = Scene::new();
    let to = sedge_store::Medium::new(&scene.backups.folder).expect("a descriptor is left");
    let store = &scene.fixture.store;
    // It is stopped at each of its steps.
    let mut n_steps = 0;
    store
        .backup(&to, BACKUP, &Stop::default(), |_, _| n_steps += 1)
        .expect("it is sound");
    std::fs::remove_file(scene.path()).expect("it was made");
    for at in 0..n_steps {
        let stop = Stop::default();
        let mut nth = 0;
        let made = store.backup(&to, BACKUP, &stop, |_, _| {
            if nth == at {
                stop.request();
            }
            nth += 1;
        });
        let error = made.expect_err("it was stopped");
        assert!(matches!(error, StoreError::Stopped), "{at}: {error:?}");
        assert_eq!(n_files(&scene), 0, "{at}");
    }
}

#[test]
fn stopped_restore_changes_nothing() {
    let scene = Scene::new();
    scene.back_up(&Stop::default()).expect("it is sound");
    delete(
        &scene.fixture.store,
        "sink",
        DataChosen::Name(data_name("record")),
    );
    let before = scene.state();
    let store: &Store = &scene.fixture.store;
    let stop = Stop::default();
    let from = Input::named(&scene.path()).expect("it is there");
    let restored = store.restore(&permit(), from, &stop, |_, _| stop.request());
    let error = restored.expect_err("it was stopped");
    assert!(matches!(error, StoreError::Stopped), "{error:?}");
    assert_eq!(scene.state(), before);
    let versions = store.data_versions(&model_name("sink"), &data_name("large"));
    assert_eq!(versions.expect("readable").len(), 1);
}

fn n_files(scene: &Scene) -> usize {
    let files = std::fs::read_dir(scene.backups.folder.path());
    files.expect("it is there").count()
}

/// The file of a large task is restored, although no data refers to it.
#[test]
fn tasks_of_steps_are_restored() {
    let scene = Scene::new();
    let store = &scene.fixture.store;
    let run = run_id(1);
    let task = StartedTask::Workflow {
        workflow: "nested".to_owned(),
        inputs: "t".repeat(200_000).into(),
        environment: BTreeSet::new(),
    };
    let entry = LogEntry {
        task: Some(task.clone()),
        ..step_started("build/compile", 2).into()
    };
    let append = |entry| {
        let author = Author::Person(&run);
        let appended = store.run_append(author, 0, |_| Ok::<_, StoreError>(vec![entry]));
        appended.expect("the run exists");
    };
    append(entry);
    scene.back_up(&Stop::default()).expect("it is sound");
    assert_eq!(entries(&scene.path()).len(), 4);
    let ended = RunEvent::Ended {
        status: RunStatus::Cancelled,
        error: None,
    };
    append(ended.into());
    let deleted = store.runs_delete(&permit(), std::slice::from_ref(&run), &ada());
    assert_eq!(deleted.expect("it has ended"), 1);
    assert_eq!(store.status().expect("readable").n_files, 1);
    let from = Input::named(&scene.path()).expect("it is there");
    let report = scene.restore(from).expect("it is sound");
    assert_eq!(report.n_files, 2);
    assert_eq!(store.step_task(&run, 2).expect("readable"), Some(task));
}
