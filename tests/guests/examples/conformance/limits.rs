//! Methods that reach a limit, or would go on without end.

use std::hint::black_box;
use std::time::Duration;

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, MethodKind, Model, NoArguments, Value, json};
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct SleepArguments {
    ms: u64,
}

#[derive(Deserialize, JsonSchema)]
struct LogArguments {
    lines: u64,
}

pub(crate) fn methods(model: Model) -> Model {
    let action = MethodKind::Action;
    model
        .method("sleep", action, "Sleep", sleep)
        .method("spin", action, "Compute without end", spin)
        .method("grow", action, "Use memory without end", grow)
        .method("recurse", action, "Call itself without end", recurse)
        .method("chatter", action, "Call the host often", chatter)
}

fn sleep(_: &Context, arguments: SleepArguments) -> Result<(), Failure> {
    std::thread::sleep(Duration::from_millis(arguments.ms));
    Ok(())
}

fn spin(_: &Context, _: NoArguments) -> Result<(), Failure> {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

fn grow(_: &Context, _: NoArguments) -> Result<(), Failure> {
    let mut all = Vec::new();
    loop {
        all.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Calls its own model until a limit ends that.
fn recurse(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    let model = cx.identity().model.clone();
    Ok(cx.call(&model, "recurse", &json!({}))?.value)
}

fn chatter(cx: &Context, arguments: LogArguments) -> Result<(), Failure> {
    for n in 0..arguments.lines {
        cx.debug(n);
    }
    Ok(())
}
