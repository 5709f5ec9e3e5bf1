//! The view of a check.

use sedge_api::problem::Help;
use sedge_api::view::validate::{FileFindingView, FindingSeverity, ValidationReport};

use super::{FileFinding, Validated};
use crate::error::diagnostic_place;

/// Returns the view of the result of a check.
#[must_use]
pub fn validation_report(validated: &Validated) -> ValidationReport {
    let count = |severity: FindingSeverity| {
        let findings = validated.findings.iter();
        findings.filter(|it| it.severity == severity).count() as u64
    };
    let errors = count(FindingSeverity::Error);
    ValidationReport {
        is_valid: errors == 0,
        checked: validated.checked,
        errors,
        warnings: count(FindingSeverity::Warning),
        notes: count(FindingSeverity::Note),
        findings: validated.findings.iter().map(finding_view).collect(),
    }
}

fn finding_view(finding: &FileFinding) -> FileFindingView {
    let fault = &finding.fault;
    let message = match &fault.label {
        Some(label) => format!("{}: {label}", fault.message),
        None => fault.message.clone(),
    };
    let hint = fault.hint.iter().map(Help::advice);
    FileFindingView {
        place: diagnostic_place(fault),
        code: fault.code.as_str().to_owned(),
        severity: finding.severity,
        message,
        help: hint.chain(finding.help.iter().cloned()).collect(),
    }
}
