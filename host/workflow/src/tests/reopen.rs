//! Gates that are opened again: what is behind them waits for the new decision, also behind steps
//! that have ended.

use sedge_model::run::{
    GateDecision, RunEvent, RunStatus, StepAttempt, StepError, StepInstance, StepPath,
};

use super::play::{Outcomes, Player, failure};
use crate::state::RunState;

/// The steps that fail, and the decision at all gates.
struct Decided(&'static [&'static str], GateDecision);

impl Outcomes for Decided {
    fn attempt(&self, step: &StepAttempt) -> Result<(), StepError> {
        match self.0.contains(&step.step.path.step.as_str()) {
            true => Err(failure("c")),
            false => Ok(()),
        }
    }

    fn decision(&self, _gate: &StepInstance) -> Option<GateDecision> {
        Some(self.1)
    }
}

const APPROVED: Decided = Decided(&[], GateDecision::Approved);
const REJECTED: Decided = Decided(&[], GateDecision::Rejected);

const CALL: &str = "task: {type: model_method, modelIdOrName: m, methodName: r}";
const GATE: &str = "task: {type: manual_approval}";

fn text() -> String {
    format!(
        "name: w\njobs:\n- name: j\n  steps:\n  - {{name: gate, {GATE}}}\n\
         \x20 - {{name: a, {CALL}, dependsOn: [gate]}}\n\
         \x20 - {{name: b, {CALL}, dependsOn: [a]}}\n\
         \x20 - {{name: c, {CALL}, dependsOn: [b]}}\n\
         \x20 - {{name: rejected, {CALL}, dependsOn: [{{step: gate, condition: failed}}]}}\n\
         \x20 - {{name: other, {CALL}}}\n\
         - name: k\n  dependsOn: [j]\n  steps:\n  - {{name: d, {CALL}}}\n"
    )
}

fn path(text: &str) -> StepPath {
    let (job, step) = text.split_once('/').expect("a path");
    StepPath {
        job: job.parse().expect("a name"),
        step: step.parse().expect("a name"),
    }
}

/// Returns a run of which `b` has failed, so that it begins again from there, and whose gate is
/// opened again.
fn reopened() -> Player {
    let mut player = Player::new(&text());
    let ended = player.play(&Decided(&["b"], GateDecision::Approved));
    assert_eq!(ended, RunStatus::Failed);
    let steps = ["j/b", "j/c", "k/d"].map(path).to_vec();
    player.apply(RunEvent::Reset { steps });
    player.crash();
    assert_eq!(player.state.gates_asked(), [path("j/gate")]);
    assert!(player.state.has_unstarted_behind(&path("j/gate")));
    let expect = RunEvent::GateReopened {
        gate: path("j/gate"),
        skipped: vec![path("j/rejected")],
    };
    let events = player.state.gates_reopened(&[path("j/gate")]);
    assert_eq!(events, std::slice::from_ref(&expect));
    player.apply(expect);
    player
}

/// Returns what happens after the gate is opened again.
fn story_after(player: &Player) -> String {
    let story = player.story();
    let (_, after) = story.split_once("reopened ").expect("it was");
    after.to_owned()
}

#[test]
fn step_behind_an_ended_step_waits_for_the_gate_that_is_opened_again() {
    let mut player = reopened();
    assert_eq!(player.play(&APPROVED), RunStatus::Succeeded);
    let expect = "gate:open rest gate:approved rejected:skip +b b:ok +c c:ok +d d:ok";
    assert_eq!(story_after(&player), expect);
}

#[test]
fn nothing_new_runs_behind_a_gate_that_is_rejected_when_it_is_opened_again() {
    let mut player = reopened();
    assert_eq!(player.play(&REJECTED), RunStatus::Failed);
    let story = story_after(&player);
    assert!(story.contains("+rejected"), "{story}");
    for step in ["+b", "+c", "+d"] {
        assert!(!story.contains(step), "{step}: {story}");
    }
    let skipped = player.log.iter().find_map(|event| {
        if let RunEvent::StepSkipped { step, because } = event
            && step.path == path("j/b")
        {
            return Some(because.clone());
        }
        None
    });
    let expect = "the gate `j/gate`, which was opened again, was not approved";
    assert_eq!(skipped.as_deref(), Some(expect));
}

#[test]
fn gate_without_anything_left_behind_it_has_no_followers() {
    let mut player = Player::new(&text());
    assert_eq!(player.play(&APPROVED), RunStatus::Succeeded);
    assert!(!player.state.has_unstarted_behind(&path("j/gate")));
}

#[test]
fn rejected_gate_is_not_asked_again() {
    let mut player = Player::new(&text());
    assert_eq!(player.play(&REJECTED), RunStatus::Failed);
    assert_eq!(player.state.gates_asked(), []);
}

/// The state follows from the log, wherever the gate is opened again.
#[test]
fn gate_can_be_opened_again_after_each_event() {
    let mut whole = Player::new(&text());
    assert_eq!(whole.play(&APPROVED), RunStatus::Succeeded);
    for n in 1..whole.log.len() {
        let mut player = Player::new(&text());
        for event in &whole.log[1..n] {
            player.apply(event.clone());
        }
        player.crash();
        has_same_steps_behind(&player.state);
        let left = player.state.steps_with_unstarted_behind();
        let mut gates = player.state.gates_asked();
        gates.retain(|gate| left.contains(gate));
        for event in player.state.gates_reopened(&gates) {
            player.apply(event);
        }
        player.crash();
        assert_eq!(player.play(&APPROVED), RunStatus::Succeeded, "{n}");
    }
}

/// Checks that the question about all steps has the same answers as that about each.
#[track_caller]
fn has_same_steps_behind(state: &RunState) {
    let together = state.steps_with_unstarted_behind();
    for step in state.plan().steps() {
        let alone = state.has_unstarted_behind(&step.path);
        assert_eq!(together.contains(&step.path), alone, "{}", step.path);
    }
}

/// Jobs and steps in several layers: `b` waits for `a`, and `c` for both.
const LAYERS: &str = "name: w\njobs:\n\
    - name: a\n  steps:\n  - {name: one, CALL}\n  - {name: two, CALL, dependsOn: [one]}\n\
    - name: b\n  dependsOn: [a]\n  steps:\n  - {name: gate, GATE}\n  \
    - {name: three, CALL, dependsOn: [gate]}\n  - {name: four, CALL}\n\
    - name: c\n  dependsOn: [a, b]\n  steps:\n  - {name: five, CALL}\n\
    - name: d\n  steps:\n  - {name: six, CALL}\n";

#[test]
fn steps_with_unstarted_behind_are_those_of_the_question_about_each() {
    let text = LAYERS.replace("CALL", CALL).replace("GATE", GATE);
    let mut whole = Player::new(&text);
    assert_eq!(whole.play(&APPROVED), RunStatus::Succeeded);
    let mut n_left = Vec::new();
    for n in 1..=whole.log.len() {
        let mut player = Player::new(&text);
        for event in &whole.log[1..n] {
            player.apply(event.clone());
        }
        has_same_steps_behind(&player.state);
        n_left.push(player.state.steps_with_unstarted_behind().len());
    }
    // At first, something is behind all steps but `c/five` and `d/six`; at the end, behind none.
    assert_eq!((n_left.first(), n_left.last()), (Some(&5), Some(&0)));
}

/// A step that waits for both gates and was skipped is named once, by the event of the first gate.
#[test]
fn step_that_two_gates_have_skipped_is_named_by_the_first() {
    let text = format!(
        "name: w\njobs:\n- name: j\n  steps:\n  - {{name: one, {GATE}}}\n  - {{name: two, {GATE}}}\n\
         \x20 - {{name: undo, {CALL}, dependsOn: [{{step: one, condition: failed}}, \
         {{step: two, condition: failed}}]}}\n\
         - name: k\n  dependsOn: [{{job: j, condition: failed}}]\n  steps:\n  - {{name: alarm, {CALL}}}\n"
    );
    let mut player = Player::new(&text);
    assert_eq!(player.play(&APPROVED), RunStatus::Succeeded);
    let gates = ["j/one", "j/two"].map(path);
    let reopened = |gate: &StepPath, skipped: &[&str]| RunEvent::GateReopened {
        gate: gate.clone(),
        skipped: skipped.iter().map(|it| path(it)).collect(),
    };
    let expect = [
        reopened(&gates[0], &["j/undo", "k/alarm"]),
        reopened(&gates[1], &[]),
    ];
    assert_eq!(player.state.gates_reopened(&gates), expect);
}
