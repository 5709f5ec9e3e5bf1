//! Random graphs, played in random orders and disturbed: what follows incrementally is what the
//! naive rule says, after every event, and every prefix of every log recovers.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use sedge_model::names::JobName;
use sedge_model::run::{
    GateDeadline, GateDecision, OnTimeout, RunEvent, RunStatus, StepAttempt, StepError,
    StepInstance, StepPath,
};

use super::graphs::graph;
use super::play::{Outcomes, Player, Rng, actor, failure, no_value};
use crate::{InstanceState, RunState, StepEnd, steps_to_reset};

/// Results that follow from a seed.
pub(super) struct Seeded(pub(super) u64);

impl Seeded {
    fn roll(&self, what: &str, of: impl ToString, n: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.0, what, of.to_string()).hash(&mut hasher);
        hasher.finish() % n
    }
}

impl Outcomes for Seeded {
    fn job_guard(&self, job: &JobName) -> Result<bool, StepError> {
        match self.roll("job guard", job, 8) {
            0 => Err(no_value()),
            it => Ok(it < 3),
        }
    }

    fn n_items(&self, step: &StepPath) -> Result<usize, StepError> {
        match self.roll("items", step, 10) {
            0 => Err(no_value()),
            it => Ok(usize::try_from(it % 4).expect("a small number")),
        }
    }

    fn guard(&self, step: &StepInstance) -> Result<bool, StepError> {
        match self.roll("guard", step, 8) {
            0 => Err(no_value()),
            it => Ok(it < 3),
        }
    }

    fn inputs(&self, step: &StepInstance) -> Result<(), StepError> {
        match self.roll("inputs", step, 12) {
            0 => Err(no_value()),
            _ => Ok(()),
        }
    }

    fn attempt(&self, step: &StepAttempt) -> Result<(), StepError> {
        match self.roll("attempt", format!("{}#{}", step.step, step.attempt), 8) {
            0 => Err(no_value()),
            1 | 2 => Err(failure("c")),
            _ => Ok(()),
        }
    }

    fn is_allowed(&self, step: &StepInstance) -> bool {
        self.roll("allowed", step, 2) == 0
    }

    fn child_waits(&self, step: &StepAttempt) -> bool {
        self.roll("child", format!("{}#{}", step.step, step.attempt), 3) == 0
    }

    fn deadline(&self, gate: &StepInstance, now_ms: i64) -> Option<GateDeadline> {
        let then = OnTimeout::ALL[usize::from(self.roll("then", gate, 2) == 0)];
        match self.decision(gate) {
            None => Some(GateDeadline {
                at_ms: now_ms + 2_500,
                then,
            }),
            Some(_) if self.roll("late", gate, 2) == 0 => Some(GateDeadline {
                at_ms: i64::MAX,
                then,
            }),
            Some(_) => None,
        }
    }

    fn decision(&self, gate: &StepInstance) -> Option<GateDecision> {
        match self.roll("decision", gate, 4) {
            0 => None,
            1 => Some(GateDecision::Rejected),
            _ => Some(GateDecision::Approved),
        }
    }
}

/// Returns the result of an undisturbed run.
pub(super) fn undisturbed(
    text: &str,
    outcomes: &Seeded,
) -> (RunStatus, BTreeMap<String, Option<StepEnd>>) {
    let mut player = Player::new(text);
    player.is_checked = false;
    (player.play(outcomes), player.ends())
}

/// Plays a run in a random order, with disturbances.
fn play_disturbed(player: &mut Player, outcomes: &Seeded, rng: &mut Rng) -> RunStatus {
    let stops_at = rng.once_in(3).then(|| 2 + rng.below(60));
    let is_cancelled = rng.once_in(2);
    let mut n_resets = rng.below(3);
    for _ in 0..100_000 {
        let is_over = player.state.ended().is_some();
        let is_stopping = player.state.is_cancelling() || player.state.deadline_passed();
        if !is_over && rng.once_in(40) {
            check_fold(player);
            player.crash();
        }
        if !is_over && rng.once_in(60) {
            player.apply(RunEvent::Released);
            player.crash();
        }
        if !is_over && !is_stopping && stops_at == Some(player.log.len()) {
            player.apply(match is_cancelled {
                true => RunEvent::CancelRequested {
                    by: actor(),
                    reason: None,
                },
                false => RunEvent::DeadlinePassed,
            });
        }
        let Some(status) = player.turn(outcomes, Some(&mut *rng)) else {
            continue;
        };
        if status != RunStatus::Failed || n_resets == 0 {
            return status;
        }
        n_resets -= 1;
        let steps: Vec<StepPath> = player.plan.steps().map(|it| it.path.clone()).collect();
        let from = &steps[rng.below(steps.len())];
        let steps = steps_to_reset(&player.state, from).expect("the step exists");
        player.apply(RunEvent::Reset { steps });
        player.crash();
    }
    panic!("the run does not end: {}", player.story());
}

/// Checks that the fold of the log is the state.
fn check_fold(player: &Player) {
    let folded = RunState::fold(player.plan.clone(), &player.log).expect("a legal log");
    for ((step, now), (_, folded)) in player.state.instances().zip(folded.instances()) {
        // That a child run continues is not in the log before the step has started again.
        let is_woken = matches!(folded, InstanceState::ChildSuspended { .. })
            && matches!(now, InstanceState::Interrupted { .. });
        assert!(now == folded || is_woken, "{step}: {now:?} {folded:?}");
    }
    assert_eq!(player.state.call_next(), folded.call_next());
    assert_eq!(player.state.is_suspended(), folded.is_suspended());
    assert_eq!(player.state.is_released(), folded.is_released());
}

/// Checks that a run continues after each prefix of a log, and ends with the result that follows
/// from the prefix.
fn check_prefixes(player: &Player, outcomes: &Seeded, expect: &RunStatus) {
    for n in 0..=player.log.len() {
        let mut recovered = player.after(n);
        if recovered.state.ended().is_none() {
            recovered.apply(RunEvent::Resumed);
        }
        let is_cancelled = recovered.state.is_cancelling();
        let is_late = recovered.state.deadline_passed();
        let status = recovered.play(outcomes);
        let expect = match (is_cancelled, is_late) {
            (true, _) => RunStatus::Cancelled,
            (false, true) => RunStatus::Failed,
            (false, false) => *expect,
        };
        assert_eq!(status, expect, "after {n}: {}", recovered.story());
    }
}

/// The number of kinds of events in the logs of disturbed runs: all but `EditsTaken`.
const N_KINDS: usize = 21;

/// Plays one random graph. Returns the log.
fn check(seed: u64, n_steps: usize, has_prefixes: bool) -> Vec<RunEvent> {
    let mut rng = Rng(seed);
    let text = graph(&mut rng, n_steps);
    let outcomes = Seeded(seed);
    let (expect, ends) = undisturbed(&text, &outcomes);
    let mut player = Player::new(&text);
    let status = play_disturbed(&mut player, &outcomes, &mut rng);
    check_fold(&player);
    let is_stopped = player.state.is_cancelling() || player.state.deadline_passed();
    if !is_stopped {
        assert_eq!(status, expect, "seed {seed}: {}\n{text}", player.story());
        assert_eq!(
            player.ends(),
            ends,
            "seed {seed}: {}\n{text}",
            player.story()
        );
    }
    if has_prefixes {
        check_prefixes(&player, &outcomes, &expect);
    }
    player.log
}

#[test]
fn incremental_state_equals_the_naive_rule_on_small_graphs() {
    let mut kinds = HashSet::new();
    for seed in 0..600 {
        let n_steps = 1 + usize::try_from(seed % 12).expect("a small number");
        let log = check(seed, n_steps, true);
        kinds.extend(log.iter().map(std::mem::discriminant));
    }
    assert_eq!(kinds.len(), N_KINDS, "the graphs have every kind of event");
}

#[test]
fn incremental_state_equals_the_naive_rule_on_large_graphs() {
    for seed in 1_000..1_030 {
        let n_steps = 20 + usize::try_from(seed % 41).expect("a small number");
        check(seed, n_steps, false);
    }
}

#[test]
fn every_prefix_of_a_long_log_recovers() {
    for seed in 2_000..2_008 {
        check(seed, 40, true);
    }
}
