//! `@test/witness`: says what a call knows of itself, and what it does once it is asked to end. It
//! fails with the frames of a script, and makes reports of each scope.

use std::hint::black_box;

use schemars::JsonSchema;
use sedge_sdk::{
    Context, Failure, MethodKind, Model, NoArguments, Permission, Report, ReportedCall,
    ReportedContent, ReportedData, ReportedModelData, ReportedOutcome, ReportedRun,
    ReportedStepOutcome, Value, json,
};
use serde::{Deserialize, Serialize};

/// What the call does once it is asked to end.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Then {
    /// Return a value.
    Return,
    /// Fail, and keep the writes.
    Keep,
    /// Go on for ever.
    Spin,
    /// Publish what it has staged.
    Publish,
    /// Call another model.
    Call,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WaitArguments {
    then: Then,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PassArguments {
    target: String,
    method: String,
    arguments: Value,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FailArguments {
    /// The frames, innermost first; `TOKEN` in them becomes the value of the secret `TOKEN`
    stack: Vec<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Mark {
    text: String,
}

fn model() -> Model {
    let token = Permission::Secrets {
        name: "TOKEN".to_owned(),
        hosts: Vec::new(),
        reveal: true,
    };
    Model::new("@test/witness", "2026.12.01.1", "Knows itself")
        .asks_for_models("*", "to call other models when it is asked to end")
        .asks_for(token, "to put it into the frames of a failure")
        .resource::<Mark>("mark", "What it has staged")
        .method("who", MethodKind::Read, "Return the identity", who)
        .method("wait", MethodKind::Action, "Wait until asked to end", wait)
        .method("pass", MethodKind::Action, "Pass a call on", pass)
        .method("fail", MethodKind::Action, "Fail with these frames", fail)
        .report("calls", "What a call did", report_call)
        .report("state", "What a model has", report_model)
        .report("runs", "What a run did", report_run)
}

fn who(cx: &Context, NoArguments {}: NoArguments) -> Result<Value, Failure> {
    let identity = cx.identity();
    Ok(json!({
        "model": identity.model,
        "modelId": identity.model_id,
        "type": identity.type_name,
        "typeVersion": identity.type_version,
        "tags": identity.tags,
        "method": identity.method,
        "isCancelled": cx.is_cancelled(),
    }))
}

/// Stages a mark, subscribes to its cancellation, and waits for it.
fn wait(cx: &Context, arguments: WaitArguments) -> Result<&'static str, Failure> {
    let text = "staged".to_owned();
    cx.write("mark", &Mark { text })?;
    let cancellation = cx.cancellation();
    if cancellation.is_requested() || cx.is_cancelled() {
        return Err(Failure::new("too-early", "it was asked to end too early"));
    }
    cx.info("begun");
    cancellation.wait();
    cx.info(format!("asked to end: {}", cx.is_cancelled()));
    match arguments.then {
        Then::Return => Ok("ended"),
        Then::Keep => Err(Failure::new("kept", "its writes are kept").keep_writes()),
        Then::Spin => loop {
            black_box(());
        },
        Then::Publish => {
            let published = cx.publish();
            let code = published.map_or_else(|error| Failure::from(error).code, |_| "ok".into());
            cx.info(format!("publish: {code}"));
            Ok("ended")
        }
        Then::Call => {
            let called = cx.call("sink", "run", &json!({"note": "late"}));
            let code = called.map_or_else(|error| error.code().to_owned(), |_| "ok".into());
            cx.info(format!("call: {code}"));
            Ok("ended")
        }
    }
}

/// Subscribes, and waits for a callee instead.
fn pass(cx: &Context, arguments: PassArguments) -> Result<(), Failure> {
    let _cancellation = cx.cancellation();
    let PassArguments {
        target,
        method,
        arguments,
    } = arguments;
    let called = cx.call(&target, &method, &arguments);
    let code = called.map_or_else(|error| error.code().to_owned(), |_| "ok".into());
    cx.info(format!("callee: {code}"));
    Ok(())
}

fn fail(cx: &Context, arguments: FailArguments) -> Result<(), Failure> {
    let mut stack = arguments.stack;
    if stack.iter().any(|frame| frame.contains("TOKEN")) {
        let token = cx.secret("TOKEN")?.reveal()?;
        let token = String::from_utf8_lossy(&token).into_owned();
        stack = stack.iter().map(|it| it.replace("TOKEN", &token)).collect();
    }
    Err(Failure::new("script-error", "no number").with_stack(stack))
}

fn report_call(call: &ReportedCall) -> Result<Report, Failure> {
    let outcome = match &call.outcome {
        ReportedOutcome::Succeeded(value) => json!({"value": value}),
        ReportedOutcome::Failed(fault) => {
            json!({"code": fault.code, "message": fault.message, "details": fault.details})
        }
        ReportedOutcome::Cancelled => json!("cancelled"),
    };
    let took = call.ended_at_ms - call.started_at_ms;
    let title = format!(
        "# {} of {}\n\nIt took {took} ms.\n",
        call.method, call.model.name
    );
    let json = json!({
        "call": call.call,
        "run": call.run,
        "step": call.step,
        "arguments": call.arguments,
        "globalArguments": call.global_arguments,
        "outcome": outcome,
        "written": shown(&call.written),
    });
    Ok(Report::new(title, json))
}

/// Fails if the model has a datum named `refuse` or `panic`.
fn report_model(model: &ReportedModelData) -> Result<Report, Failure> {
    let has = |name: &str| model.data.iter().any(|data| data.name == name);
    if has("refuse") {
        return Err(Failure::new("refused", "there is nothing to report"));
    }
    assert!(!has("panic"), "there is nothing to report");
    let of = &model.model;
    let json = json!({
        "id": of.id,
        "type": of.type_name,
        "typeVersion": of.type_version,
        "tags": of.tags,
        "globalArguments": model.global_arguments,
        "data": shown(&model.data),
    });
    Ok(Report::new(format!("# {}\n", of.name), json))
}

fn report_run(run: &ReportedRun) -> Result<Report, Failure> {
    let steps = run.steps.iter().map(|step| {
        let outcome = match &step.outcome {
            ReportedStepOutcome::Succeeded(value) => json!({"value": value}),
            ReportedStepOutcome::Failed(fault) => json!({"code": fault.code}),
            ReportedStepOutcome::Cancelled => json!("cancelled"),
            ReportedStepOutcome::Skipped { reason } => json!({"skipped": reason}),
        };
        json!({
            "step": step.step,
            "model": step.model.as_ref().map(|model| &model.name),
            "method": step.method,
            "attempts": step.attempts,
            "times": [step.started_at_ms, step.ended_at_ms],
            "outcome": outcome,
            "failureAllowed": step.failure_allowed,
            "written": shown(&step.written),
        })
    });
    let json = json!({
        "run": run.run,
        "tags": run.tags,
        "inputs": run.inputs,
        "status": format!("{:?}", run.status),
        "steps": steps.collect::<Vec<_>>(),
    });
    Ok(Report::new(format!("# {}\n", run.workflow), json))
}

fn shown(data: &[ReportedData]) -> Vec<Value> {
    let content = |content: &ReportedContent| match content {
        ReportedContent::Resource(value) => value.clone(),
        ReportedContent::File { media_type, size } => json!([media_type, size]),
        ReportedContent::Omitted { size } => json!({"omitted": size}),
        _ => Value::Null,
    };
    let one = |it: &ReportedData| {
        json!({
            "name": it.name,
            "version": it.version,
            "spec": it.spec,
            "tags": it.tags,
            "content": content(&it.content),
        })
    };
    data.iter().map(one).collect()
}

sedge_sdk::export!(model);
