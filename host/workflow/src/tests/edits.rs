//! Whether a run can take an edited file.

use std::sync::Arc;

use sedge_model::run::{GateDecision, RunEvent, StepAttempt, StepError, StepInstance};

use super::play::{Outcomes, Player, workflow};
use crate::{InstanceState, Plan, RunState, edits_reset};

struct Succeed;

impl Outcomes for Succeed {
    fn attempt(&self, _step: &StepAttempt) -> Result<(), StepError> {
        Ok(())
    }

    fn decision(&self, _gate: &StepInstance) -> Option<GateDecision> {
        None
    }
}

const OLD: &str = "\
name: w
jobs:
- name: j
  steps:
  - {name: a, task: {type: model_method, modelIdOrName: m, methodName: r}}
  - {name: gate, dependsOn: [a], task: {type: manual_approval, prompt: Go?}}
  - {name: b, dependsOn: [gate], task: {type: model_method, modelIdOrName: m, methodName: r}}
";

/// Plays until the gate is open.
fn played() -> Player {
    let mut player = Player::new(OLD);
    player.play(&Succeed);
    assert_eq!(player.story(), "+a a:ok gate:open rest");
    player
}

fn check(new: &str, expect: Result<&[&str], &[&str]>) {
    let player = played();
    let found = edits_reset(&player.workflow, &workflow(new), &player.state);
    let words = |steps: Vec<_>| -> Vec<String> {
        steps
            .iter()
            .map(|it: &sedge_model::run::StepPath| it.step.to_string())
            .collect()
    };
    let found = found.map(words).map_err(words);
    let owned = |steps: &[&str]| steps.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(found, expect.map(owned).map_err(owned), "{new}");
}

#[test]
fn ended_steps_have_to_be_the_same() {
    check(OLD, Ok(&[]));
    check(
        &OLD.replace(
            "methodName: r}}\n  - {name: gate",
            "methodName: q}}\n  - {name: gate",
        ),
        Err(&["a"]),
    );
    check(
        &OLD.replace("name: a,", "name: c,")
            .replace("dependsOn: [a], ", ""),
        Err(&["a"]),
    );
    check(
        &OLD.replace("{name: b, dependsOn: [gate],", "{name: c,"),
        Ok(&[]),
    );
}

#[test]
fn format_and_comments_do_not_matter() {
    let new = OLD.replace(
        "  - {name: a, task: {type: model_method, modelIdOrName: m, methodName: r}}\n",
        "  # The first.\n  - name: a\n    task:\n      methodName: r\n      type: model_method\n      modelIdOrName: m\n",
    );
    check(&new, Ok(&[]));
}

#[test]
fn step_that_has_begun_and_differs_begins_again() {
    check(&OLD.replace("Go?", "Continue?"), Ok(&["gate"]));
}

/// The new file has another step in the place of one that had begun.
#[test]
fn run_continues_with_the_edited_file() {
    let player = played();
    let new = workflow(
        &OLD.replace("name: gate,", "name: ask,")
            .replace("[gate]", "[ask]"),
    );
    let steps = edits_reset(&player.workflow, &new, &player.state);
    let mut log = player.log.clone();
    log.push(RunEvent::EditsTaken);
    log.push(RunEvent::Reset {
        steps: steps.expect("the ended steps are the same"),
    });
    log.push(RunEvent::Resumed);
    let state = RunState::fold(Arc::new(Plan::new(&new)), &log).expect("a legal log");
    let states: Vec<String> = state
        .instances()
        .map(|(step, it)| format!("{step}: {}", it.as_str()))
        .collect();
    assert_eq!(
        states,
        ["j/a: succeeded", "j/ask: not started", "j/b: not started"]
    );
    let error = RunState::fold(Arc::new(Plan::new(&new)), &player.log);
    assert!(error.is_err(), "without the event, the log does not fit");
    assert!(
        state
            .instances()
            .all(|(_, it)| !matches!(it, InstanceState::Open { .. }))
    );
}
