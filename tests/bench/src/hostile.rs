//! Files and expressions that are written to exhaust time or memory. Each is read in a process of
//! its own, so that its peak memory is known.

use std::fmt::{self, Write as _};
use std::hint::black_box;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::expr::{Env, Expr, Shape, TextPlace, Variables};
use sedge_lang::workflow::Workflow;

use crate::figures::Figures;
use crate::processes::sample;
use crate::repository::silenced;
use crate::subjects::peak;
use crate::table::Row;
use crate::{Effort, Result};

/// The process that reads nothing, which is the baseline of the others.
const NOTHING: &str = "no input";

/// All inputs, by their names.
const INPUTS: [&str; 15] = [
    NOTHING,
    "YAML, 10 MiB in one text",
    "YAML, 10 MiB of small values",
    "YAML, 10 MiB of steps that are numbers",
    "YAML, 10 MiB of arguments",
    "YAML, 700 000 unknown keys",
    "YAML, 10 000 names that do not exist",
    "YAML, 100 000 anchors",
    "YAML, aliases that double",
    "YAML, 10 000 deep",
    "expression, 10 000 operators",
    "expression, 10 000 brackets",
    "expression, nested loops",
    "expression, a text that doubles",
    LARGE,
];

/// The only input that is not hostile: a valid workflow of about 10 MiB, which has no aim.
const LARGE: &str = "YAML, a workflow with 50 000 steps";

/// The size of large files, in bytes.
const BYTES: usize = 10 << 20;

/// Measures all inputs in turns.
pub(crate) fn measure(effort: Effort, figures: &mut Figures) -> Result<()> {
    let program = std::env::current_exe()?;
    for _ in 0..effort.n_process_rounds.div_ceil(4) {
        for name in INPUTS {
            sample(figures, name, silenced(command(&program, name)))?;
        }
    }
    Ok(())
}

fn command(program: &Path, name: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["--hostile", name]);
    command
}

/// Reads one input. Its end, a value or an error, does not matter.
pub(crate) fn read(name: &str) {
    let at = INPUTS.iter().position(|it| *it == name);
    match at.unwrap_or_default() {
        1 => files(repeated("name: ", "a", "\n")),
        2 => files(repeated("name: a\ntags: [", "1, ", "]\n")),
        3 => files(repeated(
            "name: a\njobs: [{name: j, steps: [",
            "1, ",
            "]}]\n",
        )),
        4 => files(repeated(
            "name: a\ntype: \"@a/b\"\nglobalArguments: [",
            "1, ",
            "]\n",
        )),
        5 => files(written(0..700_000, |text, n| writeln!(text, "key{n}: x"))),
        6 => files(unknown_names()),
        7 => files(written(0..100_000, |text, n| {
            writeln!(text, "k{n}: &a{n} 1")
        })),
        8 => files(written(1..64, |text, n| {
            let first = if n == 1 { "a0: &a0 x\n" } else { "" };
            writeln!(text, "{first}a{n}: &a{n} [*a{0}, *a{0}]", n - 1)
        })),
        9 => files("[".repeat(10_000)),
        10 => expression(&format!("1{}", " + 1".repeat(10_000))),
        11 => expression(&"(".repeat(10_000)),
        12 => expression(
            "range(1000).map(a, range(1000).map(b, range(1000).map(c, range(1000).map(d, a))))",
        ),
        13 => {
            let doubled = (0..30).fold("'0123456789'".to_owned(), |text, n| {
                format!("cel.bind(v{n}, {text}, v{n} + v{n})")
            });
            expression(&doubled);
        }
        14 => files(large()),
        _ => {}
    }
}

/// Returns a text of about [`BYTES`], made at its place, so that it does not count twice.
fn repeated(before: &str, part: &str, after: &str) -> String {
    let mut text = String::with_capacity(BYTES + before.len() + after.len());
    text.push_str(before);
    while text.len() + part.len() <= BYTES {
        text.push_str(part);
    }
    text.push_str(after);
    text
}

/// Returns a text of many parts.
fn written(range: Range<usize>, part: impl Fn(&mut String, usize) -> fmt::Result) -> String {
    let mut text = String::with_capacity(BYTES);
    for n in range {
        part(&mut text, n).expect("a text takes any text");
    }
    text
}

/// Returns a workflow whose steps wait for steps that do not exist, with similar names.
fn unknown_names() -> String {
    let steps = written(0..10_000, |text, n| {
        write!(
            text,
            "  - name: step-number-{n}\n    dependsOn: [step-number-x{n}]\n    \
             task: {{type: manual_approval}}\n"
        )
    });
    format!("name: w\njobs:\n- name: main\n  steps:\n{steps}")
}

/// Returns the largest workflow that has to be read.
fn large() -> String {
    let steps = written(0..50_000, |text, n| {
        write!(
            text,
            "  - name: s{n}\n    task:\n      type: model_method\n      modelIdOrName: sink\n      \
             methodName: run\n      inputs: {{n: {n}, label: \"a text with some words in it\"}}\n"
        )
    });
    format!("name: w\njobs:\n- name: main\n  steps:\n{steps}")
}

fn files(text: String) {
    let file = SourceFile::new("hostile.yaml", text);
    // ignored: what is measured is how long it takes to refuse the file, or to read it.
    let _ = black_box(Definition::parse(&file));
    let _ = black_box(Workflow::parse(&file));
}

fn expression(text: &str) {
    let variables = Variables::new().with("inputs", Shape::Any);
    let place = TextPlace::of_text("expression", text);
    if let Ok(expr) = Expr::compile(text, &place, &variables) {
        // ignored: what is measured is how long it takes to refuse the expression.
        let _ = black_box(expr.eval(&Env::new(0)));
    }
}

/// Returns the rows of the table. Each process also starts this program.
pub(crate) fn rows() -> Vec<Row> {
    let row = |name: &&str| Row {
        note: peak,
        ..match *name {
            NOTHING => Row::new(name, None, ""),
            LARGE => Row::new(name, Some(NOTHING), ""),
            _ => Row::new(name, Some(NOTHING), "100 ms, 64 MiB"),
        }
    };
    INPUTS.iter().map(row).collect()
}
