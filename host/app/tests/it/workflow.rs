//! Runs of workflows: gates and their decisions, and runs whose process crashed. `run` and `resume`
//! share one path: each continues from the log that the other left.

use std::collections::{BTreeMap, BTreeSet};

use sedge_api::view::run::RunStatusView;
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::types::{
    CallStatus, RunEvent, RunId, RunStatus, StepAttempt, StepInstance, StepPath, Workload,
};
use sedge_app::workflow::approvals::workflow_approvals;
use sedge_app::workflow::gates::workflow_reject;
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_app::workflow::resume::{ResumeRequest, workflow_resume};
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};
use sedge_app::{AppError, Event, RunFailed, RunUseError, Settings};
use sedge_model::call::{
    DataKind, DiscardedChanges, Refusals, StagedChange, StagedContent, StagedWrite,
};
use sedge_model::lifetime::Lifetime;
use sedge_model::lineage::Lineage;
use sedge_model::run::RunOptions;
use sedge_store::{CallEnd, CallStart, Change, EventRecord, Origin, RunStart, Store};
use sedge_sys::folder::Folder;
use serde_json::json;

use crate::fixture::text::{after, gate, step};
use crate::fixture::{House, ada, cx_of, n_calls, recorded_calls, run_in, settings, until};
use crate::shown::collected;

fn request(workflow: &str, gate: &str) -> GateRequest {
    GateRequest {
        workflow: workflow.to_owned(),
        gate: gate.to_owned(),
        run: None,
        comment: None,
        shown: None,
    }
}

#[track_caller]
fn succeeded(end: Result<WorkflowEnd, AppError>) -> RunId {
    match end {
        Ok(WorkflowEnd::Succeeded { run, .. }) => run.parse().expect("an id"),
        other => panic!("it should have succeeded: {other:?}"),
    }
}

#[track_caller]
fn suspended(end: Result<WorkflowEnd, AppError>) -> RunId {
    match end {
        Ok(WorkflowEnd::Suspended { run, .. }) => run.parse().expect("an id"),
        other => panic!("it should have been suspended: {other:?}"),
    }
}

#[track_caller]
fn failed(end: Result<WorkflowEnd, AppError>) -> RunId {
    match end {
        Err(AppError::Failed(RunFailed::Workflow(failed))) => failed.run,
        other => panic!("it should have failed: {other:?}"),
    }
}

/// Neither the workload nor the order of use cases decides what a process can execute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_workload_executes_calls_and_workflows() {
    let house = House::new();
    house.workflow("plain", &[step("sink", "sink.run", "{}", "")]);
    for workload in [Workload::OneCall, Workload::ManyCalls] {
        let process = house.other_process_with(Settings {
            workload,
            ..settings()
        });
        let ran = run_in(&process, &house.seen, ("sink", "run"), json!({})).await;
        ran.expect("it succeeds");
        succeeded(workflow_run(&house.cx_in(&process), &WorkflowRunRequest::of("plain")).await);
    }
    house.has_versions("sink", "record", 4);
}

/// A gate, and a step after it that calls a model twice.
fn gated(house: &House) {
    let spawn = step(
        "spawn",
        "spawn.run",
        "{count: 2}",
        &after(&["gate"], "succeeded"),
    );
    house.workflow("gated", &[gate("gate", ""), spawn]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_suspends_the_run_and_the_step_after_it_runs_once() {
    let mut house = House::new();
    gated(&house);
    let run = suspended(house.workflow_run("gated").await);
    assert_eq!(house.show(&run).status, RunStatus::Suspended);
    let undecided = house.workflow_resume("gated").await;
    assert!(
        matches!(
            undecided,
            Err(AppError::Run(RunUseError::GatesUndecided { .. }))
        ),
        "{undecided:?}"
    );
    assert_eq!(
        collected(|take| workflow_approvals(&house.cx(), take)).len(),
        1
    );

    // Another process may list the gates.
    house.reopen().await;
    let report = workflow_approve(&house.cx().with_actor(ada()), &request("gated", "gate"));
    assert_eq!(report.expect("it is open").gates_open, [""; 0]);
    assert_eq!(
        collected(|take| workflow_approvals(&house.cx(), take)).len(),
        0
    );
    let again = workflow_approve(&house.cx().with_actor(ada()), &request("gated", "gate"));
    assert!(
        matches!(again, Err(AppError::Run(RunUseError::GateDecided { .. }))),
        "{again:?}"
    );
    house.reopen().await;
    assert_eq!(succeeded(house.workflow_resume("gated").await), run);

    house.has_versions("sink", "record", 2);
    let expect = [
        "1 spawn.run succeeded",
        "1/1 sink.run succeeded",
        "1/2 sink.run succeeded",
    ];
    let recorded = recorded_calls(&house.show(&run));
    assert_eq!(
        recorded,
        (RunStatus::Succeeded, expect.map(str::to_owned).to_vec())
    );
    let again = house.workflow_resume("gated").await;
    assert!(
        matches!(again, Err(AppError::Run(RunUseError::NoneFits { .. }))),
        "{again:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_gate_fails_the_run() {
    let house = House::new();
    gated(&house);
    let run = suspended(house.workflow_run("gated").await);
    let report = workflow_reject(&house.cx().with_actor(ada()), &request("gated", "gate"))
        .expect("it is open");
    assert_eq!(report.status, RunStatusView::Failed);
    assert_eq!(house.show(&run).calls, []);
    let resumed = house.workflow_resume("gated").await;
    assert!(
        matches!(resumed, Err(AppError::Run(RunUseError::NoneFits { .. }))),
        "{resumed:?}"
    );
}

/// `run` and `resume` leave the same log, except for the events that only one of them has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resumed_run_has_the_log_of_an_uninterrupted_run() {
    let mut house = House::new();
    house.workflow("plain", &[step("spawn", "spawn.run", "{count: 2}", "")]);
    gated(&house);
    let plain = succeeded(house.workflow_run("plain").await);
    let gated = suspended(house.workflow_run("gated").await);
    workflow_approve(&house.cx().with_actor(ada()), &request("gated", "gate")).expect("it is open");
    house.reopen().await;
    succeeded(house.workflow_resume("gated").await);
    let log = |run: &RunId| -> Vec<RunEvent> {
        let events = house.show(run).events.into_iter().map(|it| it.event);
        let only_gated = |event: &RunEvent| {
            matches!(
                event,
                RunEvent::Resumed
                    | RunEvent::Suspended
                    | RunEvent::GateOpened { .. }
                    | RunEvent::GateDecided { .. }
            )
        };
        events.filter(|event| !only_gated(event)).collect()
    };
    assert_eq!(log(&gated), log(&plain));
    assert_eq!(
        recorded_calls(&house.show(&gated)),
        recorded_calls(&house.show(&plain))
    );
}

/// A user decides while another step runs, and the process continues without a resume.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_that_is_approved_meanwhile_does_not_suspend_the_run() {
    let house = House::new();
    house.workflow(
        "busy",
        &[
            gate("gate", ""),
            step("slow", "one.run", "{steps: [{until: two}]}", ""),
            step("behind", "sink.run", "{}", &after(&["gate"], "succeeded")),
        ],
    );
    let approve = async {
        until("the gate is open and the step begun", || {
            let events = house.seen.events();
            let has = |is: fn(&Event) -> bool| events.iter().any(is);
            has(|it| matches!(it, Event::StepStarted { .. }))
                && has(|it| matches!(it, Event::GateOpened { .. }))
        })
        .await;
        let other = house.other_process();
        let report = workflow_approve(&cx_of(&other).with_actor(ada()), &request("busy", "gate"))
            .expect("it is open");
        assert_eq!(report.status, RunStatusView::Running);
        let request = ResumeRequest {
            workflow: "busy".to_owned(),
            run: Some(report.run),
            ..ResumeRequest::default()
        };
        let resumed = workflow_resume(&house.cx_in(&other), &request).await;
        let refused = resumed.expect_err("another process works on it");
        assert!(
            matches!(refused, AppError::Run(RunUseError::State { .. })),
            "{refused:?}"
        );
        let ran = run_in(&other, &house.seen, ("two", "add"), json!({})).await;
        ran.expect("the lock is free");
    };
    let (end, ()) = tokio::join!(house.workflow_run("busy"), approve);
    let run = succeeded(end);
    house.has_versions("sink", "record", 1);
    let events = house.show(&run).events;
    let rested = events
        .iter()
        .any(|it| matches!(it.event, RunEvent::Suspended | RunEvent::Resumed));
    assert!(!rested, "{events:#?}");
}

/// Runs a workflow, and drops it as soon as a condition holds, as if its process had crashed there.
async fn interrupt(house: &mut House, workflow: &str, what: &str, holds: impl Fn(&House) -> bool) {
    tokio::select! {
        end = house.workflow_run(workflow) => panic!("not interrupted: {end:?}"),
        () = until(what, || holds(house)) => {}
    }
    house.reopen().await;
    let run = house.newest();
    assert_eq!(run.status, RunStatus::Interrupted);
    assert_eq!(
        n_calls(&run, CallStatus::Running),
        0,
        "each end is recorded"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupted_run_continues_where_it_stopped() {
    for parallel in [false, true] {
        let mut house = House::new();
        let inputs = format!("{{count: 100, parallel: {parallel}}}");
        house.workflow(
            "long",
            &[
                step("before", "sink-two.run", "{}", ""),
                step(
                    "spawn",
                    "spawn.run",
                    &inputs,
                    &after(&["before"], "succeeded"),
                ),
                step(
                    "behind",
                    "sink-two.run",
                    "{}",
                    &after(&["spawn"], "succeeded"),
                ),
            ],
        );
        for n_done in [1, 30, 60] {
            let holds = move |house: &House| house.versions("sink", "record").len() >= n_done;
            if n_done == 1 {
                interrupt(&mut house, "long", "a few calls are done", holds).await;
                continue;
            }
            tokio::select! {
                end = house.workflow_resume("long") => panic!("not interrupted: {end:?}"),
                () = until("some calls are done", || holds(&house)) => {}
            }
            house.reopen().await;
            assert_eq!(house.newest().status, RunStatus::Interrupted);
        }
        let run = succeeded(house.workflow_resume("long").await);
        house.has_versions("sink", "record", 100);
        house.has_versions("sink-two", "record", 2);
        house.has_versions("spawn", "calls", 1);
        let run = house.show(&run);
        assert_eq!(run.status, RunStatus::Succeeded);
        assert_eq!(n_calls(&run, CallStatus::Running), 0);
    }
}

/// The process crashed after the call's commit, and before the event of its step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn step_whose_call_had_ended_is_not_run_again() {
    for fails in [false, true] {
        let house = House::new();
        let steps = [step("sink", "sink.run", "{note: hi}", "")];
        house.workflow("one", &steps);
        let run = died_after_commit(&house, fails);
        assert_eq!(house.show(&run).status, RunStatus::Interrupted);
        let end = house.workflow_resume("one").await;
        if fails {
            assert_eq!(failed(end), run);
            house.has_versions("sink", "record", 0);
        } else {
            assert_eq!(succeeded(end), run);
            house.has_versions("sink", "record", 1);
        }
        assert_eq!(house.show(&run).calls.len(), 1);
    }
}

/// Writes the records of a process that crashes between a call's commit and the event of its step.
fn died_after_commit(house: &House, fails: bool) -> RunId {
    let folder = Folder::open(&house.path().join(".sedge/store")).expect("it was made");
    let store = Store::open(&folder).expect("it was made");
    let text = std::fs::read_to_string(house.path().join("workflows/one.yaml"));
    let run = RunId::from_bits(1);
    let start = RunStart {
        id: run.clone(),
        kind: sedge_model::run::RunKind::Workflow,
        subject: "one".to_owned(),
        method: None,
        source: Some(text.expect("it was written")),
        inputs: None,
        exclusive: false,
        session: "gone".to_owned(),
        actor: ada(),
        by_call: None,
        options: RunOptions::default(),
    };
    let step = StepInstance::of(StepPath {
        job: "main".parse().expect("a name"),
        step: "sink".parse().expect("a name"),
    });
    let begun = RunEvent::StepStarted {
        step: StepAttempt {
            step: step.clone(),
            attempt: 1,
        },
        call: 1,
        child: None,
    };
    let claim = store
        .run_start(&start, &[RunEvent::Started, begun])
        .expect("a new run");
    let lineage = Lineage::root(run.clone()).child(1);
    let call = CallStart {
        lineage: lineage.clone(),
        step: Some(step),
        model: "sink".parse().expect("a name"),
        method: "run".parse().expect("a name"),
        plugin: String::new(),
        arguments: json!({"note": "hi"}),
        n_rollbacks: 0,
    };
    store.call_start(&claim, call).wait().expect("a new call");
    let end = died_call_end(lineage, fails);
    let committed = store.call_commit(&claim, end, None).wait();
    committed.expect("it has begun");
    run
}

/// Returns the end of a call whose process crashes after the commit.
fn died_call_end(lineage: Lineage, fails: bool) -> CallEnd {
    CallEnd {
        lineage,
        model: "sink".parse().expect("a name"),
        result: if fails {
            Err(sedge_model::call::CallError::TimedOut { after_ms: 1 })
        } else {
            Ok(json!(null))
        },
        step: None,
        origin: Origin {
            type_name: None,
            method: "run".parse().expect("a name"),
            plugin: String::new(),
            definition: None,
            environment: BTreeSet::new(),
        },
        changes: if fails {
            Vec::new()
        } else {
            vec![empty_record()]
        },
        bases: Vec::new(),
        discarded: DiscardedChanges::default(),
        refusals: Refusals::default(),
        published: Vec::new(),
        log: Vec::new(),
        used: Vec::new(),
        until_commit_us: 1,
        waited_us: 0,
        lock_epoch: 0,
        lock_owner: None,
    }
}

/// A new, empty version of the data that `sink` writes.
fn empty_record() -> Change {
    Change {
        staged: StagedChange::Write(StagedWrite {
            name: "record".parse().expect("a name"),
            kind: DataKind::Resource,
            spec: "record".parse().expect("a name"),
            media_type: None,
            lifetime: None,
            keep: None,
            tags: BTreeMap::new(),
            content: StagedContent::Text("{}".to_owned()),
        }),
        lifetime: Lifetime::Infinite,
        keep: None,
    }
}

/// The first process is considered dead although it is alive, because its lock file was removed. It
/// cannot commit anything any more, not even in part.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_that_was_considered_dead_is_fenced_off() {
    let house = House::new();
    house.workflow(
        "slow",
        &[
            step("wait", "one.run", "{steps: [add, {until: two}]}", ""),
            step("behind", "sink.run", "{}", &after(&["wait"], "succeeded")),
        ],
    );
    let take_over = async {
        until("the step's call runs", || {
            let begun = house
                .seen
                .events()
                .iter()
                .any(|it| matches!(it, Event::StepStarted { .. }));
            begun && house.n_running() == 1
        })
        .await;
        for file in house.sessions() {
            std::fs::remove_file(file).expect("it was there");
        }
        let other = house.other_process();
        let request = ResumeRequest {
            workflow: "slow".to_owned(),
            ..ResumeRequest::default()
        };
        let cx = house.cx_in(&other);
        let resumes = workflow_resume(&cx, &request);
        let opens = async {
            // The first process is still waiting then, and its commit is rejected afterwards.
            let is_resumed = |it: &EventRecord| matches!(it.event, RunEvent::Resumed);
            until("the second process has resumed it", || {
                house.newest().events.iter().any(is_resumed)
            })
            .await;
            let ran = run_in(&other, &house.seen, ("two", "add"), json!({})).await;
            ran.expect("the lock is free");
        };
        tokio::join!(resumes, opens).0
    };
    let (first, second) = tokio::join!(house.workflow_run("slow"), take_over);
    let run = succeeded(second);
    let error = first.expect_err("it is fenced off");
    assert_eq!(
        error.to_string(),
        format!("the run `{run}` was taken over by another process")
    );
    // Only the call of the second attempt counts.
    house.has_versions("one", "count", 1);
    house.has_versions("sink", "record", 1);
    let expect = [
        "1 one.run running",
        "2 one.run succeeded",
        "3 sink.run succeeded",
    ];
    let recorded = recorded_calls(&house.show(&run));
    assert_eq!(
        recorded,
        (RunStatus::Succeeded, expect.map(str::to_owned).to_vec())
    );
}

/// An invalid file stops the process's work on a run, but does not end the run: once the file is
/// repaired, the run can be resumed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_stopped_by_an_invalid_file_can_be_resumed() {
    let mut house = House::new();
    let spawn = step("spawn", "spawn.run", "{count: 3}", "");
    house.workflow("one", &[spawn]);
    house.model("sink", "@sedge/sink", "nonsense: 1\n");
    let error = house.workflow_run("one").await.expect_err("a bad file");
    assert_eq!(error.diagnostics().len(), 1, "{error:?}");
    let place = sedge_api::problem::Explain::place(&error).expect("the file has a place");
    assert_eq!((place.file.as_str(), place.line), ("models/sink.yaml", 3));
    house.model("sink", "@sedge/sink", "");
    house.reopen().await;
    let run = succeeded(house.workflow_resume("one").await);
    house.has_versions("sink", "record", 3);
    assert_eq!(n_calls(&house.show(&run), CallStatus::Running), 0);
}
