//! Files and expressions that are written to exhaust time or memory. Each is read in a process of
//! its own, so that its peak memory is known.

use std::hint::black_box;
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
const INPUTS: [&str; 10] = [
    NOTHING,
    "YAML, 10 MiB in one text",
    "YAML, 10 MiB of small values",
    "YAML, 100 000 anchors",
    "YAML, aliases that double",
    "YAML, 10 000 deep",
    "expression, 10 000 operators",
    "expression, 10 000 brackets",
    "expression, nested loops",
    "expression, a text that doubles",
];

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
        1 => files(&format!("name: {}\n", "a".repeat(BYTES))),
        2 => files(&format!("name: a\ntags: [{}]\n", "1, ".repeat(BYTES / 3))),
        3 => {
            let lines = (0..100_000).map(|n| format!("k{n}: &a{n} 1\n"));
            files(&lines.collect::<String>());
        }
        4 => {
            let lines = (1..64).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1));
            files(&format!("a0: &a0 x\n{}", lines.collect::<String>()));
        }
        5 => files(&"[".repeat(10_000)),
        6 => expression(&format!("1{}", " + 1".repeat(10_000))),
        7 => expression(&"(".repeat(10_000)),
        8 => expression(
            "range(1000).map(a, range(1000).map(b, range(1000).map(c, range(1000).map(d, a))))",
        ),
        9 => {
            let doubled = (0..30).fold("'0123456789'".to_owned(), |text, n| {
                format!("cel.bind(v{n}, {text}, v{n} + v{n})")
            });
            expression(&doubled);
        }
        _ => {}
    }
}

fn files(text: &str) {
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
    let row = |name: &&str| {
        let is_baseline = *name == NOTHING;
        Row {
            note: peak,
            ..match is_baseline {
                true => Row::new(name, None, ""),
                false => Row::new(name, Some(NOTHING), "100 ms, 64 MiB"),
            }
        }
    };
    INPUTS.iter().map(row).collect()
}
