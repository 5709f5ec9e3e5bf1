//! Timelines of a run with a gate, a retry and nested calls.

use std::collections::BTreeMap;

use sedge_api::view::run::{RunKindView, RunStatusView, RunView};
use serde_json::Value;

use super::*;
use crate::guest_text;

fn run(ended_at: Option<u64>) -> RunReport {
    RunReport {
        run: RunView {
            id: "k3v9q2x8w1mz".to_owned(),
            kind: RunKindView::Workflow,
            subject: "w".to_owned(),
            method: None,
            exclusive: false,
            status: RunStatusView::Succeeded,
            started_by: "tester".to_owned(),
            started_at: Time::from_ms(0),
            ended_at: ended_at.map(Time::from_ms),
            duration_ms: ended_at,
            parent: None,
            can_only_fail: false,
            deadline_passed: false,
        },
        parent_step: None,
        parent_call: None,
        tags: BTreeMap::new(),
        working_ms: 4000,
        waiting_ms: 3_600_000,
        cancelled: None,
        inputs: None,
        error: None,
        failed_jobs: Vec::new(),
        steps: Vec::new(),
        calls: Vec::new(),
    }
}

fn step(name: &str, status: StepStatusView, span: Option<(u64, Option<u64>)>) -> StepView {
    StepView {
        step: name.to_owned(),
        expansion_of: None,
        status,
        because: None,
        decided_by: None,
        comment: None,
        prompt: None,
        deadline: None,
        digest: None,
        former_approval: None,
        error: None,
        is_allowed: false,
        calls: Vec::new(),
        evaluation_calls: Vec::new(),
        child: None,
        failed_attempts: Vec::new(),
        next_attempt_at: None,
        started_at: span.map(|it| Time::from_ms(it.0)),
        ended_at: span.and_then(|it| it.1).map(Time::from_ms),
        duration_ms: None,
    }
}

fn call(name: &str, from: u64, took: f64, calls: Vec<CallView>) -> CallView {
    CallView {
        call: name.to_owned(),
        step: Some("main/a".to_owned()),
        model: "m".to_owned(),
        method: "run".to_owned(),
        status: CallStatusView::Succeeded,
        arguments: Value::Null,
        outcome: None,
        error: None,
        kept: None,
        rolled_back: None,
        retries: 0,
        started_at: Time::from_ms(from),
        until_commit_ms: Some(took),
        waited_ms: None,
        calls,
        runs: Vec::new(),
    }
}

/// Returns a run of two seconds of work, an hour at a gate, and two more seconds.
fn sample() -> RunReport {
    let mut report = run(Some(3_604_000));
    let mut a = step("main/a", StepStatusView::Succeeded, Some((0, Some(2000))));
    a.calls = vec!["R/1".to_owned(), "R/2".to_owned()];
    let gate = step(
        "main/gate",
        StepStatusView::Approved,
        Some((2000, Some(3_602_000))),
    );
    let last = step(
        "main/last",
        StepStatusView::Failed,
        Some((3_602_000, Some(3_604_000))),
    );
    let skipped = step("main/\u{1b}[2Jskipped", StepStatusView::Skipped, None);
    report.steps = vec![a, gate, last, skipped];
    report.calls = vec![
        call("R/1", 0, 500.0, Vec::new()),
        call(
            "R/2",
            1000,
            1000.0,
            vec![call("R/2/1", 1500, 500.0, Vec::new())],
        ),
    ];
    report
}

fn of(report: &RunReport, columns: usize) -> String {
    let made = timeline(report, &ChildReports::new(), Time::from_ms(3_604_000), 20);
    text::drawn(&made, columns)
}

#[test]
fn work_is_apart_from_waiting() {
    let expect = "\
run k3v9q2x8w1mz of workflow w: succeeded
worked for 4.0 s, waited at gates for 60.0 min

main/a             ███    █████                1.5 s
  m.run                     ███                500.0 ms
main/gate                       ░              60.0 min approved
main/last                        ██████████    2.0 s failed
main/␛[2Jskipped                             skipped

█ works, ░ waits at a gate
Time without work is drawn short.";
    let shown = of(&sample(), 62);
    // The exact columns follow from the scale, and what matters is in each line.
    let words = |text: &str| {
        let kept = text.chars().filter(|it| !" █░".contains(*it));
        kept.collect::<String>()
    };
    assert_eq!(words(&shown), words(expect), "{shown}");
    let row = |name: &str| {
        let mut lines = shown.lines();
        lines
            .find(|line| line.contains(name))
            .expect("it is shown")
            .to_owned()
    };
    assert!(row("main/gate").contains('░') && !row("main/gate").contains('█'));
    // The pause between the attempts is empty.
    let a = row("main/a ");
    assert!(
        a.trim_end()
            .split('█')
            .any(|gap| !gap.is_empty() && gap.trim().is_empty()),
        "{a}"
    );
}

#[test]
fn timeline_fits_into_its_columns() {
    let mut report = sample();
    report.steps[0].step = "x".repeat(300);
    for columns in [40, 60, 80, 200] {
        let shown = of(&report, columns);
        let widest = shown.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(columns), "{shown}");
    }
}

#[test]
fn picture_has_no_control_characters() {
    let made = timeline(&sample(), &ChildReports::new(), Time::from_ms(0), 20);
    let picture = svg::drawn(&made);
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    let is_safe = |c: char| c == '\n' || !guest_text::is_hidden(c);
    assert!(picture.chars().all(is_safe));
    assert!(picture.contains("class=\"waiting\"") && picture.contains("class=\"failed\""));
}

#[test]
fn steps_of_nested_workflows_are_below_their_step() {
    let mut report = run(None);
    let mut nested = step("main/n", StepStatusView::Running, Some((0, None)));
    nested.child = Some("child".to_owned());
    report.steps = vec![nested];
    let mut child = run(None);
    child.steps = vec![step("inner/a", StepStatusView::Running, Some((10, None)))];
    let children = ChildReports::from([("child".to_owned(), child)]);
    let made = timeline(&report, &children, Time::from_ms(1000), 20);
    let rows: Vec<(&str, usize, u64)> = made
        .rows
        .iter()
        .map(|row| (row.label.as_str(), row.depth, row.duration_ms()))
        .collect();
    assert_eq!(rows, [("main/n", 0, 1000), ("inner/a", 1, 990)]);
}

#[test]
fn step_waits_while_only_gates_of_its_workflow_are_open() {
    let bar = |from, until, is_wait| TimelineBar {
        from,
        until,
        is_wait,
    };
    let check = |below: &[TimelineBar], expect: &[TimelineBar]| {
        assert_eq!(parts_of(bar(10, 100, false), below), expect);
    };
    check(&[], &[bar(10, 100, false)]);
    let gate = bar(20, 90, true);
    let apart = [bar(10, 20, false), gate, bar(90, 100, false)];
    check(&[gate], &apart);
    check(&[bar(15, 20, false), gate, bar(30, 30, false)], &apart);
    let works = bar(40, 60, false);
    let parts = [
        bar(10, 20, false),
        bar(20, 40, true),
        works,
        bar(60, 90, true),
        bar(90, 100, false),
    ];
    check(&[gate, works], &parts);
    check(&[bar(0, 200, true)], &[bar(10, 100, true)]);
}

#[test]
fn calls_beyond_the_limit_are_counted() {
    let mut report = run(Some(10));
    let calls = (0..5).map(|n| CallView {
        step: None,
        ..call("R/1", n, 1.0, Vec::new())
    });
    report.calls = calls.collect();
    let made = timeline(&report, &ChildReports::new(), Time::from_ms(10), 2);
    let labels: Vec<&str> = made.rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(labels, ["m.run", "m.run", "and 3 more calls"]);
}
