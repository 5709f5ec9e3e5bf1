//! Pages: the limits of one part of a long answer to a guest.

use std::time::Duration;

use super::JSON_BYTES_MAX;

/// The maximum number of items of a page. The guest chooses the number and the host allocates the
/// page.
const PAGE_ITEMS_MAX: u32 = 1000;

/// The maximum size of a page, in bytes of its texts. The operator, or the plugins that wrote the
/// data, choose the size of an item.
const PAGE_BYTES_MAX: usize = JSON_BYTES_MAX;

/// How long the host looks for the items of a page before it returns those that it has found.
///
/// The guest chooses what to look for, and its thread cannot do anything else meanwhile: notice that
/// its call is cancelled, for example.
const PAGE_TIME_MAX: Duration = Duration::from_millis(50);

/// The limits of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimits {
    /// The maximum number of items, at least 1.
    pub n_items: usize,
    /// The size in bytes from which on no further item is added. A larger item has a page of its own,
    /// or is refused.
    pub n_bytes: usize,
    /// The time after which no further item is looked at.
    pub time: Duration,
}

impl PageLimits {
    /// Returns the limits of a page with the number of items that a guest chooses.
    pub(crate) fn of_guest(count_max: u32) -> Self {
        Self {
            n_items: count_max.clamp(1, PAGE_ITEMS_MAX) as usize,
            n_bytes: PAGE_BYTES_MAX,
            time: PAGE_TIME_MAX,
        }
    }
}
