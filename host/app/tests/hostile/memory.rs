//! Memory, tables and stacks without end.

use std::sync::Arc;

use serde_json::json;

use crate::fixture::House;
use crate::harness::{Attack, Scene, call};

/// How many calls of 200 MiB are made at once.
const N_LARGE: usize = 20;

/// Calls that together may need 4000 MiB take turns in a process whose limit is 256 MiB.
async fn twenty(_: Scene) -> String {
    let mut house = House::new();
    house.write(
        "sedge.yaml",
        "version: 1\nprocessLimits: {memoryMebibytes: 256}\n",
    );
    let limits = "limits: {memoryMebibytes: 200, wallTimeSeconds: 60}\n";
    for n in 0..N_LARGE {
        house.model(&format!("large-{n}"), "@test/hostile", limits);
    }
    house.reopen().await;
    let one = |n: usize| {
        let repository = Arc::clone(&house.repository);
        async move { call(&repository, &format!("large-{n}"), "memory", json!({})).await }
    };
    let ended = futures::future::join_all((0..N_LARGE).map(one)).await;
    let own = "the limit `memory-bytes` of 200 MiB was reached";
    let n_own = ended.iter().filter(|it| it.contains(own)).count();
    let other = ended.iter().find(|it| !it.contains(own));
    format!(
        "{n_own} of {N_LARGE} calls reached their own limit {}",
        other.map_or("", |it| it)
    )
}

const MEMORY: &str = "the limit `memory-bytes` of 32 MiB was reached";

pub(crate) fn attacks() -> Vec<Attack> {
    let stack = ("@test/hostile", "stack");
    vec![
        Attack::other(
            "twenty calls of 200 MiB at once",
            twenty,
            "20 of 20 calls reached their own limit",
        )
        .of("@test/hostile"),
        Attack::call(
            "memory without end",
            ("@test/hostile", "memory"),
            json!({}),
            MEMORY,
        ),
        Attack::forged(
            "many memories",
            |it| {
                let memories: Vec<String> = (0..8)
                    .map(|n| format!("(memory $more{n} 1 60000)"))
                    .collect();
                let grow = |n| {
                    format!(
                        "(br_if $full (i32.lt_s (memory.grow $more{n} (i32.const 64)) (i32.const 0)))"
                    )
                };
                let grow: Vec<String> = (0..8).map(grow).collect();
                it.memory(&memories.concat()).method(
                    "run",
                    &format!(
                        "(block $full (loop $more {} (br $more))) (unreachable)",
                        grow.concat()
                    ),
                )
            },
            MEMORY,
        ),
        Attack::described(
            "a memory that is too large from the start",
            |it| it.memory("(memory $huge 60000)").method("run", ""),
            "the limit `memory-bytes` of 256 MiB was reached",
        ),
        Attack::forged(
            "a table without end",
            |it| {
                it.fields("(table $t 1 100000000 funcref)").method(
                    "run",
                    "(block $full (loop $more
                       (br_if $full (i32.lt_s
                         (table.grow $t (ref.null func) (i32.const 10000)) (i32.const 0)))
                       (br $more)))
                     (unreachable)",
                )
            },
            MEMORY,
        ),
        Attack::forged(
            "many tables",
            |it| {
                let tables: Vec<String> = (0..100)
                    .map(|n| format!("(table $t{n} 45000 funcref)"))
                    .collect();
                it.fields(&tables.concat()).method("run", "")
            },
            MEMORY,
        ),
        Attack::forged(
            "memory that is requested repeatedly",
            |it| {
                it.method(
                    "run",
                    "(loop $more (drop (memory.grow (i32.const 1))) (br $more))",
                )
            },
            "it was stopped after",
        ),
        Attack::call(
            "a stack without end",
            stack,
            json!({}),
            "call stack exhausted",
        )
        .or("out of bounds memory access"),
        Attack::forged(
            "a stack without end, of bare calls",
            |it| it.fields("(func $f (call $f))").method("run", "(call $f)"),
            "call stack exhausted",
        ),
    ]
}
