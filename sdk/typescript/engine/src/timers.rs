//! The timers of an event loop: what is due next, in the order in which it is due.

use std::collections::BTreeMap;

/// Timers that wait, each with what to do once it is due. Times are nanoseconds of one clock.
#[derive(Debug)]
pub struct Timers<T> {
    waiting: BTreeMap<(u64, u32), T>,
    due_of: BTreeMap<u32, u64>,
    last: u32,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Timers<T> {
    /// Returns no timers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            due_of: BTreeMap::new(),
            last: 0,
        }
    }

    /// Adds a timer. Returns its id, or `None` if all ids are in use.
    pub fn start(&mut self, due: u64, action: T) -> Option<u32> {
        let id = self.last.checked_add(1)?;
        self.last = id;
        self.waiting.insert((due, id), action);
        self.due_of.insert(id, due);
        Some(id)
    }

    /// Removes a timer, and returns what it would have done. Returns `None` if there is none of this
    /// id.
    pub fn stop(&mut self, id: u32) -> Option<T> {
        let due = self.due_of.remove(&id)?;
        self.waiting.remove(&(due, id))
    }

    /// Returns the time at which the next timer is due.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// Returns the number of timers that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Returns whether no timer waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Removes and returns the next timer, if it is due at `now`. Timers that are due at the same time
    /// are returned in the order in which they were started.
    pub fn take_due(&mut self, now: u64) -> Option<T> {
        let entry = self.waiting.first_entry()?;
        let (due, id) = *entry.key();
        (due <= now).then(|| {
            self.due_of.remove(&id);
            entry.remove()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_are_taken_in_order_of_time_and_start() {
        let mut timers = Timers::default();
        for (due, name) in [(30, "c"), (10, "a"), (10, "b"), (40, "d")] {
            timers.start(due, name);
        }
        assert_eq!(timers.next_due(), Some(10));
        assert_eq!(timers.take_due(9), None);
        let taken: Vec<_> = std::iter::from_fn(|| timers.take_due(30)).collect();
        assert_eq!(taken, ["a", "b", "c"]);
        assert_eq!((timers.len(), timers.next_due()), (1, Some(40)));
    }

    #[test]
    fn stopped_timer_is_not_taken() {
        let mut timers = Timers::default();
        let first = timers.start(1, "first").expect("an id is free");
        timers.start(2, "second");
        assert_eq!(timers.stop(first), Some("first"));
        assert_eq!(timers.stop(first), None);
        assert_eq!(timers.stop(99), None);
        assert_eq!(timers.take_due(5), Some("second"));
        assert!(timers.is_empty());
    }
}
