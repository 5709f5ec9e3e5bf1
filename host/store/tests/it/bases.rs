//! A commit names the versions that it builds on, and a call that is rolled back keeps the records
//! of the calls below it that have ended.

use sedge_model::call::{BaseVersion, CallStatus, NameBase};
use sedge_model::lineage::Lineage;
use sedge_store::{CallEnd, StoreError};

use crate::fixture::{Fixture, data_name, failure, success};

fn base(name: &str, version: u64, by: &Lineage) -> NameBase {
    let by = by.clone();
    NameBase {
        name: data_name(name),
        version: (version > 0).then_some(BaseVersion { version, by }),
    }
}

#[test]
fn commit_is_refused_if_a_name_has_another_latest_version() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let first = fixture.call(&claim, &[1], "sink");
    let end = success(&first, "sink", &[("record", "1")]);
    let committed = fixture.store.call_commit(&claim, end, None).wait();
    committed.expect("nothing to compare with");
    let call = fixture.call(&claim, &[2], "sink");
    let commit = |bases: Vec<NameBase>| {
        let end = CallEnd {
            bases,
            ..success(&call, "sink", &[("other", "1"), ("record", "2")])
        };
        fixture.store.call_commit(&claim, end, None).wait()
    };
    for stale in [
        base("record", 0, &first),
        base("record", 2, &first),
        // The version has the same number, but another call wrote it.
        base("record", 1, &call),
    ] {
        let Err(StoreError::ChangedMeanwhile { name, version, by }) = commit(vec![stale]) else {
            panic!("it is refused")
        };
        assert_eq!((name.as_str(), version), ("record", 1));
        assert_eq!(by.as_ref(), Some(&first));
    }
    let Err(StoreError::ChangedMeanwhile { version, by, .. }) =
        commit(vec![base("gone", 3, &first)])
    else {
        panic!("it is refused")
    };
    assert_eq!((version, by), (0, None));
    assert_eq!(fixture.versions("sink", "other"), Vec::<u64>::new());
    let written = commit(vec![base("record", 1, &first), base("other", 0, &first)]);
    assert_eq!(
        written.expect("they are the latest versions").written.len(),
        2
    );
}

#[test]
fn publish_is_refused_like_a_commit() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let so_far = |version| CallEnd {
        bases: vec![base("record", version, &call)],
        ..success(&call, "sink", &[("record", "1")])
    };
    let published = fixture.store.call_publish(&claim, so_far(7)).wait();
    assert!(matches!(
        published,
        Err(StoreError::ChangedMeanwhile { version: 0, .. })
    ));
    let published = fixture.store.call_publish(&claim, so_far(0)).wait();
    published.expect("there is no version");
    let published = fixture.store.call_publish(&claim, so_far(1)).wait();
    published.expect("it is the call's own version");
}

/// Below call 1: a call that has ended, one that was cut off, and one that was cut off after a call
/// below it had ended.
#[test]
fn rolled_back_call_keeps_the_calls_that_have_ended() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let ended = fixture.call(&claim, &[1, 1], "sink");
    let cut_off = fixture.call(&claim, &[1, 2], "sink");
    let between = fixture.call(&claim, &[1, 3], "sink");
    let below = fixture.call(&claim, &[1, 3, 1], "sink");
    let beside = fixture.call(&claim, &[10], "sink");
    for end in [
        success(&ended, "sink", &[("record", "1")]),
        failure(&below, "sink"),
    ] {
        let committed = fixture.store.call_commit(&claim, end, None).wait();
        committed.expect("it runs");
    }
    let left = fixture.store.call_roll_back_kept(&claim, &call);
    let left = left.expect("rolled back").expect("it is under way");
    let left: Vec<_> = left.iter().map(|it| (&it.lineage, it.status)).collect();
    let expect = [
        (&ended, CallStatus::Succeeded),
        (&between, CallStatus::Cancelled),
        (&below, CallStatus::Failed),
    ];
    assert_eq!(left, expect);
    let calls = fixture.store.call_list(&claim.run).expect("readable");
    assert_eq!(calls[0].n_rollbacks, 1);
    assert!(calls.iter().all(|it| it.lineage != cut_off));
    assert!(calls.iter().any(|it| it.lineage == beside));

    let restarted = fixture.store.call_restart(&claim, &between).wait();
    restarted.expect("it was left");
    let refused = fixture.store.call_restart(&claim, &ended).wait();
    assert!(matches!(refused, Err(StoreError::CallNotRunning(_))));
    let end = success(&between, "sink", &[]);
    let committed = fixture.store.call_commit(&claim, end, None).wait();
    committed.expect("it runs again");
    let again = fixture.call(&claim, &[1, 2], "sink");
    assert_eq!(again, cut_off);

    let none = fixture.store.call_roll_back_kept(&claim, &ended);
    assert_eq!(none.expect("looked for"), None);
    fixture.claimed_again(&claim.run);
    let fenced = fixture.store.call_roll_back_kept(&claim, &call);
    assert!(matches!(fenced, Err(StoreError::Fenced(_))));
}
