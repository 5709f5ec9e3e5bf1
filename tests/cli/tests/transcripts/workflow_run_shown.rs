//! How `sedge workflow run` shows a run: before it, while it is worked on, and in files.

use sedge_test_kit::TestEnv;
use serde_json::Value;

use crate::fixtures::{with_hostile, with_workflows, xml_elements};

/// A step that fails, one that is skipped, and one that may fail.
const MIXED: &str = "\
name: mixed
jobs:
  - name: main
    steps:
      - name: good
        task: {type: model_method, modelIdOrName: sink, methodName: run, inputs: {note: \"${{ inputs.note }}\"}}
      - name: allowed
        allowFailure: true
        task: {type: model_method, modelIdOrName: hostile, methodName: trap}
      - name: bad
        task: {type: model_method, modelIdOrName: hostile, methodName: trap}
      - name: after
        dependsOn: [good, bad]
        task: {type: model_method, modelIdOrName: sink, methodName: run, inputs: {note: \"${{ steps.good.status }}\"}}
inputs:
  note: {type: string, default: hi}
";

fn with_mixed() -> TestEnv {
    let env = with_hostile();
    env.write_file("workflows/mixed.yaml", MIXED);
    env
}

/// Returns the documents of JSON lines.
fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines().map(serde_json::from_str);
    lines
        .map(|line| line.expect("each line is a document"))
        .collect()
}

#[test]
fn dry_run_records_nothing() {
    let env = with_mixed();
    let before = env.run_json(["run", "list"]);
    insta::assert_snapshot!(env.run(["workflow", "run", "mixed", "--dry-run", "--input", "note=x"]), @r#"
    ------- stdout -------
    workflow mixed would run 4 steps
      input note: "x"

    job main
        1  good: method sink.run
           note: x
        1  bad: method hostile.trap
        1  allowed: method hostile.trap
        2  after: method sink.run
           note: ${{ steps.good.status }}
           known later: note: the steps have results when they have ended
    ------- stderr -------
    Nothing was run, and nothing was recorded.
    "#);
    let planned = env.run_json(["workflow", "run", "mixed", "--dry-run"]);
    assert_eq!(planned["data"]["dryRun"], true);
    assert_eq!(env.run_json(["run", "list"]), before);
}

#[test]
fn events_are_json_lines_and_the_document_is_the_last_one() {
    let env = with_workflows();
    let output = env.run(["workflow", "run", "A", "--json-lines"]);
    assert_eq!(
        (output.code(), output.stderr.as_str()),
        (Some(0), ""),
        "{output}"
    );
    let mut lines = lines(&output.stdout);
    let last = lines.pop().expect("there is one");
    assert_eq!(last["ok"], true);
    assert_eq!(last["data"]["status"], "succeeded");
    let mut events = lines.iter().filter(|line| line["event"] != "logged");
    assert!(
        events.clone().all(|it| it["run"] == last["data"]["run"]),
        "{output}"
    );
    let seqs: Vec<u64> = events.clone().filter_map(|it| it["seq"].as_u64()).collect();
    assert!(seqs.is_sorted() && seqs.first() == Some(&1), "{output}");
    let started = events.find(|it| it["event"] == "stepStarted");
    let started = started.expect("the step has started");
    assert_eq!(started["step"], "main/spawn");
    assert_eq!(started["attempt"], 1);
}

#[test]
fn failure_is_the_last_json_line() {
    let env = with_mixed();
    let output = env.run(["workflow", "run", "mixed", "--json-lines"]);
    assert_eq!(
        (output.code(), output.stderr.as_str()),
        (Some(1), ""),
        "{output}"
    );
    let lines = lines(&output.stdout);
    let last = lines.last().expect("there is one");
    assert_eq!(last["ok"], false);
    assert!(
        lines.iter().any(|it| it["event"] == "stepFailed"),
        "{output}"
    );
}

#[test]
fn junit_report_is_written_after_a_failure() {
    let env = with_mixed();
    let output = env.run(["workflow", "run", "mixed", "--junit", "steps.xml"]);
    assert_eq!(output.code(), Some(1), "{output}");
    let report = env.read_file("steps.xml");
    for part in [
        "<testsuites name=\"mixed\" tests=\"4\"",
        "<testsuite name=\"main\"",
        "<testcase name=\"good\" classname=\"mixed.main\"",
        "type=\"trapped\"",
        "it failed, which the run allows",
        "the step `bad` did not end as `succeeded`",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let elements = xml_elements(&report);
    let n_of = |name: &str| elements.iter().filter(|it| *it == name).count();
    assert_eq!(n_of("testsuites"), 1, "{report}");
    assert_eq!(n_of("testsuite"), 1, "{report}");
    assert_eq!(n_of("testcase"), 4, "{report}");
    assert_eq!(n_of("failure"), 1, "{report}");
    assert_eq!(n_of("skipped"), 2, "{report}");
}

/// The names of steps, items and messages come from files and plugins.
#[test]
fn junit_report_of_hostile_texts_is_well_formed() {
    let env = with_hostile();
    let workflow = r#"
name: odd
jobs:
  - name: main
    steps:
      - name: "<a> & \"b\" ${{ self.x }}"
        forEach: {item: x, in: ["]]>", "<!--", "&amp;"]}
        task: {type: model_method, modelIdOrName: sink, methodName: run}
      - name: bad
        task: {type: model_method, modelIdOrName: hostile, methodName: fail, inputs: {code: "no", message: "</failure>]]>\e[2J\n<x a='"}}
"#;
    env.write_file("workflows/odd.yaml", workflow);
    let output = env.run(["workflow", "run", "odd", "--junit", "steps.xml"]);
    assert_eq!(output.code(), Some(1), "{output}");
    let report = env.read_file("steps.xml");
    let elements = xml_elements(&report);
    let n_cases = elements.iter().filter(|it| *it == "testcase").count();
    assert_eq!(n_cases, 4, "{report}");
    assert!(!report.contains('\u{1b}'), "{report}");
}

#[test]
fn junit_report_says_which_steps_wait() {
    let env = with_workflows();
    let output = env.run(["workflow", "run", "B", "--junit", "steps.xml"]);
    assert_eq!(output.code(), Some(4), "{output}");
    let report = env.read_file("steps.xml");
    assert!(report.contains("it waits for a decision"), "{report}");
    assert!(report.contains("it has not started"), "{report}");
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let env = with_workflows();
    for options in [
        ["--dry-run", "--stdin"],
        ["--dry-run", "--json-lines"],
        ["--junit=x.xml", "--stdin"],
    ] {
        let words = ["workflow", "run", "A"].into_iter().chain(options);
        let output = env.run_with_stdin(words, "");
        assert_eq!(output.code(), Some(2), "{output}");
    }
    let output = env.run(["workflow", "run", "A", "--junit", ".sedge/x.xml"]);
    assert_eq!(output.code(), Some(2), "{output}");
}

#[test]
fn timeline_has_waits_apart_from_work() {
    let env = with_workflows();
    let suspended = env.run(["workflow", "run", "B"]);
    assert_eq!(suspended.code(), Some(4), "{suspended}");
    env.setup(&["workflow approve B gate", "workflow resume B"]);
    let shown = env.run(["run", "show", "--timeline"]).stdout;
    let row = |name: &str| {
        shown
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or("")
    };
    assert!(row("main/gate").contains('░'), "{shown}");
    assert!(row("main/spawn").contains('█'), "{shown}");
    assert!(shown.contains("  sink.run"), "{shown}");
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    let picture = env
        .run(["run", "show", "--timeline", "--format", "svg"])
        .stdout;
    assert!(xml_elements(&picture).contains(&"rect".to_owned()));
    assert!(
        picture.starts_with("<svg ") && picture.ends_with("</svg>\n"),
        "{picture}"
    );
}

#[test]
fn tree_is_drawn_on_a_terminal_and_erased() {
    let env = with_workflows();
    let line = |term: &str| format!("export TERM={term}; stty cols 80; sedge workflow run A");
    let shown = env.spawn_on_terminal(&line("xterm")).wait().to_string();
    assert!(
        shown.contains("Step main/spawn: succeeded after"),
        "{shown}"
    );
    assert!(!shown.contains("Step main/spawn: started."), "{shown}");
    let lines = env.spawn_on_terminal(&line("dumb")).wait().to_string();
    assert!(lines.contains("Step main/spawn: started."), "{lines}");
    assert!(!lines.contains('\u{1b}'), "{lines}");
}

/// Thousands of items would push everything else off the screen.
#[test]
fn items_are_counted_on_a_terminal() {
    let env = with_workflows();
    let workflow = "\
name: many
jobs:
  - name: main
    steps:
      - name: each
        forEach: {item: x, in: [a, b, c, d, e]}
        task: {type: model_method, modelIdOrName: sink, methodName: run}
";
    env.write_file("workflows/many.yaml", workflow);
    for command in ["workflow run many", "run watch"] {
        let line = format!("export TERM=xterm; stty cols 40 rows 10; sedge {command}");
        let shown = env.spawn_on_terminal(&line).wait().to_string();
        // Lines that are too long for the terminal are folded.
        let unfolded = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            unfolded.contains("Step main/each: of its items, 5 succeeded."),
            "{shown}"
        );
        assert!(!shown.contains("each[0]: succeeded"), "{shown}");
        let lines = env.run(command.split(' '));
        assert!(
            lines.stderr.contains("Step main/each[0]: succeeded"),
            "{lines}"
        );
    }
}

/// The lines of the log are on stdout, and the tree is below them on the same terminal.
#[test]
fn followed_log_ends_with_the_end_of_the_run_on_a_terminal() {
    let env = with_workflows();
    env.setup(&["workflow run A"]);
    let line = "export TERM=xterm; stty cols 80; sedge run logs --follow";
    let shown = env.spawn_on_terminal(line).wait();
    assert_eq!(shown.code(), Some(0), "{shown}");
    assert!(
        shown.to_string().contains("The workflow `A` succeeded."),
        "{shown}"
    );
}

#[test]
fn log_is_followed_until_the_run_has_ended() {
    let env = with_hostile();
    env.setup(&["model method run hostile print --input lines=1"]);
    insta::assert_snapshot!(env.run(["run", "logs", "--follow"]), @r"
    ------- stdout -------
    1  hostile.print: stdout line 1
    1  hostile.print: warn: stderr line 1
    ");
}
