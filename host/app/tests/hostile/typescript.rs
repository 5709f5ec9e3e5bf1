//! Attacks of a guest in TypeScript: an engine for scripts with an event loop, whose language lets a
//! plugin change everything that it runs on.

use sedge_test_forge::{PluginText, with_custom_section};
use serde_json::json;

use crate::harness::{Attack, call};

/// The type of the guest.
const TYPE: &str = "@test/ts-hostile";

/// The result of a call that took too long.
const TOO_LONG: &str = "it was stopped after";

/// The result of a call that needs more memory than it may have.
const TOO_MUCH: &str = "`memory-bytes`";

/// The result of a recursion without an end.
const TOO_DEEP: &str = "Maximum call stack size exceeded";

/// The result of a promise that nothing can resolve.
const NEVER: &str = "the method waits for something that can never happen";

/// The result of a value that JSON does not have.
const NOT_JSON: &str = "is not JSON";

/// Returns an attack by a method of the guest.
fn script(name: &str, method: &str, ends: &str) -> Attack {
    let name = format!("typescript: {name}");
    Attack::call(&name, (TYPE, method), json!({}), ends)
}

pub(crate) fn attacks() -> Vec<Attack> {
    let lists = [
        time(),
        memory(),
        pending(),
        values(),
        thrown(),
        prototypes(),
        engine(),
        maps(),
    ];
    lists.into_iter().flatten().collect()
}

fn time() -> Vec<Attack> {
    vec![
        script("endless loop", "spin", TOO_LONG),
        script("endless promises", "spin_promises", TOO_LONG),
        script("endless microtasks", "spin_microtasks", TOO_LONG).or(TOO_MUCH),
        script("endless timers", "spin_timers", TOO_LONG),
        script("intervals that make others", "spin_intervals", TOO_LONG).or(TOO_MUCH),
        script("timer of an hour", "sleep", TOO_LONG),
        script("timer of all times", "sleep_long", TOO_LONG),
        script("promise that nothing resolves", "wait", NEVER),
        script("result that never calls back", "wait_thenable", NEVER),
        script("loop that catches everything", "catch_all", TOO_LONG),
        script("loop behind the result", "finally_loop", TOO_LONG),
        script(
            "exponential regular expression",
            "regular_expression",
            TOO_LONG,
        ),
        script(
            "regular expression with references",
            "regular_expression_back",
            TOO_LONG,
        ),
        script("one long instruction", "big_number", "BigInt is too large").or(TOO_LONG),
        script("sorting without an order", "sort", TOO_LONG),
        script("derivation of a key", "pbkdf2", "iterations"),
    ]
}

fn memory() -> Vec<Attack> {
    let recursion = |by: &str, ends: &str| {
        let name = format!("recursion by {by}");
        script(&name, &format!("recursion_{by}"), ends)
    };
    vec![
        script("memory in large pieces", "memory", TOO_MUCH),
        script("memory in small objects", "memory_of_objects", TOO_LONG).or(TOO_MUCH),
        script("text that doubles", "memory_of_text", TOO_MUCH),
        script(
            "array with a length of its own",
            "memory_of_array",
            TOO_MUCH,
        ),
        script("unfinished generators", "memory_of_generators", TOO_MUCH).or(TOO_LONG),
        script("text that inflates", "bomb", TOO_MUCH).or(TOO_LONG),
        script("recursion", "recursion", TOO_DEEP),
        script(
            "recursion that goes on where it failed",
            "recursion_caught",
            "returned true",
        ),
        recursion("sort", TOO_DEEP),
        recursion("json", TOO_DEEP),
        recursion("getter", TOO_DEEP),
        recursion("proxy", TOO_DEEP),
        recursion("text", TOO_DEEP),
        recursion("replace", TOO_DEEP),
        recursion("bind", TOO_MUCH),
        recursion("expression", "too many captures"),
        // The parser of the engine is the one part that does not count its depth.
        recursion("source", TOO_DEEP).or("call stack exhausted"),
        recursion("parse", TOO_DEEP),
        recursion("stringify", TOO_DEEP),
        recursion("concat", TOO_DEEP),
    ]
}

fn pending() -> Vec<Attack> {
    vec![
        script("a million requests", "fetches", TOO_LONG)
            .or(TOO_MUCH)
            .or("limit")
            .or("too many"),
        script(
            "a million requests, one after the other",
            "fetches_dropped",
            TOO_LONG,
        )
        .or(TOO_MUCH)
        .or("limit"),
        script("a million calls", "calls", TOO_LONG)
            .or(TOO_MUCH)
            .or("limit"),
        script("a million timers", "timers", TOO_LONG).or(TOO_MUCH),
        script("a million rejections", "promises", TOO_LONG).or(TOO_MUCH),
    ]
}

fn values() -> Vec<Attack> {
    vec![
        script(
            "result that is no text",
            "bytes_result",
            "returned \"a\u{fffd}b\"",
        ),
        script("failure that is no text", "bytes_failure", "a\u{fffd}b"),
        script(
            "lines and names that are no text",
            "bytes_everywhere",
            "returned {",
        )
        .leaving(&["a\u{fffd}b", "tagged"]),
        script(
            "result with control characters",
            "nul_result",
            "returned \"\\u0000",
        ),
        script("result that nests deep", "deep_result", TOO_DEEP),
        script("result that contains itself", "endless_result", "circular"),
        script("result that is a function", "function_result", NOT_JSON),
        script("numbers that are no JSON", "number_result", NOT_JSON),
        script("number that is too large", "bigint_result", NOT_JSON),
        script("result with a getter", "getter_result", "a getter"),
        script("result of 20 MiB", "large_result", TOO_MUCH),
    ]
}

fn thrown() -> Vec<Attack> {
    let no_text = "a value without a text";
    vec![
        script("null is thrown", "throw_null", "null"),
        script("symbol is thrown", "throw_symbol", "Symbol(a symbol)"),
        script("proxy is thrown", "throw_proxy", no_text),
        script("revoked proxy is thrown", "throw_revoked", no_text),
        script("error with getters is thrown", "throw_getters", no_text),
        script("error that causes itself", "throw_cause", "a circle"),
        script("error of 10 MiB", "throw_large", "xxxx"),
        script(
            "error with frames of its own",
            "throw_frames",
            "with frames",
        ),
        script("error like one of the host", "throw_wire", NEVER),
        script("error in a timer", "throw_later", "thrown by a timer"),
    ]
}

fn prototypes() -> Vec<Attack> {
    vec![
        script("another `then`", "proto_then", "returned \"a result\""),
        script(
            "members of all objects",
            "proto_object",
            "returned {\"a\":1}",
        ),
        script("all objects are promises", "proto_thenable", NEVER),
        script("all arrays are empty", "proto_array", "returned [1,2,3]"),
        script("another JSON", "proto_json", "not JSON"),
        script("another text", "proto_text", "with another text"),
        script("other arrays of bytes", "proto_bytes", "RangeError"),
        script("other classes", "proto_constructor", "returned {\"a\":1}"),
        script(
            "everything global is deleted",
            "globals_gone",
            "is not defined",
        )
        .or("returned 1"),
        script("everything is frozen", "frozen", "returned 1"),
        script("ways to the engine", "reach", "returned []"),
        // Each call begins with the state of the build, whatever another one has left.
        Attack::other(
            "typescript: what a call leaves behind",
            |scene| async move {
                let mut ended = Vec::new();
                for method in ["traces", "taint", "traces"] {
                    let model = &scene.model;
                    ended.push(call(&scene.repository, model, method, json!({})).await);
                }
                ended.join(", ")
            },
            "returned [], returned 1, returned []",
        )
        .of(TYPE),
    ]
}

fn engine() -> Vec<Attack> {
    vec![
        script(
            "functions of the engine with nonsense",
            "nonsense",
            "returned {\"functions\":true,\"refused\":true}",
        ),
        script("handles that are guessed", "handles", "returned {"),
        script("too many handles", "handles_many", TOO_MUCH).or("too-many"),
        script("values that change while read", "shifting", "returned {"),
    ]
}

/// Source maps are sections that the build of a plugin makes, and that any other program can make.
fn maps() -> Vec<Attack> {
    let with_map = |name: &str, map: &[u8], ends: &str| {
        let component = PluginText::new("@forged/map").method("run", "").component();
        let component = with_custom_section(component, "sedge:source-map", map);
        Attack::added(&format!("typescript: {name}"), component, ends)
    };
    let escapes = br#"{"version": 3, "sources": ["../../etc/passwd", "\u001b[31m"], "mappings": "AAAA;ACAA"}"#;
    let numbers = format!(
        r#"{{"version": 3, "sources": [null], "mappings": "{}"}}"#,
        "g".repeat(1 << 20)
    );
    vec![
        with_map("map that is no JSON", b"\xff{", "described @forged/map"),
        with_map("map with other paths", escapes, "described @forged/map"),
        with_map(
            "map with endless numbers",
            numbers.as_bytes(),
            "described @forged/map",
        ),
        with_map("map of 9 MiB", &vec![b'A'; 9 << 20], "it is too large"),
    ]
}
