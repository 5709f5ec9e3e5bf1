//! A thousand calls that request one lock: the costs of queueing, waiting and acquiring.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sedge_locks::error::LockError;
use sedge_locks::manager::LockManager;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use tokio::task::JoinSet;

use super::other::{Other, busy};
use super::subjects::{
    IDLE, IDLE_NO_WAITER, IDLE_SHARED, QUEUED, QUEUED_SHARED, SERVED, SERVED_SHARED,
};
use super::{call, exclusive_on, lock, shared, until_waiting};
use crate::Result;
use crate::figures::Figures;

/// The number of calls.
const N: u32 = 1000;

/// How long they wait.
const WHILE: Duration = Duration::from_secs(1);

pub(super) async fn round(folder: &Path, figures: &mut Figures) -> Result<()> {
    idle(figures, IDLE_NO_WAITER).await;

    let manager = LockManager::alone();
    let held = lock(&manager, &call(1), &[exclusive_on("sink")?]).await?;
    let crowd = enqueue(&manager, figures, QUEUED).await?;
    idle(figures, IDLE).await;
    let since = Instant::now();
    drop(held);
    serve(crowd).await?;
    figures.add(SERVED, since.elapsed() / N);

    let manager = shared(folder)?;
    let mut other = Other::start(folder)?;
    other.have("lock 1 sink")?;
    let crowd = enqueue(&manager, figures, QUEUED_SHARED).await?;
    idle(figures, IDLE_SHARED).await;
    let since = Instant::now();
    other.send("unlock")?;
    serve(crowd).await?;
    figures.add(SERVED_SHARED, since.elapsed() / N);
    Ok(())
}

type Crowd = JoinSet<std::result::Result<(), LockError>>;

/// Has a thousand calls of one run request a lock that another run holds. Returns once all of them
/// wait.
async fn enqueue(
    manager: &Arc<LockManager>,
    figures: &mut Figures,
    subject: &str,
) -> Result<Crowd> {
    let run = Lineage::root(RunId::from_bits(2));
    let n_waiting = Arc::new(AtomicU32::new(0));
    let mut crowd = JoinSet::new();
    let since = Instant::now();
    for at in 1..=N {
        let (manager, n_waiting) = (Arc::clone(manager), Arc::clone(&n_waiting));
        let (lineage, wants) = (run.child(at), [exclusive_on("sink")?]);
        crowd.spawn(async move {
            let mut guard = std::pin::pin!(lock(&manager, &lineage, &wants));
            let mut is_new = true;
            let guard = std::future::poll_fn(|cx| {
                let guard = guard.as_mut().poll(cx);
                if std::mem::take(&mut is_new) {
                    n_waiting.fetch_add(1, Ordering::Relaxed);
                }
                guard
            });
            guard.await.map(drop)
        });
    }
    while n_waiting.load(Ordering::Relaxed) < N {
        tokio::task::yield_now().await;
    }
    figures.add(subject, since.elapsed() / N);
    // Every call has been polled. A call that could not lock the table at once is queued only now.
    for at in 1..=N {
        until_waiting(manager, &run.child(at)).await;
    }
    Ok(crowd)
}

async fn serve(mut crowd: Crowd) -> Result<()> {
    while let Some(done) = crowd.join_next().await {
        done??;
    }
    Ok(())
}

/// Adds the processor time of this process while nothing happens.
async fn idle(figures: &mut Figures, subject: &str) {
    let before = busy();
    sedge_sys::clock::pause(WHILE).await;
    figures.add(subject, busy() - before);
}
