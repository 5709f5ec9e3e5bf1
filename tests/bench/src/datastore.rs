//! The costs of the datastore: commits, reads of few and of many versions, and large files.
//!
//! Whole processes are measured first, as everywhere. Separate processes fill the datastores
//! ([`fill`]), so that their memory is not counted for others.

pub(crate) mod author;
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

/// A number of versions that is negligible.
const N_FEW: u64 = 10;

/// The repositories with versions.
#[derive(Debug)]
pub(crate) struct Filled {
    few: TestRepository,
    many: Vec<(u64, TestRepository)>,
}

/// Measures whole processes. Returns the repositories that they used.
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

/// Measures operations of a process that has the datastore open.
pub(crate) async fn in_process(
    folder: &Path,
    filled: &Filled,
    effort: Effort,
    figures: &mut Figures,
) -> Result<()> {
    commit::measure(&folder.join("commits"), effort, figures).await?;
    read::measure(filled, effort, figures)?;
    // This comes last, because its writes would affect the reads.
    commit::measure_into(&folder.join("commits-into"), filled, effort, figures)
}

fn store_folder(repository: &TestRepository) -> PathBuf {
    repository.folder.join(".sedge/store")
}
