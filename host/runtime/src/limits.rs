//! How much a call may have and do: memory, descriptors, and what it asks of the host.
//!
//! Memory is that of all linear memories and tables together: counting each by itself, as
//! is usual, would give a component with two memories twice the limit. Memory and descriptors are
//! also taken from the budget of the process (`budget.rs`).

use std::sync::Arc;
use std::time::Duration;

use sedge_model::call::LimitName;
use wasmtime::ResourceLimiter;

use crate::budget::{Budget, Descriptors};
use crate::call::CallState;

/// How much a call may do, besides its time and its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// How long its own code may execute, if that is limited.
    pub cpu: Option<Duration>,
    /// How many calls it may make.
    pub calls: u32,
    /// How many calls it may have started that have not ended.
    pub parallel_calls: u32,
    /// How many functions of the host it may call; of those of WASI only what they do counts.
    pub host_calls: u64,
    /// How many bytes may pass between it and the host.
    pub host_bytes: u64,
    /// How many bytes it may write to files.
    pub file_bytes: u64,
    /// How many files it may have open: of the datastore, and in folders that it was granted.
    pub open_files: u32,
    /// How many lines of its log are kept.
    pub log_lines: u32,
    /// How many bytes of its log are kept.
    pub log_bytes: usize,
}

/// What a call has asked of the host so far.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    n_calls: u64,
    n_bytes: u64,
}

/// Returns what to do about a limit, for the end of a message: the line that raises it, and in
/// which file.
pub(crate) fn raise_hint(place: &str, line: &str) -> String {
    format!("; if it needs more, raise the limit in {place}: `{line}`")
}

impl CallState {
    /// Counts a call of a function of the host, and the bytes that it is given.
    ///
    /// # Errors
    /// It is one too many: the call ends, and [`CallState::reached`] says why.
    pub(crate) fn asked(&mut self, n_bytes: usize) -> wasmtime::Result<()> {
        if let Some(running) = &mut self.running {
            running.asked.n_calls += 1;
        }
        self.passed(n_bytes)
    }

    /// Counts bytes that pass between the guest and the host.
    ///
    /// # Errors
    /// As of [`CallState::asked`].
    pub(crate) fn passed(&mut self, n_bytes: usize) -> wasmtime::Result<()> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let (asked, quotas) = (&mut running.asked, &running.quotas);
        asked.n_bytes = asked.n_bytes.saturating_add(n_bytes as u64);
        let reached = if asked.n_calls > quotas.host_calls {
            (LimitName::HostCalls, quotas.host_calls)
        } else if asked.n_bytes > quotas.host_bytes {
            (LimitName::HostBytes, quotas.host_bytes)
        } else {
            return Ok(());
        };
        self.reached = Some(reached);
        Err(wasmtime::format_err!("a limit was reached"))
    }
}

impl CallState {
    /// Takes a descriptor for something that a guest is about to be given.
    ///
    /// # Errors
    /// There is none left for guests: the call ends, and [`CallState::reached`] says why.
    pub(crate) fn descriptor_take(&mut self) -> wasmtime::Result<Descriptors> {
        self.budget.descriptors(1).map_err(|limit| {
            self.reached = Some(limit);
            wasmtime::format_err!("no descriptor is left for guests")
        })
    }

    /// Keeps a descriptor until [`CallState::descriptor_closed`] is called with the same handle, or
    /// the call ends.
    pub(crate) fn descriptor_hold(&mut self, handle: u32, descriptor: Descriptors) {
        self.descriptors.insert(handle, descriptor);
    }

    /// Gives the descriptor of a handle back; false if it held none.
    pub(crate) fn descriptor_closed(&mut self, handle: u32) -> bool {
        self.descriptors.remove(&handle).is_some()
    }
}

/// What a table's element costs, for the sum: a reference.
const TABLE_ELEMENT_BYTES: usize = 8;

/// The memory of one call. It goes back to the budget when this is dropped.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes_max: usize,
    n_bytes: usize,
    budget: Arc<Budget>,
    exceeded: Option<(LimitName, u64)>,
}

impl Memory {
    pub(crate) fn new(bytes_max: usize, budget: &Arc<Budget>) -> Self {
        Self {
            bytes_max,
            n_bytes: 0,
            budget: Arc::clone(budget),
            exceeded: None,
        }
    }

    /// Returns how much the guest has, which is the most that it had: memories never shrink.
    pub(crate) fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Returns the limit beyond which the guest last asked for memory, and its value; `None` if it
    /// never did.
    pub(crate) fn exceeded(&self) -> Option<(LimitName, u64)> {
        self.exceeded
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let more = desired.saturating_sub(current);
        let n_bytes = self.n_bytes.saturating_add(more);
        if n_bytes > self.bytes_max {
            self.exceeded = Some((LimitName::MemoryBytes, self.bytes_max as u64));
            return false;
        }
        if !self.budget.memory_take(more as u64) {
            let most = self.budget.memory_bytes_max();
            self.exceeded = Some((LimitName::ProcessMemory, most));
            return false;
        }
        self.n_bytes = n_bytes;
        true
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.budget.memory_return(self.n_bytes as u64);
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = |elements: usize| elements.saturating_mul(TABLE_ELEMENT_BYTES);
        Ok(self.grow(bytes(current), bytes(desired)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::BudgetLimits;

    fn budget(memory_bytes: u64) -> Arc<Budget> {
        Budget::new(BudgetLimits {
            memory_bytes,
            descriptors: 1,
        })
    }

    #[test]
    fn memories_and_tables_count_together() {
        let mut memory = Memory::new(1000, &budget(u64::MAX));
        assert!(memory.memory_growing(0, 400, None).expect("no error"));
        assert!(memory.memory_growing(0, 400, None).expect("no error"));
        assert!(memory.table_growing(0, 25, None).expect("no error"));
        assert_eq!(memory.exceeded(), None);
        assert!(!memory.table_growing(25, 26, None).expect("no error"));
        assert_eq!(memory.exceeded(), Some((LimitName::MemoryBytes, 1000)));
        let grown = memory.memory_growing(400, usize::MAX, None);
        assert!(!grown.expect("no error"));
    }

    #[test]
    fn all_calls_count_together() {
        let budget = budget(1000);
        let mut one = Memory::new(800, &budget);
        let mut two = Memory::new(800, &budget);
        assert!(one.memory_growing(0, 800, None).expect("no error"));
        assert!(two.memory_growing(0, 200, None).expect("no error"));
        assert!(!two.memory_growing(200, 201, None).expect("no error"));
        assert_eq!(two.exceeded(), Some((LimitName::ProcessMemory, 1000)));
        drop(one);
        assert!(two.memory_growing(200, 800, None).expect("no error"));
    }
}
