//! The time from the release of a lock until a waiting task has acquired it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sedge_locks::error::LockError;
use sedge_locks::manager::{LockGuard, LockManager};
use tokio::task::JoinHandle;

use super::other::{Other, now};
use super::subjects::{
    HAND_OVER, HAND_OVER_KILLED, HAND_OVER_OTHER, HAND_OVER_SHARED, WAKE_KILLED, WAKE_PIPE,
    WAKE_TASK,
};
use super::{call, exclusive_on, lock, settle, shared, until_waiting};
use crate::figures::Figures;
use crate::{Effort, Result};

/// The runs that hold the lock and wait for it.
const HOLDER: u64 = 1;
const WAITER: u64 = 2;

/// The time at which a value arrived, and the value.
type Got<T> = (Duration, T);

pub(super) async fn round(folder: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    let (alone, manager) = (LockManager::alone(), shared(folder)?);
    let mut other = Other::start(folder)?;
    for _ in 0..effort.n_samples {
        wake_task(figures).await?;
        in_process(&alone, figures, HAND_OVER).await?;
        in_process(&manager, figures, HAND_OVER_SHARED).await?;
        wake_pipe(&mut other, figures).await?;
        between_processes(&manager, &mut other, figures).await?;
    }
    for _ in 0..effort.n_kills {
        killed_bare(folder, figures).await?;
        killed(folder, &manager, figures).await?;
    }
    Ok(())
}

/// Has a task wait for the lock that the holder has.
async fn waiter(
    manager: &Arc<LockManager>,
) -> Result<JoinHandle<std::result::Result<Got<LockGuard>, LockError>>> {
    let (of_task, wants) = (Arc::clone(manager), [exclusive_on("sink")?]);
    let task = tokio::spawn(async move {
        let guard = lock(&of_task, &call(WAITER), &wants).await?;
        Ok((now(), guard))
    });
    until_waiting(manager, &call(WAITER)).await;
    settle().await;
    Ok(task)
}

async fn in_process(
    manager: &Arc<LockManager>,
    figures: &mut Figures,
    subject: &str,
) -> Result<()> {
    let held = lock(manager, &call(HOLDER), &[exclusive_on("sink")?]).await?;
    let waiter = waiter(manager).await?;
    let since = now();
    drop(held);
    let (got, _guard) = waiter.await??;
    figures.add(subject, got - since);
    Ok(())
}

async fn wake_task(figures: &mut Figures) -> Result<()> {
    let (send, receive) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move { receive.await.map(|()| now()) });
    settle().await;
    let since = now();
    send.send(()).map_err(|()| "the task waits for it")?;
    figures.add(WAKE_TASK, task.await?? - since);
    Ok(())
}

async fn between_processes(
    manager: &Arc<LockManager>,
    other: &mut Other,
    figures: &mut Figures,
) -> Result<()> {
    other.have(&format!("lock {HOLDER} sink"))?;
    let waiter = waiter(manager).await?;
    other.send("unlock")?;
    let (got, guard) = waiter.await??;
    drop(guard);
    let since = Duration::from_nanos(other.have("let-go")?.parse()?);
    figures.add(HAND_OVER_OTHER, got - since);
    Ok(())
}

async fn wake_pipe(other: &mut Other, figures: &mut Figures) -> Result<()> {
    settle().await;
    let since = other.have("time")?;
    let got = now();
    figures.add(WAKE_PIPE, got - Duration::from_nanos(since.parse()?));
    Ok(())
}

async fn killed(folder: &Path, manager: &Arc<LockManager>, figures: &mut Figures) -> Result<()> {
    let mut other = Other::start(folder)?;
    other.have(&format!("lock {HOLDER} sink"))?;
    let waiter = waiter(manager).await?;
    let since = now();
    other.kill()?;
    let (got, _guard) = waiter.await??;
    figures.add(HAND_OVER_KILLED, got - since);
    Ok(())
}

/// The same with a file lock, which a thread waits for.
async fn killed_bare(folder: &Path, figures: &mut Figures) -> Result<()> {
    let path = folder.join("baseline.lock");
    let file = File::create(&path)?;
    let mut other = Other::start(folder)?;
    other.have(&format!("lock-file {}", path.display()))?;
    let waiter = std::thread::spawn(move || file.lock().map(|()| now()));
    settle().await;
    let since = now();
    other.kill()?;
    let got = waiter.join().map_err(|_| "a thread panicked")??;
    figures.add(WAKE_KILLED, got - since);
    Ok(())
}
