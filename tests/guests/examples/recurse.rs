//! `@test/recurse`: calls itself, directly or through others.

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, MethodKind, Model, NoArguments, Value};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunArguments {
    /// How many nested calls to make
    depth: u32,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PingArguments {
    /// The models to call, each by the previous one
    chain: Vec<String>,
}

/// A record of a call.
#[derive(Serialize, JsonSchema)]
struct Visit {
    /// How many calls are nested below this one
    depth: u32,
    call: String,
}

fn model() -> Model {
    Model::new(
        "@test/recurse",
        "2026.11.23.1",
        "Calls itself, directly or through others",
    )
    .asks_for_models("*", "to call back")
    .resource::<Visit>("visit", "A record of a call")
    .method("run", MethodKind::Action, "Call itself `depth` times", run)
    .method(
        "forever",
        MethodKind::Action,
        "Call itself without end",
        forever,
    )
    .method(
        "ping",
        MethodKind::Action,
        "Call `ping` of the chain's first model",
        ping,
    )
}

/// Writes a record at each level, after the nested calls have ended. Returns `depth`.
fn run(cx: &Context, arguments: RunArguments) -> Result<u32, Failure> {
    let RunArguments { depth } = arguments;
    if let Some(below) = depth.checked_sub(1) {
        cx.call(&cx.identity().model, "run", &RunArguments { depth: below })?;
    }
    visit(cx, depth)?;
    Ok(depth)
}

/// Returns the error that stops it.
fn forever(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    let outcome = cx.call(&cx.identity().model, "forever", &NoArguments {})?;
    Ok(outcome.value)
}

/// Writes a record once the rest of the chain has ended. Returns the models that were reached,
/// starting with this one.
fn ping(cx: &Context, arguments: PingArguments) -> Result<Vec<String>, Failure> {
    let mut reached = vec![cx.identity().model.clone()];
    if let Some((next, rest)) = arguments.chain.split_first() {
        let chain = rest.to_vec();
        let outcome = cx.call(next, "ping", &PingArguments { chain })?;
        reached.extend(outcome.value_as::<Vec<String>>()?);
    }
    visit(cx, u32::try_from(arguments.chain.len()).unwrap_or(u32::MAX))?;
    Ok(reached)
}

fn visit(cx: &Context, depth: u32) -> Result<(), Failure> {
    let call = cx.identity().call.clone();
    Ok(cx.write("visit", &Visit { depth, call })?)
}

sedge_sdk::export!(model);
