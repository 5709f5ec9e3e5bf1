//! Makes tasks wait for what the table does not grant at once, and wakes them.
//!
//! Exactly those are woken that a release lets go. A guard releases when it is dropped,
//! also by a panic or a cancelled task; a task that is dropped while it waits leaves the
//! queue. Processes keep each other out model by model, see `processes.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_model::lineage::Lineage;
use sedge_sys::clock::{self, Moment};
use sedge_sys::folder::{FileError, Folder};
use tokio::sync::oneshot;

use crate::processes::ProcessLocks;
use crate::table::{LockTable, Mode, RequestId, Resource};

/// A lock was not acquired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Others held it until the deadline.
    #[error("{resource} was busy for {waited_ms} ms")]
    Busy {
        /// What was to be locked.
        resource: Resource,
        /// Who held it at the end: call ids, of other processes too.
        holders: Vec<String>,
        /// How long the request waited, in milliseconds.
        waited_ms: u64,
    },
    /// The lock file that processes share cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The locks of one process.
#[derive(Debug)]
pub struct LockManager {
    state: Mutex<State>,
    processes: ProcessLocks,
}

#[derive(Debug, Default)]
struct State {
    table: LockTable,
    waiting: HashMap<RequestId, oneshot::Sender<()>>,
}

impl LockManager {
    /// Makes the manager of a datastore whose processes share the folder `files`.
    #[must_use]
    pub fn new(files: Folder) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            processes: ProcessLocks::new(files),
        })
    }

    /// Locks `resource` for `lineage`, waiting until `deadline` at the most.
    ///
    /// Never waits for an ancestor of `lineage`. As long as another call of its own run holds
    /// the lock, it is that call's turn and the deadline is put off: a run of many calls of
    /// one model, each with time of its own, must not fail for being many.
    ///
    /// # Errors
    /// [`LockError::Busy`] at the deadline; nothing is held then.
    pub async fn acquire(
        self: &Arc<Self>,
        lineage: &Lineage,
        mode: Mode,
        resource: &Resource,
        deadline: Moment,
    ) -> Result<LockGuard, LockError> {
        let since = Moment::now();
        let (request, woken) = self.enqueue(lineage, mode, resource);
        if let Some(mut woken) = woken {
            let patience = since.until(deadline);
            let mut deadline = deadline;
            // The sender stays in the table until it sends, so an error cannot come.
            while clock::until(deadline, &mut woken).await.is_err() {
                if !self.is_held_by_own_run(resource, lineage) {
                    return Err(self.busy(resource, lineage, since));
                }
                deadline = Moment::now().after(patience);
            }
        }
        if let Resource::Model(model) = resource {
            let entered = self.processes.enter(model, lineage, deadline).await?;
            let Some(inside) = entered else {
                return Err(self.busy(resource, lineage, since));
            };
            return Ok(LockGuard {
                _inside: Some(inside),
                _request: request,
            });
        }
        Ok(LockGuard {
            _inside: None,
            _request: request,
        })
    }

    fn enqueue(
        self: &Arc<Self>,
        lineage: &Lineage,
        mode: Mode,
        resource: &Resource,
    ) -> (Queued, Option<oneshot::Receiver<()>>) {
        let mut state = self.state();
        let (id, granted) = state.table.request(lineage, mode, resource);
        let queued = Queued {
            manager: Arc::clone(self),
            resource: resource.clone(),
            id,
        };
        if granted {
            return (queued, None);
        }
        let (wake, woken) = oneshot::channel();
        state.waiting.insert(id, wake);
        (queued, Some(woken))
    }

    fn is_held_by_own_run(&self, resource: &Resource, lineage: &Lineage) -> bool {
        let holders = self.state().table.holders(resource);
        holders
            .iter()
            .any(|holder| holder.run() == lineage.run() && !holder.covers(lineage))
    }

    fn busy(&self, resource: &Resource, lineage: &Lineage, since: Moment) -> LockError {
        let own = self.state().table.holders(resource);
        let mut holders: Vec<String> = own
            .iter()
            .filter(|holder| !holder.covers(lineage))
            .map(ToString::to_string)
            .collect();
        if let Resource::Model(model) = resource {
            holders.extend(self.processes.foreign_holder(model));
        }
        let waited_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        LockError::Busy {
            resource: resource.clone(),
            holders,
            waited_ms,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step of the table can be left half done by a panic: each is one push or retain.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub struct LockGuard {
    // Dropped in this order: other processes first, then this one's next in line.
    _inside: Option<crate::processes::Inside>,
    _request: Queued,
}

/// A request in the table; dropping it takes it out, granted or not.
#[derive(Debug)]
struct Queued {
    manager: Arc<LockManager>,
    resource: Resource,
    id: RequestId,
}

impl Drop for Queued {
    fn drop(&mut self) {
        let mut state = self.manager.state();
        state.waiting.remove(&self.id);
        for granted in state.table.release(&self.resource, self.id) {
            if let Some(wake) = state.waiting.remove(&granted) {
                // A receiver that is gone belongs to a request that is about to be dropped
                // and will pass the lock on itself.
                let _ = wake.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn manager() -> (tempfile::TempDir, Arc<LockManager>) {
        let folder = tempfile::tempdir().expect("a folder");
        let manager = LockManager::new(Folder::open(folder.path()).expect("it is there"));
        (folder, manager)
    }

    fn lineage(text: &str) -> Lineage {
        format!("00000000000{text}").parse().expect("a lineage")
    }

    fn sink() -> Resource {
        Resource::Model("sink".parse().expect("a name"))
    }

    fn soon() -> Moment {
        Moment::now().after(Duration::from_millis(30))
    }

    fn later() -> Moment {
        Moment::now().after(Duration::from_secs(60))
    }

    #[tokio::test]
    async fn a_child_re_enters_and_a_stranger_waits() {
        let (_keep, manager) = manager();
        let held = manager
            .acquire(&lineage("0/1"), Mode::X, &sink(), later())
            .await
            .expect("free");
        manager
            .acquire(&lineage("0/1/1"), Mode::X, &sink(), soon())
            .await
            .expect("own ancestor");
        let error = manager
            .acquire(&lineage("1/1"), Mode::X, &sink(), soon())
            .await
            .expect_err("held");
        let LockError::Busy {
            holders, waited_ms, ..
        } = error
        else {
            panic!("busy")
        };
        assert_eq!(holders, ["000000000000/1"]);
        assert!(waited_ms >= 30);
        drop(held);
        manager
            .acquire(&lineage("1/1"), Mode::X, &sink(), soon())
            .await
            .expect("free again");
    }

    #[tokio::test]
    async fn a_sibling_waits_for_as_long_as_it_takes() {
        let (_keep, manager) = manager();
        let resource = sink();
        let held = manager
            .acquire(&lineage("0/1"), Mode::X, &resource, later())
            .await
            .expect("free");
        let own = lineage("0/2");
        let mut sibling = Box::pin(manager.acquire(&own, Mode::X, &resource, soon()));
        let three_times = Moment::now().after(Duration::from_millis(100));
        clock::until(three_times, &mut sibling)
            .await
            .expect_err("it still waits");
        drop(held);
        sibling.await.expect("its turn");
    }

    #[tokio::test]
    async fn a_thousand_siblings_go_one_by_one_in_order() {
        let (_keep, manager) = manager();
        let held = manager
            .acquire(&lineage("0/1"), Mode::X, &sink(), later())
            .await
            .expect("free");
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for n in 2..=1001_u32 {
            let (manager, order) = (Arc::clone(&manager), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let own = lineage(&format!("0/{n}"));
                let _held = manager
                    .acquire(&own, Mode::X, &sink(), later())
                    .await
                    .expect("in turn");
                order.lock().expect("no panic").push(n);
            }));
            tokio::task::yield_now().await;
        }
        drop(held);
        for task in tasks {
            task.await.expect("no panic");
        }
        assert_eq!(
            *order.lock().expect("no panic"),
            (2..=1001).collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn a_dropped_waiter_leaves_the_queue() {
        let (_keep, manager) = manager();
        let held = manager
            .acquire(&lineage("0/1"), Mode::S, &sink(), later())
            .await
            .expect("free");
        let (stranger, resource) = (lineage("1/1"), sink());
        let writer = manager.acquire(&stranger, Mode::X, &resource, later());
        clock::until(soon(), writer)
            .await
            .expect_err("it waits, and is dropped");
        manager
            .acquire(&lineage("2/1"), Mode::S, &sink(), soon())
            .await
            .expect("nobody in the way");
        drop(held);
        assert!(manager.state().table.holders(&sink()).is_empty());
        assert!(manager.state().waiting.is_empty());
    }

    #[tokio::test]
    async fn a_panic_releases() {
        let (_keep, manager) = manager();
        let own = Arc::clone(&manager);
        tokio::spawn(async move {
            let _held = own
                .acquire(&lineage("0/1"), Mode::X, &sink(), later())
                .await;
            panic!("on purpose");
        })
        .await
        .expect_err("it panicked");
        manager
            .acquire(&lineage("1/1"), Mode::X, &sink(), soon())
            .await
            .expect("free again");
    }

    /// Two managers stand for two processes: their `flock`s exclude each other likewise.
    #[tokio::test]
    async fn another_process_is_kept_out() {
        let (keep, one) = manager();
        let other = LockManager::new(Folder::open(keep.path()).expect("it is there"));
        let held = one
            .acquire(&lineage("0/1"), Mode::X, &sink(), later())
            .await
            .expect("free");
        let inner = one
            .acquire(&lineage("0/1/1"), Mode::X, &sink(), later())
            .await
            .expect("own");
        drop(inner);
        let error = other
            .acquire(&lineage("1/1"), Mode::X, &sink(), soon())
            .await
            .expect_err("held");
        let LockError::Busy { holders, .. } = error else {
            panic!("busy")
        };
        assert_eq!(holders, ["000000000000/1"]);
        drop(held);
        other
            .acquire(&lineage("1/1"), Mode::X, &sink(), soon())
            .await
            .expect("free again");
    }
}
