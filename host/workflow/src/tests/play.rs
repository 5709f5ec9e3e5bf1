//! A driver without processes: it plays runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sedge_lang::diagnostic::SourceFile;
use sedge_lang::workflow::Workflow;
use sedge_model::call::{CallError, MethodFailure};
use sedge_model::names::{JobName, RunId};
use sedge_model::run::{
    Actor, EvaluationPlace, Expansion, GateDeadline, GateDecision, GateShown, RunEvent, RunStatus,
    StepAttempt, StepError, StepInstance, StepPath,
};

use crate::naive::Naive;
use crate::{InstanceState, Next, Plan, RunPause, RunState, StepEnd, TaskKind, Todo};

/// What happens to the parts of a run. It depends on nothing but the part, so that a run has the
/// same results in whatever order its parts are executed.
pub(super) trait Outcomes {
    fn job_guard(&self, _job: &JobName) -> Result<bool, StepError> {
        Ok(false)
    }
    fn n_items(&self, _step: &StepPath) -> Result<usize, StepError> {
        Ok(2)
    }
    fn guard(&self, _step: &StepInstance) -> Result<bool, StepError> {
        Ok(false)
    }
    fn inputs(&self, _step: &StepInstance) -> Result<(), StepError> {
        Ok(())
    }
    fn attempt(&self, step: &StepAttempt) -> Result<(), StepError>;
    fn is_allowed(&self, _step: &StepInstance) -> bool {
        false
    }
    fn child_waits(&self, _step: &StepAttempt) -> bool {
        false
    }
    fn deadline(&self, _gate: &StepInstance, _now_ms: i64) -> Option<GateDeadline> {
        None
    }
    /// Returns the decision of a user; `None` if no user decides.
    fn decision(&self, gate: &StepInstance) -> Option<GateDecision>;
}

/// Numbers that look random, and are the same for the same seed: splitmix64.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n.max(1)).expect("a small number");
        usize::try_from(self.next() % n).expect("a small number")
    }

    /// Returns true once in `n` times.
    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A run that is played.
pub(super) struct Player {
    pub(super) workflow: Workflow,
    pub(super) plan: Arc<Plan>,
    pub(super) state: RunState,
    pub(super) log: Vec<RunEvent>,
    hand: Vec<Todo>,
    pub(super) now_ms: i64,
    /// Compare with the naive rule after every event.
    pub(super) is_checked: bool,
}

pub(super) fn workflow(text: &str) -> Workflow {
    let file = SourceFile::new("w.yaml", text);
    Workflow::parse(&file).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"))
}

pub(super) fn failure(code: &str) -> StepError {
    StepError::Call(CallError::Failed(MethodFailure {
        code: code.into(),
        message: "m".into(),
        details: None,
        keep_writes: false,
        backtrace: Vec::new(),
    }))
}

pub(super) fn no_value() -> StepError {
    StepError::Expression {
        message: "no value".to_owned(),
    }
}

pub(super) fn actor() -> Actor {
    Actor {
        name: "me".to_owned(),
        uid: None,
    }
}

pub(super) fn shown() -> GateShown {
    GateShown {
        prompt: String::new(),
        digest: String::new(),
    }
}

impl Player {
    pub(super) fn new(text: &str) -> Self {
        let workflow = workflow(text);
        let plan = Arc::new(Plan::new(&workflow));
        let mut player = Self {
            workflow,
            state: RunState::new(plan.clone()),
            plan,
            log: Vec::new(),
            hand: Vec::new(),
            now_ms: 0,
            is_checked: true,
        };
        player.apply(RunEvent::Started);
        player
    }

    /// Returns a run that continues after the first `n` events.
    pub(super) fn after(&self, n: usize) -> Self {
        self.with_log(&self.log[..n])
    }

    /// Returns a run of the same workflow that continues after a log.
    pub(super) fn with_log(&self, log: &[RunEvent]) -> Self {
        Self {
            workflow: self.workflow.clone(),
            plan: self.plan.clone(),
            state: RunState::fold(self.plan.clone(), log).expect("a legal log"),
            log: log.to_vec(),
            hand: Vec::new(),
            now_ms: self.now_ms,
            is_checked: false,
        }
    }

    pub(super) fn apply(&mut self, event: RunEvent) {
        if let Err(error) = self.state.apply(&event) {
            panic!("{error}\n{}", self.story());
        }
        self.log.push(event);
        self.check();
    }

    /// Folds the state again from a log that others have written to. What is in hand stays there.
    pub(super) fn fold_again(&mut self, log: &[RunEvent]) {
        self.log = log.to_vec();
        self.state = RunState::fold(self.plan.clone(), log).expect("a legal log");
        for todo in &self.hand {
            self.state.take(todo);
        }
    }

    /// Takes work in hand.
    pub(super) fn take(&mut self, todo: Todo) {
        self.state.take(&todo);
        self.hand.push(todo);
        self.check();
    }

    /// Another driver continues the run from its log.
    pub(super) fn crash(&mut self) {
        self.hand.clear();
        self.state = RunState::fold(self.plan.clone(), &self.log).expect("a legal log");
        self.apply(RunEvent::Resumed);
    }

    /// Checks the state against the naive rule, and the limits.
    pub(super) fn check(&self) {
        if !self.is_checked {
            return;
        }
        let naive = Naive {
            workflow: &self.workflow,
            state: &self.state,
        };
        let mut next = self.state.next(self.now_ms);
        if let Next::Append(RunEvent::StepSkipped { because, .. }) = &mut next {
            assert!(!because.is_empty(), "{}", self.story());
            because.clear();
        }
        assert_eq!(next, naive.next(self.now_ms), "{}", self.story());
        for job in &self.workflow.jobs {
            let end = self.state.job_end(&job.name);
            assert_eq!(end, naive.job_end(job), "{}: {}", job.name, self.story());
            for step in &job.steps {
                let end = self.state.step_end(&step.path);
                let expect = naive.step_end(&step.path);
                assert_eq!(end, expect, "{}: {}", step.path, self.story());
            }
        }
        self.check_limits();
    }

    fn check_limits(&self) {
        let mut n_of: BTreeMap<String, u32> = BTreeMap::new();
        for (step, _) in self.running() {
            *n_of.entry(String::new()).or_default() += 1;
            *n_of.entry(step.path.job.to_string()).or_default() += 1;
            *n_of.entry(step.path.to_string()).or_default() += 1;
        }
        let check = |name: String, limit: Option<u32>| {
            let n = n_of.get(&name).copied().unwrap_or(0);
            assert!(limit.is_none_or(|it| n <= it), "{name}: {}", self.story());
        };
        let workflow = &self.workflow;
        check(
            String::new(),
            workflow.concurrency.as_ref().map(|it| it.value.get()),
        );
        for job in &workflow.jobs {
            check(
                job.name.to_string(),
                job.concurrency.as_ref().map(|it| it.value.get()),
            );
            for step in &job.steps {
                let limit = step.concurrency.as_ref().map(|it| it.value.get());
                check(step.path.to_string(), limit);
            }
        }
    }

    /// Returns the instances that run, in the order of their calls.
    pub(super) fn running(&self) -> Vec<(StepInstance, u32)> {
        let mut running: Vec<(StepInstance, u32)> = self
            .state
            .instances()
            .filter_map(|(step, state)| {
                let InstanceState::Running { call, .. } = state else {
                    return None;
                };
                Some((step, *call))
            })
            .collect();
        running.sort_by_key(|(_, call)| *call);
        running
    }

    /// Does one thing. With `rng`, what is in hand or runs may end at any time; without, only when
    /// nothing else can be done. Returns the status if the run has ended, or waits for a decision
    /// that no user makes.
    pub(super) fn turn(
        &mut self,
        outcomes: &dyn Outcomes,
        mut rng: Option<&mut Rng>,
    ) -> Option<RunStatus> {
        if let Some(rng) = rng.as_deref_mut() {
            match rng.below(5) {
                0 if self.finish_hand(outcomes, rng.next()) => return None,
                1 if self.finish_running(outcomes, rng.next()) => return None,
                2 if self.state.ended().is_none() && self.decide(outcomes, 1) > 0 => return None,
                3 if self.wake(rng.next()) => return None,
                _ => {}
            }
        }
        let next = self.state.next(self.now_ms);
        let is_idle = matches!(next, Next::Pause(_));
        if self.state.is_suspended() && !is_idle {
            self.apply(RunEvent::Resumed);
            return None;
        }
        match next {
            Next::Append(event) => self.apply(event),
            Next::Do(todo) => {
                self.take(todo);
                if rng.is_none() {
                    self.finish_hand(outcomes, 0);
                }
            }
            Next::Pause(RunPause::Working { until_ms }) => {
                let has_ended = self.finish_hand(outcomes, 0) || self.finish_running(outcomes, 0);
                if !has_ended {
                    self.now_ms = until_ms.expect("nothing runs, so something waits");
                    self.check();
                }
            }
            Next::Pause(RunPause::Suspended) => return self.resume(outcomes),
            Next::Pause(RunPause::Ended(status)) => return Some(status),
        }
        None
    }

    /// Plays until the run ends or waits for a decision that no user makes.
    pub(super) fn play(&mut self, outcomes: &dyn Outcomes) -> RunStatus {
        for _ in 0..100_000 {
            if let Some(status) = self.turn(outcomes, None) {
                return status;
            }
        }
        panic!("the run does not end: {}", self.story());
    }

    /// Continues a suspended run.
    fn resume(&mut self, outcomes: &dyn Outcomes) -> Option<RunStatus> {
        let n_decided = self.decide(outcomes, usize::MAX);
        let deadlines = self.state.instances().filter_map(|(_, state)| {
            let InstanceState::Open { deadline } = state else {
                return None;
            };
            deadline.map(|it| it.at_ms)
        });
        let deadline = deadlines.min();
        let has_child = self
            .state
            .instances()
            .any(|(_, state)| matches!(state, InstanceState::ChildSuspended { .. }));
        if n_decided == 0 && !has_child {
            let Some(at_ms) = deadline else {
                return Some(RunStatus::Suspended);
            };
            self.now_ms = self.now_ms.max(at_ms);
        }
        self.apply(RunEvent::Resumed);
        None
    }

    /// Decides at most `n` gates. Returns how many.
    fn decide(&mut self, outcomes: &dyn Outcomes, n: usize) -> usize {
        let gates: Vec<StepInstance> = self.state.gates_open().collect();
        let decided = gates.into_iter().filter_map(|gate| {
            let decision = outcomes.decision(&gate)?;
            Some((gate, decision))
        });
        let decided: Vec<_> = decided.take(n).collect();
        let n_decided = decided.len();
        for (gate, decision) in decided {
            self.apply(RunEvent::GateDecided {
                gate,
                decision,
                by: actor(),
                comment: None,
                shown: None,
            });
        }
        n_decided
    }

    /// Continues a child run that was suspended. Returns whether there is one.
    pub(super) fn wake(&mut self, random: u64) -> bool {
        let is_going_on = !self.state.is_suspended() && self.state.ended().is_none();
        let children = self.state.instances().filter_map(|(step, state)| {
            matches!(state, InstanceState::ChildSuspended { .. }).then_some(step)
        });
        let children: Vec<StepInstance> = children.collect();
        if children.is_empty() || !is_going_on || self.state.is_released() {
            return false;
        }
        let woken = &children[index(random, children.len())];
        assert!(self.state.wake(woken));
        self.check();
        true
    }

    /// Ends something that is in hand. Returns whether there is something.
    pub(super) fn finish_hand(&mut self, outcomes: &dyn Outcomes, random: u64) -> bool {
        if self.hand.is_empty() {
            return false;
        }
        let todo = self.hand.remove(index(random, self.hand.len()));
        if self.state.is_cancelling() || self.state.deadline_passed() {
            self.state.put_back(&todo);
            self.check();
            return true;
        }
        match todo {
            Todo::JobGuard(job) => {
                let is_satisfied = outcomes.job_guard(&job);
                self.apply(RunEvent::EvaluationCalled {
                    place: EvaluationPlace::JobGuard(job.clone()),
                    call: self.state.call_next(),
                });
                self.apply(RunEvent::JobGuarded { job, is_satisfied });
            }
            Todo::Expand(step) => self.finish_expand(outcomes, step),
            Todo::Guard(step) => match outcomes.guard(&step) {
                Ok(is_satisfied) => self.apply(RunEvent::Guarded { step, is_satisfied }),
                Err(error) => self.fail(StepAttempt { step, attempt: 1 }, None, error, false),
            },
            Todo::Start {
                step,
                kind,
                interrupted,
            } => self.finish_start(outcomes, step, kind, &interrupted),
        }
        true
    }

    fn finish_expand(&mut self, outcomes: &dyn Outcomes, step: StepPath) {
        match outcomes.n_items(&step) {
            Ok(n) => {
                let items = (0..n).map(|at| Expansion {
                    name: format!("{}[{at}]", step.step).parse().expect("a name"),
                    item: serde_json::Value::from(at).into(),
                });
                let items = items.collect();
                self.apply(RunEvent::Expanded {
                    step,
                    items,
                    environment: BTreeSet::new(),
                });
            }
            Err(error) => {
                let step = StepInstance::of(step);
                self.fail(StepAttempt { step, attempt: 1 }, None, error, false);
            }
        }
    }

    fn finish_start(
        &mut self,
        outcomes: &dyn Outcomes,
        step: StepAttempt,
        kind: TaskKind,
        interrupted: &[u32],
    ) {
        let is_first = step.attempt == 1 && interrupted.is_empty();
        if is_first && let Err(error) = outcomes.inputs(&step.step) {
            self.fail(step, None, error, false);
            return;
        }
        match kind {
            TaskKind::Method | TaskKind::Workflow => {
                let known = self
                    .state
                    .instance(&step.step)
                    .and_then(InstanceState::child);
                let new = RunId::from_bits(self.log.len() as u64);
                let child = (kind == TaskKind::Workflow).then(|| known.cloned().unwrap_or(new));
                let call = self.state.call_next();
                self.apply(RunEvent::StepStarted { step, call, child });
            }
            TaskKind::Gate => self.apply(RunEvent::GateOpened {
                deadline: outcomes.deadline(&step.step, self.now_ms),
                gate: step.step,
                shown: shown(),
            }),
            TaskKind::Assert => {
                self.apply(RunEvent::EvaluationCalled {
                    place: EvaluationPlace::Assert(step.step.clone()),
                    call: self.state.call_next(),
                });
                let is_allowed = outcomes.is_allowed(&step.step);
                match outcomes.attempt(&step) {
                    Ok(()) => self.apply(RunEvent::StepSucceeded { step, call: None }),
                    Err(error) => self.fail(step, None, error, is_allowed),
                }
            }
        }
    }

    /// Ends a call. Returns whether one runs.
    pub(super) fn finish_running(&mut self, outcomes: &dyn Outcomes, random: u64) -> bool {
        let running = self.running();
        if running.is_empty() {
            return false;
        }
        let (step, call) = running[index(random, running.len())].clone();
        let Some(InstanceState::Running {
            attempt,
            interrupted,
            child,
            ..
        }) = self.state.instance(&step)
        else {
            panic!("`{step}` runs");
        };
        let is_first = interrupted.is_empty();
        let has_child = child.is_some();
        let attempt = StepAttempt {
            step: step.clone(),
            attempt: *attempt,
        };
        if has_child && is_first && outcomes.child_waits(&attempt) {
            self.apply(RunEvent::ChildSuspended { step });
            return true;
        }
        match outcomes.attempt(&attempt) {
            Ok(()) => self.apply(RunEvent::StepSucceeded {
                step: attempt,
                call: Some(call),
            }),
            Err(error) => self.fail(attempt, Some(call), error, false),
        }
        true
    }

    /// Ends a failed attempt: by the next one, if there is one.
    fn fail(&mut self, step: StepAttempt, call: Option<u32>, error: StepError, is_allowed: bool) {
        let retry = self
            .plan
            .step(&step.step.path)
            .and_then(|it| it.retry.as_ref());
        let pause = retry.and_then(|it| it.next_pause(step.attempt, &error, u64::MAX / 2));
        let is_stopping = self.state.is_cancelling() || self.state.deadline_passed();
        match pause.filter(|_| !is_stopping) {
            Some(pause) => {
                let pause_ms = i64::try_from(pause.as_millis()).expect("a short pause");
                self.apply(RunEvent::StepRetried {
                    step,
                    call,
                    error,
                    next_at_ms: self.now_ms + pause_ms,
                });
            }
            None => self.apply(RunEvent::StepFailed {
                step,
                call,
                error,
                is_allowed,
            }),
        }
    }

    /// Returns the result of every instance.
    pub(super) fn ends(&self) -> BTreeMap<String, Option<StepEnd>> {
        let instances = self.state.instances();
        instances
            .map(|(step, state)| (step.to_string(), state.end()))
            .collect()
    }

    /// Returns the log as one line.
    pub(super) fn story(&self) -> String {
        let words: Vec<String> = self.log.iter().filter_map(word).collect();
        words.join(" ")
    }
}

fn index(random: u64, n: usize) -> usize {
    let n = u64::try_from(n).expect("a small number");
    usize::try_from(random % n).expect("a small number")
}

/// Returns an event as a word.
fn word(event: &RunEvent) -> Option<String> {
    let name = |step: &StepInstance| match &step.expansion {
        Some(name) => name.to_string(),
        None => step.path.step.to_string(),
    };
    Some(match event {
        RunEvent::Started
        | RunEvent::Resumed
        | RunEvent::Ended { .. }
        | RunEvent::EvaluationCalled { .. } => return None,
        RunEvent::Released => "released".to_owned(),
        RunEvent::Reset { .. } => "reset".to_owned(),
        RunEvent::EditsTaken => "edits".to_owned(),
        RunEvent::CancelRequested { .. } => "cancel".to_owned(),
        RunEvent::DeadlinePassed => "deadline".to_owned(),
        RunEvent::JobGuarded { job, is_satisfied } => match is_satisfied {
            Ok(true) => format!("{job}:satisfied"),
            Ok(false) => format!("{job}:go"),
            Err(_) => format!("{job}:bad"),
        },
        RunEvent::Expanded { step, items, .. } => format!("{}*{}", step.step, items.len()),
        RunEvent::Guarded { step, is_satisfied } => match is_satisfied {
            true => format!("{}:satisfied", name(step)),
            false => format!("{}:go", name(step)),
        },
        RunEvent::StepStarted { step, .. } => format!("+{}", name(&step.step)),
        RunEvent::StepSucceeded { step, .. } => format!("{}:ok", name(&step.step)),
        RunEvent::StepFailed { step, .. } => format!("{}:bad", name(&step.step)),
        RunEvent::StepRetried { step, .. } => format!("{}:again", name(&step.step)),
        RunEvent::StepSkipped { step, .. } => format!("{}:skip", name(step)),
        RunEvent::ChildSuspended { step } => format!("{}:rest", name(step)),
        RunEvent::GateOpened { gate, .. } => format!("{}:open", name(gate)),
        RunEvent::GateDecided { gate, decision, .. } => {
            format!("{}:{}", name(gate), decision.as_str())
        }
        RunEvent::GateExpired { gate, then } => format!("{}:{}", name(gate), then.as_str()),
        RunEvent::GateReopened { .. } => "reopened".to_owned(),
        RunEvent::Suspended => "rest".to_owned(),
    })
}
