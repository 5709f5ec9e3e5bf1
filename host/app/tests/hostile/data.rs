//! Writes, log lines and results that are too deep or too large, or have bad names.

use serde_json::{Value, json};

use crate::harness::Attack;
use crate::wat::{MODEL_ERROR_AT, NO_RETENTION, answer_result, declared, written};
use sedge_test_forge::PluginText;

fn write(it: PluginText, name: &[u8], content: &str) -> PluginText {
    written(it, "{}", name, content)
}

fn deep() -> String {
    format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))
}

/// The number by which `data` reports an invalid name, and by which `calls` and `data` report an
/// argument that does not fit.
const INVALID_NAME: &str = "returned 102";
const INVALID: &str = "returned 101";

fn named(what: &str, name: &[u8], ends: &str) -> Attack {
    Attack::forged(
        &format!("data named {what}"),
        |it| write(it, name, "{}"),
        ends,
    )
}

pub(crate) fn attacks() -> Vec<Attack> {
    let mut attacks = names();
    attacks.extend([
        Attack::forged(
            "JSON that is too deep, as data",
            |it| write(it, b"deep", &deep()),
            INVALID,
        ),
        Attack::forged(
            "JSON that is too deep, as arguments",
            |mut it| {
                let (model, run, deep) = (it.text("sink"), it.text("run"), it.text(deep()));
                let answer = answer_result(MODEL_ERROR_AT);
                it.imports(&declared(&[("calls.call", "call")])).method(
                    "run",
                    &format!("(call $call {model} {run} {deep} (global.get $scratch)) {answer}"),
                )
            },
            INVALID,
        ),
        Attack::forged(
            "JSON that is too deep, as the result",
            |mut it| {
                let deep = it.text(deep());
                it.method("run", &format!("(return (call $answer {deep}))"))
            },
            "returned no usable value",
        ),
        Attack::forged(
            "a result of 5 MiB",
            |it| {
                it.method(
                    "run",
                    "(drop (memory.grow (i32.const 100)))
                     (memory.fill (i32.const 65536) (i32.const 0x20) (i32.const 5242880))
                     (i32.store8 (i32.const 65536) (i32.const 0x37))
                     (return (call $answer (i32.const 65536) (i32.const 5242880)))",
                )
            },
            "the limit `json-bytes` of 4 MiB was reached",
        ),
        Attack::call(
            "data of 17 MiB",
            ("@test/hostile", "big"),
            json!({"bytes": 17 << 20}),
            "the limit `memory-bytes`",
        ),
        Attack::call(
            "a flood of log lines",
            ("@test/hostile", "log"),
            json!({"lines": 1_000_000_000}),
            "it was stopped after",
        ),
        Attack::call(
            "a flood of printed lines",
            ("@test/hostile", "print"),
            json!({"lines": 1_000_000_000}),
            "it was stopped after",
        ),
        Attack::forged(
            "a printed line that does not end",
            |it| {
                it.imports(&declared(&[
                    ("stdout.get-stdout", "stdout"),
                    ("streams.output-stream.blocking-write-and-flush", "print"),
                ]))
                .method(
                    "run",
                    "(local.set $n (call $stdout))
                     (loop $more
                       (call $print (local.get $n) (i32.const 1024) (i32.const 4096)
                         (global.get $scratch))
                       (br $more))",
                )
            },
            "it was stopped after",
        ),
        Attack::forged(
            "a log line of 15 MiB",
            |it| {
                it.imports(&declared(&[("log.log", "log")])).method(
                    "run",
                    "(drop (memory.grow (i32.const 300)))
                     (call $log (i32.const 2) (i32.const 65536) (i32.const 15728640)
                       (i32.const 0) (i32.const 0))",
                )
            },
            "returned null",
        ),
        Attack::forged(
            "a log line with a million fields",
            |it| {
                it.imports(&declared(&[("log.log", "log")])).method(
                    "run",
                    "(drop (memory.grow (i32.const 300)))
                     (call $log (i32.const 2) (i32.const 0) (i32.const 0)
                       (i32.const 65536) (i32.const 1000000))",
                )
            },
            "the limit `json-bytes`",
        )
        .or("returned null"),
        Attack::call(
            "a panic in 2 MiB of words",
            ("@test/hostile", "panic"),
            json!({"message": "é".repeat(1 << 20)}),
            "the plugin panicked at",
        ),
        Attack::call(
            "an exit",
            ("@test/hostile", "exit"),
            Value::Object(serde_json::Map::new()),
            "instead of returning",
        ),
    ]);
    attacks
}

/// A name is a key and never a path, so most names that are special as a path are harmless.
fn names() -> Vec<Attack> {
    vec![
        named("nothing", b"", INVALID_NAME),
        named("by 10 MiB", &vec![b'x'; 10 << 20], INVALID_NAME),
        named("with NUL", b"a\0b", INVALID_NAME),
        named("with an escape for the terminal", b"\x1b[2J", INVALID_NAME),
        named("with lines", b"a\nb", INVALID_NAME),
        named(
            "to be read backwards",
            "a\u{202e}nosj.b".as_bytes(),
            "returned 0",
        )
        .leaving(&["a\u{202e}nosj.b"]),
        named(
            "with invisible letters",
            "a\u{200b}b".as_bytes(),
            "returned 0",
        )
        .leaving(&["a\u{200b}b"]),
        named(
            "like the folder above",
            b"../../../models/sink.yaml",
            "returned 0",
        )
        .leaving(&["../../../models/sink.yaml"]),
        named("like an absolute path", b"/etc/passwd", "returned 0").leaving(&["/etc/passwd"]),
        Attack::forged(
            "data named alike but for case and accents",
            |it| alike(it, &["Straße", "STRASSE", "straße", "e\u{301}", "\u{e9}"]),
            "returned 0",
        )
        .leaving(&["STRASSE", "Straße", "e\u{301}", "straße", "\u{e9}"]),
    ]
}

/// Writes under all names. The host must keep them apart.
fn alike(it: PluginText, names: &[&str]) -> PluginText {
    let mut it = it
        .resource("data", "{}")
        .imports(&declared(&[("data.write-resource", "write")]));
    let (spec, content) = (it.text("data"), it.text("{}"));
    let mut body = String::new();
    for name in names {
        let name = it.text(name);
        body += &format!(
            "(call $write {spec} {name} {content} (i32.const 0) (i32.const 0) {NO_RETENTION}
               (global.get $scratch))"
        );
    }
    body += &answer_result(MODEL_ERROR_AT);
    it.method("run", &body)
}
