//! Runs that calls start, by the contract or by a `sedge` below a command: how they end with the run
//! above them, what they may change, and how the faces show them.

use std::fs;
use std::sync::Arc;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::audit::list::{AuditListRequest, audit_list};
use sedge_app::run::cancel::run_cancel;
use sedge_app::run::follow::RunFollower;
use sedge_app::run::list::{RunListRequest, run_list};
use sedge_app::run::show::run_show;
use sedge_app::run::watch::run_watch;
use sedge_app::types::{AuditWord, RunEvent, RunStatus};
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};
use sedge_app::{AppError, Event, Events, RunFailed, Settings};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::fixture::text::{after, step};
use crate::fixture::{House, Seen, cx_of, settings, until, within, words};
use crate::shown::collected;
use crate::workflows_of_guests::{house, perform, text};

/// A run whose step runs a command, and the run that a `sedge` below this command has started. The
/// latter was cut off.
struct CutOff {
    house: House,
    outer: JoinHandle<Result<WorkflowEnd, AppError>>,
    outer_run: String,
    inner_run: String,
}

impl CutOff {
    async fn new() -> Self {
        let mut house = House::new();
        house.model("runner", "@test/runner", "grants: {commands: [sh]}\n");
        let pin = "sh: {program: /bin/sh, arguments: ['-c', ...], environment: [PATH]}";
        house.write("sedge.yaml", &format!("version: 1\ncommands:\n  {pin}\n"));
        house.reopen().await;
        let path = house.path().to_owned();
        let here = path.display();
        let script = format!(
            "echo $SEDGE_LINEAGE > {here}/new; mv {here}/new {here}/token; \
             while [ ! -e {here}/go ]; do sleep 0.01; done"
        );
        let inputs = json!({"command": "sh", "arguments": ["-c", script]}).to_string();
        house.workflow("outer", &[step("s", "runner.run", &inputs, "")]);
        let waits = "{steps: [{until: one}]}";
        house.workflow("inner", &[step("wait", "counter.run", waits, "")]);
        let cx = house.cx();
        let request = WorkflowRunRequest::of("outer");
        let outer = tokio::spawn(async move { workflow_run(&cx, &request).await });
        until("the command has a token", || path.join("token").exists()).await;
        let tokens = fs::read_to_string(path.join("token")).expect("it is there");
        // Another handle stands for the process that the command starts.
        let other = house.other_process_with(Settings {
            lineage_tokens: Some(tokens.trim().to_owned()),
            ..settings()
        });
        let cx = house.cx_in(&other);
        let request = WorkflowRunRequest::of("inner");
        let inner = tokio::spawn(async move { workflow_run(&cx, &request).await });
        let is_waiting = || {
            let locks = house.locks();
            let mut held = locks.iter().filter(|lock| lock.held);
            held.any(|lock| lock.model.as_deref() == Some("counter"))
        };
        until("the inner step waits", is_waiting).await;
        inner.abort();
        let runs = collected(|take| run_list(&house.cx(), &RunListRequest::default(), take));
        let id_of = |subject: &str| {
            let run = runs.iter().find(|run| run.subject == subject);
            run.expect("it was started").id.clone()
        };
        let (outer_run, inner_run) = (id_of("outer"), id_of("inner"));
        let is_cut_off = || house.show(&inner_run).status == RunStatus::Interrupted;
        until("the inner run is released", is_cut_off).await;
        Self {
            house,
            outer,
            outer_run,
            inner_run,
        }
    }

    /// Lets the command end.
    fn command_end(&self) {
        fs::write(self.house.path().join("go"), "").expect("it can be made");
    }

    /// Checks that the inner run is cancelled for a reason.
    #[track_caller]
    fn has_cancelled_inner(&self, expect: &str) {
        let inner = self.house.show(&self.inner_run);
        assert_eq!(inner.status, RunStatus::Cancelled);
        let reason = inner.events.iter().find_map(|it| {
            let RunEvent::CancelRequested { reason, .. } = &it.event else {
                return None;
            };
            reason.clone()
        });
        assert_eq!(reason.as_deref(), Some(expect));
    }
}

/// It stayed interrupted for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_of_a_command_ends_when_the_run_above_is_cancelled() {
    let mut cut_off = CutOff::new().await;
    run_cancel(&cut_off.house.cx(), &cut_off.outer_run, None).expect("it is running");
    let ended = within(&mut cut_off.outer).await.expect("no panic");
    let is_cancelled = matches!(&ended, Err(AppError::Failed(RunFailed::Workflow(_))));
    assert!(is_cancelled, "{ended:?}");
    cut_off.has_cancelled_inner("the call that started it was cancelled");
}

/// The command goes on although the `sedge` that it has started is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_of_a_command_that_was_cut_off_ends_with_the_run_above() {
    let mut cut_off = CutOff::new().await;
    cut_off.command_end();
    let ended = within(&mut cut_off.outer).await.expect("no panic");
    assert!(
        matches!(ended, Ok(WorkflowEnd::Succeeded { .. })),
        "{ended:?}"
    );
    cut_off.has_cancelled_inner("the call that started it was cut off");
}

/// The command starts another run when its call is made again. The audit says who has resumed the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_of_a_command_ends_when_the_run_above_is_resumed() {
    let cut_off = CutOff::new().await;
    let house = &cut_off.house;
    cut_off.outer.abort();
    let is_released = || house.show(&cut_off.outer_run).status == RunStatus::Interrupted;
    until("the outer run is released", is_released).await;
    cut_off.command_end();
    let ended = house.workflow_resume("outer").await;
    assert!(
        matches!(ended, Ok(WorkflowEnd::Succeeded { .. })),
        "{ended:?}"
    );
    cut_off.has_cancelled_inner("the run of the call that started it was resumed");
    let request = AuditListRequest {
        what: Some(AuditWord::RunResumed),
        ..AuditListRequest::default()
    };
    let entries = collected(|take| audit_list(&house.cx(), &request, take));
    let [entry] = &entries[..] else {
        panic!("one run was resumed: {entries:?}");
    };
    assert_eq!(entry.actor, house.cx().actor.name);
    assert_eq!(entry.on, cut_off.outer_run);
}

/// The write of the step was accepted, and the commit of the caller failed because of it. The step is
/// refused now, also in a workflow that the run nests. It does not see what the caller has staged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_cannot_write_what_its_caller_has_staged() {
    let house = house();
    let writes = "{steps: [{read: x}, {write: [x, 2]}]}";
    house.workflow("back", &[step("s", "starter.run", writes, "")]);
    let nested = "      - {name: nested, task: {type: workflow, workflowIdOrName: back}}\n";
    house.workflow("around", &[nested.to_owned()]);
    let refused = async |steps: Value| {
        let done = perform(&house, steps).await;
        let id = text(&done[1], "failed").to_owned();
        let report = run_show(&house.cx(), Some(&id)).expect("a run");
        let error = report.steps[0].error.clone();
        (report.steps[0].child.clone(), error.expect("it failed"))
    };
    let (_, error) = refused(json!([{"write": ["x", 1]}, {"run": ["back", {}]}])).await;
    let error = format!("{error:?}");
    assert!(error.contains("staged-by-ancestor"), "{error}");
    house.has_versions("starter", "x", 1);
    let around = refused(json!([{"write": ["x", 1]}, {"run": ["around", {}]}])).await;
    let child = around.0.expect("it runs a workflow");
    let report = run_show(&house.cx(), Some(&child)).expect("a run");
    let error = format!("{:?}", report.steps[0].error);
    assert!(error.contains("staged-by-ancestor"), "{error}");
    house.has_versions("starter", "x", 2);
    let published = json!([{"write": ["x", 1]}, "publish", {"run": ["back", {}]}]);
    let done = perform(&house, published).await;
    assert!(done[2]["succeeded"].is_string(), "{}", done[2]);
    house.has_versions("starter", "x", 4);
}

/// The events of the run that a call has started were missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_of_a_call_is_followed_with_the_run_of_the_call() {
    let house = house();
    let steps = json!({"steps": [{"run": ["plain", {}]}]});
    let ran = house.run("starter", "run", steps).await;
    let ran = ran.unwrap_or_else(|error| panic!("{}", words(&error)));
    let child = text(&ran.value[0], "succeeded").to_owned();
    let seen = Arc::<Seen>::default();
    let cx = cx_of(&house.repository).with_events(Arc::clone(&seen) as Arc<dyn Events>);
    within(run_watch(&cx, Some(&ran.run))).await.expect("a run");
    let call = format!("{}/1", ran.run);
    let is_start = |event: &Event| {
        matches!(event, Event::CalledRunStarted { call: by, child: of, .. }
            if by.to_string() == call && of.as_str() == child)
    };
    let is_end = |event: &Event| matches!(event, Event::StepEnded { run, succeeded: true, .. } if run.as_str() == child);
    let events = seen.events();
    let places = [
        events.iter().position(is_start),
        events.iter().position(is_end),
    ];
    assert!(places[0].is_some() && places[0] < places[1], "{events:?}");
    // The run by itself is no part of another one.
    within(run_watch(&cx, Some(&child))).await.expect("a run");
    let is_started =
        |event: &Event| matches!(event, Event::RunStarted { run } if run.as_str() == child);
    assert!(seen.events().iter().any(is_started));

    let mut follower = RunFollower::new(ran.run.parse().expect("an id"));
    let lines = follower.news(&cx).expect("readable");
    assert!(lines.iter().any(|line| line.run == child), "{lines:?}");
    assert_eq!(follower.news(&cx).expect("readable"), []);
}

/// The data of the runs that the call of a step has started belongs to the step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_a_step_has_that_of_the_runs_that_its_call_started() {
    let house = house();
    house.workflow("inner", &[step("s", "sink.run", "{note: inner}", "")]);
    let starts = "{steps: [{run: [inner, {}]}]}";
    let notes = "{note: \"${{ steps.a.data.map(it, it.attributes.note).join(' ') }}\"}";
    let steps = [
        step("before", "sink.run", "{note: before}", ""),
        step("a", "starter.run", starts, &after(&["before"], "succeeded")),
        step("b", "sink-two.run", notes, &after(&["a"], "succeeded")),
    ];
    house.workflow("outer", &steps);
    let ended = house.workflow_run("outer").await;
    assert!(
        matches!(ended, Ok(WorkflowEnd::Succeeded { .. })),
        "{ended:?}"
    );
    assert_eq!(house.latest("sink-two", "record")["note"], "inner");
}
