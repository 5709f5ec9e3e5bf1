//! Code that does not end, in every place where the host runs guest code.

use serde_json::json;

use crate::harness::Attack;
use crate::wat::{LOOP, declared};
use sedge_test_forge::World;

/// The result of a call that took too long.
const TOO_LONG: &str = "it was stopped after";

/// The result of a description that took too long.
const DESCRIBED_TOO_LONG: &str = "its description failed: it was stopped after";

pub(crate) fn attacks() -> Vec<Attack> {
    let spin = ("@test/hostile", "spin");
    let sleep = ("@test/hostile", "sleep");
    vec![
        Attack::call("loop in a method", spin, json!({}), TOO_LONG),
        Attack::described(
            "loop in the description",
            |it| it.describe(LOOP),
            DESCRIBED_TOO_LONG,
        ),
        Attack::described(
            "loop in a start function",
            |it| it.fields(&format!("(func $begin {LOOP}) (start $begin)")),
            DESCRIBED_TOO_LONG,
        ),
        Attack::forged(
            "loop after the method has returned",
            |it| {
                let post = "cabi_post_sedge:model/model@0.4.0#invoke";
                it.fields(&format!("(func (export \"{post}\") (param i32) {LOOP})"))
                    .method("run", "")
            },
            TOO_LONG,
        ),
        Attack::forged("loop in a destructor", in_destructor, TOO_LONG),
        Attack::forged(
            "loop when the host asks for memory",
            |it| {
                it.imports(&declared(&[("context.who", "who")]))
                    .realloc(LOOP)
                    .method("run", "(call $who (global.get $scratch))")
            },
            TOO_LONG,
        ),
        Attack::forged(
            "loop of calls of the host",
            |it| {
                let left = declared(&[("context.deadline-left-ms", "left")]);
                it.imports(&left)
                    .method("run", "(loop $more (drop (call $left)) (br $more))")
            },
            TOO_LONG,
        ),
        Attack::forged(
            "loop of calls of WASI",
            |it| {
                let random = declared(&[("random.get-random-u64", "random")]);
                it.imports(&random)
                    .method("run", "(loop $more (drop (call $random)) (br $more))")
            },
            TOO_LONG,
        ),
        Attack::call(
            "sleep for an hour",
            sleep,
            json!({"ms": 3_600_000}),
            TOO_LONG,
        ),
        Attack::forged(
            "wait for an event that never comes",
            |it| {
                it.imports(&declared(&[
                    ("monotonic-clock.subscribe-duration", "after"),
                    ("poll.pollable.block", "block"),
                ]))
                .method("run", "(call $block (call $after (i64.const -1)))")
            },
            TOO_LONG,
        ),
        Attack::forged(
            "one instruction over all memory, again and again",
            |it| {
                it.method(
                    "run",
                    "(drop (memory.grow (i32.const 400)))
                     (loop $more
                       (memory.fill (i32.const 65536) (i32.const 1) (i32.const 26214400))
                       (br $more))",
                )
            },
            TOO_LONG,
        ),
    ]
}

fn in_destructor(it: sedge_test_forge::PluginText) -> sedge_test_forge::PluginText {
    let owner = "sedge:forge/owner";
    it.world(World::OwningPlugin)
        .imports(&format!(
            "(import \"[export]{owner}\" \"[resource-new]thing\"
               (func $new (param i32) (result i32)))
             (import \"[export]{owner}\" \"[resource-drop]thing\" (func $drop (param i32)))"
        ))
        .fields(&format!(
            "(func (export \"{owner}#[constructor]thing\") (result i32)
               (call $new (i32.const 7)))
             (func (export \"{owner}#[dtor]thing\") (param i32) {LOOP})"
        ))
        .method("run", "(call $drop (call $new (i32.const 7)))")
}
