//! How much a call may have and do: memory, and what it asks of the host.
//!
//! Memory is that of all linear memories and tables together: counting each by itself, as
//! is usual, would give a component with two memories twice the limit.

use std::time::Duration;

use sedge_model::call::LimitName;
use wasmtime::ResourceLimiter;

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
    /// How many files it may have open.
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

/// What a table's element costs, for the sum: a reference.
const TABLE_ELEMENT_BYTES: usize = 8;

#[derive(Debug)]
pub(crate) struct Memory {
    bytes_max: usize,
    n_bytes: usize,
    exceeded: bool,
}

impl Memory {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            n_bytes: 0,
            exceeded: false,
        }
    }

    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Returns whether the guest ever asked for more than it may have.
    pub(crate) fn was_exceeded(&self) -> bool {
        self.exceeded
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let n_bytes = self.n_bytes.saturating_add(desired.saturating_sub(current));
        if n_bytes > self.bytes_max {
            self.exceeded = true;
            return false;
        }
        self.n_bytes = n_bytes;
        true
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

    #[test]
    fn memories_and_tables_count_together() {
        let mut memory = Memory::new(1000);
        assert!(memory.memory_growing(0, 400, None).expect("no error"));
        assert!(memory.memory_growing(0, 400, None).expect("no error"));
        assert!(memory.table_growing(0, 25, None).expect("no error"));
        assert!(!memory.was_exceeded());
        assert!(!memory.table_growing(25, 26, None).expect("no error"));
        assert!(memory.was_exceeded());
        assert!(
            !memory
                .memory_growing(400, usize::MAX, None)
                .expect("no error")
        );
    }
}
