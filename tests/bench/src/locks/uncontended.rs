//! Locks without contention.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sedge_locks::manager::LockManager;
use sedge_locks::mode::{Mode, Resource};

use super::other::Other;
use super::subjects::{FILE_TURNS, IN_PROCESS, MUTEX, SHARED, SHARED_BESIDE, SHARED_X};
use super::{call, exclusive_on, lock, shared};
use crate::figures::Figures;
use crate::{Effort, Result};

/// How often an operation of about a microsecond is repeated for a sample, which is the mean.
const BATCH: u32 = 100;

/// The number of locks that the other process holds.
const N_OTHER: usize = 10;

/// The size at which the baseline's file starts from the beginning again, as a journal does.
const FILE_BYTES_MAX: u64 = 16 << 10;

pub(super) async fn round(folder: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    let (mutex, alone) = (tokio::sync::Mutex::new(()), LockManager::alone());
    let manager = shared(folder)?;
    let mut turns = FileTurns::new(folder, n_bytes(folder, &manager).await?)?;
    for _ in 0..effort.n_samples {
        let since = Instant::now();
        for _ in 0..BATCH {
            drop(mutex.lock().await);
        }
        figures.add(MUTEX, since.elapsed() / BATCH);
        in_process(&alone, figures).await?;
        turns.sample(figures)?;
        sample(&manager, figures, SHARED).await?;
        sample_x(&manager, figures).await?;
    }
    let mut other = Other::start(folder)?;
    let models: Vec<String> = (0..N_OTHER).map(|at| format!("other-{at}")).collect();
    other.have(&format!("lock 2 {}", models.join(" ")))?;
    for _ in 0..effort.n_samples {
        sample(&manager, figures, SHARED_BESIDE).await?;
    }
    Ok(())
}

async fn in_process(alone: &Arc<LockManager>, figures: &mut Figures) -> Result<()> {
    let (lineage, wants) = (call(1), [exclusive_on("sink")?]);
    let since = Instant::now();
    for _ in 0..BATCH {
        drop(lock(alone, &lineage, &wants).await?);
    }
    figures.add(IN_PROCESS, since.elapsed() / BATCH);
    Ok(())
}

/// Takes a sample of the locks that a call takes.
async fn sample(manager: &Arc<LockManager>, figures: &mut Figures, subject: &str) -> Result<()> {
    let (lineage, wants) = (call(1), wants_of_call()?);
    let since = Instant::now();
    drop(lock(manager, &lineage, &wants).await?);
    figures.lap(subject, since);
    Ok(())
}

async fn sample_x(manager: &Arc<LockManager>, figures: &mut Figures) -> Result<()> {
    let (lineage, wants) = (call(1), [exclusive_on("sink")?]);
    let since = Instant::now();
    drop(lock(manager, &lineage, &wants).await?);
    figures.lap(SHARED_X, since);
    Ok(())
}

fn wants_of_call() -> Result<[(Resource, Mode); 2]> {
    Ok([(Resource::Datastore, Mode::IX), exclusive_on("sink")?])
}

/// Returns the number of bytes in the table that the locks of a call take, and their release.
async fn n_bytes(folder: &Path, manager: &Arc<LockManager>) -> Result<[usize; 2]> {
    let size = || -> Result<u64> { Ok(std::fs::metadata(folder.join("table.log"))?.len()) };
    let before = size()?;
    let held = lock(manager, &call(1), &wants_of_call()?).await?;
    let between = size()?;
    drop(held);
    let [taken, freed] = [between - before, size()? - between];
    Ok([usize::try_from(taken)?, usize::try_from(freed)?])
}

/// The minimal cost of a lock between processes that publishes its holder: one turn to write an
/// entry, and another one to remove it.
struct FileTurns {
    file: File,
    at: u64,
    contents: [Vec<u8>; 2],
}

impl FileTurns {
    fn new(folder: &Path, sizes: [usize; 2]) -> Result<Self> {
        Ok(Self {
            file: File::create(folder.join("baseline.log"))?,
            at: 0,
            contents: sizes.map(|size| vec![b'x'; size]),
        })
    }

    fn sample(&mut self, figures: &mut Figures) -> Result<()> {
        let since = Instant::now();
        for content in &self.contents {
            self.file.lock()?;
            self.file.write_all_at(content, self.at)?;
            self.at = (self.at + content.len() as u64) % FILE_BYTES_MAX;
            self.file.unlock()?;
        }
        figures.lap(FILE_TURNS, since);
        Ok(())
    }
}
