//! Checks what expressions and arguments refer to: models as `model.NAME`, data of models, variables
//! of the environment, and secrets by name.
//!
//! Only the names of secrets are read. A secret that is missing is no error: secrets are not among
//! the files of the repository, and another machine may have it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use sedge_api::problem::{Help, UseCase};
use sedge_api::view::validate::FindingSeverity;
use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};
use sedge_lang::expr::{Expr, ModelDataReference};
use sedge_lang::suggest::nearest;
use sedge_lang::type_info::TypeInfo;
use sedge_lang::yaml::node::Node;
use sedge_model::names::SecretName;

use super::catalogue::Catalogue;
use super::{FindingList, fault};
use crate::expression::env_not_granted;
use crate::secret::argument::references_visit;

/// The variable of other models, and its member that is a function.
const MODEL: &str = "model";
const METHOD: &str = "method";

/// The variable of the environment.
const ENV: &str = "env";

/// Adds a fault for each model and each secret that an expression names and that does not exist, and
/// for each variable of the environment that it may not read.
pub(super) fn check(
    file: &Arc<SourceFile>,
    expr: &Expr,
    catalogue: &Catalogue<'_>,
    findings: &mut FindingList,
) {
    models_check(file, expr, catalogue, findings);
    env_check(file, expr, catalogue, findings);
    for reference in expr.model_data() {
        let name = &reference.model;
        if catalogue.model(name).is_none() && !catalogue.may_be_made(name) {
            let message = format!("no model named `{name}`");
            let found = fault(file, DiagnosticCode::UnknownName, reference.span, message);
            findings.error(with_near_model(found, name, catalogue));
        }
    }
    for secret in expr.secrets() {
        match secret.name.parse::<SecretName>() {
            Ok(name) => secret_check(file, &name, secret.span, catalogue, findings),
            Err(error) => {
                let (code, message) = (DiagnosticCode::UnknownName, error.to_string());
                findings.error(fault(file, code, secret.span, message));
            }
        }
    }
}

/// Adds a warning for each spec that an expression names and that the type of the model does not
/// have.
pub(super) async fn specs_check(
    file: &Arc<SourceFile>,
    references: &[ModelDataReference],
    catalogue: &mut Catalogue<'_>,
    findings: &mut FindingList,
) {
    for reference in references {
        let Some((spec, span)) = &reference.spec else {
            continue;
        };
        let entry = catalogue.model(&reference.model);
        let known = entry.and_then(|it| it.known.as_ref());
        let Some(type_name) = known.map(|it| it.type_name.clone()) else {
            continue;
        };
        // Why a plugin cannot be used is a finding in `sedge.lock`.
        let Some(described) = catalogue.described(&type_name).await else {
            continue;
        };
        let info = &described.info;
        if info.resource(spec).is_none() && info.file(spec).is_none() {
            let found = spec_missing(file, info, spec, span.clone());
            findings.add(FindingSeverity::Warning, found, Vec::new());
        }
    }
}

/// Returns the fault of a spec that a type does not have.
pub(super) fn spec_missing(
    file: &Arc<SourceFile>,
    info: &TypeInfo,
    name: &str,
    span: Range<usize>,
) -> Diagnostic {
    let message = format!("the type `{}` writes no data named `{name}`", info.name);
    let found = fault(file, DiagnosticCode::UnknownName, span, message);
    let resources = info.resources.iter().map(|it| it.name.as_str());
    let names: Vec<&str> = resources
        .chain(info.files.iter().map(|it| it.name.as_str()))
        .collect();
    match nearest(name, names.iter().copied()) {
        Some(near) => found.with_hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => found,
        None => found.with_hint(format!("it writes `{}`", names.join("`, `"))),
    }
}

/// Adds a fault for each global argument that needs the definition that it is part of.
pub(super) fn cycles_check(
    definition: &Definition,
    catalogue: &Catalogue<'_>,
    findings: &mut FindingList,
) {
    let own = definition.name.as_str();
    let entry = catalogue.model(own).and_then(|it| it.known.as_ref());
    let is_evaluated = entry.is_some_and(|it| !it.uses.is_empty());
    let cycles = catalogue.model_cycles();
    let leading = match is_evaluated {
        true => BTreeSet::new(),
        false => leading_to(own, catalogue),
    };
    let exprs = definition.global_arguments.exprs();
    for reference in exprs.flat_map(|it| it.references(MODEL)) {
        let needs_own = match is_evaluated {
            // The definition needs the other one, which leads back to it if they are in a cycle.
            true => cycles.are_one(
                catalogue.model_name(own),
                catalogue.model_name(&reference.name),
            ),
            false => leading.contains(catalogue.model_name(&reference.name)),
        };
        if needs_own {
            let message = format!("the definition of `{own}` needs itself by way of this model");
            let code = DiagnosticCode::Cycle;
            findings.error(fault(&definition.file, code, reference.span, message));
        }
    }
}

/// Returns the names of the models whose definitions need that of `own`, directly or by way of
/// others, and `own` itself.
fn leading_to<'c>(own: &str, catalogue: &'c Catalogue<'_>) -> BTreeSet<&'c str> {
    let Some(own) = catalogue.known_name(own) else {
        return BTreeSet::new();
    };
    let mut found = BTreeSet::from([own]);
    let mut open = vec![own];
    while let Some(name) = open.pop() {
        for user in catalogue.model_users(name) {
            if found.insert(user) {
                open.push(user);
            }
        }
    }
    found
}

/// Adds a finding for each secret that arguments name as `{secret: NAME}` and that does not exist.
pub(super) fn literals_check(
    file: &Arc<SourceFile>,
    written: &Node,
    catalogue: &Catalogue<'_>,
    findings: &mut FindingList,
) {
    references_visit(written, &mut |name, node| {
        let span = node.get("secret").map_or(&node.span, |it| &it.span);
        secret_check(file, &name, span.clone(), catalogue, findings);
    });
}

fn secret_check(
    file: &Arc<SourceFile>,
    name: &SecretName,
    span: Range<usize>,
    catalogue: &Catalogue<'_>,
    findings: &mut FindingList,
) {
    // Only a run reads the secrets of such a vault.
    if catalogue
        .repository()
        .secret_sources()
        .source_of(name)
        .is_some()
    {
        return;
    }
    let Some(known) = catalogue.secret_names().filter(|it| !it.contains(name)) else {
        return;
    };
    let message = format!("this machine has no secret `{name}`");
    let found = fault(file, DiagnosticCode::UnknownName, span, message);
    match nearest(name.as_str(), known.iter().map(SecretName::as_str)) {
        Some(near) => {
            let found = found.with_hint(format!("did you mean `{near}`?"));
            findings.add(FindingSeverity::Warning, found, Vec::new());
        }
        None => {
            let put = Help::command("store it", UseCase::SecretPut).with("name", name.as_str());
            findings.add(FindingSeverity::Note, found, vec![put]);
        }
    }
}

fn models_check(
    file: &Arc<SourceFile>,
    expr: &Expr,
    catalogue: &Catalogue<'_>,
    findings: &mut FindingList,
) {
    if !expr.uses(MODEL) {
        return;
    }
    for reference in expr.references(MODEL) {
        let name = &reference.name;
        if name != METHOD && catalogue.model(name).is_none() {
            let message = format!("no model named `{name}`");
            let found = fault(file, DiagnosticCode::UnknownName, reference.span, message);
            findings.error(with_near_model(found, name, catalogue));
        }
    }
}

fn env_check(
    file: &Arc<SourceFile>,
    expr: &Expr,
    catalogue: &Catalogue<'_>,
    findings: &mut FindingList,
) {
    if !expr.uses(ENV) {
        return;
    }
    let granted = &catalogue.repository().config().expressions.env;
    for reference in expr.references(ENV) {
        let name = reference.name.as_str();
        if granted.iter().any(|it| it.as_str() == name) {
            continue;
        }
        let (message, help) = env_not_granted(granted, name);
        let found = fault(file, DiagnosticCode::Expression, reference.span, message);
        findings.error(match help {
            Some(help) => found.with_hint(help),
            None => found,
        });
    }
}

/// Adds the nearest name of a model to a fault.
pub(super) fn with_near_model(
    fault: Diagnostic,
    name: &str,
    catalogue: &Catalogue<'_>,
) -> Diagnostic {
    fault.with_near(nearest(name, catalogue.model_names().map(String::as_str)))
}
