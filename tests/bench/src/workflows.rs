//! Runs of workflows, each in a process of its own: chains, steps side by side, large files, resuming
//! at the last step, and showing a run.
//!
//! The floor of a run is the sum of as many bare calls and durable rows as it has steps.

mod subjects;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use sedge_model::names::RunId;
use sedge_store::Store;
use sedge_sys::folder::Folder;
use serde_json::Value;

use crate::bare::Bare;
use crate::disk::Disk;
use crate::figures::Figures;
use crate::processes::sample;
use crate::repository::{TestRepository, silenced};
use crate::subjects::PROCESS_TRUE;
use crate::{Effort, Result};

pub(crate) use subjects::rows;
use subjects::{
    CHAIN, CHAIN_EACH, FILES_LARGE, FILES_SMALL, FLOOR, LOAD, ONE, RESUME, SHOW, SIDE, SIDE_EACH,
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

/// The repository of the workflows, and a resumed run of each size, by its place in [`N_STEPS`].
#[derive(Debug)]
pub(crate) struct WorkflowRuns {
    repository: TestRepository,
    resumed: Vec<(usize, RunId)>,
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
    let mut resumed = Vec::new();
    for _ in 0..effort.n_workflow_rounds {
        sample(figures, PROCESS_TRUE, silenced(Command::new("/bin/true")))?;
        for (name, subject) in [FILES_SMALL, FILES_LARGE] {
            let run = repository.command(&["workflow", "run", name]);
            sample(figures, subject, run)?;
        }
        let run = repository.command(&["workflow", "run", "chain-1"]);
        let one = sample(figures, ONE, run)?;
        for (at, n) in sizes(effort) {
            let of_chain = ("chain", CHAIN[at], CHAIN_EACH[at]);
            for (kind, whole, each) in [of_chain, ("side", SIDE[at], SIDE_EACH[at])] {
                let name = format!("{kind}-{n}");
                let run = repository.command(&["workflow", "run", &name]);
                let used = sample(figures, whole, run)?;
                // The cost of the process and of one step is not that of the other steps.
                let n_others = u32::try_from(n - 1)?;
                figures.add(each, used.saturating_sub(one) / n_others);
            }
            show(&repository, &format!("chain-{n}"), SHOW[at], figures)?;
            resumed.push((at, resume(&repository, n, at, figures)?));
        }
    }
    Ok(WorkflowRuns {
        repository,
        resumed,
    })
}

/// Measures what the processes are compared with: bare calls in sequence, each followed by a durable
/// row, and reading the log of a run.
pub(crate) async fn in_process(
    made: &WorkflowRuns,
    effort: Effort,
    figures: &mut Figures,
) -> Result<()> {
    let folder = &made.repository.folder;
    let mut disk = Disk::new(folder)?;
    let bare = Bare::both()?;
    for (at, n) in sizes(effort) {
        let since = Instant::now();
        for _ in 0..n {
            bare.invoke().await?;
            disk.commit()?;
        }
        figures.lap(FLOOR[at], since);
    }
    let store = Store::open(&Folder::open(&folder.join(".sedge/store"))?)?;
    for (at, run) in &made.resumed {
        let since = Instant::now();
        let log = store.run_events(run)?;
        figures.lap(LOAD[*at], since);
        let n = N_STEPS[*at];
        if log.len() < 2 * n {
            return Err(format!("a log of {n} steps has only {} events", log.len()).into());
        }
    }
    drop(store);
    Ok(std::fs::remove_dir_all(folder)?)
}

/// Returns the sizes that are measured, with their places in [`N_STEPS`].
fn sizes(effort: Effort) -> impl Iterator<Item = (usize, usize)> {
    let sizes = N_STEPS.into_iter().enumerate();
    sizes.filter(move |(_, n)| *n <= effort.n_steps_max)
}

fn fill(repository: &TestRepository, effort: Effort) -> Result<()> {
    repository.run(&["plugin", "add", sedge_test_artifacts::FILER, "--grant-all"])?;
    for at in 0..N_FILES {
        repository.run(&["model", "create", "@test/filer", &format!("files-{at}")])?;
    }
    let add = |name: &str, steps: String| -> Result<()> {
        let text = format!("name: {name}\njobs:\n  - name: main\n    steps:\n{steps}");
        let path = repository.folder.join(format!("workflows/{name}.yaml"));
        Ok(std::fs::write(path, text)?)
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

/// Measures how long a process takes to continue a run whose last step is left. Returns the run.
fn resume(
    repository: &TestRepository,
    n: usize,
    at: usize,
    figures: &mut Figures,
) -> Result<RunId> {
    let name = format!("gated-{n}");
    let run = run_made(repository, &name)?;
    repository.run(&["workflow", "approve", &name, "gate"])?;
    let resume = repository.command(&["workflow", "resume", &name]);
    sample(figures, RESUME[at], resume)?;
    Ok(run)
}

/// Measures how long a process takes to show a run.
fn show(
    repository: &TestRepository,
    workflow: &str,
    subject: &str,
    figures: &mut Figures,
) -> Result<()> {
    let run = run_made(repository, workflow)?.to_string();
    sample(figures, subject, repository.command(&["run", "show", &run]))?;
    Ok(())
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
