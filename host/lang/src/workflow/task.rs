//! Reads the task of a step.

use sedge_model::names::{MethodName, ModelName, TypeName, WorkflowName};
use sedge_model::run::{AssertSeverity, OnTimeout};

use super::read::{ExprScopes, WorkflowReader};
use super::text::WrittenText;
use super::{ModelTarget, Task, keys};
use crate::diagnostic::DiagnosticCode;
use crate::expr::template::Template;
use crate::suggest::nearest;
use crate::written::WrittenValue;
use crate::yaml::{KeySet, Keys, Node, read};

/// The types of tasks.
#[derive(Debug, Clone, Copy)]
enum TaskType {
    ModelMethod,
    Workflow,
    ManualApproval,
    Assert,
}

impl TaskType {
    const ALL: [Self; 4] = [
        Self::ModelMethod,
        Self::Workflow,
        Self::ManualApproval,
        Self::Assert,
    ];

    /// Returns the type as a file writes it.
    fn as_str(self) -> &'static str {
        match self {
            Self::ModelMethod => "model_method",
            Self::Workflow => "workflow",
            Self::ManualApproval => "manual_approval",
            Self::Assert => "assert",
        }
    }

    fn keys(self) -> &'static KeySet {
        match self {
            Self::ModelMethod => &keys::MODEL_METHOD,
            Self::Workflow => &keys::WORKFLOW_TASK,
            Self::ManualApproval => &keys::MANUAL_APPROVAL,
            Self::Assert => &keys::ASSERT,
        }
    }

    /// Returns the type whose keys a task without a type has.
    fn guessed(node: &Node) -> Option<Self> {
        let types = [
            ("modelIdOrName", Self::ModelMethod),
            ("methodName", Self::ModelMethod),
            ("workflowIdOrName", Self::Workflow),
            ("prompt", Self::ManualApproval),
            ("expr", Self::Assert),
        ];
        types
            .into_iter()
            .find(|(key, _)| node.get(key).is_some())
            .map(|it| it.1)
    }
}

impl WorkflowReader<'_> {
    pub(super) fn task(&mut self, node: &Node, scopes: &ExprScopes) -> Option<Task> {
        let Some(written) = node.get("type") else {
            self.task_without_type(node);
            return None;
        };
        let task_type = self.task_type(written);
        let Some(task_type) = task_type else {
            Keys::read(node, &keys::ANY_TASK, &mut self.faults)?;
            return None;
        };
        let keys = Keys::read(node, task_type.keys(), &mut self.faults)?;
        match task_type {
            TaskType::ModelMethod => self.model_method(&keys, scopes),
            TaskType::Workflow => {
                let workflow = self.required(&keys, &keys::WORKFLOW_TASK, "workflowIdOrName");
                let workflow = workflow.and_then(|it| self.written_text(it, scopes));
                if let Some(workflow) = &workflow {
                    self.literal_name::<WorkflowName>(workflow);
                }
                let inputs = self.task_inputs(&keys, scopes);
                Some(Task::Workflow {
                    workflow: workflow?,
                    inputs: inputs?,
                })
            }
            TaskType::ManualApproval => Some(self.manual_approval(&keys, scopes)),
            TaskType::Assert => {
                let expr = self.required(&keys, &keys::ASSERT, "expr");
                let expr = expr.and_then(|it| self.condition_text(it, "`expr`", scopes));
                let message = keys.get("message");
                let message = message.and_then(|it| self.written_text(it, scopes));
                let severity = keys.get("severity").and_then(|it| {
                    self.one_of(
                        it,
                        "severity",
                        AssertSeverity::ALL.map(|it| (it.as_str(), it)),
                    )
                });
                Some(Task::Assert {
                    expr: expr?,
                    message,
                    severity: severity.unwrap_or_default(),
                })
            }
        }
    }

    fn task_without_type(&mut self, node: &Node) {
        let Some(keys) = Keys::read(node, &keys::ANY_TASK, &mut self.faults) else {
            return;
        };
        let fault = self
            .faults
            .fault(keys.node().span.clone(), "the task has no `type`");
        let fault = fault.with_code(DiagnosticCode::MissingKey);
        let types = TaskType::ALL.map(TaskType::as_str);
        self.faults.push(match TaskType::guessed(node) {
            Some(it) => fault.with_hint(format!("write `type: {}`", it.as_str())),
            None => fault.with_hint(format!(
                "write `type: …`: the types are `{}`",
                types.join("`, `")
            )),
        });
    }

    fn task_type(&mut self, node: &Node) -> Option<TaskType> {
        let name = read::text(node, &mut self.faults)?;
        if let Some(found) = TaskType::ALL
            .into_iter()
            .find(|it| it.as_str() == name.value)
        {
            return Some(found);
        }
        let types = TaskType::ALL.map(TaskType::as_str);
        let message = format!("there is no task of type `{}`", name.value);
        let fault = self.faults.fault(name.span, message);
        let fault = fault.with_code(DiagnosticCode::UnknownName);
        let similar = match name.value.as_str() {
            "model" | "method" | "model-method" | "modelMethod" => Some("model_method"),
            "approval" | "gate" | "manual-approval" | "manualApproval" => Some("manual_approval"),
            "shell" | "script" | "command" | "run" => {
                let hint = "make a model that runs the command, and write `{type: model_method, modelIdOrName: NAME, methodName: METHOD}`";
                self.faults.push(fault.with_hint(hint));
                return None;
            }
            other => nearest(other, types),
        };
        self.faults.push(match similar {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None => fault.with_hint(format!("the types are `{}`", types.join("`, `"))),
        });
        None
    }

    fn model_method(&mut self, keys: &Keys<'_>, scopes: &ExprScopes) -> Option<Task> {
        let model = self.model_target(keys, scopes);
        let method = self.required(keys, &keys::MODEL_METHOD, "methodName");
        let method = method.and_then(|it| {
            if it.text().is_some_and(Template::has_expression) {
                let message = "the name of a method cannot have an expression";
                let fault = self.faults.fault(it.span.clone(), message);
                let hint = "write the name itself, because it is checked before the run begins";
                self.faults
                    .push(fault.with_code(DiagnosticCode::InvalidName).with_hint(hint));
                return None;
            }
            read::parsed::<MethodName>(it, &mut self.faults)
        });
        let inputs = self.task_inputs(keys, scopes);
        Some(Task::ModelMethod {
            model: model?,
            method: method?,
            inputs: inputs?,
        })
    }

    fn model_target(&mut self, keys: &Keys<'_>, scopes: &ExprScopes) -> Option<ModelTarget> {
        let typed = ["modelType", "modelName", "globalArgs"];
        let first_typed = typed.into_iter().find_map(|key| keys.member(key));
        let Some(first_typed) = first_typed else {
            let name = self.required(keys, &keys::MODEL_METHOD, "modelIdOrName")?;
            let name = self.written_text(name, scopes)?;
            return self
                .literal_name::<ModelName>(&name)
                .then_some(ModelTarget::Named(name));
        };
        if let Some(named) = keys.member("modelIdOrName") {
            let key = &first_typed.key.value;
            let message = format!("`modelIdOrName` cannot stand beside `{key}`");
            let fault = self.faults.fault(named.key.span.clone(), message);
            let fault = fault.with_code(DiagnosticCode::MisplacedKey);
            let hint = "write `modelIdOrName` for a model with a definition, or `modelType` and `modelName` for one without";
            self.faults.push(fault.with_hint(hint));
        }
        let type_name = self.required(keys, &keys::MODEL_METHOD, "modelType");
        let type_name = type_name.and_then(|it| read::parsed::<TypeName>(it, &mut self.faults));
        let name = self.required(keys, &keys::MODEL_METHOD, "modelName");
        let name = name.and_then(|it| self.written_text(it, scopes));
        let global_arguments = keys.get("globalArgs");
        let global_arguments = global_arguments.and_then(|it| self.argument_map(it, scopes));
        let (type_name, name) = (type_name?, name?);
        self.literal_name::<ModelName>(&name);
        Some(ModelTarget::Typed {
            type_name,
            name,
            global_arguments,
        })
    }

    /// Checks a name that has no expressions, and returns whether it is valid.
    fn literal_name<N>(&mut self, name: &WrittenText) -> bool
    where
        N: std::str::FromStr,
        N::Err: std::fmt::Display,
    {
        let Some(Err(error)) = name.literal().map(str::parse::<N>) else {
            return true;
        };
        self.faults
            .add(DiagnosticCode::InvalidName, name.span(), error.to_string());
        false
    }

    fn task_inputs(&mut self, keys: &Keys<'_>, scopes: &ExprScopes) -> Option<WrittenValue> {
        match keys.get("inputs") {
            Some(node) => self.argument_map(node, scopes),
            None => Some(WrittenValue::empty_object(self.file)),
        }
    }

    fn manual_approval(&mut self, keys: &Keys<'_>, scopes: &ExprScopes) -> Task {
        let prompt = keys.get("prompt");
        let prompt = prompt.and_then(|it| self.written_text(it, scopes));
        let timeout = self.span_of_time(keys, "timeout");
        let on_timeout = keys.get("onTimeout").and_then(|it| {
            let value = self.one_of(it, "onTimeout", OnTimeout::ALL.map(|it| (it.as_str(), it)))?;
            Some(crate::yaml::Located {
                value,
                span: it.span.clone(),
            })
        });
        if keys.get("timeout").is_none()
            && let Some(member) = keys.member("onTimeout")
        {
            let message = "`onTimeout` has no meaning without `timeout`";
            let fault = self.faults.fault(member.key.span.clone(), message);
            let fault = fault.with_code(DiagnosticCode::MissingKey);
            self.faults
                .push(fault.with_hint("write how long the gate waits: `timeout: 1d`"));
        }
        Task::ManualApproval {
            prompt,
            timeout,
            on_timeout,
        }
    }

    /// Reads one of a few words.
    fn one_of<T: Copy, const N: usize>(
        &mut self,
        node: &Node,
        key: &str,
        words: [(&'static str, T); N],
    ) -> Option<T> {
        let text = read::text(node, &mut self.faults)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(*value);
        }
        let known = words.map(|(word, _)| word);
        let message = format!("`{key}` cannot be `{}`", text.value.escape_debug());
        let fault = self.faults.fault(text.span, message);
        self.faults.push(match nearest(&text.value, known) {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None => fault.with_hint(format!("it is one of `{}`", known.join("`, `"))),
        });
        None
    }
}
