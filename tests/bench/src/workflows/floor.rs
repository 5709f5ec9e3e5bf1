//! What a chain of steps costs at least: as many bare calls in sequence, each followed by a durable
//! commit.
//!
//! A process of its own measures it, right before the chain of the same size. It would be too large
//! for the process that starts the others, and the disk is not equally fast at all times.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sedge_model::names::ModelName;

use super::subjects::{FLOOR, FLOOR_OF_STORE};
use crate::Result;
use crate::bare::Bare;
use crate::datastore::author::Author;
use crate::disk::Disk;
use crate::figures::Figures;
use crate::repository::silenced;

/// Has another process measure the floor of so many steps in a new folder.
pub(super) fn by_process(folder: &Path, n: usize, at: usize, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir_in(folder)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--floor").arg(folder.path());
    command.args(["--steps", &n.to_string()]);
    let output = silenced(command).stdout(Stdio::piped()).output()?;
    if !output.status.success() {
        return Err(format!("the floor of {n} steps was not measured: {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let mut lines = text.lines().map(str::parse);
    for subject in [FLOOR[at], FLOOR_OF_STORE[at]] {
        let ns = lines.next().ok_or("the floor has two figures")??;
        figures.add(subject, Duration::from_nanos(ns));
    }
    Ok(())
}

/// Measures the floor of so many steps. Returns two times: with a small row as the commit, and with
/// what the datastore writes for a call.
pub(crate) async fn measure(folder: &Path, n: usize) -> Result<[Duration; 2]> {
    let mut disk = Disk::new(folder)?;
    let mut author = Author::new(&folder.join("store"), 1)?;
    let model: ModelName = "sink".parse()?;
    let bare = Bare::both()?;
    // The first ones fill the caches of the processor and of the kernel.
    bare.invoke().await?;
    disk.commit()?;
    commit(&mut author, &model)?;
    let since = Instant::now();
    for _ in 0..n {
        bare.invoke().await?;
        disk.commit()?;
    }
    let with_rows = since.elapsed();
    let since = Instant::now();
    for _ in 0..n {
        bare.invoke().await?;
        commit(&mut author, &model)?;
    }
    Ok([with_rows, since.elapsed()])
}

/// Writes the start of a call to the datastore, and commits it with one resource, as a step does.
fn commit(author: &mut Author, model: &ModelName) -> Result<()> {
    let change = author.resource("record", 0, &[])?;
    let (start, end) = author.call(model, vec![change])?;
    author.store.call_start(&author.claim, start).wait()?;
    author.store.call_commit(&author.claim, end, None).wait()?;
    Ok(())
}
