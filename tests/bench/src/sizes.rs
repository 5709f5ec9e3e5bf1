//! Whole processes in repositories of different sizes: `sedge validate`, and the start of commands
//! that need only one file.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use sedge_lang::repository::LOCK_FILE;

use crate::figures::Figures;
use crate::processes::sample;
use crate::repository::{TestRepository, silenced};
use crate::subjects::{PROCESS_TRUE, peak};
use crate::table::Row;
use crate::{Effort, Result};

/// The numbers of definitions of the repositories that are checked. One workflow belongs to ten
/// definitions.
const N_DEFINITIONS: [usize; 4] = [10, 100, 1_000, 10_000];

/// The number of definitions, and of further pinned plugins, of the large repository in which
/// commands start.
const N_LARGE: usize = 1_000;
const N_PLUGINS: usize = 200;

/// The number of steps of one workflow.
const N_STEPS: usize = 10;

/// The commands whose start is measured, with their names in the table.
const STARTED: [(&str, &[&str]); 3] = [
    ("sedge --help", &["--help"]),
    ("sedge model list", &["model", "list"]),
    (
        "a method that does nothing",
        &["model", "method", "run", "sink", "run"],
    ),
];

/// Makes the repositories, and measures all commands in turns.
pub(crate) fn measure(
    sedge: &Path,
    folder: &Path,
    effort: Effort,
    figures: &mut Figures,
) -> Result<()> {
    let mut checked = Vec::new();
    for n in N_DEFINITIONS {
        let repository = TestRepository::make(sedge, &folder.join(format!("checked-{n}")))?;
        fill(&repository, n)?;
        checked.push((n, repository));
    }
    let small = TestRepository::make(sedge, &folder.join("small"))?;
    let large = TestRepository::make(sedge, &folder.join("large"))?;
    fill(&large, N_LARGE)?;
    plugins_pin(&large)?;
    for _ in 0..effort.n_process_rounds.div_ceil(4) {
        sample(figures, PROCESS_TRUE, silenced(Command::new("/bin/true")))?;
        for (n, repository) in &checked {
            sample(figures, &validate(*n), repository.command(&["validate"]))?;
        }
        for (name, arguments) in STARTED {
            sample(figures, &in_small(name), small.command(arguments))?;
            sample(figures, &in_large(name), large.command(arguments))?;
        }
    }
    Ok(())
}

/// Adds definitions, and a workflow for every ten of them.
fn fill(repository: &TestRepository, n_definitions: usize) -> Result<()> {
    let folder = &repository.folder;
    for n in 0..n_definitions {
        let text = format!(
            "name: model-{n}\ntype: \"@sedge/sink\"\ntags: {{env: prod}}\n\
             inputs:\n  note: {{type: string, default: none}}\n\
             methods:\n  run:\n    arguments:\n      note: ${{{{ inputs.note }}}}\n"
        );
        std::fs::write(folder.join(format!("models/model-{n}.yaml")), text)?;
    }
    for n in 0..n_definitions / 10 {
        let mut text = format!("name: workflow-{n}\njobs:\n  - name: main\n    steps:\n");
        for step in 0..N_STEPS {
            let model = (n * N_STEPS + step) % n_definitions;
            write!(
                text,
                "      - name: step-{step}\n        task:\n          type: model_method\n\
                           \u{20}         modelIdOrName: model-{model}\n          methodName: run\n\
                           \u{20}         inputs: {{note: \"${{{{ 'a' + 'b' }}}}\"}}\n"
            )?;
        }
        std::fs::write(folder.join(format!("workflows/workflow-{n}.yaml")), text)?;
    }
    Ok(())
}

/// Pins further plugins. Their components do not exist, and no command that is measured needs them.
fn plugins_pin(repository: &TestRepository) -> Result<()> {
    let path = repository.folder.join(LOCK_FILE);
    let mut text = std::fs::read_to_string(&path)?;
    for n in 0..N_PLUGINS {
        write!(
            text,
            "  \"@bench/plugin-{n}\":\n    version: 2026.11.23.1\n    sha256: {n:064x}\n    \
             contract: {}\n    source: plugin-{n}.wasm\n    asked:\n    - http https://*.example.com\n    \
             - models *\n",
            sedge_runtime::CONTRACT_VERSION
        )?;
    }
    Ok(std::fs::write(path, text)?)
}

fn validate(n: usize) -> String {
    format!("sedge validate, {n} definitions, {} workflows", n / 10)
}

fn in_small(name: &str) -> String {
    format!("{name}, 1 definition")
}

fn in_large(name: &str) -> String {
    format!("{name}, {N_LARGE} definitions, {N_PLUGINS} plugins")
}

/// Returns the rows of the table. A start is compared with the same one in a small repository.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = N_DEFINITIONS
        .map(|n| {
            let aim = match n {
                1_000 => "1 s, 100 MiB",
                _ => "",
            };
            Row {
                note: peak,
                ..Row::new(&validate(n), Some(PROCESS_TRUE), aim)
            }
        })
        .into();
    for (name, _) in STARTED {
        rows.push(Row {
            note: peak,
            ..Row::new(&in_small(name), Some(PROCESS_TRUE), "")
        });
    }
    rows.push(large_row(STARTED[0].0, "sedge --help, 1 definition"));
    rows.push(large_row(STARTED[1].0, "sedge model list, 1 definition"));
    rows.push(large_row(
        STARTED[2].0,
        "a method that does nothing, 1 definition",
    ));
    rows
}

fn large_row(name: &str, baseline: &'static str) -> Row {
    Row {
        note: peak,
        ..Row::new(&in_large(name), Some(baseline), "1.2 x")
    }
}
