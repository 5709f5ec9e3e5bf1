//! Runs of workflows, each in a process of its own: chains, steps side by side, large files, and
//! showing a run; and resuming a run at its last step, in this process.
//!
//! The floor of a run is the sum of as many bare calls and durable rows as it has steps ([`floor`]).

pub(crate) mod floor;
mod resume;
mod subjects;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sedge_model::names::RunId;
use serde_json::Value;

use crate::figures::Figures;
use crate::processes::{ProcessTime, sample};
use crate::repository::{TestRepository, silenced};
use crate::subjects::PROCESS_TRUE;
use crate::{Effort, Result};

use resume::WaitingRun;
pub(crate) use subjects::rows;
use subjects::{
    CHAIN, CHAIN_EACH, CHAIN_STEPS, FILES_LARGE, FILES_SMALL, ONE, SHOW, SHOW_EACH, SHOW_ONE, SIDE,
    SIDE_EACH,
};

/// The sizes of the workflows, in steps.
pub(crate) const N_STEPS: [usize; 4] = [10, 100, 1_000, 10_000];

/// The number of steps that write a file each, side by side.
const N_FILES: usize = 10;

/// The sizes of these files, in bytes.
const SMALL_BYTES: usize = 1_000;
const LARGE_BYTES: usize = 10_000_000;

/// The exit code of a run that waits for a decision.
const SUSPENDED: i32 = 4;

/// The repository of the workflows, and runs of each size that wait until they are resumed.
#[derive(Debug)]
pub(crate) struct WorkflowRuns {
    repository: TestRepository,
    waiting: Vec<WaitingRun>,
}

/// Makes the workflows, and measures them in turns, the small ones first.
pub(crate) fn processes(
    sedge: &Path,
    folder: &Path,
    effort: Effort,
    figures: &mut Figures,
) -> Result<WorkflowRuns> {
    let repository = TestRepository::make(sedge, &folder.join("workflows"))?;
    fill(&repository, effort)?;
    let mut waiting = Vec::new();
    for _ in 0..effort.n_workflow_rounds {
        sample(figures, PROCESS_TRUE, silenced(Command::new("/bin/true")))?;
        for (name, subject) in [FILES_SMALL, FILES_LARGE] {
            let run = repository.command(&["workflow", "run", name]);
            sample(figures, subject, run)?;
        }
        let run = repository.command(&["workflow", "run", "chain-1"]);
        let one = sample(figures, ONE, run)?;
        let shown_one = show(&repository, "chain-1", SHOW_ONE, figures)?;
        for (at, n) in sizes(effort) {
            floor::by_process(folder, n, at, figures)?;
            let chain = size_run(&repository, &format!("chain-{n}"), CHAIN[at], figures)?;
            let side = size_run(&repository, &format!("side-{n}"), SIDE[at], figures)?;
            let shown = show(&repository, &format!("chain-{n}"), SHOW[at], figures)?;
            figures.add(CHAIN_STEPS[at], chain.wall.saturating_sub(one.wall));
            // The cost of the process and of one step is not that of the other steps.
            let n_others = u32::try_from(n - 1)?;
            for (each, whole, one) in [
                (CHAIN_EACH[at], &chain, &one),
                (SIDE_EACH[at], &side, &one),
                (SHOW_EACH[at], &shown, &shown_one),
            ] {
                figures.add(each, whole.cpu.saturating_sub(one.cpu) / n_others);
            }
            waiting.push((at, approved(&repository, n)?));
        }
    }
    Ok(WorkflowRuns {
        repository,
        waiting,
    })
}

/// Measures what is compared within one process: resuming a run, and loading it.
pub(crate) async fn in_process(made: &WorkflowRuns, figures: &mut Figures) -> Result<()> {
    resume::measure(&made.repository, &made.waiting, figures).await?;
    Ok(std::fs::remove_dir_all(&made.repository.folder)?)
}

/// Measures a process that runs a workflow.
fn size_run(
    repository: &TestRepository,
    workflow: &str,
    subject: &str,
    figures: &mut Figures,
) -> Result<ProcessTime> {
    let run = repository.command(&["workflow", "run", workflow]);
    sample(figures, subject, run)
}

/// Returns the sizes that are measured, with their places in [`N_STEPS`].
fn sizes(effort: Effort) -> impl Iterator<Item = (usize, usize)> {
    let sizes = N_STEPS.into_iter().enumerate();
    sizes.filter(move |(_, n)| *n <= effort.n_steps_max)
}

/// Returns the path of the file of a workflow.
fn workflow_path(repository: &TestRepository, name: &str) -> PathBuf {
    repository.folder.join(format!("workflows/{name}.yaml"))
}

fn fill(repository: &TestRepository, effort: Effort) -> Result<()> {
    repository.run(&["plugin", "add", sedge_test_artifacts::FILER, "--grant-all"])?;
    for at in 0..N_FILES {
        repository.run(&["model", "create", "@test/filer", &format!("files-{at}")])?;
    }
    let add = |name: &str, steps: String| -> Result<()> {
        let text = format!("name: {name}\njobs:\n  - name: main\n    steps:\n{steps}");
        Ok(std::fs::write(workflow_path(repository, name), text)?)
    };
    let with_one = std::iter::once(1).chain(sizes(effort).map(|(_, n)| n));
    for n in with_one {
        add(&format!("chain-{n}"), steps(n, true)?)?;
        add(&format!("side-{n}"), steps(n, false)?)?;
        add(&format!("gated-{n}"), gated(n)?)?;
    }
    for (name, n_bytes) in [(FILES_SMALL.0, SMALL_BYTES), (FILES_LARGE.0, LARGE_BYTES)] {
        let mut text = String::new();
        for at in 0..N_FILES {
            writeln!(
                text,
                "      - {{name: s{at}, task: {{type: model_method, modelIdOrName: files-{at}, \
                 methodName: write, inputs: {{bytes: {n_bytes}}}}}}}"
            )?;
        }
        add(name, text)?;
    }
    Ok(())
}

/// Returns the text of steps that do nothing but write a small record.
fn steps(n: usize, is_chain: bool) -> Result<String> {
    let mut text = String::new();
    for at in 0..n {
        let on = match at.checked_sub(1).filter(|_| is_chain) {
            Some(before) => format!(", dependsOn: [s{before}]"),
            None => String::new(),
        };
        writeln!(
            text,
            "      - {{name: s{at}{on}, task: {{type: model_method, modelIdOrName: sink, \
             methodName: run}}}}"
        )?;
    }
    Ok(text)
}

/// Returns the text of a chain whose last step waits for a decision.
fn gated(n: usize) -> Result<String> {
    let mut text = steps(n, true)?;
    writeln!(
        text,
        "      - {{name: gate, dependsOn: [s{}], task: {{type: manual_approval, prompt: \"Go on?\"}}}}\n\
         \u{20}     - {{name: last, dependsOn: [gate], task: {{type: model_method, modelIdOrName: sink, \
         methodName: run}}}}",
        n - 1
    )?;
    Ok(text)
}

/// Runs a chain until only its last step is left, and may start. Returns the run.
fn approved(repository: &TestRepository, n: usize) -> Result<RunId> {
    let name = format!("gated-{n}");
    let run = run_made(repository, &name)?;
    repository.run(&["workflow", "approve", &name, "gate"])?;
    Ok(run)
}

/// Measures a process that shows a run.
fn show(
    repository: &TestRepository,
    workflow: &str,
    subject: &str,
    figures: &mut Figures,
) -> Result<ProcessTime> {
    let run = run_made(repository, workflow)?.to_string();
    sample(figures, subject, repository.command(&["run", "show", &run]))
}

/// Runs a workflow until it ends or waits, and returns the run.
fn run_made(repository: &TestRepository, workflow: &str) -> Result<RunId> {
    let mut command = repository.command(&["workflow", "run", workflow, "--json"]);
    let output = command.stdout(Stdio::piped()).output()?;
    if !output.status.success() && output.status.code() != Some(SUSPENDED) {
        return Err(format!("`{workflow}` failed: {}", output.status).into());
    }
    let document: Value = serde_json::from_slice(&output.stdout)?;
    let run = document["data"]["run"].as_str();
    Ok(run.ok_or("the document has no run")?.parse()?)
}
