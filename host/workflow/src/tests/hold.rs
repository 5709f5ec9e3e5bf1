//! Steps that the driver holds back: they start later, and nothing else changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use sedge_model::run::{RunEvent, RunStatus, StepAttempt};

use super::graphs::graph;
use super::play::{Player, Rng, workflow};
use super::random::{Seeded, undisturbed};
use crate::{Next, Plan, RunPause, RunState, StepOrder, TaskKind, Todo};

const CALL: &str = "task: {type: model_method, modelIdOrName: m, methodName: r}";

fn state(steps: &[String]) -> RunState {
    let steps: String = steps.iter().map(|it| format!("  - {{{it}}}\n")).collect();
    let text = format!("name: w\njobs:\n- name: j\n  steps:\n{steps}");
    let mut state = RunState::new(Arc::new(Plan::new(&workflow(&text))));
    state.apply(&RunEvent::Started).expect("the first event");
    state
}

fn call(name: &str, more: &str) -> String {
    format!("name: {name}, {CALL}{more}")
}

/// Returns the step that starts next.
fn starting(state: &RunState) -> Option<StepAttempt> {
    match state.next(0) {
        Next::Do(Todo::Start { step, .. }) => Some(step),
        Next::Do(Todo::JobGuard(_) | Todo::Expand(_) | Todo::Guard(_))
        | Next::Append(_)
        | Next::Pause(_) => None,
    }
}

fn order(state: &RunState, step: &StepAttempt) -> StepOrder {
    let order = state.plan.order(&step.step.path);
    order.expect("a step of the workflow")
}

/// Holds back all that is ready. Returns the names in the order in which they were found.
fn hold_all(state: &mut RunState) -> (Vec<String>, Vec<StepOrder>) {
    let (mut names, mut orders) = (Vec::new(), Vec::new());
    while let Some(step) = starting(state) {
        let order = order(state, &step);
        state.hold(order);
        names.push(step.step.path.step.to_string());
        orders.push(order);
    }
    (names, orders)
}

const WORKING: Next = Next::Pause(RunPause::Working { until_ms: None });

/// A run whose steps are all held back has something to do, so it neither ends nor is suspended.
/// Gates still open.
#[test]
fn run_goes_on_while_its_steps_are_held_back() {
    let gate = "name: gate, weight: 1, task: {type: manual_approval}".to_owned();
    let mut state = state(&[gate, call("a", ""), call("b", "")]);
    let first = starting(&state).expect("two steps are ready");
    state.hold(order(&state, &first));
    let second = starting(&state).expect("it is not held back");
    state.hold(order(&state, &second));
    let opened = RunEvent::GateOpened {
        gate: starting(&state).expect("it is no method").step,
        shown: super::play::shown(),
        deadline: None,
    };
    state.apply(&opened).expect("it is ready");
    assert_eq!(state.next(0), WORKING);
    state.release(order(&state, &second));
    assert_eq!(starting(&state), Some(second));
    state.release(order(&state, &first));
    assert_eq!(starting(&state), Some(first));
}

#[test]
fn order_of_a_step_is_that_in_which_steps_start() {
    let mut state = state(&[
        call("late", ", weight: 5"),
        call("one", ""),
        call("two", ""),
        call("early", ", weight: -5"),
    ]);
    let (names, orders) = hold_all(&mut state);
    assert_eq!(names, ["early", "one", "two", "late"]);
    assert!(orders.is_sorted());
}

/// All instances of a `forEach` step are held back with it.
#[test]
fn instances_are_held_back_with_their_step() {
    let mut state = state(&[call("each", ", forEach: {item: it, in: [1]}")]);
    let Next::Do(Todo::Expand(step)) = state.next(0) else {
        panic!("its values come first");
    };
    let item = |name: &str| sedge_model::run::Expansion {
        name: name.parse().expect("a name"),
        item: sedge_model::run::ExpansionItem::Value(Arc::new(1.into())),
    };
    let items = vec![item("x"), item("y")];
    state
        .apply(&RunEvent::Expanded {
            step,
            items,
            environment: BTreeSet::new(),
        })
        .expect("it is due");
    let (names, orders) = hold_all(&mut state);
    assert_eq!(names, ["each"]);
    assert_eq!(state.next(0), WORKING);
    state.release(orders[0]);
    assert!(starting(&state).is_some());
}

#[test]
fn cancellation_skips_steps_that_are_held_back() {
    let mut state = state(&[call("a", "")]);
    hold_all(&mut state);
    let event = RunEvent::CancelRequested {
        by: super::play::actor(),
        reason: None,
    };
    state.apply(&event).expect("it runs");
    let Next::Append(skipped @ RunEvent::StepSkipped { .. }) = state.next(0) else {
        panic!("it does not start any more");
    };
    state.apply(&skipped).expect("possible");
    let Next::Append(RunEvent::Ended { status, .. }) = state.next(0) else {
        panic!("nothing is left");
    };
    assert_eq!(status, RunStatus::Cancelled);
}

/// A driver that lets few steps start at once ends every run as one that starts all.
#[test]
fn bounded_driver_ends_random_runs_as_an_unbounded_one() {
    for seed in 0..60 {
        let mut rng = Rng(seed);
        let text = graph(&mut rng, 20);
        let outcomes = Seeded(seed);
        let expect = undisturbed(&text, &outcomes);
        let mut player = Player::new(&text);
        player.is_checked = false;
        let mut held: BTreeSet<StepOrder> = BTreeSet::new();
        let status = (0..100_000).find_map(|_| {
            bound(&mut player, &mut held);
            player.turn(&outcomes, None)
        });
        let status = status.unwrap_or_else(|| panic!("seed {seed} does not end"));
        assert_eq!((status, player.ends()), expect, "seed {seed}\n{text}");
    }
}

/// Holds back the starts of methods while a step runs, and releases one otherwise.
fn bound(player: &mut Player, held: &mut BTreeSet<StepOrder>) {
    let is_full = !player.running().is_empty();
    while !is_full && matches!(player.state.next(player.now_ms), Next::Pause(_)) {
        match held.pop_first() {
            Some(first) => player.state.release(first),
            None => break,
        }
    }
    while let Next::Do(Todo::Start {
        step,
        kind: TaskKind::Method,
        ..
    }) = player.state.next(player.now_ms)
    {
        if !is_full {
            return;
        }
        let order = order(&player.state, &step);
        player.state.hold(order);
        held.insert(order);
    }
}
