//! Reads a workflow and its jobs from the tree of its file.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sedge_model::names::{JobName, WorkflowName};

use super::depends::DependsOn;
use super::graph::{GraphNode, GraphRules};
use super::text::{WrittenCondition, WrittenText};
use super::{Job, Trigger, Workflow, graph, keys, uses};
use crate::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};
use crate::expr::template::Template;
use crate::expr::{Expr, TextPlace, Variables};
use crate::input::InputsSchema;
use crate::scope::workflow_scopes;
use crate::suggest::nearest;
use crate::written::WrittenValue;
use crate::yaml::faults::FAULTS_MAX;
use crate::yaml::{Faults, KeySet, Keys, Located, Node, NodeKind, read};

/// The reader of a file, with the faults that it has found.
pub(super) struct WorkflowReader<'f> {
    pub(super) file: &'f Arc<SourceFile>,
    pub(super) faults: Faults,
    pub(super) step_graphs: Vec<StepGraph>,
    pub(super) job_graph: Vec<GraphNode>,
    /// Whether a job or a step could not be read, so that references to it are no faults.
    is_partial: bool,
}

/// The steps of a job, as the check of its graph needs them.
pub(super) struct StepGraph {
    job: String,
    pub(super) nodes: Vec<GraphNode>,
}

/// The names that the expressions of one part of a workflow can use.
#[derive(Debug)]
pub(super) struct ExprScopes {
    values: Variables,
    conditions: Variables,
    item: Option<String>,
}

/// Reads a workflow.
///
/// # Errors
/// All faults of the file.
pub(super) fn workflow(tree: Node, file: &Arc<SourceFile>) -> Result<Workflow, Faults> {
    let mut reader = WorkflowReader {
        file,
        faults: Faults::new(file),
        step_graphs: Vec::new(),
        job_graph: Vec::new(),
        is_partial: false,
    };
    let workflow = reader.workflow(&tree);
    // The parts that the workflow keeps are shared with it. All others are freed before the checks.
    drop(tree);
    reader.check_graphs();
    if let Some(workflow) = &workflow
        && !reader.is_partial
    {
        uses::check(workflow, &mut reader.faults);
    }
    reader.faults.result_of(workflow)
}

impl WorkflowReader<'_> {
    fn workflow(&mut self, tree: &Node) -> Option<Workflow> {
        let keys = Keys::read(tree, &keys::WORKFLOW, &mut self.faults)?;
        let name = self.required(&keys, &keys::WORKFLOW, "name");
        let name = name.and_then(|it| read::parsed::<WorkflowName>(it, &mut self.faults));
        let inputs = match keys.get("inputs") {
            Some(node) => InputsSchema::read(node, self.file, &mut self.faults),
            None => InputsSchema::none(),
        };
        let scopes = ExprScopes::of(None);
        let id = keys
            .get("id")
            .and_then(|it| read::parsed(it, &mut self.faults));
        let version = keys.get("version");
        let version = version.and_then(|it| read::whole_number(it, &mut self.faults));
        let description = self.optional_text(&keys, "description");
        let tags = self.tags(&keys, &scopes);
        let exclusive = self.flag(&keys, "exclusive");
        let concurrency = self.concurrency(&keys);
        let timeout = self.span_of_time(&keys, "timeout");
        let trigger = keys.get("trigger").and_then(|it| self.trigger(it, &scopes));
        let reports = keys.get("reports").and_then(|it| self.reports(it));
        let placement = self.placement(&keys);
        let jobs = self.jobs(&keys, &scopes);
        let (name, jobs) = (name?, jobs?);
        Some(Workflow {
            file: Arc::clone(self.file),
            name: name.value,
            name_span: name.span,
            id: id.map(|it| it.value),
            description,
            version: version.map(|it| it.value),
            tags,
            inputs,
            exclusive,
            concurrency,
            timeout,
            trigger,
            reports,
            placement,
            jobs,
        })
    }

    fn jobs(&mut self, keys: &Keys<'_>, scopes: &ExprScopes) -> Option<Vec<Job>> {
        let node = self.required(keys, &keys::WORKFLOW, "jobs")?;
        let nodes = self.entries(
            node,
            "jobs",
            "a workflow has a list of jobs: `jobs: [{name: main, steps: […]}]`",
        )?;
        if nodes.is_empty() {
            let fault = self
                .faults
                .fault(node.span.clone(), "the workflow has no jobs");
            let fault = fault.with_hint("write `- name: main` and its `steps` under it");
            self.faults.push(fault);
            return None;
        }
        let mut jobs: Vec<Job> = Vec::with_capacity(nodes.len());
        jobs.extend(nodes.iter().filter_map(|it| self.job(it, scopes)));
        self.is_partial |= jobs.len() < nodes.len();
        Some(jobs)
    }

    /// Checks what the jobs, and the steps of each job, wait for.
    fn check_graphs(&mut self) {
        let jobs = std::mem::take(&mut self.job_graph);
        let graphs = std::mem::take(&mut self.step_graphs);
        let is_complete = !self.is_partial;
        let mut jobs_of: HashMap<&str, &str> = HashMap::new();
        for graph in &graphs {
            let names = graph.nodes.iter().map(|node| node.name.as_str());
            jobs_of.extend(names.map(|name| (name, graph.job.as_str())));
        }
        let rules = GraphRules {
            what: "job",
            is_complete,
            elsewhere: &|name| {
                let job = jobs_of.get(name)?;
                let hint = "a job waits for jobs";
                Some(format!(
                    "`{name}` is a step of the job `{job}`; {hint}: `dependsOn: [{{job: {job}}}]`"
                ))
            },
        };
        graph::check(&jobs, &rules, &mut self.faults);
        let is_job = |name: &str| jobs.iter().any(|job| job.name == name);
        for graph in &graphs {
            let rules = GraphRules {
                what: "step",
                is_complete,
                elsewhere: &|name| match jobs_of.get(name) {
                    Some(job) => Some(format!(
                        "`{name}` is a step of the job `{job}`; write `dependsOn: [{{job: {job}}}]` on the job `{}`",
                        graph.job
                    )),
                    None if is_job(name) => Some(format!(
                        "`{name}` is a job; write `dependsOn: [{{job: {name}}}]` on the job `{}`",
                        graph.job
                    )),
                    None => None,
                },
            };
            graph::check(&graph.nodes, &rules, &mut self.faults);
        }
    }

    fn job(&mut self, node: &Node, scopes: &ExprScopes) -> Option<Job> {
        let keys = Keys::read(node, &keys::JOB, &mut self.faults)?;
        let name = self.required(&keys, &keys::JOB, "name");
        let name = name.and_then(|it| read::parsed::<JobName>(it, &mut self.faults));
        let description = self.optional_text(&keys, "description");
        let depends_on = self.depends_on(&keys, DependsOn::JOBS);
        let concurrency = self.concurrency(&keys);
        let weight = self.weight(&keys);
        let guard = keys.get("guard").and_then(|it| self.guard(it, scopes));
        let placement = self.placement(&keys);
        let steps = self.required(&keys, &keys::JOB, "steps");
        let steps = steps.and_then(|it| {
            let label = "a job has a list of steps: `steps: [{name: NAME, task: {…}}]`";
            let nodes = self.entries(it, "steps", label)?;
            if nodes.is_empty() {
                let fault = self.faults.fault(it.span.clone(), "the job has no steps");
                let fault = fault.with_hint("write `- name: NAME` and its `task` under it");
                self.faults.push(fault);
            }
            Some(nodes)
        });
        if let Some(name) = &name {
            self.job_graph
                .push(GraphNode::new(name, &depends_on, JobName::as_str));
        }
        let nodes = steps?;
        // The steps of a job without a valid name are read as well, for their faults.
        let path = match &name {
            Some(name) => name.value.clone(),
            None => "job".parse().expect("a valid name"),
        };
        self.step_graphs.push(StepGraph {
            job: path.to_string(),
            nodes: Vec::with_capacity(nodes.len()),
        });
        let mut steps = Vec::with_capacity(nodes.len());
        steps.extend(nodes.iter().filter_map(|it| self.step(it, &path, scopes)));
        self.is_partial |= steps.len() < nodes.len();
        let name = name?;
        Some(Job {
            name: name.value,
            name_span: name.span,
            description,
            depends_on,
            concurrency,
            weight,
            guard,
            placement,
            steps,
        })
    }

    fn trigger(&mut self, node: &Node, scopes: &ExprScopes) -> Option<Located<Trigger>> {
        let keys = Keys::read(node, &keys::TRIGGER, &mut self.faults)?;
        let schedule = keys.get("schedule");
        let schedule = schedule.and_then(|it| self.schedule(it));
        let inputs = keys
            .get("inputs")
            .and_then(|it| self.argument_map(it, scopes));
        Some(Located {
            value: Trigger { schedule, inputs },
            span: node.span.clone(),
        })
    }

    /// Returns the value of a required key. If the file has another key instead, which is refused
    /// with the advice to write this one, the absence is not a second fault.
    pub(super) fn required<'n>(
        &mut self,
        keys: &Keys<'n>,
        set: &KeySet,
        key: &str,
    ) -> Option<&'n Node> {
        let members = keys.node().members().unwrap_or_default().iter();
        let others = members.map(|it| &*it.key.value);
        let others = others.filter(|it| !set.keys.contains(it));
        let is_meant = |other: &str| {
            let foreign = set.foreign.iter().find(|(known, _)| *known == other);
            match foreign {
                Some((_, advice)) => advises(advice, key),
                None => nearest(other, [key]).is_some(),
            }
        };
        if keys.member(key).is_none() && others.take(FAULTS_MAX).any(is_meant) {
            return None;
        }
        keys.required(key, &mut self.faults)
    }

    /// Returns the entries of a list. A list that is written as a map, with the names as its keys,
    /// gets a fault that says so.
    pub(super) fn entries<'n>(
        &mut self,
        node: &'n Node,
        key: &str,
        hint: &str,
    ) -> Option<&'n [Node]> {
        if let Some(items) = node.items() {
            return Some(items);
        }
        let message = format!(
            "`{key}` has to be a list, and this is {}",
            node.described(self.file)
        );
        // Only the names of jobs and steps have keys or a list under them.
        let first = node.members().and_then(<[_]>::first);
        let hint = match first.filter(|it| it.value.text().is_none()) {
            Some(first) => format!("begin each entry with `- name: {}`", first.key.value),
            None => hint.to_owned(),
        };
        let fault = self.faults.fault(node.span.clone(), message);
        self.faults
            .push(fault.with_code(DiagnosticCode::WrongType).with_hint(hint));
        None
    }

    /// Reads a text in which expressions may stand.
    pub(super) fn written_text(&mut self, node: &Node, scopes: &ExprScopes) -> Option<WrittenText> {
        let span = node.span.clone();
        let text: Arc<str> = match &node.kind {
            NodeKind::Text(text) => Arc::clone(&text.value),
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Number(_)
            | NodeKind::List(_)
            | NodeKind::Map(_) => read::text(node, &mut self.faults)?.value.into(),
        };
        if Template::is_plain(&text) {
            return Some(WrittenText::plain(text, span));
        }
        if self.is_full() {
            return None;
        }
        let place = self.place(node);
        match Template::parse(&text, &place, &scopes.values) {
            Ok(template) => Some(WrittenText::new(text, span, template)),
            Err(fault) => {
                self.faults.push(scopes.explained(fault));
                None
            }
        }
    }

    /// Reads a value in whose texts expressions may stand.
    pub(super) fn written_value(&mut self, node: &Node, scopes: &ExprScopes) -> WrittenValue {
        if self.is_full() {
            return WrittenValue::from_literal(&node.value(), self.file);
        }
        let mut faults = Faults::new(self.file);
        let value = WrittenValue::compile(node, self.file, &scopes.values, &mut faults);
        for fault in faults {
            self.faults.push(scopes.explained(fault));
        }
        value
    }

    /// Reads a map of arguments, or one expression that yields a map.
    pub(super) fn argument_map(
        &mut self,
        node: &Node,
        scopes: &ExprScopes,
    ) -> Option<WrittenValue> {
        let is_fit = match &node.kind {
            NodeKind::Map(_) => true,
            NodeKind::Text(text) => is_one_expression(&text.value),
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::List(_) => false,
        };
        if is_fit {
            return Some(self.written_value(node, scopes));
        }
        let message = format!(
            "inputs have names, and this is {}",
            node.described(self.file)
        );
        let fault = self.faults.fault(node.span.clone(), message);
        let fault = fault.with_code(DiagnosticCode::WrongType);
        let hint = "write `inputs: {NAME: VALUE}`, or one expression that yields a map: `inputs: ${{ … }}`";
        self.faults.push(fault.with_hint(hint));
        None
    }

    /// Reads the condition of a guard: an expression with or without `${{ }}`.
    pub(super) fn guard(&mut self, node: &Node, scopes: &ExprScopes) -> Option<WrittenCondition> {
        let Some(text) = node.text() else {
            return self.condition_text(node, "a guard", scopes);
        };
        if self.is_full() {
            return None;
        }
        let place = self.place(node);
        let inner = inside_of_one_expression(text);
        let (start, inner) = inner.unwrap_or((0, text));
        let compiled = scopes.condition(inner, &place.after(start));
        self.condition(node, "a guard", compiled)
    }

    /// Reads a condition that is an expression without `${{ }}`.
    pub(super) fn condition_text(
        &mut self,
        node: &Node,
        what: &str,
        scopes: &ExprScopes,
    ) -> Option<WrittenCondition> {
        let place = self.place(node);
        match &node.kind {
            NodeKind::Bool(value) => {
                let compiled = scopes.condition(&value.to_string(), &place);
                self.condition(node, what, compiled)
            }
            NodeKind::Text(text) if Template::has_expression(&text.value) => {
                let fault = self.faults.fault(
                    node.span.clone(),
                    format!("{what} is an expression by itself, without `${{{{ }}}}`"),
                );
                let hint = match inside_of_one_expression(&text.value) {
                    Some((_, inner)) => format!("write `{}`", inner.trim()),
                    None => "write the expression alone, and texts in it in quotes".to_owned(),
                };
                self.faults
                    .push(fault.with_code(DiagnosticCode::Expression).with_hint(hint));
                None
            }
            NodeKind::Text(text) => {
                let compiled = scopes.condition(&text.value, &place);
                self.condition(node, what, compiled)
            }
            NodeKind::Null | NodeKind::Number(_) | NodeKind::List(_) | NodeKind::Map(_) => {
                let message = format!(
                    "{what} is an expression, and this is {}",
                    node.described(self.file)
                );
                let fault = self.faults.fault(node.span.clone(), message);
                let fault = fault.with_code(DiagnosticCode::WrongType);
                let hint = "write an expression that is true or false: `size(inputs.names) > 0`";
                self.faults.push(fault.with_hint(hint));
                None
            }
        }
    }

    fn condition(
        &mut self,
        node: &Node,
        what: &str,
        compiled: Result<Expr, Diagnostic>,
    ) -> Option<WrittenCondition> {
        let expr = self.faults.keep(compiled)?;
        if let Some(yields) = expr.never_boolean() {
            let message = format!("{what} has to be true or false, and this is always {yields}");
            let hint = match yields {
                "a record" => "to ask whether there is such a record, write `has(….attributes)`",
                _ => "compare it: `… == VALUE`, or `size(…) > 0` for a list, a map or a text",
            };
            let fault = self.faults.fault(node.span.clone(), message);
            self.faults
                .push(fault.with_code(DiagnosticCode::Expression).with_hint(hint));
            return None;
        }
        Some(WrittenCondition::new(node.span.clone(), expr))
    }

    pub(super) fn tags(
        &mut self,
        keys: &Keys<'_>,
        scopes: &ExprScopes,
    ) -> BTreeMap<String, WrittenText> {
        let Some(node) = keys.get("tags") else {
            return BTreeMap::new();
        };
        // The reader of tags finds the faults of their form.
        if read::tags(node, &mut self.faults).is_none() {
            return BTreeMap::new();
        }
        let members = node.members().unwrap_or_default();
        let mut tags = BTreeMap::new();
        for member in members {
            if let Some(text) = self.written_text(&member.value, scopes) {
                tags.insert(member.key.value.to_string(), text);
            }
        }
        tags
    }

    fn place(&self, node: &Node) -> TextPlace {
        node.text_place(self.file)
            .unwrap_or_else(|| TextPlace::plain(Arc::clone(self.file), node.span.start))
    }

    /// Returns whether further faults would be dropped, so that finding them is wasted work.
    fn is_full(&self) -> bool {
        self.faults.len() >= FAULTS_MAX
    }
}

impl ExprScopes {
    /// Returns the names for the expressions of a step with `forEach` over `item`, or of any other
    /// part.
    pub(super) fn of(item: Option<&str>) -> Self {
        let (values, conditions) = workflow_scopes(item);
        Self {
            values,
            conditions,
            item: item.map(str::to_owned),
        }
    }

    /// Compiles the expression of a guard or an assert.
    fn condition(&self, text: &str, place: &TextPlace) -> Result<Expr, Diagnostic> {
        let compiled = Expr::compile(text, place, &self.conditions);
        compiled.map_err(|fault| self.explained(fault))
    }

    /// Adds what a workflow knows about a fault of an expression.
    fn explained(&self, fault: Diagnostic) -> Diagnostic {
        let fault = fault.with_code(DiagnosticCode::Expression);
        match &self.item {
            None if fault.message == "there is no variable `self`" => {
                fault.with_hint("`self` has the item of a `forEach`, and this step has none")
            }
            Some(item) if fault.message == format!("there is no variable `{item}`") => {
                fault.with_hint(format!("write `self.{item}`"))
            }
            Some(_) | None => fault,
        }
    }
}

/// Returns whether an advice says to write a key: `steps: […]` or `steps`, and not `steps.NAME`.
fn advises(advice: &str, key: &str) -> bool {
    let mut found = advice.match_indices(key);
    found.any(|(at, _)| advice[at + key.len()..].starts_with([':', '`']))
}

/// Returns whether a text is one expression and nothing else.
pub(super) fn is_one_expression(text: &str) -> bool {
    text.starts_with("${{") && text.ends_with("}}") && inside_of_one_expression(text).is_some()
}

/// Returns the expression of a text that is one expression, and where it begins.
fn inside_of_one_expression(text: &str) -> Option<(usize, &str)> {
    let start = text.len() - text.trim_start().len();
    let inner = text.trim().strip_prefix("${{")?.strip_suffix("}}")?;
    (!inner.contains("${{")).then_some((start + "${{".len(), inner))
}
