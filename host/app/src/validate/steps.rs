//! Checks what the steps of a workflow refer to: models, methods, types, other workflows, and the
//! inputs that they pass to them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use sedge_api::view::validate::FindingSeverity;
use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};
use sedge_lang::expr::{Expr, ModelDataReference};
use sedge_lang::input::InputsSchema;
use sedge_lang::schema::Schema;
use sedge_lang::suggest::nearest;
use sedge_lang::workflow::{ModelTarget, Task, Workflow, WrittenText};
use sedge_lang::written::WrittenValue;
use sedge_lang::written_check::{GivenPart, KnownViolation, known_violations, sensitive_literals};
use sedge_lang::yaml::Located;
use sedge_lang::yaml::node::{Node, NodeKind};
use sedge_model::names::{MethodName, TypeName};
use serde_json::{Map, Value};

use super::catalogue::{Catalogue, DescribedType};
use super::{FindingList, fault, references};
use crate::error::{model_missing_help, schema_help, type_missing_help};
use crate::repository::near_one;

/// The maximum number of workflows that run each other, from the outermost to the innermost.
///
/// The authors of the workflows choose the number. Following them takes time for each step that
/// runs a workflow.
const DEPTH_MAX: usize = 16;

/// Adds what is wrong with the references of a workflow that parses.
pub(super) async fn check(
    workflow: &Workflow,
    catalogue: &mut Catalogue<'_>,
    findings: &mut FindingList,
) {
    for step in workflow.steps() {
        for expr in step.exprs() {
            references::check(&workflow.file, expr, catalogue, findings);
        }
        let data: Vec<ModelDataReference> = step
            .exprs()
            .into_iter()
            .flat_map(Expr::model_data)
            .collect();
        references::specs_check(&workflow.file, &data, catalogue, findings).await;
        match &step.task {
            Task::ModelMethod {
                model,
                method,
                inputs,
            } => {
                references::literals_check(&workflow.file, inputs.source(), catalogue, findings);
                let called = Called {
                    workflow,
                    method,
                    inputs,
                };
                called.check(model, catalogue, findings).await;
            }
            Task::Workflow {
                workflow: name,
                inputs,
            } => nested(workflow, name, inputs, catalogue, findings),
            Task::ManualApproval { .. } | Task::Assert { .. } => {}
        }
    }
}

/// The call of a method by a step.
struct Called<'w> {
    workflow: &'w Workflow,
    method: &'w Located<MethodName>,
    inputs: &'w WrittenValue,
}

impl Called<'_> {
    async fn check(
        &self,
        target: &ModelTarget,
        catalogue: &mut Catalogue<'_>,
        findings: &mut FindingList,
    ) {
        let (type_name, stored) = match target {
            ModelTarget::Named(name) => {
                // A name with an expression is known when the run begins.
                let Some(literal) = name.literal() else {
                    return;
                };
                let Some(entry) = catalogue.model(literal) else {
                    return self.model_missing(literal, name.span(), catalogue, findings);
                };
                // The faults of the definition are findings in its file.
                let Some(known) = &entry.known else {
                    return;
                };
                let stored = known.arguments.get(&self.method.value).cloned();
                (known.type_name.clone(), stored)
            }
            ModelTarget::Typed {
                type_name,
                global_arguments,
                ..
            } => {
                let given = global_arguments.as_ref();
                self.typed(type_name, given, catalogue, findings).await;
                (type_name.value.clone(), None)
            }
        };
        let Some(described) = catalogue.described(&type_name).await else {
            return;
        };
        self.method_check(&described, stored.as_ref(), findings);
    }

    fn model_missing(
        &self,
        name: &str,
        span: Range<usize>,
        catalogue: &Catalogue<'_>,
        findings: &mut FindingList,
    ) {
        let message = format!("no model named `{name}`");
        let found = fault(
            &self.workflow.file,
            DiagnosticCode::UnknownName,
            span,
            message,
        );
        let names: Vec<&String> = catalogue.model_names().collect();
        let help = model_missing_help(name, near_one(name, &names).as_ref());
        findings.add(FindingSeverity::Error, found, help);
    }

    /// Checks a step that names a type instead of a model.
    async fn typed(
        &self,
        type_name: &Located<TypeName>,
        given: Option<&WrittenValue>,
        catalogue: &mut Catalogue<'_>,
        findings: &mut FindingList,
    ) {
        let file = &self.workflow.file;
        let name = &type_name.value;
        if !catalogue.has_type(name) {
            let span = type_name.span.clone();
            let message = format!("no plugin provides the type `{name}`");
            let found = fault(file, DiagnosticCode::UnknownName, span, message);
            let names: Vec<&TypeName> = catalogue
                .repository()
                .plugin_lock()
                .plugins
                .keys()
                .collect();
            let help = type_missing_help(name.as_str(), near_one(name.as_str(), &names).as_ref());
            findings.add(FindingSeverity::Error, found, help);
        }
        let (Some(described), Some(given)) = (catalogue.described(name).await, given) else {
            return;
        };
        let json = &described.info.global_arguments;
        let schema = described.global_arguments();
        for known in known_violations(given.source(), schema, json, GivenPart::Whole) {
            let span = known.place_in(given.source());
            let span = span.filter(|it| !it.is_empty());
            let span = span.unwrap_or_else(|| type_name.span.clone());
            let message = format!(
                "the global arguments do not fit `{name}`: {}",
                known.violation
            );
            let found = fault(file, DiagnosticCode::Schema, span, message);
            findings.add(FindingSeverity::Error, found, vec![schema_help(name)]);
        }
    }

    fn method_check(
        &self,
        described: &DescribedType,
        stored: Option<&WrittenValue>,
        findings: &mut FindingList,
    ) {
        let file = &self.workflow.file;
        let Located {
            value: method,
            span,
        } = self.method;
        let type_name = &described.info.name;
        let Some((schema, json)) = described.arguments(method) else {
            let message = format!("the type `{type_name}` has no method named `{method}`");
            let found = fault(file, DiagnosticCode::UnknownName, span.clone(), message);
            let names = described.method_names();
            findings.error(match nearest(method.as_str(), names.iter().copied()) {
                Some(near) => found.with_hint(format!("did you mean `{near}`?")),
                None => found.with_hint(format!("its methods are `{}`", names.join("`, `"))),
            });
            return;
        };
        let merged = merged(stored.map(WrittenValue::source), self.inputs.source());
        for known in known_violations(&merged, schema, json, GivenPart::Whole) {
            let message = format!(
                "the inputs of `{method}` do not fit its schema: {}",
                known.violation
            );
            let found = fault(file, DiagnosticCode::Schema, self.place(&known), message);
            findings.add(FindingSeverity::Error, found, vec![schema_help(type_name)]);
        }
        for found in sensitive_faults(file, self.inputs.source(), schema) {
            findings.error(found);
        }
    }

    /// Returns the place of a violation. It is that of the method if the step gives no inputs, or
    /// if the definition of the model, which is another file, stores the value.
    fn place(&self, known: &KnownViolation) -> Range<usize> {
        let place = known.place_in(self.inputs.source());
        let place = place.filter(|it| !it.is_empty());
        place.unwrap_or_else(|| self.method.span.clone())
    }
}

/// Returns the faults of arguments of a step that the schema marks as sensitive, and whose values are
/// written in the file.
pub(crate) fn sensitive_faults(
    file: &Arc<SourceFile>,
    written: &Node,
    schema: &Schema,
) -> Vec<Diagnostic> {
    sensitive_found(file, written, schema, |key| {
        format!("keep the value as a secret, and write `{key}: {{secret: NAME}}`")
    })
}

/// Returns the faults of sensitive inputs of a nested workflow whose values are written in the file of
/// the outer one. A run stores the text of its workflow, so it would store the values in plain.
pub(crate) fn sensitive_input_faults(
    file: &Arc<SourceFile>,
    written: &Node,
    schema: &Schema,
) -> Vec<Diagnostic> {
    sensitive_found(file, written, schema, |key| {
        format!(
            "give this workflow a sensitive input of its own, and write \
             `{key}: \"${{{{ inputs.NAME }}}}\"`; or use `${{{{ secret(\"NAME\") }}}}` where the nested \
             workflow needs the value"
        )
    })
}

/// Returns the faults of sensitive values that are written out. `hint` is called with their keys.
fn sensitive_found(
    file: &Arc<SourceFile>,
    written: &Node,
    schema: &Schema,
    hint: impl Fn(&str) -> String,
) -> Vec<Diagnostic> {
    let code = DiagnosticCode::Schema;
    let places = match sensitive_literals(written, schema) {
        Ok(places) => places,
        Err(error) => return vec![fault(file, code, written.span.clone(), error.to_string())],
    };
    let found = places.iter().map(|path| {
        let key = path.trim_start_matches('/').replace('/', ".");
        let message = format!("`{key}` is sensitive, and its value is written in the file");
        fault(file, code, place_in(written, path), message).with_hint(hint(&key))
    });
    found.collect()
}

/// Returns the stored arguments of a method with those of a step over them.
fn merged(stored: Option<&Node>, given: &Node) -> Node {
    let mut merged = given.clone();
    let NodeKind::Map(members) = &mut merged.kind else {
        return merged;
    };
    let own = Arc::clone(members);
    let keys: BTreeSet<&str> = own.iter().map(|it| &*it.key.value).collect();
    let stored = stored.and_then(Node::members).into_iter().flatten();
    let added = stored.filter(|it| !keys.contains(&*it.key.value));
    *members = own.iter().chain(added).cloned().collect();
    merged
}

/// Returns the place of a part of a value: of its first key if it is the whole of an object.
fn place_in(node: &Node, pointer: &str) -> Range<usize> {
    let found = node.at(pointer);
    match found.members() {
        Some([first, ..]) if found.span == node.span => first.key.span.clone(),
        Some(_) | None => found.span.clone(),
    }
}

/// Returns the place of the key that a pointer names, if a workflow has no input of that name.
fn unknown_input(given: &Node, inputs: &InputsSchema, pointer: &str) -> Option<Range<usize>> {
    let is_outer = pointer.matches('/').count() == 1;
    let member = given.member_at(pointer).filter(|_| is_outer)?;
    let is_known = inputs.names().any(|it| *it == *member.key.value);
    (!is_known).then(|| member.key.span.clone())
}

/// Checks the workflow that a step runs.
fn nested(
    workflow: &Workflow,
    name: &WrittenText,
    inputs: &WrittenValue,
    catalogue: &Catalogue<'_>,
    findings: &mut FindingList,
) {
    let Some(literal) = name.literal() else {
        return;
    };
    let file = &workflow.file;
    let Some(entry) = catalogue.workflow(literal) else {
        let message = format!("no workflow named `{literal}`");
        let found = fault(file, DiagnosticCode::UnknownName, name.span(), message);
        let names = catalogue.workflow_names().map(String::as_str);
        findings.error(found.with_near(nearest(literal, names)));
        return;
    };
    if let Some(found) = cycle(workflow, name, catalogue) {
        findings.error(found);
    }
    let given = match inputs.literal() {
        Some(Value::Object(given)) => given,
        Some(Value::Null) => Map::new(),
        Some(_) | None => return,
    };
    let Some(known) = &entry.known else {
        return;
    };
    for violation in known.inputs.resolve(given).err().into_iter().flatten() {
        let key = unknown_input(inputs.source(), &known.inputs, &violation.path);
        let place = key.unwrap_or_else(|| place_in(inputs.source(), &violation.path));
        let place = if place.is_empty() { name.span() } else { place };
        let message = format!("the inputs do not fit the workflow `{literal}`: {violation}");
        findings.error(fault(file, DiagnosticCode::Schema, place, message));
    }
}

/// Returns the fault of a step whose workflow leads back to its own, or deeper than a run may go.
fn cycle(workflow: &Workflow, name: &WrittenText, catalogue: &Catalogue<'_>) -> Option<Diagnostic> {
    let own = workflow.name.as_str();
    let next = catalogue.workflow_name(name.literal()?);
    let cycles = catalogue.workflow_cycles();
    let message = if cycles.are_one(own, next) {
        format!("the workflow `{own}` runs itself by way of this step")
    } else if cycles.depth(next) >= DEPTH_MAX {
        format!("workflows run each other more than {DEPTH_MAX} deep from here")
    } else {
        return None;
    };
    Some(fault(
        &workflow.file,
        DiagnosticCode::Cycle,
        name.span(),
        message,
    ))
}
