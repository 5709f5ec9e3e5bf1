//! Which locks are valid: fences and lock tables.

use std::sync::Arc;

use sedge_model::call::CallStatus;
use sedge_model::lineage::Lineage;
use sedge_store::{CallEnd, DataChosen, DataDelete, LockOwner, StoreError, WritePermit};

use crate::fixture::{Fixture, failure, model_name, permit, released, success};

/// The lock table of the calls of [`success`], and another one.
const EPOCH: u64 = 1;
const OTHER: u64 = u64::MAX;

#[track_caller]
fn assert_lost<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let error = result.expect_err("its lock is invalid");
    assert!(matches!(error, StoreError::LockLost(_)), "{error:?}");
}

#[test]
fn commit_of_a_fenced_call_is_refused() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let (nested, beside) = (
        fixture.call(&claim, &[1, 2], "other"),
        fixture.call(&claim, &[11], "sink"),
    );
    let by_hand = fixture.other_process();
    by_hand
        .fence(std::slice::from_ref(&call), &released())
        .expect("fenced");
    by_hand
        .fence(std::slice::from_ref(&call), &released())
        .expect("again");
    let commit = |end: &CallEnd| fixture.store.call_commit(&claim, end.clone(), None).wait();
    assert_lost(commit(&success(&call, "sink", &[("record", "1")])));
    assert_lost(commit(&success(&nested, "other", &[("record", "1")])));
    assert!(fixture.versions("sink", "record").is_empty());
    let calls = fixture.store.call_list(&claim.run).expect("readable");
    assert!(calls.iter().all(|it| it.status == CallStatus::Running));
    commit(&success(&beside, "sink", &[("record", "11")])).expect("it is another call");
    commit(&failure(&call, "sink")).expect("to say that it failed needs no lock");
}

/// The calls of a nested workflow's run have locks below the step of the outer run.
#[test]
fn calls_of_a_nested_run_are_fenced_off_below_the_fenced_call_only() {
    let fixture = Fixture::new();
    let (outer, nested) = (fixture.run(1), fixture.run(2));
    let step = Lineage::root(outer.run.clone()).child(1);
    let call = fixture.call(&nested, &[4], "sink");
    let end = |lineage: Lineage, claim: u64| CallEnd {
        lock_owner: Some(LockOwner {
            lineage,
            claim,
            under: None,
        }),
        ..success(&call, "sink", &[("record", "1")])
    };
    let fence = |lineage: &Lineage| {
        fixture
            .store
            .fence(std::slice::from_ref(lineage), &released())
    };
    let (commit, publish) = (
        |end: CallEnd| fixture.store.call_commit(&nested, end, None).wait(),
        |end: CallEnd| fixture.store.call_publish(&nested, end).wait(),
    );
    fence(&step.child(4)).expect("fenced");
    let fenced = end(step.child(4).child(2), outer.number);
    assert_lost(publish(fenced.clone()));
    assert_lost(commit(fenced.clone()));
    publish(end(step.child(5), outer.number)).expect("it is another call");
    publish(end(step.child(4), outer.number + 1)).expect("the run was claimed again since");
    // The numbers of the nested run's own calls say nothing about its locks.
    fence(&call).expect("fenced");
    publish(end(step.child(5), outer.number)).expect("it is another call");
    fixture.store.fences_forget(&step).expect("removed");
    commit(fenced).expect("it was called again");
}

/// A command of a call may start `sedge` after the call was fenced off. The run of that process has
/// no fence of its own.
#[test]
fn work_below_a_fenced_call_of_another_process_is_refused() {
    let fixture = Fixture::new();
    let (outer, middle, inner) = (fixture.run(1), fixture.run(2), fixture.run(3));
    let caller = fixture.call(&outer, &[1], "sink");
    let above = |lineage: Lineage, claim: u64| LockOwner {
        lineage,
        claim,
        under: None,
    };
    let below = |caller: LockOwner| {
        let lineage = Lineage::root(middle.run.clone()).child(1);
        let claim = middle.number;
        let under = Some(Arc::new(caller));
        Some(Arc::new(LockOwner {
            lineage,
            claim,
            under,
        }))
    };
    let call = fixture.call(&inner, &[4], "other");
    let end = |caller: LockOwner| CallEnd {
        lock_owner: Some(LockOwner {
            lineage: call.clone(),
            claim: inner.number,
            under: below(caller),
        }),
        ..success(&call, "other", &[("record", "1")])
    };
    let publish = |end: CallEnd| fixture.store.call_publish(&inner, end).wait();
    publish(end(above(caller.clone(), outer.number))).expect("no call is fenced off");

    fixture
        .store
        .fence(std::slice::from_ref(&caller), &released())
        .expect("fenced");
    let nested = above(caller.child(2), outer.number);
    let error = publish(end(nested.clone())).expect_err("its caller is fenced off");
    let is_named = |error: &StoreError| {
        matches!(error, StoreError::CallerLockLost { call: writer, caller: of }
            if *writer == call && *of == nested.lineage)
    };
    assert!(is_named(&error), "{error:?}");
    let commit = fixture.store.call_commit(&inner, end(nested.clone()), None);
    let error = commit.wait().expect_err("its caller is fenced off");
    assert!(is_named(&error), "{error:?}");
    let what = DataDelete {
        model: model_name("other"),
        what: DataChosen::All,
    };
    let by_command = WritePermit {
        under: below(nested.clone()),
        ..permit()
    };
    let error = fixture.store.data_delete(&by_command, &what);
    let error = error.expect_err("its caller is fenced off");
    assert!(
        matches!(error, StoreError::CallerLockLost { .. }),
        "{error:?}"
    );

    let found = |caller: LockOwner| {
        let owner = below(caller).expect("an owner");
        fixture.store.fenced(&owner).expect("readable")
    };
    assert_eq!(found(nested.clone()), Some(nested.lineage.clone()));
    let beside = above(Lineage::root(outer.run.clone()).child(11), outer.number);
    assert_eq!(found(beside.clone()), None);
    publish(end(beside)).expect("it is another call");
    let again = above(nested.lineage.clone(), outer.number + 1);
    assert_eq!(found(again.clone()), None);
    publish(end(again)).expect("the run was claimed again since");
}

#[test]
fn fences_of_the_callees_of_a_call_are_removed_and_no_others() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let calls = [vec![1], vec![1, 2], vec![11]];
    let calls = calls.map(|path| fixture.call(&claim, &path, "sink"));
    let [call, nested, beside] = &calls;
    let both = [nested.clone(), beside.clone()];
    fixture.store.fence(&both, &released()).expect("fenced");
    fixture.store.fences_forget(call).expect("removed");
    let commit = |call: &Lineage| {
        let end = success(call, "sink", &[("record", "1")]);
        fixture.store.call_commit(&claim, end, None).wait()
    };
    assert_lost(commit(beside));
    commit(nested).expect("it was called again");
}

#[test]
fn fenced_run_is_refused_until_it_is_claimed_again() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let run = Lineage::root(claim.run.clone());
    fixture.store.fence(&[run], &released()).expect("fenced");
    let call = fixture.call(&claim, &[1], "sink");
    assert_lost(
        fixture
            .store
            .call_commit(&claim, success(&call, "sink", &[]), None)
            .wait(),
    );
    let other = fixture.run(2);
    let beside = fixture.call(&other, &[1], "sink");
    let end = success(&beside, "sink", &[("record", "1")]);
    fixture
        .store
        .call_commit(&other, end.clone(), None)
        .wait()
        .expect("another run");
    let again = fixture.claimed_again(&claim.run);
    let call = fixture.call(&again, &[2], "sink");
    let end = success(&call, "sink", &[("record", "2")]);
    fixture
        .store
        .call_commit(&again, end.clone(), None)
        .wait()
        .expect("new locks");
}

#[test]
fn lock_of_another_table_is_invalid() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let call = fixture.call(&claim, &[1], "sink");
    let other = fixture.other_process();
    assert_eq!(other.lock_epoch().expect("readable"), None);
    assert!(other.lock_epoch_set(None, OTHER).expect("noted"));
    assert_eq!(other.lock_epoch().expect("readable"), Some(OTHER));
    let end = success(&call, "sink", &[("record", "1")]);
    assert_lost(fixture.store.call_commit(&claim, end.clone(), None).wait());
    let what = DataDelete {
        model: model_name("sink"),
        what: DataChosen::All,
    };
    assert_lost(fixture.store.data_delete(&permit(), &what));
    assert!(other.lock_epoch_set(Some(OTHER), EPOCH).expect("noted"));
    fixture
        .store
        .call_commit(&claim, end.clone(), None)
        .wait()
        .expect("it counts");
}

#[test]
fn older_table_cannot_be_restored() {
    let fixture = Fixture::new();
    let late = fixture.other_process();
    assert!(fixture.store.lock_epoch_set(None, OTHER).expect("noted"));
    for known in [None, Some(EPOCH)] {
        assert!(!late.lock_epoch_set(known, EPOCH).expect("refused"));
        assert_eq!(late.lock_epoch().expect("readable"), Some(OTHER));
    }
}
