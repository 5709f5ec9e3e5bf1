//! What a user should know about a workflow before it runs: the parts of its file that are accepted
//! and have no effect yet, the parts that a run refuses, and the deadlines of gates.

use std::ops::Range;

use sedge_model::run::OnTimeout;
use serde_json::Value;

use super::{ModelTarget, PlacementKey, Step, Task, Workflow};
use crate::diagnostic::{Diagnostic, DiagnosticCode};
use crate::expr::Expr;

/// Returns a note about each part that is accepted and has no effect yet, and about the deadline of
/// each gate.
pub(super) fn notes(workflow: &Workflow) -> Vec<Diagnostic> {
    let mut notes = Findings::new(workflow);
    if let Some(trigger) = &workflow.trigger {
        let when = match &trigger.value.schedule {
            Some(schedule) => format!("the schedule `{}`", schedule.value),
            None => "`trigger`".to_owned(),
        };
        let message = format!("{when} has no effect without a server: a user starts the workflow");
        notes.add(trigger.span.clone(), message);
    }
    if let Some(reports) = &workflow.reports {
        let message = "`reports` has no effect yet: this version makes no reports";
        notes.add(reports.span.clone(), message);
    }
    notes.placement(&workflow.placement);
    notes.sensitive(workflow.tags.values().flat_map(|it| it.exprs()), IN_LABEL);
    for job in &workflow.jobs {
        notes.placement(&job.placement);
        notes.sensitive(job.guard.iter().map(|it| it.expr()), IN_CONDITION);
        for step in &job.steps {
            notes.placement(&step.placement);
            notes.name(step);
            notes.gate(step);
            notes.retry(step);
            notes.sensitive(step.tags.values().flat_map(|it| it.exprs()), IN_LABEL);
            notes.sensitive(step.guard.iter().map(|it| it.expr()), IN_CONDITION);
            if let Task::Assert { expr, .. } = &step.task {
                notes.sensitive(std::iter::once(expr.expr()), IN_CONDITION);
            }
        }
    }
    notes.sorted()
}

/// Returns each part that a run of this version refuses: the variables that only a server has.
pub(super) fn unsupported(workflow: &Workflow) -> Vec<Diagnostic> {
    let mut found = Findings::new(workflow);
    for expr in workflow.tags.values().flat_map(|it| it.exprs()) {
        found.expr(expr);
    }
    for job in &workflow.jobs {
        if let Some(guard) = &job.guard {
            found.expr(guard.expr());
        }
        for expr in job.steps.iter().flat_map(Step::exprs) {
            found.expr(expr);
        }
    }
    found.sorted()
}

/// What a label cannot do with a sensitive input.
const IN_LABEL: &str = "a label cannot contain it: labels are part of records";

/// What a condition cannot do with a sensitive input.
const IN_CONDITION: &str = "a condition can neither compare it nor compute with it";

/// Words that users write for the codes of failures of this program, which are the second ones.
const MISTAKEN_CODES: [(&str, &str); 6] = [
    ("timeout", "timed-out"),
    ("deadline", "timed-out"),
    ("trap", "trapped"),
    ("error", "failed"),
    ("failure", "failed"),
    ("locked", "busy"),
];

/// The findings in one file.
struct Findings<'w> {
    workflow: &'w Workflow,
    found: Vec<Diagnostic>,
}

impl<'w> Findings<'w> {
    fn new(workflow: &'w Workflow) -> Self {
        Self {
            workflow,
            found: Vec::new(),
        }
    }

    fn add(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.add_with(DiagnosticCode::NotSupported, span, message);
    }

    fn add_with(&mut self, code: DiagnosticCode, span: Range<usize>, message: impl Into<String>) {
        let found = Diagnostic::new(&self.workflow.file, span, message);
        self.found.push(found.with_code(code));
    }

    fn sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|it| (it.span.start, it.span.end));
        self.found.dedup();
        self.found
    }

    /// Notes the keys that say where steps are executed.
    fn placement(&mut self, placement: &[PlacementKey]) {
        for PlacementKey { key, span, .. } in placement {
            let instead = match *key {
                "driver" | "driverConfig" => "a step runs in the sandbox of this program",
                "queueTimeout" => "a step does not wait for a worker",
                "vaultName" => "secrets are those of this repository",
                _ => "every step runs on the machine that executes the run",
            };
            self.add(
                span.clone(),
                format!("`{key}` has no effect yet: {instead}"),
            );
        }
    }

    /// Notes expressions in the name of a step that has no expansions to be named.
    fn name(&mut self, step: &Step) {
        if step.name.literal().is_none() && step.for_each.is_none() {
            let message = "the expressions in `name` have no effect without `forEach`: the step is \
                           named as it is written";
            self.add(step.name.span(), message);
        }
    }

    /// Notes the effect of a gate's deadline.
    fn gate(&mut self, step: &Step) {
        let Task::ManualApproval {
            timeout: Some(timeout),
            on_timeout,
            ..
        } = &step.task
        else {
            return;
        };
        let undecided = format!("if no user decides it within {}", timeout.value);
        let gate = &step.path;
        let set = on_timeout.as_ref().map(|it| it.value);
        let message = match set.unwrap_or_default() {
            OnTimeout::Fail => format!("the gate `{gate}` fails {undecided}"),
            OnTimeout::Reject if set.is_none() => {
                format!("the gate `{gate}` is rejected {undecided}: `onTimeout` is not set")
            }
            OnTimeout::Reject => format!("the gate `{gate}` is rejected {undecided}"),
            OnTimeout::Continue => {
                format!("the run goes on WITHOUT approval of the gate `{gate}` {undecided}")
            }
        };
        let span = on_timeout.as_ref().map_or(&timeout.span, |it| &it.span);
        self.add_with(DiagnosticCode::GateDeadline, span.clone(), message);
    }

    /// Notes uses of sensitive inputs that fail when the expression is evaluated. An expression that may
    /// only ask whether there is such an input is left out.
    fn sensitive<'e>(&mut self, exprs: impl Iterator<Item = &'e Expr>, why: &str) {
        let workflow = self.workflow;
        let inputs = workflow.inputs.json();
        for expr in exprs.filter(|it| !it.text().contains("has(")) {
            for found in expr.references("inputs") {
                let pointer = format!("/properties/{}/sensitive", found.name);
                if inputs.pointer(&pointer) == Some(&Value::Bool(true)) {
                    let message = format!("`inputs.{}` is sensitive, and {why}", found.name);
                    self.add_with(DiagnosticCode::Expression, found.span, message);
                }
            }
        }
    }

    /// Notes codes after which a step is retried that look like those of this program: they are taken
    /// for codes of a plugin.
    fn retry(&mut self, step: &Step) {
        let codes = step.retry.iter().flat_map(|retry| &retry.value.on);
        for code in codes.flatten() {
            let meant = MISTAKEN_CODES.iter().find(|(word, _)| *word == code.value);
            if let Some((word, meant)) = meant {
                let message = format!(
                    "`{word}` is a code that only a plugin can choose; the code of this program is \
                     `{meant}`"
                );
                self.add_with(DiagnosticCode::UnknownName, code.span.clone(), message);
            }
        }
    }

    /// Adds the variables of an expression that no run of this version has.
    fn expr(&mut self, expr: &Expr) {
        for variable in ["webhook", "workers"] {
            if !expr.uses(variable) {
                continue;
            }
            let first = expr.references(variable).into_iter().next();
            let span = first.map_or_else(|| expr.span(), |it| it.span);
            self.add(
                span,
                format!("`{variable}` in an expression is not supported: only a server has it"),
            );
        }
    }
}

impl Step {
    /// Returns all expressions of the step.
    #[must_use]
    pub fn exprs(&self) -> Vec<&Expr> {
        let mut exprs = self.value_exprs();
        if let Some(for_each) = &self.for_each {
            exprs.extend(for_each.value.values.exprs());
        }
        exprs.extend(self.guard.iter().map(|it| it.expr()));
        if let Task::Assert { expr, .. } = &self.task {
            exprs.push(expr.expr());
        }
        exprs
    }

    /// Returns the expressions of the step's values: all but those of its conditions and of its
    /// `forEach`.
    fn value_exprs(&self) -> Vec<&Expr> {
        let mut exprs: Vec<&Expr> = self.name.exprs().collect();
        exprs.extend(self.tags.values().flat_map(|it| it.exprs()));
        match &self.task {
            Task::ModelMethod { model, inputs, .. } => {
                exprs.extend(model.name().exprs());
                if let ModelTarget::Typed {
                    global_arguments: Some(arguments),
                    ..
                } = model
                {
                    exprs.extend(arguments.exprs());
                }
                exprs.extend(inputs.exprs());
            }
            Task::Workflow { workflow, inputs } => {
                exprs.extend(workflow.exprs());
                exprs.extend(inputs.exprs());
            }
            Task::ManualApproval { prompt, .. } => {
                exprs.extend(prompt.iter().flat_map(|it| it.exprs()));
            }
            Task::Assert { message, .. } => {
                exprs.extend(message.iter().flat_map(|it| it.exprs()));
            }
        }
        exprs
    }
}
