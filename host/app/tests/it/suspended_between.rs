//! Workflows with all kinds of tasks end the same in whatever pieces they run: at once, suspended
//! and resumed by another process between all steps, or failed at any step and resumed from it.

use std::collections::BTreeMap;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::run::show::run_show;
use sedge_app::types::{SourceFile, inputs_file};
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_app::workflow::resume::{ResumeRequest, workflow_resume};
use sedge_app::{AppError, RunFailed, RunUseError};
use serde_json::{Map, Value, json};

use crate::fixture::{House, ada, list_of, within};

/// The most suspensions of one run.
const N_SUSPENDED_MAX: usize = 100;

/// The prefix of the names of gates that the tests add.
const ADDED: &str = "before-";

/// Workflows: what each shows, and its files by name. The one that is run is `w`.
const WORKFLOWS: [(&str, &[(&str, &str)]); 14] = [
    ("methods in a chain", &[("w", CHAIN)]),
    ("conditions and groups", &[("w", CONDITIONS)]),
    ("`forEach`", &[("w", FOR_EACH)]),
    ("a `forEach` without a list", &[("w", BAD_ITEMS)]),
    ("guards of steps", &[("w", GUARDS)]),
    ("guards of jobs", &[("w", JOB_GUARDS)]),
    ("asserts", &[("w", ASSERTS)]),
    ("retries", &[("w", RETRIES)]),
    ("gates", &[("w", GATES)]),
    ("nested workflows", &[("w", NESTED), ("inner", INNER)]),
    (
        "nested workflows that fail",
        &[("w", NESTED), ("inner", BAD_INNER)],
    ),
    ("results and data", &[("w", RESULTS)]),
    ("jobs", &[("w", JOBS)]),
    ("steps by type, labels, names that vary", &[("w", DIRECT)]),
];

const CHAIN: &str = "
name: w
jobs:
  - name: main
    steps:
      - {name: a, task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: b, dependsOn: [a], task: {type: model_method, modelIdOrName: one, methodName: run, inputs: {steps: [{call: {model: two, steps: [add]}}, add]}}}
      - {name: c, dependsOn: [b], task: {type: model_method, modelIdOrName: sink, methodName: run, inputs: {note: end}}}
";

const CONDITIONS: &str = "
name: w
jobs:
  - name: main
    steps:
      - {name: good, task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: bad, allowFailure: true, task: {type: model_method, modelIdOrName: hostile, methodName: fail, inputs: {code: c, message: m}}}
      - {name: after-bad, dependsOn: [{step: bad, condition: failed}], task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: not-run, dependsOn: [bad], task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: after-skipped, dependsOn: [{step: not-run, condition: skipped}], task: {type: model_method, modelIdOrName: two, methodName: add}}
      - name: any
        dependsOn: [{anyOf: [{step: good, condition: failed}, {step: bad, condition: failed}]}]
        task: {type: model_method, modelIdOrName: two, methodName: add}
      - name: not-good
        dependsOn: [{step: good, condition: {type: not, condition: succeeded}}]
        task: {type: model_method, modelIdOrName: two, methodName: add}
      - name: all
        dependsOn: [{allOf: [{step: good, condition: completed}, {step: not-run, condition: always}]}]
        task: {type: model_method, modelIdOrName: two, methodName: add}
";

const FOR_EACH: &str = "
name: w
jobs:
  - name: main
    steps:
      - {name: list, forEach: {item: it, in: [a, b, c]}, task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: \"of ${{ self.it.key }}\", forEach: {item: it, in: {x: 1, y: 2}}, task: {type: model_method, modelIdOrName: two, methodName: add}}
      - {name: empty, forEach: {item: it, in: []}, task: {type: model_method, modelIdOrName: two, methodName: add}}
      - {name: after-list, dependsOn: [list, empty], forEach: {item: it, in: [1, 2]}, concurrency: 1, task: {type: model_method, modelIdOrName: sink, methodName: run, inputs: {note: \"n${{ self.it }}\"}}}
      - {name: end, dependsOn: [after-list], task: {type: model_method, modelIdOrName: two, methodName: add}}
";

const BAD_ITEMS: &str = "
name: w
jobs:
  - name: main
    steps:
      - {name: each, forEach: {item: it, in: \"${{ 1 }}\"}, task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: behind, dependsOn: [each], task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: other, task: {type: model_method, modelIdOrName: two, methodName: add}}
      - {name: on-failure, dependsOn: [{step: each, condition: failed}], task: {type: model_method, modelIdOrName: two, methodName: add}}
";

const GUARDS: &str = "
name: w
jobs:
  - name: main
    steps:
      - {name: first, guard: \"model.method('one', 'read') > 0\", task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: again, dependsOn: [first], guard: \"model.method('one', 'read') > 0\", task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: behind, dependsOn: [again], task: {type: model_method, modelIdOrName: two, methodName: add}}
      - {name: bad, allowFailure: true, guard: run.id, task: {type: model_method, modelIdOrName: two, methodName: add}}
";

const JOB_GUARDS: &str = "
name: w
jobs:
  - name: done
    guard: 1 < 2
    steps:
      - {name: a, task: {type: model_method, modelIdOrName: one, methodName: add}}
  - name: to-do
    guard: 1 > 2
    dependsOn: [{job: done}]
    steps:
      - {name: a, task: {type: model_method, modelIdOrName: two, methodName: add}}
  - name: last
    dependsOn: [{job: to-do}, {job: done, condition: completed}]
    steps:
      - {name: a, task: {type: model_method, modelIdOrName: two, methodName: add}}
";

const ASSERTS: &str = "
name: w
jobs:
  - name: main
    steps:
      - {name: add, task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: holds, dependsOn: [add], task: {type: assert, expr: \"model.method('one', 'read') == 1\"}}
      - {name: fails, dependsOn: [add], allowFailure: true, task: {type: assert, expr: \"1 > 2\", message: too small}}
      - {name: behind, dependsOn: [holds, {step: fails, condition: failed}], task: {type: model_method, modelIdOrName: two, methodName: add}}
      - {name: bad, dependsOn: [behind], task: {type: assert, expr: \"2 > 3\", severity: low}}
";

const RETRIES: &str = "
name: w
jobs:
  - name: main
    steps:
      - {name: keeps, allowFailure: true, retry: {attempts: 3, backoff: 1s, on: [c]}, task: {type: model_method, modelIdOrName: hostile, methodName: fail, inputs: {code: c, message: m, keep: true}}}
      - {name: other-code, retry: {attempts: 3, backoff: 1s, on: [c]}, task: {type: model_method, modelIdOrName: hostile, methodName: fail, inputs: {code: d, message: m}}}
      - {name: behind, dependsOn: [other-code], task: {type: model_method, modelIdOrName: two, methodName: add}}
";

const GATES: &str = "
name: w
jobs:
  - name: main
    steps:
      - {name: before, task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: gate, dependsOn: [before], task: {type: manual_approval, prompt: \"Go on?\"}}
      - {name: other, task: {type: manual_approval, prompt: \"Go on?\", timeout: 1h}}
      - {name: behind, dependsOn: [gate, other], task: {type: model_method, modelIdOrName: two, methodName: add}}
      - {name: rejected, dependsOn: [{step: gate, condition: failed}], task: {type: model_method, modelIdOrName: two, methodName: add}}
";

const NESTED: &str = "
name: w
jobs:
  - name: main
    steps:
      - {name: before, task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: nested, dependsOn: [before], task: {type: workflow, workflowIdOrName: inner}}
      - {name: behind, dependsOn: [nested], task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: each, dependsOn: [{step: nested, condition: completed}], concurrency: 1, forEach: {item: it, in: [a, b]}, task: {type: workflow, workflowIdOrName: inner}}
";

const INNER: &str = "
name: inner
jobs:
  - name: main
    steps:
      - {name: a, task: {type: model_method, modelIdOrName: two, methodName: add}}
      - {name: b, dependsOn: [a], task: {type: model_method, modelIdOrName: sink, methodName: run, inputs: {note: inside}}}
";

const BAD_INNER: &str = "
name: inner
jobs:
  - name: main
    steps:
      - {name: a, task: {type: model_method, modelIdOrName: two, methodName: add}}
      - {name: b, dependsOn: [a], task: {type: model_method, modelIdOrName: hostile, methodName: fail, inputs: {code: c, message: m}}}
";

const RESULTS: &str = "
name: w
jobs:
  - name: main
    steps:
      - {name: a, task: {type: model_method, modelIdOrName: sink-two, methodName: run, inputs: {note: hello}}}
      - {name: b, dependsOn: [a], task: {type: model_method, modelIdOrName: sink, methodName: run, inputs: {note: \"${{ steps.a.outputs.note }}\"}}}
      - {name: c, dependsOn: [b], task: {type: model_method, modelIdOrName: sink, methodName: run, inputs: {note: \"${{ steps.a.status }} and ${{ data.latest('sink-two', 'record').attributes.note }}\"}}}
      - {name: d, dependsOn: [c], task: {type: assert, expr: \"steps.a.outputs.note == 'hello'\"}}
";

const JOBS: &str = "
name: w
concurrency: 2
jobs:
  - name: bad
    steps:
      - {name: a, task: {type: model_method, modelIdOrName: hostile, methodName: fail, inputs: {code: c, message: m}}}
      - {name: b, task: {type: model_method, modelIdOrName: one, methodName: add}}
  - name: on-success
    dependsOn: [{job: bad}]
    steps:
      - {name: a, task: {type: model_method, modelIdOrName: one, methodName: add}}
  - name: on-failure
    dependsOn: [{job: bad, condition: failed}]
    steps:
      - {name: a, task: {type: model_method, modelIdOrName: two, methodName: add}}
  - name: last
    dependsOn: [{job: on-success, condition: skipped}, {job: on-failure, condition: completed}]
    steps:
      - {name: a, weight: 1, task: {type: model_method, modelIdOrName: two, methodName: add}}
      - {name: b, task: {type: model_method, modelIdOrName: two, methodName: add}}
";

const DIRECT: &str = "
name: w
tags: {team: a}
jobs:
  - name: main
    steps:
      - {name: direct, task: {type: model_method, modelType: \"@test/counter\", modelName: fresh, methodName: add}}
      - {name: again, dependsOn: [direct], task: {type: model_method, modelType: \"@test/counter\", modelName: fresh, methodName: add}}
      - {name: vary, tags: {stage: test}, dataOutputOverrides: [{specName: record, vary: [note]}], task: {type: model_method, modelIdOrName: sink, methodName: run, inputs: {note: eu}}}
";

/// Seven steps of all kinds, none of which fails.
const SOUND: &str = "
name: w
jobs:
  - name: main
    steps:
      - {name: add, task: {type: model_method, modelIdOrName: one, methodName: add}}
      - {name: nested-calls, dependsOn: [add], task: {type: model_method, modelIdOrName: one, methodName: run, inputs: {steps: [{call: {model: two, steps: [add]}}, add]}}}
      - {name: each, dependsOn: [nested-calls], forEach: {item: it, in: [a, b]}, task: {type: model_method, modelIdOrName: two, methodName: add}}
      - {name: guarded, dependsOn: [add], guard: \"model.method('two', 'read') > 100\", task: {type: model_method, modelIdOrName: counter, methodName: add}}
      - {name: check, dependsOn: [each], task: {type: assert, expr: \"steps.add.outputs == 1\"}}
      - {name: nested, dependsOn: [guarded], task: {type: workflow, workflowIdOrName: inner}}
      - {name: note, dependsOn: [check, nested], task: {type: model_method, modelIdOrName: sink, methodName: run, inputs: {note: \"${{ steps.add.status }}\"}}}
";

/// What a run has left.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// The steps that failed, with the code of each; `None` if the run succeeded.
    failed: Option<Vec<String>>,
    /// The status of each step, those of nested workflows included.
    steps: BTreeMap<String, &'static str>,
    /// Each piece of data: the number of its versions, and the latest content.
    data: BTreeMap<String, (u64, Value)>,
}

/// Returns the keys of a workflow's file.
fn parsed(text: &str) -> Map<String, Value> {
    inputs_file(&SourceFile::new("w.yaml", text)).expect("it is YAML")
}

/// Returns the text of a workflow whose steps `change` has changed. The steps of each job are
/// replaced by those that `change` returns for them.
fn changed(text: &str, mut change: impl FnMut(Map<String, Value>) -> Vec<Value>) -> String {
    let mut file = parsed(text);
    let jobs = file.get_mut("jobs").and_then(Value::as_array_mut);
    for job in jobs.expect("a list of jobs") {
        let steps = job["steps"].as_array_mut().expect("a list of steps");
        let old = std::mem::take(steps).into_iter();
        *steps = old
            .flat_map(|step| {
                let Value::Object(step) = step else {
                    panic!("a step has keys: {step}");
                };
                change(step)
            })
            .collect();
    }
    // JSON is YAML, too.
    serde_json::to_string_pretty(&file).expect("it was read from a file")
}

/// Returns the text of a workflow with a gate before each step. The gate waits for what the step
/// waits for, and the step also for the gate.
fn with_gates(text: &str) -> String {
    let mut n_gates = 0;
    changed(text, |mut step| {
        n_gates += 1;
        let name = format!("{ADDED}{n_gates}");
        let on = step.remove("dependsOn").unwrap_or_else(|| json!([]));
        let gate = json!({
            "name": name,
            "dependsOn": on,
            "task": {"type": "manual_approval", "prompt": "Go on?"},
        });
        let Value::Array(mut on) = on else {
            panic!("`dependsOn` is a list: {on}");
        };
        on.push(json!({"step": name, "condition": {"type": "succeeded"}}));
        step.insert("dependsOn".to_owned(), Value::Array(on));
        vec![gate, Value::Object(step)]
    })
}

/// A run that has ended.
struct Followed {
    run: String,
    n_suspended: usize,
    outcome: Outcome,
}

/// Follows a run to its end: another process approves the first gate and resumes the run, until it
/// waits no more.
async fn followed(house: &mut House, mut end: Result<WorkflowEnd, AppError>) -> Followed {
    for n_suspended in 0..N_SUSPENDED_MAX {
        let (run, gates) = match end {
            Ok(WorkflowEnd::Succeeded { run, .. }) => {
                return Followed {
                    outcome: outcome(house, &run, None),
                    n_suspended,
                    run,
                };
            }
            Err(AppError::Failed(RunFailed::Workflow(failed))) => {
                let faults = failed.faults.iter().map(|fault| {
                    let code = fault.error.as_ref().map_or("rejected", |it| it.code());
                    format!("{} {code}", fault.step)
                });
                let mut faults: Vec<String> = faults.collect();
                faults.sort();
                let run = failed.run.to_string();
                return Followed {
                    outcome: outcome(house, &run, Some(faults)),
                    n_suspended,
                    run,
                };
            }
            Ok(WorkflowEnd::Suspended { run, gates, .. }) => (run, gates),
            // Only the other gate has been approved, so nothing can run yet.
            Err(AppError::Run(RunUseError::GatesUndecided { run, gates, .. })) => {
                (run.to_string(), gates)
            }
            Err(other) => panic!("it did not begin: {other:?}"),
        };
        let request = GateRequest {
            workflow: "w".to_owned(),
            gate: gates.into_iter().next().expect("it waits for a gate"),
            run: Some(run),
            comment: None,
            shown: None,
        };
        workflow_approve(&house.cx().with_actor(ada()), &request).expect("it is open");
        house.reopen().await;
        end = house.workflow_resume("w").await;
    }
    panic!("the run does not end");
}

fn outcome(house: &House, run: &str, failed: Option<Vec<String>>) -> Outcome {
    let mut steps = BTreeMap::new();
    steps_add(house, run, "", &mut steps);
    let mut data = BTreeMap::new();
    for record in list_of(&house.repository, None) {
        let mut content = house.latest(&record.model, &record.name);
        if let Value::Object(keys) = &mut content {
            // They differ from run to run.
            keys.retain(|key, _| key != "run" && key != "call");
        }
        data.insert(
            format!("{}/{}", record.model, record.name),
            (record.version, content),
        );
    }
    Outcome {
        failed,
        steps,
        data,
    }
}

/// Adds the status of each step of a run, except for the gates that a test has added.
fn steps_add(house: &House, run: &str, prefix: &str, steps: &mut BTreeMap<String, &'static str>) {
    let run = run_show(&house.cx(), Some(run)).expect("a run");
    for step in run.steps {
        let (job, name) = step.step.split_once('/').expect("`job/step`");
        if name.starts_with(ADDED) {
            continue;
        }
        let path = format!("{prefix}{job}/{name}");
        if let Some(child) = &step.child {
            steps_add(house, child, &format!("{path}/"), steps);
        }
        steps.insert(path, step.status.as_str());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflow_that_is_suspended_between_all_steps_ends_as_at_once() {
    for (what, files) in WORKFLOWS {
        let mut house = House::new();
        for (name, text) in files {
            house.write(&format!("workflows/{name}.yaml"), text);
        }
        let end = house.workflow_run("w").await;
        let at_once = followed(&mut house, end).await;
        let mut house = House::new();
        for (name, text) in files {
            house.write(&format!("workflows/{name}.yaml"), &with_gates(text));
        }
        let end = house.workflow_run("w").await;
        let between = followed(&mut house, end).await;
        assert_eq!(between.outcome, at_once.outcome, "{what}");
        assert!(between.n_suspended > at_once.n_suspended, "{what}");
    }
}

/// Returns the text of [`SOUND`] with one step that fails.
fn with_failure(fails: usize) -> String {
    let mut at = 0;
    changed(SOUND, |mut step| {
        if at == fails {
            let task = json!({
                "type": "model_method",
                "modelIdOrName": "hostile",
                "methodName": "fail",
                "inputs": {"code": "c", "message": "m"},
            });
            step.insert("task".to_owned(), task);
        }
        at += 1;
        vec![Value::Object(step)]
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflow_that_fails_at_any_step_and_is_resumed_from_it_ends_as_at_once() {
    let mut house = House::new();
    house.write("workflows/w.yaml", SOUND);
    house.write("workflows/inner.yaml", INNER);
    let end = house.workflow_run("w").await;
    let expect = followed(&mut house, end).await.outcome;
    assert_eq!(expect.failed, None);
    let names = [
        "add",
        "nested-calls",
        "each",
        "guarded",
        "check",
        "nested",
        "note",
    ];
    for (at, name) in names.into_iter().enumerate() {
        let mut house = House::new();
        house.write("workflows/w.yaml", &with_failure(at));
        house.write("workflows/inner.yaml", INNER);
        let end = house.workflow_run("w").await;
        let failed = followed(&mut house, end).await;
        let outcome = failed.outcome;
        assert!(outcome.failed.is_some(), "{name}: {outcome:?}");
        house.write("workflows/w.yaml", SOUND);
        house.reopen().await;
        let request = ResumeRequest {
            workflow: "w".to_owned(),
            run: Some(failed.run),
            from: Some(format!("main/{name}")),
            take_edits: true,
            ..ResumeRequest::default()
        };
        let end = within(workflow_resume(&house.cx(), &request)).await;
        let actual = followed(&mut house, end).await.outcome;
        assert_eq!(actual, expect, "{name}");
    }
}
