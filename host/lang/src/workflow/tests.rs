//! Valid and invalid workflow files.
//!
//! The folder `tests/workflows` of this crate has whole files, what each of them notes
//! (`notes.txt`), and wrong files with their faults (`diagnostics.txt`).

use std::fmt::Write as _;

use super::*;
use crate::test_values::{assert_same, fault_shown as shown};

mod evaluated;
mod foreign;
mod keys;

/// Defines [`FILES`].
macro_rules! files {
    ($($name:literal,)*) => {
        /// The valid files of the folder, each with its name.
        const FILES: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../tests/workflows/", $name, ".yaml"))),)*
        ];
    };
}

files! {
    "any-of",
    "asserts",
    "big-job",
    "block-texts",
    "cost-report",
    "daily-check",
    "exclusive",
    "file-contents",
    "gates",
    "guarded",
    "hook",
    "hyphens",
    "looked-up",
    "many-conditions",
    "map-items",
    "nested",
    "one-map",
    "placed",
    "plain",
    "release",
    "results",
    "scan-regions",
    "stop-instances",
    "typed",
}

fn parse(text: &str) -> Result<Workflow, Faults> {
    Workflow::parse(&SourceFile::new("w.yaml", text))
}

#[test]
fn workflow_by_another_tool_is_accepted() {
    let workflow = parse(
        "id: 5d4a6b0e-0000-4000-8000-000000000000\nname: w\ndescription: d\nversion: 1\njobs:\n- name: main\n  steps:\n\
         \x20 - name: gate\n    task: {type: manual_approval, prompt: Go on?}\n\
         \x20 - name: go\n    dependsOn: [{step: gate, condition: {type: succeeded}}]\n    allowFailure: true\n\
         \x20   task:\n      type: model_method\n      modelIdOrName: spawn\n      methodName: run\n      inputs: {count: 2}\n",
    )
    .expect("a good file");
    let steps: Vec<&Step> = workflow.steps().collect();
    assert_eq!(workflow.prompt(&steps[0].path), "Go on?");
    assert_eq!(steps[1].path.to_string(), "main/go");
    assert!(steps[1].allow_failure);
    let on: Vec<&str> = steps[1].depends_on[0]
        .dependencies()
        .into_iter()
        .map(|it| it.on.as_str())
        .collect();
    assert_eq!(on, ["gate"]);
    let Task::ModelMethod { inputs, .. } = &steps[1].task else {
        panic!("a model's method")
    };
    assert_eq!(inputs.literal(), Some(serde_json::json!({"count": 2})));
    assert_eq!(
        (workflow.notes(), workflow.unsupported_in_run()),
        (vec![], vec![])
    );
}

#[test]
fn code_that_looks_like_one_of_this_program_is_noted() {
    let text = |on: &str| {
        format!(
            "name: w\njobs:\n  - name: j\n    steps:\n      - name: s\n        \
             retry: {{attempts: 2, on: [{on}]}}\n        task: {{type: model_method, \
             modelIdOrName: m, methodName: run}}\n"
        )
    };
    let notes = |on: &str| parse(&text(on)).expect("a workflow").notes();
    assert_eq!(notes("timed-out, not-reachable"), vec![]);
    let found = notes("busy, timeout");
    let [note] = &found[..] else {
        panic!("one code is noted");
    };
    assert!(note.message.ends_with("this program is `timed-out`"));
    assert_eq!(note.file.slice(note.span.clone()), "timeout");
}

#[test]
fn use_of_a_sensitive_input_that_would_fail_is_noted() {
    let text = |guard: &str, tag: &str| {
        format!(
            "name: w\ninputs: {{pw: {{type: string, sensitive: true}}, a: {{type: string}}}}\n\
             jobs:\n  - name: j\n    steps:\n      - name: s\n        guard: \"{guard}\"\n        \
             tags: {{t: \"{tag}\"}}\n        task: {{type: model_method, modelIdOrName: m, \
             methodName: run}}\n"
        )
    };
    let notes = |guard: &str, tag: &str| parse(&text(guard, tag)).expect("a workflow").notes();
    assert_eq!(notes("has(inputs.pw)", "${{ inputs.a }}"), vec![]);
    let found = notes("inputs.pw == 'x'", "a ${{ inputs.pw }}");
    let messages: Vec<&str> = found.iter().map(|it| it.message.as_str()).collect();
    let expect = [
        "`inputs.pw` is sensitive, and a condition can neither compare it nor compute with it",
        "`inputs.pw` is sensitive, and a label cannot contain it: labels are part of records",
    ];
    assert_eq!(messages, expect);
}

/// What a file notes does not change without a reason.
#[test]
fn files_are_accepted_with_their_notes() {
    let mut text = String::new();
    for (name, file) in FILES {
        writeln!(text, "### {name}").expect("a text takes any text");
        let workflow = match parse(file) {
            Ok(workflow) => workflow,
            Err(faults) => {
                for fault in &faults {
                    writeln!(text, "FAULT {}", shown(fault)).expect("a text takes any text");
                }
                continue;
            }
        };
        assert_eq!(workflow.name.as_str().rsplit('/').next(), Some(*name));
        for note in workflow.notes() {
            writeln!(text, "note {}", shown(&note)).expect("a text takes any text");
        }
        for refused in workflow.unsupported_in_run() {
            writeln!(text, "run {}", shown(&refused)).expect("a text takes any text");
        }
    }
    assert_same(
        &text,
        include_str!("../../tests/workflows/notes.txt"),
        "notes.txt",
    );
}

/// Each fault is at the right place, and says what to write.
#[test]
fn faults_say_where_and_what_to_write() {
    let expected = include_str!("../../tests/workflows/diagnostics.txt");
    let mut text = String::new();
    let mut n_faults = 0;
    for case in expected.split("### ").skip(1) {
        let (title, rest) = case.split_once('\n').expect("a title is one line");
        let lines = rest.lines().filter(|line| !line.starts_with("=> "));
        let file = lines.fold(String::new(), |file, line| file + line + "\n");
        write!(text, "### {title}\n{file}").expect("a text takes any text");
        let faults = parse(&file).err();
        for fault in faults.iter().flatten() {
            n_faults += 1;
            writeln!(text, "=> {}", shown(fault)).expect("a text takes any text");
        }
    }
    assert!(n_faults >= 80, "{n_faults}");
    assert_same(&text, expected, "diagnostics.txt");
}

#[test]
fn groups_and_conditions_are_nested_to_a_limit() {
    let nested = |n: usize| {
        let (open, close) = ("{anyOf: [".repeat(n), "]}".repeat(n));
        let step = "task: {type: manual_approval}";
        format!(
            "name: w\njobs: [{{name: j, steps: [{{name: a, {step}}}, {{name: b, {step}, dependsOn: [{open}a{close}]}}]}}]\n"
        )
    };
    parse(&nested(15)).expect("it is not too deep");
    let faults = parse(&nested(16)).expect_err("it is too deep");
    let first = faults.first().expect("an error has a fault");
    assert_eq!(first.message, "groups are nested more than 16 deep");
}

/// The author of a file chooses the number of steps and what they wait for.
#[test]
fn fifty_thousand_steps_are_read_in_linear_time() {
    let file = |n: usize| {
        let mut text = String::from("name: w\njobs:\n- name: j\n  steps:\n");
        for at in 0..n {
            let on = match at.checked_sub(1) {
                Some(before) => format!(", dependsOn: [s{before}]"),
                None => String::new(),
            };
            writeln!(
                text,
                "  - {{name: s{at}, task: {{type: manual_approval}}{on}}}"
            )
            .expect("a text takes any text");
        }
        text
    };
    let text = file(50_000);
    let workflow = parse(&text).expect("a good file");
    assert_eq!(workflow.steps().count(), 50_000);
    // The first step waits for the last one, which closes the longest cycle.
    let cyclic = file(5_000);
    let cyclic = cyclic.replacen(
        "manual_approval}}",
        "manual_approval}, dependsOn: [s4999]}",
        1,
    );
    let faults = parse(&cyclic).expect_err("a cycle");
    assert_eq!(faults.len(), 1);
    let first = faults.first().expect("an error has a fault");
    assert!(
        first
            .message
            .starts_with("steps wait for each other: s0 -> s4999 -> s4998 -> ")
    );
    assert!(first.message.len() < 200);
}
