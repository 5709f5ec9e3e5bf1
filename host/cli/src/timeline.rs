//! The steps of a run over time, as bars.
//!
//! A bar is either work or a wait at a gate. The scale follows the time in which something worked:
//! a span in which nothing did, such as a night before a gate was decided, is drawn short, so that
//! it does not hide the work.

use std::collections::HashMap;

use clap::ValueEnum;
use sedge_api::Time;
use sedge_api::view::call::{CallStatusView, CallView};
use sedge_api::view::run::{RunReport, StepStatusView, StepView};
use sedge_app::Cx;
use sedge_app::run::nested::nested_runs;
use sedge_app::types::Timestamp;

mod scale;
mod svg;
mod text;

use scale::TimelineScale;

use crate::commands::run::list::what;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// The width of the text if stdout is not a terminal, in columns.
const COLUMNS: usize = 80;

/// The format of a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimelineFormat {
    /// Text for people.
    Text,
    /// A picture.
    Svg,
}

/// Returns the output for the timeline of a run. `n_calls_max` is the number of calls of one caller
/// that are shown.
///
/// # Errors
/// The run of a nested workflow cannot be read.
pub(crate) fn timeline_output(
    cx: &Context,
    app: &Cx,
    report: &RunReport,
    format: TimelineFormat,
    n_calls_max: usize,
) -> Result<Output, CliError> {
    let children = nested_runs(app, report)?;
    let now = Time::from_ms(Timestamp::now().0);
    let timeline = timeline(report, &children, now, n_calls_max);
    Ok(match format {
        TimelineFormat::Text => {
            let columns = cx.screen.stdout_columns();
            let columns = columns.map_or(COLUMNS, |it| it.saturating_sub(1));
            Output::default().text(text::drawn(&timeline, columns))
        }
        TimelineFormat::Svg => Output::default().text_data(svg::drawn(&timeline)),
    })
}

/// A run as rows with bars.
#[derive(Debug)]
struct Timeline {
    /// The run, with its status.
    title: String,
    /// How long it worked and waited.
    summary: String,
    rows: Vec<TimelineRow>,
    scale: TimelineScale,
}

/// A step, a gate or a call.
#[derive(Debug, PartialEq)]
struct TimelineRow {
    label: String,
    /// How many rows it is below: 0 for a step.
    depth: usize,
    status: &'static str,
    bars: Vec<TimelineBar>,
}

/// A span of time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TimelineBar {
    from: u64,
    until: u64,
    /// Whether a gate waits.
    is_wait: bool,
}

/// The class of a status, which decides its colour.
fn class(status: &str) -> &'static str {
    match status {
        "succeeded" | "satisfied" | "approved" => "succeeded",
        "failed" | "rejected" => "failed",
        "running" | "retrying" => "open",
        "waiting" | "suspended" | "expired" => "waiting",
        _ => "other",
    }
}

impl TimelineRow {
    /// Returns how long the bars are together, in milliseconds.
    fn duration_ms(&self) -> u64 {
        self.bars.iter().map(|bar| bar.until - bar.from).sum()
    }

    /// Returns the time and the status, as a note beside the bars. A step that succeeded needs no
    /// word.
    fn note(&self) -> String {
        let time = match self.bars.is_empty() {
            true => None,
            false => Some(show::duration_ms(float(self.duration_ms()))),
        };
        let status = match self.status {
            "succeeded" => None,
            status => Some(status.to_owned()),
        };
        let parts: Vec<String> = time.into_iter().chain(status).collect();
        parts.join(" ")
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few figures are shown")]
fn float(n: u64) -> f64 {
    n as f64
}

/// The runs of nested workflows, by their ids.
type ChildReports = HashMap<String, RunReport>;

/// Returns the timeline of a run at the time `now`. `n_calls_max` is the number of calls of one
/// caller that are shown.
fn timeline(
    report: &RunReport,
    children: &ChildReports,
    now: Time,
    n_calls_max: usize,
) -> Timeline {
    let until = report.run.ended_at.unwrap_or(now).ms();
    let mut rows = TimelineRows {
        children,
        until,
        n_calls_max,
        rows: Vec::new(),
    };
    rows.run(report, 0);
    let rows = rows.rows;
    let start = report.run.started_at.ms();
    let bars = rows.iter().flat_map(|row| &row.bars);
    let work = bars.clone().filter(|bar| !bar.is_wait);
    let end = bars.map(|bar| bar.until).max().unwrap_or(until).max(until);
    let status = report.run.status.as_str();
    let took = |ms: u64| show::duration_ms(float(ms));
    Timeline {
        title: format!("run {} of {}: {status}", report.run.id, what(&report.run)),
        summary: format!(
            "worked for {}, waited at gates for {}",
            took(report.working_ms),
            took(report.waiting_ms)
        ),
        scale: TimelineScale::new(work.map(|bar| (bar.from, bar.until)), start, end),
        rows,
    }
}

/// The rows that have been made so far.
struct TimelineRows<'r> {
    children: &'r ChildReports,
    /// The end of bars that are still open.
    until: u64,
    n_calls_max: usize,
    rows: Vec<TimelineRow>,
}

impl TimelineRows<'_> {
    // Nested workflows are at most 16 deep.
    fn run(&mut self, report: &RunReport, depth: usize) {
        let calls = report.calls.iter();
        let by_name: HashMap<&str, &CallView> =
            calls.map(|call| (call.call.as_str(), call)).collect();
        for step in &report.steps {
            let made = step.calls.iter();
            let made: Vec<&CallView> = made
                .filter_map(|call| by_name.get(call.as_str()).copied())
                .collect();
            self.step(step, &made, depth);
        }
        let of_run = report.calls.iter().filter(|call| call.step.is_none());
        self.calls(of_run.collect(), depth);
    }

    fn step(&mut self, step: &StepView, made: &[&CallView], depth: usize) {
        let bars = match (step.started_at, is_gate(step.status, step)) {
            (None, _) => Vec::new(),
            (Some(from), true) => vec![self.bar(from, step.ended_at, true)],
            (Some(from), false) if made.is_empty() => vec![self.bar(from, step.ended_at, false)],
            (Some(_), false) => {
                let mut bars: Vec<TimelineBar> = made.iter().map(|it| self.call_bar(it)).collect();
                // The step ends when its call is committed.
                if let (Some(last), Some(end)) = (bars.last_mut(), step.ended_at) {
                    last.until = last.until.max(end.ms());
                }
                bars
            }
        };
        let at = self.rows.len();
        self.rows.push(TimelineRow {
            label: step.step.clone(),
            depth,
            status: step.status.as_str(),
            bars,
        });
        // The row of a call that made no further calls would repeat that of its step.
        for call in made {
            self.calls(call.calls.iter().collect(), depth + 1);
        }
        let children = self.children;
        if let Some(child) = step.child.as_ref().and_then(|child| children.get(child)) {
            self.run(child, depth + 1);
            self.waits_apart(at);
        }
    }

    /// Draws the row of a step with a nested workflow as waiting while only gates of the workflow are
    /// open. The rows after it are those of the workflow.
    fn waits_apart(&mut self, at: usize) {
        let below = self.rows[at + 1..].iter().flat_map(|row| &row.bars);
        let below: Vec<TimelineBar> = below.copied().collect();
        if let [span] = self.rows[at].bars[..] {
            self.rows[at].bars = parts_of(span, &below);
        }
    }

    // The depth of nested calls is limited.
    fn calls(&mut self, calls: Vec<&CallView>, depth: usize) {
        let n_more = calls.len().saturating_sub(self.n_calls_max);
        for call in calls.iter().take(self.n_calls_max) {
            let bar = self.call_bar(call);
            self.rows.push(TimelineRow {
                label: format!("{}.{}", call.model, call.method),
                depth,
                status: call.status.as_str(),
                bars: vec![bar],
            });
            self.calls(call.calls.iter().collect(), depth + 1);
        }
        if n_more > 0 {
            self.rows.push(TimelineRow {
                label: format!("and {n_more} more calls"),
                depth,
                status: "",
                bars: Vec::new(),
            });
        }
    }

    fn call_bar(&self, call: &CallView) -> TimelineBar {
        let from = call.started_at.ms();
        let took = call.until_commit_ms.map(whole_ms);
        let until = match (took, call.status) {
            (Some(took), _) => from.saturating_add(took),
            (None, CallStatusView::Running) => self.until.max(from),
            // It is not known when the call of a process that crashed has ended.
            (
                None,
                CallStatusView::Succeeded
                | CallStatusView::Failed
                | CallStatusView::Cancelled
                | CallStatusView::Interrupted,
            ) => from,
        };
        TimelineBar {
            from,
            until,
            is_wait: false,
        }
    }

    fn bar(&self, from: Time, until: Option<Time>, is_wait: bool) -> TimelineBar {
        let until = until.map_or(self.until, Time::ms);
        TimelineBar {
            from: from.ms(),
            until: until.max(from.ms()),
            is_wait,
        }
    }
}

/// Returns a bar in parts: those in which bars below it only wait, and the others.
fn parts_of(span: TimelineBar, below: &[TimelineBar]) -> Vec<TimelineBar> {
    // The times at which bars begin and end, with the change of the numbers of those that work and wait.
    let mut changes: Vec<(u64, i64, i64)> = Vec::new();
    for bar in below.iter().filter(|bar| bar.from < bar.until) {
        let (work, wait) = if bar.is_wait { (0, 1) } else { (1, 0) };
        changes.push((bar.from, work, wait));
        changes.push((bar.until, -work, -wait));
    }
    changes.sort_unstable();
    changes.push((span.until, 0, 0));
    let mut parts: Vec<TimelineBar> = Vec::new();
    let (mut from, mut n_work, mut n_wait) = (span.from, 0, 0);
    for (time, work, wait) in changes {
        let until = time.clamp(span.from, span.until);
        let is_wait = n_wait > 0 && n_work == 0;
        match parts.last_mut() {
            Some(last) if last.is_wait == is_wait => last.until = until,
            Some(_) | None if from < until => parts.push(TimelineBar {
                from,
                until,
                is_wait,
            }),
            Some(_) | None => {}
        }
        from = until;
        n_work += work;
        n_wait += wait;
    }
    match parts.is_empty() {
        true => vec![span],
        false => parts,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, and a duration is not negative"
)]
fn whole_ms(ms: f64) -> u64 {
    ms.round() as u64
}

/// Returns whether a step is a gate. Only gates have a digest or a question; a gate of an older run
/// shows it by its status.
fn is_gate(status: StepStatusView, step: &StepView) -> bool {
    match status {
        StepStatusView::Waiting
        | StepStatusView::Approved
        | StepStatusView::Rejected
        | StepStatusView::Expired => true,
        StepStatusView::Pending
        | StepStatusView::Running
        | StepStatusView::Retrying
        | StepStatusView::Suspended
        | StepStatusView::Interrupted
        | StepStatusView::Succeeded
        | StepStatusView::Satisfied
        | StepStatusView::Failed
        | StepStatusView::Skipped => step.prompt.is_some() || step.digest.is_some(),
    }
}

#[cfg(test)]
mod tests;
