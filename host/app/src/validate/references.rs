//! Checks what expressions and arguments refer to: models as `model.NAME`, and secrets by name.
//!
//! Only the names of secrets are read. A secret that is missing is no error: secrets are not among
//! the files of the repository, and another machine may have it.

use std::ops::Range;
use std::sync::Arc;

use sedge_api::problem::{Help, UseCase};
use sedge_api::view::validate::FindingSeverity;
use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};
use sedge_lang::expr::Expr;
use sedge_lang::suggest::nearest;
use sedge_lang::yaml::node::Node;
use sedge_model::names::SecretName;

use super::catalogue::Catalogue;
use super::{FindingList, fault};
use crate::secret::argument::references_visit;

/// The variable of other models, and its member that is a function.
const MODEL: &str = "model";
const METHOD: &str = "method";

/// Adds a fault for each model and each secret that an expression names and that does not exist.
pub(super) fn check(
    file: &Arc<SourceFile>,
    expr: &Expr,
    catalogue: &Catalogue<'_>,
    findings: &mut FindingList,
) {
    models_check(file, expr, catalogue, findings);
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

/// Adds the nearest name of a model to a fault.
pub(super) fn with_near_model(
    fault: Diagnostic,
    name: &str,
    catalogue: &Catalogue<'_>,
) -> Diagnostic {
    fault.with_near(nearest(name, catalogue.model_names().map(String::as_str)))
}
