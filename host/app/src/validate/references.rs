//! Checks the models that expressions refer to: `model.NAME`.

use std::sync::Arc;

use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};
use sedge_lang::expr::Expr;
use sedge_lang::suggest::nearest;

use super::catalogue::Catalogue;
use super::{FindingList, fault};

/// The variable of other models, and its member that is a function.
const MODEL: &str = "model";
const METHOD: &str = "method";

/// Adds a fault for each model that an expression names and that does not exist.
pub(super) fn check(
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
    match nearest(name, catalogue.model_names().map(String::as_str)) {
        Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
        None => fault,
    }
}
