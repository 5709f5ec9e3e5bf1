//! `@sedge/spawn`: calls a method of another model repeatedly.
//!
//! It measures nested calls, in sequence and in parallel, and records the outcome of each.

#![expect(
    clippy::disallowed_methods,
    reason = "a plugin's clock is the one that the sandbox gives it"
)]

use std::time::Instant;

use schemars::JsonSchema;
use sedge_sdk::{CallError, Context, Failure, MethodKind, Model, NoArguments, Outcome, Pending};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunArguments {
    /// How many calls to make
    #[serde(default = "count_default")]
    #[schemars(range(min = 1, max = 10_000))]
    count: u32,
    /// Whether to start all calls before waiting for any
    #[serde(default)]
    parallel: bool,
    /// The model to call
    #[serde(default = "target_default")]
    target: String,
    /// The method to call, without arguments
    #[serde(default = "method_default")]
    method: String,
}

fn count_default() -> u32 {
    1
}

fn target_default() -> String {
    "sink".to_owned()
}

fn method_default() -> String {
    "run".to_owned()
}

/// All calls of one run.
#[derive(Serialize, JsonSchema)]
struct Calls {
    count: u32,
    parallel: bool,
    calls: Vec<Call>,
    /// The time from the start of the first call to the end of the last one, in milliseconds
    elapsed_ms: f64,
}

/// The outcome of one call.
#[derive(Serialize, JsonSchema)]
struct Call {
    /// `ok`, or the code of the error
    outcome: String,
    /// The error's message
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The time from its start until its outcome was received, in milliseconds
    elapsed_ms: f64,
}

#[derive(Serialize)]
struct Summary {
    ok: usize,
    failed: usize,
    elapsed_ms: f64,
}

fn model() -> Model {
    Model::new(
        "@sedge/spawn",
        "2026.11.23.1",
        "Calls a method of another model repeatedly",
    )
    .asks_for_models("*", "to call the model that its arguments name")
    .resource::<Calls>("calls", "The calls of the last run and their outcomes")
    .method(
        "run",
        MethodKind::Action,
        "Call `target`, `count` times",
        run,
    )
}

fn run(cx: &Context, arguments: RunArguments) -> Result<Summary, Failure> {
    let start = Instant::now();
    let calls = if arguments.parallel {
        calls_parallel(cx, &arguments)
    } else {
        calls_in_sequence(cx, &arguments)
    };
    let failed: Vec<&Call> = calls.iter().filter(|call| call.message.is_some()).collect();
    let summary = Summary {
        ok: calls.len() - failed.len(),
        failed: failed.len(),
        elapsed_ms: elapsed_ms(start),
    };
    let failure = failed.first().map(|call| calls_failed(&summary, call));
    cx.write(
        "calls",
        &Calls {
            count: arguments.count,
            parallel: arguments.parallel,
            elapsed_ms: summary.elapsed_ms,
            calls,
        },
    )?;
    failure.map_or(Ok(summary), Err)
}

fn calls_in_sequence(cx: &Context, arguments: &RunArguments) -> Vec<Call> {
    (0..arguments.count)
        .map(|_| {
            let start = Instant::now();
            Call::new(
                start,
                cx.call(&arguments.target, &arguments.method, &NoArguments {}),
            )
        })
        .collect()
}

fn calls_parallel(cx: &Context, arguments: &RunArguments) -> Vec<Call> {
    let started: Vec<(Instant, Pending)> = (0..arguments.count)
        .map(|_| {
            let start = Instant::now();
            (
                start,
                cx.start(&arguments.target, &arguments.method, &NoArguments {}),
            )
        })
        .collect();
    started
        .into_iter()
        .map(|(start, pending)| Call::new(start, pending.wait()))
        .collect()
}

/// Returns a failure with the message of the first failed call. The record of all calls is kept.
fn calls_failed(summary: &Summary, first: &Call) -> Failure {
    let Summary { ok, failed, .. } = summary;
    let message = first.message.as_deref().unwrap_or_default();
    Failure::new(
        "calls-failed",
        format!(
            "{failed} of {} calls failed, the first with {}: {message}",
            ok + failed,
            first.outcome
        ),
    )
    .with_details(sedge_sdk::json!(summary))
    .keep_writes()
}

impl Call {
    fn new(start: Instant, outcome: Result<Outcome, CallError>) -> Self {
        let elapsed_ms = elapsed_ms(start);
        match outcome {
            Ok(_) => Self {
                outcome: "ok".to_owned(),
                message: None,
                elapsed_ms,
            },
            Err(error) => Self {
                outcome: error.code().to_owned(),
                message: Some(error.to_string()),
                elapsed_ms,
            },
        }
    }
}

fn elapsed_ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

sedge_sdk::export!(model);
