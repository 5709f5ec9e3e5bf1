//! The contract, except for data and commands.

use rquickjs::{Result, Value};

use super::Native;
use crate::guest::arguments::Arguments;
use crate::guest::bindings::sedge::model::calls::{self, Outcome};
use crate::guest::bindings::sedge::model::types::CallError;
use crate::guest::bindings::sedge::model::{context, log, models, secrets, workflows};
use crate::guest::state::{Phase, Resource};
use crate::guest::{faults, state};

pub(super) const CONTEXT: &[(&str, Native)] = &[
    ("who", |args| args.returns_record(&context::who())),
    ("deadlineLeftMs", |args| {
        args.returns(context::deadline_left_ms() as f64)
    }),
    ("cancelled", |args| args.returns(context::cancelled())),
    ("cancellation", cancellation),
    ("folder", |args| {
        let folder = context::folder(&args.text(0)?).map_err(|reason| denied(args, &reason))?;
        args.returns(folder)
    }),
    ("variable", |args| {
        let value = context::variable(&args.text(0)?).map_err(|reason| denied(args, &reason))?;
        args.returns_record(&value)
    }),
];

pub(super) const CALLS: &[(&str, Native)] = &[
    ("call", |args| {
        outcome(
            args,
            calls::call(&args.text(0)?, &args.text(1)?, &args.text(2)?),
        )
    }),
    ("start", |args| {
        super::waiting::room(args)?;
        let pending = calls::start(&args.text(0)?, &args.text(1)?, &args.text(2)?);
        args.returns(state::with(|state| state.add(Resource::Call(pending))))
    }),
    ("get", |args| {
        let got = state::with(|state| match state.resource(args.handle(0)) {
            Some(Resource::Call(pending)) => Some(pending.get()),
            Some(_) | None => None,
        });
        match got {
            Some(Some(ended)) => outcome(args, ended),
            Some(None) => args.returns_null(),
            None => Err(super::waiting::unknown(args)),
        }
    }),
    ("cancel", |args| {
        let is_pending = state::with(|state| match state.resource(args.handle(0)) {
            Some(Resource::Call(pending)) => {
                pending.cancel();
                true
            }
            Some(_) | None => false,
        });
        if !is_pending {
            return Err(super::waiting::unknown(args));
        }
        args.returns_nothing()
    }),
];

pub(super) const WORKFLOWS: &[(&str, Native)] = &[
    ("run", |args| {
        match workflows::run(&args.text(0)?, &args.text(1)?) {
            Ok(outcome) => args.returns_record(&outcome),
            Err(error) => Err(faults::contract(&args.cx, "workflow-error", &error)),
        }
    }),
    ("start", |args| {
        match workflows::start(&args.text(0)?, &args.text(1)?) {
            Ok(run) => args.returns(run),
            Err(error) => Err(faults::contract(&args.cx, "workflow-error", &error)),
        }
    }),
];

pub(super) const MODELS: &[(&str, Native)] = &[
    ("list", |args| match models::list(&args.record(0)?) {
        Ok(page) => args.returns_record(&page),
        Err(error) => Err(faults::contract(&args.cx, "models-error", &error)),
    }),
    ("get", |args| match models::get(&args.text(0)?) {
        Ok(definition) => args.returns_record(&definition),
        Err(error) => Err(faults::contract(&args.cx, "models-error", &error)),
    }),
];

pub(super) const SECRETS: &[(&str, Native)] = &[
    ("placeholder", |args| {
        args.returns(secret(args)?.placeholder())
    }),
    ("basic", |args| {
        args.returns(secret(args)?.basic(&args.text(1)?))
    }),
    ("reveal", |args| match secret(args)?.reveal() {
        Ok(value) => args.returns_bytes(value),
        Err(reason) => Err(denied(args, &reason)),
    }),
];

pub(super) const LOG: &[(&str, Native)] = &[("log", log_line)];

fn denied(args: &Arguments<'_>, reason: &str) -> rquickjs::Error {
    faults::tagged(&args.cx, "denied", "denied", Some(reason))
}

fn cancellation<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    super::waiting::room(args)?;
    // From here on, the call has time to end by itself.
    drop(context::subscribe_cancellation());
    args.returns(state::with(|state| state.add(Resource::Cancellation)))
}

fn outcome<'js>(
    args: &Arguments<'js>,
    ended: std::result::Result<Outcome, CallError>,
) -> Result<Value<'js>> {
    match ended {
        Ok(outcome) => args.returns_record(&outcome),
        Err(error) => Err(faults::contract(&args.cx, "call-error", &error)),
    }
}

fn secret(args: &Arguments<'_>) -> Result<secrets::Secret> {
    secrets::get(&args.text(0)?).map_err(|error| faults::contract(&args.cx, "secret-error", &error))
}

fn log_line<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let level = args.record(0)?;
    let message = args.text(1)?;
    let fields: Vec<log::Field> = match args.value(2).is_undefined() {
        true => Vec::new(),
        false => args.record(2)?,
    };
    match state::with(|state| state.phase) {
        Phase::Call => log::log(level, &message, &fields),
        Phase::Build => state::with(|state| state.lines.push(line(level, &message))),
    }
    args.returns_nothing()
}

/// Returns a line that was logged during the build.
fn line(level: log::Level, message: &str) -> String {
    let level = match level {
        log::Level::Trace => "trace",
        log::Level::Debug => "debug",
        log::Level::Info => "info",
        log::Level::Warn => "warn",
        log::Level::Error => "error",
    };
    format!("{level} {message}")
}
