//! Handles: too many, forged, of another kind, dropped, and left open.

use sedge_test_forge::PluginText;

use crate::harness::Attack;
use crate::wat::{MODEL_ERROR_AT, NO_RETENTION, answer_result, declared};

/// Begins a file, and stores its handle in `$n`.
fn create(it: &mut PluginText) -> String {
    let (spec, name) = (it.text("file"), it.text("name"));
    let none = "(i32.const 0) (i32.const 0) (i32.const 0)";
    format!(
        "(call $create {spec} {name} {none} (i32.const 0) (i32.const 0) (i32.const 0)
           {NO_RETENTION} (global.get $scratch))
         (local.set $n (i32.load offset=8 (global.get $scratch)))"
    )
}

fn with_files(it: PluginText) -> PluginText {
    it.file("file").imports(&declared(&[
        ("data.create-file", "create"),
        ("data.file-writer.write", "write"),
        ("data.file-writer.finish", "finish"),
        ("data.[resource-drop]file-writer", "drop_file"),
    ]))
}

/// Writes a megabyte to the file.
const LARGE_WRITE: &str = "
  (drop (memory.grow (i32.const 16)))
  (call $write (local.get $n) (i32.const 0) (i32.const 1000000) (global.get $scratch))";

/// Begins a file, and runs `then` with its handle.
fn with_file(it: PluginText, then: impl FnOnce(&mut PluginText) -> String) -> PluginText {
    let mut it = with_files(it);
    let (create, then) = (create(&mut it), then(&mut it));
    it.method("run", &format!("{create} {then}"))
}

pub(crate) fn attacks() -> Vec<Attack> {
    let after = ("monotonic-clock.subscribe-duration", "after");
    let wait = ("calls.pending.wait", "wait");
    let cancellation = ("context.subscribe-cancellation", "cancellation");
    vec![
        Attack::forged(
            "pollables until the table is full",
            |it| {
                it.imports(&declared(&[after])).method(
                    "run",
                    "(loop $more (drop (call $after (i64.const -1))) (br $more))",
                )
            },
            "the limit `handles` of 25000 was reached",
        ),
        Attack::forged(
            "subscriptions to the cancellation until the table is full",
            |it| {
                it.imports(&declared(&[cancellation]))
                    .method("run", "(loop $more (drop (call $cancellation)) (br $more))")
            },
            "the limit `handles` of 25000 was reached",
        ),
        Attack::forged(
            "a cancellation that does not come",
            |it| {
                it.imports(&declared(&[cancellation, ("poll.pollable.block", "block")]))
                    .method("run", "(call $block (call $cancellation))")
            },
            "it was stopped after",
        ),
        Attack::forged(
            "headers until the table is full",
            |it| {
                it.imports(&declared(&[("types.[constructor]fields", "fields")]))
                    .method("run", "(loop $more (drop (call $fields)) (br $more))")
            },
            "the limit `handles` of 25000 was reached",
        ),
        Attack::forged(
            "files until no more can be opened",
            |it| {
                let mut it = with_files(it);
                let create = create(&mut it);
                it.method(
                    "run",
                    &format!(
                        "(loop $more
                           {create}
                           (local.set $wide (i64.add (local.get $wide) (i64.const 1)))
                           (br_if $more (i32.eqz (i32.load8_u (global.get $scratch)))))
                         (return (call $answer_number (local.get $wide)))"
                    ),
                )
            },
            "returned 65",
        ),
        Attack::forged(
            "calls that are started and forgotten",
            |mut it| {
                let (target, method, none) = (it.text("sink"), it.text("run"), it.text("{}"));
                it.asks_for(sedge_test_forge::Permission::Models("*"))
                    .imports(&declared(&[("calls.start", "start")]))
                    .method(
                        "run",
                        &format!(
                            "(loop $more (drop (call $start {target} {method} {none})) (br $more))"
                        ),
                    )
            },
            "it was stopped after",
        )
        .or("the limit `handles` of 25000 was reached")
        .with("grants: {models: ['sink']}"),
        Attack::forged(
            "calls that are started and cancelled",
            |mut it| {
                let (target, method, none) = (it.text("sink"), it.text("run"), it.text("{}"));
                it.asks_for(sedge_test_forge::Permission::Models("*"))
                    .imports(&declared(&[
                        ("calls.start", "start"),
                        ("calls.pending.cancel", "cancel"),
                    ]))
                    .method(
                        "run",
                        &format!(
                            "(loop $more
                               (call $cancel (call $start {target} {method} {none}))
                               (br $more))"
                        ),
                    )
            },
            "it was stopped after",
        )
        .or("the limit `handles` of 25000 was reached")
        .with("grants: {models: ['sink']}"),
        Attack::forged(
            "pollables of one call until the table is full",
            |mut it| {
                let (target, method, none) = (it.text("sink"), it.text("run"), it.text("{}"));
                it.asks_for(sedge_test_forge::Permission::Models("*"))
                    .imports(&declared(&[
                        ("calls.start", "start"),
                        ("calls.pending.subscribe", "subscribe"),
                    ]))
                    .method(
                        "run",
                        &format!(
                            "(local.set $n (call $start {target} {method} {none}))
                             (loop $more (drop (call $subscribe (local.get $n))) (br $more))"
                        ),
                    )
            },
            "the limit `handles` of 25000 was reached",
        )
        .with("grants: {models: ['sink']}"),
        Attack::forged(
            "a pollable of a call that was dropped",
            |mut it| {
                let (target, method, none) = (it.text("sink"), it.text("run"), it.text("{}"));
                it.asks_for(sedge_test_forge::Permission::Models("*"))
                    .imports(&declared(&[
                        ("calls.start", "start"),
                        ("calls.[resource-drop]pending", "drop_call"),
                        ("calls.pending.subscribe", "subscribe"),
                    ]))
                    .method(
                        "run",
                        &format!(
                            "(local.set $n (call $start {target} {method} {none}))
                             (call $drop_call (local.get $n))
                             (drop (call $subscribe (local.get $n)))"
                        ),
                    )
            },
            "unknown handle index",
        )
        .with("grants: {models: ['sink']}"),
        Attack::forged(
            "a file that is left open",
            |it| with_file(it, |_| LARGE_WRITE.to_owned()),
            "returned null",
        ),
        Attack::forged(
            "a file that is left open by a trap",
            |it| with_file(it, |_| format!("{LARGE_WRITE} (unreachable)")),
            "unreachable",
        ),
        Attack::forged(
            "a file that is finished twice",
            |it| {
                let finish = "(call $finish (local.get $n) (global.get $scratch))";
                let answer = answer_result(MODEL_ERROR_AT);
                with_file(it, |_| format!("{finish} {finish} {answer}"))
            },
            "returned 107",
        )
        .leaving(&["name"]),
        Attack::forged(
            "a handle that was never given",
            |it| {
                it.imports(&declared(&[wait])).method(
                    "run",
                    "(call $wait (i32.const 12345) (global.get $scratch))",
                )
            },
            "unknown handle index",
        ),
        Attack::forged(
            "a handle of another kind",
            |it| {
                it.imports(&declared(&[after, wait])).method(
                    "run",
                    "(call $wait (call $after (i64.const 1)) (global.get $scratch))",
                )
            },
            "handle index",
        ),
        Attack::forged(
            "a handle that was dropped",
            |it| {
                with_file(it, |it| {
                    let text = it.text("x");
                    format!(
                        "(call $drop_file (local.get $n))
                         (call $write (local.get $n) {text} (global.get $scratch))"
                    )
                })
            },
            "unknown handle index",
        ),
        Attack::forged(
            "a handle that is dropped twice",
            |it| {
                let dropped = "(call $drop_file (local.get $n))";
                with_file(it, |_| format!("{dropped} {dropped}"))
            },
            "unknown handle index",
        ),
        Attack::forged(
            "all numbers that a handle could have",
            |it| {
                it.imports(&declared(&[("calls.[resource-drop]pending", "drop_call")]))
                    .method(
                        "run",
                        "(loop $more
                           (call $drop_call (local.get $n))
                           (local.set $n (i32.add (local.get $n) (i32.const 1)))
                           (br $more))",
                    )
            },
            "unknown handle index",
        ),
    ]
}
