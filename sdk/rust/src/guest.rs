//! The exports of a plugin: they create the model, and then describe it, run a method or a check,
//! upgrade arguments, or make a report.

use std::panic;
use std::sync::Once;

use crate::bindings::exports::sedge::model::model::{CheckRequest, Invocation, TypeInfo};
use crate::bindings::sedge::model::reports::{ReportDocument, ReportRequest};
use crate::bindings::sedge::model::types::Failure;
use crate::host::log;
use crate::{CheckedCall, Context, Model};

/// Returns the description of the type that `model` returns.
#[must_use]
pub fn describe(model: fn() -> Model) -> TypeInfo {
    report_panics();
    model().describe()
}

/// Runs one method of the type that `model` returns.
///
/// # Errors
/// The method's own failure, or that there is no such method, or that the arguments do not fit.
pub fn invoke(model: fn() -> Model, what: Invocation) -> Result<String, Failure> {
    report_panics();
    let cx = Context::new(what.global_arguments);
    model()
        .run(&cx, &what.method, &what.arguments)
        .map_err(Failure::from)
}

/// Runs one check of the type that `model` returns.
///
/// # Errors
/// What the check found, or that there is no such check.
pub fn check(model: fn() -> Model, what: CheckRequest) -> Result<(), String> {
    report_panics();
    let (cx, call) = CheckedCall::new(what.call);
    let checked = model().run_check(&cx, &what.check, &call);
    checked.map_err(|failure| failure.message)
}

/// Upgrades global arguments to one version of the type that `model` returns.
///
/// # Errors
/// Why they cannot be upgraded, or that there is no such step.
pub fn upgrade(model: fn() -> Model, to_version: &str, arguments: &str) -> Result<String, String> {
    report_panics();
    let upgraded = model().run_upgrade(to_version, arguments);
    upgraded.map_err(|failure| failure.message)
}

/// Makes one report of the type that `model` returns.
///
/// # Errors
/// Why it cannot be made, or that there is no such report.
pub fn report(model: fn() -> Model, what: ReportRequest) -> Result<ReportDocument, String> {
    report_panics();
    let made = model().make_report(&what.name, what.subject);
    let made = made.map_err(|failure| failure.message)?;
    Ok(ReportDocument {
        markdown: made.markdown,
        json: made.json.to_string(),
    })
}

/// Reports panics to the host instead of stderr. The host learns the message before the panic
/// becomes a trap.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|panic| {
            let message = panic
                .payload_as_str()
                .unwrap_or("a panic without a message");
            let location = panic.location().map(ToString::to_string);
            log::panicked(message, location.as_deref());
        }));
    });
}
