//! Runs each target on its corpus and on mutations of it.

#![expect(
    clippy::disallowed_methods,
    reason = "it reads its own corpus, and stops after a time"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use sedge_test_kit::{Dice, number_from_env, seed};

/// How long each target runs with mutations by default.
const SECONDS: u64 = 3;

/// The maximum size of a mutated input, in bytes. A query has at most two texts of four KiB and a
/// row.
const BYTES_MAX: usize = 16 << 10;

/// The maximum time for one input. It is long, because the machine may be busy; a hang takes
/// longer.
const INPUT_TAKES_MAX: Duration = Duration::from_secs(60);

/// Fragments that mutations insert. The targets parse them.
const PIECES: &[&str] = &[
    "\n---\n",
    "\n  ",
    "\n- ",
    ": ",
    ": |\n  ",
    ": >-\n ",
    "&a ",
    "*a",
    "<<: ",
    "${{ ",
    " }}",
    " && ",
    " || ",
    "!",
    "==",
    "<=",
    " in ",
    " ? ",
    " : ",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    "'",
    "\"",
    "\\",
    "\\u0000",
    "@",
    "attributes",
    ".x",
    "name",
    "tags",
    "createdAt",
    "now",
    "latest",
    "version",
    "timestamp('2026-01-01T00:00:00Z')",
    "duration('1h')",
    "has(",
    ".map(x, ",
    ".exists(x, ",
    ".matches('",
    ".startsWith('a')",
    ".size()",
    "optional.of(",
    ".?",
    "0",
    "-1",
    "1e308",
    "9223372036854775807",
    "18446744073709551616",
    "0.1",
    "null",
    "true",
    "\"a\":",
    "é",
    "\u{10ffff}",
    "\"kind\":\"failed\"",
    "\"event\":\"started\"",
    "\n+++\n",
    "%25",
    "%6",
    "\\u00",
    "\\ud83d\\ude00",
    "\r\n",
    "canary",
    "Y2FuYXJ5",
    "inputs: ",
    "globalArguments: ",
    "methods: {run: {arguments: {",
    "dependsOn: [",
    "forEach: {item: x, in: ",
    "condition: {type: ",
    "inputs.",
    "self.",
    "steps.",
    "data.latest('m', 'n')",
    "7d",
    "infinite",
    "1mo",
];

#[test]
fn fuzzed_definition_does_not_panic() {
    fuzz("definition", crate::definition);
}

#[test]
fn fuzzed_expression_does_not_panic() {
    fuzz("expression", crate::expression);
}

#[test]
fn fuzzed_inputs_do_not_panic() {
    fuzz("inputs", crate::inputs);
}

#[test]
fn fuzzed_query_does_not_panic() {
    fuzz("query", crate::query);
}

#[test]
fn fuzzed_redactor_does_not_panic() {
    fuzz("redactor", crate::redactor);
}

#[test]
fn fuzzed_stored_json_does_not_panic() {
    fuzz("stored-json", crate::stored_json);
}

#[test]
fn fuzzed_template_does_not_panic() {
    fuzz("template", crate::template);
}

#[test]
fn fuzzed_workflow_does_not_panic() {
    fuzz("workflow", crate::workflow);
}

#[test]
fn fuzzed_yaml_does_not_panic() {
    fuzz("yaml", crate::yaml);
}

fn fuzz(corpus: &str, target: fn(&[u8])) {
    let seed = seed("SEDGE_FUZZ_SEED");
    println!("SEDGE_FUZZ_SEED={seed}");
    let corpus = read(corpus);
    for (name, input) in &corpus {
        println!("{name}");
        timed(target, input);
    }
    let mut dice = Dice::of_seed(seed);
    let allowed = Duration::from_secs(number_from_env("SEDGE_FUZZ_SECONDS", SECONDS));
    let begun = Instant::now();
    let mut n_inputs = 0_u64;
    while begun.elapsed() < allowed {
        let input = mutated(&corpus, &mut dice);
        let on_panic = PrintOnPanic(&input);
        timed(target, &input);
        std::mem::forget(on_panic);
        n_inputs += 1;
    }
    println!("{n_inputs} inputs");
}

/// Prints the input on which a target panicked.
struct PrintOnPanic<'i>(&'i [u8]);

impl Drop for PrintOnPanic<'_> {
    fn drop(&mut self) {
        println!("broken by b\"{}\"", self.0.escape_ascii());
    }
}

fn timed(target: fn(&[u8]), input: &[u8]) {
    let begun = Instant::now();
    target(input);
    assert!(begun.elapsed() < INPUT_TAKES_MAX, "it took too long");
}

/// Returns the inputs of a corpus and their names, sorted by name.
fn read(corpus: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(corpus);
    let entries = std::fs::read_dir(&folder).expect("the corpus is beside the sources");
    let mut inputs: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.expect("a folder can be read").path();
            let input = std::fs::read(&path).expect("a corpus has files only");
            (path.display().to_string(), input)
        })
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "the corpus is empty");
    inputs
}

fn mutated(corpus: &[(String, Vec<u8>)], dice: &mut Dice) -> Vec<u8> {
    let mut input = drawn(corpus, dice).to_vec();
    for _ in 0..=dice.below(6) {
        let start = below(dice, input.len() + 1);
        let end = (start + below(dice, 8)).min(input.len());
        let put: Vec<u8> = match dice.below(6) {
            0 => vec![dice.number().to_le_bytes()[0]],
            1 => Vec::new(),
            2 => PIECES[below(dice, PIECES.len())].as_bytes().to_vec(),
            3 => part(&input, dice).to_vec(),
            4 => part(drawn(corpus, dice), dice).to_vec(),
            _ => part(&input, dice).repeat(1 + below(dice, 100)),
        };
        let replaced = if dice.below(2) == 0 {
            start..start
        } else {
            start..end
        };
        input.splice(replaced, put);
        input.truncate(BYTES_MAX);
    }
    input
}

fn drawn<'c>(corpus: &'c [(String, Vec<u8>)], dice: &mut Dice) -> &'c [u8] {
    &corpus[below(dice, corpus.len())].1
}

fn part<'i>(input: &'i [u8], dice: &mut Dice) -> &'i [u8] {
    let start = below(dice, input.len() + 1);
    let end = (start + below(dice, 40)).min(input.len());
    &input[start..end]
}

fn below(dice: &mut Dice, bound: usize) -> usize {
    let drawn = dice.below(bound as u64);
    usize::try_from(drawn).expect("it is below a length")
}
