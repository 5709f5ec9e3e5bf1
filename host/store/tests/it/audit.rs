//! The audit: who did what, newest first.

use sedge_model::lineage::Lineage;
use sedge_model::run::{Actor, GateDecision, RunEvent, RunStatus};
use sedge_store::{AuditEntry, AuditFilter, Author, RunClaimant, Scan, StoreError, WritePermit};
use sedge_sys::clock::{SettableClock, Timestamp};

use crate::fixture::{Fixture, ada, child_start, gate_opened, permit, released, step};

fn grace() -> Actor {
    Actor {
        name: "grace".to_owned(),
        uid: Some(1001),
    }
}

fn entry(actor: Actor, what: &str, on: &str) -> AuditEntry {
    AuditEntry {
        actor,
        what: what.to_owned(),
        on: on.to_owned(),
        detail: None,
    }
}

/// Returns the matching entries as `seq user what on detail`.
fn entries(fixture: &Fixture, filter: &AuditFilter) -> Vec<String> {
    let mut lines = Vec::new();
    let scanned = fixture.store.audit_scan(filter, |record| {
        let AuditEntry {
            actor,
            what,
            on,
            detail,
        } = record.entry;
        let detail = detail.unwrap_or_default();
        lines.push(format!("{} {actor} {what} {on} {detail}", record.seq));
        Ok::<_, StoreError>(Scan::More)
    });
    scanned.expect("readable");
    lines
}

#[test]
fn starts_decisions_and_cancellations_are_noted_with_their_events() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let child = child_start(2, 1);
    let child = fixture.store.run_start(&child, &[RunEvent::Started]);
    child.expect("the id is new");
    let by_user = |events: Vec<RunEvent>| {
        let entries = events.into_iter().map(Into::into).collect();
        let author = Author::Person(&claim.run);
        let appended = fixture
            .store
            .run_append(author, 0, |_| Ok::<_, StoreError>(entries));
        appended.expect("the run exists");
    };
    let decided = |gate: &str, decision| RunEvent::GateDecided {
        gate: step(gate),
        decision,
        by: grace(),
        comment: Some("so be it".to_owned()),
        shown: None,
    };
    by_user(vec![gate_opened("a/ask"), gate_opened("a/tell")]);
    by_user(vec![
        decided("a/ask", GateDecision::Approved),
        decided("a/tell", GateDecision::Rejected),
        RunEvent::CancelRequested {
            by: ada(),
            reason: Some("wrong".to_owned()),
        },
    ]);
    insta::assert_snapshot!(entries(&fixture, &AuditFilter::default()).join("\n"), @"
    4 ada run-cancelled 100000000000 wrong
    3 grace gate-rejected 100000000000 a/tell so be it
    2 grace gate-approved 100000000000 a/ask so be it
    1 ada run-started 100000000000 deploy
    ");
    let on = Some("100000000000".to_owned());
    let of_run = AuditFilter {
        on,
        ..AuditFilter::default()
    };
    assert_eq!(entries(&fixture, &of_run).len(), 4, "with those of gates");
}

/// The entry is in the transaction of what was done, so there is never one without the other.
#[test]
fn released_locks_and_deleted_runs_are_noted_with_what_was_done() {
    let fixture = Fixture::new();
    let claims = [1, 2, 3].map(|n| fixture.run(n));
    let [_, ended @ ..] = &claims;
    for claim in ended {
        let ended = fixture.store.run_end(claim, RunStatus::Succeeded, None);
        ended.expect("it runs");
    }
    let ids = claims.clone().map(|claim| claim.run);
    let call = Lineage::root(ids[0].clone()).child(1);
    fixture.store.fence(&[call], &released()).expect("fenced");
    let lost = WritePermit {
        lock_epoch: 2,
        ..permit()
    };
    let set = fixture.store.lock_epoch_set(None, 1);
    assert!(set.expect("it can be set"), "no other process set it");
    let refused = fixture.store.runs_delete(&lost, &ids, &grace());
    refused.expect_err("the lock is in another table");
    let delete = || fixture.store.runs_delete(&permit(), &ids, &grace());
    assert_eq!(delete().expect("the lock is valid"), 2);
    assert_eq!(delete().expect("the lock is valid"), 0);
    let mut lines = entries(&fixture, &AuditFilter::default());
    lines.retain(|line| !line.contains("run-started"));
    assert_eq!(
        lines,
        [
            "5 grace runs-deleted datastore 2 runs",
            "4 ada locks-released datastore "
        ]
    );
}

#[test]
fn entries_are_found_by_filter_newest_first() {
    let clock = SettableClock::at(Timestamp(1_000));
    let fixture = Fixture::with_clock(&clock);
    let put = |entry: &AuditEntry| fixture.store.audit_append(entry).expect("durable");
    put(&entry(ada(), "secret-put", "token"));
    put(&entry(grace(), "secret-put", "key"));
    clock.set(Timestamp(2_000));
    put(&entry(ada(), "plugin-added", "@test/sink"));
    let check = |filter: AuditFilter, expect: &[u64]| {
        let found = entries(&fixture, &filter);
        let seqs: Vec<&str> = found.iter().filter_map(|it| it.split(' ').next()).collect();
        let expect: Vec<String> = expect.iter().map(ToString::to_string).collect();
        assert_eq!(seqs, expect, "{filter:?}");
    };
    let text = |text: &str| Some(text.to_owned());
    let all = AuditFilter::default();
    put(&entry(ada().below_call("RUN/1"), "model-edited", "sink"));
    check(all.clone(), &[4, 3, 2, 1]);
    let actor = text("ada");
    check(
        AuditFilter {
            actor,
            ..all.clone()
        },
        &[4, 3, 1],
    );
    let actor = text("ad");
    check(
        AuditFilter {
            actor,
            ..all.clone()
        },
        &[],
    );
    let what = text("secret-put");
    check(
        AuditFilter {
            what,
            ..all.clone()
        },
        &[2, 1],
    );
    let on = text("key");
    check(AuditFilter { on, ..all.clone() }, &[2]);
    let on = text("ke");
    check(AuditFilter { on, ..all.clone() }, &[]);
    let since = Some(Timestamp(2_000));
    check(AuditFilter { since, ..all }, &[4, 3]);
}

#[test]
fn a_scan_of_the_audit_ends_early() {
    let fixture = Fixture::new();
    for n in 0..5 {
        let entry = entry(ada(), "secret-put", &n.to_string());
        fixture.store.audit_append(&entry).expect("durable");
    }
    let mut n_read = 0;
    let scanned = fixture.store.audit_scan(&AuditFilter::default(), |_| {
        n_read += 1;
        Ok::<_, StoreError>(Scan::Enough)
    });
    scanned.expect("readable");
    assert_eq!(n_read, 1);
}

#[test]
fn resumption_by_a_user_is_noted_with_its_claim() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let seen = fixture.store.run_get(&claim.run).expect("it was made");
    let user = grace();
    let claimant = RunClaimant {
        session: "session-2",
        user: Some(&user),
    };
    let claimed = fixture
        .store
        .run_claim(&seen, claimant, &[RunEvent::Resumed]);
    claimed.expect("no other process claimed it");
    // A driver continues a child run. No user asked for that.
    fixture.claimed_again(&claim.run);
    insta::assert_snapshot!(entries(&fixture, &AuditFilter::default()).join("\n"), @"
    2 grace run-resumed 100000000000 deploy
    1 ada run-started 100000000000 deploy
    ");
}
