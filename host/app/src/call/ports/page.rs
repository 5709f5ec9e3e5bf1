//! Measures a page that a guest receives.

use sedge_runtime::PageLimits;
use sedge_sys::clock::Moment;

/// Measures one page.
pub(super) struct PageMeter {
    limits: PageLimits,
    until: Moment,
    n_looked: u64,
    n_items: usize,
    n_bytes: usize,
}

impl PageMeter {
    pub(super) fn new(limits: &PageLimits) -> Self {
        Self {
            limits: *limits,
            until: Moment::now().after(limits.time),
            n_looked: 0,
            n_items: 0,
            n_bytes: 0,
        }
    }

    /// Returns whether the page ends here. Something is looked at on each page, so that a guest which
    /// asks for one page after the other comes to the end.
    pub(super) fn is_full(&self) -> bool {
        let is_large = self.n_items >= self.limits.n_items || self.n_bytes >= self.limits.n_bytes;
        self.n_looked > 0 && (is_large || self.until.left().is_zero())
    }

    /// Notes that something was looked at, whether it becomes an item or not.
    pub(super) fn look(&mut self) {
        self.n_looked += 1;
    }

    /// Returns whether an item of this size fits on the page. The first one fits if it is not larger
    /// than a page.
    pub(super) fn fits(&self, n_bytes: usize) -> bool {
        self.n_bytes + n_bytes <= self.limits.n_bytes
    }

    /// Returns whether the page has no item.
    pub(super) fn is_empty(&self) -> bool {
        self.n_items == 0
    }

    pub(super) fn add(&mut self, n_bytes: usize) {
        self.n_items += 1;
        self.n_bytes += n_bytes;
    }
}
