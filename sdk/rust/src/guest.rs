//! What the exports of a plugin do: make the model, then describe it or run a method.

use std::panic;
use std::sync::Once;

use crate::bindings::exports::sedge::model::model::{Invocation, TypeInfo};
use crate::bindings::sedge::model::log;
use crate::bindings::sedge::model::types::Failure;
use crate::{Context, Model};

/// Describes the type that `model` makes.
#[must_use]
pub fn describe(model: fn() -> Model) -> TypeInfo {
    panics_report();
    model().describe()
}

/// Runs one method of the type that `model` makes.
///
/// # Errors
/// The method's own failure, or that there is no such method or its arguments do not fit.
pub fn invoke(model: fn() -> Model, what: Invocation) -> Result<String, Failure> {
    panics_report();
    let cx = Context::new(what.global_arguments);
    model()
        .run(&cx, &what.method, &what.arguments)
        .map_err(Failure::from)
}

/// Tells the host of a panic, instead of stderr, before it becomes a trap.
fn panics_report() {
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
