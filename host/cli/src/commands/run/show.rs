//! `sedge run show`

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use sedge_api::problem::call::CallProblem;
use sedge_api::view::call::{CallStatusView, CallView, CalledRunView};
use sedge_api::view::run::{RunReport, StepStatusView, StepView};
use sedge_app::failure_text::{Frames, call_text, details_text, rolled_back_text, written_text};
use sedge_app::run::show::run_show;
use serde_json::Value;

use crate::commands::Run;
use crate::commands::run::list::{elapsed, status_text, what};
use crate::commands::workflow::approvals::{FORMER_TEXT, then_text};
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::{Output, TreeNode, draw};
use crate::show;
use crate::timeline::{TimelineFormat, timeline_output};

/// The number of calls of one caller that are shown; the others are summed up.
const SIBLINGS_SHOWN: usize = 20;

/// The shortest wait for locks that is shown, in milliseconds.
const WAIT_SHOWN_MS: f64 = 100.0;

/// Show a run as a tree of steps and calls
#[derive(Debug, Args)]
pub(crate) struct RunShowArgs {
    /// The run, or a prefix of its id [default: the newest]
    run: Option<String>,
    /// Show every call, even if one caller made many
    #[arg(long)]
    all: bool,
    /// Show the whole backtrace of a guest that trapped, panicked or says where it failed
    #[arg(long)]
    backtrace: bool,
    /// Show the steps over time, with the waits at gates apart from the work
    #[arg(long, conflicts_with = "backtrace")]
    timeline: bool,
    /// Draw the timeline in this format
    #[arg(
        long,
        value_name = "FORMAT",
        requires = "timeline",
        default_value = "text"
    )]
    format: TimelineFormat,
}

impl Run for RunShowArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let report = run_show(&app, self.run.as_deref())?;
        if cx.json {
            return Ok(Output::new(report));
        }
        if self.timeline {
            let shown = if self.all { usize::MAX } else { SIBLINGS_SHOWN };
            return timeline_output(cx, &app, &report, self.format, shown);
        }
        let tree = Tree {
            shown: if self.all { usize::MAX } else { SIBLINGS_SHOWN },
            frames: if self.backtrace {
                Frames::All
            } else {
                Frames::Few
            },
        };
        Ok(Output::default().text(tree.text(&report)))
    }
}

/// The options of the tree of a run.
struct Tree {
    /// The number of calls of one caller.
    shown: usize,
    frames: Frames,
}

impl Tree {
    fn text(&self, report: &RunReport) -> String {
        let mut below: Vec<TreeNode> = inputs(report).into_iter().collect();
        let by_name: HashMap<&str, &CallView> = report
            .calls
            .iter()
            .map(|call| (call.call.as_str(), call))
            .collect();
        for job in &report.failed_jobs {
            let text = format!("job {}: failed", job.job);
            below.push(TreeNode::new(text, self.error(&job.error)));
        }
        for step in &report.steps {
            let found = |calls: &[String]| -> Vec<&CallView> {
                let calls = calls.iter();
                let calls = calls.filter_map(|call| by_name.get(call.as_str()).copied());
                calls.collect()
            };
            let evaluated = found(&step.evaluation_calls);
            below.push(self.step(step, &evaluated, &found(&step.calls)));
        }
        let without_step = report.calls.iter().filter(|call| call.step.is_none());
        below.extend(without_step.map(|call| self.call(call)));
        if let Some(error) = &report.error {
            below.extend(self.error(error));
        }
        let mut lines = vec![head(report)];
        lines.extend(times_line(report));
        lines.extend(cancellation_line(report));
        draw(&below, "", &mut lines);
        lines.join("\n")
    }

    /// Returns the node of a step. `evaluated` are the calls that its guard or its condition made, and
    /// `made` those of its attempts.
    fn step(&self, step: &StepView, evaluated: &[&CallView], made: &[&CallView]) -> TreeNode {
        let mut below: Vec<TreeNode> = evaluated.iter().map(|call| self.call(call)).collect();
        below.extend(step.prompt.as_ref().map(|prompt| {
            let prompt = guest_text::line(&prompt.replace('\n', " "));
            TreeNode::leaf(format!("prompt: {prompt}"))
        }));
        for attempt in &step.failed_attempts {
            let text = format!("attempt {} failed", attempt.attempt);
            // The call of the attempt shows the error itself.
            let is_shown = attempt.call.is_some()
                && made
                    .iter()
                    .any(|call| Some(&call.call) == attempt.call.as_ref());
            let error = match is_shown {
                true => Vec::new(),
                false => self.error(&attempt.error),
            };
            below.push(TreeNode::new(text, error));
        }
        below.extend(made.iter().map(|call| self.call(call)));
        // The error that a call reported is not shown twice.
        let is_shown = made.last().is_some_and(|call| call.error.is_some());
        if let Some(error) = step.error.as_ref().filter(|_| !is_shown) {
            below.extend(self.error(error));
        }
        if let Some(child) = &step.child {
            below.push(TreeNode::leaf(format!(
                "run {child}: `sedge run show {child}`"
            )));
        }
        let text = step_line(step);
        TreeNode::new(text, below)
    }

    fn call(&self, call: &CallView) -> TreeNode {
        let mut below: Vec<TreeNode> = Vec::new();
        let (shown, rest) = call.calls.split_at(call.calls.len().min(self.shown));
        below.extend(shown.iter().map(|call| self.call(call)));
        if !rest.is_empty() {
            let n_ok = rest
                .iter()
                .filter(|call| call.status == CallStatusView::Succeeded)
                .count();
            let text = format!(
                "and {} more calls, {n_ok} of them succeeded (`--all` shows them)",
                rest.len()
            );
            below.push(TreeNode::leaf(text));
        }
        let (shown, rest) = call.runs.split_at(call.runs.len().min(self.shown));
        below.extend(shown.iter().map(called_run));
        if !rest.is_empty() {
            let text = format!("and {} more runs (`--all` shows them)", rest.len());
            below.push(TreeNode::leaf(text));
        }
        if let Some(error) = &call.error {
            below.extend(self.error(error));
        }
        if let Some(rolled_back) = &call.rolled_back {
            below.push(TreeNode::leaf(rolled_back_text(rolled_back)));
        }
        let text = call_line(call);
        TreeNode::new(text, below)
    }

    fn error(&self, error: &CallProblem) -> Vec<TreeNode> {
        let text = call_text(error, self.frames);
        let texts = [Some(text), details_text(error)].into_iter().flatten();
        texts
            .map(|text| TreeNode::of_lines(&guest_text::block(&text, "")))
            .collect()
    }
}

/// Returns the run of a workflow that a call has started.
fn called_run(called: &CalledRunView) -> TreeNode {
    let CalledRunView {
        run,
        workflow,
        status,
    } = called;
    let status = status.as_str();
    TreeNode::leaf(format!(
        "run {run} of {workflow}: {status}: `sedge run show {run}`"
    ))
}

/// Returns a step as one line: its status, and why it has it.
fn step_line(step: &StepView) -> String {
    let mut text = format!("step {}: {}", step.step, step.status.as_str());
    if step.is_allowed {
        text.push_str(" (allowed)");
    }
    // A gate has waited for this long.
    if let (
        Some(ms),
        StepStatusView::Succeeded
        | StepStatusView::Failed
        | StepStatusView::Approved
        | StepStatusView::Rejected
        | StepStatusView::Expired,
    ) = (step.duration_ms, step.status)
    {
        text.push_str(&format!(
            " after {}",
            show::duration(Duration::from_millis(ms))
        ));
    }
    if let Some(because) = &step.because {
        text.push_str(&format!(", {because}"));
    }
    if let Some(by) = &step.decided_by {
        text.push_str(&format!(", by {by}"));
    }
    if let Some(comment) = &step.comment {
        text.push_str(&format!(": {comment}"));
    }
    if let (Some(former), StepStatusView::Waiting) = (&step.former_approval, step.status) {
        text.push_str(&format!(", approved by {} {FORMER_TEXT}", former.by));
    }
    if let Some(deadline) = &step.deadline {
        let (at, then) = (show::time(deadline.at), then_text(deadline.on_timeout));
        match step.status {
            StepStatusView::Waiting => text.push_str(&format!(", until {at}, then {then}")),
            StepStatusView::Expired => {
                text.push_str(&format!(": no user decided before its deadline, so {then}"));
            }
            StepStatusView::Pending
            | StepStatusView::Running
            | StepStatusView::Retrying
            | StepStatusView::Suspended
            | StepStatusView::Interrupted
            | StepStatusView::Succeeded
            | StepStatusView::Satisfied
            | StepStatusView::Failed
            | StepStatusView::Skipped
            | StepStatusView::Approved
            | StepStatusView::Rejected => {}
        }
    }
    if let Some(at) = step.next_attempt_at {
        text.push_str(&format!(", next attempt at {}", show::time(at)));
    }
    text
}

/// The maximum number of characters of an input that are shown.
const INPUT_CHARS_SHOWN: usize = 200;

/// Returns the inputs of a run as a part of the tree.
fn inputs(report: &RunReport) -> Option<TreeNode> {
    let inputs = report.inputs.as_ref().filter(|it| !it.is_empty())?;
    let line = |(name, value): (&String, &Value)| {
        let value = value.to_string();
        let mut shown: String = value.chars().take(INPUT_CHARS_SHOWN).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        TreeNode::leaf(guest_text::line(&format!("{name}: {shown}")))
    };
    let inputs = inputs.iter().map(line).collect();
    Some(TreeNode::new("inputs".to_owned(), inputs))
}

/// Returns the first line: the run as a whole.
fn head(report: &RunReport) -> String {
    let run = &report.run;
    let took = elapsed(run)
        .map(|took| format!(" after {}", show::duration(took)))
        .unwrap_or_default();
    let exclusive = if run.exclusive {
        " with exclusive use of the datastore"
    } else {
        ""
    };
    let part_of = match (&run.parent, &report.parent_step, &report.parent_call) {
        (Some(parent), Some(step), _) => format!(", part of step {step} of run {parent}"),
        (Some(_), None, Some(call)) => format!(", started by the call {call}"),
        (Some(parent), None, None) => format!(", part of run {parent}"),
        (None, _, _) => String::new(),
    };
    let tags = report.tags.iter();
    let tags: String = tags
        .map(|(key, value)| format!(", {key}={value}"))
        .collect();
    format!(
        "run {} of {}: {}{took}{exclusive}, started {} by {}{part_of}{tags}",
        run.id,
        what(run),
        status_text(run),
        show::time(run.started_at),
        run.started_by
    )
}

/// Returns how long the run was worked on and how long it waited, if it waited at all.
fn times_line(report: &RunReport) -> Option<String> {
    let duration = |ms| show::duration(Duration::from_millis(ms));
    (report.waiting_ms > 0).then(|| {
        format!(
            "worked on for {}, waited at gates for {}",
            duration(report.working_ms),
            duration(report.waiting_ms)
        )
    })
}

fn cancellation_line(report: &RunReport) -> Option<String> {
    let cancelled = report.cancelled.as_ref()?;
    let (at, by) = (show::time(cancelled.at), &cancelled.by);
    let reason = cancelled.reason.as_ref().map(|it| format!(": {it}"));
    // ignored: no error is dropped, because this is an `Option`.
    let reason = reason.unwrap_or_default();
    Some(format!(
        "cancelled {at} by {by}{}",
        guest_text::line(&reason)
    ))
}

/// Returns a call as one line.
fn call_line(call: &CallView) -> String {
    let mut text = format!("{}.{}: {}", call.model, call.method, call.status.as_str());
    if let Some(ms) = call.until_commit_ms {
        text.push_str(&format!(" after {}", show::duration_ms(ms)));
    }
    if let Some(ms) = call.waited_ms.filter(|ms| *ms >= WAIT_SHOWN_MS) {
        text.push_str(&format!(", waited {} for locks", show::duration_ms(ms)));
    }
    match call.retries {
        0 => {}
        1 => text.push_str(", rolled back and retried once"),
        n => text.push_str(&format!(", rolled back and retried {n} times")),
    }
    if let Some(outcome) = &call.outcome
        && let Some(written) = written_text(&outcome.written)
    {
        text.push_str(&format!(", wrote {written}"));
    }
    if let Some(kept) = call.kept.as_ref().and_then(written_text) {
        let word = match call.status {
            CallStatusView::Running => "published",
            CallStatusView::Succeeded
            | CallStatusView::Failed
            | CallStatusView::Cancelled
            | CallStatusView::Interrupted => "kept",
        };
        text.push_str(&format!(", {word} {kept}"));
    }
    text
}
