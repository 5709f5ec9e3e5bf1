//! Which steps begin again when a failed run is resumed from some step.

use sedge_model::run::{GateDecision, RunEvent, RunStatus, StepAttempt, StepError, StepInstance};

use super::play::{Outcomes, Player, failure};
use crate::steps_to_reset;

struct Bad(&'static [&'static str]);

impl Outcomes for Bad {
    fn attempt(&self, step: &StepAttempt) -> Result<(), StepError> {
        match self.0.contains(&step.step.path.step.as_str()) {
            true => Err(failure("c")),
            false => Ok(()),
        }
    }

    fn decision(&self, _gate: &StepInstance) -> Option<GateDecision> {
        Some(GateDecision::Approved)
    }
}

const CALL: &str = "task: {type: model_method, modelIdOrName: m, methodName: r}";

fn text() -> String {
    format!(
        "name: w\njobs:\n- name: j\n  steps:\n  - {{name: a, {CALL}}}\n\
         \x20 - {{name: gate, dependsOn: [a], task: {{type: manual_approval}}}}\n\
         \x20 - {{name: b, {CALL}, dependsOn: [gate]}}\n\
         \x20 - {{name: c, {CALL}, dependsOn: [b]}}\n\
         \x20 - {{name: on_failure, {CALL}, dependsOn: [{{step: a, condition: failed}}]}}\n\
         \x20 - {{name: clean, {CALL}, dependsOn: [{{step: b, condition: completed}}]}}\n\
         \x20 - {{name: d, {CALL}}}\n\
         - name: k\n  dependsOn: [j]\n  steps:\n  - {{name: e, {CALL}}}\n"
    )
}

fn check(bad: &'static [&'static str], from: &str, expect: &str) {
    let mut player = Player::new(&text());
    assert_eq!(player.play(&Bad(bad)), RunStatus::Failed);
    let plan = player.plan.clone();
    let from = plan.steps().find(|it| it.path.to_string() == from);
    let from = from.expect("the step").path.clone();
    let steps = steps_to_reset(&player.state, &from).expect("the step exists");
    let words: Vec<&str> = steps.iter().map(|it| it.step.as_str()).collect();
    assert_eq!(words.join(" "), expect, "{bad:?} {from}");
    player.apply(RunEvent::Reset { steps });
    player.crash();
    assert_eq!(
        player.play(&Bad(&[])),
        RunStatus::Succeeded,
        "{}",
        player.story()
    );
}

#[test]
fn failed_step_and_what_was_skipped_for_it_begin_again() {
    check(&["b"], "j/b", "b c clean e");
    check(&["b", "d"], "j/b", "b c clean d e");
}

#[test]
fn decided_gate_stays_decided_unless_it_depends_on_the_step() {
    check(&["d"], "j/d", "d e");
    check(&["d"], "j/a", "a gate b c on_failure clean d e");
}

/// A step that ran because another one failed stays, if it succeeded and does not depend on the
/// step.
#[test]
fn other_failed_steps_begin_again_and_succeeded_ones_stay() {
    check(&["b", "d"], "j/d", "b c d e");
}

#[test]
fn unknown_step_is_no_step() {
    let player = Player::new(&text());
    let from = sedge_model::run::StepPath {
        job: "j".parse().expect("a name"),
        step: "other".parse().expect("a name"),
    };
    assert_eq!(steps_to_reset(&player.state, &from), None);
}
