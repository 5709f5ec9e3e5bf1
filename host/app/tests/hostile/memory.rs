//! Memory, tables and stacks without end.

use serde_json::json;

use crate::harness::Attack;

const MEMORY: &str = "the limit `memory-bytes` of 32 MiB was reached";

pub(crate) fn attacks() -> Vec<Attack> {
    let stack = ("@test/hostile", "stack");
    vec![
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
            "memory that is asked for again and again",
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
