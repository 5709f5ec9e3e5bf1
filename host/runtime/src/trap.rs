//! What it means that a guest did not return: a panic, a limit, a trap, or our own fault.

use sedge_model::call::{CallError, Failure, LimitName};
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::call::CallState;
use crate::host::HostError;
use crate::host::JSON_BYTES_MAX;

/// The engine's own words when a guest passes more than it may in one host call. It has no
/// type for this; the test `a_guest_cannot_pass_too_much` notices if the words change.
const TOO_MUCH_PASSED: &str = "fuel allocated for hostcalls has been exhausted";

/// The most frames of a backtrace that are kept: enough to find the place, and a bound on
/// what a deep recursion leaves in the store.
pub(crate) const FRAMES_MAX: usize = 32;

/// Says what became of a call whose guest did not return.
///
/// # Errors
/// The host itself failed, and no guest is to blame.
pub(crate) fn explain(error: &wasmtime::Error, state: &CallState) -> Result<CallError, HostError> {
    if let Some(host) = error.downcast_ref::<HostError>() {
        return Err(host.clone());
    }
    if let Some((message, location)) = &state.panicked {
        return Ok(CallError::Failed(Failure {
            code: "panic".to_owned(),
            message: match location {
                Some(location) => format!("the plugin panicked at {location}: {message}"),
                None => format!("the plugin panicked: {message}"),
            },
            details: None,
            keep_writes: false,
        }));
    }
    if state.memory.was_exceeded() {
        return Ok(limit(LimitName::MemoryBytes, state.memory.bytes_max()));
    }
    let text = format!("{error:#}");
    if text.contains(TOO_MUCH_PASSED) {
        return Ok(limit(LimitName::JsonBytes, JSON_BYTES_MAX));
    }
    let what = if let Some(exit) = error.downcast_ref::<I32Exit>() {
        format!(
            "the plugin exited with code {} instead of returning",
            exit.0
        )
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        trap.to_string()
    } else {
        error.root_cause().to_string()
    };
    let message = match state.log.last_stderr() {
        Some(words) => format!("{what}; the plugin's last words: {words}"),
        None => what,
    };
    Ok(CallError::Trapped {
        message,
        backtrace: backtrace(error),
    })
}

fn limit(name: LimitName, value: usize) -> CallError {
    CallError::Limit {
        name,
        value: value as u64,
    }
}

fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let name = |frame: &wasmtime::FrameInfo| {
        frame
            .func_name()
            .map_or_else(|| format!("function {}", frame.func_index()), demangled)
    };
    backtrace.frames().iter().map(name).collect()
}

/// Rust's symbol names, as the author wrote them.
fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}
