//! The processes of this machine, as `/proc` shows them.

use std::path::{Path, PathBuf};

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: u32,
    /// The id of the process that started it, or of who took it over.
    pub parent: u32,
    /// The program that it runs, if that may be known.
    pub program: Option<PathBuf>,
    /// The folder that it is in, if that may be known.
    pub folder: Option<PathBuf>,
}

/// Returns the processes that there are now.
///
/// # Panics
/// This machine has no `/proc`.
#[must_use]
pub fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").expect("Linux shows its processes in /proc");
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let id = entry.file_name().to_str()?.parse().ok()?;
            process(id, &entry.path())
        })
        .collect()
}

/// Reads one process; none if it has ended meanwhile.
fn process(id: u32, path: &Path) -> Option<Process> {
    let stat = std::fs::read_to_string(path.join("stat")).ok()?;
    // `12 (name) S 1 …`: the name may contain anything, so count from its end.
    let (_, rest) = stat.rsplit_once(')')?;
    Some(Process {
        id,
        parent: rest.split_whitespace().nth(1)?.parse().ok()?,
        program: std::fs::read_link(path.join("exe")).ok(),
        folder: std::fs::read_link(path.join("cwd")).ok(),
    })
}
