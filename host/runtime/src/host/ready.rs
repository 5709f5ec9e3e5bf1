//! Pollables for what a guest has started: nested calls and programs.

use tokio::sync::watch;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::call::CallState;

/// Is ready once the flag is set, or the task that would set it is gone.
struct UntilSet(watch::Receiver<bool>);

#[async_trait]
impl Pollable for UntilSet {
    async fn ready(&mut self) {
        // ignored: the task was cancelled, and what it worked on is over then.
        let _ = self.0.wait_for(|is_set| *is_set).await;
    }
}

impl CallState {
    /// Returns a pollable for a flag. It does not depend on the handle of what the guest has started,
    /// because a garbage collector drops the two in any order.
    pub(super) fn pollable_of(
        &mut self,
        flag: watch::Receiver<bool>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let until = self.table.push(UntilSet(flag))?;
        subscribe(&mut self.table, until)
    }
}
