//! The costs of locks: without contention, handed over, with many waiters, and in a deadlock.
//!
//! Where a subject says so, a second real process shares the datastore. This program starts it from
//! itself ([`other`]).

mod crowd;
mod deadlock;
mod hand_over;
pub(crate) mod other;
mod subjects;
mod uncontended;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sedge_locks::manager::{AcquireRequest, LockGuard, LockManager};
use sedge_locks::mode::{Mode, Resource};
use sedge_locks::session::Session;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_sys::clock::Moment;
use sedge_sys::folder::Folder;

use crate::figures::Figures;
use crate::{Effort, Result};
pub(crate) use subjects::rows;

/// A deadline that no operation here reaches.
const AMPLE: Duration = Duration::from_secs(60);

/// Measures all operations on locks, in turns.
pub(crate) async fn measure(folder: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    for round in 0..effort.n_rounds {
        let folder = folder.join(format!("locks-{round}"));
        std::fs::create_dir(&folder)?;
        uncontended::round(&folder, effort, figures).await?;
        hand_over::round(&folder, effort, figures).await?;
        crowd::round(&folder, figures).await?;
        deadlock::round(&folder, effort, figures).await?;
    }
    Ok(())
}

/// Begins a session of this process, as a command of the program does.
fn shared(folder: &Path) -> Result<Arc<LockManager>> {
    let session = Session::begin(Folder::open(folder)?)?;
    Ok(LockManager::shared(
        Arc::new(session),
        Duration::from_secs(600),
    )?)
}

/// Returns the first call of a run.
fn call(run: u64) -> Lineage {
    Lineage::root(RunId::from_bits(run)).child(1)
}

/// Returns the request for an exclusive lock on a model.
fn exclusive_on(model: &str) -> Result<(Resource, Mode)> {
    Ok((Resource::Model(model.parse()?), Mode::X))
}

async fn lock(
    manager: &Arc<LockManager>,
    lineage: &Lineage,
    wants: &[(Resource, Mode)],
) -> std::result::Result<LockGuard, sedge_locks::error::LockError> {
    let ask = AcquireRequest {
        lineage,
        under: None,
        what: "sink.run",
        wants,
        deadline: Moment::now().after(AMPLE),
    };
    manager.acquire(ask).await
}

/// Returns once a lineage waits.
async fn until_waiting(manager: &LockManager, lineage: &Lineage) {
    while manager.waiting(lineage).is_none() {
        tokio::task::yield_now().await;
    }
}

/// Waits until all idle threads are asleep, so that waking them costs as much as after a longer
/// pause.
async fn settle() {
    sedge_sys::clock::pause(Duration::from_millis(1)).await;
}
