//! `@test/starter`: runs and starts workflows, writes data of its own model, and calls other models
//! in between, in any order.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use sedge_sdk::{
    CheckScope, CheckedCall, Context, Failure, MethodKind, Model, RunOutcome, Value, WorkflowError,
    json,
};
use serde::{Deserialize, Serialize};

/// The interval between two checks of a condition.
const CHECK_INTERVAL: Duration = Duration::from_millis(1);

/// The steps, in order.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunArguments {
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Step {
    /// Run a workflow with inputs, and return its outcome
    Run(String, Value),
    /// Run a workflow with inputs, and fail unless it succeeds
    Require(String, Value),
    /// Run a workflow with the time in the input `stamp`
    Stamped(String),
    /// Start a workflow with inputs, and return the id of its run
    Start(String, Value),
    /// Start a workflow many times
    StartMany(String, u32),
    /// Write a number under a name
    Write(String, u64),
    /// Return the latest number under a name
    Read(String),
    Publish,
    /// Wait until a model has data of a name
    Await(String, String),
    /// Call a method of a model with arguments
    Call(String, String, Value),
    /// Return a failure
    Fail,
    Trap,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Note {
    n: u64,
}

fn model() -> Model {
    Model::new("@test/starter", "2026.12.01.1", "Runs workflows")
        .asks_for_models("*", "to call other models and to read their data")
        .asks_for_workflows("*", "to run them")
        .resource::<Note>("note", "A number")
        .check_with(
            "runs",
            "Runs a workflow",
            CheckScope::new().method("checked"),
            check,
        )
        .method("run", MethodKind::Action, "Perform the steps", run)
        .method("checked", MethodKind::Action, "Do nothing", run)
        .method("look", MethodKind::Read, "Perform the steps", run)
        .method("observe", MethodKind::Observe, "Perform the steps", run)
}

/// Returns the result of each step.
fn run(cx: &Context, arguments: RunArguments) -> Result<Vec<Value>, Failure> {
    let steps = arguments.steps.into_iter();
    steps.map(|step| perform(cx, step)).collect()
}

/// A check cannot run a workflow.
fn check(cx: &Context, _: &CheckedCall) -> Result<(), Failure> {
    cx.run_workflow("plain", &json!({}))?;
    Ok(())
}

fn perform(cx: &Context, step: Step) -> Result<Value, Failure> {
    match step {
        Step::Run(workflow, inputs) => return Ok(shown(cx.run_workflow(&workflow, &inputs))),
        Step::Require(workflow, inputs) => {
            let success = cx.run_workflow(&workflow, &inputs)?.success()?;
            return Ok(json!(success.outputs));
        }
        Step::Stamped(workflow) => {
            return Ok(shown(cx.run_workflow(&workflow, &json!({"stamp": now()}))));
        }
        Step::Start(workflow, inputs) => {
            return Ok(match cx.start_workflow(&workflow, &inputs) {
                Ok(run) => json!({"run": run}),
                Err(error) => refused(&error),
            });
        }
        Step::StartMany(workflow, n_runs) => {
            for _ in 0..n_runs {
                cx.start_workflow(&workflow, &json!({}))?;
            }
        }
        Step::Write(name, n) => cx.write_named("note", &name, &Note { n })?,
        Step::Read(name) => {
            let latest = cx.latest_of::<Note>(&cx.identity().model, &name)?;
            return Ok(json!(latest.map(|latest| latest.content.n)));
        }
        Step::Publish => return Ok(json!(cx.publish()?.len())),
        Step::Await(model, name) => {
            while cx.latest_of::<Value>(&model, &name)?.is_none() {
                wait();
            }
        }
        Step::Call(model, method, arguments) => {
            return Ok(cx.call(&model, &method, &arguments)?.value);
        }
        Step::Fail => return Err(Failure::new("asked", "it was asked to fail")),
        Step::Trap => panic!("it was asked to trap"),
    }
    Ok(Value::Null)
}

/// Returns what became of a run, for the test to inspect.
fn shown(ran: Result<RunOutcome, WorkflowError>) -> Value {
    match ran {
        Ok(RunOutcome::Succeeded(success)) => {
            json!({"succeeded": success.run, "outputs": success.outputs})
        }
        Ok(RunOutcome::Failed(failure)) => {
            let steps = failure.steps.iter();
            let steps: Vec<Value> = steps.map(|it| json!([it.step, it.code])).collect();
            json!({"failed": failure.run, "message": failure.message, "steps": steps})
        }
        Ok(RunOutcome::Cancelled { run, reason }) => json!({"cancelled": run, "reason": reason}),
        Ok(RunOutcome::Suspended { run, gates }) => json!({"suspended": run, "gates": gates}),
        Err(error) => refused(&error),
    }
}

fn refused(error: &WorkflowError) -> Value {
    json!({"error": error.code(), "message": error.to_string()})
}

/// Returns the time in nanoseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "tests check what a guest does that depends on the time"
)]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a guest has no other way to wait"
)]
fn wait() {
    thread::sleep(CHECK_INTERVAL);
}

sedge_sdk::export!(model);
