//! The parts of a workflow's file that have no effect yet: those that are accepted, and those that
//! a run refuses.

use std::ops::Range;

use super::{ModelTarget, OnTimeout, PlacementKey, Step, Task, Workflow};
use crate::diagnostic::{Diagnostic, DiagnosticCode};
use crate::expr::Expr;
use crate::yaml::Located;

/// Returns a note about each part that is accepted and has no effect yet.
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
    if let Some(tag) = workflow.tags.values().next() {
        notes.add(
            tag.span(),
            "`tags` of the workflow have no effect yet: its data does not get them",
        );
    }
    notes.placement(&workflow.placement);
    for job in &workflow.jobs {
        notes.placement(&job.placement);
        notes.weight(job.weight.as_ref());
        for step in &job.steps {
            notes.placement(&step.placement);
            notes.weight(step.weight.as_ref());
            if let Some(tag) = step.tags.values().next() {
                notes.add(
                    tag.span(),
                    "`tags` of the step have no effect yet: its data does not get them",
                );
            }
            notes.gate(step);
        }
    }
    notes.sorted()
}

/// Returns each part that a run of this version refuses.
pub(super) fn unsupported(workflow: &Workflow) -> Vec<Diagnostic> {
    let mut found = Findings::new(workflow);
    found.key("timeout", workflow.timeout.as_ref());
    found.key("concurrency", workflow.concurrency.as_ref());
    for expr in workflow.tags.values().flat_map(|it| it.exprs()) {
        found.expr(expr);
    }
    for job in &workflow.jobs {
        found.key("concurrency", job.concurrency.as_ref());
        if let Some(guard) = &job.guard {
            found.refuse("guard", guard.span());
        }
        for step in &job.steps {
            found.step(step);
        }
    }
    found.sorted()
}

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
        let found = Diagnostic::new(&self.workflow.file, span, message);
        self.found
            .push(found.with_code(DiagnosticCode::NotSupported));
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

    fn weight(&mut self, weight: Option<&Located<i64>>) {
        if let Some(weight) = weight.filter(|it| it.value != 0) {
            let message =
                "`weight` has no effect yet: steps that are ready begin in the order of the file";
            self.add(weight.span.clone(), message);
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
        let after = format!("after {}", timeout.value);
        let gate = &step.path;
        let set = on_timeout.as_ref().map(|it| it.value);
        let message = match set.unwrap_or_default() {
            OnTimeout::Fail => format!("the gate `{gate}` fails {after}"),
            OnTimeout::Reject if set.is_none() => {
                format!("the gate `{gate}` is rejected {after}, because `onTimeout` is not set")
            }
            OnTimeout::Reject => format!("the gate `{gate}` is rejected {after}"),
            OnTimeout::Continue => {
                format!("the gate `{gate}` continues WITHOUT approval {after}")
            }
        };
        let span = on_timeout.as_ref().map_or(&timeout.span, |it| &it.span);
        self.add(span.clone(), message);
    }

    /// Adds that a key is not supported, if the file has it.
    fn key<T>(&mut self, key: &str, value: Option<&Located<T>>) {
        if let Some(value) = value {
            self.refuse(key, value.span.clone());
        }
    }

    fn refuse(&mut self, key: &str, span: Range<usize>) {
        self.add(span, format!("not supported yet: `{key}`"));
    }

    fn step(&mut self, step: &Step) {
        self.key("forEach", step.for_each.as_ref());
        if let Some(guard) = &step.guard {
            self.refuse("guard", guard.span());
        }
        self.key("timeout", step.timeout.as_ref());
        self.key("retry", step.retry.as_ref());
        self.key("concurrency", step.concurrency.as_ref());
        if let Some(over) = step.data_output_overrides.first() {
            self.refuse("dataOutputOverrides", over.span.clone());
        }
        if step.name.literal().is_none() && step.for_each.is_none() {
            self.add(
                step.name.span(),
                "not supported yet: an expression in `name` of a step",
            );
        }
        match &step.task {
            Task::ModelMethod { model, .. } => {
                if let ModelTarget::Typed { type_name, .. } = model {
                    self.refuse("modelType", type_name.span.clone());
                }
            }
            Task::Workflow { workflow, .. } => {
                self.add(
                    workflow.span(),
                    "not supported yet: a task of type `workflow`",
                );
            }
            Task::ManualApproval { timeout, .. } => self.key("timeout", timeout.as_ref()),
            Task::Assert { expr, .. } => {
                self.add(expr.span(), "not supported yet: a task of type `assert`");
            }
        }
        // The expressions of a step that is refused anyway would only repeat it.
        if step.for_each.is_none() {
            for expr in step.value_exprs() {
                self.expr(expr);
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
                format!("not supported yet: `{variable}` in an expression"),
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
