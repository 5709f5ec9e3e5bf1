//! Streams of bytes: those of commands, and the bodies of HTTP requests and responses.

use rquickjs::{Error, Result, Value};

use super::Native;
use super::waiting::unknown;
use crate::guest::arguments::Arguments;
use crate::guest::bindings::wasi::http::types::http_error_code;
use crate::guest::bindings::wasi::io::streams::StreamError;
use crate::guest::state::{Output, Resource, State};
use crate::guest::{faults, state};

pub(super) const STREAM: &[(&str, Native)] = &[("read", read), ("write", write), ("flush", flush)];

fn read<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let size = args.size(1)?;
    let read = state::with(|state| match state.resource(args.handle(0)) {
        Some(Resource::Input(input)) => Some(input.stream.read(size.into())),
        Some(_) | None => None,
    });
    match read.ok_or_else(|| unknown(args))? {
        Ok(bytes) => args.returns_bytes(bytes),
        Err(StreamError::Closed) => args.returns_null(),
        Err(error) => Err(failed(args, error)),
    }
}

fn write<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let bytes = args.bytes(1)?;
    let written = state::with(|state| {
        let output = output(state, args.handle(0))?;
        Some(output.stream.check_write().and_then(|permitted| {
            let size = usize::try_from(permitted)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            if size > 0 {
                output.stream.write(&bytes[..size])?;
            }
            Ok(size)
        }))
    });
    match written.ok_or_else(|| unknown(args))? {
        Ok(size) => args.returns(size as f64),
        Err(error) => Err(failed(args, error)),
    }
}

fn flush<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let flushed = state::with(|state| {
        let output = output(state, args.handle(0))?;
        if !output.is_flushing {
            if let Err(error) = output.stream.flush() {
                return Some(Err(error));
            }
            output.is_flushing = true;
        }
        let is_done = output.stream.check_write().map(|permitted| permitted > 0);
        if let Ok(true) = is_done {
            output.is_flushing = false;
        }
        Some(is_done)
    });
    match flushed.ok_or_else(|| unknown(args))? {
        Ok(is_done) => args.returns(is_done),
        Err(error) => Err(failed(args, error)),
    }
}

fn output(state: &mut State, handle: u32) -> Option<&mut Output> {
    match state.resource(handle) {
        Some(Resource::Output(output)) => Some(output),
        Some(_) | None => None,
    }
}

fn failed(args: &Arguments<'_>, error: StreamError) -> Error {
    match error {
        StreamError::Closed => faults::tagged(&args.cx, "stream-error", "closed", None),
        StreamError::LastOperationFailed(error) => match http_error_code(&error) {
            Some(code) => faults::http(&args.cx, &code),
            None => {
                let text = error.to_debug_string();
                faults::tagged(&args.cx, "stream-error", "failed", Some(&text))
            }
        },
    }
}
