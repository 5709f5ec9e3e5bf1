//! `@test/counter`: a number that grows by one at a time, slowly enough for two to meet, and
//! calls of others in any shape.

use std::thread;
use std::time::Duration;

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, MethodKind, Model, NoArguments, Pending};
use serde::{Deserialize, Serialize};

/// How long it takes to add one.
const ADD_TIME: Duration = Duration::from_millis(3);

/// What there is to do, in this order.
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
    /// Do nothing for so many milliseconds.
    Wait(u64),
    /// Wait until another counter has counted. A test opens this gate when it is ready, however
    /// slow the machine is.
    Until(String),
    /// Have another counter do something.
    Call(Call),
    /// Have others do something, all at once.
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
        .asks_for_models("*", "to have others count")
        .resource::<Count>("count", "How far it has counted")
        .method("add", MethodKind::Update, "Add one", add)
        .method("run", MethodKind::Action, "Do what it is told", run)
        .method("read", MethodKind::Read, "Return the count, slowly", read)
}

/// Reads the count, waits, and writes what comes next. Who is not alone loses one.
fn add(cx: &Context, _: NoArguments) -> Result<u64, Failure> {
    let n = count(cx)? + 1;
    wait(ADD_TIME);
    cx.write("count", &Count { n })?;
    Ok(n)
}

/// Returns how many steps were done, here and by others.
fn run(cx: &Context, arguments: RunArguments) -> Result<u64, Failure> {
    let mut n_steps = 0;
    for step in arguments.steps {
        n_steps += 1;
        match step {
            Step::Add => {
                add(cx, NoArguments {})?;
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

#[expect(clippy::disallowed_methods, reason = "a guest waits as guests do")]
fn wait(duration: Duration) {
    thread::sleep(duration);
}

fn count(cx: &Context) -> Result<u64, Failure> {
    let latest = cx.latest::<Count>("count")?;
    Ok(latest.map_or(0, |latest| latest.content.n))
}

sedge_sdk::export!(model);
