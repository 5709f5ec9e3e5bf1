//! The program under test: the `sedge` that was built beside the running test.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

/// Returns the path of the program.
///
/// # Panics
/// The program was not built since one of its sources changed.
pub fn sedge() -> &'static Path {
    static SEDGE: OnceLock<PathBuf> = OnceLock::new();
    SEDGE.get_or_init(|| find().unwrap_or_else(|fault| panic!("{fault}")))
}

fn find() -> Result<PathBuf, String> {
    const BUILD: &str = "type: cargo build --release --workspace";

    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    // Tests are in `release/deps`, benches may be in `release` itself.
    let sedge = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("sedge"))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("there is no `sedge` beside `{}`; {BUILD}", test.display()))?;
    // The program starts the reaper beside it for each command.
    let reaper = sedge.with_file_name("sedge-reaper");
    if !reaper.is_file() {
        return Err(format!("there is no `{}`; {BUILD}", reaper.display()));
    }
    for program in [&sedge, &reaper] {
        if let Some(source) = newer_source(program) {
            let program = program.display();
            return Err(format!("`{program}` is older than `{source}`; {BUILD}"));
        }
    }
    Ok(sedge)
}

/// Returns a source that was changed after the program was built. Cargo lists the sources in a file
/// beside the program.
fn newer_source(sedge: &Path) -> Option<String> {
    let listed = std::fs::read_to_string(sedge.with_extension("d")).ok()?;
    let built = changed_at(sedge)?;
    let (_, sources) = listed.split_once(": ")?;
    sources
        .split_whitespace()
        .find(|source| changed_at(Path::new(source)).is_some_and(|at| at > built))
        .map(str::to_owned)
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}
