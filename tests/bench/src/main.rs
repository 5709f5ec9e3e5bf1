//! Prints the costs of start-up, nested calls, workflows, the sandbox, locks, expressions and the
//! datastore as tables.
//! It asserts no times.
//!
//! Baselines are measured in the same run, and all subjects in turns, round by round, so that other
//! load on the machine affects every row equally. Compare the ratios.
//!
//! Whole processes are measured first, while this process is still small: Linux counts the parent's
//! memory into the peak of a child that it starts.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark starts processes and reads the clock directly, so as to measure nothing else"
)]

mod bare;
mod bindings;
mod datastore;
mod disk;
mod expressions;
mod figures;
mod hostile;
mod http;
mod languages;
mod large;
mod locks;
mod nested;
mod parts;
mod processes;
mod repository;
mod sandbox;
mod sizes;
mod stubs;
mod subjects;
mod table;
mod workflows;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Parser;
use tokio::runtime::{Builder, Runtime};

use crate::figures::Figures;
use crate::repository::TestRepository;
use crate::table::{Unit, table};

/// Any error ends the benchmark.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Print what start-up, nested calls, workflows, the sandbox, locks and the datastore cost
#[derive(Debug, Parser)]
struct Args {
    /// Take only a few samples, to check that the benchmark works
    #[arg(long)]
    quick: bool,

    /// Measure only the datastore
    #[arg(long)]
    datastore: bool,

    /// Measure only plugins, in each language: builds them, which takes minutes
    #[arg(long, conflicts_with = "datastore")]
    languages: bool,

    /// Run as the second process for measuring locks
    #[arg(long, hide = true, value_name = "FOLDER")]
    other: Option<PathBuf>,

    /// Run as the process that reads an input which is written to exhaust it
    #[arg(long, hide = true, value_name = "NAME")]
    hostile: Option<String>,

    /// Run as the process that fills a datastore
    #[arg(long, hide = true, value_name = "FOLDER", requires = "versions")]
    fill: Option<PathBuf>,

    /// The number of versions to fill it with
    #[arg(long, hide = true, value_name = "N")]
    versions: Option<u64>,

    /// Run as the process that measures the floor of a chain of steps
    #[arg(long, hide = true, value_name = "FOLDER", requires = "steps")]
    floor: Option<PathBuf>,

    /// The number of steps of that chain
    #[arg(long, hide = true, value_name = "N")]
    steps: Option<usize>,
}

/// The number of repetitions.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// Rounds of whole processes.
    n_process_rounds: usize,
    /// Rounds of everything else.
    n_rounds: usize,
    /// Samples per subject and round, for subjects that take well under a millisecond.
    n_samples: usize,
    /// Processes that are killed while they hold a lock, per round.
    n_kills: usize,
    /// Rounds of workflows.
    n_workflow_rounds: usize,
    /// The size of the largest workflow, in steps.
    n_steps_max: usize,
    /// The sizes of the datastores that are read, in versions.
    n_versions: &'static [u64],
    /// Rounds of large files.
    n_file_rounds: usize,
    /// The size of large files, in bytes.
    file_bytes: u64,
}

const FULL: Effort = Effort {
    n_process_rounds: 40,
    n_rounds: 10,
    n_samples: 50,
    n_kills: 5,
    n_workflow_rounds: 2,
    n_steps_max: 10_000,
    n_versions: &[1000, 100_000, 1_000_000],
    n_file_rounds: 3,
    file_bytes: 1 << 30,
};

const QUICK: Effort = Effort {
    n_process_rounds: 2,
    n_rounds: 1,
    n_samples: 5,
    n_kills: 1,
    n_workflow_rounds: 1,
    n_steps_max: 100,
    n_versions: &[1000, 10_000],
    n_file_rounds: 1,
    file_bytes: 64 << 20,
};

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(folder) = args.other {
        return runtime()?.block_on(locks::other::execute(&folder));
    }
    if let Some(name) = args.hostile {
        hostile::read(&name);
        return Ok(());
    }
    if let (Some(folder), Some(n_versions)) = (args.fill, args.versions) {
        return datastore::fill::fill(&folder, n_versions);
    }
    if let (Some(folder), Some(n_steps)) = (args.floor, args.steps) {
        let floor = runtime()?.block_on(workflows::floor::measure(&folder, n_steps))?;
        let lines = floor.map(|it| format!("{}\n", it.as_nanos())).concat();
        return Ok(io::stdout().write_all(lines.as_bytes())?);
    }
    let effort = if args.quick { QUICK } else { FULL };
    let release = release_folder()?;
    // The folder is beside the build, so all files are on the disk of the source.
    let folder = tempfile::tempdir_in(&release)?;
    let sedge = release.join("sedge");
    let mut figures = Figures::default();

    if args.languages {
        let built = languages::processes(&sedge, folder.path(), effort, &mut figures)?;
        runtime()?.block_on(languages::in_process(&built, effort, &mut figures))?;
        let text = table(Unit::Milliseconds, &languages::rows(), &figures);
        return Ok(io::stdout().write_all(format!("Languages\n{text}\n").as_bytes())?);
    }

    let measured = if args.datastore {
        None
    } else {
        let repository = TestRepository::make(&sedge, &folder.path().join("repo"))?;
        let n_compiled = processes::measure(&repository, effort, &mut figures)?;
        sizes::measure(&sedge, folder.path(), effort, &mut figures)?;
        large::measure(&sedge, folder.path(), effort, &mut figures)?;
        let runs = workflows::processes(&sedge, folder.path(), effort, &mut figures)?;
        hostile::measure(effort, &mut figures)?;
        Some((repository, n_compiled, runs))
    };
    let filled = datastore::processes(&sedge, folder.path(), effort, &mut figures)?;
    let runtime = runtime()?;
    let of_datastore = datastore::in_process(folder.path(), &filled, effort, &mut figures);
    runtime.block_on(of_datastore)?;
    let mut text = String::new();
    if let Some((repository, n_compiled, runs)) = measured {
        runtime.block_on(workflows::in_process(&runs, &mut figures))?;
        runtime.block_on(locks::measure(folder.path(), effort, &mut figures))?;
        expressions::measure(effort, &mut figures)?;
        let of_http = TestRepository::empty(&sedge, &folder.path().join("http"))?;
        let repositories = [&repository, &of_http];
        runtime.block_on(in_process(
            folder.path(),
            repositories,
            effort,
            &mut figures,
        ))?;
        text = format!(
            "{}\ncompiled at call: {n_compiled}\n\nSizes of repositories\n{}\n\nSizes of plugins\n{}\n\nWorkflows\n{}\n\nHostile input\n{}\n\nSandbox\n{}\n\nLocks\n{}\n\nExpressions\n{}\n\n",
            table(Unit::Milliseconds, &subjects::rows(), &figures),
            table(Unit::Milliseconds, &sizes::rows(), &figures),
            table(Unit::Milliseconds, &large::rows(), &figures),
            table(Unit::Milliseconds, &workflows::rows(), &figures),
            table(Unit::Milliseconds, &hostile::rows(), &figures),
            table(Unit::Microseconds, &sandbox::rows(), &figures),
            table(Unit::Microseconds, &locks::rows(), &figures),
            table(Unit::Microseconds, &expressions::rows(), &figures),
        );
    }
    let of_datastore = table(Unit::Microseconds, &datastore::rows(), &figures);
    text.push_str(&format!("Datastore\n{of_datastore}\n"));
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(sedge_sys::host::n_cores().max(2))
        .enable_all()
        .build()
}

async fn in_process(
    folder: &Path,
    [repository, of_http]: [&TestRepository; 2],
    effort: Effort,
    figures: &mut Figures,
) -> Result<()> {
    let mut disk = disk::Disk::new(folder)?;
    let bare = bare::Bare::both()?;
    let mut parts = parts::Parts::new(folder).await?;
    let nested = nested::Nested::open(repository).await?;
    let http = http::Http::start(of_http)?;
    let sandbox = sandbox::Sandbox::new()?;
    for _ in 0..effort.n_rounds {
        // The cheap subjects alternate within the round, too.
        for _ in 0..effort.n_samples {
            disk.sample(figures)?;
            bare::sample(&bare, &mut disk, figures).await?;
            parts.sample(figures).await?;
            nested.one(figures).await?;
        }
        // Large bodies evict everything else from the processor's caches.
        for _ in 0..effort.n_samples {
            http.sample(&mut disk, figures).await?;
            sandbox.sample(figures).await?;
        }
        parts.sample_start(figures).await?;
        nested.round(figures).await?;
    }
    Ok(())
}

/// Returns the folder of this program.
fn release_folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program
        .parent()
        .ok_or("a program is in a folder")?
        .to_owned())
}
