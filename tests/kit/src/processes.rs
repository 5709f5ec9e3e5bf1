//! The processes of this machine, according to `/proc`.

use std::path::{Path, PathBuf};

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: u32,
    /// The id of its parent process.
    pub parent: u32,
    /// The program that it runs, if this process may read that.
    pub program: Option<PathBuf>,
    /// Its current folder, if this process may read that.
    pub folder: Option<PathBuf>,
}

/// Returns the current processes.
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

/// Reads one process; returns `None` if it has ended meanwhile.
fn process(id: u32, path: &Path) -> Option<Process> {
    let stat = std::fs::read_to_string(path.join("stat")).ok()?;
    // `12 (name) S 1 …`: the name may contain any character, so the fields after it are parsed.
    let (_, rest) = stat.rsplit_once(')')?;
    Some(Process {
        id,
        parent: rest.split_whitespace().nth(1)?.parse().ok()?,
        program: std::fs::read_link(path.join("exe")).ok(),
        folder: std::fs::read_link(path.join("cwd")).ok(),
    })
}
