//! Attacks of a guest in Python: an interpreter with an event loop, which has ways of its own to run
//! without end, to use memory, and to hand over bytes that are no text.

use serde_json::json;

use crate::harness::Attack;

/// The type of the guest.
const TYPE: &str = "@test/py-hostile";

/// The result of a call that took too long.
const TOO_LONG: &str = "it was stopped after";

/// The result of a call that needs more memory than it may have: the SDK lets Python's error trap.
const TOO_MUCH: &str = "`memory-bytes`";

pub(crate) fn attacks() -> Vec<Attack> {
    let python = |name: &str, method: &str, ends: &str| {
        let name = format!("python: {name}");
        Attack::call(&name, (TYPE, method), json!({}), ends)
    };
    vec![
        python("endless coroutine", "spin", TOO_LONG),
        python("coroutines that make others", "spawn_tasks", TOO_LONG).or(TOO_MUCH),
        python("coroutine that refuses to end", "refuse_to_end", TOO_LONG),
        python("sleep for an hour", "sleep", TOO_LONG),
        python(
            "wait for nothing",
            "wait",
            "the method waits for something that can never happen",
        ),
        python("memory in large pieces", "memory", TOO_MUCH),
        python("memory in small objects", "memory_of_objects", TOO_LONG).or(TOO_MUCH),
        python(
            "recursion",
            "recursion",
            "RecursionError: maximum recursion depth exceeded",
        ),
        python(
            "recursion without a limit",
            "deep_recursion",
            "RecursionError",
        )
        .or("call stack exhausted")
        .or(TOO_MUCH),
        python(
            "exponential regular expression",
            "regular_expression",
            TOO_LONG,
        ),
        python("one long instruction", "big_number", TOO_LONG).or(TOO_MUCH),
        python("loop that catches everything", "catch_all", TOO_LONG),
        python("a million requests", "fetches", TOO_LONG)
            .or(TOO_MUCH)
            .or("too-many")
            .or("limit"),
        python("a million calls", "calls", TOO_LONG)
            .or(TOO_MUCH)
            .or("limit"),
        python(
            "result that is no text",
            "bytes_result",
            "what `bytes_result` returned is not JSON",
        ),
        python("failure that is no text", "bytes_failure", "a?b"),
        python(
            "lines and names that are no text",
            "bytes_everywhere",
            "returned null",
        ),
        python(
            "result that nests deep",
            "deep_result",
            "nest more than 100 deep",
        )
        .or("call stack exhausted"),
        python(
            "result that contains itself",
            "endless_result",
            "nest more than 100 deep",
        ),
        python(
            "end of the process",
            "leave",
            "the plugin exited with code 0",
        ),
        python("end of the program", "system_exit", "SystemExit"),
        python("import that does not exist", "raw_import", "unreachable"),
        python("resource after its end", "use_after_drop", "unreachable"),
    ]
}
