//! Uses of permissions: they are recorded when a call ends, at most once a minute.

use std::collections::BTreeMap;

use rusqlite::Connection;
use sedge_model::permission::{EnvPermission, ModelPermission, Permission};
use sedge_store::{CallEnd, StoreError};
use sedge_sys::clock::{SettableClock, Timestamp};

use crate::fixture::{Fixture, failure, model_name, permit, success};

const MINUTE_MS: u64 = 60_000;

/// A time of day, in milliseconds since 1970.
const NOON_MS: u64 = 1_800_000_000_000;

/// Commits the `nth` call of run 1, which used `sink` and the variable `HOME`.
fn commit(fixture: &Fixture, nth: u32, end: impl Fn(CallEnd) -> CallEnd) {
    let claim = match nth {
        1 => fixture.run(1),
        _ => sedge_store::Claim {
            run: crate::fixture::run_id(1),
            number: 1,
        },
    };
    let call = fixture.call(&claim, &[nth], "spawn");
    let end = end(CallEnd {
        used: used(),
        ..success(&call, "spawn", &[])
    });
    let committed = fixture.store.call_commit(&claim, end, None).wait();
    committed.expect("nothing is fenced");
}

fn used() -> Vec<Permission> {
    vec![
        Permission::Models(ModelPermission {
            model: "sink".parse().expect("a pattern"),
        }),
        Permission::Env(EnvPermission {
            name: "HOME".parse().expect("a name"),
        }),
    ]
}

fn uses(fixture: &Fixture, model: &str) -> BTreeMap<String, Timestamp> {
    let uses = fixture.store.permission_uses(&model_name(model));
    uses.expect("readable")
}

#[test]
fn uses_are_recorded_for_success_and_failure() {
    let check = |end: fn(CallEnd) -> CallEnd| {
        let fixture = Fixture::new();
        assert_eq!(uses(&fixture, "spawn"), BTreeMap::new());
        commit(&fixture, 1, end);
        let lines: Vec<String> = uses(&fixture, "spawn").into_keys().collect();
        assert_eq!(lines, ["env HOME", "models sink"]);
        assert_eq!(uses(&fixture, "sink"), BTreeMap::new());
    };
    check(|end| end);
    check(|end| CallEnd {
        result: failure(&end.lineage, "spawn").result,
        ..end
    });
}

/// The test sets the clock. With the machine's clock it failed on a fast machine, because two times
/// that it took for different were equal.
#[test]
fn recorded_use_is_replaced_after_a_minute() {
    let clock = SettableClock::at(Timestamp(NOON_MS));
    let fixture = Fixture::with_clock(&clock);
    let check = |nth: u32, at_ms: u64, expect_ms: u64| {
        clock.set(Timestamp(at_ms));
        commit(&fixture, nth, |end| end);
        let used = uses(&fixture, "spawn");
        assert_eq!(used["models sink"], Timestamp(expect_ms), "call {nth}");
    };
    check(1, NOON_MS, NOON_MS);
    check(2, NOON_MS, NOON_MS);
    check(3, NOON_MS + MINUTE_MS - 1, NOON_MS);
    check(4, NOON_MS + MINUTE_MS, NOON_MS + MINUTE_MS);
    check(5, NOON_MS + 5 * MINUTE_MS, NOON_MS + 5 * MINUTE_MS);
}

/// After a clock that was ahead is set back, later uses must still be recorded.
#[test]
fn recorded_use_in_the_future_is_replaced() {
    let clock = SettableClock::at(Timestamp(NOON_MS));
    let fixture = Fixture::with_clock(&clock);
    commit(&fixture, 1, |end| end);
    let earlier = Timestamp(NOON_MS - 1);
    clock.set(earlier);
    commit(&fixture, 2, |end| end);
    assert_eq!(uses(&fixture, "spawn")["env HOME"], earlier);
}

#[test]
fn refused_commit_records_no_use() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "spawn");
    fixture.claimed_again(&claim.run);
    let end = CallEnd {
        used: used(),
        ..success(&call, "spawn", &[])
    };
    let refused = fixture.store.call_commit(&claim, end, None).wait();
    assert!(
        matches!(refused, Err(StoreError::Fenced { .. })),
        "{refused:?}"
    );
    assert_eq!(uses(&fixture, "spawn"), BTreeMap::new());
}

#[test]
fn uses_are_deleted_with_their_model() {
    let fixture = Fixture::new();
    commit(&fixture, 1, |end| end);
    let forget = |model: &str| {
        let forgotten = fixture
            .store
            .permission_uses_forget(&permit(), &model_name(model));
        forgotten.expect("nothing is fenced");
    };
    forget("sink");
    assert_eq!(uses(&fixture, "spawn").len(), 2);
    forget("spawn");
    assert_eq!(uses(&fixture, "spawn"), BTreeMap::new());
}

#[test]
fn check_finds_an_unreadable_use() {
    let fixture = Fixture::new();
    commit(&fixture, 1, |end| end);
    let path = fixture.folder().path_of("sedge.db");
    let connection = Connection::open(path).expect("it is there");
    let broken = connection.execute("UPDATE permission_uses SET model = 'no name'", []);
    broken.expect("it is a table");
    let report = fixture.store.check(false, |_| {}).expect("readable");
    let found: Vec<&str> = report.findings.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("a use of a permission: "), "{found:?}");
}
