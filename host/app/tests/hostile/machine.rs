//! What a plugin could learn about the machine, and sockets.

use serde_json::json;

use crate::harness::Attack;
use crate::wat::{answer_result, declared};
use sedge_test_forge::{Permission, PluginText};

pub(crate) fn attacks() -> Vec<Attack> {
    let mut attacks = vec![
        Attack::call(
            "a look at variables, arguments and the root",
            ("@test/hostile", "environment"),
            json!({}),
            r#"{"variables":{},"arguments":[],"root":"#,
        )
        .leaving(&["mark"]),
        Attack::call(
            "a variable that was not granted",
            ("@test/asker", "region"),
            json!({}),
            "may not",
        ),
        Attack::forged(
            "the resolution of the clock",
            |it| {
                it.imports(&declared(&[("monotonic-clock.resolution", "resolution")]))
                    .method("run", "(return (call $answer_number (call $resolution)))")
            },
            "returned 1000000",
        ),
        Attack::forged(
            "the measured resolution of the clock",
            // The remainder of the clock's values, in nanoseconds, over many reads.
            |it| {
                it.imports(&declared(&[("monotonic-clock.now", "now")]))
                    .method(
                        "run",
                        "(loop $more
                       (local.set $wide (i64.or (local.get $wide)
                         (i64.rem_u (call $now) (i64.const 1000000))))
                       (local.set $n (i32.add (local.get $n) (i32.const 1)))
                       (br_if $more (i32.lt_s (local.get $n) (i32.const 10000))))
                     (return (call $answer_number (local.get $wide)))",
                    )
            },
            "returned 0",
        ),
        Attack::forged(
            "the uptime of the machine",
            |it| {
                it.imports(&declared(&[("monotonic-clock.now", "now")])).method(
                    "run",
                    "(return (call $answer_number (i64.div_u (call $now) (i64.const 60000000000))))",
                )
            },
            "returned 0",
        ),
        Attack::forged(
            "the input of the terminal",
            |it| {
                let answer = answer_result(4);
                it.imports(&declared(&[
                    ("stdin.get-stdin", "stdin"),
                    ("streams.input-stream.blocking-read", "read"),
                ]))
                .method(
                    "run",
                    &format!(
                        "(call $read (call $stdin) (i64.const 10) (global.get $scratch)) {answer}"
                    ),
                )
            },
            // The error `closed`.
            "returned 101",
        ),
    ];
    attacks.extend([
        Attack::forged(
            "a query to the name resolver",
            |it| socket(it, "ip-name-lookup.resolve-addresses", "(local.get $n)", ""),
            "returned 101",
        ),
        Attack::forged(
            "a TCP socket",
            |it| {
                socket(
                    it,
                    "tcp-create-socket.create-tcp-socket",
                    "(i32.const 0)",
                    "",
                )
            },
            "returned 101",
        ),
        Attack::forged(
            "sockets without end",
            |it| {
                it.asks_for(Permission::Socket("127.0.0.1:9"))
                    .imports(&declared(&[(
                        "tcp-create-socket.create-tcp-socket",
                        "create",
                    )]))
                    .method(
                        "run",
                        "(loop $more
                           (call $create (i32.const 0) (global.get $scratch)) (br $more))
                         (unreachable)",
                    )
            },
            "the limit `process-descriptors` of 300 was reached",
        )
        .with("grants: {sockets: [{to: '127.0.0.1:9'}]}"),
        Attack::forged(
            "a UDP socket",
            |it| {
                socket(
                    it,
                    "udp-create-socket.create-udp-socket",
                    "(i32.const 0)",
                    "",
                )
            },
            "returned 101",
        ),
    ]);
    attacks
}

/// Calls a function of the network. The error `access-denied` has the number 1.
fn socket(mut it: PluginText, function: &str, first: &str, more: &str) -> PluginText {
    let name = if function.starts_with("ip-name") {
        it.text("c2VjcmV0.example.com")
    } else {
        more.to_owned()
    };
    let answer = answer_result(4);
    it.imports(&declared(&[
        ("instance-network.instance-network", "network"),
        (function, "ask"),
    ]))
    .method(
        "run",
        &format!(
            "(local.set $n (call $network))
             (call $ask {first} {name} (global.get $scratch)) {answer}"
        ),
    )
}
