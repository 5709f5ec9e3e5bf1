//! Nested calls: too deep, too many, and back to a caller.

use serde_json::json;

use crate::harness::Attack;
use crate::wat::{MODEL_ERROR_AT, answer_result, declared};
use sedge_test_forge::{Permission, PluginText};

pub(crate) fn attacks() -> Vec<Attack> {
    vec![
        Attack::call(
            "calls to itself without end",
            ("@test/recurse", "forever"),
            json!({}),
            "the limit `call-depth` of 64 was reached",
        )
        .with("grants: {models: ['*']}"),
        Attack::call(
            "ten thousand calls side by side",
            ("@sedge/spawn", "run"),
            json!({"count": 10_000, "parallel": true}),
            "it was stopped after",
        )
        .with("grants: {models: ['*']}"),
        Attack::call(
            "a hundred thousand calls that are kept",
            ("@test/looper", "run"),
            json!({"steps": [{"calls": [100_000, "sink", "run"]}]}),
            "it was stopped after",
        )
        .or("the limit `handles` of 25000 was reached")
        .or("the limit `memory-bytes`")
        .with("grants: {models: ['*']}"),
        Attack::call(
            "ten thousand calls one by one",
            ("@sedge/spawn", "run"),
            json!({"count": 10_000}),
            "it was stopped after",
        )
        .with("grants: {models: ['*']}"),
        Attack::forged(
            "ten calls to itself at each level",
            bomb,
            "it was stopped after",
        )
        .or("returned")
        .limits("callsPerRun: 500")
        .with("grants: {models: ['*']}"),
        Attack::call(
            "an observation that calls an action",
            ("@test/nester", "observe"),
            json!({"steps": [{"call": ["an-observation-that-calls-an-action", []]}]}),
            "a method of kind `observe` may not call `run` of `an-observation-that-calls-an-action",
        )
        .with("grants: {models: ['*']}"),
        Attack::call(
            "an observation that calls an action by a method that reads",
            ("@test/nester", "observe"),
            json!({"steps": [{"look": [
                "an-observation-that-calls-an-action-by-a-method-that-reads",
                [{"call": ["an-observation-that-calls-an-action-by-a-method-that-reads", []]}],
            ]}]}),
            "a method of kind `read` may not call `run` of `an-observation-that-calls-an-action",
        )
        .with("grants: {models: ['*']}"),
        Attack::call(
            "a method that reads and has an observation write",
            ("@test/nester", "look"),
            json!({"steps": [{"observe": [
                "a-method-that-reads-and-has-an-observation-write",
                [{"write": ["x", 1]}],
            ]}]}),
            "a method of kind `read` may not call `observe`",
        )
        .with("grants: {models: ['*']}"),
        Attack::call(
            "an observation that deletes",
            ("@test/nester", "observe"),
            json!({"steps": [{"delete": "x"}]}),
            "it is of kind `observe`, not `delete`",
        ),
        Attack::call(
            "an observation that runs a workflow",
            ("@test/starter", "observe"),
            json!({"steps": [{"require": ["sink", {}]}]}),
            "a method of kind `observe` runs no workflows",
        )
        .with("grants: {workflows: ['*']}"),
        Attack::call(
            "a workflow by a path",
            ("@test/starter", "run"),
            json!({"steps": [{"require": ["../models/sink", {}]}]}),
            "no workflow named `../models/sink`",
        )
        .with("grants: {workflows: ['*']}"),
        Attack::call(
            "a workflow that was not granted",
            ("@test/starter", "run"),
            json!({"steps": [{"require": ["sink", {}]}]}),
            "may not run the workflow `sink`",
        ),
        Attack::forged(
            "a call of what it may not call",
            |it| call(it, "sink", "run"),
            "returned 102",
        )
        .with("grants: {}"),
        Attack::forged(
            "a call of a model by a path",
            |it| call(it, "../models/sink", "run").asks_for(Permission::Models("*")),
            "returned 1",
        )
        .with("grants: {models: ['*']}"),
    ]
}

fn call(mut it: PluginText, target: &str, method: &str) -> PluginText {
    let (target, method, none) = (it.text(target), it.text(method), it.text("{}"));
    let answer = answer_result(MODEL_ERROR_AT);
    it.imports(&declared(&[("calls.call", "call")])).method(
        "run",
        &format!("(call $call {target} {method} {none} (global.get $scratch)) {answer}"),
    )
}

/// Starts ten calls to itself, and waits for the last one.
fn bomb(mut it: PluginText) -> PluginText {
    let own = it.text("ten-calls-to-itself-at-each-level");
    let (run, none) = (it.text("run"), it.text("{}"));
    it.asks_for(Permission::Models("*"))
        .imports(&declared(&[
            ("calls.start", "start"),
            ("calls.pending.wait", "wait"),
        ]))
        .method(
            "run",
            &format!(
                "(loop $more
                   (local.set $at (call $start {own} {run} {none}))
                   (local.set $n (i32.add (local.get $n) (i32.const 1)))
                   (br_if $more (i32.lt_s (local.get $n) (i32.const 10))))
                 (call $wait (local.get $at) (global.get $scratch))"
            ),
        )
}
