//! Explains why a guest did not return: a panic, a limit, a trap, or a failure of the host.

use std::fmt::{self, Write as _};

use sedge_model::backtrace::StackFrame;
use sedge_model::call::{CallError, LimitName, MethodFailure};
use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::call::{CallState, HANDLES_MAX};
use crate::host::{EndedByHost, HostError, JSON_BYTES_MAX};
use crate::lines::LineTable;

/// The engine's message if a guest passes too many bytes in one host call. The engine has no error
/// type for this. The test `large_texts_of_a_guest_are_refused` fails if the message changes.
const TOO_MUCH_PASSED: &str = "fuel allocated for hostcalls has been exhausted";

/// The maximum number of frames in a backtrace, also in one that a guest reports. It is enough to find the position, and bounds what
/// a deep recursion writes to the store.
pub(crate) const FRAMES_MAX: usize = 32;

/// The maximum size of a function's name, or of a frame that a guest reports, in bytes. A component
/// may have names of megabytes.
pub(crate) const FRAME_BYTES_MAX: usize = 512;

/// Returns the outcome of a call whose guest did not return. `lines` is the line table of its
/// plugin.
///
/// # Errors
/// The host itself failed.
pub(crate) fn explain(
    error: &wasmtime::Error,
    state: &CallState,
    lines: &LineTable,
) -> Result<CallError, HostError> {
    if let Some(host) = error.downcast_ref::<HostError>() {
        if let Some(EndedByHost(error)) = host.downcast_ref() {
            return Ok(error.clone());
        }
        return Err(host.clone());
    }
    if let Some((name, value)) = state.reached {
        return Ok(CallError::Limit { name, value });
    }
    if let Some((message, location)) = &state.panicked {
        return Ok(CallError::Failed(MethodFailure {
            code: "panic".to_owned(),
            message: match location {
                Some(location) => format!("the plugin panicked at {location}: {message}"),
                None => format!("the plugin panicked: {message}"),
            },
            details: None,
            keep_writes: false,
            backtrace: backtrace(error, lines),
        }));
    }
    if let Some((name, value)) = state.memory.exceeded() {
        return Ok(CallError::Limit { name, value });
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return Ok(limit(LimitName::Handles, HANDLES_MAX));
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
        Some(line) => format!("{what}; the last line that the plugin printed to stderr: {line}"),
        None => what,
    };
    Ok(CallError::Trapped {
        message,
        backtrace: backtrace(error, lines),
    })
}

fn limit(name: LimitName, value: usize) -> CallError {
    CallError::Limit {
        name,
        value: value as u64,
    }
}

fn backtrace(error: &wasmtime::Error, lines: &LineTable) -> Vec<StackFrame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let frame = |frame: &wasmtime::FrameInfo| StackFrame {
        function: frame
            .func_name()
            .map_or_else(|| format!("function {}", frame.func_index()), demangled),
        place: frame.module_offset().and_then(|at| lines.place(at)),
    };
    backtrace.frames().iter().map(frame).collect()
}

/// Returns a Rust symbol in demangled form. A guest chooses the symbol and its length.
fn demangled(name: &str) -> String {
    let mut demangled = String::new();
    let name = rustc_demangle::demangle(name);
    // Writing fails once the name is too long. The text up to there is used.
    let _ = write!(Bounded(&mut demangled), "{name:#}");
    demangled
}

/// Text that is cut at [`FRAME_BYTES_MAX`].
struct Bounded<'a>(&'a mut String);

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = FRAME_BYTES_MAX - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        Err(fmt::Error)
    }
}
