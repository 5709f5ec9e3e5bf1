//! The interface `commands` of the contract.

use rquickjs::{Object, Result, TypedArray, Value};

use super::Native;
use super::waiting::{room, unknown};
use crate::guest::arguments::Arguments;
use crate::guest::bindings::sedge::model::commands::{self, CommandError, Printed, Process};
use crate::guest::state::{Input, Output, Resource};
use crate::guest::{faults, state, write};

pub(super) const COMMANDS: &[(&str, Native)] = &[
    ("run", run),
    ("start", |args| {
        room(args)?;
        let arguments: Vec<String> = args.record(1)?;
        let started = commands::start(&args.text(0)?, &arguments, &args.record(2)?);
        let process = checked(args, started)?;
        args.returns(state::with(|state| state.add(Resource::Process(process))))
    }),
    ("stdin", |args| {
        room(args)?;
        let stream = process(args, Process::stdin)?.map(|stream| {
            Resource::Output(Output {
                stream,
                body: None,
                is_flushing: false,
            })
        });
        handle_or_null(args, stream)
    }),
    ("stdout", |args| {
        room(args)?;
        let stream = process(args, Process::stdout)?;
        handle_or_null(
            args,
            stream.map(|stream| {
                Resource::Input(Input {
                    stream,
                    _body: None,
                })
            }),
        )
    }),
    ("stderr", |args| {
        room(args)?;
        let stream = process(args, Process::stderr)?;
        handle_or_null(
            args,
            stream.map(|stream| {
                Resource::Input(Input {
                    stream,
                    _body: None,
                })
            }),
        )
    }),
    ("get", |args| {
        let ended = process(args, Process::get)?;
        args.returns_record(&ended.map(|ended| checked(args, ended)).transpose()?)
    }),
    ("kill", |args| {
        process(args, Process::kill)?;
        args.returns_nothing()
    }),
];

fn checked<T>(args: &Arguments<'_>, result: std::result::Result<T, CommandError>) -> Result<T> {
    result.map_err(|error| faults::contract(&args.cx, "command-error", &error))
}

/// Calls a function of the process that the first argument is the handle of.
fn process<T>(args: &Arguments<'_>, action: impl FnOnce(&Process) -> T) -> Result<T> {
    let handle = args.handle(0);
    state::with(|state| match state.resource(handle) {
        Some(Resource::Process(process)) => Some(action(process)),
        Some(_) | None => None,
    })
    .ok_or_else(|| unknown(args))
}

fn handle_or_null<'js>(args: &Arguments<'js>, resource: Option<Resource>) -> Result<Value<'js>> {
    match resource {
        Some(resource) => args.returns(state::with(|state| state.add(resource))),
        None => args.returns_null(),
    }
}

fn run<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let arguments: Vec<String> = args.record(1)?;
    let stdin = args.bytes_or_none(2)?;
    let output = checked(
        args,
        commands::run(&args.text(0)?, &arguments, stdin.as_deref()),
    )?;
    let result = Object::new(args.cx.clone())?;
    result.set("end", write::value(&args.cx, &output.end)?)?;
    result.set("stdout", printed(args, output.stdout)?)?;
    result.set("stderr", printed(args, output.stderr)?)?;
    args.returns(result)
}

fn printed<'js>(args: &Arguments<'js>, printed: Printed) -> Result<Object<'js>> {
    let object = Object::new(args.cx.clone())?;
    object.set("bytes", TypedArray::new(args.cx.clone(), printed.bytes)?)?;
    object.set("cut", printed.cut)?;
    Ok(object)
}
