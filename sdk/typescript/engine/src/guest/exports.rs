//! The exports of the component.

use core::arch::wasm32::unreachable;

use rquickjs::{Ctx, IntoJs as _, Persistent, Value};
use serde::de::DeserializeOwned;

use super::bindings::exports::sedge::model::model::{
    CheckRequest, Guest as Model, Invocation, ReportDocument, ReportRequest, TypeInfo,
};
use super::bindings::sedge::model::log;
use super::bindings::sedge::model::types::Failure;
use super::bindings::{BuildError, Guest as Build};
use super::script::{self, Script};
use super::state::SavedValue;
use super::turns::{self, Settled};
use super::{read, write};

/// The component.
pub(super) struct Engine;

impl Build for Engine {
    fn compile(source: String) -> Result<Vec<u8>, BuildError> {
        script::compile(source)
    }

    fn load(bytecode: Vec<u8>) -> Result<Vec<String>, BuildError> {
        script::load(bytecode)
    }
}

impl Model for Engine {
    fn describe() -> TypeInfo {
        match call("describe", |_| Ok(Vec::new())) {
            Ok(info) => info,
            Err(failure) => {
                // The description has no place for an error.
                let frame = failure.stack.first();
                log::panicked(&failure.message, frame.map(String::as_str));
                unreachable()
            }
        }
    }

    fn invoke(what: Invocation) -> Result<String, Failure> {
        call("invoke", |cx| Ok(vec![write::value(cx, &what)?]))
    }

    fn check(what: CheckRequest) -> Result<(), String> {
        let checked = run(
            "check",
            |cx| Ok(vec![write::value(cx, &what)?]),
            |_, _| Ok(()),
        );
        checked.map_err(|failure| failure.message)
    }

    fn upgrade(to_version: String, global_arguments: String) -> Result<String, String> {
        let upgraded = call("upgrade", |cx| {
            Ok(vec![to_version.into_js(cx)?, global_arguments.into_js(cx)?])
        });
        upgraded.map_err(|failure| failure.message)
    }

    fn report(what: ReportRequest) -> Result<ReportDocument, String> {
        let made = call("report", |cx| Ok(vec![write::value(cx, &what)?]));
        made.map_err(|failure| failure.message)
    }
}

/// Calls an export of the bundle, and reads what it returns.
fn call<T: DeserializeOwned>(
    name: &str,
    arguments: impl for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<Vec<Value<'js>>>,
) -> Result<T, Failure> {
    run(name, arguments, |name, value| {
        read::value(value).map_err(|problem| failure(format!("`{name}` of the bundle: {problem}")))
    })
}

/// Calls an export of the bundle, waits for it, and passes what it returns to `read`.
fn run<T>(
    name: &str,
    arguments: impl for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<Vec<Value<'js>>>,
    read: impl for<'js> FnOnce(&str, Value<'js>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let Some(script) = script::loaded() else {
        return Err(failure("no script was loaded into this engine".to_owned()));
    };
    let called: Settled = script.context.with(|cx| {
        let returned = arguments(&cx).and_then(|arguments| {
            let rest = rquickjs::function::Rest(arguments);
            script.export(&cx, name)?.call::<_, Value<'_>>((rest,))
        });
        match returned {
            Ok(value) => Ok(Persistent::save(&cx, value)),
            Err(error) => Err(Persistent::save(&cx, caught(&cx, error))),
        }
    });
    match called.and_then(|value| turns::settle(&script, &value)) {
        Ok(value) => script.context.with(|cx| match value.restore(&cx) {
            Ok(value) => read(name, value),
            Err(error) => Err(failure(error.to_string())),
        }),
        Err(thrown) => Err(failure_of(&script, &thrown)),
    }
}

/// Returns what was thrown. An error of QuickJS' binding becomes its text.
fn caught<'js>(cx: &Ctx<'js>, error: rquickjs::Error) -> Value<'js> {
    if error.is_exception() {
        return cx.catch();
    }
    let text = error.to_string().into_js(cx);
    text.unwrap_or_else(|_| cx.catch())
}

/// Returns the failure that a thrown value is: what the bundle makes of it, or what the engine knows.
fn failure_of(script: &Script, thrown: &SavedValue) -> Failure {
    script.context.with(|cx| {
        let Ok(value) = thrown.clone().restore(&cx) else {
            return failure("an unknown value was thrown".to_owned());
        };
        if is_out_of_memory(&value) {
            // Memory is a limit of the host, which names it in the outcome of a call that traps.
            unreachable();
        }
        let made = script
            .export(&cx, "failure")
            .and_then(|make| make.call::<_, Value<'_>>((value.clone(),)));
        let made = made.map_err(|_| {
            let thrown = cx.catch();
            if is_out_of_memory(&thrown) {
                unreachable();
            }
        });
        // ignored: a bundle that cannot say why it failed has failed all the same.
        let made = made.ok().and_then(|made| read::value::<Failure>(made).ok());
        let mut failed = made.unwrap_or_else(|| failure(script::message_of(&cx, &value)));
        if failed.stack.is_empty() {
            failed.stack = script::stack_of(&value);
        }
        failed
    })
}

/// Returns whether a thrown value is QuickJS' error about memory that the host did not grant. If there is
/// not even memory for the error, QuickJS throws `null`.
fn is_out_of_memory(thrown: &Value<'_>) -> bool {
    if thrown.is_null() {
        return core::arch::wasm32::memory_grow(0, 1) == usize::MAX;
    }
    let Some(error) = thrown.as_object().filter(|thrown| thrown.is_error()) else {
        return false;
    };
    let has = |name: &str, expected: &str| {
        let part = error.get::<_, Value<'_>>(name);
        let text = part.map(|part| part.into_string().map(|text| text.to_string()));
        matches!(text, Ok(Some(Ok(text))) if text == expected)
    };
    has("name", "InternalError") && has("message", "out of memory")
}

fn failure(message: String) -> Failure {
    Failure {
        code: "failed".to_owned(),
        message,
        details: None,
        stack: Vec::new(),
        keep_writes: false,
    }
}
