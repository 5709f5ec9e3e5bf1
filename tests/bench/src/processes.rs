//! Whole processes, measured from the fork until the parent knows that they have ended.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use sedge_test_kit::compiled_code;
use wait4::Wait4;

use crate::figures::Figures;
use crate::repository::{TestRepository, silenced};
use crate::subjects::{
    PROCESS_DATA_GET, PROCESS_METHOD_RUN, PROCESS_PLUGIN_ADD, PROCESS_TRUE, PROCESS_VERSION,
    PROCESS_WORKFLOW_RUN,
};
use crate::{Effort, Result};

/// The commands that find all code compiled.
const WARM: [(&str, &[&str]); 4] = [
    (PROCESS_VERSION, &["--version"]),
    (PROCESS_DATA_GET, &["data", "get", "sink", "record"]),
    (
        PROCESS_METHOD_RUN,
        &["model", "method", "run", "sink", "run"],
    ),
    (PROCESS_WORKFLOW_RUN, &["workflow", "run", "A"]),
];

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProcessTime {
    /// The time from its start until its parent knows that it has ended.
    pub(crate) wall: Duration,
    /// The processor time that it used.
    pub(crate) cpu: Duration,
}

/// Measures all processes in turns. Returns the number of files with compiled code that the warm
/// ones wrote.
pub(crate) fn measure(
    repository: &TestRepository,
    effort: Effort,
    figures: &mut Figures,
) -> Result<usize> {
    let mut n_compiled = 0;
    for _ in 0..effort.n_process_rounds {
        let true_ = silenced(Command::new("/bin/true"));
        sample(figures, PROCESS_TRUE, true_)?;
        let before = compiled()?;
        for (subject, arguments) in WARM {
            sample(figures, subject, repository.command(arguments))?;
        }
        let after = compiled()?;
        n_compiled += after
            .iter()
            .filter(|&(name, at)| before.get(name) != Some(at))
            .count();
        let add = ["plugin", "add", sedge_test_artifacts::SINK];
        sample(figures, PROCESS_PLUGIN_ADD, repository.command(&add))?;
    }
    Ok(n_compiled)
}

/// Runs a command, and adds its time and its peak memory. The kernel counts all pages that the
/// process had at once, including those of mapped files. Returns the times.
pub(crate) fn sample(
    figures: &mut Figures,
    subject: &str,
    mut command: Command,
) -> Result<ProcessTime> {
    let since = Instant::now();
    let ended = command.spawn()?.wait4()?;
    let wall = since.elapsed();
    figures.add(subject, wall);
    if !ended.status.success() {
        return Err(format!("`{subject}` failed: {}", ended.status).into());
    }
    figures.add_peak(subject, ended.rusage.maxrss / 1024);
    Ok(ProcessTime {
        wall,
        cpu: ended.rusage.utime + ended.rusage.stime,
    })
}

/// Returns the time at which each file of machine code in the cache was written.
fn compiled() -> Result<BTreeMap<String, SystemTime>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(compiled_code().code())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".code") {
            files.insert(name, entry.metadata()?.modified()?);
        }
    }
    if files.is_empty() {
        return Err("the cache holds no machine code where the bench looks for it".into());
    }
    Ok(files)
}
