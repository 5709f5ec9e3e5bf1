//! Texts, lists and results that are not where the plugin claims, or not as long as it claims.

use sedge_test_forge::{Import, Permission, PluginText, Slot, imports};

use crate::harness::Attack;
use crate::wat::{NO_RETENTION, declared, import};

/// The claimed places and lengths of texts.
const LIES: [(&str, &str, &str); 5] = [
    ("four-gibibytes", "(i32.const 0)", "(i32.const -1)"),
    ("beyond", "(i32.const -1)", "(i32.const -1)"),
    ("half", "(i32.const 0x7fffffff)", "(i32.const 0x7fffffff)"),
    (
        "the-end",
        "(i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1))",
        "(i32.const 2)",
    ),
    ("nowhere", "(i32.const -16)", "(i32.const 16)"),
];

/// The claimed places of results.
const RETURNS: [(&str, &str); 2] = [
    ("result-beyond", "(i32.const -8)"),
    ("result-misaligned", "(i32.const 3)"),
];

/// The engine's messages, of which one must occur.
const WORDS: [&str; 8] = [
    "out of bounds",
    "not aligned",
    "unaligned",
    "the limit `json-bytes`",
    "overflow",
    "beyond",
    "utf-8",
    // No attack has a started program, so its handle is one of another kind.
    "used with the wrong type",
];

pub(crate) fn attacks() -> Vec<Attack> {
    let own_imports = imports().into_iter();
    let own_imports = own_imports.filter(|it| it.interface.starts_with("sedge:model/"));
    let mut attacks: Vec<Attack> = own_imports
        .filter(takes_or_returns)
        .map(|it| lied_to(&it))
        .collect();
    attacks.extend([
        any_of(Attack::forged(
            "memory for the host that is not there",
            |it| memory_of(it, "(i32.const -16)"),
            "realloc",
        )),
        Attack::forged(
            "memory for the host that is always the same",
            |it| memory_of(it, "(i32.const 8)"),
            "returned null",
        ),
        any_of(Attack::forged(
            "a result of 4 GiB that is not there",
            |it| it.method("run", "(return (call $answer (i32.const 8) (i32.const -1)))"),
            "out of bounds",
        )),
        Attack::forged(
            "a result that is neither good nor bad",
            |it| {
                it.method(
                    "run",
                    "(i32.store8 (global.get $scratch) (i32.const 7)) (return (global.get $scratch))",
                )
            },
            "discriminant",
        ),
        Attack::forged(
            "a result that is not text",
            |mut it| {
                let text = it.text([0xff, 0xfe, 0x80]);
                it.method("run", &format!("(return (call $answer {text}))"))
            },
            "utf-8",
        ),
        Attack::forged(
            "a log line that is not text",
            |mut it| {
                let text = it.text([0xc0, 0x80]);
                let call = format!("(call $log (i32.const 2) {text} (i32.const 0) (i32.const 0))");
                it.imports(&declared(&[("log.log", "log")])).method("run", &call)
            },
            "utf-8",
        ),
        Attack::forged(
            "a log level that does not exist",
            |mut it| {
                let text = it.text("hello");
                let call = format!("(call $log (i32.const 99) {text} (i32.const 0) (i32.const 0))");
                it.imports(&declared(&[("log.log", "log")])).method("run", &call)
            },
            "discriminant",
        ),
    ]);
    attacks
}

fn any_of(mut attack: Attack) -> Attack {
    for words in WORDS {
        attack = attack.or(words);
    }
    attack
}

fn takes_or_returns(import: &Import) -> bool {
    let mut slots = import.parameters.iter();
    slots.any(|(slot, _)| matches!(slot, Slot::Pointer | Slot::Return))
}

/// Passes false values to one function in all ways.
fn lied_to(import: &Import) -> Attack {
    let name = format!("lies to {}", import.short_name());
    let slots = import.parameters.iter();
    let has = |wanted: Slot| slots.clone().any(|(slot, _)| *slot == wanted);
    let mut bodies = Vec::new();
    if has(Slot::Pointer) {
        for (name, at, length) in LIES {
            bodies.push((name, call(import, (at, length), "(global.get $scratch)")));
        }
    }
    if has(Slot::Return) {
        for (name, at) in RETURNS {
            let good = ("(global.get $scratch)", "(i32.const 0)");
            bodies.push((name, call(import, good, at)));
        }
    }
    let names: Vec<&str> = bodies.iter().map(|(name, _)| *name).collect();
    let make = |it: PluginText| {
        let mut it = prepared(import, it);
        for (name, body) in &bodies {
            it = it.method(name, body);
        }
        it
    };
    any_of(Attack::forged_all(&name, &names, make, "out of bounds"))
}

/// Calls a function. The handle, if it takes one, is in `$n`.
fn call(import: &Import, (at, length): (&str, &str), result_at: &str) -> String {
    let value = |(slot, of): &(Slot, &str)| match slot {
        Slot::Number => format!("({of}.const 0)"),
        Slot::Which => "(i32.const 1)".to_owned(),
        Slot::Handle(_) => "(local.get $n)".to_owned(),
        Slot::Pointer => at.to_owned(),
        Slot::Length => length.to_owned(),
        Slot::Return => result_at.to_owned(),
    };
    let values: Vec<String> = import.parameters.iter().map(value).collect();
    let handle = match handle_of(import) {
        None => "",
        Some("pending") => "(local.set $n (call $make_pending))",
        Some(_) => "(local.set $n (call $make_file))",
    };
    let dropped = import.result.map_or("", |_| "(drop)");
    format!(
        "{handle} (call $it {}) {dropped} (unreachable)",
        values.join(" ")
    )
}

/// Returns the resource whose method a function is.
fn handle_of(import: &Import) -> Option<&str> {
    let method = import.name.strip_prefix("[method]")?;
    method.split_once('.').map(|(resource, _)| resource)
}

/// Declares the function, and the functions that make the handle that it takes.
fn prepared(it: &Import, plugin: PluginText) -> PluginText {
    let plugin = plugin
        .imports(&it.declared("it"))
        .resource("data", "{}")
        .file("file");
    let (mut plugin, handle) = (plugin, handle_of(it));
    let (spec, name, text) = (plugin.text("file"), plugin.text("name"), plugin.text("{}"));
    match handle {
        None => plugin,
        Some("pending") => plugin
            .imports(&import("calls.start").declared("start"))
            .fields(&format!(
                "(func $make_pending (result i32) (call $start {name} {name} {text}))"
            )),
        Some("secret") => {
            let token = plugin.text("TOKEN");
            plugin
                .asks_for(Permission::Secret("TOKEN"))
                .imports(&declared(&[("secrets.get", "get")]))
                .fields(&format!(
                    "(func $make_file (result i32) (call $get {token} (global.get $scratch))
                       (i32.load offset=4 (global.get $scratch)))"
                ))
        }
        // A writer, or a reader of a resource that was just written.
        Some(resource) => {
            let reads = resource == "file-reader";
            let plugin = plugin.imports(&declared(&[
                ("data.create-file", "create"),
                ("data.write-resource", "write_resource"),
                ("data.open-file", "open_file"),
            ]));
            let own = format!(
                "lies-to-data-{}",
                it.name.replace("[method]", "").replace('.', "-")
            );
            let mut plugin = plugin;
            let (model, data) = (plugin.text(&own), plugin.text("data"));
            let none = "(i32.const 0) (i32.const 0) (i32.const 0)";
            let create = format!(
                "(call $create {spec} {name} {none} (i32.const 0) (i32.const 0) (i32.const 0)
                   {NO_RETENTION} (global.get $scratch))
                 (i32.load offset=8 (global.get $scratch))"
            );
            let read = format!(
                "(call $write_resource {data} {name} {text} (i32.const 0) (i32.const 0)
                   {NO_RETENTION} (global.get $scratch))
                 (call $open_file {model} {name} (i32.const 0) (i64.const 0) (global.get $scratch))
                 (i32.load offset=12 (global.get $scratch))"
            );
            let body = if reads { read } else { create };
            plugin.fields(&format!("(func $make_file (result i32) {body})"))
        }
    }
}

/// Gives the host memory at a place that the plugin chooses.
fn memory_of(it: PluginText, at: &str) -> PluginText {
    it.imports(&declared(&[("context.who", "who")]))
        .realloc(at)
        .method("run", "(call $who (global.get $scratch))")
}
