//! What locks cost: uncontended, handed over, in a crowd, and where they would go round.
//!
//! A process that shares its datastore has a second one beside it wherever it is told so:
//! a real one, which this program starts of itself ([`other`]).

mod crowd;
mod deadlock;
mod hand_over;
pub(crate) mod other;
mod subjects;
mod uncontended;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sedge_locks::manager::{Ask, LockGuard, LockManager};
use sedge_locks::mode::{Mode, Resource};
use sedge_locks::session::Session;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_sys::clock::Moment;
use sedge_sys::folder::Folder;

use crate::figures::Figures;
use crate::{Effort, Result};
pub(crate) use subjects::rows;

/// Longer than anything here takes.
const AMPLE: Duration = Duration::from_secs(60);

/// Measures all that locks do, by turns.
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

/// Returns what it takes to lock a model, and nothing else.
fn alone_on(model: &str) -> Result<(Resource, Mode)> {
    Ok((Resource::Model(model.parse()?), Mode::X))
}

async fn lock(
    manager: &Arc<LockManager>,
    lineage: &Lineage,
    wants: &[(Resource, Mode)],
) -> std::result::Result<LockGuard, sedge_locks::error::LockError> {
    let ask = Ask {
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

/// Lets everything come to rest: threads that have nothing to do are asleep then, and to
/// be woken costs them what it costs after a second, too.
async fn settle() {
    sedge_sys::clock::pause(Duration::from_millis(1)).await;
}
