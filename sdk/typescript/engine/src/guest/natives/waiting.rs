//! Handles, timers, and what the event loop does on behalf of the script.

use rquickjs::{Error, Persistent, Result, Value};

use super::Native;
use crate::guest::arguments::Arguments;
use crate::guest::bindings::sedge::model::context;
use crate::guest::bindings::wasi::clocks::monotonic_clock;
use crate::guest::bindings::wasi::io::poll::Pollable;
use crate::guest::state::{HANDLES_MAX, Resource, State, TIMERS_MAX, Wait};
use crate::guest::{faults, state};

/// The number of nanoseconds in a millisecond.
const NANOS_PER_MILLI: f64 = 1_000_000.0;

pub(super) const ALWAYS: &[(&str, Native)] = &[
    ("onUnhandled", |args| {
        let callback = Persistent::save(&args.cx, args.function(0)?);
        state::with(|state| state.on_unhandled = Some(callback));
        args.returns_nothing()
    }),
    ("drop", drop_resource),
];

pub(super) const IN_CALLS: &[(&str, Native)] = &[
    ("ready", ready),
    ("timerStart", timer_start),
    ("timerStop", |args| {
        let id = args.handle(0);
        // The function is dropped after the state is released, for that may run finalizers.
        let stopped = state::with(|state| state.timers.stop(id));
        drop(stopped);
        args.returns_nothing()
    }),
    ("abort", |args| {
        let thrown = Persistent::save(&args.cx, args.value(0));
        state::with(|state| {
            state.aborted.get_or_insert(thrown);
        });
        args.returns_nothing()
    }),
];

/// Checks that there is room for another resource.
pub(super) fn room(args: &Arguments<'_>) -> Result<()> {
    match state::with(|state| state.has_room()) {
        true => Ok(()),
        false => Err(too_many(args, HANDLES_MAX)),
    }
}

fn too_many(args: &Arguments<'_>, limit: usize) -> Error {
    faults::object(&args.cx, "handle-error", "too-many", None)
        .and_then(|fault| {
            fault.set("val", limit)?;
            Ok(fault)
        })
        .map_or_else(|error| error, |fault| args.cx.throw(fault.into_value()))
}

/// Throws an error about a handle of no resource, or of one of another kind.
pub(super) fn unknown(args: &Arguments<'_>) -> Error {
    faults::tagged(&args.cx, "handle-error", "unknown", None)
}

fn drop_resource<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    drop(take(args, args.handle(0))?);
    args.returns_nothing()
}

/// Removes a resource. What waits for it learns that it is gone.
pub(super) fn take(args: &Arguments<'_>, handle: u32) -> Result<Option<Resource>> {
    let (resource, resolvers) = state::with(|state| state.take(handle));
    for resolver in resolvers {
        resolver.restore(&args.cx)?.call::<_, ()>((false,))?;
    }
    Ok(resource)
}

fn ready<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let handle = args.handle(0);
    let (promise, resolve, _) = args.cx.promise()?;
    let resolver = Persistent::save(&args.cx, resolve);
    let is_added = state::with(|state| {
        if let Some(wait) = state.waits.get_mut(&handle) {
            wait.resolvers.push(resolver);
            return true;
        }
        let Some(pollable) = pollable(state, handle) else {
            return false;
        };
        let resolvers = vec![resolver];
        state.waits.insert(
            handle,
            Wait {
                pollable,
                resolvers,
            },
        );
        true
    });
    match is_added {
        true => args.returns(promise),
        false => Err(unknown(args)),
    }
}

fn pollable(state: &mut State, handle: u32) -> Option<Pollable> {
    Some(match state.resource(handle)? {
        Resource::Call(pending) => pending.subscribe(),
        Resource::Process(process) => process.subscribe(),
        Resource::Input(input) => input.stream.subscribe(),
        Resource::Output(output) => output.stream.subscribe(),
        Resource::Response(response) => response.subscribe(),
        Resource::Cancellation => context::subscribe_cancellation(),
        Resource::Writer(_)
        | Resource::Reader(_)
        | Resource::File(_)
        | Resource::Codec(_)
        | Resource::Hasher(_) => return None,
    })
}

fn timer_start<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let (delay, callback) = (args.number(0)?, args.function(1)?);
    // A time that is not a number is no time, and one beyond the range never comes.
    let delay = (delay * NANOS_PER_MILLI).max(0.0) as u64;
    let due = monotonic_clock::now().saturating_add(delay);
    let callback = Persistent::save(&args.cx, callback);
    let id = state::with(|state| match state.timers.len() < TIMERS_MAX {
        true => state.timers.start(due, callback),
        false => None,
    });
    match id {
        Some(id) => args.returns(id),
        None => Err(too_many(args, TIMERS_MAX)),
    }
}
