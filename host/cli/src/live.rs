//! The live tree of a run on a terminal: the jobs that are under way, and below each its steps that
//! run, wait or have failed, with the last line that each of them logged.
//!
//! What has ended is printed as a line that stays, except for the items of a `forEach`: there can be
//! thousands of them, so they are counted, and one line says how they ended. The tree takes at most
//! two thirds of the terminal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sedge_app::types::{Timestamp, pause, stderr_rows};
use sedge_app::{Event, Events, ReportedEvent};

use crate::progress::Progress;
use crate::screen::{Screen, transient_columns};

mod lines;
#[cfg(test)]
mod tests;
mod tree;

use tree::LiveTree;

/// How often the tree is drawn. Lines that appear meanwhile are printed together with it.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// The number of rows of a terminal that does not say how many it has.
const ROWS: usize = 24;

/// What is printed besides the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LiveLines {
    /// What has ended, and what happened.
    All,
    /// Nothing, because the command prints other lines.
    Nothing,
}

/// Shows the events of a run as a tree, and passes those that stay to the lines.
pub(crate) struct LiveProgress {
    screen: Arc<Screen>,
    lines: Progress,
    printed: LiveLines,
    tree: Mutex<LiveTree>,
}

/// Erases the tree when the work has ended or was stopped.
struct EraseOnDrop<'l>(&'l LiveProgress);

impl Drop for EraseOnDrop<'_> {
    fn drop(&mut self) {
        let mut tree = std::mem::take(&mut *self.0.tree());
        for place in tree.items_unreported() {
            self.0.items_ended(&tree, &place);
        }
        self.0.screen.stderr_region_end();
    }
}

impl LiveProgress {
    /// Returns the tree, if stderr is a terminal that can show it.
    pub(crate) fn new(screen: &Arc<Screen>, printed: LiveLines) -> Option<Arc<Self>> {
        transient_columns()?;
        Some(Arc::new(Self {
            screen: Arc::clone(screen),
            lines: Progress::new(screen),
            printed,
            tree: Mutex::default(),
        }))
    }

    /// Waits for work, and draws the tree meanwhile.
    pub(crate) async fn shown_while<T>(&self, work: impl Future<Output = T>) -> T {
        let _erase = EraseOnDrop(self);
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                ended = &mut work => return ended,
                () = pause(REDRAW_INTERVAL) => self.redraw(),
            }
        }
    }

    fn redraw(&self) {
        let Some(columns) = transient_columns() else {
            return;
        };
        let n_rows = stderr_rows().unwrap_or(ROWS);
        let n_max = (2 * n_rows / 3).max(1);
        let lines = lines::lines(&self.tree(), n_max, columns);
        self.screen.stderr_region(&lines, columns);
    }

    fn record(&self, event: Event, ago: Duration) {
        let mut tree = self.tree();
        let shown = tree.record(&event, ago);
        match shown.is_line && self.printed == LiveLines::All {
            true => self.lines.show(event),
            false => self.lines.note(event),
        }
        if let Some(place) = &shown.items_ended {
            self.items_ended(&tree, place);
        }
    }

    /// Prints how the items of a `forEach` have ended.
    fn items_ended(&self, tree: &LiveTree, (run, path): &tree::StepPlace) {
        let expansion = tree.expansions.get(&(run.clone(), path.clone()));
        if let Some(expansion) = expansion
            && self.printed == LiveLines::All
        {
            self.lines
                .items_ended(run, path, &expansion.counts.parts().join(", "));
        }
    }

    fn tree(&self) -> MutexGuard<'_, LiveTree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receives the events for a tree.
pub(crate) struct LiveEvents(pub(crate) Arc<LiveProgress>);

impl Events for LiveEvents {
    fn event(&self, reported: ReportedEvent) {
        // A use case that follows a run of another process reports what happened some time ago.
        let ago_ms = Timestamp::now().0.saturating_sub(reported.at.0);
        let ago = Duration::from_millis(ago_ms);
        self.0.record(reported.event, ago);
    }
}
