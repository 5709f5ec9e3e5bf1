//! How much memory a call's instance may have: all linear memories and tables together.
//!
//! Counting each memory by itself, as is usual, would give a component with two memories
//! twice the limit.

use wasmtime::ResourceLimiter;

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
