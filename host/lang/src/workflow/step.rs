//! Reads a step: its name, when and how often it is executed, and the values that it is executed
//! for.

use sedge_model::names::{JobName, StepName};
use sedge_model::run::StepPath;

use super::depends::DependsOn;
use super::graph::GraphNode;
use super::read::{ExprScopes, WorkflowReader, is_one_expression};
use super::{ForEach, Step, keys};
use crate::diagnostic::DiagnosticCode;
use crate::expr::template::Template;
use crate::written::WrittenValue;
use crate::yaml::{Keys, Located, Member, Node, NodeKind, read};

/// The maximum number of values of a `forEach` that are written out.
///
/// Each becomes a step of its own.
const ITEMS_MAX: usize = 10_000;

/// Names that the item of a `forEach` cannot have, because `self` has members of these names
/// elsewhere.
const RESERVED_ITEMS: [&str; 1] = ["self"];

impl WorkflowReader<'_> {
    /// Reads a step of the job `job`, and adds it to the graph of the job.
    pub(super) fn step(&mut self, node: &Node, job: &JobName, scopes: &ExprScopes) -> Option<Step> {
        let keys = Keys::read(node, &keys::STEP, &mut self.faults)?;
        let for_each = present(&keys, "forEach").and_then(|it| self.for_each(it, scopes));
        // The expressions of the body know the item. Those of `in` do not.
        let own = for_each
            .as_ref()
            .map(|it| ExprScopes::of(Some(&it.value.item)));
        let scopes = own.as_ref().unwrap_or(scopes);
        let name_node = self.required(&keys, &keys::STEP, "name");
        let name = name_node.and_then(|it| read::parsed::<StepName>(it, &mut self.faults));
        let text = name_node.and_then(|it| self.written_text(it, scopes));
        let depends_on = self.depends_on(&keys, DependsOn::STEPS);
        if let (Some(name), Some(graph)) = (&name, self.step_graphs.last_mut()) {
            let node = GraphNode::new(name, &depends_on, StepName::as_str);
            graph.nodes.push(node);
        }
        let description = self.optional_text(&keys, "description");
        let guard = keys.get("guard").and_then(|it| self.guard(it, scopes));
        let allow_failure = self.flag(&keys, "allowFailure");
        let timeout = self.span_of_time(&keys, "timeout");
        let retry = present(&keys, "retry").and_then(|it| self.retry(it));
        let weight = self.weight(&keys);
        let concurrency = self.concurrency(&keys);
        let tags = self.tags(&keys, scopes);
        let data_output_overrides = self.output_overrides(&keys);
        let placement = self.placement(&keys);
        let task = self.required(&keys, &keys::STEP, "task");
        let task = task.and_then(|it| self.task(it, scopes));
        if timeout.is_some()
            && let Some(task @ super::Task::ManualApproval { .. }) = &task
        {
            self.gate_timeout(&keys, task.type_str());
        }
        Some(Step {
            path: StepPath {
                job: job.clone(),
                step: name?.value,
            },
            name: text?,
            description,
            task: task?,
            depends_on,
            for_each,
            guard,
            allow_failure,
            timeout,
            retry,
            weight,
            concurrency,
            tags,
            data_output_overrides,
            placement,
        })
    }

    /// Refuses the timeout of an attempt for a gate, which has a deadline in its task.
    fn gate_timeout(&mut self, keys: &Keys<'_>, task: &str) {
        if let Some(member) = keys.member("timeout") {
            let message =
                format!("a step with a task of type `{task}` has no `timeout` of an attempt");
            let fault = self.faults.fault(member.key.span.clone(), message);
            let fault = fault.with_code(DiagnosticCode::MisplacedKey);
            let hint = "write it in the task: `task: {type: manual_approval, timeout: 1d, onTimeout: reject}`";
            self.faults.push(fault.with_hint(hint));
        }
    }

    fn for_each(&mut self, member: &Member, scopes: &ExprScopes) -> Option<Located<ForEach>> {
        let keys = Keys::read(&member.value, &keys::FOR_EACH, &mut self.faults)?;
        let item = self.required(&keys, &keys::FOR_EACH, "item");
        let item = item.and_then(|it| self.item_name(it));
        let values = self.required(&keys, &keys::FOR_EACH, "in");
        let values = values.and_then(|it| self.for_each_values(it, scopes));
        Some(Located {
            value: ForEach {
                item: item?,
                values: values?,
            },
            span: member.key.span.clone(),
        })
    }

    fn item_name(&mut self, node: &Node) -> Option<String> {
        let name = read::text(node, &mut self.faults)?;
        let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
        let is_name = name.value.starts_with(is_start)
            && name
                .value
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_name && !RESERVED_ITEMS.contains(&name.value.as_str()) {
            return Some(name.value);
        }
        let message = format!(
            "`{}` cannot be the name of an item",
            name.value.escape_debug()
        );
        let fault = self.faults.fault(name.span, message);
        let fault = fault.with_code(DiagnosticCode::InvalidName);
        let hint = "write a word of letters, digits and `_`: with `item: region`, the value is `self.region`";
        self.faults.push(fault.with_hint(hint));
        None
    }

    fn for_each_values(&mut self, node: &Node, scopes: &ExprScopes) -> Option<WrittenValue> {
        let n_items = match &node.kind {
            NodeKind::List(items) => items.len(),
            NodeKind::Map(members) => members.len(),
            NodeKind::Text(text) if is_one_expression(&text.value) => 0,
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Text(_) => {
                let message = format!(
                    "`in` has to be a list or a map, and this is {}",
                    node.described(self.file)
                );
                let hint = match node.text().filter(|it| it.contains(['.', '(', '['])) {
                    Some(text) if !Template::has_expression(text) => {
                        format!("if it is an expression, write `${{{{ {} }}}}`", text.trim())
                    }
                    Some(_) | None => {
                        "write `[a, b]`, or one expression that yields a list: `${{ inputs.NAME }}`"
                            .to_owned()
                    }
                };
                let fault = self.faults.fault(node.span.clone(), message);
                let fault = fault.with_code(DiagnosticCode::WrongType);
                self.faults.push(fault.with_hint(hint));
                return None;
            }
        };
        if n_items > ITEMS_MAX {
            let message = format!("`in` has {n_items} values, more than {ITEMS_MAX}");
            self.faults
                .add(DiagnosticCode::FileLimit, node.span.clone(), message);
        }
        Some(self.written_value(node, scopes))
    }
}

/// Returns a key that has a value.
fn present<'n>(keys: &Keys<'n>, key: &str) -> Option<&'n Member> {
    keys.member(key).filter(|it| !it.value.is_null())
}
