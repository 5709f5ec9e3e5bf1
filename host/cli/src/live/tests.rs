//! The tree of runs with jobs, items, nested calls and nested workflows.

use sedge_app::types::{Lineage, LogLevel, LogLine, RunId, StepAttempt, StepInstance, StepPath};

use super::lines::lines;
use super::*;

const ROOT: &str = "000000000000";
const CHILD: &str = "000000000001";

/// The width of the terminal.
const COLUMNS: usize = 80;

fn run(id: &str) -> RunId {
    id.parse().expect("an id")
}

/// Returns a step, or an item of it: `JOB/STEP` or `JOB/STEP:ITEM`.
fn instance(path: &str) -> StepInstance {
    let (path, item) = match path.split_once(':') {
        Some((path, item)) => (path, Some(item.parse().expect("a name"))),
        None => (path, None),
    };
    let (job, step) = path.split_once('/').expect("a path");
    StepInstance {
        path: StepPath {
            job: job.parse().expect("a name"),
            step: step.parse().expect("a name"),
        },
        expansion: item,
    }
}

fn attempt(path: &str) -> StepAttempt {
    StepAttempt {
        step: instance(path),
        attempt: 1,
    }
}

fn started(id: &str, path: &str) -> Event {
    Event::StepStarted {
        run: run(id),
        step: attempt(path),
    }
}

fn ended(id: &str, path: &str) -> Event {
    ended_as(id, path, true, false)
}

fn ended_as(id: &str, path: &str, succeeded: bool, is_allowed: bool) -> Event {
    Event::StepEnded {
        run: run(id),
        step: attempt(path),
        elapsed: Duration::ZERO,
        succeeded,
        is_allowed,
    }
}

fn expanded(path: &str, n_instances: usize) -> Event {
    Event::StepExpanded {
        run: run(ROOT),
        step: instance(path).path,
        n_instances,
    }
}

fn child_started(path: &str) -> Event {
    Event::ChildStarted {
        run: run(ROOT),
        step: attempt(path),
        child: run(CHILD),
        workflow: "w".parse().expect("a name"),
    }
}

fn tree(events: &[Event]) -> LiveTree {
    let mut tree = LiveTree::default();
    for event in events {
        tree.record(event, Duration::ZERO);
    }
    tree
}

/// Returns the lines without the time.
fn shown(tree: &LiveTree, n_max: usize) -> Vec<String> {
    let lines = lines(tree, n_max, COLUMNS);
    lines.iter().map(|line| line.replace("0 s", "T")).collect()
}

#[test]
fn steps_under_way_are_below_their_jobs() {
    let mut tree = tree(&[
        started(ROOT, "main/a"),
        started(ROOT, "main/b"),
        started(ROOT, "other/c"),
        ended(ROOT, "main/a"),
    ]);
    assert_eq!(
        shown(&tree, 16),
        ["main (1 running, 1 succeeded)", "  b: T", "other", "  c: T"]
    );
    for step in ["main/b", "other/c"] {
        let shown = tree.record(&ended(ROOT, step), Duration::ZERO);
        assert!(shown.is_line, "{step}");
    }
    assert!(shown(&tree, 16).is_empty());
}

#[test]
fn failed_step_stays_in_the_tree() {
    let tree = tree(&[
        started(ROOT, "main/a"),
        started(ROOT, "main/b"),
        started(ROOT, "main/c"),
        ended_as(ROOT, "main/c", false, true),
        ended_as(ROOT, "main/assert", false, false),
    ]);
    assert_eq!(
        shown(&tree, 16),
        [
            "main (2 running, 1 failed, 1 failed (allowed))",
            "  c: failed (allowed)",
            "  assert: failed",
            "  a: T",
            "  b: T",
        ]
    );
}

#[test]
fn step_that_is_run_again_counts_once() {
    let mut tree = tree(&[
        started(ROOT, "main/a"),
        ended_as(ROOT, "main/a", false, false),
        started(ROOT, "main/a"),
    ]);
    assert_eq!(shown(&tree, 16), ["main", "  a: T"]);
    tree.record(&ended(ROOT, "main/a"), Duration::ZERO);
    tree.record(&started(ROOT, "main/b"), Duration::ZERO);
    assert_eq!(
        shown(&tree, 16),
        ["main (1 running, 1 succeeded)", "  b: T"]
    );
}

#[test]
fn past_event_counts_its_time() {
    let mut tree = LiveTree::default();
    tree.record(&started(ROOT, "main/a"), Duration::from_secs(90));
    let lines = lines(&tree, 16, COLUMNS);
    assert_eq!(lines, ["main", "  a: 90 s"]);
}

#[test]
fn nested_workflow_is_below_its_step() {
    let tree = tree(&[
        started(ROOT, "main/n"),
        child_started("main/n"),
        started(CHILD, "inner/a"),
        Event::GateOpened {
            run: run(CHILD),
            gate: instance("inner/gate"),
            prompt: String::new(),
            deadline: None,
        },
    ]);
    assert_eq!(
        shown(&tree, 16),
        [
            "main",
            "  n: T",
            "    inner",
            "      a: T",
            "      gate: waits for a decision, T"
        ]
    );
}

#[test]
fn nested_calls_are_below_their_step() {
    let root = Lineage::root(run(ROOT));
    let begun = |call: Lineage| Event::CallStarted {
        call,
        step: Some(instance("main/a")),
        model: "sink".parse().expect("a name"),
        method: "run".parse().expect("a name"),
    };
    let mut events = vec![started(ROOT, "main/a"), begun(root.child(1))];
    events.extend((1..=5).map(|n| begun(root.child(1).child(n))));
    let mut tree = tree(&events);
    let expect = [
        "main",
        "  a: T",
        "    sink.run: T",
        "    sink.run: T",
        "    sink.run: T",
        "    … and 2 more calls",
    ];
    assert_eq!(shown(&tree, 16), expect);
    for n in 1..=5 {
        let ended = Event::CallEnded {
            call: root.child(1).child(n),
            step: Some(instance("main/a")),
        };
        tree.record(&ended, Duration::ZERO);
    }
    assert_eq!(shown(&tree, 16), ["main", "  a: T"]);
}

#[test]
fn last_line_of_a_step_is_beside_it_without_control_characters() {
    let mut tree = tree(&[started(ROOT, "main/a")]);
    let logged = |level, message: &str| Event::Logged {
        call: Lineage::root(run(ROOT)).child(1),
        step: Some(instance("main/a")),
        model: "sink".parse().expect("a name"),
        method: "run".parse().expect("a name"),
        line: LogLine {
            level,
            message: message.to_owned(),
            fields: Vec::new(),
        },
    };
    let shown_as = tree.record(
        &logged(LogLevel::Info, "at\r\u{1b}[2J 10 %"),
        Duration::ZERO,
    );
    assert!(!shown_as.is_line);
    let shown_as = tree.record(&logged(LogLevel::Debug, "a detail"), Duration::ZERO);
    assert!(!shown_as.is_line);
    assert_eq!(shown(&tree, 16), ["main", "  a: T  sink.run: at␍␛[2J 10 %"]);
    let shown_as = tree.record(&logged(LogLevel::Warn, "slow"), Duration::ZERO);
    assert!(shown_as.is_line);
}

#[test]
fn items_are_counted_and_failures_are_lines() {
    let mut tree = tree(&[
        expanded("main/each", 1000),
        started(ROOT, "main/each:a"),
        started(ROOT, "main/each:b"),
        started(ROOT, "main/each:c"),
    ]);
    let shown_as = tree.record(&ended(ROOT, "main/each:a"), Duration::ZERO);
    assert!(!shown_as.is_line);
    let failed = ended_as(ROOT, "main/each:b", false, false);
    assert!(tree.record(&failed, Duration::ZERO).is_line);
    assert_eq!(
        shown(&tree, 16),
        [
            "main (1 running, 1 succeeded, 1 failed)",
            "  each (1 running, 1 succeeded, 1 failed, 997 queued)",
            "    b: failed",
            "    c: T",
        ]
    );
    assert_eq!(tree.items_unreported().len(), 1);
    assert!(tree.items_unreported().is_empty());
}

#[test]
fn last_item_is_reported_once() {
    let mut tree = tree(&[
        expanded("main/each", 2),
        started(ROOT, "main/each:a"),
        started(ROOT, "main/each:b"),
        ended(ROOT, "main/each:a"),
    ]);
    let last = tree.record(&ended(ROOT, "main/each:b"), Duration::ZERO);
    let (_, path) = last.items_ended.expect("all items have ended");
    assert_eq!(path.to_string(), "main/each");
    assert!(tree.items_unreported().is_empty());
}

#[test]
fn steps_of_an_items_workflow_are_counted() {
    let mut tree = tree(&[
        started(ROOT, "main/each:a"),
        child_started("main/each:a"),
        started(CHILD, "inner/x"),
    ]);
    let ended = tree.record(&ended(CHILD, "inner/x"), Duration::ZERO);
    assert!(!ended.is_line);
}

#[test]
fn tree_has_a_bounded_number_of_lines() {
    let mut events = vec![expanded("main/each", 5000)];
    events.extend((0..2000).map(|n| started(ROOT, &format!("main/each:i{n}"))));
    events.extend((0..500).map(|n| ended_as(ROOT, &format!("main/each:i{n}"), false, false)));
    let mut tree = tree(&events);
    assert_eq!(
        shown(&tree, 7),
        [
            "main (1500 running, 500 failed)",
            "  each (1500 running, 500 failed, 3000 queued)",
            "    i498: failed",
            "    i499: failed",
            "    i500: T",
            "    i501: T",
            "    … and 1498 more",
        ]
    );
    for n in 0..40 {
        tree.record(&started(ROOT, &format!("j{n}/s")), Duration::ZERO);
    }
    for n_max in [1, 2, 7, 30, 200] {
        assert!(lines(&tree, n_max, COLUMNS).len() <= n_max, "{n_max}");
    }
    let shown = shown(&tree, 5);
    assert!(shown[4].ends_with(" more lines)"), "{shown:?}");
}

#[test]
fn long_name_leaves_room_for_the_state() {
    let name = "x".repeat(100);
    let tree = tree(&[started(ROOT, &format!("main/{name}"))]);
    let shown = lines(&tree, 16, 40);
    assert_eq!(shown[1], format!("  {}…: 0 s", "x".repeat(19)));
}
