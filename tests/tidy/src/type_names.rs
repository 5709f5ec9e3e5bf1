//! One word, one type: the crates of the host have no two types of one name.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{Token, tokens};
use crate::tree::{TreeFile, files, hold};

/// The names that more than one file declares, and why a reader does not confuse the types.
///
/// Add one only if both names are fixed by something outside of the host. Otherwise, put the noun
/// of the room in front of one: `CallFrame` and `StackFrame`.
const SHARED: &[(&str, &str)] = &[("Descendants", PLATFORM), ("MemoryFile", PLATFORM)];

/// Why a name occurs once for each platform.
const PLATFORM: &str = "each platform has its own form of it, and a build has one of them";

/// The keywords that declare a type.
const KEYWORDS: [&str; 5] = ["struct", "enum", "trait", "type", "union"];

/// A search for a type finds one declaration, and a reader who sees the name knows which type it
/// is. Private types of one file are not counted: their names are not seen elsewhere.
#[test]
fn every_type_has_a_name_of_its_own() {
    let shared: Vec<&str> = SHARED.iter().map(|(name, _)| *name).collect();
    hold("a name stands for one type", &type_faults(files(), &shared));
}

fn type_faults(files: &[TreeFile], shared: &[&str]) -> Vec<String> {
    let mut places: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for file in files.iter().filter(|file| is_of_host(&file.path)) {
        // The rule on length reports a file that cannot be parsed.
        for name in types_declared(&tokens(&file.text()).unwrap_or_default()) {
            places.entry(name).or_default().insert(&file.path);
        }
    }
    places.retain(|_, places| places.len() > 1);
    let mut faults = Vec::new();
    for (name, places) in &places {
        if !shared.contains(&name.as_str()) {
            let places: Vec<&str> = places.iter().copied().collect();
            faults.push(format!(
                "`{name}` is declared in {}; name each type after what it is, with the noun of its room in front",
                places.join(", ")
            ));
        }
    }
    for name in shared.iter().filter(|name| !places.contains_key(**name)) {
        faults.push(format!(
            "`{name}` is declared once; remove it from SHARED in {}",
            file!()
        ));
    }
    faults
}

/// Returns whether a file is a source of the host, and not a test.
fn is_of_host(path: &str) -> bool {
    let is_source = path.starts_with("host/") && path.contains("/src/") && path.ends_with(".rs");
    is_source && !path.contains("/tests/") && !path.ends_with("/tests.rs")
}

/// Returns the names of the types that a source declares at the level of modules and that other
/// files can see. An associated type is in the braces of a trait or an `impl`.
fn types_declared(tokens: &[Token]) -> Vec<String> {
    let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut names = Vec::new();
    // For each open bracket, whether it begins the body of a module.
    let mut open: Vec<bool> = Vec::new();
    for at in 0..tokens.len() {
        match word(at) {
            "{" => open.push(at >= 2 && word(at - 2) == "mod"),
            "(" | "[" => open.push(false),
            "}" | ")" | "]" => {
                open.pop();
            }
            "pub" if open.iter().all(|is_module| *is_module) => {
                let mut next = after_visibility(tokens, at);
                if word(next) == "unsafe" {
                    next += 1;
                }
                if KEYWORDS.contains(&word(next)) {
                    names.push(word(next + 1).to_owned());
                }
            }
            _ => {}
        }
    }
    names
}

/// Returns the index of the first token after `pub`, `pub(crate)` or `pub(in crate::a)`, which
/// begins at `at`.
fn after_visibility(tokens: &[Token], at: usize) -> usize {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.text == text);
    if !is(at + 1, "(") {
        return at + 1;
    }
    let mut end = at + 2;
    while end < tokens.len() && !is(end, ")") {
        end += 1;
    }
    end + 1
}

#[test]
fn the_rule_on_type_names_can_fail() {
    let check = |texts: &[&str], shared: &[&str], expect: usize| {
        let files = texts.iter().enumerate();
        let files = files.map(|(n, text)| TreeFile::new(&format!("host/a/src/{n}.rs"), text));
        let faults = type_faults(&files.collect::<Vec<_>>(), shared);
        assert_eq!(faults.len(), expect, "{texts:?}: {faults:?}");
    };
    for one in [
        "pub struct Door;",
        "pub(crate) struct Door<T>(T);",
        "pub(super) enum Door {}",
        "pub(in crate::a) trait Door {}",
        "pub unsafe trait Door {}",
        "pub type Door = u8;",
        "pub union Door { a: u8 }",
        "mod a { mod b { pub struct Door; } }",
        "fn f() { g([1]) }\n#[derive(Debug)]\npub struct Door { a: u8 }",
    ] {
        check(&[one, "pub enum Door {}"], &[], 1);
        check(&[one, "pub enum Door {}"], &["Door"], 0);
        check(&[one, "pub enum Window {}"], &[], 0);
        check(&[one], &["Door"], 1);
    }
    for hidden in [
        "struct Door;",
        "impl A for B { type Door = u8; }",
        "trait A { type Door; }",
        "fn f() { pub struct Door; }",
        "macro_rules! a { () => { pub struct Door; } }",
        "pub fn door(door: Door) {} // pub struct Door;",
        "pub use a::Door;",
    ] {
        check(&[hidden, "pub enum Door {}"], &[], 0);
    }
    let declared = TreeFile::new("host/a/src/a.rs", "pub struct Door;");
    for path in [
        "host/a/src/a/tests.rs",
        "host/a/tests/it/a.rs",
        "sdk/rust/src/a.rs",
    ] {
        let files = [declared.clone(), TreeFile::new(path, "pub struct Door;")];
        assert_eq!(type_faults(&files, &[]).len(), 0, "{path}");
    }
}
