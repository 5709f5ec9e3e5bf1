//! Restoring versions: their content, their origin, and what is left alone.

use sedge_model::call::StagedContent;
use sedge_model::lifetime::Lifetime;
use sedge_store::{
    Change, DataChosen, DataRecord, DataRestore, DataRestoreEnd, INLINE_BYTES_MAX, RestoredFrom,
    StoreError, WritePermit,
};

use crate::fixture::{Fixture, data_name, delete, file_write, model_name, permit, success, write};

/// Commits a call that makes each of these changes, one call for each.
fn committed(fixture: &Fixture, changes: Vec<Change>) {
    let claim = fixture.run(1);
    for (n, change) in (1..).zip(changes) {
        let call = fixture.call(&claim, &[n], "sink");
        let mut end = success(&call, "sink", &[]);
        end.changes = vec![change];
        end.origin.environment = ["A", "REGION"].map(|it| it.parse().expect("a name")).into();
        fixture
            .store
            .call_commit(&claim, end, None)
            .wait()
            .expect("committed");
    }
}

fn request(name: &str, version: u64) -> DataRestore {
    DataRestore {
        model: model_name("sink"),
        name: data_name(name),
        from: RestoredFrom {
            version,
            by: "ada".to_owned(),
        },
        type_name: None,
    }
}

fn restore(fixture: &Fixture, name: &str, version: u64) -> DataRestoreEnd {
    let restored = fixture
        .store
        .data_restore(&permit(), &request(name, version));
    restored.expect("nothing is fenced")
}

#[track_caller]
fn version(fixture: &Fixture, name: &str, version: u64) -> (DataRecord, Vec<u8>) {
    let opened = fixture
        .store
        .data_open(&model_name("sink"), &data_name(name), Some(version));
    let (record, content) = opened.expect("readable").expect("it was written");
    (record, content.read_all().expect("it is undamaged"))
}

#[track_caller]
fn assert_sound(fixture: &Fixture) {
    let check = fixture.store.check(true, |_| {}).expect("readable");
    assert_eq!(check.findings, []);
}

#[test]
fn restored_version_has_the_content_tags_and_writer_of_the_earlier_one() {
    let large = "x".repeat(INLINE_BYTES_MAX + 1);
    for content in ["one", large.as_str()] {
        let fixture = Fixture::new();
        let staged = |text: &str| StagedContent::Bytes(text.as_bytes().to_vec());
        committed(
            &fixture,
            vec![
                file_write("f", staged(content)),
                file_write("f", staged("two")),
            ],
        );
        assert_eq!(restore(&fixture, "f", 1), DataRestoreEnd::Written(3));
        let (first, _) = version(&fixture, "f", 1);
        let (restored, bytes) = version(&fixture, "f", 3);
        assert_eq!(bytes, content.as_bytes());
        assert!(restored.is_latest);
        assert_eq!(restored.tags, first.tags);
        assert_eq!(restored.media_type, first.media_type);
        assert_eq!((&restored.by, &restored.step), (&first.by, &first.step));
        assert_eq!(first.origin.environment.len(), 2);
        assert_eq!(restored.origin, first.origin);
        assert_eq!(first.restored, None);
        let from = restored.restored.expect("a user restored it");
        assert_eq!((from.version, from.by.as_str()), (1, "ada"));
        assert_sound(&fixture);
        // Each version can be deleted without the other.
        delete(
            &fixture.store,
            "sink",
            DataChosen::Version(data_name("f"), 1),
        );
        assert_eq!(version(&fixture, "f", 3).1, content.as_bytes());
        assert_sound(&fixture);
    }
}

#[test]
fn latest_version_is_not_written_again() {
    let fixture = Fixture::new();
    committed(&fixture, vec![write("r", "1"), write("r", "2")]);
    assert_eq!(restore(&fixture, "r", 2), DataRestoreEnd::IsLatest);
    assert_eq!(restore(&fixture, "r", 3), DataRestoreEnd::Missing);
    assert_eq!(restore(&fixture, "s", 1), DataRestoreEnd::Missing);
    assert_eq!(fixture.versions("sink", "r"), [1, 2]);
}

#[test]
fn number_of_a_deleted_version_is_not_used_again() {
    let fixture = Fixture::new();
    committed(
        &fixture,
        vec![write("r", "1"), write("r", "2"), write("r", "3")],
    );
    let deleted = DataChosen::Version(data_name("r"), 3);
    delete(&fixture.store, "sink", deleted);
    assert_eq!(restore(&fixture, "r", 1), DataRestoreEnd::Written(4));
    assert_eq!(fixture.versions("sink", "r"), [1, 2, 4]);
    // A version that is restored from a restored one comes from that one.
    assert_eq!(restore(&fixture, "r", 2), DataRestoreEnd::Written(5));
    assert_eq!(restore(&fixture, "r", 4), DataRestoreEnd::Written(6));
    let (restored, content) = version(&fixture, "r", 6);
    assert_eq!(content, b"1");
    assert_eq!(restored.restored.map(|from| from.version), Some(4));
    assert_sound(&fixture);
}

/// The call that a lifetime is bound to has ended, so a collection would delete the version.
#[test]
fn lifetime_of_a_call_becomes_infinite() {
    for (lifetime, expect) in [
        (Lifetime::Ephemeral, Lifetime::Infinite),
        (Lifetime::Job, Lifetime::Infinite),
        (Lifetime::Workflow, Lifetime::Infinite),
        (Lifetime::Infinite, Lifetime::Infinite),
        (
            "7d".parse().expect("a lifetime"),
            "7d".parse().expect("a lifetime"),
        ),
    ] {
        let fixture = Fixture::new();
        let first = Change {
            lifetime,
            ..write("r", "1")
        };
        committed(&fixture, vec![first, write("r", "2")]);
        restore(&fixture, "r", 1);
        assert_eq!(version(&fixture, "r", 3).0.lifetime, expect, "{lifetime}");
    }
}

#[test]
fn model_of_another_type_and_lost_lock_are_refused() {
    let fixture = Fixture::new();
    committed(&fixture, vec![write("r", "1"), write("r", "2")]);
    let other = DataRestore {
        type_name: Some("@test/other".parse().expect("a type's name")),
        ..request("r", 1)
    };
    let refused = fixture.store.data_restore(&permit(), &other);
    let error = refused.expect_err("another type is the owner");
    assert!(matches!(error, StoreError::NotOwner { .. }), "{error}");
    let set = fixture.store.lock_epoch_set(None, 1);
    assert!(set.expect("it can be set"), "no other process set it");
    let lost = WritePermit {
        lock_epoch: 2,
        ..permit()
    };
    let refused = fixture.store.data_restore(&lost, &request("r", 1));
    let error = refused.expect_err("the lock is in another table");
    assert!(matches!(error, StoreError::LockLost(_)), "{error}");
    assert_eq!(fixture.versions("sink", "r"), [1, 2]);
    let own = DataRestore {
        type_name: Some("@test/sink".parse().expect("a type's name")),
        ..request("r", 1)
    };
    let restored = fixture.store.data_restore(&permit(), &own);
    assert_eq!(
        restored.expect("it is the owner"),
        DataRestoreEnd::Written(3)
    );
}
