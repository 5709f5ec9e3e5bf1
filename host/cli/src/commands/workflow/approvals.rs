//! `sedge workflow approvals`

use clap::Args;
use sedge_api::view::run::{FormerApprovalView, GateDeadlineView, OnTimeoutView};
use sedge_api::view::workflow::GateView;
use sedge_app::workflow::approvals::workflow_approvals;
use serde_json::{Map, Value};

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::failed_steps::failed_lines;
use crate::guest_text;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};
use crate::show;

/// The maximum number of characters of an input that are shown.
const INPUT_CHARS_SHOWN: usize = 200;

/// List the gates that wait for a decision, with what to know before deciding
#[derive(Debug, Args)]
pub(crate) struct WorkflowApprovalsArgs {
    #[command(flatten)]
    list: ListOptions,
}

impl Run for WorkflowApprovalsArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let mut rows = Rows::of_text(cx, &self.list);
        let is_shown = rows.is_shown();
        let mut gates = Vec::new();
        workflow_approvals::<CliError>(&cx.app()?, |gate| {
            let next = rows.push(&gate, Vec::new)?;
            if is_shown && rows.has_taken() {
                gates.push(text(&gate));
            }
            Ok(next)
        })?;
        let output = rows.output("No gate waits for a decision.")?;
        Ok(match gates.is_empty() {
            true => output,
            false => output.text(gates.join("\n\n")),
        })
    }
}

/// Returns a gate as text: what it asks for, and how to decide it.
fn text(gate: &GateView) -> String {
    let GateView {
        workflow,
        gate: name,
        run,
        parent,
        since,
        prompt,
        deadline,
        digest,
        former_approval,
        inputs,
        failed_steps,
    } = gate;
    let mut lines = vec![format!(
        "{name} of the workflow {workflow}, run {run}, waits since {}",
        show::time(*since)
    )];
    if !prompt.is_empty() {
        lines.push(format!("prompt: {}", guest_text::block(prompt, "  ")));
    }
    if let Some(parent) = parent {
        lines.push(match (&parent.step, &parent.call) {
            (Some(step), _) => format!("part of: step {step} of run {}", parent.run),
            (None, Some(call)) => format!("started by: the call {call}"),
            (None, None) => format!("part of: run {}", parent.run),
        });
    }
    lines.extend(former_approval.as_ref().map(former_line));
    lines.extend(deadline.as_ref().map(deadline_line));
    lines.extend(inputs.as_ref().filter(|it| !it.is_empty()).map(inputs_line));
    lines.extend(failed_lines(failed_steps));
    lines.extend(digest.as_ref().map(|digest| format!("digest: {digest}")));
    lines.push(format!(
        "hint: `{}` (or `reject`)",
        approve_command(workflow, name, run)
    ));
    lines.join("\n  ")
}

/// Why an approval counts no more, as the end of a sentence.
pub(crate) const FORMER_TEXT: &str =
    "before the text, inputs, definitions or plugins changed; decide again";

/// Returns the command that approves a gate.
pub(crate) fn approve_command(workflow: &str, gate: &str, run: &str) -> String {
    format!(
        "sedge workflow approve {} {} --run {run}",
        show::typed(workflow),
        show::typed(gate)
    )
}

/// Returns the effect of a gate's deadline as the end of a sentence.
pub(crate) fn then_text(on_timeout: OnTimeoutView) -> &'static str {
    match on_timeout {
        OnTimeoutView::Fail => "it fails",
        OnTimeoutView::Reject => "it is rejected",
        OnTimeoutView::Continue => "the run goes on WITHOUT approval",
    }
}

fn former_line(former: &FormerApprovalView) -> String {
    format!(
        "approved by {} at {} {FORMER_TEXT}",
        former.by,
        show::time(former.at)
    )
}

fn deadline_line(deadline: &GateDeadlineView) -> String {
    format!(
        "deadline: {}, then {}",
        show::time(deadline.at),
        then_text(deadline.on_timeout)
    )
}

fn inputs_line(inputs: &Map<String, Value>) -> String {
    let input = |(name, value): (&String, &Value)| {
        let value = value.to_string();
        let mut shown: String = value.chars().take(INPUT_CHARS_SHOWN).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        guest_text::line(&format!("{name}: {shown}"))
    };
    let inputs: Vec<String> = inputs.iter().map(input).collect();
    format!("inputs: {}", inputs.join(", "))
}
