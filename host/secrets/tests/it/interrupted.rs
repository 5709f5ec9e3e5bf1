//! Each operation, interrupted at each of its steps by an error, by a kill, or by a power loss.
//!
//! In every case a secret has its former or its new value, all other secrets keep their values, and
//! the next operation works.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use sedge_secrets::{Secrets, SecretsError, What};

use crate::disk::{FailingDisk, Failure};
use crate::fixture::{Fixture, ME, got, name, put};

/// More than the number of steps of any operation.
const STEPS_MAX: u64 = 1000;

/// An operation on a folder with the secrets `A` and `B`.
struct Operation {
    what: What,
    run: fn(&Secrets) -> Result<(), SecretsError>,
    /// The possible values of `A` after a failure; the last one is its value after success.
    a: &'static [Option<&'static str>],
}

const OPERATIONS: &[Operation] = &[
    Operation {
        what: What::Put,
        run: |secrets| put(secrets, "A", "value 2").map(drop),
        a: &[Some("value A"), Some("value 2")],
    },
    Operation {
        what: What::Delete,
        run: |secrets| secrets.delete(&name("A"), "interrupted").map(drop),
        a: &[Some("value A"), None],
    },
    Operation {
        what: What::Rotate,
        run: |secrets| secrets.rotate("interrupted").map(drop),
        a: &[Some("value A")],
    },
    Operation {
        what: What::Rotate,
        run: |secrets| {
            // The key of the fields may have been created before the interruption.
            secrets.field_keys_or_fresh()?;
            secrets.rotate("interrupted").map(drop)
        },
        a: &[Some("value A")],
    },
    Operation {
        what: What::Use,
        run: |secrets| secrets.note_use(&name("A"), "interrupted"),
        a: &[Some("value A")],
    },
];

fn each_step(failure: Failure, check: fn(&Operation, &Fixture, &FailingDisk, bool)) {
    for operation in OPERATIONS {
        for step in 0..STEPS_MAX {
            let fixture = Fixture::with_two();
            let disk = Arc::new(FailingDisk::new(fixture.folder(), failure, step));
            let between = Secrets::between(&fixture.folder(), Arc::clone(&disk) as _);
            let ended = (operation.run)(&between.expect("a folder of ours"));
            println!("{:?} {step}: {ended:?}", operation.what);
            check(operation, &fixture, &disk, ended.is_ok());
            if !disk.has_failed() {
                assert!(step >= 3, "it has steps");
                ended.expect("nothing failed");
                break;
            }
        }
    }
}

/// Checks the folder after an operation that succeeded or was interrupted.
fn check_state(operation: &Operation, secrets: &Secrets, is_done: bool) {
    let a = got(secrets, "A").expect("it can be read");
    let a = a.as_deref();
    let expect = if is_done {
        &operation.a[operation.a.len() - 1..]
    } else {
        operation.a
    };
    assert!(expect.contains(&a), "{a:?}");
    let b = || got(secrets, "B").expect("it can be read");
    assert_eq!(b().as_deref(), Some("value B"));
    let n_secrets = secrets.list().expect("listed").len();
    assert_eq!(n_secrets, 1 + usize::from(a.is_some()));
    // Every change that took effect must be in the log.
    let log = secrets.log().expect("read");
    if operation.what == What::Delete && a.is_none() {
        assert!(log.iter().any(|it| it.what == What::Delete));
    }
    if operation.what == What::Put && a == Some("value 2") {
        assert!(
            log.iter()
                .any(|it| it.what == What::Put && it.version == Some(2))
        );
    }
    // The next operations must succeed.
    put(secrets, "C", "value C").expect("put");
    let rotated = secrets.rotate(ME).expect("rotated");
    assert_eq!(rotated.n_secrets, n_secrets + 1);
    assert_eq!(b().as_deref(), Some("value B"));
    assert_eq!(got(secrets, "A").expect("read").as_deref(), a);
    let log = secrets.log().expect("read");
    let rotated = log.iter().rfind(|it| it.what == What::Rotate);
    assert_eq!(rotated.expect("a record").by, ME);
}

#[test]
fn error_at_any_step_leaves_the_former_or_the_new_state() {
    each_step(Failure::Once, |operation, fixture, _, is_done| {
        check_state(operation, &fixture.secrets(), is_done);
    });
}

#[test]
fn kill_at_any_step_leaves_the_former_or_the_new_state() {
    each_step(Failure::FromThen, |operation, fixture, _, is_done| {
        check_state(operation, &fixture.secrets(), is_done);
    });
}

#[test]
fn power_loss_at_any_step_leaves_the_former_or_the_new_state() {
    each_step(Failure::FromThen, |operation, _, disk, is_done| {
        let image = Fixture::new();
        for (name, content) in disk.after_power_loss() {
            let path = image.path(&name);
            std::fs::write(&path, content).expect("ours");
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("ours");
        }
        check_state(operation, &image.secrets(), is_done);
    });
}

/// Repeated interrupted rotations leave at most two keys, and the one that completes leaves one.
#[test]
fn interrupted_rotations_leave_no_former_keys() {
    let fixture = Fixture::with_two();
    let key = || std::fs::read_to_string(fixture.path("key")).expect("a key");
    let n_keys = || key().lines().count() - 2;
    let first = key();
    let mut n_keys_max = 1;
    for step in 0..STEPS_MAX {
        let disk = FailingDisk::new(fixture.folder(), Failure::FromThen, step);
        let secrets = Secrets::between(&fixture.folder(), Arc::new(disk)).expect("ours");
        let ended = secrets.rotate(ME);
        n_keys_max = n_keys_max.max(n_keys());
        assert_eq!(
            got(&fixture.secrets(), "A").expect("read").as_deref(),
            Some("value A")
        );
        if ended.is_ok() {
            break;
        }
    }
    assert_eq!((n_keys_max, n_keys()), (2, 1));
    assert!(
        first
            .lines()
            .all(|line| line.starts_with("se") || line.starts_with('#') || !key().contains(line))
    );
}

/// The key of the first secret is written before the secret.
#[test]
fn first_put_can_be_interrupted_at_any_step() {
    for failure in [Failure::Once, Failure::FromThen] {
        for step in 0..STEPS_MAX {
            let fixture = Fixture::new();
            let disk = Arc::new(FailingDisk::new(fixture.folder(), failure, step));
            let between = Secrets::between(&fixture.folder(), Arc::clone(&disk) as _);
            let ended = put(&between.expect("ours"), "A", "value A");
            let secrets = fixture.secrets();
            let a = got(&secrets, "A").expect("read");
            assert!(a.is_some() || ended.is_err());
            put(&secrets, "B", "value B").expect("put");
            assert_eq!(got(&secrets, "A").expect("read"), a);
            if !disk.has_failed() {
                assert_eq!(a.as_deref(), Some("value A"));
                break;
            }
        }
    }
}
