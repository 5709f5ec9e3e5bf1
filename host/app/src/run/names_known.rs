//! Checks the names in a definition that its type has to know, before the model is used.

use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_lang::suggest::nearest;
use sedge_lang::type_info::TypeInfo;

use crate::error::{AppError, quoted};
use crate::validate::{key_place, spec_place};

/// Checks that the methods, the data and the checks that a definition names exist in its type.
///
/// # Errors
/// The type has no such method, data or check.
pub(super) fn names_known(definition: &Definition, info: &TypeInfo) -> Result<(), AppError> {
    methods_known(definition, info)?;
    specs_known(definition, info)?;
    checks_known(definition, info)
}

fn methods_known(definition: &Definition, info: &TypeInfo) -> Result<(), AppError> {
    let mut named = definition.method_arguments.keys();
    let Some(unknown) = named.find(|it| info.method(it.as_str()).is_none()) else {
        return Ok(());
    };
    let message = format!("the type `{}` has no method named `{unknown}`", info.name);
    let span = key_place(definition, &format!("/methods/{unknown}"));
    let names: Vec<&str> = info.methods.iter().map(|it| it.name.as_str()).collect();
    let fault = Diagnostic::new(&definition.file, span, message);
    Err(with_near(fault, unknown.as_str(), &names, "its methods are").into())
}

fn specs_known(definition: &Definition, info: &TypeInfo) -> Result<(), AppError> {
    let mut named = definition.retention.keys().map(|it| it.as_str());
    let Some(unknown) = named.find(|it| info.resource(it).is_none() && info.file(it).is_none())
    else {
        return Ok(());
    };
    let message = format!("the type `{}` writes no data named `{unknown}`", info.name);
    let span = spec_place(definition, unknown);
    let resources = info.resources.iter().map(|it| it.name.as_str());
    let files = info.files.iter().map(|it| it.name.as_str());
    let names: Vec<&str> = resources.chain(files).collect();
    let fault = Diagnostic::new(&definition.file, span, message);
    Err(with_near(fault, unknown, &names, "it writes").into())
}

/// Checks that the checks which a definition requires or skips exist in its type.
fn checks_known(definition: &Definition, info: &TypeInfo) -> Result<(), AppError> {
    let chosen = definition
        .checks
        .require
        .iter()
        .chain(&definition.checks.skip);
    let mut unknown = chosen.filter(|it| info.check_spec(&it.value).is_none());
    let Some(unknown) = unknown.next() else {
        return Ok(());
    };
    let message = format!(
        "the type `{}` has no check named `{}`",
        info.name, unknown.value
    );
    let fault = Diagnostic::new(&definition.file, unknown.span.clone(), message);
    let names: Vec<&str> = info.checks.iter().map(|it| it.name.as_str()).collect();
    Err(match names.as_slice() {
        [] => fault
            .with_code(DiagnosticCode::UnknownName)
            .with_hint("the type has no checks"),
        names => with_near(fault, &unknown.value, names, "its checks are"),
    }
    .into())
}

/// Adds the nearest name, or all names after `those_are`.
fn with_near(fault: Diagnostic, unknown: &str, names: &[&str], those_are: &str) -> Diagnostic {
    let fault = fault.with_code(DiagnosticCode::UnknownName);
    match nearest(unknown, names.iter().copied()) {
        Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => fault,
        None => fault.with_hint(format!("{those_are} {}", quoted(names))),
    }
}
