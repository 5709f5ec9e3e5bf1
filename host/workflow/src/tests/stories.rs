//! What happens in small workflows, each shown as one line.

use std::collections::BTreeMap;

use sedge_model::names::JobName;
use sedge_model::run::{
    GateDeadline, GateDecision, OnTimeout, RunEvent, RunStatus, StepAttempt, StepError,
    StepInstance, StepPath,
};

use super::play::{Outcomes, Player, actor, failure, no_value, shown};
use crate::{InstanceState, JobGuardEnd, Next, RunPause, StepEnd, Todo};

/// Results that a test sets.
#[derive(Default)]
struct Set {
    /// The steps whose attempts fail.
    bad: Vec<&'static str>,
    /// The steps of which only the first attempt fails.
    bad_once: Vec<&'static str>,
    /// The jobs and steps whose guards say that they are done already.
    done: Vec<&'static str>,
    /// The jobs and steps whose guards, values or inputs have no value.
    no_value: Vec<&'static str>,
    n_items: usize,
    is_allowed: bool,
    gates: BTreeMap<&'static str, GateDecision>,
    deadline: Option<OnTimeout>,
}

impl Set {
    fn value(&self, name: &str) -> Result<bool, StepError> {
        match self.no_value.contains(&name) {
            true => Err(no_value()),
            false => Ok(self.done.contains(&name)),
        }
    }
}

fn name(step: &StepInstance) -> &str {
    match &step.expansion {
        Some(name) => name.as_str(),
        None => step.path.step.as_str(),
    }
}

impl Outcomes for Set {
    fn job_guard(&self, job: &JobName) -> Result<bool, StepError> {
        self.value(job.as_str())
    }

    fn n_items(&self, step: &StepPath) -> Result<usize, StepError> {
        self.value(step.step.as_str()).map(|_| self.n_items)
    }

    fn guard(&self, step: &StepInstance) -> Result<bool, StepError> {
        self.value(name(step))
    }

    fn inputs(&self, step: &StepInstance) -> Result<(), StepError> {
        self.value(name(step)).map(drop)
    }

    fn attempt(&self, step: &StepAttempt) -> Result<(), StepError> {
        let name = name(&step.step);
        let is_bad_once = self.bad_once.contains(&name) && step.attempt == 1;
        match self.bad.contains(&name) || is_bad_once {
            true => Err(failure("c")),
            false => Ok(()),
        }
    }

    fn is_allowed(&self, _step: &StepInstance) -> bool {
        self.is_allowed
    }

    fn deadline(&self, _gate: &StepInstance, now_ms: i64) -> Option<GateDeadline> {
        let then = self.deadline?;
        Some(GateDeadline {
            at_ms: now_ms + 1_000,
            then,
        })
    }

    fn decision(&self, gate: &StepInstance) -> Option<GateDecision> {
        self.gates.get(name(gate)).copied()
    }
}

const CALL: &str = "task: {type: model_method, modelIdOrName: m, methodName: r}";
const GATE: &str = "task: {type: manual_approval}";
const ASSERT: &str = "task: {type: assert, expr: 1 == 1}";
const EACH: &str = "forEach: {item: it, in: [1]}";

/// Returns the text of a workflow with one job.
fn job(steps: &[&str]) -> String {
    let steps = steps.iter().map(|step| format!("  - {{{step}}}\n"));
    format!(
        "name: w\njobs:\n- name: j\n  steps:\n{}",
        steps.collect::<String>()
    )
}

fn check(text: &str, set: &Set, expect: (&str, RunStatus)) -> Player {
    let mut player = Player::new(text);
    let status = player.play(set);
    assert_eq!((player.story().as_str(), status), expect, "{text}");
    player
}

fn one(word: &str) -> StepInstance {
    let (job, step) = word.split_once('/').expect("a path");
    StepInstance::of(StepPath {
        job: job.parse().expect("a name"),
        step: step.parse().expect("a name"),
    })
}

#[test]
fn independent_steps_start_together() {
    let text = job(&[&format!("name: a, {CALL}"), &format!("name: b, {CALL}")]);
    let set = Set::default();
    check(&text, &set, ("+a +b a:ok b:ok", RunStatus::Succeeded));
    let set = Set {
        bad: vec!["a"],
        ..Set::default()
    };
    check(&text, &set, ("+a +b a:bad b:ok", RunStatus::Failed));
}

#[test]
fn open_gate_suspends_and_a_decision_continues_the_run() {
    let text = job(&[
        &format!("name: gate, {GATE}"),
        &format!("name: a, {CALL}, dependsOn: [gate]"),
        &format!("name: b, {CALL}"),
    ]);
    let check = |decision: Option<GateDecision>, expect| {
        let gates = decision.map(|it| ("gate", it)).into_iter().collect();
        let set = Set {
            gates,
            ..Set::default()
        };
        check(&text, &set, expect);
    };
    check(None, ("gate:open +b b:ok rest", RunStatus::Suspended));
    check(
        Some(GateDecision::Approved),
        (
            "gate:open +b b:ok rest gate:approved +a a:ok",
            RunStatus::Succeeded,
        ),
    );
    check(
        Some(GateDecision::Rejected),
        (
            "gate:open +b b:ok rest gate:rejected a:skip",
            RunStatus::Failed,
        ),
    );
}

#[test]
fn deadline_of_a_gate_decides_it() {
    let text = job(&[
        &format!("name: gate, {GATE}"),
        &format!("name: a, {CALL}, dependsOn: [gate]"),
    ]);
    for (then, expect) in [
        (
            OnTimeout::Fail,
            ("gate:open rest gate:fail a:skip", RunStatus::Failed),
        ),
        (
            OnTimeout::Reject,
            ("gate:open rest gate:reject a:skip", RunStatus::Failed),
        ),
        (
            OnTimeout::Continue,
            ("gate:open rest gate:continue +a a:ok", RunStatus::Succeeded),
        ),
    ] {
        let set = Set {
            deadline: Some(then),
            ..Set::default()
        };
        check(&text, &set, expect);
    }
}

#[test]
fn conditions_select_the_steps_that_run() {
    let text = |allow: bool| {
        job(&[
            &format!("name: a, {CALL}, allowFailure: {allow}"),
            &format!("name: ok, {CALL}, dependsOn: [{{step: a, condition: succeeded}}]"),
            &format!("name: bad, {CALL}, dependsOn: [{{step: a, condition: failed}}]"),
            &format!("name: end, {CALL}, dependsOn: [{{step: a, condition: completed}}]"),
            &format!("name: all, {CALL}, dependsOn: [{{step: ok, condition: always}}]"),
        ])
    };
    let story = "+a a:ok bad:skip +ok +end ok:ok +all end:ok all:ok";
    check(&text(false), &Set::default(), (story, RunStatus::Succeeded));
    let set = Set {
        bad: vec!["a"],
        ..Set::default()
    };
    let story = "+a a:bad ok:skip +bad +end +all bad:ok end:ok all:ok";
    check(&text(false), &set, (story, RunStatus::Failed));
    check(&text(true), &set, (story, RunStatus::Succeeded));
}

/// What waits for a group begins when the group is decided, and not before.
#[test]
fn group_holds_when_its_parts_do() {
    let check = |on: &str, bad: &[&'static str], expect: &str| {
        let text = job(&[
            &format!("name: a, {CALL}"),
            &format!("name: b, {CALL}"),
            &format!("name: c, {CALL}, dependsOn: [{on}]"),
        ]);
        let set = Set {
            bad: bad.to_vec(),
            ..Set::default()
        };
        let mut player = Player::new(&text);
        player.play(&set);
        assert_eq!(player.story(), expect, "{on} {bad:?}");
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

#[test]
fn job_waits_for_its_dependencies() {
    let text = format!(
        "name: w\njobs:\n- name: second\n  dependsOn: [{{job: first}}]\n  steps:\n  - {{name: b, {CALL}}}\n\
         - name: first\n  steps:\n  - {{name: a, {CALL}}}\n\
         - name: third\n  dependsOn: [{{job: second}}]\n  steps:\n  - {{name: c, {CALL}}}\n"
    );
    let set = Set::default();
    check(
        &text,
        &set,
        ("+a a:ok +b b:ok +c c:ok", RunStatus::Succeeded),
    );
    let set = Set {
        bad: vec!["a"],
        ..Set::default()
    };
    let player = check(&text, &set, ("+a a:bad b:skip c:skip", RunStatus::Failed));
    let because: Vec<&str> = player
        .log
        .iter()
        .filter_map(|event| {
            let RunEvent::StepSkipped { because, .. } = event else {
                return None;
            };
            Some(because.as_str())
        })
        .collect();
    assert_eq!(
        because,
        [
            "the job `first` did not end as `succeeded`",
            "the job `second` did not end as `succeeded`"
        ]
    );
}

#[test]
fn each_value_of_a_step_is_an_instance() {
    let text = job(&[
        &format!("name: a, {EACH}, {CALL}"),
        &format!("name: b, {EACH}, {CALL}, dependsOn: [a]"),
        &format!("name: c, {CALL}, dependsOn: [{{step: a, condition: failed}}]"),
    ]);
    let check = |n_items, bad: &[&'static str], expect, end| {
        let set = Set {
            n_items,
            bad: bad.to_vec(),
            ..Set::default()
        };
        let player = check(&text, &set, expect);
        assert_eq!(player.state.step_end(&one("j/a").path), Some(end));
    };
    let story = "a*2 +a[0] +a[1] a[0]:ok a[1]:ok c:skip b*2 +b[0] +b[1] b[0]:ok b[1]:ok";
    check(2, &[], (story, RunStatus::Succeeded), StepEnd::Succeeded);
    let story = "a*2 +a[0] +a[1] a[0]:ok a[1]:bad b:skip +c c:ok";
    check(2, &["a[1]"], (story, RunStatus::Failed), StepEnd::Failed);
    check(
        0,
        &[],
        ("a*0 c:skip b*0", RunStatus::Succeeded),
        StepEnd::Satisfied,
    );
}

#[test]
fn values_that_cannot_be_evaluated_fail_the_step() {
    let text = job(&[
        &format!("name: a, {EACH}, {CALL}, allowFailure: true"),
        &format!("name: b, {CALL}, dependsOn: [{{step: a, condition: failed}}]"),
    ]);
    let set = Set {
        no_value: vec!["a"],
        ..Set::default()
    };
    check(&text, &set, ("a:bad +b b:ok", RunStatus::Succeeded));
}

#[test]
fn guard_that_holds_satisfies_the_step() {
    let text = job(&[
        &format!("name: a, {CALL}, guard: 1 == 1"),
        &format!("name: b, {CALL}, dependsOn: [a]"),
        &format!("name: c, {CALL}, dependsOn: [{{step: a, condition: skipped}}]"),
    ]);
    let set = Set {
        done: vec!["a"],
        ..Set::default()
    };
    check(
        &text,
        &set,
        ("a:satisfied c:skip +b b:ok", RunStatus::Succeeded),
    );
    let story = "a:go +a a:ok c:skip +b b:ok";
    check(&text, &Set::default(), (story, RunStatus::Succeeded));
    let set = Set {
        no_value: vec!["a"],
        ..Set::default()
    };
    check(&text, &set, ("a:bad b:skip c:skip", RunStatus::Failed));
}

#[test]
fn guard_of_a_job_decides_for_its_steps() {
    let text = format!(
        "name: w\njobs:\n- name: j\n  guard: 1 == 1\n  steps:\n  - {{name: a, {CALL}}}\n\
         \x20 - {{name: b, {CALL}, dependsOn: [a]}}\n\
         - name: k\n  dependsOn: [j]\n  steps:\n  - {{name: c, {CALL}}}\n"
    );
    let story = "j:go +a a:ok +b b:ok +c c:ok";
    check(&text, &Set::default(), (story, RunStatus::Succeeded));
    let set = Set {
        done: vec!["j"],
        ..Set::default()
    };
    let player = check(&text, &set, ("j:satisfied +c c:ok", RunStatus::Succeeded));
    let job = "j".parse().expect("a name");
    assert_eq!(player.state.job_end(&job), Some(StepEnd::Satisfied));
    assert_eq!(player.state.job_guard(&job), Some(JobGuardEnd::Satisfied));
    let b = player.state.instance(&one("j/b"));
    assert_eq!(b, Some(&InstanceState::Satisfied));
    let set = Set {
        no_value: vec!["j"],
        ..Set::default()
    };
    check(&text, &set, ("j:bad c:skip", RunStatus::Failed));
}

#[test]
fn assert_below_the_severity_is_an_allowed_failure() {
    let text = job(&[
        &format!("name: a, {ASSERT}"),
        &format!("name: b, {CALL}, dependsOn: [{{step: a, condition: failed}}]"),
    ]);
    for (is_allowed, status) in [(false, RunStatus::Failed), (true, RunStatus::Succeeded)] {
        let set = Set {
            bad: vec!["a"],
            is_allowed,
            ..Set::default()
        };
        check(&text, &set, ("a:bad +b b:ok", status));
    }
}

#[test]
fn failed_attempt_is_followed_by_the_next_one() {
    let text = job(&[
        &format!("name: a, {CALL}, retry: 3"),
        &format!("name: b, {CALL}"),
    ]);
    let set = Set {
        bad_once: vec!["a"],
        ..Set::default()
    };
    check(
        &text,
        &set,
        ("+a +b a:again b:ok +a a:ok", RunStatus::Succeeded),
    );
    let set = Set {
        bad: vec!["a"],
        ..Set::default()
    };
    let story = "+a +b a:again b:ok +a a:again +a a:bad";
    check(&text, &set, (story, RunStatus::Failed));
}

#[test]
fn weights_come_before_the_order_of_the_file() {
    let text = format!(
        "name: w\nconcurrency: 1\njobs:\n- name: j\n  weight: 1\n  steps:\n  - {{name: a, {CALL}}}\n\
         - name: k\n  steps:\n  - {{name: b, {CALL}}}\n  - {{name: c, {CALL}, weight: -1}}\n\
         \x20 - {{name: d, {CALL}, {EACH}, weight: -2}}\n"
    );
    let set = Set {
        n_items: 2,
        ..Set::default()
    };
    let story = "d*2 +d[0] d[0]:ok +d[1] d[1]:ok +c c:ok +b b:ok +a a:ok";
    check(&text, &set, (story, RunStatus::Succeeded));
}

#[test]
fn start_in_hand_takes_the_slot() {
    let text = format!(
        "name: w\njobs:\n- name: j\n  concurrency: 1\n  steps:\n  - {{name: a, {CALL}}}\n  - {{name: b, {CALL}}}\n"
    );
    let mut player = Player::new(&text);
    let Next::Do(todo) = player.state.next(0) else {
        panic!("a step is ready");
    };
    player.state.take(&todo);
    let working = Next::Pause(RunPause::Working { until_ms: None });
    assert_eq!(player.state.next(0), working);
    player.state.put_back(&todo);
    assert_eq!(player.state.next(0), Next::Do(todo));
}

#[test]
fn cancelled_run_skips_what_has_not_ended() {
    let text = job(&[
        &format!("name: gate, {GATE}"),
        &format!("name: a, {CALL}"),
        &format!("name: b, {CALL}, dependsOn: [a]"),
    ]);
    let mut player = Player::new(&text);
    for _ in 0..2 {
        player.turn(&Set::default(), None);
    }
    player.apply(RunEvent::CancelRequested {
        by: actor(),
        reason: None,
    });
    let status = player.play(&Set::default());
    let story = "gate:open +a cancel gate:skip b:skip a:ok";
    assert_eq!(
        (player.story().as_str(), status),
        (story, RunStatus::Cancelled)
    );
    let error = player.state.apply(&RunEvent::Reset { steps: Vec::new() });
    let message = error.expect_err("a cancellation is final").to_string();
    let expect =
        "the log says that steps begin again, which is not possible: the run has been cancelled";
    assert_eq!(message, expect);
}

#[test]
fn interrupted_step_starts_again_with_the_calls_that_it_had() {
    let text = job(&[&format!("name: a, {CALL}"), &format!("name: b, {CALL}")]);
    let mut player = Player::new(&text);
    for _ in 0..3 {
        player.turn(&Set::default(), None);
    }
    assert_eq!(player.story(), "+a +b a:ok");
    player.apply(RunEvent::Released);
    player.apply(RunEvent::Resumed);
    let b = StepAttempt {
        step: one("j/b"),
        attempt: 1,
    };
    let start = |interrupted: &[u32]| {
        Next::Do(Todo::Start {
            step: b.clone(),
            kind: crate::TaskKind::Method,
            interrupted: interrupted.to_vec(),
        })
    };
    assert_eq!(player.state.next(0), start(&[2]));
    assert_eq!(
        player.state.call_next(),
        3,
        "the number of a call is never used again"
    );
    player.turn(&Set::default(), None);
    player.crash();
    assert_eq!(player.state.next(0), start(&[2, 3]));
}

#[test]
fn event_that_is_not_possible_is_refused() {
    let text = job(&[&format!("name: a, {CALL}"), &format!("name: gate, {GATE}")]);
    let check = |log: &[&RunEvent], why: &str| {
        let mut player = Player::new(&text);
        let (last, before) = log.split_last().expect("an event");
        for event in before {
            player.apply((*event).clone());
        }
        let error = player.state.apply(last).expect_err(why);
        assert!(error.to_string().ends_with(why), "{error}");
        player.check();
    };
    let started = RunEvent::StepStarted {
        step: StepAttempt {
            step: one("j/a"),
            attempt: 1,
        },
        call: 1,
        child: None,
    };
    let opened = RunEvent::GateOpened {
        gate: one("j/gate"),
        shown: shown(),
        deadline: None,
    };
    let decided = RunEvent::GateDecided {
        gate: one("j/gate"),
        decision: GateDecision::Approved,
        by: actor(),
        comment: None,
        shown: None,
    };
    let skipped = RunEvent::StepSkipped {
        step: one("j/other"),
        because: String::new(),
    };
    let ended = RunEvent::Ended {
        status: RunStatus::Failed,
        error: None,
    };
    check(&[&started, &started], "`j/a` is running");
    check(&[&decided], "`j/gate` is not started");
    check(&[&opened, &decided, &decided], "`j/gate` is succeeded");
    check(&[&skipped], "the workflow has no step `j/other`");
    check(&[&ended, &started], "the run has failed");
    check(
        &[&RunEvent::Suspended, &started],
        "the run is suspended and was not resumed",
    );
    check(
        &[&RunEvent::Released, &started],
        "the run has no driver and was not resumed",
    );
}
