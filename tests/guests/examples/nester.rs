//! `@test/nester`: writes, reads and deletes data of its own model, and calls other nesters in
//! between, in any order.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use sedge_sdk::{Context, End, Failure, MethodKind, Model, Permission, Value, json};
use serde::{Deserialize, Serialize};

/// The interval between two checks of a condition.
const CHECK_INTERVAL: Duration = Duration::from_millis(1);

/// The steps, in order.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunArguments {
    steps: Vec<Step>,
    /// A value that differs from one run to the next
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stamp: Option<u64>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Step {
    /// Write a number under a name
    Write(String, u64),
    /// Delete all versions of a name; only in the method `remove`
    Delete(String),
    /// Return the latest number under a name
    Read(String),
    /// Return the latest number of another model under a name
    ReadOf(String, String),
    Publish,
    /// Wait until a model has data of a name
    Await(String, String),
    /// Call the method `run` of a nester
    Call(String, Vec<Step>),
    /// Call the method `remove` of a nester
    Remove(String, Vec<Step>),
    /// Call the method `observe` of a nester
    Observe(String, Vec<Step>),
    /// Call the method `look` of a nester
    Look(String, Vec<Step>),
    /// Call the method `run` of a nester with the time in an argument
    Stamped(String, Vec<Step>),
    /// Call the method `observe` of a nester with the time in an argument
    StampedObserve(String, Vec<Step>),
    /// Run a command with arguments
    Command(String, Vec<String>),
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Note {
    n: u64,
}

fn model() -> Model {
    Model::new("@test/nester", "2026.12.01.1", "Writes data between calls")
        .asks_for_models("*", "to call other nesters and to read their data")
        .asks_for(
            Permission::Commands {
                name: "tool".to_owned(),
            },
            "to run it",
        )
        .resource::<Note>("note", "A number")
        .method("run", MethodKind::Action, "Perform the steps", run)
        .method("remove", MethodKind::Delete, "Perform the steps", run)
        .method("observe", MethodKind::Observe, "Perform the steps", run)
        .method("look", MethodKind::Read, "Perform the steps", run)
}

/// Returns the result of each step.
fn run(cx: &Context, arguments: RunArguments) -> Result<Vec<Value>, Failure> {
    let steps = arguments.steps.into_iter();
    steps.map(|step| perform(cx, step)).collect()
}

fn perform(cx: &Context, step: Step) -> Result<Value, Failure> {
    let call = |model: &str, method: &str, steps: Vec<Step>, stamp: Option<u64>| {
        let outcome = cx.call(model, method, &RunArguments { steps, stamp })?;
        Ok(outcome.value)
    };
    match step {
        Step::Write(name, n) => cx.write_named("note", &name, &Note { n })?,
        Step::Delete(name) => cx.delete(&name)?,
        Step::Read(name) => return number(cx, &cx.identity().model, &name),
        Step::ReadOf(model, name) => return number(cx, &model, &name),
        Step::Publish => return Ok(json!(cx.publish()?.len())),
        Step::Await(model, name) => {
            while cx.latest_of::<Note>(&model, &name)?.is_none() {
                wait();
            }
        }
        Step::Call(model, steps) => return call(&model, "run", steps, None),
        Step::Remove(model, steps) => return call(&model, "remove", steps, None),
        Step::Observe(model, steps) => return call(&model, "observe", steps, None),
        Step::Look(model, steps) => return call(&model, "look", steps, None),
        Step::StampedObserve(model, steps) => return call(&model, "observe", steps, Some(now())),
        Step::Stamped(model, steps) => return call(&model, "run", steps, Some(now())),
        Step::Command(name, arguments) => {
            let output = cx.command(name).arguments(arguments).run()?;
            let End::Exit(code) = output.end else {
                return Err(Failure::new("signal", "it was killed"));
            };
            return Ok(json!(code));
        }
    }
    Ok(Value::Null)
}

fn number(cx: &Context, model: &str, name: &str) -> Result<Value, Failure> {
    let latest = cx.latest_of::<Note>(model, name)?;
    Ok(json!(latest.map(|latest| latest.content.n)))
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
