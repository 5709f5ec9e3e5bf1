//! What the datastore costs: commits, reads of few and of many versions, and large files.
//!
//! Whole processes come first, as everywhere; the datastores are filled by processes of their
//! own ([`fill`]), so that the memory of these is not counted into others.

mod author;
mod commit;
mod files;
pub(crate) mod fill;
mod read;
mod start;
mod subjects;

use std::path::{Path, PathBuf};

use crate::figures::Figures;
use crate::repository::TestRepository;
use crate::{Effort, Result};
pub(crate) use subjects::rows;

/// How many versions are as good as none.
const N_FEW: u64 = 10;

/// The repositories in which there are versions.
#[derive(Debug)]
pub(crate) struct Filled {
    few: TestRepository,
    many: Vec<(u64, TestRepository)>,
}

/// Measures whole processes; returns the repositories that they were given.
pub(crate) fn processes(
    sedge: &Path,
    folder: &Path,
    effort: Effort,
    figures: &mut Figures,
) -> Result<Filled> {
    files::measure(sedge, folder, effort, figures)?;
    let filled = |n: u64| TestRepository::empty(sedge, &folder.join(format!("versions-{n}")));
    let mut made = Filled {
        few: filled(N_FEW)?,
        many: Vec::new(),
    };
    fill::by_process(&store_folder(&made.few), N_FEW, figures)?;
    for &n in effort.n_versions {
        let repository = filled(n)?;
        fill::by_process(&store_folder(&repository), n, figures)?;
        made.many.push((n, repository));
    }
    start::measure(&made, effort, figures)?;
    Ok(made)
}

/// Measures what a process does that has the datastore open.
pub(crate) async fn in_process(
    folder: &Path,
    filled: &Filled,
    effort: Effort,
    figures: &mut Figures,
) -> Result<()> {
    commit::measure(&folder.join("commits"), effort, figures).await?;
    read::measure(filled, effort, figures)?;
    // Last: what is written is in the way of what is read.
    commit::measure_into(&folder.join("commits-into"), filled, effort, figures)
}

fn store_folder(repository: &TestRepository) -> PathBuf {
    repository.folder.join(".sedge/store")
}
