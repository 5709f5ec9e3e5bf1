//! Concurrent callers: no put is lost, and no reader gets a value that was never put.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;

use crate::fixture::{Fixture, ME, got, name, put};

/// How many threads change secrets, and how often each does.
const WRITERS: usize = 4;
const ROUNDS: u64 = 12;

#[test]
fn concurrent_puts_are_all_kept() {
    let fixture = Fixture::new();
    scope(|threads| {
        for writer in 0..WRITERS {
            let secrets = fixture.secrets();
            threads.spawn(move || {
                for round in 0..ROUNDS {
                    put(&secrets, "SHARED", &format!("shared {writer} {round}")).expect("put");
                    put(&secrets, &format!("OWN_{writer}"), &format!("own {round}")).expect("put");
                }
            });
        }
    });
    let secrets = fixture.secrets();
    let listed = secrets.list().expect("listed");
    assert_eq!(listed.len(), WRITERS + 1);
    let shared = listed
        .iter()
        .find(|it| it.name == name("SHARED"))
        .expect("listed");
    let info = shared.info.as_ref().expect("its file can be read");
    assert_eq!(info.version, WRITERS as u64 * ROUNDS);
    for writer in 0..WRITERS {
        let own = got(&secrets, &format!("OWN_{writer}")).expect("read");
        assert_eq!(own, Some(format!("own {}", ROUNDS - 1)));
    }
    let n_records = secrets.log().expect("read").len();
    assert_eq!(n_records as u64, 2 * WRITERS as u64 * ROUNDS);
}

#[test]
fn readers_are_not_disturbed_by_a_rotation() {
    let fixture = Fixture::with_two();
    let is_over = AtomicBool::new(false);
    scope(|threads| {
        for _ in 0..WRITERS {
            let secrets = fixture.secrets();
            let is_over = &is_over;
            threads.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(
                        got(&secrets, "A").expect("read"),
                        Some("value A".to_owned())
                    );
                    assert_eq!(secrets.list().expect("listed").len(), 2);
                }
            });
        }
        let secrets = fixture.secrets();
        for _ in 0..ROUNDS {
            assert_eq!(secrets.rotate(ME).expect("rotated").n_secrets, 2);
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
