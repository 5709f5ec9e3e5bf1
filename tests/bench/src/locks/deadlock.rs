//! The cost of detecting a deadlock.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sedge_locks::error::LockError;
use sedge_locks::manager::{LockGuard, LockManager};
use sedge_locks::owner::{Owner, SessionId};
use sedge_locks::table::{Decision, LockRequest, LockTable, decide};
use tokio::task::JoinSet;

use super::other::Other;
use super::subjects::{
    CYCLE_BETWEEN, CYCLE_BETWEEN_LONG, DECIDE_CYCLE, DECIDE_EMPTY, DECIDE_NO_CYCLE,
};
use super::{call, exclusive_on, lock, shared, until_waiting};
use crate::figures::Figures;
use crate::{Effort, Result};

/// The number of waiting requests.
const N: u64 = 1000;

/// How often an operation of less than a microsecond is repeated for a sample, which is the mean.
const BATCH: u32 = 100;

pub(super) async fn round(folder: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    let (empty, chain) = (LockTable::default(), chain()?);
    let closes = [request(N, &name(0))?];
    let stays_open = [request(N + 1, &name(0))?];
    for _ in 0..effort.n_samples {
        let since = Instant::now();
        for _ in 0..BATCH {
            expect(&Decision::Granted, &decide(&empty, &closes))?;
        }
        figures.add(DECIDE_EMPTY, since.elapsed() / BATCH);

        let since = Instant::now();
        let decision = decide(&chain, &stays_open);
        figures.lap(DECIDE_NO_CYCLE, since);
        expect(&Decision::Wait, &decision)?;

        let since = Instant::now();
        let decision = decide(&chain, &closes);
        figures.lap(DECIDE_CYCLE, since);
        match decision {
            Decision::Deadlock(cycle) if cycle.links.len() as u64 == N + 1 => {}
            Decision::Granted | Decision::Wait | Decision::Deadlock(_) => {
                return Err("a cycle of all that wait was not found".into());
            }
        }
    }
    let manager = shared(folder)?;
    let mut other = Other::start(folder)?;
    for _ in 0..effort.n_samples {
        between_processes(&manager, &mut other, figures).await?;
    }
    between_processes_long(&manager, &mut other, figures).await
}

/// Creates a table in which each of `N` runs holds a lock and waits for that of the next one. The
/// last run does not wait. Neither does the run after it, which has a waiter of its own, so that
/// its request is checked for a cycle as well.
fn chain() -> Result<LockTable> {
    let mut table = LockTable::default();
    for run in 0..=N {
        table.insert(request(run, &name(run))?, 0);
    }
    for run in 0..N {
        table.insert(request(run, &name(run + 1))?, 0);
    }
    table.insert(request(N + 1, "aside")?, 0);
    table.insert(request(N + 2, "aside")?, 0);
    Ok(table)
}

fn name(at: u64) -> String {
    format!("model-{at}")
}

fn request(run: u64, model: &str) -> Result<LockRequest> {
    let (resource, mode) = exclusive_on(model)?;
    Ok(LockRequest {
        owner: Owner {
            under: None,
            session: SessionId::from_bits(0),
            lineage: call(run),
        },
        resource,
        mode,
        what: "sink.run".to_owned(),
    })
}

fn expect(expect: &Decision, decision: &Decision) -> Result<()> {
    if decision == expect {
        return Ok(());
    }
    Err(format!("a request was decided otherwise: {decision:?}").into())
}

/// This process holds one lock and requests another, which the other process holds. The other
/// process waits for the first lock.
async fn between_processes(
    manager: &Arc<LockManager>,
    other: &mut Other,
    figures: &mut Figures,
) -> Result<()> {
    let held = lock(manager, &call(0), &[exclusive_on("one")?]).await?;
    other.have(&format!("lock {N} two"))?;
    other.have(&format!("wait {N} one"))?;
    find(manager, "two", figures, CYCLE_BETWEEN).await?;
    drop(held);
    other.send("unlock")?;
    other.have("let-go")?;
    Ok(())
}

/// The same, but the other process holds the lock that the last of a thousand runs waits for.
async fn between_processes_long(
    manager: &Arc<LockManager>,
    other: &mut Other,
    figures: &mut Figures,
) -> Result<()> {
    let mut held = Vec::new();
    for run in 0..N {
        held.push(lock(manager, &call(run), &[exclusive_on(&name(run))?]).await?);
    }
    other.have(&format!("lock {N} {}", name(N)))?;
    let mut tasks: JoinSet<std::result::Result<LockGuard, LockError>> = JoinSet::new();
    for run in 1..N {
        let (manager, wants) = (Arc::clone(manager), [exclusive_on(&name(run + 1))?]);
        tasks.spawn(async move { lock(&manager, &call(run), &wants).await });
    }
    for run in 1..N {
        until_waiting(manager, &call(run)).await;
    }
    other.have(&format!("wait {N} {}", name(0)))?;
    find(manager, &name(1), figures, CYCLE_BETWEEN_LONG).await?;
    // The other process waits for one of the locks that are released here.
    drop(held);
    other.send("unlock")?;
    while let Some(done) = tasks.join_next().await {
        drop(done??);
    }
    other.have("let-go")?;
    Ok(())
}

/// Makes the request that closes the cycle, and measures the time until the deadlock is reported.
async fn find(
    manager: &Arc<LockManager>,
    model: &str,
    figures: &mut Figures,
    subject: &str,
) -> Result<()> {
    let (lineage, wants) = (call(0), [exclusive_on(model)?]);
    let since = Instant::now();
    let asked = lock(manager, &lineage, &wants).await;
    figures.lap(subject, since);
    match asked {
        Err(LockError::Deadlock { .. }) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err("a cycle between two processes was not found".into()),
    }
}
