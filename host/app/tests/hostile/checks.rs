//! Checks before methods and upgrades of arguments that write, loop, or lie.

use serde_json::json;

use crate::harness::Attack;
use crate::wat::{LOOP, declared};
use sedge_test_forge::PluginText;

/// The size of a text that the host should cut or refuse, in bytes.
const HUGE_BYTES: usize = 6 << 20;

/// The version of a type made of text, and so of an upgrade that every definition needs.
const VERSION: &str = "2026.11.26.1";

/// The fault of a definition that its plugin does not upgrade.
const NOT_UPGRADED: &str = "the global arguments cannot be upgraded";

/// A plugin whose check has this body.
fn checked(
    name: &str,
    make: impl FnOnce(PluginText) -> (PluginText, String),
    ends: &str,
) -> Attack {
    Attack::forged(
        name,
        |it| {
            let (it, body) = make(it.method("run", ""));
            it.check("c", &body)
        },
        ends,
    )
}

/// A plugin whose upgrade has this body.
fn upgraded(
    name: &str,
    make: impl FnOnce(PluginText) -> (PluginText, String),
    ends: &str,
) -> Attack {
    Attack::forged(
        name,
        |it| {
            let (it, body) = make(it.method("run", ""));
            it.upgrade(VERSION, &body)
        },
        ends,
    )
}

/// Returns a text as the error of a check or an upgrade.
fn refusing(mut it: PluginText, text: impl AsRef<[u8]>) -> (PluginText, String) {
    let text = it.text(text);
    (it, format!("(call $refuse {text})"))
}

/// Returns a text as the result of an upgrade.
fn returning(mut it: PluginText, text: impl AsRef<[u8]>) -> (PluginText, String) {
    let text = it.text(text);
    (it, format!("(call $answer {text})"))
}

pub(crate) fn attacks() -> Vec<Attack> {
    let mut attacks = of_checks();
    attacks.extend(of_upgrades());
    attacks
}

fn of_checks() -> Vec<Attack> {
    let guarded = ("@test/guarded", "clear");
    let mischief = |name: &str, what: &str, ends: &str| {
        Attack::call(name, guarded, json!({}), ends)
            .with(&format!("globalArguments: {{mischief: {what}}}"))
    };
    vec![
        mischief(
            "a check that writes",
            "write",
            "a method of kind `read` cannot write",
        ),
        mischief(
            "a check that publishes",
            "publish",
            "a method of kind `read` cannot write",
        ),
        mischief(
            "a check that deletes",
            "delete",
            "a method of kind `read` cannot write",
        ),
        mischief(
            "a check that calls a method",
            "call",
            "in a check: a check only reads",
        ),
        mischief(
            "a check that runs a command",
            "command",
            "in a check: a check only reads",
        ),
        mischief("a check that panics", "panic", "a check may panic"),
        mischief("a check that loops", "loop", "it was stopped after"),
        mischief("a check with a message of 3 MiB", "huge", " [cut]"),
        checked(
            "a check that traps",
            |it| (it, "(unreachable)".to_owned()),
            "unreachable",
        ),
        checked(
            "a check with a message beyond its memory",
            |it| {
                let body = "(call $refuse (i32.const 1024) (i32.const -1))";
                (it, body.to_owned())
            },
            "out of bounds",
        )
        .or("the limit `json-bytes`"),
        checked(
            "a check with a message that is not text",
            |it| refusing(it, b"\xff\xfe"),
            "utf-8",
        ),
        checked(
            "a check that logs without end",
            |mut it| {
                let text = it.text("still here");
                let body = format!(
                    "(loop $more
                       (call $log (i32.const 2) {text} (i32.const 0) (i32.const 0))
                       (br $more))
                     (unreachable)"
                );
                (it.imports(&declared(&[("log.log", "log")])), body)
            },
            "it was stopped after",
        )
        .or("the limit `host-calls`"),
        Attack::described(
            "1000 checks",
            |it| (0..1000).fold(it.method("run", ""), |it, n| it.check(&format!("c{n}"), "")),
            "it has 1000 checks, more than 100",
        ),
        Attack::described(
            "a check named for the terminal",
            |it| it.method("run", "").check("\u{1b}[2J", ""),
            "is not a check name",
        ),
        Attack::described(
            "two checks of one name",
            |it| it.method("run", "").check("c", "").check("c", ""),
            "the check `c` is described twice",
        ),
    ]
}

fn of_upgrades() -> Vec<Attack> {
    vec![
        upgraded(
            "an upgrade that loops",
            |it| (it, LOOP.to_owned()),
            NOT_UPGRADED,
        ),
        upgraded(
            "an upgrade that traps",
            |it| (it, "(unreachable)".to_owned()),
            NOT_UPGRADED,
        ),
        upgraded(
            "an upgrade that returns no JSON",
            |it| returning(it, "{no"),
            NOT_UPGRADED,
        ),
        upgraded(
            "an upgrade that returns a list",
            |it| returning(it, "[]"),
            NOT_UPGRADED,
        ),
        upgraded(
            "an upgrade that returns 100 000 brackets",
            |it| returning(it, "[".repeat(100_000)),
            NOT_UPGRADED,
        ),
        upgraded(
            "an upgrade that returns 6 MiB",
            |it| returning(it, format!("{{\"a\":\"{}\"}}", "x".repeat(HUGE_BYTES))),
            NOT_UPGRADED,
        ),
        upgraded(
            "an upgrade that refuses with 6 MiB",
            |it| refusing(it, "x".repeat(HUGE_BYTES)),
            NOT_UPGRADED,
        ),
        upgraded(
            "an upgrade that writes an expression",
            |it| returning(it, r#"{"a": "${{ secret(\"API_TOKEN\") }}"}"#),
            NOT_UPGRADED,
        ),
        upgraded(
            "an upgrade that refers to a secret",
            |it| returning(it, r#"{"a": {"secret": "API_TOKEN"}}"#),
            NOT_UPGRADED,
        ),
        upgraded(
            "an upgrade that calls",
            |mut it| {
                let (sink, run, none) = (it.text("sink"), it.text("run"), it.text("{}"));
                let body =
                    format!("(call $call {sink} {run} {none} (global.get $scratch)) (unreachable)");
                (it.imports(&declared(&[("calls.call", "call")])), body)
            },
            NOT_UPGRADED,
        ),
        Attack::described(
            "1000 upgrades",
            |it| (0..1000).fold(it.method("run", ""), |it, _| it.upgrade(VERSION, "")),
            "it has 1000 upgrades, more than 100",
        ),
        Attack::described(
            "an upgrade to a version to come",
            |it| it.method("run", "").upgrade("2027.01.01.1", ""),
            "out of order",
        ),
        Attack::described(
            "two upgrades to one version",
            |it| {
                it.method("run", "")
                    .upgrade(VERSION, "")
                    .upgrade(VERSION, "")
            },
            "out of order",
        ),
    ]
}
