//! Limits on one call: its memory, its descriptors, and its use of host functions.
//!
//! The memory limit covers all linear memories and tables together. The usual way, a limit for
//! each, would give a component with two memories twice as much. Memory and descriptors are also
//! taken from the budget of the process (`budget.rs`).

use std::sync::Arc;

use sedge_model::call::LimitName;
use wasmtime::ResourceLimiter;

use crate::budget::{Descriptors, ProcessBudget};
use crate::call::CallState;

/// A call's use of host functions so far.
#[derive(Debug, Default)]
pub(crate) struct HostUse {
    n_calls: u64,
    n_bytes: u64,
}

/// Returns the end of a message about a limit: the line of YAML that raises it, and its file.
pub(crate) fn raise_hint(place: &str, line: &str) -> String {
    format!("; if it needs more, raise the limit in {place}: `{line}`")
}

impl CallState {
    /// Counts one host call and the bytes of its arguments.
    ///
    /// # Errors
    /// A limit is exceeded. The call ends, and [`CallState::reached`] names the limit.
    pub(crate) fn count_host_call(&mut self, n_bytes: usize) -> wasmtime::Result<()> {
        if let Some(running) = &mut self.running {
            running.host_use.n_calls += 1;
        }
        self.count_bytes(n_bytes)
    }

    /// Counts bytes that pass between the guest and the host.
    ///
    /// # Errors
    /// A limit is exceeded, as for [`CallState::count_host_call`].
    pub(crate) fn count_bytes(&mut self, n_bytes: usize) -> wasmtime::Result<()> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let (host_use, limits) = (&mut running.host_use, &running.identity.limits);
        host_use.n_bytes = host_use.n_bytes.saturating_add(n_bytes as u64);
        let reached = if host_use.n_calls > u64::from(limits.host_calls) {
            (LimitName::HostCalls, limits.host_calls.into())
        } else if host_use.n_bytes > limits.host_bytes {
            (LimitName::HostBytes, limits.host_bytes)
        } else {
            return Ok(());
        };
        self.reached = Some(reached);
        Err(wasmtime::format_err!("a limit was reached"))
    }
}

impl CallState {
    /// Takes a descriptor for a resource that the guest is about to receive.
    ///
    /// # Errors
    /// The budget has no descriptor left. The call ends, and [`CallState::reached`] names the
    /// limit.
    pub(crate) fn descriptor_take(&mut self) -> wasmtime::Result<Descriptors> {
        self.descriptors_take(1)
    }

    /// Takes `n` descriptors for a resource that the guest is about to receive.
    ///
    /// # Errors
    /// The same as for [`CallState::descriptor_take`].
    pub(crate) fn descriptors_take(&mut self, n: usize) -> wasmtime::Result<Descriptors> {
        self.budget.descriptors(n).map_err(|limit| {
            self.reached = Some(limit);
            wasmtime::format_err!("no descriptor is left for guests")
        })
    }

    /// Holds a descriptor until [`CallState::descriptor_closed`] is called with the same handle,
    /// or until the call ends.
    pub(crate) fn descriptor_hold(&mut self, handle: u32, descriptor: Descriptors) {
        self.descriptors.insert(handle, descriptor);
    }

    /// Returns the descriptor of a handle to the budget. Returns `false` if the handle holds none.
    pub(crate) fn descriptor_closed(&mut self, handle: u32) -> bool {
        self.descriptors.remove(&handle).is_some()
    }
}

/// The size of a table's element for the memory limit, in bytes: a reference.
const TABLE_ELEMENT_BYTES: usize = 8;

/// The memory of one call. Dropping it returns the memory to the budget.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes_max: usize,
    n_bytes: usize,
    budget: Arc<ProcessBudget>,
    exceeded: Option<(LimitName, u64)>,
}

impl Memory {
    pub(crate) fn new(bytes_max: usize, budget: &Arc<ProcessBudget>) -> Self {
        Self {
            bytes_max,
            n_bytes: 0,
            budget: Arc::clone(budget),
            exceeded: None,
        }
    }

    /// Returns the current size of all memories and tables. It is also their maximum, because they
    /// never shrink.
    pub(crate) fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Returns the limit that the guest's last failed request for memory exceeded, with its value.
    /// Returns `None` if no request failed.
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

    fn budget(memory_bytes: u64) -> Arc<ProcessBudget> {
        ProcessBudget::new(BudgetLimits {
            memory_bytes,
            descriptors: 1,
        })
    }

    #[test]
    fn memory_limit_covers_memories_and_tables_together() {
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
    fn process_budget_covers_all_calls() {
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
