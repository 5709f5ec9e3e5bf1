//! The effect of each operation without failures.

use std::os::unix::fs::PermissionsExt;

use sedge_secrets::{KeysRotated, SecretInfo, SecretValue, Secrets, Weakness, What};

use crate::fixture::{Fixture, ME, got, name, put};

/// Returns the metadata of each secret, all of which can be opened.
fn listed(secrets: &Secrets) -> Vec<SecretInfo> {
    let listed = secrets.list().expect("the folder can be read").into_iter();
    listed
        .map(|one| {
            one.opened.expect("it can be opened");
            one.info.expect("its file can be read")
        })
        .collect()
}

/// One secret that cannot be opened must not affect the others.
#[test]
fn damaged_secret_does_not_affect_others() {
    let fixture = Fixture::with_two();
    let secrets = fixture.secrets();
    std::fs::write(fixture.path("A.sealed"), "x").expect("writable");
    put(&secrets, "B", "a longer value").expect("put");
    put(&secrets, "C", "prod").expect("put");
    let shown: Vec<_> = secrets
        .list()
        .expect("the folder can be read")
        .into_iter()
        .map(|one| (one.name.to_string(), one.info.is_some(), one.opened.ok()))
        .collect();
    let expect = [
        ("A".to_owned(), false, None),
        ("B".to_owned(), true, Some(None)),
        ("C".to_owned(), true, Some(Some(Weakness::EverydayWord))),
    ];
    assert_eq!(shown, expect);
    for of in ["B", "A", "C"] {
        assert!(secrets.delete(&name(of), ME).expect("deleted"), "{of}");
    }
}

#[test]
fn secret_is_put_read_replaced_and_deleted() {
    let fixture = Fixture::new();
    let secrets = fixture.secrets();
    assert_eq!(got(&secrets, "A").expect("nothing there"), None);
    assert!(listed(&secrets).is_empty());
    assert_eq!(put(&secrets, "A", "value 1").expect("put"), 1);
    assert_eq!(put(&secrets, "A", "value 2").expect("put"), 2);
    assert_eq!(put(&secrets, "a.B-c", "other").expect("put"), 1);
    let again = fixture.secrets();
    assert_eq!(got(&again, "A").expect("read"), Some("value 2".to_owned()));
    assert_eq!(
        got(&again, "a.B-c").expect("read"),
        Some("other".to_owned())
    );
    assert!(again.delete(&name("A"), ME).expect("deleted"));
    assert!(!again.delete(&name("A"), ME).expect("nothing there"));
    assert_eq!(got(&secrets, "A").expect("nothing there"), None);
    let names: Vec<String> = secrets
        .names()
        .expect("listed")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["a.B-c"]);
}

#[test]
fn all_returns_values_and_an_error_for_a_damaged_one() {
    let fixture = Fixture::with_two();
    let secrets = fixture.secrets();
    let read = |secrets: &Secrets| -> Vec<(String, Option<Vec<u8>>)> {
        let all = secrets.all().expect("the key is there").into_iter();
        let value = |it: SecretValue| it.expose().to_vec();
        all.map(|(name, opened)| (name.to_string(), opened.ok().map(value)))
            .collect()
    };
    let all = read(&secrets);
    assert_eq!(all.len(), 2);
    for (it, value) in &all {
        let expect = secrets.get(&name(it)).expect("readable").expect("there");
        assert_eq!(value.as_deref(), Some(expect.expose()), "{it}");
    }
    std::fs::write(fixture.path(&format!("{}.sealed", all[0].0)), "x").expect("writable");
    let damaged = read(&secrets);
    assert_eq!(damaged[0], (all[0].0.clone(), None));
    assert_eq!(damaged[1], all[1]);
    assert_eq!(read(&Fixture::new().secrets()), []);
}

#[test]
fn list_has_the_metadata_of_each_secret() {
    let fixture = Fixture::with_two();
    let secrets = fixture.secrets();
    let before = listed(&secrets);
    put(&secrets, "A", "value 2").expect("put");
    secrets
        .note_use(&name("A"), "k3v9q2x8w1mz/1")
        .expect("noted");
    secrets
        .note_use(&name("A"), "k3v9q2x8w1mz/1/2")
        .expect("noted");
    let after = listed(&secrets);
    let (a, b) = (&after[0], &after[1]);
    assert_eq!(
        (a.version, a.created_at, a.by.as_str()),
        (2, before[0].created_at, ME)
    );
    assert!(a.updated_at >= a.created_at && a.sealed_at == a.updated_at);
    let (at, by) = a.last_use.clone().expect("it was used");
    assert!(at >= a.updated_at && by == "k3v9q2x8w1mz/1/2");
    assert_eq!(b, &before[1]);
    // A secret of the same name that is put later was not used yet.
    secrets.delete(&name("A"), ME).expect("deleted");
    wait_for_the_next_millisecond();
    put(&secrets, "A", "value 3").expect("put");
    assert_eq!(listed(&secrets)[0].last_use, None);
}

#[test]
fn rotation_keeps_values_and_discards_the_former_key() {
    let fixture = Fixture::with_two();
    let secrets = fixture.secrets();
    let before = listed(&secrets);
    let (key, file) = (fixture.path("key"), fixture.path("A.sealed"));
    let read = || {
        (
            std::fs::read(&key).expect("a key"),
            std::fs::read(&file).expect("a file"),
        )
    };
    let (former_key, former_file) = read();
    assert_eq!(secrets.rotate(ME).expect("rotated").n_secrets, 2);
    let (new_key, new_file) = read();
    assert!(former_key != new_key && former_file != new_file);
    assert_eq!(new_key.len(), former_key.len(), "there is one key again");
    for (of, value) in [("A", "value A"), ("B", "value B")] {
        assert_eq!(got(&secrets, of).expect("read"), Some(value.to_owned()));
    }
    for (before, after) in before.iter().zip(listed(&secrets)) {
        assert!(after.sealed_at >= before.sealed_at);
        assert_eq!(after.updated_at, before.updated_at);
        assert_eq!(after.version, before.version);
    }
    std::fs::write(&file, former_file).expect("ours");
    got(&secrets, "A").expect_err("the former key is gone");
    let rotated = Fixture::new().secrets().rotate(ME);
    assert_eq!(rotated.expect("nothing there"), KeysRotated::default());
}

#[test]
fn log_names_actor_and_operation() {
    let fixture = Fixture::with_two();
    let secrets = fixture.secrets();
    secrets.note_use(&name("B"), "call").expect("noted");
    secrets.rotate("rotator").expect("rotated");
    secrets.delete(&name("A"), "deleter").expect("deleted");
    let log = secrets.log().expect("read");
    let logged: Vec<_> = log
        .iter()
        .map(|it| {
            (
                it.what,
                it.name.as_ref().map(ToString::to_string),
                it.version,
                it.by.as_str(),
            )
        })
        .collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        logged,
        [
            (What::Put, some("A"), Some(1), ME),
            (What::Put, some("B"), Some(1), ME),
            (What::Rotate, None, None, "rotator"),
            (What::Delete, some("A"), None, "deleter"),
            (What::Use, some("B"), None, "call"),
        ]
    );
    assert!(log.iter().all(|it| it.at_ms > 0));
}

#[test]
fn files_are_private_and_contain_no_value() {
    let fixture = Fixture::with_two();
    let secrets = fixture.secrets();
    secrets.note_use(&name("A"), "call").expect("noted");
    secrets.rotate(ME).expect("rotated");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(fixture.path("")).expect("a folder") {
        let entry = entry.expect("a folder can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("turn.lock") {
            continue;
        }
        let mode = entry.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        let content = std::fs::read(entry.path()).expect("a file");
        assert!(!content.windows(5).any(|it| it == b"value"), "{name}");
        names.push(name);
    }
    names.sort();
    assert_eq!(
        names,
        ["A.sealed", "B.sealed", "changes.log", "key", "uses.log"]
    );
}

fn wait_for_the_next_millisecond() {
    let now = sedge_sys::clock::Timestamp::now();
    while sedge_sys::clock::Timestamp::now() == now {
        std::thread::yield_now();
    }
}
