//! Several drivers, deciders and a clock that jumps, in random schedules over one log.
//!
//! A driver may be paused while another one takes its place: the log refuses what it still writes.
//! Users decide at gates and cancel the run at any time, also while no driver works on it. Whatever
//! the schedule is, the run has the result of an undisturbed run, and each attempt succeeds once.

use std::collections::{HashMap, HashSet};

use sedge_model::names::RunId;
use sedge_model::run::{GateDecision, RunEvent, RunStatus, StepAttempt, StepInstance};

use super::graphs::graph;
use super::play::{Outcomes, Player, Rng, actor};
use super::random::{Seeded, undisturbed};
use crate::{InstanceState, Next, RunPause, RunState};

/// The number of schedules.
const N_SCHEDULES: u64 = 1_000;

/// The first seed. It differs from those of the other random tests.
const FIRST_SEED: u64 = 50_000;

/// The most turns of one schedule.
const N_TURNS_MAX: usize = 200_000;

/// The author of an event.
#[derive(Clone, Copy)]
enum SimAuthor {
    /// A driver, with the number of its claim.
    Driver(u32),
    /// A user, who needs no claim.
    User,
}

/// The reason why the log refuses events.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// Another driver has claimed the run since.
    Fenced,
    /// The log has events that the author has not seen.
    Moved,
}

/// The log that all share, and what is known of the world.
struct SharedLog {
    events: Vec<RunEvent>,
    state: RunState,
    claim: u32,
    /// The attempts that have succeeded, each of which has had its effect.
    succeeded: HashSet<StepAttempt>,
    /// The child run of each attempt that has one.
    children: HashMap<StepAttempt, RunId>,
    last_call: u32,
    n_fenced: usize,
    n_moved: usize,
}

impl SharedLog {
    fn new(first: &Player) -> Self {
        Self {
            events: first.log.clone(),
            state: first.with_log(&first.log).state,
            claim: 1,
            succeeded: HashSet::new(),
            children: HashMap::new(),
            last_call: 0,
            n_fenced: 0,
            n_moved: 0,
        }
    }

    /// Appends events, all or none of them.
    fn append(
        &mut self,
        author: SimAuthor,
        known: usize,
        events: &[RunEvent],
    ) -> Result<(), Refusal> {
        if let SimAuthor::Driver(claim) = author
            && claim != self.claim
        {
            self.n_fenced += 1;
            return Err(Refusal::Fenced);
        }
        if known != self.events.len() {
            self.n_moved += 1;
            return Err(Refusal::Moved);
        }
        for event in events {
            self.apply(event);
        }
        Ok(())
    }

    fn apply(&mut self, event: &RunEvent) {
        let applied = self.state.apply(event);
        applied.unwrap_or_else(|error| panic!("{error}: {event:?} after {:?}", self.events));
        if let RunEvent::StepSucceeded { step, .. } = event {
            let is_first = self.succeeded.insert(step.clone());
            assert!(is_first, "{step:?} has its effect twice");
        }
        if let RunEvent::StepStarted { step, call, child } = event {
            self.call_check(*call);
            if let Some(child) = child {
                let known = self.children.entry(step.clone());
                let known = known.or_insert_with(|| child.clone());
                assert_eq!(known, child, "{step:?} has two child runs");
            }
        }
        if let RunEvent::EvaluationCalled { call, .. } = event {
            self.call_check(*call);
        }
        self.events.push(event.clone());
    }

    fn call_check(&mut self, call: u32) {
        assert!(call > self.last_call, "the ordinal {call} is used twice");
        self.last_call = call;
    }

    /// Returns whether a driver that claims the run finds something to do.
    fn can_continue(&self, now_ms: i64) -> bool {
        if self.state.ended().is_some() {
            return false;
        }
        let is_child =
            |state: &InstanceState| matches!(state, InstanceState::ChildSuspended { .. });
        let waits = self.state.next(now_ms) == Next::Pause(RunPause::Suspended);
        !waits || self.state.instances().any(|(_, state)| is_child(state))
    }

    /// A user decides at a gate. Gates whose deadline has passed are written as decided by it
    /// first, as every command does that writes to the run.
    fn decide(&mut self, outcomes: &Seeded, rng: &mut Rng, now_ms: i64) {
        while let Next::Append(event @ RunEvent::GateExpired { .. }) = self.state.next(now_ms) {
            self.append_as_user(event);
        }
        let gates: Vec<StepInstance> = self.state.gates_open().collect();
        if gates.is_empty() || self.state.ended().is_some() {
            return;
        }
        let gate = gates[rng.below(gates.len())].clone();
        let Some(decision) = outcomes.decision(&gate) else {
            return;
        };
        let decided = |decision| RunEvent::GateDecided {
            gate: gate.clone(),
            decision,
            by: actor(),
            comment: None,
            shown: None,
        };
        self.append_as_user(decided(decision));
        for late in [GateDecision::Approved, GateDecision::Rejected] {
            let refused = self.state.apply(&decided(late));
            assert!(refused.is_err(), "`{gate}` was decided before");
        }
    }

    fn append_as_user(&mut self, event: RunEvent) {
        let known = self.events.len();
        let appended = self.append(SimAuthor::User, known, &[event]);
        assert_eq!(appended, Ok(()), "the user has read the log just now");
    }
}

/// A process that works on the run.
struct SimDriver {
    player: Player,
    claim: u32,
    /// The length of the log that it has seen.
    known: usize,
}

/// What a driver does after a turn.
#[derive(PartialEq, Eq)]
enum AfterTurn {
    Stays,
    Leaves,
}

impl SimDriver {
    /// Does one thing, and commits it.
    fn turn(&mut self, log: &mut SharedLog, outcomes: &Seeded, rng: &mut Rng) -> AfterTurn {
        // It polls the log now and then. A driver that was replaced does not get as far.
        let is_behind = self.claim == log.claim && self.known < log.events.len();
        if is_behind && rng.once_in(2) {
            self.fold_again(log);
        }
        if self.do_one_thing(outcomes, rng) == AfterTurn::Leaves {
            return AfterTurn::Leaves;
        }
        self.commit(log)
    }

    fn do_one_thing(&mut self, outcomes: &Seeded, rng: &mut Rng) -> AfterTurn {
        let player = &mut self.player;
        let has_done = match rng.below(4) {
            0 => player.finish_hand(outcomes, rng.next()),
            1 => player.finish_running(outcomes, rng.next()),
            2 => player.wake(rng.next()),
            _ => false,
        };
        if has_done {
            return AfterTurn::Stays;
        }
        match player.state.next(player.now_ms) {
            Next::Append(event) => player.apply(event),
            Next::Do(todo) => player.take(todo),
            Next::Pause(RunPause::Working { .. }) => {
                let _ = player.finish_hand(outcomes, rng.next())
                    || player.finish_running(outcomes, rng.next());
            }
            Next::Pause(RunPause::Suspended | RunPause::Ended(_)) => return AfterTurn::Leaves,
        }
        AfterTurn::Stays
    }

    /// Commits the events that its state has and the log has not.
    fn commit(&mut self, log: &mut SharedLog) -> AfterTurn {
        let events = self.player.log[self.known..].to_vec();
        if events.is_empty() {
            return AfterTurn::Stays;
        }
        match log.append(SimAuthor::Driver(self.claim), self.known, &events) {
            Ok(()) => {
                self.known = log.events.len();
                match self.player.state.ended().is_some() || self.player.state.is_suspended() {
                    true => AfterTurn::Leaves,
                    false => AfterTurn::Stays,
                }
            }
            Err(Refusal::Moved) => {
                self.fold_again(log);
                AfterTurn::Stays
            }
            Err(Refusal::Fenced) => AfterTurn::Leaves,
        }
    }

    fn fold_again(&mut self, log: &SharedLog) {
        self.player.fold_again(&log.events);
        self.known = log.events.len();
    }
}

/// One schedule.
struct Simulation {
    first: Player,
    outcomes: Seeded,
    rng: Rng,
    log: SharedLog,
    drivers: Vec<SimDriver>,
    now_ms: i64,
    /// The length of the log at which the run is cancelled, or its deadline passes.
    stops_at: Option<usize>,
}

impl Simulation {
    fn new(text: &str, seed: u64, mut rng: Rng) -> Self {
        let mut first = Player::new(text);
        first.is_checked = false;
        let driver = SimDriver {
            player: first.with_log(&first.log),
            claim: 1,
            known: first.log.len(),
        };
        let stops_at = rng.once_in(4).then(|| 2 + rng.below(40));
        Self {
            log: SharedLog::new(&first),
            first,
            outcomes: Seeded(seed),
            rng,
            drivers: vec![driver],
            now_ms: 0,
            stops_at,
        }
    }

    /// Runs until the log ends. Returns the status of the run.
    fn run(&mut self) -> RunStatus {
        for _ in 0..N_TURNS_MAX {
            if let Some(status) = self.log.state.ended() {
                return status;
            }
            self.stop();
            match self.rng.below(100) {
                0..2 => self.crash(),
                2..4 => self.claim(),
                4..6 => self.release(),
                6..14 => self.log.decide(&self.outcomes, &mut self.rng, self.now_ms),
                14..22 => self.jump(),
                _ => self.turn(),
            }
        }
        panic!("the run does not end: {:?}", self.log.events);
    }

    /// Cancels the run, or lets its deadline pass, once the log is long enough.
    fn stop(&mut self) {
        if self.stops_at.is_none_or(|at| self.log.events.len() < at) {
            return;
        }
        self.stops_at = None;
        let event = match self.rng.once_in(2) {
            true => RunEvent::CancelRequested {
                by: actor(),
                reason: None,
            },
            false => RunEvent::DeadlinePassed,
        };
        self.log.append_as_user(event);
    }

    /// A driver is killed.
    fn crash(&mut self) {
        if !self.drivers.is_empty() {
            let killed = self.rng.below(self.drivers.len());
            self.drivers.swap_remove(killed);
        }
    }

    /// Another driver claims the run. A driver that works on it may still believe that it does.
    fn claim(&mut self) {
        if !self.log.can_continue(self.now_ms) {
            return;
        }
        self.log.claim += 1;
        let claim = self.log.claim;
        let known = self.log.events.len();
        let resumed = self
            .log
            .append(SimAuthor::Driver(claim), known, &[RunEvent::Resumed]);
        assert_eq!(resumed, Ok(()), "it has claimed the run just now");
        self.drivers.push(SimDriver {
            player: self.first.with_log(&self.log.events),
            claim,
            known: self.log.events.len(),
        });
    }

    /// The driver ends before the run does, and writes that.
    fn release(&mut self) {
        let claim = self.log.claim;
        let Some(at) = self.drivers.iter().position(|it| it.claim == claim) else {
            return;
        };
        let driver = self.drivers.swap_remove(at);
        // If the log has moved, the driver ends without a word, as in a crash.
        let author = SimAuthor::Driver(claim);
        let _ = self.log.append(author, driver.known, &[RunEvent::Released]);
    }

    /// The clock jumps: mostly ahead, sometimes back.
    fn jump(&mut self) {
        let ms = i64::try_from(self.rng.below(4_000)).expect("a small number");
        self.now_ms = match self.rng.once_in(5) {
            true => (self.now_ms - ms / 4).max(0),
            false => self.now_ms + ms,
        };
    }

    /// A driver does one thing; the first that is needed is started.
    fn turn(&mut self) {
        if self.drivers.is_empty() {
            self.claim();
            return;
        }
        let at = self.rng.below(self.drivers.len());
        let driver = &mut self.drivers[at];
        driver.player.now_ms = self.now_ms;
        let after = driver.turn(&mut self.log, &self.outcomes, &mut self.rng);
        if after == AfterTurn::Leaves {
            self.drivers.swap_remove(at);
        }
    }
}

#[test]
fn every_schedule_ends_as_an_undisturbed_run() {
    let (mut n_fenced, mut n_moved, mut n_stopped) = (0, 0, 0);
    for seed in FIRST_SEED..FIRST_SEED + N_SCHEDULES {
        println!("seed {seed}");
        let mut rng = Rng(seed);
        let n_steps = 1 + rng.below(16);
        let text = graph(&mut rng, n_steps);
        let (expect, ends) = undisturbed(&text, &Seeded(seed));
        let mut simulation = Simulation::new(&text, seed, rng);
        let status = simulation.run();
        let log = &simulation.log;
        let played = simulation.first.with_log(&log.events);
        let is_cancelled = log.state.is_cancelling();
        let is_late = log.state.deadline_passed();
        let expect = match (is_cancelled, is_late) {
            (true, _) => RunStatus::Cancelled,
            (false, true) => RunStatus::Failed,
            (false, false) => expect,
        };
        assert_eq!(status, expect, "seed {seed}: {}\n{text}", played.story());
        match is_cancelled || is_late {
            true => n_stopped += 1,
            false => assert_eq!(
                played.ends(),
                ends,
                "seed {seed}: {}\n{text}",
                played.story()
            ),
        }
        n_fenced += log.n_fenced;
        n_moved += log.n_moved;
    }
    println!(
        "{n_fenced} writes were fenced off, {n_moved} came too late, {n_stopped} runs stopped"
    );
    assert!(n_fenced > 0 && n_moved > 0 && n_stopped > 0);
}
