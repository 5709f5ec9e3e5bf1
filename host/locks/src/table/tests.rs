//! Decisions of the table, case by case.

use super::*;

/// Creates an owner from a text.
///
/// `a` and `a/1/2` belong to a run with a name of one letter, in a session of its own. `a/1>b/1`
/// is a call of a run that joined the call `a/1`.
fn owner(text: &str) -> Owner {
    let (under, text) = match text.rsplit_once('>') {
        Some((under, own)) => (Some(Box::new(owner(under))), own),
        None => (None, text),
    };
    let (run, path) = text.split_at(1);
    let lineage = format!("00000000000{run}{path}");
    Owner {
        under,
        session: SessionId::from_bits(u64::from(run.as_bytes()[0])),
        lineage: lineage.parse().expect("a lineage"),
    }
}

/// Creates a request from a text: `a/1 X sink`. The resource `*` is the datastore.
fn request(text: &str) -> LockRequest {
    let words: Vec<&str> = text.split(' ').collect();
    let [by, mode, on] = words[..] else {
        panic!("three words: {text}")
    };
    let mode = Mode::ALL.into_iter().find(|it| it.as_str() == mode);
    let resource = match on {
        "*" => Resource::Datastore,
        model => Resource::Model(model.parse().expect("a name")),
    };
    LockRequest {
        owner: owner(by),
        resource,
        mode: mode.expect("a mode"),
        what: format!("{on}.run"),
    }
}

/// A table, and the numbers of the requests by their texts.
#[derive(Default)]
struct Scene {
    table: LockTable,
    ids: BTreeMap<String, RequestId>,
}

impl Scene {
    /// Makes a batch of requests, separated by commas.
    ///
    /// Returns the result of each, `granted` or `wait`, or the cycle.
    fn ask(&mut self, text: &str) -> String {
        let texts: Vec<&str> = text.split(", ").collect();
        let batch: Vec<LockRequest> = texts.iter().map(|it| request(it)).collect();
        let decision = decide(&self.table, &batch);
        if let Decision::Deadlock(cycle) = &decision {
            return words(cycle);
        }
        let mut results = Vec::new();
        for (text, request) in texts.into_iter().zip(batch) {
            let (id, place) = self.table.insert(request, 0);
            self.ids.insert(text.to_owned(), id);
            let is_granted = place == QueuePlace::Granted;
            results.push(if is_granted { "granted" } else { "wait" });
        }
        let are_granted = results.iter().all(|it| *it == "granted");
        assert_eq!(are_granted, decision == Decision::Granted, "{text}");
        results.join(", ")
    }

    /// Releases a request, and returns the requests that are granted by it.
    fn free(&mut self, text: &str) -> Vec<String> {
        let id = self.ids.remove(text).expect("it was asked for");
        let granted = self.table.release(&[id], 0);
        let text = |id: &RequestId| self.ids.iter().find(|(_, it)| *it == id).expect("asked").0;
        granted.iter().map(|id| text(id).clone()).collect()
    }

    #[track_caller]
    fn check(&mut self, asked: &[(&str, &str)]) {
        for (text, expect) in asked {
            assert_eq!(self.ask(text), *expect, "{text}");
        }
    }
}

fn words(cycle: &Cycle) -> String {
    let short = |owner: &Owner| owner.to_string().trim_start_matches('0').to_owned();
    let links = cycle.links.iter();
    let links = links.map(|it| format!("{} waits for {}", short(&it.waiter), short(&it.blocker)));
    let links: Vec<String> = links.collect();
    format!(
        "{}; breaks at {}",
        links.join(", "),
        short(&cycle.breaks_at)
    )
}

#[test]
fn an_ancestor_is_never_in_the_way() {
    Scene::default().check(&[
        ("a/1 X sink", "granted"),
        ("a/1/1 X sink", "granted"),
        ("a/1/1/7/2 X sink", "granted"),
        ("a/2 X sink", "wait"),
        ("b/1 S sink", "wait"),
    ]);
}

#[test]
fn joined_process_is_a_child_of_its_call_only() {
    Scene::default().check(&[
        ("a X *", "granted"),
        ("a/1 X sink", "granted"),
        ("a/1>b/1 IX *", "granted"),
        ("a/1>b/1 X sink", "granted"),
        ("a/1>b/1>c/1 X sink", "granted"),
        ("a/1>d/1 S sink", "wait"),
        ("a/2 S sink", "wait"),
        ("b/1 S sink", "wait"),
        ("e IS *", "wait"),
    ]);
}

/// Otherwise the call would continue without any lock if the process of its ancestor dies.
#[test]
fn an_intention_of_another_process_includes_none() {
    let mut scene = Scene::default();
    scene.check(&[("a/1 IX *", "granted")]);
    assert!(scene.table.is_included(&request("a/1/1 IX *")));
    assert!(!scene.table.is_included(&request("a/1>b/1 IX *")));
    scene.check(&[("a/1>b/1 IX *", "granted"), ("c X *", "wait")]);
    assert!(scene.free("a/1 IX *").is_empty());
    assert_eq!(scene.free("a/1>b/1 IX *"), ["c X *"]);
}

#[test]
fn cycle_through_a_joined_process_is_detected() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 X one", "granted"),
        ("b/1 X two", "granted"),
        ("a/1>c/1 X two", "wait"),
        (
            "b/1/1 X one",
            "b/1/1 waits for a/1, c/1 waits for b/1; breaks at b/1",
        ),
    ]);
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 X one", "granted"),
        ("b/1 X two", "granted"),
        ("b/1/1 X one", "wait"),
        (
            "a/1>c/1 X two",
            "c/1 waits for b/1, b/1/1 waits for a/1; breaks at a/1",
        ),
    ]);
    assert_eq!(scene.table.chain(&owner("a/1>c/1")), ["one.run", "call 1"]);
}

#[test]
fn another_process_that_works_on_the_same_run_is_no_ancestor() {
    let mut scene = Scene::default();
    scene.check(&[("a X *", "granted")]);
    let mut other = request("a X *");
    other.owner.session = SessionId::from_bits(1);
    assert_eq!(decide(&scene.table, &[other]), Decision::Wait);
}

#[test]
fn siblings_take_turns_in_order_of_arrival() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 IX *", "granted"),
        ("a/1/1 X sink", "granted"),
        ("a/1/2 X sink", "wait"),
        ("a/1/3 X sink", "wait"),
    ]);
    assert_eq!(scene.free("a/1/1 X sink"), ["a/1/2 X sink"]);
    assert_eq!(scene.free("a/1/2 X sink"), ["a/1/3 X sink"]);
    assert!(scene.free("a/1/3 X sink").is_empty());
    assert!(scene.free("a/1 IX *").is_empty());
    assert_eq!(scene.table.entries().count(), 0);
    assert!(scene.table.queues.is_empty() && scene.table.waiting.is_empty());
}

#[test]
fn readers_do_not_starve_a_writer() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 S sink", "granted"),
        ("b/1 X sink", "wait"),
        ("c/1 S sink", "wait"),
        ("a/1/1 S sink", "granted"),
    ]);
    assert!(scene.free("a/1 S sink").is_empty(), "the child still reads");
    assert_eq!(scene.free("a/1/1 S sink"), ["b/1 X sink"]);
    assert_eq!(scene.free("b/1 X sink"), ["c/1 S sink"]);
}

#[test]
fn intentions_do_not_starve_a_structural_operation() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 IX *", "granted"),
        ("b/1 IS *", "granted"),
        ("c X *", "wait"),
        ("d/1 IX *", "wait"),
    ]);
    let nested = request("a/1/1 IX *");
    assert!(scene.table.is_included(&nested), "who is in stays in");
    assert!(!scene.table.is_included(&request("b/1/1 IX *")));
    assert!(!scene.table.is_included(&request("a/1/1 S *")));
    assert!(scene.free("a/1 IX *").is_empty());
    assert_eq!(scene.free("b/1 IS *"), ["c X *"]);
    assert!(scene.table.is_included(&request("c/4/2 IX *")));
    assert_eq!(scene.free("c X *"), ["d/1 IX *"]);
}

#[test]
fn a_waiter_that_gives_up_lets_others_pass() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 S sink", "granted"),
        ("b/1 X sink", "wait"),
        ("c/1 S sink", "wait"),
    ]);
    assert_eq!(scene.free("b/1 X sink"), ["c/1 S sink"]);
}

#[test]
fn upgrade_waits_for_other_readers() {
    let mut scene = Scene::default();
    scene.check(&[("a/1 S sink", "granted"), ("a/1/1 X sink", "granted")]);
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 S sink", "granted"),
        ("b/1 S sink", "granted"),
        ("c/1 X sink", "wait"),
        ("a/1/1 X sink", "wait"),
        (
            "b/1/1 X sink",
            "b/1/1 waits for a/1, a/1/1 waits for b/1; breaks at b/1",
        ),
    ]);
    assert_eq!(scene.free("b/1 S sink"), ["a/1/1 X sink"], "ahead of c");
}

#[test]
fn two_runs_that_want_each_others_model_are_a_deadlock() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 X one", "granted"),
        ("b/1 X two", "granted"),
        ("a/1/1 X two", "wait"),
        (
            "b/1/1 X one",
            "b/1/1 waits for a/1, a/1/1 waits for b/1; breaks at b/1",
        ),
    ]);
    assert_eq!(scene.free("b/1 X two"), ["a/1/1 X two"]);
}

/// Each waits for both locks, and takes the same place in both queues.
#[test]
fn two_batches_that_hold_nothing_are_no_deadlock() {
    let mut scene = Scene::default();
    scene.check(&[
        ("x/1 X one", "granted"),
        ("y/1 X two", "granted"),
        ("a/1 X one, a/1 X two", "wait, wait"),
        ("b/1 X two, b/1 X one", "wait, wait"),
    ]);
    assert_eq!(scene.free("y/1 X two"), ["a/1 X two"]);
    assert_eq!(scene.free("x/1 X one"), ["a/1 X one"]);
    assert_eq!(scene.free("a/1 X two"), ["b/1 X two"]);
    assert_eq!(scene.free("a/1 X one"), ["b/1 X one"]);
}

/// If they were acquired one after the other, `b/1` would hold `two` and then request `one`.
#[test]
fn locks_that_are_acquired_one_by_one_can_be_a_deadlock() {
    Scene::default().check(&[
        ("a/1 X one", "granted"),
        ("b/1 X two", "granted"),
        ("a/1 X two", "wait"),
        (
            "b/1 X one",
            "b/1 waits for a/1, a/1 waits for b/1; breaks at b/1",
        ),
    ]);
}

/// `b/1/1` is queued behind `a/1`, whose batch waits for `b/1`.
#[test]
fn cycle_through_another_request_of_a_waiting_batch_is_found() {
    let mut scene = Scene::default();
    scene.check(&[
        ("x/1 X one", "granted"),
        ("b/1 X two", "granted"),
        ("a/1 X one, a/1 X two", "wait, wait"),
        (
            "b/1/1 X one",
            "b/1/1 waits for a/1, a/1 waits for b/1; breaks at b/1",
        ),
    ]);
    // It makes no difference that a part of the batch is granted.
    assert_eq!(scene.free("x/1 X one"), ["a/1 X one"]);
    scene.check(&[(
        "b/1/1 X one",
        "b/1/1 waits for a/1, a/1 waits for b/1; breaks at b/1",
    )]);
}

/// The second request of the batch closes the cycle; the first one is granted.
#[test]
fn each_request_of_a_batch_is_searched() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 X one", "granted"),
        ("b/1 X two", "granted"),
        ("a/1/1 X two, a/1/1 X three", "wait, granted"),
        (
            "b/1/1 X four, b/1/1 X one",
            "b/1/1 waits for a/1, a/1/1 waits for b/1; breaks at b/1",
        ),
    ]);
    assert_eq!(scene.table.entries().count(), 4, "it took no lock");
}

/// `a/1/1` cannot begin, although a part of its batch is granted.
#[test]
fn callee_whose_batch_is_partly_granted_is_part_of_a_cycle() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 S one", "granted"),
        ("d/1 S one", "granted"),
        ("b/1 X two", "granted"),
        ("c/1 X one", "wait"),
        ("b/1/1 X three", "granted"),
        ("a/1/1 S one, a/1/1 X three", "granted, wait"),
        (
            "b/1/1/1 X one",
            "b/1/1/1 waits for c/1, c/1 waits for a/1, a/1/1 waits for b/1/1; breaks at b/1/1",
        ),
    ]);
}

/// `a/2` is not granted `one` ahead of `a/1`, whose batch is ahead of it in the queue for `two`.
/// It would wait for `a/1` and `a/1` for it, and a retry of `a/2` would do so again.
#[test]
fn siblings_that_overtake_keep_their_order() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a X one", "granted"),
        ("a/3 S one", "granted"),
        ("x/1 X two", "granted"),
        ("a/1 X one, a/1 X two", "wait, wait"),
        ("a/2 S one, a/2 X two", "wait, wait"),
        ("a/3/1 S one", "granted"),
    ]);
    assert!(scene.free("a/3 S one").is_empty(), "its child still reads");
    assert_eq!(scene.free("x/1 X two"), ["a/1 X two"]);
    assert_eq!(scene.free("a/3/1 S one"), ["a/1 X one"]);
    assert_eq!(scene.free("a/1 X two"), ["a/2 X two"]);
    assert_eq!(scene.free("a/1 X one"), ["a/2 S one"]);
}

/// `a/1` cannot end before its child, and holds what `b/1/1` requests.
#[test]
fn waiter_for_a_call_waits_for_its_callees_too() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 X one", "granted"),
        ("b/1 X two", "granted"),
        ("c/1 X three", "granted"),
        ("a/1/1 X four", "granted"),
        ("a/1/1/1 X two", "wait"),
        ("b/1/1 X three", "wait"),
        (
            "c/1/1 X one",
            "c/1/1 waits for a/1, a/1/1/1 waits for b/1, b/1/1 waits for c/1; breaks at c/1",
        ),
    ]);
}

#[test]
fn siblings_can_be_a_deadlock_too() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 X one", "granted"),
        ("a/2 X two", "granted"),
        ("a/1/1 X two", "wait"),
        (
            "a/2/1 X one",
            "a/2/1 waits for a/1, a/1/1 waits for a/2; breaks at a/2",
        ),
    ]);
}

/// If only `a/1/1` ended, `a/1` would still hold the lock that `b/1/1` waits for.
#[test]
fn a_cycle_breaks_where_the_last_hold_of_the_lineage_goes() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 X one", "granted"),
        ("a/1/1 X one", "granted"),
        ("b/1 X two", "granted"),
        ("b/1/1 X one", "wait"),
        (
            "a/1/1/1 X two",
            "a/1/1/1 waits for b/1, b/1/1 waits for a/1; breaks at a/1",
        ),
    ]);
}

/// `c/1` is ahead of `b/1/1` in the queue for `one`, and waits for `a/1`.
#[test]
fn cycle_through_the_queue_is_found() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 S one", "granted"),
        ("b/1 X two", "granted"),
        ("c/1 X one", "wait"),
        ("b/1/1 S one", "wait"),
        (
            "a/1/1 X two",
            "a/1/1 waits for b/1, b/1/1 waits for c/1, c/1 waits for a/1; breaks at a/1",
        ),
    ]);
}

/// `b/1/1` does not wait for `a/1`, with which it is compatible. It would wait for `a/1/1`, which
/// is queued ahead of it.
#[test]
fn overtaking_request_can_close_a_cycle() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 S one", "granted"),
        ("d/1 S one", "granted"),
        ("b/1 X two", "granted"),
        ("c/1 X one", "wait"),
        ("b/1/1 S one", "wait"),
        (
            "d/1/1 X two",
            "d/1/1 waits for b/1, b/1/1 waits for c/1, c/1 waits for d/1; breaks at d/1",
        ),
        ("a/1/1 X one", "wait"),
    ]);
}

#[test]
fn a_session_that_ends_takes_its_requests_along() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 IX *", "granted"),
        ("a/1 X sink", "granted"),
        ("b/1 X sink", "wait"),
        ("a/2 X sink", "wait"),
    ]);
    let of_a = scene.table.of_session(owner("a").session);
    assert_eq!(of_a.len(), 3);
    assert_eq!(scene.table.release(&of_a, 7), [scene.ids["b/1 X sink"]]);
    let left: Vec<&TableEntry> = scene.table.entries().collect();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].place, left[0].since), (QueuePlace::Granted, 7));
}

#[test]
fn a_table_reads_back_from_its_snapshot() {
    let mut scene = Scene::default();
    scene.check(&[
        ("a/1 S sink", "granted"),
        ("d/1 S sink", "granted"),
        ("b/1 X sink", "wait"),
        ("a/1/1 X sink", "wait"),
        ("c/1 S sink", "wait"),
    ]);
    let mut again = LockTable::from(scene.table.snapshot());
    assert_eq!(again.snapshot(), scene.table.snapshot());
    let ids: Vec<RequestId> = scene.ids.values().copied().collect();
    for id in ids {
        assert_eq!(again.release(&[id], 1), scene.table.release(&[id], 1));
        assert_eq!(again.snapshot(), scene.table.snapshot());
    }
    assert!(again.waiting.is_empty() && again.resources.is_empty());
}

#[test]
fn a_chain_names_what_each_call_does() {
    let mut scene = Scene::default();
    scene.check(&[("a/1 X one", "granted"), ("a/1/3/2 X two", "granted")]);
    let chain = scene.table.chain(&owner("a/1/3/2"));
    assert_eq!(chain, ["one.run", "call 3", "two.run"]);
    assert!(scene.table.chain(&owner("b")).is_empty());
}
