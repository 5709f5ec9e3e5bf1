//! Complete runs, executed by a driver that only calls `next`.

use std::collections::BTreeMap;

use sedge_lang::diagnostic::SourceFile;
use sedge_model::call::{CallError, MethodFailure};
use sedge_model::run::GateDecision;

use super::*;

fn workflow(jobs: &str) -> Workflow {
    let file = SourceFile::new("w.yaml", format!("name: w\njobs:\n{jobs}"));
    Workflow::parse(&file).expect("a workflow")
}

fn error() -> CallError {
    CallError::Failed(MethodFailure {
        code: "c".into(),
        message: "m".into(),
        details: None,
        keep_writes: false,
        backtrace: Vec::new(),
    })
}

/// Executes a run until it ends or is suspended. The steps named in `bad` fail, and gates are
/// decided as in `gates`. The state before each action is the fold of the whole log.
fn play(
    workflow: &Workflow,
    bad: &[&str],
    gates: &BTreeMap<&str, GateDecision>,
) -> (String, RunStatus) {
    let mut log = vec![RunEvent::Started];
    let mut running: Vec<StepPath> = Vec::new();
    for _ in 0..1000 {
        let state = RunState::fold(&log).expect("a legal log");
        match next(workflow, &state) {
            Next::Act(RunAction::Append(event)) => log.push(event),
            Next::Act(RunAction::Start(call)) => {
                log.push(RunEvent::StepStarted {
                    step: call.step.clone(),
                    call: state.call_next(),
                });
                running.push(call.step.clone());
            }
            Next::Pause(RunPause::Running) => {
                let step = running.remove(0);
                log.push(if bad.contains(&step.step.as_str()) {
                    RunEvent::StepFailed {
                        step,
                        error: error(),
                    }
                } else {
                    RunEvent::StepSucceeded { step }
                });
            }
            Next::Pause(RunPause::Suspended) => {
                let gate = state.gates_open().next().expect("a gate").clone();
                let Some(decision) = gates.get(gate.step.as_str()) else {
                    return (story(&log), RunStatus::Suspended);
                };
                let by = "me".to_owned();
                log.push(RunEvent::GateDecided {
                    gate,
                    decision: *decision,
                    by,
                    comment: None,
                });
                log.push(RunEvent::Resumed);
            }
            Next::Pause(RunPause::Ended(status)) => return (story(&log), status),
        }
    }
    panic!("the run does not end: {}", story(&log));
}

fn story(log: &[RunEvent]) -> String {
    let words: Vec<String> = log
        .iter()
        .filter_map(|event| match event {
            RunEvent::Started | RunEvent::Resumed | RunEvent::Ended { .. } => None,
            RunEvent::StepStarted { step, .. } => Some(format!("+{}", step.step)),
            RunEvent::StepSucceeded { step } => Some(format!("{}:ok", step.step)),
            RunEvent::StepFailed { step, .. } => Some(format!("{}:bad", step.step)),
            RunEvent::StepSkipped { step, .. } => Some(format!("{}:skip", step.step)),
            RunEvent::GateOpened { gate } => Some(format!("{}:open", gate.step)),
            RunEvent::GateDecided { gate, decision, .. } => {
                Some(format!("{}:{}", gate.step, decision.as_str()))
            }
            RunEvent::Suspended => Some("rest".to_owned()),
        })
        .collect();
    words.join(" ")
}

const STEP: &str = "task: {type: model_method, modelIdOrName: m, methodName: r}";
const GATE: &str = "task: {type: manual_approval}";

fn check(jobs: &str, bad: &[&str], gates: &[(&str, GateDecision)], expect: (&str, RunStatus)) {
    let (story, status) = play(&workflow(jobs), bad, &gates.iter().copied().collect());
    assert_eq!((story.as_str(), status), expect, "{jobs}");
}

#[test]
fn independent_steps_start_together() {
    let jobs = format!("- name: j\n  steps:\n  - {{name: a, {STEP}}}\n  - {{name: b, {STEP}}}\n");
    check(&jobs, &[], &[], ("+a +b a:ok b:ok", RunStatus::Succeeded));
    check(&jobs, &["a"], &[], ("+a +b a:bad b:ok", RunStatus::Failed));
}

#[test]
fn open_gate_suspends_and_a_decision_continues_the_run() {
    let jobs = format!(
        "- name: j\n  steps:\n  - {{name: gate, {GATE}}}\n  - {{name: a, {STEP}, dependsOn: [{{step: gate}}]}}\n  - {{name: b, {STEP}}}\n"
    );
    check(
        &jobs,
        &[],
        &[],
        ("gate:open +b b:ok rest", RunStatus::Suspended),
    );
    check(
        &jobs,
        &[],
        &[("gate", GateDecision::Approved)],
        (
            "gate:open +b b:ok rest gate:approved +a a:ok",
            RunStatus::Succeeded,
        ),
    );
    check(
        &jobs,
        &[],
        &[("gate", GateDecision::Rejected)],
        (
            "gate:open +b b:ok rest gate:rejected a:skip",
            RunStatus::Failed,
        ),
    );
}

#[test]
fn conditions_select_the_steps_that_run() {
    let steps = |allow: bool| {
        format!(
            "- name: j\n  steps:\n  - {{name: a, {STEP}, allowFailure: {allow}}}\n\
             \x20 - {{name: ok, {STEP}, dependsOn: [{{step: a, condition: {{type: succeeded}}}}]}}\n\
             \x20 - {{name: bad, {STEP}, dependsOn: [{{step: a, condition: {{type: failed}}}}]}}\n\
             \x20 - {{name: end, {STEP}, dependsOn: [{{step: a, condition: {{type: completed}}}}]}}\n\
             \x20 - {{name: all, {STEP}, dependsOn: [{{step: ok, condition: {{type: always}}}}]}}\n"
        )
    };
    check(
        &steps(false),
        &[],
        &[],
        (
            "+a a:ok +ok bad:skip +end ok:ok +all end:ok all:ok",
            RunStatus::Succeeded,
        ),
    );
    let failing = "+a a:bad ok:skip +bad +end +all bad:ok end:ok all:ok";
    check(&steps(false), &["a"], &[], (failing, RunStatus::Failed));
    check(&steps(true), &["a"], &[], (failing, RunStatus::Succeeded));
}

#[test]
fn job_waits_for_its_dependencies() {
    let jobs = format!(
        "- name: second\n  dependsOn: [{{job: first}}]\n  steps:\n  - {{name: b, {STEP}}}\n\
         - name: first\n  steps:\n  - {{name: a, {STEP}}}\n\
         - name: third\n  dependsOn: [{{job: second}}]\n  steps:\n  - {{name: c, {STEP}}}\n"
    );
    check(
        &jobs,
        &[],
        &[],
        ("+a a:ok +b b:ok +c c:ok", RunStatus::Succeeded),
    );
    check(
        &jobs,
        &["a"],
        &[],
        ("+a a:bad b:skip c:skip", RunStatus::Failed),
    );
}

#[test]
fn interrupted_step_starts_again_and_completed_one_does_not() {
    let jobs = format!("- name: j\n  steps:\n  - {{name: a, {STEP}}}\n  - {{name: b, {STEP}}}\n");
    let workflow = workflow(&jobs);
    let steps: Vec<StepPath> = workflow.steps().map(|step| step.path.clone()).collect();
    let mut state = RunState::fold(&[
        RunEvent::Started,
        RunEvent::StepStarted {
            step: steps[0].clone(),
            call: 1,
        },
        RunEvent::StepStarted {
            step: steps[1].clone(),
            call: 2,
        },
        RunEvent::StepSucceeded {
            step: steps[0].clone(),
        },
    ])
    .expect("a legal log");
    assert_eq!(next(&workflow, &state), Next::Pause(RunPause::Running));
    state.apply(&RunEvent::Resumed).expect("legal");
    assert_eq!(
        state.step(&steps[1]),
        Some(&StepState::Interrupted { call: 2 })
    );
    let Next::Act(RunAction::Start(call)) = next(&workflow, &state) else {
        panic!(
            "the step does not start again: {:?}",
            next(&workflow, &state)
        )
    };
    assert_eq!(
        (call.step, call.model.as_str(), call.method.as_str()),
        (&steps[1], "m", "r")
    );
    assert_eq!(state.call_next(), 3, "a call's number is never used again");
}

#[test]
fn gate_with_a_call_in_the_log_is_not_executed() {
    let workflow = workflow(&format!(
        "- name: j\n  steps:\n  - {{name: gate, {GATE}}}\n"
    ));
    let gate = &workflow.jobs[0].steps[0].path;
    let mut state = RunState::fold(&[
        RunEvent::StepStarted {
            step: gate.clone(),
            call: 1,
        },
        RunEvent::Resumed,
    ])
    .expect("the state does not know which steps are gates");
    let opened = RunEvent::GateOpened { gate: gate.clone() };
    assert_eq!(
        next(&workflow, &state),
        Next::Act(RunAction::Append(opened.clone()))
    );
    let error = state.apply(&opened).expect_err("the log is wrong");
    assert_eq!(
        error.to_string(),
        "the log says that the gate `j/gate` opened, which is not possible: `j/gate` is interrupted"
    );
}

#[test]
fn illegal_event_is_refused() {
    let jobs =
        format!("- name: j\n  steps:\n  - {{name: a, {STEP}}}\n  - {{name: gate, {GATE}}}\n");
    let workflow = workflow(&jobs);
    let steps: Vec<StepPath> = workflow.steps().map(|step| step.path.clone()).collect();
    let check = |log: &[RunEvent], expect: &str| {
        assert_eq!(RunState::fold(log).expect_err(expect).to_string(), expect);
    };
    let started = RunEvent::StepStarted {
        step: steps[0].clone(),
        call: 1,
    };
    let decided = RunEvent::GateDecided {
        gate: steps[1].clone(),
        decision: GateDecision::Approved,
        by: "me".into(),
        comment: None,
    };
    check(
        &[started.clone(), started.clone()],
        "the log says that `j/a` started, which is not possible: `j/a` is running",
    );
    check(
        std::slice::from_ref(&decided),
        "the log says that the gate `j/gate` was approved, which is not possible: `j/gate` is not started",
    );
    check(
        &[
            RunEvent::GateOpened {
                gate: steps[1].clone(),
            },
            decided.clone(),
            decided,
        ],
        "the log says that the gate `j/gate` was approved, which is not possible: `j/gate` is succeeded",
    );
    check(
        &[
            RunEvent::Ended {
                status: RunStatus::Failed,
                error: None,
            },
            started,
        ],
        "the log says that `j/a` started, which is not possible: the run has failed",
    );
}

/// What waits for a group begins when the group is decided, and not before.
#[test]
fn group_holds_when_its_parts_do() {
    let check = |on: &str, bad: &[&str], expect: &str| {
        let steps = format!(
            "- name: j\n  steps:\n  - {{name: a, {STEP}}}\n  - {{name: b, {STEP}}}\n\
             \x20 - {{name: c, {STEP}, dependsOn: [{on}]}}\n"
        );
        let workflow = workflow(&steps);
        let (played, _) = play(&workflow, bad, &BTreeMap::new());
        assert_eq!(played, expect, "{on} {bad:?}");
    };
    let any = "{anyOf: [{step: a, condition: failed}, {step: b, condition: failed}]}";
    check(any, &[], "+a +b a:ok b:ok c:skip");
    check(any, &["a"], "+a +b a:bad +c b:ok c:ok");
    check(any, &["b"], "+a +b a:ok b:bad +c c:ok");
    let all =
        "{allOf: [a, {anyOf: [{step: b, condition: failed}, {step: b, condition: skipped}]}]}";
    check(all, &["b"], "+a +b a:ok b:bad +c c:ok");
    check(all, &[], "+a +b a:ok b:ok c:skip");
    let not = "{step: a, condition: {type: not, condition: {type: succeeded}}}";
    check(not, &[], "+a +b a:ok c:skip b:ok");
    check(not, &["a"], "+a +b a:bad +c b:ok c:ok");
    let or = "{step: a, condition: {type: or, conditions: [failed, skipped]}}";
    check(or, &["a"], "+a +b a:bad +c b:ok c:ok");
    let and = "{step: a, condition: {type: and, conditions: [completed, {type: not, condition: failed}]}}";
    check(and, &["a"], "+a +b a:bad c:skip b:ok");
}
