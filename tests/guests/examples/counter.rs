//! `@test/counter`: counts one by one, slowly enough for two calls to overlap, and calls other
//! counters in any pattern.

use std::thread;
use std::time::Duration;

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, MethodKind, Model, NoArguments, Pending};
use serde::{Deserialize, Serialize};

/// How long it takes to add one.
const ADD_TIME: Duration = Duration::from_millis(3);

/// The steps, in order.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunArguments {
    steps: Vec<Step>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// Add one.
    Add,
    /// Add one, and publish it: the call cannot be rolled back any more.
    Publish,
    /// Wait for this many milliseconds.
    Wait(u64),
    /// Wait until another counter has counted. With this a test decides when the call continues,
    /// however slow the machine is.
    Until(String),
    /// Call another counter.
    Call(Call),
    /// Call several counters in parallel.
    Together(Vec<Call>),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Call {
    model: String,
    steps: Vec<Step>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Count {
    n: u64,
}

fn model() -> Model {
    Model::new("@test/counter", "2026.11.23.1", "Counts")
        .asks_for_models("*", "to call other counters")
        .resource::<Count>("count", "The current count")
        .method("add", MethodKind::Update, "Add one", add)
        .method("run", MethodKind::Action, "Perform the steps", run)
        .method("read", MethodKind::Read, "Return the count, slowly", read)
}

/// Reads the count, waits, and writes the next one. Two calls that overlap lose a count.
fn add(cx: &Context, _: NoArguments) -> Result<u64, Failure> {
    let n = count(cx)? + 1;
    wait(ADD_TIME);
    cx.write("count", &Count { n })?;
    Ok(n)
}

/// Returns the number of steps performed, including those of callees.
fn run(cx: &Context, arguments: RunArguments) -> Result<u64, Failure> {
    let mut n_steps = 0;
    for step in arguments.steps {
        n_steps += 1;
        match step {
            Step::Add => {
                add(cx, NoArguments {})?;
            }
            Step::Publish => {
                add(cx, NoArguments {})?;
                cx.publish()?;
            }
            Step::Wait(ms) => wait(Duration::from_millis(ms)),
            Step::Until(model) => {
                while cx.latest_of::<Count>(&model, "count")?.is_none() {
                    wait(ADD_TIME);
                }
            }
            Step::Call(call) => n_steps += start(cx, call).wait()?.value_as::<u64>()?,
            Step::Together(calls) => {
                let started: Vec<Pending> = calls.into_iter().map(|call| start(cx, call)).collect();
                for pending in started {
                    n_steps += pending.wait()?.value_as::<u64>()?;
                }
            }
        }
    }
    Ok(n_steps)
}

fn start(cx: &Context, call: Call) -> Pending {
    let Call { model, steps } = call;
    cx.start(&model, "run", &RunArguments { steps })
}

fn read(cx: &Context, _: NoArguments) -> Result<u64, Failure> {
    wait(ADD_TIME);
    count(cx)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a guest has no other way to wait"
)]
fn wait(duration: Duration) {
    thread::sleep(duration);
}

fn count(cx: &Context) -> Result<u64, Failure> {
    let latest = cx.latest::<Count>("count")?;
    Ok(latest.map_or(0, |latest| latest.content.n))
}

sedge_sdk::export!(model);
