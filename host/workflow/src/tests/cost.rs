//! The cost of a run is linear in its size. It is counted in operations, so that the machine does
//! not matter.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use sedge_model::run::{Expansion, RunEvent, RunStatus, StepAttempt};

use super::play::workflow;
use crate::{Next, Plan, RunPause, RunState, Todo};

const CALL: &str = "task: {type: model_method, modelIdOrName: m, methodName: r}";

/// Returns the number of operations of a whole run.
fn n_operations(text: &str, n_items: usize) -> u64 {
    let mut state = RunState::new(Arc::new(Plan::new(&workflow(text))));
    let mut running: Vec<StepAttempt> = Vec::new();
    loop {
        match state.next(0) {
            Next::Append(event) => state.apply(&event).expect("a possible event"),
            Next::Pause(RunPause::Ended(status)) => {
                assert_eq!(status, RunStatus::Succeeded);
                return state.tracker.n_operations;
            }
            Next::Pause(_) => {
                let step = running.pop().expect("something runs");
                let call = None;
                let event = RunEvent::StepSucceeded { step, call };
                state.apply(&event).expect("a possible event");
            }
            Next::Do(todo) => {
                state.take(&todo);
                state
                    .apply(&begin(&state, todo, &mut running, n_items))
                    .expect("possible");
            }
        }
    }
}

fn begin(state: &RunState, todo: Todo, running: &mut Vec<StepAttempt>, n_items: usize) -> RunEvent {
    match todo {
        Todo::Start { step, .. } => {
            running.push(step.clone());
            RunEvent::StepStarted {
                step,
                call: state.call_next(),
                child: None,
            }
        }
        Todo::Expand(step) => {
            let items = (0..n_items).map(|at| Expansion {
                name: format!("a{at}").parse().expect("a name"),
                item: serde_json::Value::from(at).into(),
            });
            RunEvent::Expanded {
                items: items.collect(),
                step,
                environment: BTreeSet::new(),
            }
        }
        Todo::JobGuard(_) | Todo::Guard(_) => panic!("nothing has a guard"),
    }
}

/// Checks that ten times as many steps cost about ten times as many operations.
fn check(text: impl Fn(usize) -> String, n_items: impl Fn(usize) -> usize) {
    let cost = |n: usize| n_operations(&text(n), n_items(n));
    let (small, large) = (cost(1_000), cost(10_000));
    assert!(large <= small * 21 / 2, "{small} {large}");
    assert!(large <= 100_000, "{large}");
}

fn steps(n: usize, more: impl Fn(usize) -> String) -> String {
    let mut text = "name: w\njobs:\n- name: j\n  steps:\n".to_owned();
    for at in 0..n {
        writeln!(text, "  - {{name: s{at}, {CALL}{}}}", more(at)).expect("a text");
    }
    text
}

#[test]
fn cost_of_a_chain_is_linear() {
    let on = |at: usize| match at.checked_sub(1) {
        Some(before) => format!(", dependsOn: [s{before}]"),
        None => String::new(),
    };
    check(|n| steps(n, on), |_| 0);
}

#[test]
fn cost_of_independent_steps_is_linear() {
    check(|n| steps(n, |_| String::new()), |_| 0);
    let limited = |n| format!("concurrency: 4\n{}", steps(n, |_| String::new()));
    check(limited, |_| 0);
}

/// Steps that are held back are looked at no more until they are released.
#[test]
fn cost_of_holding_steps_back_is_linear() {
    let n_starts = |n: usize| {
        let plan = Arc::new(Plan::new(&workflow(&steps(n, |_| String::new()))));
        let mut state = RunState::new(Arc::clone(&plan));
        let (mut n_asked, mut held, mut running) = (0, Vec::new(), Vec::new());
        loop {
            n_asked += 1;
            match state.next(0) {
                Next::Do(Todo::Start { step, .. }) if running.len() >= 16 => {
                    let order = plan.order(&step.step.path).expect("a step of the plan");
                    state.hold(order);
                    held.push(order);
                }
                Next::Do(todo) => {
                    let event = begin(&state, todo, &mut running, 0);
                    state.apply(&event).expect("possible");
                }
                Next::Append(event) => state.apply(&event).expect("a possible event"),
                Next::Pause(RunPause::Ended(_)) => return n_asked,
                Next::Pause(_) => {
                    let step = running.pop().expect("something runs");
                    let event = RunEvent::StepSucceeded { step, call: None };
                    state.apply(&event).expect("a possible event");
                    if let Some(order) = held.pop() {
                        state.release(order);
                    }
                }
            }
        }
    };
    let (small, large) = (n_starts(1_000), n_starts(10_000));
    assert!(large <= small * 21 / 2, "{small} {large}");
}

#[test]
fn cost_of_expansions_is_linear() {
    let each = ", forEach: {item: it, in: [1]}, concurrency: 4";
    check(|_| steps(1, |_| each.to_owned()), |n| n);
}

/// A step that waits for all others is looked at once.
#[test]
fn cost_of_a_join_is_linear() {
    let join = |n: usize| {
        let on: Vec<String> = (0..n).map(|at| format!("s{at}")).collect();
        let join = format!(
            "  - {{name: join, {CALL}, dependsOn: [{}]}}\n",
            on.join(", ")
        );
        steps(n, |_| String::new()) + &join
    };
    check(join, |_| 0);
}
