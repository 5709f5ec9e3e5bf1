//! Fills a datastore with many versions, by calls that write many each.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use sedge_model::names::ModelName;

use super::author::Author;
use super::subjects::FILL;
use crate::Result;
use crate::figures::Figures;
use crate::repository::silenced;

/// The number of models: `m0` and so on.
pub(super) const N_MODELS: u64 = 10;

/// The number of names of each model: `n0` and so on.
pub(super) const N_NAMES: u64 = 100;

/// The number of the name of each model that has a tag, and the tag.
pub(super) const TAGGED: u64 = 3;
pub(super) const TAG: (&str, &str) = ("part", "third");

/// The most versions that one call writes.
const N_CHANGES_MAX: u64 = 1000;

/// Has another process fill the datastore of a folder. Adds the time per version, and the bytes per
/// version on the disk.
pub(super) fn by_process(folder: &Path, n_versions: u64, figures: &mut Figures) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--fill").arg(folder);
    command.args(["--versions", &n_versions.to_string()]);
    let since = Instant::now();
    let status = silenced(command).status()?;
    if !status.success() {
        return Err(format!("a datastore was not filled: {status}").into());
    }
    let subject = FILL.of(n_versions);
    figures.add(subject, since.elapsed() / u32::try_from(n_versions)?);
    figures.add_bytes(subject, n_bytes(folder)? / n_versions);
    Ok(())
}

/// Fills the datastore of a folder.
pub(crate) fn fill(folder: &Path, n_versions: u64) -> Result<()> {
    let mut author = Author::new(folder, 1)?;
    let n_changes = N_CHANGES_MAX.min(n_versions / N_MODELS);
    for at in 0..n_versions / n_changes {
        let model = at % N_MODELS;
        let mut changes = Vec::new();
        for change in 0..n_changes {
            // Every name of a model gets its first version before any gets its second.
            let name = (at / N_MODELS * n_changes + change) % N_NAMES;
            let tags: &[_] = if name == TAGGED { &[TAG] } else { &[] };
            let n = model * N_NAMES + name;
            changes.push(author.resource(&format!("n{name}"), n, tags)?);
        }
        let model: ModelName = format!("m{model}").parse()?;
        let (start, end) = author.call(&model, changes)?;
        author.store.call_start(&author.claim, start).wait()?;
        author.store.call_commit(&author.claim, end, None).wait()?;
    }
    Ok(())
}

/// Returns the total size of the files in a folder and its subfolders, in bytes.
fn n_bytes(folder: &Path) -> Result<u64> {
    let mut n_bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        n_bytes += if entry.file_type()?.is_dir() {
            self::n_bytes(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(n_bytes)
}
