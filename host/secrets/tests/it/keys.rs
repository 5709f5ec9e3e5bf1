//! A key that is missing, readable by others, damaged or replaced, and damaged secrets.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use sedge_secrets::{FieldPlace, FieldSealError, KeysRotated, Secrets, SecretsError};

use crate::fixture::{Fixture, ME, got, name, put};

/// Checks which operations fail, and how, while the key cannot be used.
fn check(secrets: &Secrets, expect: fn(&SecretsError) -> bool) {
    let failed = [
        got(secrets, "A").map(drop),
        put(secrets, "A", "value 2").map(drop),
        put(secrets, "C", "value C").map(drop),
        secrets.rotate(ME).map(drop),
    ];
    for result in failed {
        let error = result.expect_err("there is no key");
        assert!(expect(&error), "{error}");
    }
    let listed = secrets.list().expect("the folder can be read");
    assert_eq!(listed.len(), 2);
    for one in listed {
        assert!(
            one.info.is_some(),
            "what is known without the key is listed"
        );
        assert!(expect(&one.opened.expect_err("there is no key")));
    }
    for (name, opened) in secrets.all().expect("the folder can be read") {
        assert!(expect(&opened.expect_err("there is no key")), "{name}");
    }
}

#[test]
fn missing_key_prevents_get_and_put() {
    let fixture = Fixture::with_two();
    let secrets = fixture.secrets();
    let (key, away) = (fixture.path("key"), fixture.path("away"));
    fs::rename(&key, &away).expect("ours");
    check(&secrets, |error| {
        matches!(error, SecretsError::KeyMissing(_))
    });
    fs::rename(&away, &key).expect("ours");
    assert_eq!(
        got(&secrets, "A").expect("read"),
        Some("value A".to_owned())
    );
    // Once the last secret of the former key is deleted, a put creates a new key.
    fs::remove_file(&key).expect("ours");
    for of in ["A", "B"] {
        assert!(secrets.delete(&name(of), ME).expect("it needs no key"));
    }
    put(&secrets, "A", "value 2").expect("put");
    assert_eq!(
        got(&secrets, "A").expect("read"),
        Some("value 2".to_owned())
    );
}

#[test]
fn key_readable_by_others_is_refused() {
    let fixture = Fixture::with_two();
    let secrets = fixture.secrets();
    let set = |mode| {
        fs::set_permissions(fixture.path("key"), Permissions::from_mode(mode)).expect("ours");
    };
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610] {
        set(mode);
        check(&secrets, |error| matches!(error, SecretsError::KeyOpen(_)));
    }
    set(0o400);
    assert_eq!(
        got(&secrets, "A").expect("read"),
        Some("value A".to_owned())
    );
}

#[test]
fn damaged_key_is_refused() {
    let fixture = Fixture::with_two();
    let secrets = fixture.secrets();
    fs::write(fixture.path("key"), "sedge-secrets-key 1\nabc\n").expect("ours");
    check(&secrets, |error| {
        matches!(error, SecretsError::KeyDamaged(_))
    });
    fs::write(fixture.path("key"), "sedge-secrets-key 2\n").expect("ours");
    check(&secrets, |error| matches!(error, SecretsError::Newer(_)));
}

#[test]
fn other_key_opens_no_secret() {
    let (fixture, other) = (Fixture::with_two(), Fixture::with_two());
    fs::copy(other.path("key"), fixture.path("key")).expect("ours");
    let secrets = fixture.secrets();
    for result in [got(&secrets, "A").map(drop), secrets.rotate(ME).map(drop)] {
        let error = result.expect_err("it is another key");
        let is_named =
            matches!(&error, SecretsError::KeyOther { name, .. } if name.as_str() == "A");
        assert!(is_named, "{error}");
    }
    // The right key still opens its secrets after the failed rotation.
    assert_eq!(
        got(&other.secrets(), "A").expect("read"),
        Some("value A".to_owned())
    );
}

#[test]
fn damaged_secret_is_named_and_can_be_deleted() {
    let fixture = Fixture::with_two();
    let secrets = fixture.secrets();
    let whole = fs::read(fixture.path("A.sealed")).expect("a file");
    let other = fs::read(fixture.path("B.sealed")).expect("a file");
    let is_named = |result: Result<(), SecretsError>| {
        let error = result.expect_err("it is damaged");
        matches!(&error, SecretsError::Damaged { name, .. } if name.as_str() == "A")
    };
    for (content, is_readable) in [
        (&whole[..whole.len() - 1], true),
        (&other, false),
        (b"", false),
    ] {
        fs::write(fixture.path("A.sealed"), content).expect("ours");
        assert!(is_named(got(&secrets, "A").map(drop)));
        assert!(is_named(secrets.rotate(ME).map(drop)));
        let listed = secrets.list().expect("the folder can be read");
        assert_eq!(listed[0].info.is_some(), is_readable);
        assert!(is_named(
            listed
                .into_iter()
                .next()
                .expect("it is listed")
                .opened
                .map(drop)
        ));
        assert_eq!(put(&secrets, "A", "value 2").is_ok(), is_readable);
        assert_eq!(
            got(&secrets, "B").expect("whole"),
            Some("value B".to_owned())
        );
    }
    assert!(secrets.delete(&name("A"), ME).expect("deleted"));
    assert_eq!(secrets.rotate(ME).expect("rotated").n_secrets, 1);
    assert_eq!(
        got(&secrets, "B").expect("whole"),
        Some("value B".to_owned())
    );
}

/// Versions of data never change, so their fields stay sealed with the key of their time.
#[test]
fn rotation_keeps_the_former_keys_of_sealed_fields() {
    let fixture = Fixture::new();
    let secrets = fixture.secrets();
    assert!(secrets.field_keys().expect("read").is_none());
    let place = FieldPlace {
        model: "vault",
        spec: "login",
        pointer: "/password",
        call: "k3v9q2x8w1mz/1",
    };
    let of = "prod".parse().expect("a name");
    let seal = || {
        let keys = secrets.field_keys_or_fresh().expect("a key");
        keys.seal(&place, &of, b"\"canary\"")
    };
    let (first, again) = (seal(), seal());
    assert_eq!(first.key, again.key);
    let rotated = KeysRotated {
        n_secrets: 0,
        has_fields: true,
    };
    assert_eq!(secrets.rotate(ME).expect("rotated"), rotated);
    let second = seal();
    assert_ne!(first.key, second.key);
    let keys = secrets.field_keys().expect("read").expect("two keys");
    for sealed in [&first, &second] {
        let opened = keys.open(&place, sealed).expect("its key is there");
        assert_eq!(&**opened.json, b"\"canary\"");
    }
    let path = fixture.path("fields.key");
    let mode = fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::remove_file(&path).expect("ours");
    let third = seal();
    let keys = secrets.field_keys().expect("read").expect("a new key");
    let opened = keys.open(&place, &first).map(drop);
    assert_eq!(
        opened.expect_err("its key is gone"),
        FieldSealError::KeyOther
    );
    keys.open(&place, &third).expect("its key is there");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("ours");
    let error = secrets
        .field_keys()
        .map(drop)
        .expect_err("it is open to all");
    assert!(matches!(error, SecretsError::KeyOpen(_)), "{error}");
    secrets.key_check().expect_err("it is open to all");
    secrets.key_close().expect("it can be closed");
    secrets.key_check().expect("it is closed");
}
