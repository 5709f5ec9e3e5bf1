//! A run of a workflow is killed, or interrupted by SIGINT, after each event of its log, and resumed.
//! In the end each step has had its effect exactly once, and the data are those of an undisturbed run.
//!
//! The test reads the log of the run while the program writes it, and kills the program as soon as
//! the log has the chosen number of events, those of nested workflows included. Events of one
//! transaction appear together, so that some numbers are killed at the next possible point.

use sedge_test_kit::{Dice, TestEnv, number_from_env};

use crate::fixture::dice;
use crate::killed::{Disturbance, Effects, EndBy, KilledRun, Repair, template};

/// The number of steps of the workflow in the long form of the test.
const LONG_STEPS: u64 = 15;

/// The most events between the first and the second kill of one run.
const N_EVENTS_BETWEEN_MAX: u64 = 12;

/// Six steps: a call, nested calls, `forEach`, a retry, a gate, and a nested workflow.
const SMALL: &str = "\
name: every
jobs:
  - name: main
    steps:
      - {name: add, task: {type: model_method, modelIdOrName: one, methodName: add}}
      - name: nested-calls
        dependsOn: [add]
        task: {type: model_method, modelIdOrName: one, methodName: run, inputs: {steps: [{call: {model: two, steps: [add]}}, add]}}
      - name: each
        dependsOn: [nested-calls]
        forEach: {item: it, in: [a, b]}
        task: {type: model_method, modelIdOrName: three, methodName: add}
      - name: again
        dependsOn: [add]
        allowFailure: true
        retry: {attempts: 2, backoff: 1s, on: [unlucky]}
        task:
          type: model_method
          modelIdOrName: hostile
          methodName: fail
          inputs: {code: unlucky, message: on purpose, keep: true}
      - {name: gate, dependsOn: [each], task: {type: manual_approval, prompt: \"Go on?\"}}
      - {name: inner, dependsOn: [gate], task: {type: workflow, workflowIdOrName: inner}}
";

/// The nested workflow of [`SMALL`].
const SMALL_INNER: &str = "\
name: inner
jobs:
  - name: main
    steps:
      - {name: add, task: {type: model_method, modelIdOrName: two, methodName: add}}
";

/// Fifteen steps in two jobs: also guards, an assert, results of other steps, and skipped steps.
const LONG: &str = "\
name: every
jobs:
  - name: first
    steps:
      - {name: add, task: {type: model_method, modelIdOrName: one, methodName: add}}
      - name: nested-calls
        dependsOn: [add]
        task:
          type: model_method
          modelIdOrName: one
          methodName: run
          inputs:
            steps:
              - {call: {model: two, steps: [add]}}
              - together: [{model: three, steps: [add]}, {model: four, steps: [add]}]
              - add
      - name: each
        dependsOn: [nested-calls]
        forEach: {item: it, in: [a, b, c]}
        task:
          type: model_method
          modelIdOrName: three
          methodName: run
          inputs: {steps: [{call: {model: four, steps: [add]}}, add]}
      - name: again
        dependsOn: [add]
        allowFailure: true
        retry: {attempts: 3, backoff: 1s, on: [unlucky]}
        task:
          type: model_method
          modelIdOrName: hostile
          methodName: fail
          inputs: {code: unlucky, message: on purpose, keep: true}
      - name: not-done
        dependsOn: [each]
        guard: \"model.method('one', 'read') > 100\"
        task: {type: model_method, modelIdOrName: two, methodName: add}
      - name: done
        dependsOn: [not-done]
        guard: \"model.method('one', 'read') > 0\"
        task: {type: model_method, modelIdOrName: two, methodName: add}
      - name: check
        dependsOn: [done]
        task: {type: assert, expr: \"steps.add.outputs == 1\", message: it added more}
      - {name: gate, dependsOn: [check], task: {type: manual_approval, prompt: \"Go on?\"}}
      - name: behind
        dependsOn: [gate]
        task: {type: model_method, modelIdOrName: one, methodName: add}
      - {name: inner, dependsOn: [gate], task: {type: workflow, workflowIdOrName: inner}}
      - name: note
        dependsOn: [inner]
        task:
          type: model_method
          modelIdOrName: sink
          methodName: run
          inputs: {note: \"the first step returned ${{ steps.add.outputs }}\"}
  - name: second
    dependsOn: [{job: first}]
    steps:
      - {name: add, task: {type: model_method, modelIdOrName: four, methodName: add}}
      - name: on-failure
        dependsOn: [{step: add, condition: failed}]
        task: {type: model_method, modelIdOrName: four, methodName: add}
      - name: of-map
        dependsOn: [add]
        forEach: {item: it, in: {x: 1, y: 2}}
        concurrency: 1
        task: {type: model_method, modelIdOrName: one, methodName: add}
      - name: always
        dependsOn: [{step: of-map, condition: always}, {step: on-failure, condition: skipped}]
        task: {type: model_method, modelIdOrName: two, methodName: add}
";

/// The nested workflow of [`LONG`], with a gate of its own.
const LONG_INNER: &str = "\
name: inner
jobs:
  - name: main
    steps:
      - {name: add, task: {type: model_method, modelIdOrName: two, methodName: add}}
      - {name: gate, dependsOn: [add], task: {type: manual_approval, prompt: \"And on?\"}}
      - name: note
        dependsOn: [gate]
        task:
          type: model_method
          modelIdOrName: sink-two
          methodName: run
          inputs: {note: in the nested workflow}
";

/// Checks what the undisturbed run has left, so that the comparison is not one of two errors.
#[track_caller]
fn check_counts(effects: &Effects, counts: &[(&str, u64)]) {
    for (model, count) in counts {
        let (_, content) = &effects.data[&format!("{model}/count")];
        assert_eq!(content["n"], *count, "{model}: {effects:#?}");
    }
}

/// Ends runs of a workflow after each of their events. In the long form, each run is ended a second
/// time while it is resumed.
fn end_after_every_event(
    template: &TestEnv,
    end_by: EndBy,
    counts: &[(&str, u64)],
    again: Option<&mut Dice>,
) {
    let undisturbed = KilledRun::new(template);
    assert_eq!(undisturbed.run(Disturbance::default()), 0);
    let expect = undisturbed.effects();
    check_counts(&expect, counts);
    let n_undisturbed = undisturbed.n_events();
    let mut again = again;
    let mut n_ended = 0;
    for n_events in 1..=n_undisturbed {
        let mut kills = vec![n_events];
        if let Some(dice) = again.as_deref_mut() {
            kills.push(n_events + 1 + dice.below(N_EVENTS_BETWEEN_MAX));
        }
        let run = KilledRun::new(template);
        let n_killed = run.run(Disturbance {
            kills: &kills,
            end_by,
            ..Disturbance::default()
        });
        assert_eq!(run.effects(), expect, "ended at {kills:?}");
        // A process that writes its last event before a gate, or before the end, may end by itself.
        n_ended += u64::from(n_killed > 0);
    }
    println!("{n_ended} of {n_undisturbed} runs ended by {end_by:?} after one of their events");
    assert!(2 * n_ended > n_undisturbed, "{n_ended} of {n_undisturbed}");
}

fn check(end_by: EndBy) {
    if number_from_env("SEDGE_CRASH_STEPS", 0) >= LONG_STEPS {
        let template = template(LONG, LONG_INNER);
        // `four` counts once in `nested-calls`, three times in `each`, and once in `second/add`.
        let counts = [("one", 5), ("two", 4), ("three", 4), ("four", 5)];
        end_after_every_event(&template, end_by, &counts, Some(&mut dice()));
    } else {
        let template = template(SMALL, SMALL_INNER);
        let counts = [("one", 2), ("two", 2), ("three", 2)];
        end_after_every_event(&template, end_by, &counts, None);
    }
}

#[test]
fn kill_after_every_event_loses_and_repeats_nothing() {
    check(EndBy::Kill);
}

#[test]
fn interrupt_after_every_event_loses_and_repeats_nothing() {
    check(EndBy::Interrupt);
}

/// The steps of [`SMALL`] that call a method or run a workflow, each with the end of its line.
const TASKS: [(&str, &str); 4] = [
    ("main/add", "{name: add, task: "),
    (
        "main/nested-calls",
        "name: nested-calls\n        dependsOn: [add]\n        task: ",
    ),
    (
        "main/each",
        "forEach: {item: it, in: [a, b]}\n        task: ",
    ),
    ("main/inner", "{name: inner, dependsOn: [gate], task: "),
];

/// A task that fails.
const FAILING: &str = "{type: model_method, modelIdOrName: hostile, methodName: fail, inputs: {code: injected, message: on purpose}}";

/// Returns [`SMALL`] with a task that fails behind `start`, in the place of the step's own task.
fn with_failure(start: &str) -> String {
    let at = SMALL.find(start).expect("a step") + start.len();
    let (before, rest) = SMALL.split_at(at);
    let mut depth = 0;
    let is_last = |character| {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0
    };
    let end = rest.find(is_last).expect("the task ends") + 1;
    format!("{before}{FAILING}{}", &rest[end..])
}

/// Returns at which events a run is killed: after each in the long form, after every `short`th in the
/// short one.
fn kill_points(n_events: u64, short: u64) -> impl Iterator<Item = u64> {
    let is_long = number_from_env("SEDGE_CRASH_STEPS", 0) >= LONG_STEPS;
    (1..=n_events).step_by(usize::try_from(if is_long { 1 } else { short }).expect("few"))
}

#[test]
fn failure_of_each_step_and_kills_lose_and_repeat_nothing() {
    let template_ok = template(SMALL, SMALL_INNER);
    let undisturbed = KilledRun::new(&template_ok);
    assert_eq!(undisturbed.run(Disturbance::default()), 0);
    // `--from` also runs the step again whose failure is allowed, so its effects may be repeated.
    let effects = |run: &KilledRun| {
        let mut effects = run.effects();
        effects.data.remove("hostile/mark");
        effects
    };
    let expect = effects(&undisturbed);
    let mut n_runs = 0;
    let mut n_killed = 0;
    for (step, start) in TASKS {
        let failing = template(&with_failure(start), SMALL_INNER);
        let repair = Some(Repair {
            step,
            workflow: SMALL,
        });
        for n_events in kill_points(undisturbed.n_events(), 9) {
            let run = KilledRun::new(&failing);
            let kills = [n_events, n_events + 6];
            n_killed += run.run(Disturbance {
                kills: &kills,
                repair,
                ..Disturbance::default()
            });
            n_runs += 1;
            assert_eq!(effects(&run), expect, "{step} fails, killed at {kills:?}");
        }
    }
    println!("{n_runs} runs with a failure, {n_killed} of their processes killed");
}

#[test]
fn two_processes_that_resume_one_run_lose_and_repeat_nothing() {
    let template = template(SMALL, SMALL_INNER);
    let undisturbed = KilledRun::new(&template);
    assert_eq!(undisturbed.run(Disturbance::default()), 0);
    let expect = undisturbed.effects();
    let mut n_killed = 0;
    for n_events in kill_points(undisturbed.n_events(), 4) {
        let run = KilledRun::new(&template);
        let kills = [n_events, n_events + 4];
        n_killed += run.run(Disturbance {
            kills: &kills,
            is_doubled: true,
            ..Disturbance::default()
        });
        assert_eq!(run.effects(), expect, "killed at {kills:?}");
    }
    println!("{n_killed} processes killed, each of them twice resumed at once");
}
