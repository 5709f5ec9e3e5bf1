//! `sedge run show`

use std::time::Duration;

use clap::Args;
use sedge_app::run_show::{RunReport, run_show};
use sedge_app::types::{CallRecord, CallStatus, Lineage, RunEvent, RunStatus};
use serde_json::{Value, json};

use crate::commands::run_list::{elapsed, run_json, what};
use crate::context::Context;
use crate::error::CliError;
use crate::failure::{Frames, error_text, undone_text};
use crate::output::{Node, Output, draw};
use crate::show;

/// Calls of one caller that are shown before the rest is summed up.
const SIBLINGS_SHOWN: usize = 20;

/// From when it is worth a word that a call waited for its locks.
const WAIT_SHOWN: Duration = Duration::from_millis(100);

/// Show a run as a tree of steps and calls
#[derive(Debug, Args)]
pub(crate) struct RunShowArgs {
    /// The run, or the beginning of its id [default: the newest]
    run: Option<String>,
    /// Show every call, however many one caller made
    #[arg(long)]
    all: bool,
    /// Show all functions that a guest was in when it trapped or panicked
    #[arg(long)]
    backtrace: bool,
}

pub(crate) fn run(cx: &Context, args: &RunShowArgs) -> Result<Output, CliError> {
    let report = run_show(&*cx.repository()?, args.run.as_deref())?;
    let shown = if args.all { usize::MAX } else { SIBLINGS_SHOWN };
    let tree = Tree {
        report: &report,
        shown,
        frames: if args.backtrace {
            Frames::All
        } else {
            Frames::Few
        },
    };
    let root = Lineage::root(report.run.id.clone());
    let mut data = run_json(&report.run, report.status);
    data["steps"] = json!(
        tree.steps()
            .into_iter()
            .map(|step| step.json)
            .collect::<Vec<_>>()
    );
    data["calls"] = tree.calls_json(&root);
    Ok(Output::new(data).text(tree.text(&root)))
}

struct Tree<'a> {
    report: &'a RunReport,
    shown: usize,
    frames: Frames,
}

/// A line of the tree for a step or gate, and the calls below it.
struct StepLine {
    text: String,
    json: Value,
    calls: Vec<Lineage>,
}

impl Tree<'_> {
    fn text(&self, root: &Lineage) -> String {
        let run = &self.report.run;
        let took = elapsed(run)
            .map(|took| format!(" after {}", show::duration(took)))
            .unwrap_or_default();
        let alone = if self.report.run.exclusive {
            " with the datastore to itself"
        } else {
            ""
        };
        let head = format!(
            "run {} of {}: {}{took}{alone}, started {} by {}",
            run.id,
            what(run),
            self.report.status.as_str(),
            show::timestamp(run.started_at),
            run.by
        );
        let mut below: Vec<Node> = Vec::new();
        for step in self.steps() {
            let calls = step
                .calls
                .iter()
                .filter_map(|lineage| self.call(lineage))
                .map(|call| self.node(call));
            below.push(Node {
                text: step.text,
                below: calls.collect(),
            });
        }
        let without_step = self
            .children(root)
            .into_iter()
            .filter(|call| call.step.is_none());
        below.extend(without_step.map(|call| self.node(call)));
        let mut lines = vec![head];
        draw(&below, "", &mut lines);
        lines.join("\n")
    }

    fn call(&self, lineage: &Lineage) -> Option<&CallRecord> {
        self.report
            .calls
            .iter()
            .find(|call| call.lineage == *lineage)
    }

    fn children(&self, parent: &Lineage) -> Vec<&CallRecord> {
        let is_child = |call: &&CallRecord| {
            call.lineage.depth() == parent.depth() + 1 && parent.covers(&call.lineage)
        };
        self.report.calls.iter().filter(is_child).collect()
    }

    fn node(&self, call: &CallRecord) -> Node {
        let mut text = format!("{}.{}: {}", call.model, call.method, self.status(call));
        if let Some(until_commit_us) = call.until_commit_us {
            text.push_str(&format!(
                " after {}",
                show::duration(Duration::from_micros(until_commit_us))
            ));
        }
        if let Some(waited) = call.waited_us.map(Duration::from_micros)
            && waited >= WAIT_SHOWN
        {
            text.push_str(&format!(", waited {} for others", show::duration(waited)));
        }
        match call.n_undone {
            0 => {}
            1 => text.push_str(", undone once for a deadlock"),
            n_undone => text.push_str(&format!(", undone {n_undone} times for deadlocks")),
        }
        if let Some(outcome) = &call.outcome {
            for write in &outcome.written {
                text.push_str(&format!(
                    ", wrote `{}` version {}",
                    write.name, write.version
                ));
            }
        }
        let mut below = Vec::new();
        let children = self.children(&call.lineage);
        below.extend(
            children
                .iter()
                .take(self.shown)
                .map(|child| self.node(child)),
        );
        if children.len() > self.shown {
            let rest = &children[self.shown..];
            let n_ok = rest
                .iter()
                .filter(|call| call.status == CallStatus::Succeeded)
                .count();
            let text = format!(
                "and {} more calls, {n_ok} of them succeeded (`--all` shows them)",
                rest.len()
            );
            below.push(Node::leaf(text));
        }
        if let Some(error) = &call.error {
            let lines = error_text(error, self.frames);
            below.extend(lines.lines().map(|line| Node::leaf(line.to_owned())));
        }
        if !call.undone.is_empty() {
            below.push(Node::leaf(undone_text(&call.undone)));
        }
        Node { text, below }
    }

    fn status(&self, call: &CallRecord) -> &'static str {
        match call.status {
            CallStatus::Running => self.running(),
            CallStatus::Succeeded | CallStatus::Failed | CallStatus::Cancelled => {
                call.status.as_str()
            }
        }
    }

    /// What the store knows as running has lost its process if its run has.
    fn running(&self) -> &'static str {
        if self.report.status == RunStatus::Running {
            "running"
        } else {
            "interrupted"
        }
    }

    fn steps(&self) -> Vec<StepLine> {
        let mut steps: Vec<(String, StepLine)> = Vec::new();
        for record in &self.report.events {
            let (name, word, note) = match &record.event {
                RunEvent::StepStarted { step, .. } => (step, self.running(), Value::Null),
                RunEvent::StepSucceeded { step } => (step, "succeeded", Value::Null),
                RunEvent::StepFailed { step, .. } => (step, "failed", Value::Null),
                RunEvent::StepSkipped { step, because } => (step, "skipped", json!(because)),
                RunEvent::GateOpened { gate } => (gate, "waiting", Value::Null),
                RunEvent::GateDecided {
                    gate,
                    decision,
                    by,
                    comment,
                } => {
                    let why = comment
                        .as_ref()
                        .map(|comment| format!(": {comment}"))
                        .unwrap_or_default();
                    (gate, decision.as_str(), json!(format!("by {by}{why}")))
                }
                RunEvent::Started
                | RunEvent::Resumed
                | RunEvent::Suspended
                | RunEvent::Ended { .. } => continue,
            };
            let root = Lineage::root(self.report.run.id.clone());
            let call = if let RunEvent::StepStarted { call, .. } = &record.event {
                Some(root.child(*call))
            } else {
                None
            };
            let name = name.to_string();
            let at = steps
                .iter()
                .position(|(other, _)| *other == name)
                .unwrap_or_else(|| {
                    let line = StepLine {
                        text: String::new(),
                        json: Value::Null,
                        calls: Vec::new(),
                    };
                    steps.push((name.clone(), line));
                    steps.len() - 1
                });
            let line = &mut steps[at].1;
            let note_text = note
                .as_str()
                .map(|note| format!(", {note}"))
                .unwrap_or_default();
            line.text = format!("step {name}: {word}{note_text}");
            line.json = json!({"step": name, "status": word, "note": note, "at": show::timestamp(record.at)});
            line.calls.extend(call);
        }
        steps.into_iter().map(|(_, line)| line).collect()
    }

    fn calls_json(&self, parent: &Lineage) -> Value {
        let calls = self.children(parent).into_iter().map(|call| {
            json!({
                "call": call.lineage,
                "step": call.step,
                "model": call.model,
                "method": call.method,
                "status": self.status(call),
                "arguments": call.arguments,
                "outcome": call.outcome,
                "error": call.error,
                "changesUndone": (!call.undone.is_empty()).then_some(&call.undone),
                "undone": call.n_undone,
                "startedAt": show::timestamp(call.started_at),
                "untilCommitMs": call.until_commit_us.map(ms),
                "waitedMs": call.waited_us.map(ms),
                "calls": self.calls_json(&call.lineage),
            })
        });
        calls.collect()
    }
}

fn ms(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64() * 1000.0
}
