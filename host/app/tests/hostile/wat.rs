//! Parts of the text form of modules that several attacks share.

use sedge_test_forge::{Import, PluginText, imports};

/// An endless loop.
pub(crate) const LOOP: &str = "(loop $for_ever (br $for_ever)) (unreachable)";

/// Returns an import by its short name: `log.log`.
pub(crate) fn import(short_name: &str) -> Import {
    let found = imports()
        .into_iter()
        .find(|it| it.short_name() == short_name);
    found.unwrap_or_else(|| panic!("there is no `{short_name}`"))
}

/// Declares imports, each with its short name and the name that a body uses.
pub(crate) fn declared(names: &[(&str, &str)]) -> String {
    let declared = names
        .iter()
        .map(|(short, alias)| import(short).declared(alias));
    declared.collect()
}

/// Returns the value of a `result` in `$scratch`: 0 for success, or 100 plus the number of the
/// error, which is at `error_at`.
pub(crate) fn answer_result(error_at: u32) -> String {
    format!(
        "(return (call $answer_number (i64.extend_i32_u (i32.mul
           (i32.load8_u (global.get $scratch))
           (i32.add (i32.const 100) (i32.load8_u offset={error_at} (global.get $scratch)))))))"
    )
}

/// Stores the handle of the first folder in `$at`. Requires `$folders`.
pub(crate) const FIRST_FOLDER: &str = "
  (call $folders (global.get $scratch))
  (local.set $at (i32.load (i32.load (global.get $scratch))))";

/// The retention of a write that leaves both choices to the spec.
pub(crate) const NO_RETENTION: &str =
    "(i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)";

/// The offset of the error number of `data` or `calls` in a result.
pub(crate) const MODEL_ERROR_AT: u32 = 8;

/// Writes a resource of this schema, and returns the result.
pub(crate) fn written(it: PluginText, schema: &str, name: &[u8], content: &str) -> PluginText {
    let mut it = it
        .resource("data", schema)
        .imports(&declared(&[("data.write-resource", "write")]));
    let (spec, name, content) = (it.text("data"), it.text(name), it.text(content));
    let answer = answer_result(MODEL_ERROR_AT);
    it.method(
        "run",
        &format!(
            "(call $write {spec} {name} {content} (i32.const 0) (i32.const 0) {NO_RETENTION}
               (global.get $scratch)) {answer}"
        ),
    )
}
