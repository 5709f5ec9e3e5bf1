//! The guest: a module that interprets a program, one call after the other.
//!
//! A call is encoded as two bytes for the function and nine bytes for each parameter: a mode and a
//! number. The guest stores handles that functions return by their kind, sixteen of each. A call
//! that needs a handle of a kind that is not stored is skipped, because an invalid handle would
//! end the program.

use std::fmt::Write as _;

use sedge_test_forge::{Import, Permission, PluginText, Slot};

use super::program::{TEXTS, functions};

/// The number of handles of each kind that are stored.
const HANDLES_PER_KIND: usize = 16;

/// Returns the interpreter as a component.
pub(super) fn component() -> Vec<u8> {
    let plugin = PluginText::new("@test/interpreter")
        .asks_for(Permission::Models("*"))
        .asks_for(Permission::Folder("inbox"))
        .resource("data", "{}")
        .file("file");
    let mut imports = String::new();
    for (n, function) in functions().iter().enumerate() {
        imports += &function.declared(&format!("f{n}"));
    }
    let (plugin, texts) = with_texts(plugin.imports(&imports));
    let mut calls = String::new();
    for (n, function) in functions().iter().enumerate() {
        calls += &call(n, function);
    }
    plugin
        .fields(&fields(texts))
        .fields(&format!(
            "(func $call (param $which i32) {}
               {calls})",
            locals()
        ))
        .method("run", &run())
        .component()
}

fn most_parameters() -> usize {
    let counts = functions().iter().map(|it| it.parameters.len());
    counts.max().unwrap_or(0)
}

fn locals() -> String {
    (0..most_parameters())
        .map(|n| format!("(local $p{n} i64)"))
        .collect()
}

/// Adds the texts to the module's data, and a list of their addresses and lengths. Returns the
/// address of the list.
fn with_texts(mut plugin: PluginText) -> (PluginText, u32) {
    let places = TEXTS.map(|text| plugin.place(text));
    let list: Vec<u8> = places
        .iter()
        .flatten()
        .flat_map(|it| it.to_le_bytes())
        .collect();
    let [at, _] = plugin.place(list);
    (plugin, at)
}

/// Returns the memory for handles and the program, and the functions that read arguments.
fn fields(texts: u32) -> String {
    let kinds = functions()
        .iter()
        .filter_map(|it| it.gives)
        .map(|it| it.resource);
    let n_kinds = kinds.max().unwrap_or(0) + 1;
    // The counts of stored handles follow the handles.
    let handles_bytes = n_kinds * HANDLES_PER_KIND * 4;
    let kept_bytes = handles_bytes + n_kinds * 4;
    format!(
        "(global $kept (mut i32) (i32.const 0))
         (global $at (mut i32) (i32.const 0))
         (global $skip (mut i32) (i32.const 0))
         (func $begin
           (global.set $kept (call $realloc
             (i32.const 0) (i32.const 0) (i32.const 8) (i32.const {kept_bytes}))))
         (func $place (param $kind i32) (param $n i32) (result i32)
           (i32.add (global.get $kept) (i32.mul (i32.const 4) (i32.add
             (i32.mul (local.get $kind) (i32.const {HANDLES_PER_KIND}))
             (i32.and (local.get $n) (i32.const {}))))))
         (func $keep (param $kind i32) (param $handle i32) (local $count i32) (local $n i32)
           (local.set $count (i32.add (global.get $kept) (i32.add (i32.const {handles_bytes})
             (i32.mul (i32.const 4) (local.get $kind)))))
           (local.set $n (i32.load (local.get $count)))
           (i32.store (call $place (local.get $kind) (local.get $n)) (local.get $handle))
           (i32.store (local.get $count) (i32.add (local.get $n) (i32.const 1))))
         (func $half (result i32)
           (global.set $at (i32.add (global.get $at) (i32.const 1)))
           (i32.sub (i32.load8_u (i32.sub (global.get $at) (i32.const 1))) (i32.const 97)))
         (func $byte (result i32)
           (i32.or (i32.shl (call $half) (i32.const 4)) (call $half)))
         (func $number (result i64) (local $n i64) (local $shift i64)
           (loop $more
             (local.set $n (i64.or (local.get $n)
               (i64.shl (i64.extend_i32_u (call $byte)) (local.get $shift))))
             (local.set $shift (i64.add (local.get $shift) (i64.const 8)))
             (br_if $more (i64.lt_u (local.get $shift) (i64.const 64))))
           (local.get $n))
         (func $argument (param $kind i32) (param $part i32) (result i64)
           (local $mode i32) (local $n i64)
           (local.set $mode (call $byte))
           (local.set $n (call $number))
           (if (i32.eq (local.get $mode) (i32.const 1)) (then
             (local.set $n (i64.extend_i32_u (i32.load
               (call $place (local.get $kind) (i32.wrap_i64 (local.get $n))))))
             (if (i64.eqz (local.get $n)) (then (global.set $skip (i32.const 1))))))
           (if (i32.eq (local.get $mode) (i32.const 2)) (then
             (local.set $n (i64.extend_i32_u (i32.load (i32.add
               (i32.add (i32.const {texts}) (local.get $part))
               (i32.mul (i32.const 8)
                 (i32.rem_u (i32.wrap_i64 (local.get $n)) (i32.const {})))))))))
           (if (i32.eq (local.get $mode) (i32.const 3)) (then
             (local.set $n (i64.extend_i32_u (global.get $scratch)))))
           (local.get $n))",
        HANDLES_PER_KIND - 1,
        TEXTS.len()
    )
}

/// Returns the code that reads the arguments of the function with this number, and calls it.
fn call(number: usize, function: &Import) -> String {
    let mut text = format!("(if (i32.eq (local.get $which) (i32.const {number})) (then\n");
    let mut values = String::new();
    for (n, (slot, of)) in function.parameters.iter().enumerate() {
        let kind = slot.resource().unwrap_or(0);
        let part = if *slot == Slot::Length { 4 } else { 0 };
        let _ = writeln!(
            text,
            "(local.set $p{n} (call $argument (i32.const {kind}) (i32.const {part})))"
        );
        values += &match *of {
            "i32" => format!("(i32.wrap_i64 (local.get $p{n}))"),
            "i64" => format!("(local.get $p{n})"),
            of => format!("({of}.convert_i64_s (local.get $p{n}))"),
        };
    }
    text += "(if (global.get $skip) (then (return)))\n";
    let called = format!("(call $f{number} {values})");
    text += &match (function.result, function.gives) {
        (Some(_), Some(given)) => {
            format!("(call $keep (i32.const {}) {called})", given.resource)
        }
        (Some(_), None) => format!("(drop {called})"),
        (None, Some(given)) => format!(
            "{called} (if (i32.eqz (i32.load8_u (global.get $scratch))) (then
               (call $keep (i32.const {}) (i32.load offset={} (global.get $scratch)))))",
            given.resource,
            given.at.unwrap_or(0)
        ),
        (None, None) => called,
    };
    text + "(return)))\n"
}

/// Returns the method's body: it stores the handle of the granted folder, and then interprets
/// calls up to the end of the arguments, `{\"p\":\"…\"}`.
fn run() -> String {
    let number = |short_name: &str| {
        let found = functions()
            .iter()
            .position(|it| it.short_name() == short_name);
        found.unwrap_or_else(|| panic!("there is no `{short_name}`"))
    };
    let folders = number("preopens.get-directories");
    let open = &functions()[number("types.descriptor.open-at")];
    let mut slots = open.parameters.iter();
    let folder_kind = slots.find_map(|(slot, _)| slot.resource());
    format!(
        "(call $begin)
         (call $f{folders} (global.get $scratch))
         (if (i32.load offset=4 (global.get $scratch)) (then
           (call $keep (i32.const {}) (i32.load (i32.load (global.get $scratch))))))
         (global.set $at (i32.add (local.get $arguments) (i32.const 6)))
         (local.set $n (i32.sub
           (i32.add (local.get $arguments) (local.get $arguments_length)) (i32.const 2)))
         (block $over (loop $more
           (br_if $over (i32.ge_u (global.get $at) (local.get $n)))
           (global.set $skip (i32.const 0))
           (call $call (i32.or (call $byte) (i32.shl (call $byte) (i32.const 8))))
           (br $more)))",
        folder_kind.unwrap_or(0)
    )
}
