//! The figures, for review. They are printed whether the test passes or not.

use std::io::Write;
use std::time::Duration;

use sedge_api::view::run::RunStatusView;

use crate::books::Books;
use crate::monitor::Checks;
use crate::worker::Requested;
use crate::{N_MODELS, N_PROCESSES, N_TASKS};

/// The number of proc(5)'s units of CPU time per second.
const TICKS_A_SECOND: f64 = 100.0;

/// The resources that the work took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) wall: Duration,
    /// CPU time of all workers, including killed ones.
    pub(crate) cpu: Duration,
    pub(crate) n_killed: usize,
}

/// Prints what was done, and how long calls waited.
pub(crate) fn show(
    (part, seed): (&str, u64),
    took: Took,
    books: &Books,
    requested: &[Requested],
    looked: Checks,
) {
    let Took {
        wall,
        cpu,
        n_killed,
    } = took;
    let n_deadlocks = requested.iter().map(|it| it.deadlocks.len()).sum::<usize>();
    let n_succeeded = requested.iter().map(|it| it.succeeded.len()).sum::<usize>();
    let n_ended = n_deadlocks + n_succeeded;
    let seconds = |n_looks: usize| n_looks as f64 / 10.0;
    let text = format!(
        "
stress, {part}: {N_PROCESSES} processes x {N_TASKS} tasks on {N_MODELS} models, seed {seed}
  took      {:.1} s, {:.1} s of CPU time; {n_killed} processes killed
  runs      {} succeeded, {} failed, {} cancelled, {} interrupted
  calls     {} succeeded, {:.0} a second
  deadlocks {} rolled back; {} of {} runs ended with `deadlock` ({:.2} %); a call was rolled back at most {} times
  waits     {}; the longest time in the queue {:.1} s
  without rollback {}
  checks    {}, delayed by up to {} ms; at most {} waiting, {} locks compared with their waiters
  lasted    a deadlock {:.1} s, a lock of a dead process {:.1} s, a lock of a holder that did not wait {:.1} s
",
        wall.as_secs_f64(),
        cpu.as_secs_f64(),
        books.n_of(RunStatusView::Succeeded),
        books.n_of(RunStatusView::Failed),
        books.n_of(RunStatusView::Cancelled),
        books.n_of(RunStatusView::Interrupted),
        books.n_calls(),
        books.n_calls() as f64 / wall.as_secs_f64(),
        requested.iter().map(|it| it.n_undone).sum::<usize>(),
        n_deadlocks,
        n_ended,
        percent(n_deadlocks, n_ended),
        books.rollbacks_max,
        waits(&books.waits_us),
        looked.wait_max.as_secs_f64(),
        waits(&books.waits_once_us),
        looked.n_looks,
        looked.late_max.as_millis(),
        looked.waiting_max,
        looked.n_compared,
        seconds(looked.deadlock_max),
        seconds(looked.dead_max),
        seconds(looked.busy_max),
    );
    // A macro's output would be captured by the test harness.
    let shown = std::io::stderr().lock().write_all(text.as_bytes());
    shown.expect("stderr can be written");
}

/// Returns the share of a part in percent.
fn percent(part: usize, of: usize) -> f64 {
    100.0 * part as f64 / of.max(1) as f64
}

/// Returns the distribution of sorted waits, in microseconds.
fn waits(waits_us: &[u64]) -> String {
    let percentile = |percent: usize| {
        let at = waits_us.len().saturating_sub(1) * percent / 100;
        let us = waits_us.get(at).copied().unwrap_or_default();
        Duration::from_micros(us).as_secs_f64() * 1000.0
    };
    let (median, p99) = (percentile(50), percentile(99));
    format!(
        "{} calls: median {median:.1} ms, p99 {p99:.1} ms ({:.1} times), longest {:.1} ms",
        waits_us.len(),
        p99 / median,
        percentile(100),
    )
}

/// Returns the CPU time of the ended child processes of this process.
pub(crate) fn cpu_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux shows processes there");
    // `12 (name) S 1 …`: the name may contain any character, so the fields after it are parsed.
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    // Fields 16 and 17 of proc(5) are the times of the children. The name is field 2.
    let ticks = fields.split(' ').skip(13).take(2);
    let ticks = ticks.map(|it| it.parse::<f64>().expect("a number"));
    Duration::from_secs_f64(ticks.sum::<f64>() / TICKS_A_SECOND)
}
