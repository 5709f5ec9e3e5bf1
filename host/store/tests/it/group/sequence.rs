//! Writes of a sequence: each assumes that those before it succeed.

use super::*;

/// A queued write waits for nothing, and is made with the first one whose result is requested.
#[test]
fn queued_writes_are_made_when_one_of_them_is_awaited() {
    let scene = Scene::new();
    let sequence = WriteSequence::default();
    let before = scene.store.n_durable_commits();
    let receipts = [(1, 1), (2, 2), (3, 3)].map(|(known, n)| {
        let end = scene.store.call_end_prepare(scene.end(n));
        let end = end.expect("the disk has room");
        let follow = follow(known, &[n]);
        let store = &scene.store;
        store.call_commit_queue(&scene.claim, &end, follow, &sequence)
    });
    assert_eq!(scene.store.n_durable_commits(), before);
    assert_eq!(scene.versions(), [] as [u64; 0]);
    let [first, second, third] = receipts;
    assert_eq!(version(second.wait()), 2);
    assert_eq!(scene.versions(), [1, 2, 3]);
    assert_eq!([version(first.wait()), version(third.wait())], [1, 3]);
    assert_eq!(scene.store.n_durable_commits() - before, 1);
}

/// The driver of a run computes each write from the ones before it. A write used to be refused only
/// if the log had another length than its author knew. If another process had appended as many
/// events as the refused write before it would have, it was accepted, although what it assumed had
/// not happened. Now the failure of a write refuses all later ones of its sequence.
#[test]
fn writes_after_a_failed_one_of_their_sequence_are_refused() {
    let scene = Scene::new();
    let sequence = WriteSequence::default();
    let queue = |follow, sequence: &WriteSequence| {
        scene.store.run_append_queue(&scene.claim, follow, sequence)
    };
    let receipts = [
        queue(follow(1, &[1]), &sequence),
        queue(follow(2, &[2]), &sequence),
    ];
    let resumed = vec![RunEvent::Resumed];
    append(&scene.fixture.store, &scene.claim, resumed, None).expect("it counts");
    for receipt in receipts {
        let refused = receipt.wait().expect_err("the log has another event");
        assert!(matches!(refused, StoreError::LogMoved(_)), "{refused}");
    }
    let late = queue(follow(2, &[3]), &sequence).wait();
    late.expect_err("the sequence has failed");
    let again = queue(follow(2, &[4]), &WriteSequence::default()).wait();
    let again = again.expect("it knows the log");
    assert_eq!(shown(&again), ["3 step-started build/compile 4"]);
}

/// A queued write whose receipt is dropped is not made, and neither are those that build on it.
#[test]
fn dropped_write_refuses_the_later_ones_of_its_sequence() {
    let scene = Scene::new();
    let sequence = WriteSequence::default();
    let queue = |known| {
        let follow = follow(known, &[1]);
        scene
            .store
            .run_append_queue(&scene.claim, follow, &sequence)
    };
    let [first, second] = [queue(1), queue(2)];
    drop(first);
    second.wait().expect_err("it builds on the dropped one");
    let seq = scene.store.run_seq(&scene.claim.run).expect("readable");
    assert_eq!(seq, 1);
}

/// The content of a prepared end is in files, so that a second try copies nothing.
#[test]
fn prepared_end_is_committed_after_a_refused_try() {
    let scene = Scene::new();
    let large = "x".repeat(200_000);
    let end = success(&scene.lineage(1), "sink", &[("record", &large)]);
    let end = scene
        .store
        .call_end_prepare(end)
        .expect("the disk has room");
    let tries = [7, 1].map(|known| {
        let sequence = WriteSequence::default();
        let follow = follow(known, &[9]);
        let queued = scene
            .store
            .call_commit_queue(&scene.claim, &end, follow, &sequence);
        queued.wait()
    });
    let [refused, committed] = tries;
    assert!(
        matches!(refused, Err(StoreError::LogMoved(_))),
        "{refused:?}"
    );
    assert_eq!(version(committed), 1);
}
