//! The keys of YAML files: the reference mentions each key that a parser knows.
//!
//! The other direction, that no document has a key that no parser knows, follows from the rule that
//! examples are parsed (`book.rs`). The keys of limits are in a document that is generated.

use crate::markdown::code_words;
use crate::tree::{TreeFile, files, hold};

/// The page on the files.
const PAGE: &str = "docs/reference/yaml.md";

/// The folders of the types that are parsed from YAML.
const TYPES: &[&str] = &["host/lang/src/", "host/model/src/"];

/// What the attribute of such a type has: unknown keys are refused.
const IS_STRICT: &str = "deny_unknown_fields";

/// How the list of keys of such a map begins.
const IS_LIST_OF_KEYS: &str = " keys: &[";

/// The sources whose keys are on other pages: limits on a page that is generated.
const ELSEWHERE: &[&str] = &["host/lang/src/definition/limits.rs"];

/// A key that is not in the reference is found by chance only.
#[test]
fn every_key_is_in_the_reference() {
    hold(
        "a key of YAML files is in the reference",
        &key_faults(files()),
    );
}

fn key_faults(files: &[TreeFile]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        return vec![format!("{PAGE}: there is no such page")];
    };
    let words = code_words(&page.text());
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| is_of_types(file)) {
        for key in keys(&file.text()) {
            if !words.contains(&key) {
                faults.push(format!(
                    "{PAGE}: it does not mention `{key}` of {}",
                    file.path
                ));
            }
        }
    }
    faults
}

fn is_of_types(file: &TreeFile) -> bool {
    let is_test = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
    let is_elsewhere = ELSEWHERE.contains(&&*file.path);
    let is_of_types = TYPES.iter().any(|folder| file.path.starts_with(folder));
    is_of_types && file.is_rust() && !is_test && !is_elsewhere
}

/// Returns the keys of the strict types of a source, as a file has them.
fn keys(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests {").next();
    let source = source.unwrap_or_default();
    let mut keys = Vec::new();
    for (at, _) in source.match_indices(IS_STRICT) {
        let after = &source[at..];
        let attribute = after.lines().next().unwrap_or_default();
        let is_camel = attribute.contains("rename_all = \"camelCase\"");
        let Some((_, body)) = after.split_once(" {\n") else {
            continue;
        };
        // A macro makes the types of limits from a table.
        let head = &after[..after.len() - body.len()];
        if head.contains('$') {
            continue;
        }
        let lines = body.lines().take_while(|line| *line != "}");
        let mut renamed: Option<&str> = None;
        for line in lines.map(str::trim) {
            let name = line.split_once("rename = \"").map(|(_, name)| name);
            renamed = name.and_then(|name| name.split('"').next()).or(renamed);
            if let Some(field) = field(line) {
                keys.push(match renamed.take() {
                    Some(name) => name.to_owned(),
                    None if is_camel => camel_case(field),
                    None => field.to_owned(),
                });
            }
        }
    }
    keys.extend(keys_of_kinds(source));
    keys.extend(keys_of_sets(source));
    keys
}

/// Returns the keys of the sets by which maps are read: `keys: &["name", "type"],`.
fn keys_of_sets(source: &str) -> Vec<String> {
    let lists = source.match_indices(IS_LIST_OF_KEYS);
    let lists = lists.filter_map(|(at, start)| source[at + start.len()..].split(']').next());
    let quoted = lists.flat_map(|list| list.split('"').skip(1).step_by(2));
    let plain = quoted.map(|key| key.trim_start_matches('$'));
    plain.map(str::to_owned).collect()
}

/// Returns the keys of grants. A macro makes their type from a table of the kinds of permissions, in
/// which the key is the second word of a row.
fn keys_of_kinds(source: &str) -> Vec<String> {
    let Some((_, table)) = source.split_once("\npermission_kinds! {\n") else {
        return Vec::new();
    };
    let rows = table.lines().take_while(|line| *line != "}");
    let rows = rows.map(str::trim).filter(|row| !row.starts_with("//"));
    let keys = rows.filter_map(|row| row.split_whitespace().nth(1)?.strip_suffix(':'));
    keys.map(str::to_owned).collect()
}

/// Returns the name of the field that a line declares.
fn field(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let (name, _) = line.split_once(": ")?;
    let name = name.strip_prefix("r#").unwrap_or(name);
    let is_of_name = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
    name.chars().all(is_of_name).then_some(name)
}

fn camel_case(field: &str) -> String {
    let mut words = field.split('_');
    let mut key = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1.min(word.len()));
        key += &first.to_uppercase();
        key += rest;
    }
    key
}

#[test]
fn keys_of_a_type_are_as_in_a_file() {
    let source = "#[derive(Deserialize)]\n#[serde(default, deny_unknown_fields, rename_all = \"camelCase\")]\nstruct A {\n    #[serde(rename = \"id\")]\n    _id: Option<String>,\n    /// The type: see there.\n    pub r#type: B,\n    #[serde(\n        default,\n        rename = \"keep\"\n    )]\n    pub retention: u8,\n    depends_on: C,\n}\n\nstruct D {\n    not_a_key: E,\n}\n";
    assert_eq!(keys(source), ["id", "type", "keep", "dependsOn"]);
    let snake = source.replace(", rename_all = \"camelCase\"", "");
    assert_eq!(keys(&snake), ["id", "type", "keep", "depends_on"]);
    let table = "\npermission_kinds! {\n    /// Requests: of HTTP.\n    Http http: a::Request, a::Grant;\n    Env env: B, C;\n}\n";
    assert_eq!(keys(table), ["http", "env"]);
    let set = "const A: KeySet = KeySet {\n    of: \"a\",\n    keys: &[\n        \"one\", \"two\",\n    ],\n};\n";
    assert_eq!(keys(set), ["one", "two"]);
}

/// If the sources were written in another way, the rule would find no keys.
#[test]
fn known_keys_are_found() {
    let sources = files().iter().filter(|file| is_of_types(file));
    let found: Vec<String> = sources.flat_map(|file| keys(&file.text())).collect();
    for key in [
        "vendorPlugins",
        "garbageCollection",
        "modelIdOrName",
        "outputKibibytes",
        "reveal",
        "safeDirectories",
        "sha256",
        "shared",
        "sockets",
        "typeVersion",
    ] {
        assert!(found.iter().any(|it| it == key), "{key}: {found:?}");
    }
}

#[test]
fn the_rule_on_keys_can_fail() {
    let check = |page: &str, expect: usize| {
        let source = "#[serde(deny_unknown_fields)]\nstruct A {\n    alpha: u8,\n}\n";
        let files = [
            TreeFile::new("host/model/src/a.rs", source),
            TreeFile::new("host/app/src/a.rs", &source.replace("alpha", "beta")),
            TreeFile::new(PAGE, page),
        ];
        assert_eq!(key_faults(&files).len(), expect, "{page}");
    };
    check("`alpha`", 0);
    check("```yaml\nalpha: 1\n```", 0);
    check("alpha", 1);
    check("`alphabet`", 1);
    assert_eq!(key_faults(&[]).len(), 1);
}
